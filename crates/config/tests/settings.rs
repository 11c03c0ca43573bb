//! Settings that are wrong: what is said, and where.

use config::settings::Settings;
use std::fs;

#[test]
fn what_lies_about_the_settings_is_told_in_one_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("milter.yaml");
    let settings = "lisen: inet:127.0.0.1:8893\nlisten: [inet:8893@localhost, unix:relative]\nlog: { level: trace }\nlimits: { connections: 0 }\non_unknown_tls: accept\n";
    fs::write(&path, settings).unwrap();
    let said = Settings::load(&path).unwrap_err().to_string();
    for part in [
        "there is no key `lisen` here",
        "this is Sendmail's way to write it",
        "a Unix socket needs its full path",
        "the settings do not say `policy`",
        "`level` must be one of: error, warn, info, debug",
        "`connections` must be at least 1",
        "`on_unknown_tls` must be one of: defer, pass",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn wrong_settings_of_the_ledger_are_shown_with_their_places() {
    let said = |text: &str| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("milter.yaml");
        fs::write(&path, format!("listen: inet:127.0.0.1:0\npolicy: policy.yaml\n{text}")).unwrap();
        Settings::load(&path).map_or_else(
            |problems| problems.to_string(),
            |settings| {
                settings.ledger.map_or("off".into(), |ledger| format!("{:?}", ledger.clients))
            },
        )
    };
    assert_eq!(said(""), "off");
    assert_eq!(said("state_dir: s"), "Full");
    assert_eq!(said("state_dir: s\nledger: off"), "off");
    assert_eq!(said("state_dir: s\nledger: { clients: network }"), "Network");
    for (text, words) in [
        ("ledger: { retention_days: 5 }", "the ledger has no place"),
        ("state_dir: s\nledger: on", "either `off` or a mapping"),
        ("state_dir: s\nledger: { clients: some }", "one of: full, network, hashed"),
        ("state_dir: s\nledger: { retention_days: 0 }", "must be at least 1"),
        ("state_dir: s\nledger: { retention: 5 }", "did you mean `retention_days`?"),
        ("state_dir: [s]", "must be a single value"),
    ] {
        let said = said(text);
        assert!(said.contains(words) && said.contains("milter.yaml:"), "{text}: {said}");
    }
}
