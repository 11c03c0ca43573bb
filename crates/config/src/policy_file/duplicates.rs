//! Names that stand in a policy more than once.
//!
//! Lists that a database exports hold a domain twice now and then, in two spellings. Where both entries say
//! the same, that harms nobody: they are told of in one warning. Where they differ, somebody has to
//! say which is meant.

use crate::yaml::{Noted, Problems, Span, Topic};
use policy::{Entry, Pattern, Schedule};
use std::path::PathBuf;

/// So many are named in the warning.
const NAMED: usize = 5;

/// The duplicates of a policy that say the same.
#[derive(Default)]
pub(super) struct Duplicates {
    count: usize,
    first: Option<Noted>,
    /// What and where.
    named: Vec<String>,
}

impl Duplicates {
    /// Takes in that `pattern` at `span` was named before, in a line of the current file or of
    /// another one. `terms` are those of before and those of now.
    pub(super) fn add(
        &mut self,
        problems: &mut Problems,
        span: Span,
        pattern: &Pattern,
        terms: Option<(&Entry, &Entry)>,
        (file, line): (Option<&PathBuf>, u32),
    ) {
        let at = match file {
            Some(path) => format!("line {line} of {}", path.display()),
            None => format!("line {line}"),
        };
        let differences = terms.map(|(old, new)| differences(old, new)).unwrap_or_default();
        if !differences.is_empty() {
            let differ = differences.join(", ");
            problems.add(
                span,
                format!("{pattern} is named a second time, and the two entries differ ({differ})"),
                format!("it stands in {at} already; keep one of the two"),
            );
            return;
        }
        self.count += 1;
        if self.named.len() < NAMED {
            let here = problems.path().display();
            self.named.push(format!("{pattern} in {here}:{} ({at})", span.line));
        }
        if self.first.is_none() {
            let help = format!("it stands in {at} already, with the same terms; one can go");
            let message = format!("{pattern} is named a second time");
            self.first = Some(problems.warn_first(Topic::Any, span, message, help));
        }
    }

    /// Lets the one warning speak for all.
    pub(super) fn finish(self, problems: &mut Problems) {
        let Some(first) = self.first.filter(|_| self.count > 1) else { return };
        let more = if self.count > self.named.len() { ", and so on" } else { "" };
        problems.rewrite(
            &first,
            format!("{} entries name what is named before them, with the same terms", self.count),
            format!("one of each can go: {}{more}", self.named.join(", ")),
        );
    }
}

/// The keys in which two entries differ.
fn differences(old: &Entry, new: &Entry) -> Vec<&'static str> {
    // Named one by one, so that none is forgotten.
    let Entry { schedule, requirement, reply, exceptions, contact, language, deliver } = old;
    let has_date = |entry: &Entry| matches!(entry.schedule, Schedule::EnforceFrom(_));
    let mode = if has_date(old) || has_date(new) { "enforce_from" } else { "mode" };
    [
        (mode, *schedule != new.schedule),
        ("require", *requirement != new.requirement),
        ("language", *language != new.language),
        ("reply", *reply != new.reply && *language == new.language),
        ("deliver", *deliver != new.deliver),
        ("contact", *contact != new.contact),
        ("exceptions", *exceptions != new.exceptions),
    ]
    .into_iter()
    .filter_map(|(key, differs)| differs.then_some(key))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, load};
    use std::fs;

    /// The messages and helps of what is said of a policy and of the one that it includes.
    fn said(policy: &str, included: &str) -> (bool, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        fs::write(directory.path().join("more.yaml"), included).unwrap();
        fs::write(&path, policy).unwrap();
        let Loaded { policy, warnings, .. } = load(&path);
        let problems = match &policy {
            Ok(_) => &warnings,
            Err(problems) => problems,
        };
        let here = format!("{}/", directory.path().display());
        let said = problems.shown().into_iter().map(|problem| {
            let line = problem.span.map_or(0, |span| span.line);
            format!("{line}: {}; {}", problem.message, problem.help).replace(&here, "")
        });
        (policy.is_ok(), said.collect())
    }

    #[test]
    fn a_duplicate_that_says_the_same_is_a_warning_in_whatever_spelling() {
        for (one, other) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("example.com", "EXAMPLE.com"),
            ("example.com", "example.com."),
            ("example.com", "{ domain: example.com, mode: enforce, require: baseline }"),
            ("user@example.com", "USER@Example.com"),
            ("'*.example.com'", "'*.Example.COM'"),
            ("'*'", "'*'"),
        ] {
            let (valid, said) = said(&format!("domains:\n- {one}\n- {other}\n"), "[]");
            assert!(valid && said.len() == 1, "{one} {other}: {said:?}");
            assert!(
                said[0].contains("is named a second time; it stands in line 2 already"),
                "{said:?}"
            );
        }
    }

    #[test]
    fn a_duplicate_that_says_something_else_is_an_error_with_both_places() {
        for (terms, key) in [
            ("mode: monitor", "mode"),
            ("enforce_from: 2027-01-01", "enforce_from"),
            ("require: rfc9325", "require"),
            ("language: de", "language"),
            ("reply: { code: 550 }", "reply"),
            ("deliver: encrypt", "deliver"),
            ("contact: a@example.com", "contact"),
            ("exceptions: [{ client: 192.0.2.1, reason: x }]", "exceptions"),
        ] {
            let entry = format!("- {{ domain: xn--bcher-kva.example, {terms} }}\n");
            let (valid, told) = said(&format!("domains:\n- bücher.example\n{entry}"), "[]");
            let expected = format!(
                "3: xn--bcher-kva.example is named a second time, and the two entries differ ({key}); \
                 it stands in line 2 already; keep one of the two"
            );
            assert_eq!((valid, told), (false, vec![expected]));
            let main = "include: more.yaml\ndomains:\n- bücher.example\n";
            let (valid, told) = said(main, &entry);
            assert!(
                !valid && told[0].contains("stands in line 3 of policy.yaml already"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn many_duplicates_are_one_warning_and_hide_no_error() {
        let mut list: String = (0..50_000).map(|n| format!("- d{n}.example.net\n")).collect();
        list.extend((0..500).map(|n| format!("- D{n}.example.net.\n")));
        let main = "include: more.yaml\ndomains: [d7.example.net]\n";
        let (valid, told) = said(main, &list);
        assert!(valid && told.len() == 1, "{told:?}");
        assert_eq!(
            told[0],
            "8: 501 entries name what is named before them, with the same terms; one of each can go: \
             d7.example.net in more.yaml:8 (line 2 of policy.yaml), \
             d0.example.net in more.yaml:50001 (line 1), d1.example.net in more.yaml:50002 (line 2), \
             d2.example.net in more.yaml:50003 (line 3), d3.example.net in more.yaml:50004 (line 4), \
             and so on"
        );
        list.push_str("- a..b\n");
        let (valid, told) = said(main, &list);
        assert!(!valid && told.len() == 2 && told[1].contains("`a..b`"), "{told:?}");
    }

    #[test]
    fn warnings_without_end_hide_no_error() {
        let names = (0..100).map(|n| format!("- h{n}\n"));
        let list: String = names.chain(["- a..b\n".to_owned()]).collect();
        let (valid, told) = said("include: more.yaml", &list);
        assert!(!valid && told.len() == 51 && told[50].contains("`a..b`"), "{told:?}");
    }
}
