//! `tests` in the policy: one that does not hold is an error, with its place and what is so instead.

use config::policy_file::{
    Candidate, Loaded, Question, WrittenCase, WrittenDeliveryTest, WrittenTest, load,
    load_candidate, load_snapshot, load_to_keep, load_untested,
};
use jiff::Timestamp;
use policy::{Policy, explanation::Conclusion, judge};
use proptest::{option, prelude::*, sample::select};
use std::{collections::BTreeSet, fs};

/// Writes files into a directory.
fn write(directory: &std::path::Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::create_dir_all(directory.join(name).parent().unwrap()).unwrap();
        fs::write(directory.join(name), text).unwrap();
    }
}

const POLICY: &str = "\
domains:
  - example.org
  - '*.below.example'
  - { domain: watched.example, mode: monitor }
  - { domain: later.example, enforce_from: 2999-01-01 }
  - domain: let.example
    exceptions:
      - { client: 192.0.2.0/24, reason: scanner }
      - { sender: soon.example, until: 2998-12-31, reason: until soon }
  - { domain: hop.example, deliver: { level: secure, nexthop: '[mx.example]:25' } }
senders: [{ domain: partner.example }]
requirements: { own: { aead: true } }
trusted: { clients: 203.0.113.0/24, authenticated: true }
";

const TLS: &str = "tls_version: TLSv1.3, cipher: TLS_AES_256_GCM_SHA384";

fn with(tests: &str) -> (tempfile::TempDir, Loaded) {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("policy.yaml", &format!("{POLICY}tests:\n{tests}"))]);
    let loaded = load(&directory.path().join("policy.yaml"));
    (directory, loaded)
}

/// What is said of a policy with one test on its last line: `what the caret is under: message; help` of each error.
fn errors(test: &str) -> Vec<String> {
    let (directory, loaded) = with(&format!("  - {test}\n"));
    let problems = match loaded.policy {
        Ok(_) => {
            assert_eq!(loaded.tests, 1);
            return Vec::new();
        }
        Err(problems) => problems,
    };
    let here = format!("{}/", directory.path().display());
    let said = problems.shown().into_iter().map(|problem| {
        let span = problem.span.unwrap();
        assert_eq!(span.line, POLICY.lines().count() + 2, "{problem}");
        let line = problem.line.as_ref().unwrap().chars();
        let under: String = line.skip(span.column - 1).take(span.length).collect();
        format!("{under}: {}; {}", problem.message, problem.help).replace(&here, "")
    });
    said.collect()
}

#[test]
fn a_test_that_the_policy_fulfils_is_no_problem() {
    for test in [
        "{ rcpt: boss@example.org, verdict: refuse }",
        "{ rcpt: <boss@example.org>, client: 192.0.2.7, verdict: refuse, reason: plaintext }",
        "{ rcpt: boss@EXAMPLE.org., verdict: refuse, domain: example.org, entry: Example.ORG }",
        "{ rcpt: a@b.below.example, verdict: refuse, domain: b.below.example, entry: '*.below.example' }",
        "{ rcpt: a@watched.example, verdict: would-refuse }",
        "{ rcpt: a@free.example, verdict: accept, reason: not-opted-in }",
        "{ rcpt: a@free.example, sender: x@partner.example, verdict: refuse, domain: partner.example }",
        "{ rcpt: a@let.example, client: 192.0.2.9, verdict: accept, reason: exception }",
        "{ rcpt: boss@example.org, client: 203.0.113.1, verdict: accept, reason: trusted-client }",
        "{ rcpt: boss@example.org, authenticated: true, verdict: accept }",
        "{ rcpt: boss@example.org, unknown_tls: true, verdict: refuse, reason: unknown-tls }",
        "{ rcpt: boss@example.org, cipher_bits: 256, tls_version: TLSv1.2, cipher: AES256-SHA, verdict: accept }",
        "{ rcpt: boss@example.org, tls_version: TLSv1.2, cipher: AES256-SHA, require: own, verdict: refuse }",
        "{ rcpt: boss@example.org, reason: plaintext }",
        // Dates.
        "{ rcpt: a@later.example, at: 2998-12-31, verdict: would-refuse }",
        "{ rcpt: a@later.example, at: 2999-01-01, verdict: refuse }",
        "{ rcpt: a@let.example, sender: a@soon.example, at: 2998-12-31, verdict: accept }",
        "{ rcpt: a@let.example, sender: a@soon.example, at: '2999-01-01T00:00:00Z', verdict: refuse }",
        "{ rcpt: a@later.example, domain: later.example }",
        // The second hop.
        "{ nexthop: '[mx.example]:25', deliver: secure }",
        "{ nexthop: 'other.example', deliver: none }",
    ] {
        assert_eq!(errors(test), [""; 0], "{test}");
    }
    let tls = format!("{{ rcpt: boss@example.org, {TLS}, verdict: accept, reason: adequate }}");
    assert_eq!(errors(&tls), [""; 0]);
}

