//! What a policy says in YAML, by another reader: serde_yaml, over libyaml.
//!
//! The two are compared node by node, scalars as text: which of them are numbers or dates is for the
//! reader of each key to say, and YAML 1.1 and 1.2 differ over it.

use config::yaml::{Node, Problems, Value, parse};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use std::fmt;

/// Checks that the other reader sees the same data in a text that the product accepts.
///
/// # Panics
///
/// When it sees other data, or cannot read the text for another reason than those that are known.
pub fn check(text: &[u8]) {
    if let Some(Err(error)) = ask(text) {
        panic!("{error}\n{}", String::from_utf8_lossy(text));
    }
}

/// What the other reader says of a text; none where the two are known to differ.
fn ask(text: &[u8]) -> Option<Result<(), serde_yaml::Error>> {
    let text = str::from_utf8(text).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Ends of a line in YAML 1.1, which libyaml reads, and not in 1.2 (YAML 1.2.2, section 5.4).
    if text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return None;
    }
    let tree = parse(text, &mut Problems::new());
    let root = tree.root()?;
    match serde_yaml::from_str::<IgnoredAny>(text) {
        Err(_) if text.contains(may_be_refused) => None,
        Err(error) => Some(Err(error)),
        Ok(_) => Some(Same(root).deserialize(serde_yaml::Deserializer::from_str(text))),
    }
}

/// Whether libyaml does not read a text for this character: it takes tabs for blanks in some places
/// only, and no character that cannot be printed (YAML 1.1, section 5.1), also in comments.
fn may_be_refused(c: char) -> bool {
    c.is_control() && !matches!(c, '\r' | '\n') || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Takes a node only where it is the same.
struct Same<'t>(Node<'t>);

impl<'de> DeserializeSeed<'de> for Same<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.0.value {
            Value::Null => from.deserialize_unit(self),
            // What is null without quotes is looked at with its quotes.
            Value::Scalar("" | "~" | "null" | "Null" | "NULL") => from.deserialize_any(self),
            Value::Scalar(_) => from.deserialize_str(self),
            Value::List(_) => from.deserialize_seq(self),
            Value::Map(_) => from.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Same<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.span.line;
        match self.0.value {
            Value::Null => write!(f, "nothing, as in line {line}"),
            Value::Scalar(text) => write!(f, "{text:?}, as in line {line}"),
            Value::List(_) => write!(f, "the list of line {line}"),
            Value::Map(_) => write!(f, "the mapping of line {line}"),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.0.value {
            Value::Null => Ok(()),
            _ => Err(E::invalid_type(Unexpected::Unit, &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.0.value {
            Value::Scalar(ours) if ours == text => Ok(()),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut theirs: A) -> Result<(), A::Error> {
        let Value::List(ours) = self.0.value else {
            return Err(A::Error::custom("a list"));
        };
        let mut length = 0;
        for item in ours.iter() {
            theirs.next_element_seed(Same(item))?.ok_or(A::Error::invalid_length(length, &self))?;
            length += 1;
        }
        // One more is left where the other reader sees more.
        match theirs.next_element::<IgnoredAny>()? {
            Some(_) => Err(A::Error::invalid_length(length + 1, &self)),
            None => Ok(()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut theirs: A) -> Result<(), A::Error> {
        let Value::Map(ours) = self.0.value else {
            return Err(A::Error::custom("a mapping"));
        };
        let mut length = 0;
        for (key, value) in ours.iter() {
            theirs.next_key_seed(Same(key))?.ok_or(A::Error::invalid_length(length, &self))?;
            theirs.next_value_seed(Same(value))?;
            length += 1;
        }
        match theirs.next_key::<IgnoredAny>()? {
            Some(_) => Err(A::Error::invalid_length(length + 1, &self)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy as a block, in the flow style, quoted, folded.
    const FORMS: &str = r#"
defaults: { mode: enforce, reply: { code: 0450, text: 'it''s "{reason}"' } }
recipient_delimiter: "~"
domains:
- 1e3
- { "domain": "null.example", 'mode': off, }
- domain: 0x1f.example
  reply:
    text: >-
      folded {reason}
      text

  exceptions: [ { client: [ 192.0.2.0/24 , "2001:db8::/32" ], reason: "a # b \x41\u00e9\
     c" } ]
- domain: yes.example   # a comment
  exceptions:
  - sender: 1.10
    reason: |
      literal

      "text"
- ? domain
  : on.example
senders: []
"#;

    #[test]
    fn texts_and_nothing_are_told_apart_and_all_that_is_there_is_compared() {
        for text in ["a: ~", "a: '~'", "a:", "a: ''", "[a, 1, 0x1f, 012, 1.0, yes, null, 'null']"] {
            assert!(ask(text.as_bytes()).unwrap().is_ok(), "{text}");
        }
        let tree = |text| parse(text, &mut Problems::new());
        let same = |ours, theirs| {
            Same(tree(ours).root().unwrap())
                .deserialize(serde_yaml::Deserializer::from_str(theirs))
                .is_ok()
        };
        assert!(same("{ a: [1, 'x'] }", "a:\n- 1\n- x\n"));
        for (ours, theirs) in [
            ("a: ~", "a: '~'"),
            ("a: '~'", "a: ~"),
            ("a: x", "a: y"),
            ("a: x", "b: x"),
            ("a: 1.0", "a: 1.00"),
            ("a: x", "a: [x]"),
            ("[x, y]", "[x]"),
            ("[x]", "[x, y]"),
            ("{ a: x }", "{ a: x, b: y }"),
            ("{ a: x, b: y }", "{ a: x }"),
            ("x", "{}"),
        ] {
            assert!(!same(ours, theirs), "{ours} {theirs}");
        }
    }

    #[test]
    fn the_two_agree_on_every_form_of_a_policy() {
        check(FORMS.as_bytes());
        check(include_bytes!("../../conf/policy.yaml"));
        check(b"");
    }
}
