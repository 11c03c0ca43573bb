//! `deliver` in a policy: what is valid, what is wrong, what is laxer than it looks.

use config::policy_file::{Loaded, load};
use std::fs;

/// Whether a policy is valid, and what is said of it: `line:column message; help`.
fn said(policy: &str) -> (bool, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, policy).unwrap();
    let Loaded { policy, warnings, .. } = load(&path);
    let problems = policy.as_ref().err().unwrap_or(&warnings);
    let said = problems.shown().into_iter().map(|problem| {
        let span = problem.span.unwrap();
        format!("{}:{} {}; {}", span.line, span.column, problem.message, problem.help)
    });
    (policy.is_ok(), said.collect())
}

fn of_terms(terms: &str) -> (bool, Vec<String>) {
    said(&format!("domains:\n- domain: a.test\n  deliver: {terms}\n"))
}

#[test]
fn what_contradicts_itself_is_an_error_with_its_place() {
    let digest = "00:11:22:33:44:55:66:77:88:99:00:11:22:33:44:55:66:77:88:99";
    for (terms, expected) in [
        (
            "{ level: encrypt, match: mx.test }",
            "3:37 `match` has no place at level encrypt: no certificate is looked at there; write `level: secure`",
        ),
        ("{ level: may, match: mx.test }", "3:33 `match` has no place at level may"),
        (
            "{ level: dane-only, match: mx.test }",
            "`match` has no place at level dane-only: TLSA records say it",
        ),
        (
            "{ level: fingerprint }",
            "3:21 level fingerprint without `match`: Postfix would put all mail off",
        ),
        ("fingerprint", "3:12 level fingerprint without `match`"),
        (
            "{ level: fingerprint, match: mx.test }",
            "`mx.test` cannot be matched: a fingerprint is made of pairs",
        ),
        ("{ level: fingerprint, match: ['00:11'] }", "no digest has 2 octets"),
        (&format!("{{ level: secure, match: '{digest}' }}"), "cannot be matched"),
        ("{ level: secure, match: [] }", "3:36 `match` names nothing"),
        ("{ level: secure, match: '' }", "`` cannot be matched: a domain name is missing"),
        ("{ level: secure, match: '*.mx.test' }", "for all names below one, write `.example.org`"),
        ("{ level: secure, match: 'a.test:b.test' }", "write several as a list"),
        ("{ level: none, ciphers: high }", "`ciphers` has no place at level none: there is no TLS"),
        ("{ level: none, min_version: TLSv1.2 }", "`min_version` has no place at level none"),
        ("{ level: none, servername: hostname }", "`servername` has no place at level none"),
        (
            "{ level: dane-only, servername: mx.test }",
            "`servername` has no place at level dane-only: TLSA records say the name",
        ),
        (
            "{ level: encrypt, protocols: '>=TLSv1.2', min_version: TLSv1.2 }",
            "say the same in two ways",
        ),
        ("{ level: encrypt, protocols: SSLv3 }", "SSLv3 does not count as encryption"),
        ("{ level: encrypt, protocols: '' }", "it names no version"),
        ("{ level: encrypt, protocols: '<=SSLv3' }", "no version is left"),
        ("{ level: encrypt, protocols: '>=TLSv1.2 x' }", "`x` is no version"),
        ("{ level: encrypt, min_version: TLSv1.4 }", "3:43 "),
        ("{ level: encrypt, ciphers: low }", "ciphers of the grade low are broken"),
        ("{ level: encrypt, ciphers: 'null' }", "encrypts nothing"),
        ("{ level: encrypt, ciphers: strong }", "`ciphers` must be one of: medium, high"),
        ("{ level: encrypt, servername: 'a b' }", "`a b` is no name of a server"),
        ("{ level: encrypt, servername: .a.test }", "is no name of a server"),
        (
            "{ ciphers: high }",
            "3:12 `deliver` does not say its `level`, and neither do the defaults; add `level: encrypt`",
        ),
        ("{ level: half-dane }", "`level` must be one of: none, may, dane, encrypt"),
        ("{ level: encript }", "did you mean `encrypt`?"),
        ("encrypted", "did you mean `encrypt`?"),
        ("{ lvel: encrypt }", "did you mean `level`?"),
        ("{ level: }", "`level` has no value"),
        ("[encrypt]", "`deliver` must be a mapping"),
        ("{ level: encrypt, nexthop: [] }", "`nexthop` names none"),
        (
            "{ level: encrypt, nexthop: 'relay:[mx.test]:25' }",
            "3:39 `relay:[mx.test]:25` is not a next hop: it begins with the name of a transport",
        ),
        (
            "{ level: encrypt, nexthop: 192.0.2.1 }",
            "an address stands in brackets; write \"[192.0.2.1]\"",
        ),
        ("{ level: encrypt, nexthop: '2001:db8::1' }", "write \"[2001:db8::1]\""),
        ("{ level: encrypt, nexthop: '[mx.test' }", "it is not [HOST] or [HOST]:PORT"),
        ("{ level: encrypt, nexthop: '[mx.test]:smtp x' }", "stands no port"),
        ("{ level: encrypt, nexthop: .mx.test }", "it begins with a dot"),
        ("{ level: encrypt, nexthop: /run/lmtp }", "a Unix socket is no hop"),
        ("{ level: encrypt, nexthop: 'mx.test, b.test' }", "is not a next hop"),
        ("{ level: encrypt, nexthop: ['[mx.test]', 'a\\nb'] }", "is not a next hop"),
    ] {
        let (valid, said) = of_terms(terms);
        assert!(!valid && said.iter().any(|said| said.contains(expected)), "{terms}: {said:?}");
    }
}