#[test]
fn a_test_that_it_does_not_fulfil_is_an_error_that_says_what_is_so_and_why() {
    let mend = "mend the policy, or say what is expected from now on";
    for (test, expected) in [
        (
            "{ rcpt: boss@example.org, verdict: accept }",
            format!(
                "accept: the verdict is `refuse` and not `accept`: this connection is not encrypted; example.org \
                 (policy.yaml:2) decides; {mend}"
            ),
        ),
        (
            "{ rcpt: a@free.example, verdict: refuse }",
            format!(
                "refuse: the verdict is `accept` and not `refuse`: no domain in sight is opted in; {mend}"
            ),
        ),
        (
            "{ rcpt: boss@example.org, verdict: refuse, reason: cipher }",
            format!(
                "cipher: the reason is `plaintext` and not `cipher`: this connection is not encrypted; example.org \
                 (policy.yaml:2) decides; {mend}"
            ),
        ),
        (
            "{ rcpt: a@b.below.example, entry: b.below.example }",
            format!(
                "b.below.example: the entry that decides is *.below.example and not b.below.example; *.below.example \
                 (policy.yaml:3) decides; {mend}"
            ),
        ),
        (
            "{ rcpt: a@free.example, sender: x@partner.example, domain: free.example }",
            format!(
                "free.example: it is about partner.example and not about free.example; partner.example (policy.yaml:11) \
                 decides; {mend}"
            ),
        ),
        (
            "{ rcpt: a@free.example, verdict: accept, entry: free.example }",
            format!(
                "free.example: no entry of `domains` or `senders` decides, and so not free.example; {mend}"
            ),
        ),
        (
            "{ rcpt: a@let.example, sender: a@soon.example, at: 2999-01-01, verdict: accept }",
            format!(
                "accept: the verdict is `refuse` and not `accept`: this connection is not encrypted; let.example \
                 (policy.yaml:6) decides; {mend}"
            ),
        ),
        (
            "{ nexthop: '[mx.example]:25', deliver: encrypt }",
            "encrypt: what is demanded of [mx.example]:25 is `secure`; `mandatory-tls explain --deliver \
             '[mx.example]:25'` shows by which entries"
                .to_owned(),
        ),
        (
            "{ nexthop: mx.example, deliver: secure }",
            "secure: nothing is demanded of mx.example; `mandatory-tls explain --deliver 'mx.example'` shows by \
             which entries"
                .to_owned(),
        ),
    ] {
        assert_eq!(errors(test), [expected], "{test}");
    }
}

#[test]
fn a_test_without_a_time_holds_from_now_on_so_that_no_date_turns_a_good_file_bad() {
    let help = "a test without `at` holds from now on: give it the time that it is about, as `at: 2027-01-31`";
    for (test, expected) in [
        (
            "{ rcpt: a@later.example, verdict: would-refuse }",
            "would-refuse: from 2999-01-01T00:00:00Z on, the verdict is `refuse` and not `would-refuse`",
        ),
        (
            "{ rcpt: a@let.example, sender: a@soon.example, verdict: accept }",
            "accept: from 2999-01-01T00:00:00Z on, the verdict is `refuse` and not `accept`",
        ),
    ] {
        let said = errors(test);
        assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
        assert!(said[0].ends_with(help), "{said:?}");
    }
}

