//! Which entry decides for a recipient, however its address is written.

use super::{ANON, EXPORT, NULL, PLAIN, POLICY, RC4, SSL3, TLS12_CBC, TLS13, policy_from, verdict};

#[test]
fn only_opted_in_recipients_are_refused_and_only_over_inadequate_sessions() {
    let policy = policy_from(POLICY);
    for (rcpt, tls, expected) in [
        ("<u@example.com>", PLAIN, "refuse plaintext"),
        ("<u@EXAMPLE.com.>", PLAIN, "refuse plaintext"),
        ("<u@example.com>", TLS13, "accept adequate"),
        ("<u@example.com>", TLS12_CBC, "accept adequate"),
        ("<u@example.com>", ANON, "accept adequate"),
        ("<u@example.com>", SSL3, "refuse protocol-version"),
        ("<u@example.com>", RC4, "refuse cipher"),
        ("<u@example.com>", NULL, "refuse null-cipher"),
        ("<u@example.com>", EXPORT, "refuse cipher"),
        ("<u@bücher.example>", PLAIN, "refuse plaintext"),
        ("<u@xn--bcher-kva.example>", PLAIN, "refuse plaintext"),
        ("<u@other.example>", PLAIN, "accept not-opted-in"),
        ("<u@other.example>", NULL, "accept not-opted-in"),
        ("<u@notexample.com>", PLAIN, "accept not-opted-in"),
        ("<u@com>", PLAIN, "accept not-opted-in"),
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", tls), expected, "{rcpt} {tls:?}");
    }
}

#[test]
fn the_most_specific_entry_decides() {
    let policy = policy_from(POLICY);
    for (rcpt, expected) in [
        ("<u@a.example.com>", "refuse plaintext"),
        ("<u@b.a.example.com>", "refuse plaintext"),
        ("<u@free.example.com>", "accept off"),
        ("<u@below.free.example.com>", "refuse plaintext"),
        ("<u@x.deep.example.com>", "would-refuse plaintext"),
        ("<u@deep.example.com>", "refuse plaintext"),
        ("<Postmaster@example.com>", "accept off"),
        ("<postmaster@a.example.com>", "refuse plaintext"),
        ("<boss@quiet.example>", "refuse plaintext"),
        ("<BOSS@quiet.example>", "refuse plaintext"),
        ("<boss+news@quiet.example>", "refuse plaintext"),
        ("<\"boss\"@quiet.example>", "refuse plaintext"),
        ("<clerk@quiet.example>", "accept not-opted-in"),
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), expected, "{rcpt}");
    }
}

#[test]
fn an_extension_does_not_lead_out_of_an_enforced_domain() {
    // Where the MTA knows no extensions, postmaster+x is a mailbox like any other.
    let policy = policy_from(POLICY);
    assert_eq!(verdict(&policy, "<postmaster+x@example.com>", "<>", PLAIN), "refuse plaintext");
}

#[test]
fn an_extension_is_found_by_the_policys_own_delimiter_also_in_quotes() {
    let policy = policy_from("recipient_delimiter: \"-\"\ndomains: [boss@free.example]");
    for rcpt in
        ["<boss-x@free.example>", "<\"boss-x\"@free.example>", "<\"boss-x y\"@free.example>"]
    {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
    }
    assert_eq!(
        verdict(&policy, "<boss+x@free.example>", "<a@b.test>", PLAIN),
        "accept not-opted-in"
    );
}

#[test]
fn what_stands_in_place_of_a_domain_and_is_none_is_held_to_the_strictest_terms() {
    let policy = policy_from(POLICY);
    for rcpt in [
        "<u@foo#bar.example.com>",
        "<u@x/example.com>",
        "<u@example.com&x>",
        "<\"a b\"@x#.example.com>",
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
    }
}

#[test]
fn the_strictest_domain_in_sight_decides() {
    let policy = policy_from(POLICY);
    for rcpt in [
        "<u%example.com@other.example>",
        "<example.com!u>",
        "<@other.example:u@example.com>",
        "<@example.com:u@other.example>",
        "<\"u@example.com\">",
        "<u@other.example>,<v@example.com>",
        "<u@example.com>,<v@other.example>",
        "u<v@example.com>@other.example",
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", TLS13), "accept adequate", "{rcpt}");
    }
}

#[test]
fn a_recipient_that_cannot_be_understood_is_held_to_the_strictest_terms() {
    let strict = policy_from(POLICY);
    for rcpt in ["<>", "<u@a..b>", "<u@\u{7}x>"] {
        assert_eq!(verdict(&strict, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt:?}");
        assert_eq!(
            verdict(&strict, rcpt, "<a@b.test>", TLS12_CBC),
            "refuse forward-secrecy",
            "{rcpt:?}"
        );
        assert_eq!(verdict(&strict, rcpt, "<a@b.test>", TLS13), "accept adequate", "{rcpt:?}");
    }
    // Where nothing is enforced, it is not refused either; another domain's exception is not its.
    let watched = policy_from("defaults: { mode: monitor }\ndomains: [example.com]");
    assert_eq!(verdict(&watched, "<u@a..b>", "<a@b.test>", PLAIN), "would-refuse plaintext");
    let later = policy_from(
        "domains: [{ domain: a.example, enforce_from: 2027-01-01 }, { domain: b.example, enforce_from: 2026-01-01 }]",
    );
    assert_eq!(verdict(&later, "<u@a..b>", "<a@b.test>", PLAIN), "refuse plaintext");
    let empty = policy_from("domains: []");
    assert_eq!(verdict(&empty, "<u@a..b>", "<a@b.test>", PLAIN), "accept not-opted-in");
}

#[test]
fn the_mtas_own_recipients_are_judged_where_the_policy_names_them() {
    let named = policy_from(POLICY);
    let silent = policy_from("domains: [example.com]");
    for rcpt in ["<postmaster>", "<u@[192.0.2.1]>", "<u@[IPv6:2001:db8::1]>"] {
        assert_eq!(verdict(&named, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
        assert_eq!(verdict(&silent, rcpt, "<a@b.test>", PLAIN), "accept not-opted-in", "{rcpt}");
    }
}
