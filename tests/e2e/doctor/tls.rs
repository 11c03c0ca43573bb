//! TLS that is broken in every way that a server can break it.

use super::{Identity, about_mail, certificates, files, milter, milter_with, postfix, room};
use crate::support::{Milter, MilterOptions};

/// A way to break it: what is done, the lines of main.cf, the finding, its gravity, words that it has.
type Case = (&'static str, Vec<String>, &'static str, &'static str, Vec<String>);

/// Each is found, and nothing else that is worse than a note.
fn each_is_named(milter: &Milter, cases: Vec<Case>) {
    for (what, lines, id, gravity, words) in cases {
        let postfix = postfix(milter, &lines);
        let (said, status) = milter.doctor(&postfix.configuration(), &[]);
        let wrong: Vec<String> = about_mail(&said)
            .into_iter()
            .filter(|answer| answer.starts_with("ERROR") || answer.starts_with("WARNING"))
            .collect();
        assert_eq!(wrong.len(), 1, "{what}: {said}");
        assert!(
            wrong[0].starts_with(gravity) && wrong[0].contains(&format!("[{id}]")),
            "{what}: {said}"
        );
        for word in words {
            assert!(wrong[0].contains(&word), "{what}: {word:?} in {said}");
        }
        assert!(status >= 1, "{what}: {said}");
    }
}

fn line(text: &str) -> Vec<String> {
    vec![text.into()]
}

#[test]
fn files_of_keys_and_certificates_that_do_not_serve_are_named() {
    let milter = milter();
    let (_room, at) = room();
    let identity = Identity::new();
    let good = at.certificates("good.crt", &[&identity.certificate, &identity.issuer.certificate]);
    let key = at.key("good.key", &identity.key);
    let other = at.key("other.key", &certificates::key());
    let locked = at.locked_key("locked.key", &identity.key);
    let garbage =
        at.text("garbage.key", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n");
    let empty = at.text("empty.crt", "");
    let nowhere = at.nowhere("nowhere.crt");
    std::os::unix::fs::symlink(&nowhere, at.0.join("live.crt")).unwrap();
    let dangling = at.nowhere("live.crt");
    let broken = |certificate: &str, key: &str, words: &[String]| {
        let words = [words, &["454".into(), "falls back to plaintext".into()]].concat();
        (files(certificate, key), "tls-broken", "ERROR", words)
    };
    let cases: Vec<Case> = [
        (
            "another key",
            broken(&good, &other, &[format!("{other}: its key is not that of the certificate")]),
        ),
        (
            "a locked key",
            broken(&good, &locked, &[format!("{locked}: its key is locked with a passphrase")]),
        ),
        ("a damaged key", broken(&good, &garbage, &[format!("{garbage}: holds no private key")])),
        (
            "no certificate in the file",
            broken(&empty, &key, &[format!("{empty}: holds no certificate")]),
        ),
        (
            "a link to nowhere",
            broken(&dangling, &key, &[format!("{dangling}: leads to {nowhere}")]),
        ),
        ("no file", broken(&nowhere, &key, &[format!("{nowhere}: is not there")])),
    ]
    .into_iter()
    .map(|(what, (lines, id, gravity, words))| (what, lines, id, gravity, words))
    .collect();
    each_is_named(&milter, cases);
}

#[test]
fn certificates_that_senders_may_not_take_are_named() {
    let milter = milter();
    let (_room, at) = room();
    let identity = Identity::new();
    let root = &identity.issuer;
    let key = at.key("server.key", &identity.key);
    let weak = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap();
    let weak_key = at.key("weak.key", &weak);
    let with = |name: &str, days, file: &str| {
        let own = root.issue(&identity.key, name, days);
        files(&at.certificates(file, &[&own, &root.certificate]), &key)
    };
    let mx = certificates::NAME;
    let between = root.intermediate("Example Intermediate");
    let own = between.issue(&identity.key, mx, [-1, 90]);
    let incomplete = files(&at.certificates("incomplete.crt", &[&own]), &key);
    let weak_one = certificates::self_signed(&weak, [-1, 90]);
    let mut weak_lines = files(&at.certificates("weak.crt", &[&weak_one]), &weak_key);
    weak_lines.push("tls_medium_cipherlist = ALL:@SECLEVEL=0".into());
    each_is_named(
        &milter,
        vec![
            (
                "expired",
                with(mx, [-30, -3], "a.crt"),
                "certificate-expired",
                "WARNING",
                vec!["3 days ago".into()],
            ),
            (
                "too early",
                with(mx, [3, 30], "b.crt"),
                "certificate-not-yet-valid",
                "WARNING",
                vec!["clock".into()],
            ),
            ("soon", with(mx, [-80, 9], "c.crt"), "certificate-expires-soon", "WARNING", vec![]),
            (
                "another name",
                with("mail.example.net", [-1, 90], "d.crt"),
                "certificate-other-name",
                "WARNING",
                vec!["it is for mail.example.net".into(), "not for mx.example.com".into()],
            ),
            (
                "no intermediate",
                incomplete,
                "certificate-chain-incomplete",
                "WARNING",
                vec!["fullchain.pem".into()],
            ),
            ("a weak key", weak_lines, "certificate-key-unproven", "WARNING", vec!["2048".into()]),
        ],
    );
}

#[test]
fn a_certificate_of_version_1_that_has_expired_is_named_as_such() {
    let milter = milter();
    let (_room, at) = room();
    let key = certificates::key();
    let old = certificates::of_version_1(&key, [-60, -20]);
    let postfix =
        postfix(&milter, &files(&at.certificates("old.crt", &[&old]), &at.key("old.key", &key)));
    let (said, status) = milter.doctor(&postfix.configuration(), &[]);
    let answers = about_mail(&said).join("\n");
    assert!(answers.contains("[certificate-expired]") && answers.contains("20 days ago"), "{said}");
    assert!(answers.contains("has signed itself") && status == 1, "{said}");
    assert_eq!(answers.matches("WARNING").count(), 1, "{said}");
}

#[test]
fn versions_and_suites_that_senders_cannot_use_are_named() {
    let milter = milter();
    let (_room, at) = room();
    let identity = Identity::new();
    let own = [&identity.certificate, &identity.issuer.certificate];
    let good = files(&at.certificates("good.crt", &own), &at.key("good.key", &identity.key));
    let also =
        |lines: &[&str]| [good.clone(), lines.iter().map(|line| (*line).into()).collect()].concat();
    let old = "tls_medium_cipherlist = ALL:@SECLEVEL=0";
    each_is_named(
        &milter,
        vec![
            (
                "TLS off",
                also(&["smtpd_tls_security_level = none"]),
                "starttls-not-offered",
                "ERROR",
                vec!["offers no STARTTLS".into()],
            ),
            (
                "STARTTLS not announced",
                also(&["smtpd_discard_ehlo_keywords = starttls"]),
                "starttls-not-offered",
                "ERROR",
                vec!["smtpd_discard_ehlo_keywords".into()],
            ),
            (
                "only TLS 1.0 and 1.1",
                also(&["smtpd_tls_protocols = TLSv1, TLSv1.1", old]),
                "tls-too-old",
                "ERROR",
                vec!["nothing newer than TLS 1.1 and TLS 1.0".into()],
            ),
            (
                "only TLS 1.3",
                also(&["smtpd_tls_protocols = >=TLSv1.3"]),
                "tls12-missing",
                "WARNING",
                vec!["takes no TLS 1.2".into()],
            ),
            (
                "only suites without forward secrecy",
                also(&[
                    "smtpd_tls_protocols = TLSv1.2",
                    "smtpd_tls_exclude_ciphers = kECDHE, kDHE",
                ]),
                "tls-no-common-suite",
                "ERROR",
                vec!["AES256-GCM-SHA384".into()],
            ),
            (
                "suites for another key",
                also(&["smtpd_tls_protocols = TLSv1.2", "smtpd_tls_exclude_ciphers = aRSA, aNULL"]),
                "tls-no-common-suite",
                "ERROR",
                vec!["smtpd_tls_exclude_ciphers".into()],
            ),
            (
                "no certificate at all",
                vec!["smtpd_tls_cert_file =".into(), "smtpd_tls_key_file =".into()],
                "tls-broken",
                "ERROR",
                vec!["no certificate is named".into()],
            ),
        ],
    );
    // TLS 1.2 alone is enough for everybody.
    let postfix = postfix(&milter, &also(&["smtpd_tls_protocols = TLSv1.2"]));
    let (said, _) = milter.doctor(&postfix.configuration(), &[]);
    let answers = about_mail(&said);
    assert!(
        answers
            .iter()
            .any(|answer| answer.starts_with("note") && answer.contains("[tls13-missing]"))
    );
    assert!(answers.iter().any(|answer| answer.starts_with("ok")), "{said}");
}

#[test]
fn a_requirement_that_no_session_satisfies_is_named() {
    let policy = "domains: [{ domain: example.com, require: mozilla-modern }]\n";
    let milter = milter_with(policy, MilterOptions::default());
    let (_room, at) = room();
    let identity = Identity::new();
    let own = [&identity.certificate, &identity.issuer.certificate];
    let mut lines = files(&at.certificates("good.crt", &own), &at.key("good.key", &identity.key));
    lines.extend(line("smtpd_tls_protocols = TLSv1.2"));
    let words = vec!["`mozilla-modern`".into(), "TLS 1.2 TLS_ECDHE_RSA".into()];
    each_is_named(&milter, vec![("1.2", lines, "requirement-not-offered", "ERROR", words)]);
}