#[test]
fn a_test_that_cannot_be_meant_is_an_error_with_its_place() {
    for (test, expected) in [
        (
            "{ rcpt: a@b.example }",
            "{ : a test says which verdict it expects; add `verdict: refuse`",
        ),
        ("{ verdict: refuse }", "{ : a test names a recipient; add `rcpt"),
        (
            "{ nexthop: mx.example }",
            "{ : a test says which level it expects; add `deliver: encrypt`",
        ),
        ("{ deliver: encrypt }", "{ : a test names a recipient; add `rcpt"),
        (
            "{ rcpt: a@b.example, verdict: refused }",
            "refused: `verdict` must be one of: accept, would-refuse, refuse; did you mean `refuse`?",
        ),
        ("{ rcpt: a@b.example, reason: plain }", "plain: `reason` must be one of: not-opted-in,"),
        (
            "{ rcpt: a@b.example, verdict: refuse, clint: 192.0.2.1 }",
            "clint: there is no key `clint` here; did you mean `client`?",
        ),
        (
            "{ rcpt: a@b.example, verdict: refuse, client: 192.0.2.0/24 }",
            "192.0.2.0/24: `192.0.2.0/24` is not an IP address; write",
        ),
        (
            "{ rcpt: a@b.example, verdict: refuse, require: onw }",
            "onw: there is no requirement `onw`; there are: own,",
        ),
        ("{ rcpt: a@b.example, verdict: refuse, at: soon }", "soon: `soon` is not a date; write"),
        (
            "{ rcpt: a@b.example, verdict: refuse, authenticated: yes }",
            "yes: `authenticated` must be `true` or `false`",
        ),
        ("{ rcpt: a@b.example, verdict: refuse, domain: a..b }", "a..b: "),
        (
            "{ rcpt: a@b.example, nexthop: mx.example, verdict: refuse }",
            "nexthop: there is no key `nexthop` here",
        ),
        (
            "{ nexthop: mx.example, client: 192.0.2.1, deliver: may }",
            "client: there is no key `client` here",
        ),
        (
            "{ nexthop: 192.0.2.1, deliver: may }",
            "192.0.2.1: `192.0.2.1` is not a next hop: an address stands in brackets; write",
        ),
        ("{ rcpt: , verdict: refuse }", "rcpt: `rcpt` has no value"),
        ("boss@example.org", "boss@example.org: a test must be a mapping"),
    ] {
        let said = errors(test);
        assert_eq!(said.len(), 1, "{test}: {said:?}");
        assert!(said[0].starts_with(expected), "{test}: {said:?}");
    }
    let (_keep, loaded) = with("  a: b\n");
    assert!(loaded.policy.unwrap_err().to_string().contains("tests must be a list, not a mapping"));
}

#[test]
fn of_a_policy_with_other_errors_no_test_is_asked_and_all_faults_of_the_tests_themselves_are_told()
{
    let (_keep, loaded) = with(
        "  - { rcpt: boss@example.org, verdict: accept }\n  - { rcpt: a@b.example, client: x, verdict: refuse }\n",
    );
    let said = loaded.policy.unwrap_err();
    assert_eq!(said.count(), 1, "{said}");
    assert!(said.to_string().contains("is not an IP address"), "{said}");
    // All that do not hold are told at once.
    let broken = "  - { rcpt: boss@example.org, verdict: accept }\n".repeat(3);
    assert_eq!(with(&broken).1.policy.unwrap_err().count(), 3);
}

#[test]
fn a_change_of_any_file_that_breaks_a_test_is_refused_and_what_was_good_stays_good() {
    let directory = tempfile::tempdir().unwrap();
    let main = "include: d/*.yaml\ntests:\n  - { rcpt: a@customer.example, verdict: refuse }\n";
    write(directory.path(), &[("policy.yaml", main), ("d/list.yaml", "- customer.example\n")]);
    let (path, list) = (directory.path().join("policy.yaml"), directory.path().join("d/list.yaml"));
    let (loaded, snapshot) = load_to_keep(&path);
    assert!(loaded.policy.is_ok() && loaded.tests == 1);
    let text = "- { domain: customer.example, mode: monitor }\n";
    let candidate = Candidate { path: list.clone(), contents: Some(text.into()) };
    let problems = load_candidate(&path, &candidate).policy.unwrap_err();
    let first = problems.first_error().unwrap();
    assert_eq!((first.path.to_path_buf(), first.span.unwrap().line), (path.clone(), 3));
    assert!(first.help.contains("d/list.yaml:1"), "{first}");
    // One may look into it all the same, and the last good one is read as it was when its tests held.
    candidate.write(0o644).unwrap();
    assert!(load(&path).policy.is_err());
    assert!(load_untested(&path).policy.is_ok());
    let mut kept = config::policy_file::Snapshot::default();
    for (path, octets) in snapshot.files() {
        kept.add(path, if path == list { text.into() } else { octets.to_vec() });
    }
    assert!(load_snapshot(&path, &kept).policy.is_ok());
    // Included files have no tests of their own: a program could hold the operator to them.
    fs::write(&list, "domains: []\ntests: []\n").unwrap();
    let said = load(&path).policy.unwrap_err().to_string();
    assert!(said.contains("there is no key `tests` here"), "{said}");
}

