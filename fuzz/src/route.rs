//! Where an address may lead to, by a search for a few known names.
//!
//! No parser: the text is looked at as it is, and once more in each of the ways in which MTAs
//! have been seen to rewrite it. A name that then stands by itself, at a place by which some MTA
//! routes, is where the mail may go.

use unicode_normalization::UnicodeNormalization;

/// The policy that goes with [`may_be_opted_in`].
pub const POLICY: &str = "\
domains:
  - opted.example
  - '*.opted.example'
  - boss@box.example
  - fass.example
  - bücher.example
";

/// Signs by which addresses are taken apart, apart from blanks and controls.
const SIGNS: &str = "@!%<>,:;()[]\"\\";

/// Whether an address, as a client writes it or an MTA gives it, may lead to a recipient that
/// [`POLICY`] names.
#[must_use]
pub fn may_be_opted_in(address: &str) -> bool {
    leads_to(address, &is_opted_in) || has_mailbox(address, "boss", "box.example")
}

/// Whether an address may lead to a domain that is meant.
#[must_use]
pub fn leads_to(address: &str, is_meant: &dyn Fn(&str) -> bool) -> bool {
    // What a quoted local part says is for its own domain to read.
    let plain = behind_quotes(address).map(|domain| format!("user@{domain}"));
    let address = plain.as_deref().unwrap_or(address);
    readings(address).iter().any(|text| has_domain(text, is_meant))
}

/// The domain behind a local part in quotes in which there is no sign by which an MTA routes.
fn behind_quotes(address: &str) -> Option<&str> {
    let inside = without_brackets(address).strip_prefix('"')?;
    let mut escaped = false;
    let (end, _) = inside.char_indices().find(|(_, c)| {
        let is_end = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        is_end
    })?;
    let local = &inside[..end];
    let domain = inside[end + 1..].strip_prefix('@')?;
    let routes = local.chars().any(char::is_control) || folded(local).contains(['@', '!', '%']);
    (!local.is_empty() && !routes && !domain.contains(is_sign)).then_some(domain)
}

fn without_brackets(address: &str) -> &str {
    let address = address.trim_ascii();
    address.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(address)
}

/// Whether an MTA can have found another domain in what the client wrote than can be seen, so that
/// it says something where it routes to. `understood`: what it says that it has understood.
///
/// Not where it has understood what was written, and not where there is only one domain to be seen.
#[must_use]
pub fn may_hide_its_route(argument: &str, understood: Option<&str>) -> bool {
    let bare = |address: &str| {
        let text = without_brackets(address).to_ascii_lowercase().replace(['"', '\\'], "");
        text.trim_end_matches('.').to_owned()
    };
    let is_same = understood.is_some_and(|understood| bare(understood) == bare(argument));
    let texts = || [Some(argument), understood].into_iter().flatten().map(without_brackets);
    let has_domain = |text: &str| behind_quotes(text).is_some() || is_one_domain(text);
    let is_literal = |text: &str| {
        let behind = text.rsplit_once("@[").and_then(|(_, rest)| rest.strip_suffix(']'));
        behind.is_some_and(|literal| !literal.contains(|c| is_sign(c) && c != ':'))
    };
    let is_nameless = |text: &str| !text.contains(|c| c == '@' || is_sign(c));
    let is_simple = |text| has_domain(text) || is_literal(text) || is_nameless(text);
    !is_same && (!texts().all(is_simple) || texts().all(is_nameless))
}

/// Whether an address is a local part, an `@` and a domain, without any other sign.
fn is_one_domain(address: &str) -> bool {
    address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !local.contains(is_sign) && !domain.contains(is_sign)
    })
}

/// Whether a domain, in lower case and without dots around it, is one of those of [`POLICY`].
#[must_use]
pub fn is_opted_in(name: &str) -> bool {
    name == "opted.example"
        || name.ends_with(".opted.example")
        || name == "fass.example"
        || name == "bücher.example"
        || name == "xn--bcher-kva.example"
}

