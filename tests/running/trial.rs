//! A trial: a session that `doctor` has with the MTA, as the milter sees it.

use crate::support::{Milter, Mta, PATIENCE};
use jiff::Timestamp;
use mandatory_tls::trial::TrialKey;
use std::{
    fs,
    io::{Read, Write},
    time::{Duration, Instant},
};

const TLS: [(&str, &str); 3] = [
    ("{tls_version}", "TLSv1.3"),
    ("{cipher}", "TLS_AES_256_GCM_SHA384"),
    ("{cipher_bits}", "256"),
];
/// The client of the sessions is trusted, and the domain lets it through as well.
const POLICY: &str = r#"
trusted: { clients: [203.0.113.0/24] }
domains:
  - domain: example.com
    exceptions: [{ client: 203.0.113.0/24, reason: "our own" }]
"#;

fn key(milter: &Milter) -> TrialKey {
    let path = milter.path("trial.key");
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TrialKey::read(&path) {
            Ok(key) => return key,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// MAIL, as a trial has it.
fn mail(mta: &mut Mta<impl Read + Write>, token: &str) {
    mta.macros(b'M', &[("j", "mx.test")]);
    mta.send(b'M', format!("<>\0ENVID={token}\0").as_bytes());
}

#[test]
fn a_recipient_in_a_trial_is_refused_whatever_the_verdict_and_counted_nowhere() {
    let milter = Milter::start(POLICY, "status_file: status.json\nstate_dir: state");
    let key = key(&milter);
    let mut mta = milter.session();
    let (_, token) = key.token(Timestamp::now()).unwrap();
    mail(&mut mta, &token);
    // As a stranger is judged, whom nobody trusts, and never taken: not over TLS, not where nobody opted in.
    for (recipient, tls, verdict) in [
        ("<u@example.com>", &[][..], "verdict=refuse reason=plaintext tls_version=none"),
        ("<u@example.com>", &TLS[..], "verdict=accept reason=adequate tls_version=TLSv1.3"),
        ("<u@other.test>", &[], "verdict=accept reason=not-opted-in"),
    ] {
        let (letter, text) = mta.rcpt(recipient, tls);
        assert_eq!(letter, b'y');
        assert!(
            text.starts_with("450 4.7.1 mandatory-tls trial ") && text.contains(verdict),
            "{text}"
        );
    }
    mta.send(b'A', b"");
    // What is made up, or of another milter, is mail like any other.
    let other = TrialKey::new().unwrap();
    let old = Timestamp::now() - jiff::SignedDuration::from_mins(10);
    let tokens =
        ["mtls-trial-", &other.token(Timestamp::now()).unwrap().1, &key.token(old).unwrap().1];
    for token in tokens {
        mail(&mut mta, token);
        assert_eq!(mta.rcpt("<u@example.com>", &[]).0, b'c', "{token}");
        mta.send(b'A', b"");
    }
    // So is the message that follows a trial.
    mta.mail();
    assert_eq!(mta.rcpt("<u@example.com>", &[]).0, b'c');
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = fs::read(milter.path("status.json")).unwrap();
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
        if status["recipients"]["judged"] == 4 && status["ledger"]["written"] == 4 {
            break;
        }
        assert!(Instant::now() < deadline, "{status}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_key_goes_with_the_milter() {
    let mut milter = Milter::start(POLICY, "status_file: status.json");
    let first = key(&milter);
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    milter.process.wait().unwrap();
    assert!(!milter.path("trial.key").exists());
    let again = Milter::start(POLICY, "status_file: status.json");
    assert_ne!(key(&again), first);
}
