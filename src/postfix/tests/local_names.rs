//! Names of mydestination that lead to an opted-in domain's mailboxes.

use super::*;

/// Debian's own form, with the opted-in domain.
const DEBIAN: &str = "myhostname = mx.example.com\nmyorigin = mx.example.com\n\
    mydestination = mx.example.com, example.com, localhost.example.com, localhost";
const TRUSTED: &str = "trusted: { clients: [127.0.0.0/8, \"::1/128\"], authenticated: true }\n";

#[test]
fn other_names_for_the_mailboxes_of_an_opted_in_domain_are_found() {
    let local = |main: &str, policy: &str| {
        said(
            &postfix(&format!("{DEBIAN}\n{main}"), &[SMTP]),
            SETTINGS,
            &format!("{TRUSTED}{policy}"),
        )
    };
    let names = [
        "| localhost\n",
        "| localhost.example.com\n",
        "| mx.example.com\n",
        "| no domain, as in <user>",
    ];
    for transport in ["", "local_transport = local:$myhostname", "local_transport = local"] {
        let found = local(transport, "domains: [example.com]\n");
        only(&found, Error, &["main.cf: mydestination", "have `local: { mode: enforce }`"]);
        only(&found, Error, &names);
        assert!(!found[0].1.contains("| example.com"), "{found:?}");
        assert_eq!(local(transport, "domains: [example.com]\nlocal: { mode: enforce }\n"), []);
    }
    only(
        &local("", "domains: [{ domain: example.com, mode: monitor }]\n"),
        Warning,
        &["example.com: in mode monitor and local here"],
    );
    only(
        &local("", "domains: [boss@example.com]\n"),
        Error,
        &["boss@example.com: opted in", "<boss@[192"],
    );
    // The host's own name may be opted in without being meant.
    only(&local("", "domains: ['*.example.com']\n"), Warning, &["mx.example.com: opted in"]);
    // Nobody else's mailboxes are those of a virtual domain, or of one that is not local.
    assert_eq!(local("", "domains: [example.org]\n"), []);
}

#[test]
fn names_that_are_switched_off_and_lead_to_the_mailboxes_of_an_opted_in_domain_are_told_of() {
    let local =
        |policy: &str| said(&postfix(DEBIAN, &[SMTP]), SETTINGS, &format!("{TRUSTED}{policy}"));
    let off =
        "domains: [example.com, { domain: localhost, mode: off }]\nlocal: { mode: enforce }\n";
    let found = local(off);
    only(
        &found,
        Warning,
        &["in the clear by the policy", "| localhost (by the entry localhost)\n"],
    );
    assert!(!found[0].1.contains("mx.example.com (by"), "{found:?}");
    let below = "domains: [example.com, { domain: '*.example.com', mode: off }]\nlocal: {}\n";
    only(&local(below), Warning, &["| mx.example.com (by the entry *.example.com)"]);
    let watched = "domains: [example.com]\nlocal: { mode: monitor }\n";
    only(&local(watched), Warning, &["| localhost (by the entry `local`)", "<user> (by the entry"]);
    // Every domain is not one of these names.
    let every = "domains: [example.com, { domain: '*', mode: off }]\n";
    only(&local(every), Error, &["| localhost\n"]);
}

#[test]
fn where_another_program_than_local_delivers_each_name_must_be_opted_in_itself() {
    let main = format!("{DEBIAN}\nlocal_transport = lmtp:unix:private/dovecot-lmtp");
    let local =
        |policy: &str| said(&postfix(&main, &[SMTP]), SETTINGS, &format!("{TRUSTED}{policy}"));
    let found = local("domains: [example.com]\nlocal: { mode: enforce }\n");
    only(&found, Error, &["name each of them under `domains`", "| localhost\n"]);
    assert!(!found[0].1.contains("| no domain"), "{found:?}");
    let all = "domains: [example.com, '*.example.com', localhost]\nlocal: { mode: enforce }\n";
    assert_eq!(local(all), []);
}

#[test]
fn names_in_tables_and_files_are_local_names_as_well() {
    let main = "mydestination = localhost, hash:/etc/postfix/local, /etc/postfix/names";
    let mut facts = postfix(main, &[SMTP]);
    let policy = format!("{TRUSTED}domains: [example.com]\n");
    assert_eq!(said(&facts, SETTINGS, &policy), []);
    let entries = |name: &str| MapContents::Entries(vec![(name.into(), "x".into())]);
    facts.maps.insert("hash:/etc/postfix/local".into(), entries("Example.COM"));
    facts.maps.insert("/etc/postfix/names".into(), entries("other.example"));
    only(&said(&facts, SETTINGS, &policy), Error, &["| localhost\n", "| other.example\n"]);
}