/// Whether this is an address of the plainest form, at a domain that is meant.
#[must_use]
pub fn is_plainly_at(address: &str, is_meant: &dyn Fn(&str) -> bool) -> bool {
    let bare = without_brackets(address);
    let domain = bare.split_once('@').map_or("", |(_, domain)| domain);
    is_one_domain(bare) && is_meant(folded(domain).trim_end_matches('.'))
}

/// The text, as it is and as MTAs rewrite it: without quotes, without blanks and comments, with
/// dots for blanks (Sendmail), each with its letters as they are and folded (Postfix).
fn readings(address: &str) -> Vec<String> {
    let address = address.trim_ascii();
    let unquoted: String = address.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
    let bare = without_comments(&unquoted);
    let tight: String = bare.chars().filter(|c| !is_blank(*c)).collect();
    let dotted: String = bare.chars().map(|c| if is_blank(c) { '.' } else { c }).collect();
    let mut readings = vec![address.to_lowercase(), unquoted, tight, dotted];
    for reading in &mut readings {
        *reading = reading.to_lowercase();
    }
    let folds: Vec<String> = readings.iter().map(|text| folded(text)).collect();
    readings.extend(folds);
    readings.sort();
    readings.dedup();
    readings
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Without what stands in parentheses; one that is not closed stands for itself.
fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('(') {
        let mut depth = 1;
        let end = after.char_indices().find(|(_, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some((end, _)) = end else { break };
        kept.push_str(before);
        rest = &after[end + 1..];
    }
    kept.push_str(rest);
    kept
}

/// Letters that look or sound alike made one: compatibility forms (NFKC), case, sharp s, and
/// without what is not seen at all.
fn folded(text: &str) -> String {
    text.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'))
        .map(|c| match c {
            'ß' => "ss".to_owned(),
            '。' => ".".to_owned(),
            c => c.to_string(),
        })
        .collect::<String>()
        .nfkc()
        .collect()
}

/// Whether a name that is meant stands by itself, where an MTA would look for a domain: after `@`
/// or `%`, before `!`, and anywhere in an address of which it is not plain what its parts are.
fn has_domain(text: &str, is_meant: &dyn Fn(&str) -> bool) -> bool {
    let convoluted = is_convoluted(text);
    names(text).any(|(before, name, after)| {
        let routed = before.ends_with(['@', '%'])
            || before.ends_with("@[")
            || before.ends_with("%[")
            || after.starts_with('!');
        (routed || convoluted)
            && is_meant(name)
            && before.chars().next_back().is_none_or(is_sign)
            && after.chars().next().is_none_or(is_sign)
    })
}

fn is_sign(c: char) -> bool {
    c.is_control() || c.is_whitespace() || SIGNS.contains(c)
}

/// The longest pieces that can be domains, without dots around them, and what is before and after.
fn names(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let in_name = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') || (!c.is_ascii() && !is_sign(c))
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(in_name)?;
        let length = text[start..].find(|c| !in_name(c));
        let end = length.map_or(text.len(), |length| start + length);
        at = end;
        let name = text[start..end].trim_matches('.');
        Some((&text[..start], name, &text[end..]))
    })
}

/// Whether there is more to an address than a local part, an `@` and a domain.
fn is_convoluted(text: &str) -> bool {
    let bare = without_brackets(text);
    bare.matches('@').count() > 1 || bare.contains(|c| c != '@' && is_sign(c))
}

