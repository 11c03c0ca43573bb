//! What an entry, a partner and the sender of an exception can be named by, in files.

use config::policy_file::{Loaded, load};
use std::fs;

fn read(policy: &str) -> Loaded {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, policy).unwrap();
    load(&path)
}

fn errors(policy: &str) -> Vec<String> {
    let Err(problems) = read(policy).policy else { panic!("{policy} is valid") };
    problems.shown().iter().map(|problem| problem.message.clone()).collect()
}

fn warnings(policy: &str) -> Vec<String> {
    let Loaded { policy: read, warnings, .. } = read(policy);
    read.unwrap_or_else(|problems| panic!("{policy}: {problems}"));
    warnings.shown().iter().map(|problem| problem.message.clone()).collect()
}

#[test]
fn what_can_be_no_domain_is_an_error_wherever_a_domain_is_named() {
    for name in ["“example.com”", "192.0.2.7", "example.123", "☃.example", "example.com\u{200b}"]
    {
        for policy in [
            format!("domains: [\"{name}\"]\n"),
            format!("domains: [{{ domain: \"{name}\", mode: monitor }}]\n"),
            format!("senders: [{{ domain: \"{name}\" }}]\n"),
            format!(
                "domains: [{{ domain: a.example, exceptions: [{{ sender: \"{name}\", reason: x }}] }}]\n"
            ),
        ] {
            let told = errors(&policy);
            assert!(told.len() == 1 && told[0].contains("is not a domain"), "{policy}{told:?}");
        }
    }
    let contact = "domains: [{ domain: a.example, contact: postmaster@“example.com” }]";
    assert!(errors(contact)[0].contains("is not a mail address"));
}

#[test]
fn a_client_is_still_named_by_its_address() {
    let policy = "trusted: { clients: [192.0.2.1, \"2001:db8::/32\"] }\n\
        domains: [{ domain: a.example, exceptions: [{ client: [198.51.100.0/24], reason: x }] }]";
    assert_eq!(warnings(policy), [""; 0]);
}

#[test]
fn what_is_hardly_meant_is_valid_with_a_warning_wherever_a_domain_is_named() {
    for name in ["co.uk", "*.co.uk", "localhost", "b\u{430}nk.example"] {
        for policy in [
            format!("domains: [\"{name}\"]"),
            format!("senders: [\"{name}\"]"),
            format!(
                "domains: [{{ domain: a.example, exceptions: [{{ sender: \"{name}\", reason: x }}] }}]"
            ),
        ] {
            assert_eq!(warnings(&policy).len(), 1, "{policy}");
        }
    }
    assert_eq!(warnings("domains: [пример.example, bücher.example, 例え.example]"), [""; 0]);
}
