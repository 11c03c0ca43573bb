//! What differs between releases of Postfix.

use super::facts::PostfixFacts;

/// In which releases `milter_default_action = shutdown` came: by branch, from this patch level on, and in all
/// branches after them (HISTORY, February 2026).
const SHUTDOWN: [((u32, u32), u32); 4] = [((3, 7), 20), ((3, 8), 15), ((3, 9), 9), ((3, 10), 8)];

/// Whether this Postfix knows the default action `shutdown`: by its version, or because it is its default, as where
/// a distribution has taken the patch over.
pub(crate) fn knows_shutdown(facts: &PostfixFacts) -> bool {
    if facts.usual_action == "shutdown" {
        return true;
    }
    let version = facts.main.get("mail_version");
    // `3.11.7`, `3.12-20260821`: the numbers up to the first that is none.
    let mut numbers = version.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else { return true };
    let patch = numbers.next().unwrap_or(0);
    match SHUTDOWN.iter().find(|(branch, _)| *branch == (major, minor)) {
        Some((_, since)) => patch >= *since,
        None => (major, minor) > (3, 10),
    }
}

/// The default action that puts mail off with the least harm. Both do: `tempfail` answers STARTTLS with 454 and all
/// else with 451 until the session ends, also after the milter is back; `shutdown` ends the session with 421, and
/// the next one finds the milter again.
pub(crate) fn puts_off(facts: &PostfixFacts) -> &'static str {
    if knows_shutdown(facts) { "shutdown" } else { "tempfail" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postfix::facts::Parameters;

    #[test]
    fn shutdown_is_known_by_the_release_or_as_the_default() {
        for (version, usual, known) in [
            ("3.7.11", "tempfail", false),
            ("3.7.11", "shutdown", true),
            ("3.7.19", "tempfail", false),
            ("3.7.20", "shutdown", true),
            ("3.8.14", "tempfail", false),
            ("3.8.15", "tempfail", true),
            ("3.9.9", "tempfail", true),
            ("3.10.7", "tempfail", false),
            ("3.10.13", "tempfail", true),
            ("3.11.0", "tempfail", true),
            ("3.12-20260821", "tempfail", true),
            ("3.6.15", "tempfail", false),
            ("4.0.0", "tempfail", true),
        ] {
            let facts = PostfixFacts {
                main: Parameters::parse(&format!("mail_version = {version}")),
                usual_action: usual.into(),
                ..PostfixFacts::default()
            };
            assert_eq!(knows_shutdown(&facts), known, "{version} {usual}");
        }
    }
}
