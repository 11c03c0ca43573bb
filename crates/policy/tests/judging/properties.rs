//! What holds for every policy and every session, tried on generated ones.

use policy::tls::cipher::suites;
use policy::{
    Case, Client, Decision, Directory, DomainName, Entry, EntryPlace, OnUnknownTls, Pattern,
    Policy, Recipient, Refused, ReplyTemplate, Requirement, Sender, TlsState, judge,
};
use policy::{Mode, requirement::builtins};
use proptest::prelude::*;
use std::sync::Arc;

/// A few labels, so that names often meet.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..5)
        .prop_map(|labels| format!("{}.test", labels.join(".")))
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        name(),
        name().prop_map(|name| format!("*.{name}")),
        (prop::sample::select(vec!["u", "v"]), name())
            .prop_map(|(local, name)| format!("{local}@{name}")),
        Just("*".to_owned()),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Off, Mode::Monitor, Mode::Enforce])
}

fn requirement() -> impl Strategy<Value = &'static Requirement> {
    prop::sample::select(builtins().collect::<Vec<_>>())
}

fn entry(mode: Mode, requirement: &Requirement) -> Entry {
    Entry {
        requirement: Arc::new(requirement.clone()),
        reply: Arc::new(ReplyTemplate::new(450, "{domain}: {reason}", None).unwrap()),
        ..Entry::bare(mode)
    }
}