#[test]
fn what_stands_where_no_hop_follows_is_an_error() {
    for (policy, expected) in [
        ("senders: [{ domain: a.test, deliver: encrypt }]", "this is a partner"),
        ("local: { deliver: encrypt }", "the MTA delivers these recipients itself"),
        (
            "domains: [{ domain: u@a.test, deliver: encrypt }]",
            "the `deliver` of a single mailbox names its `nexthop`",
        ),
        ("domains: []\ndefaults: { deliver: { nexthop: '[a.test]' } }", "does not say its `level`"),
    ] {
        let (valid, said) = said(policy);
        assert!(!valid && said.len() == 1 && said[0].contains(expected), "{policy}: {said:?}");
    }
    // What only has it from the defaults demands nothing there.
    let (valid, told) =
        said("defaults: { deliver: encrypt }\ndomains: [u@a.test]\nlocal: {}\nsenders: [b.test]");
    assert!(valid && told.is_empty(), "{told:?}");
}

#[test]
fn what_is_laxer_than_it_looks_is_a_warning_that_says_what_will_happen() {
    for (terms, expected) in [
        ("none", "3:12 level none: this mail always leaves in the clear"),
        ("may", "level may: this mail leaves in the clear where the server offers no TLS"),
        ("{ level: dane }", "3:21 level dane: without TLSA records it is as good as may"),
        ("verify", "who forges DNS gives another one"),
        ("{ level: verify, match: hostname }", "who forges DNS gives another one"),
        ("{ level: secure, match: [nexthop, hostname] }", "who forges DNS gives another one"),
    ] {
        let (valid, said) = of_terms(terms);
        assert!(valid && said.len() == 1 && said[0].contains(expected), "{terms}: {said:?}");
    }
    for terms in [
        "encrypt",
        "dane-only",
        "secure",
        "{ level: secure, match: [nexthop, dot-nexthop] }",
        "{ level: verify, match: mx.test }",
        "{ level: encrypt, ciphers: medium, protocols: ['!TLSv1', '!TLSv1.1'], servername: nexthop }",
        "{ level: secure, nexthop: ['[mx.test]', '[MX.test]', mx.test, '[192.0.2.1]:2525'] }",
    ] {
        assert_eq!(of_terms(terms), (true, vec![]), "{terms}");
    }
    let (valid, told) = said("domains: [{ domain: a.test, mode: off, deliver: encrypt }]");
    assert!(valid && told[0].contains("`deliver` is not in force: the entry is off"), "{told:?}");
    let (valid, told) =
        said("defaults: { deliver: secure }\ndomains: [{ domain: a.test, deliver: encrypt }]");
    assert!(
        valid && told[0].contains("level encrypt asks for less than the defaults do (secure)"),
        "{told:?}"
    );
}

