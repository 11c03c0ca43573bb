//! Names that can be meant, but hardly are.

use super::{Remark, domain, shown};
use policy::{DomainName, Pattern};
use psl::Type;
use unicode_script::{Script, UnicodeScript};
use unicode_security::mixed_script::AugmentedScriptSet;

/// What looks like a mistake in a name that is valid.
pub(in crate::policy_file) fn doubt(text: &str, pattern: &Pattern) -> Option<Remark> {
    let name = domain(pattern)?;
    this_machine(pattern, name)
        .or_else(|| public_suffix(pattern, name))
        .or_else(|| mixed_scripts(text, name))
}

/// Names that every machine has for itself (RFC 6761, section 6.3).
fn this_machine(pattern: &Pattern, name: &DomainName) -> Option<Remark> {
    let last = name.as_str().rsplit('.').next();
    if !matches!(last, Some("localhost" | "localdomain")) {
        return None;
    }
    Some(Remark {
        message: format!("{pattern} is no domain of the Internet: each machine calls itself so"),
        help: "the MTA's own recipients are named by `local`".into(),
    })
}

/// Top-level names of networks of one's own (RFC 6762, appendix G; and `local` itself).
const PRIVATE: [&str; 7] = ["corp", "home", "internal", "intranet", "lan", "local", "private"];

/// Names below which everybody registers domains, and names of one part.
fn public_suffix(pattern: &Pattern, name: &DomainName) -> Option<Remark> {
    let text = name.as_str();
    let is_single = !text.contains('.');
    let is_known = match pattern {
        // Of some, only what is below them is in the list.
        Pattern::Below(_) => is_suffix(text) || is_suffix(&format!("a.{text}")),
        _ => is_suffix(text),
    };
    match pattern {
        Pattern::Below(_) if is_single && PRIVATE.contains(&text) => None,
        Pattern::Mailbox(..) => None,
        Pattern::Domain(_) | Pattern::Below(_) if is_known => Some(Remark {
            message: format!(
                "{pattern} is no organisation's domain: below {text}, everybody registers their own"
            ),
            help: format!("name the domains that are meant, such as example.{text}"),
        }),
        Pattern::Below(_) if is_single => Some(Remark {
            message: format!(
                "{pattern} is all that is below {text}, which is no domain of one organisation"
            ),
            help: format!("name the domains that are meant, such as example.{text}"),
        }),
        Pattern::Domain(_) if is_single => Some(Remark {
            message: format!("{text} has one part only: mail from elsewhere is never addressed so"),
            help: format!("name the whole domain, such as {text}.example.org"),
        }),
        Pattern::Domain(_) | Pattern::Below(_) | Pattern::Every => None,
    }
}

/// Whether a registry takes registrations below this name. (Others than registries do so, too, and have mail
/// themselves: github.io.)
fn is_suffix(name: &str) -> bool {
    let suffix = psl::suffix(name.as_bytes());
    suffix.is_some_and(|suffix| {
        suffix.typ() == Some(Type::Icann) && suffix.as_bytes() == name.as_bytes()
    })
}

/// Letters that look like those of another script, or may.
fn mixed_scripts(text: &str, name: &DomainName) -> Option<Remark> {
    if !name.as_str().contains("xn--") {
        return None;
    }
    let (unicode, _) = idna::domain_to_unicode(name.as_str());
    let label = unicode.split('.').find(|label| is_mixed(label))?;
    // What stands among Latin letters is most probably the mistake; else what comes second.
    let is_of = |script| move |c: &char| c.script() == script;
    let odd = |script: Script| {
        label.chars().find(|c| {
            !matches!(c.script(), Script::Common | Script::Inherited) && c.script() != script
        })
    };
    let main = match label.chars().find(is_of(Script::Latin)) {
        Some(_) => Script::Latin,
        None => label.chars().find(|c| !is_of(Script::Common)(c))?.script(),
    };
    let c = odd(main)?;
    Some(Remark {
        message: format!(
            "`{}` mixes alphabets: {} is {}, among {} letters",
            text.escape_debug(),
            shown(c),
            c.script().full_name(),
            main.full_name()
        ),
        help: format!(
            "it is another domain than the one that it looks like ({name}); type it anew"
        ),
    })
}

/// Whether a label has letters of scripts that no language writes together (UTS 39, section 5.2,
/// "highly restrictive").
fn is_mixed(label: &str) -> bool {
    let scripts = AugmentedScriptSet::for_str(label);
    if !scripts.is_empty() {
        return false;
    }
    // Chinese, Japanese and Korean go with Latin letters.
    let mut others = AugmentedScriptSet::default();
    for c in label.chars().filter(|c| c.script() != Script::Latin) {
        others.intersect_with(c.into());
    }
    !(others.hanb || others.jpan || others.kore)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn doubted(text: &str) -> Option<String> {
        doubt(text, &read(text).unwrap()).map(|remark| remark.message)
    }

    #[test]
    fn a_public_suffix_and_a_single_part_are_doubted() {
        for text in
            ["com", "*.com", "co.uk", "*.co.uk", "CO.UK", "*.ch", "xn--p1ai", "*.kawasaki.jp"]
        {
            let message = doubted(text).expect(text);
            assert!(message.contains("everybody registers their own"), "{text}: {message}");
        }
        for text in ["localhost", "localdomain", "*.localhost", "mx.localdomain", "user@localhost"]
        {
            assert!(doubted(text).expect(text).contains("each machine calls itself so"), "{text}");
        }
        assert!(doubted("mailhub").unwrap().contains("one part only"));
        assert!(doubted("*.example").unwrap().contains("which is no domain of one organisation"));
        for text in [
            "example.com",
            "*.example.com",
            "example.co.uk",
            "*.lan",
            "mx.local",
            "github.io",
            "a.b.c.d.example",
            "*",
            "user@example.com",
        ] {
            assert_eq!(doubted(text), None, "{text}");
        }
    }

    #[test]
    fn letters_of_two_alphabets_in_one_part_are_doubted() {
        for (text, what) in [
            ("b\u{430}nk.example", "\u{430} (U+0430) is Cyrillic, among Latin letters"),
            ("*.b\u{430}nk.example", "is Cyrillic, among Latin letters"),
            ("user@b\u{430}nk.example", "is Cyrillic, among Latin letters"),
            ("b\u{3b1}nk.example", "(U+03B1) is Greek, among Latin letters"),
            ("example.\u{441}om", "(U+0441) is Cyrillic, among Latin letters"),
            ("xn--bnk-6cd.example", "is Cyrillic, among Latin letters"),
            ("\u{3b1}\u{431}.example", "is Cyrillic, among Greek letters"),
            ("te\u{561}m.example", "is Armenian, among Latin letters"),
        ] {
            let message = doubted(text).expect(text);
            assert!(message.contains(what), "{text}: {message}");
        }
        for text in [
            "\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.example",
            "bücher.example",
            "例え.example",
            "東京tokyo.example",
            "コーヒーcafe.example",
            "한국mail.example",
            "한국漢.example",
            "mail-1.пример.example",
        ] {
            assert_eq!(doubted(text), None, "{text}");
        }
    }
}
