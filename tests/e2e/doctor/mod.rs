//! doctor against real MTAs: what is broken is named rightly, and what is right is not blamed.

mod certificates;
mod milters;
mod next_hops;
mod tls;

use crate::support::{Milter, MilterOptions, Postfix, PostfixOptions, open_directory, wait_until};
use certificates::{Files, Issuer, NAME};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use tempfile::TempDir;

const POLICY: &str = "domains: [example.com]\n";

/// A server's key and certificate, as they should be, and who issued it.
struct Identity {
    issuer: Issuer,
    key: PKey<Private>,
    certificate: X509,
}

impl Identity {
    fn new() -> Self {
        let issuer = Issuer::root("Example Root");
        let key = certificates::key();
        let certificate = issuer.issue(&key, NAME, [-1, 90]);
        Self { issuer, key, certificate }
    }
}

/// A milter that says how it is; it does when this returns.
fn milter() -> Milter {
    milter_with(POLICY, MilterOptions::default())
}

fn milter_with(policy: &str, options: MilterOptions) -> Milter {
    let milter = Milter::start_with(policy, options.settings("status_file: status.json"));
    let key = milter.directory().join("trial.key");
    wait_until("the milter's status", || key.exists().then_some(()));
    milter
}

/// A Postfix with these lines, where other servers come in through smtpd.
fn postfix(milter: &Milter, lines: &[String]) -> Postfix {
    Postfix::start(with(PostfixOptions::default().milter(milter).outside("smtpd"), lines))
}

fn with(options: PostfixOptions, lines: &[String]) -> PostfixOptions {
    lines.iter().fold(options, |options, line| options.main(line))
}

/// The lines that name a certificate and its key.
fn files(certificate: &str, key: &str) -> Vec<String> {
    vec![
        format!("smtpd_tls_cert_file = {certificate}"),
        format!("smtpd_tls_key_file = {key}"),
        "smtpd_tls_CAfile =".into(),
    ]
}

/// A directory for certificates that Postfix's user can reach.
fn room() -> (TempDir, Files) {
    let directory = open_directory("certificates");
    let files = Files(directory.path().to_path_buf());
    (directory, files)
}

/// The answers of doctor that are about sessions with the MTA, without those that say that all is right.
fn about_mail(said: &str) -> Vec<String> {
    about(said, "mail")
}

/// Those whose subject begins with this word.
fn about(said: &str, subject: &str) -> Vec<String> {
    let mut answers: Vec<String> = Vec::new();
    for line in said.lines() {
        if line.starts_with(' ') {
            if let Some(last) = answers.last_mut() {
                last.push('\n');
                last.push_str(line.trim());
            }
        } else {
            answers.push(line.into());
        }
    }
    answers.retain(|answer| answer.split_whitespace().nth(1) == Some(subject));
    answers
}