#[test]
fn each_part_is_inherited_by_itself_and_match_by_its_kind_of_level() {
    let defaults = "defaults: { deliver: { level: secure, match: nexthop, ciphers: high, nexthop: '[hub.test]' } }";
    for (terms, expected) in [
        (
            "{ min_version: TLSv1.3 }",
            "secure match=nexthop protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2 ciphers=high",
        ),
        ("{ level: encrypt }", "encrypt ciphers=high"),
        ("{ level: verify }", "verify match=nexthop ciphers=high"),
        ("none", "none"),
        ("dane-only", "dane-only ciphers=high"),
        ("{ match: mx.test, ciphers: medium }", "secure match=mx.test ciphers=medium"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        fs::write(&path, format!("{defaults}\ndomains: [{{ domain: a.test, deliver: {terms} }}]"))
            .unwrap();
        let policy = load(&path).policy.unwrap_or_else(|problems| panic!("{problems}"));
        let deliver = policy.domains.get("a.test").unwrap().deliver.as_ref().unwrap();
        assert_eq!(deliver.demand.to_string(), expected, "{terms}");
        assert_eq!(deliver.next_hops.len(), 1, "{terms}");
    }
}

#[test]
fn a_shared_next_hop_is_told_with_what_holds() {
    let entry = |name: &str, terms: &str| format!("- {{ domain: {name}, {terms} }}\n");
    let hop = "nexthop: '[mx.test]'";
    for (one, other, expected) in [
        (
            "deliver: { level: encrypt, nexthop: '[mx.test]' }",
            "deliver: { level: secure, nexthop: '[MX.test]' }",
            "3:13 [mx.test] is the next hop of a.test, too (line 2), which demands `encrypt`: the strictest holds for the mail of both, `secure`",
        ),
        (
            "deliver: { level: secure, match: a.test, nexthop: '[mx.test]' }",
            "deliver: { level: secure, match: b.test, nexthop: '[mx.test]' }",
            "the two contradict each other, and the mail of both is held to `secure match=a.test`",
        ),
        (
            "deliver: { level: secure, nexthop: '[mx.b.test]' }",
            "deliver: { level: secure, match: b.test, nexthop: '[mx.b.test]' }",
            "the two contradict each other, and the mail of both is held to `secure match=b.test`",
        ),
        (
            "deliver: { level: dane-only, nexthop: '[mx.test]' }",
            "deliver: { level: secure, nexthop: '[mx.test]' }",
            "the two contradict each other, and the mail of both is held to `dane-only`",
        ),
        (
            "deliver: { level: encrypt, nexthop: '[mx.test]' }",
            "mode: monitor, deliver: { level: encrypt, nexthop: '[mx.test]' }",
            "whose mode is enforce and not monitor: the mail of both is held to `encrypt`",
        ),
    ] {
        let (valid, told) =
            said(&format!("domains:\n{}{}", entry("a.test", one), entry("b.test", other)));
        assert!(valid && told.len() == 1 && told[0].contains(expected), "{told:?}");
    }
    let same = format!("deliver: {{ level: encrypt, {hop} }}");
    let rows: String = (0..500).map(|n| entry(&format!("d{n}.test"), &same)).collect();
    assert_eq!(said(&format!("domains:\n{rows}")), (true, vec![]));
}