fn keys_of_reader() -> BTreeSet<String> {
    let said = errors("{ rcpt: a@b.example, verdict: refuse, qqqqqq: 1 }").remove(0);
    said.split("there are: ").nth(1).unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn a_case_has_the_same_keys_in_the_policy_and_in_a_batch() {
    let error = serde_json::from_str::<WrittenCase>("{ \"qqqqqq\": 1 }").unwrap_err().to_string();
    let keys = error.split("expected").nth(1).unwrap_or_else(|| panic!("{error}"));
    let mut keys: BTreeSet<String> =
        keys.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    keys.extend(["verdict", "reason", "domain", "entry"].map(str::to_owned));
    assert_eq!(keys_of_reader(), keys);
}

fn cases() -> impl Strategy<Value = WrittenCase> {
    let text = |texts: &[&'static str]| option::of(select(texts.to_vec()).prop_map(str::to_owned));
    let rcpts = [
        "boss@example.org",
        "<x@later.example>",
        "a@let.example",
        "a@watched.example",
        "a@free.example",
        "\"odd: # 'one\"@example.org",
        "postmaster",
        "null",
        "~",
        "x@[192.0.2.1]",
        "\u{e4}@example.org",
        "- a",
    ];
    let parts = (
        select(rcpts.to_vec()),
        text(&["a@soon.example", "a@partner.example", "", "1e3"]),
        text(&["192.0.2.7", "203.0.113.1", "2001:db8::1", "::1"]),
        any::<bool>(),
        text(&["TLSv1.3", "SSLv3", "1.2"]),
        text(&["TLS_AES_256_GCM_SHA384", "AES256-SHA", "no"]),
        text(&["256", "0x10", ""]),
        (text(&["mx.example", "a: b"]), text(&["CA"]), any::<bool>()),
        text(&["own", "rfc9325-strict"]),
        text(&["2030-01-01", "2999-06-01T08:00:00+02:00"]),
    );
    parts.prop_map(
        |(rcpt, sender, client, authenticated, tls_version, cipher, cipher_bits, other, require, at)| {
            let (cert_subject, cert_issuer, unknown_tls) = other;
            let rcpt = rcpt.to_owned();
            let unknown_tls = unknown_tls && tls_version.is_none();
            #[rustfmt::skip]
            let case = WrittenCase {
                rcpt, sender, client, authenticated, tls_version, cipher, cipher_bits, cert_subject, cert_issuer,
                unknown_tls, require, at,
            };
            case
        },
    )
}

fn ask(policy: &Policy, case: &WrittenCase, now: Timestamp) -> Question {
    case.question(|name| policy.requirement(name).cloned(), now).unwrap()
}

#[test]
fn what_is_generated_from_a_policy_holds_in_it_and_breaks_where_the_verdict_is_another() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("policy.yaml", POLICY)]);
    let path = directory.path().join("policy.yaml");
    let policy = load(&path).policy.unwrap();
    let try_out = |test: &str| {
        let contents = Some(format!("{POLICY}tests:\n{test}").into_bytes());
        load_candidate(&path, &Candidate { path: path.clone(), contents }).policy
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&cases(), |case| {
        let now = Timestamp::now();
        let question = ask(&policy, &case, now);
        let test = WrittenTest::of(&policy, case.clone(), &question, now);
        let yaml = test.to_yaml().unwrap();
        if let Err(problems) = try_out(&yaml) {
            panic!("{yaml}\n{problems}");
        }
        // It expects what a batch answers.
        let asked = question.case();
        let conclusion = Conclusion::new(&asked, &judge(&policy, &asked));
        prop_assert_eq!((test.verdict, test.reason), (conclusion.verdict, conclusion.reason));
        // It is no test that everything passes.
        let other = if test.verdict.code() == "accept" { "refuse" } else { "accept" };
        let broken = yaml
            .replace(&format!("verdict: {}", test.verdict.code()), &format!("verdict: {other}"));
        prop_assert!(try_out(&broken).is_err(), "{}", broken);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // Dates make a policy stricter, and never laxer: so what holds now and at the end of time holds between.
    let result = runner.run(&cases(), |case| {
        let question = ask(&policy, &case, Timestamp::now());
        let at = |text: &str| judge(&policy, &question.case_at(text.parse().unwrap())).decision();
        let times = [
            "1970-01-01T00:00:00Z",
            "2998-12-31T23:59:59Z",
            "2999-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ];
        prop_assert!(times.windows(2).all(|two| at(two[0]) <= at(two[1])));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    for next_hop in ["[mx.example]:25", "hop.example", "free.example"] {
        let next_hop = next_hop.parse().unwrap();
        let test = WrittenDeliveryTest::of(&policy, &next_hop, None, Timestamp::now());
        let yaml = test.to_yaml().unwrap();
        if let Err(problems) = try_out(&yaml) {
            panic!("{yaml}\n{problems}");
        }
    }
}