/// Macro values as MTAs send them, and nonsense.
fn macros() -> impl Strategy<Value = (Option<Vec<u8>>, Option<Vec<u8>>)> {
    let names: Vec<String> = suites().map(|suite| suite.name.to_owned()).collect();
    let versions =
        ["", "SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "TLSv1.4", "UNKNOWN", "?"];
    let version = prop::sample::select(versions.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    let cipher = prop_oneof![
        8 => prop::sample::select(names).prop_map(String::into_bytes),
        1 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    (prop::option::weighted(0.9, version), prop::option::weighted(0.9, cipher))
}

fn state((version, cipher): &(Option<Vec<u8>>, Option<Vec<u8>>)) -> TlsState {
    TlsState::from_macros(version.as_deref(), cipher.as_deref(), None)
}

fn decide(policy: &Policy, tls: &TlsState, rcpt: &str) -> Decision {
    let recipient = Recipient::new(rcpt.as_bytes(), None, None);
    let sender = Sender::default();
    let case = Case {
        tls,
        client: Client::default(),
        sender: &sender,
        recipient: &recipient,
        now: jiff::Timestamp::UNIX_EPOCH,
        on_unknown_tls: OnUnknownTls::Defer,
        require: None,
    };
    judge(policy, &case).decision()
}

fn policy_of(pattern: &str, entry: Entry) -> Policy {
    let mut policy = Policy::default();
    let number = policy.domains.add_entry(entry);
    policy.domains.insert(&pattern.parse().unwrap(), number, EntryPlace::default()).unwrap();
    policy
}

/// The most specific pattern for an address, found by going through all.
fn naive<'p>(patterns: &'p [String], local: &str, domain: &str) -> Option<&'p String> {
    let mailbox = format!("{local}@{domain}");
    let longest_wildcard = patterns
        .iter()
        .filter(|pattern| {
            pattern.strip_prefix('*').is_some_and(|rest| !rest.is_empty() && domain.ends_with(rest))
        })
        .max_by_key(|pattern| pattern.len());
    patterns
        .iter()
        .find(|pattern| **pattern == mailbox)
        .or_else(|| patterns.iter().find(|pattern| **pattern == domain))
        .or(longest_wildcard)
        .or_else(|| patterns.iter().find(|pattern| **pattern == "*"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_directory_finds_what_a_search_through_all_patterns_finds(
        patterns in prop::collection::vec((pattern(), 0..12_u32, 0..3_u16, mode()), 0..40),
        domain in name(),
        local in prop::sample::select(vec!["u", "v", "w"]),
        shrunk in any::<bool>(),
    ) {
        let mut directory = Directory::new();
        // What has come in, as text, with its place and mode.
        let mut model: Vec<(String, EntryPlace, Mode)> = Vec::new();
        let mut place = EntryPlace { file: 0, line: 1 };
        for (text, lines, file, mode) in patterns {
            place = EntryPlace { file, line: if file == place.file { place.line + lines } else { 1 } };
            let entry_of = |mode| entry(mode, Requirement::builtin("baseline").unwrap());
            let number = directory.add_entry(entry_of(mode));
            let result = directory.insert(&text.parse().unwrap(), number, place);
            match model.iter().find(|(old, ..)| *old == text) {
                Some((_, earlier, before)) => {
                    let Err(Refused::Duplicate { entry, place }) = result else {
                        panic!("{text} is there already: {result:?}");
                    };
                    let before = entry_of(*before);
                    prop_assert_eq!((directory.numbered(entry), place), (Some(&before), *earlier));
                }
                None => {
                    prop_assert_eq!(result, Ok(()));
                    model.push((text, place, mode));
                }
            }
        }
        if shrunk {
            directory.shrink_to_fit();
        }
        let mode_of = |entry: &Entry| entry.schedule.mode_at(jiff::Timestamp::UNIX_EPOCH);

        let all: Vec<_> = directory.iter().map(|(text, entry)| (text, mode_of(entry))).collect();
        let expected: Vec<_> = model.iter().map(|(text, _, mode)| (&**text, *mode)).collect();
        prop_assert_eq!(all, expected);
        prop_assert_eq!((directory.len(), directory.is_empty()), (model.len(), model.is_empty()));
        for (text, _, mode) in &model {
            prop_assert_eq!(directory.get(text).map(mode_of), Some(*mode));
        }
        let other = format!("{local}@{domain}");
        prop_assert_eq!(directory.get(&other).is_some(), model.iter().any(|(text, ..)| *text == other));

        let texts: Vec<String> = model.iter().map(|(text, ..)| text.clone()).collect();
        let domain = DomainName::parse(&domain).unwrap();
        let found = directory.find_mailbox(local, &domain).or_else(|| directory.find_domain(&domain));
        let expected = naive(&texts, local, domain.as_str());
        prop_assert_eq!(found.map(|found| found.pattern), expected.map(|text| &**text));
        if let Some(found) = found {
            let (_, place, mode) = model.iter().find(|(text, ..)| text == found.pattern).unwrap();
            prop_assert_eq!((found.place(), mode_of(found.entry)), (*place, *mode));
        }
    }

    #[test]
    fn two_directories_side_by_side_show_for_each_pattern_what_both_say_of_it(
        one in prop::collection::vec(pattern(), 0..30), other in prop::collection::vec(pattern(), 0..30),
        shared in prop::collection::vec(pattern(), 0..30),
    ) {
        let directory = |patterns: Vec<&String>, mode| {
            let mut directory = Directory::new();
            let entry_of = |mode| entry(mode, Requirement::builtin("baseline").unwrap());
            let number = directory.add_entry(entry_of(mode));
            for text in patterns {
                // One that is there already stays as it is.
                let _ = directory.insert(&text.parse().unwrap(), number, EntryPlace::default());
            }
            directory
        };
        let one = directory(one.iter().chain(&shared).collect(), Mode::Monitor);
        let other = directory(shared.iter().chain(&other).collect(), Mode::Enforce);
        let beside: Vec<_> = one.beside(&other).collect();
        let expected: Vec<_> = one.iter().map(|(text, entry)| (text, entry, other.get(text))).collect();
        prop_assert_eq!(beside, expected);
    }

    #[test]
    fn enforce_refuses_just_what_monitor_would_refuse(
        macros in macros(), requirement in requirement(), unknown in any::<bool>(),
    ) {
        let tls = if unknown { TlsState::Unknown } else { state(&macros) };
        let decided = |mode| decide(&policy_of("a.test", entry(mode, requirement)), &tls, "<u@a.test>");
        match decided(Mode::Monitor) {
            Decision::Accept => prop_assert_eq!(decided(Mode::Enforce), Decision::Accept),
            Decision::WouldRefuse => prop_assert_eq!(decided(Mode::Enforce), Decision::Refuse),
            Decision::Refuse => prop_assert!(false, "monitor refuses nothing"),
        }
        prop_assert_eq!(decided(Mode::Off), Decision::Accept);
    }

    #[test]
    fn no_session_that_fails_a_requirement_passes_one_that_builds_on_it(
        macros in macros(), one in requirement(), other in requirement(),
    ) {
        let both = Requirement::builder("both").extends(one).extends(other).build();
        let tls = state(&macros);
        if let Ok(both) = both {
            let decided = |requirement: &Requirement| {
                decide(&policy_of("a.test", entry(Mode::Enforce, requirement)), &tls, "<u@a.test>")
            };
            prop_assert_eq!(decided(&both), decided(one).max(decided(other)));
        }
    }

    #[test]
    fn plaintext_and_unknown_sessions_never_pass_an_enforced_domain(
        requirement in requirement(), local in "[a-z0-9.+%!]{1,12}",
    ) {
        let policy = policy_of("*", entry(Mode::Enforce, requirement));
        for tls in [TlsState::Plaintext, TlsState::Unknown] {
            prop_assert_eq!(decide(&policy, &tls, &format!("<{local}@a.test>")), Decision::Refuse);
        }
    }

    #[test]
    fn another_entry_in_the_policy_never_makes_a_plain_recipients_verdict_laxer_for_others(
        first in name(), second in name(), modes in (mode(), mode()), macros in macros(),
    ) {
        // An entry speaks for its own domain alone.
        prop_assume!(first != second);
        let baseline = Requirement::builtin("baseline").unwrap();
        let tls = state(&macros);
        let alone = policy_of(&first, entry(modes.0, baseline));
        let mut both = alone.clone();
        let number = both.domains.add_entry(entry(modes.1, baseline));
        both.domains.insert(&Pattern::Domain(DomainName::parse(&second).unwrap()), number, EntryPlace::default()).unwrap();
        let rcpt = format!("<u@{first}>");
        prop_assert_eq!(decide(&alone, &tls, &rcpt), decide(&both, &tls, &rcpt));
    }

    #[test]
    fn whatever_a_client_writes_a_domain_in_it_that_stands_after_an_at_sign_is_seen(
        before in "[ -~]{0,20}", after in "[ ,;:<>()\"!%@|]([ -~]{0,10})?",
    ) {
        // An opted-in domain that stands behind the last-but-any `@` and ends at a delimiter.
        let argument = format!("<{before}@a.test{after}>");
        let policy = policy_of("a.test", entry(Mode::Enforce, Requirement::builtin("baseline").unwrap()));
        prop_assert_eq!(decide(&policy, &TlsState::Plaintext, &argument), Decision::Refuse, "{}", argument);
    }

    #[test]
    fn no_recipient_and_no_macro_makes_the_judge_panic(
        argument in prop::collection::vec(any::<u8>(), 0..60),
        rcpt_addr in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
        host in prop::option::of(prop::collection::vec(any::<u8>(), 0..30)),
    ) {
        let recipient = Recipient::new(&argument, rcpt_addr.as_deref(), host.as_deref());
        // Something is always known of a recipient: a domain, that it is local, or that it is not.
        prop_assert!(!recipient.seen().is_empty() || recipient.is_local() || recipient.is_unreadable());
    }
}