/// Whether the mailbox stands in the address as such, perhaps with an extension after `+`. Its
/// name is not folded but for case: what a local part means is for the domain's own server.
fn has_mailbox(address: &str, local: &str, domain: &str) -> bool {
    let is_local = |word: &str| word.split('+').next() == Some(local);
    let is_named =
        |text: &str| text.to_lowercase().replace(['"', '\\'], "").split(is_sign).any(is_local);
    let at_domain = |text: &String| {
        names(text).filter(|(_, name, _)| *name == domain).any(|(before, _, after)| {
            let begins = before.chars().next_back().is_none_or(is_sign);
            let ends = after.chars().next().is_none_or(is_sign);
            let word =
                before.strip_suffix(['@', '%']).and_then(|before| before.rsplit(is_sign).next());
            let of_bang = after.strip_prefix('!').and_then(|after| after.split(is_sign).next());
            ends && word.is_some_and(is_local) || begins && of_bang == Some(local)
        })
    };
    is_named(&without_comments(address)) && readings(address).iter().any(at_domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_mtas_route_by_are_found() {
        for address in [
            "<user@opted.example>",
            "user@Opted.Example.",
            "<user@a.b.opted.example>",
            "<user%opted.example@other.test>",
            "<opted.example!user>",
            "<@opted.example:user@other.test>",
            "<@a.test,@opted.example:user@other.test>",
            "<a@other.test>,<b@opted.example>",
            "<a@other.test>(c)<b@opted.example>",
            "user<two@opted.example>@other.test",
            "\"user@opted.example\"",
            "<user@\"opted.example\">",
            "<user@[opted.example]>",
            "<user@op\\ted.example>",
            "<user@opted (c) .example>",
            "<user@opted example>",
            "<user@ｏpted.example>",
            "<user@opted。example>",
            "<user@faß.example>",
            "<user@BU\u{308}CHER.example>",
            "<boss@box.example>",
            "<Boss+news@box.example>",
            "<\"boss\"@box.example>",
            "<box.example!boss>",
            "<@a.test:boss@box.example>",
            "<boss%box.example@other.test>",
            "<\"user@opted.example\"@other.test>",
            "<\"user\u{ff05}opted.example\"@other.test>",
            "<\"user\"@opted.example>",
            "<\"big, boss\"@box.example>",
        ] {
            assert!(may_be_opted_in(address), "{address}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_not_found() {
        for address in [
            "<user@other.test>",
            "<opted.example>",
            "<opted.example@other.test>",
            "<user@notopted.example>",
            "<user@opted.example.test>",
            "<user@opted.example/x>",
            "<clerk@box.example>",
            "<notboss@box.example>",
            "<user@example>",
            "<\"opted.example\"@other.test>",
            "<\"user (opted.example)\"@other.test>",
            "",
        ] {
            assert!(!may_be_opted_in(address), "{address}");
        }
    }

    #[test]
    fn an_mta_says_something_by_its_route_where_it_has_read_something_else() {
        for (argument, understood) in [
            ("<a%b.test@c.test>", Some("a@b.test")),
            ("<a%b.test@c.test>", None),
            ("<a@b.test>,<c@d.test>", Some("c@d.test")),
            ("<a>", None),
            ("<a(c)@b.test>", Some("a@b.test")),
        ] {
            assert!(may_hide_its_route(argument, understood), "{argument}");
        }
        for (argument, understood) in [
            ("<a@b.test>", None),
            ("<A@B.test>", Some("a@b.test")),
            ("<a>", Some("a@b.test")),
            ("<a@b.test>", Some("a@c.test")),
            ("<a@[192.0.2.1]>", None),
            ("<\"a b\"@b.test>", Some("\"a b\"@b.test")),
            ("<a%b.test@c.test>", Some("a%b.test@c.test")),
        ] {
            assert!(!may_hide_its_route(argument, understood), "{argument}");
        }
    }

    #[test]
    fn an_address_is_plain_or_is_not() {
        let meant = |name: &str| name == "lax.example";
        for address in ["<a@lax.example>", " a.b@LAX.example. "] {
            assert!(is_plainly_at(address, &meant), "{address}");
        }
        for address in [
            "<a@other.test>",
            "<@lax.example:a@other.test>",
            "<a%x@lax.example>",
            "<a@b@lax.example>",
            "<@lax.example>",
        ] {
            assert!(!is_plainly_at(address, &meant), "{address}");
        }
    }
}
