//! `mandatory-tls export`: what the policy says of the second hop, as a map for an MTA that asks nobody.

mod postfix;
mod sendmail;

use super::eyes::INSTALLED;
use super::failure::{Failure, ended};
use super::which_policy;
use config::files;
use jiff::Timestamp;
use policy::Policy;
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

const AFTER_HELP: &str = "\
A map says what holds when it is made: make it anew when the policy changes, and once a day for dates. With \
--output, a file is replaced whole and only if something has changed; where the policy has errors it stays.

Examples:
  mandatory-tls export postfix-tls-policy --output /etc/postfix/tls_policy && postfix reload
    (with -o smtp_tls_policy_maps=texthash:/etc/postfix/tls_policy at the service `relay` in master.cf)
  mandatory-tls export sendmail-access >>/etc/mail/access && makemap hash /etc/mail/access </etc/mail/access";

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// What to make
    #[arg(value_enum, value_name = "WHAT")]
    what: What,
    /// The settings, which name the policy
    #[arg(long, value_name = "FILE", default_value = INSTALLED, conflicts_with = "policy")]
    config: PathBuf,
    /// Export this policy, in place of that of the settings
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Replace this file, in place of writing to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// A map for smtp_tls_policy_maps of Postfix: the source of texthash, hash, lmdb, cdb
    PostfixTlsPolicy,
    /// Lines for the access map of Sendmail: TLS_Rcpt and Try_TLS
    SendmailAccess,
}

/// The lines of a map, and what they cannot say.
#[derive(Default)]
struct Map {
    lines: Vec<u8>,
    remarks: Remarks,
}

/// What a map cannot say, each kind with what it is about.
#[derive(Default)]
struct Remarks(Vec<(&'static str, Vec<String>, usize)>);

/// So many of a kind are named.
const NAMED: usize = 5;

impl Remarks {
    fn add(&mut self, what: &'static str, name: &str) {
        let at = match self.0.iter().position(|(known, ..)| *known == what) {
            Some(at) => at,
            None => {
                self.0.push((what, Vec::new(), 0));
                self.0.len() - 1
            }
        };
        if let Some((_, names, count)) = self.0.get_mut(at) {
            *count += 1;
            if names.len() < NAMED {
                names.push(name.to_owned());
            }
        }
    }
}

/// The mode of a new file: MTAs read their maps as another user than who makes them.
const MODE: u32 = 0o644;

pub(super) fn run(args: &Args) -> ExitCode {
    ended(export(args))
}

fn export(args: &Args) -> Result<(), Failure> {
    let policy = which_policy::read(args.policy.as_ref(), &args.config)
        .map_err(|problems| Failure::config(&problems))?;
    let map = make(args.what, &policy, Timestamp::now())?;
    for (what, names, count) in &map.remarks.0 {
        let more = if *count > names.len() { ", and so on" } else { "" };
        eprintln!("warning: {what}: {}{more} ({count})", names.join(", "));
    }
    let Some(path) = &args.output else {
        return Ok(io::stdout().lock().write_all(&map.lines)?);
    };
    if fs::read(path).is_ok_and(|there| there == map.lines) {
        return Ok(());
    }
    files::replace(path, &map.lines, MODE)
        .map_err(|error| Failure::unavailable(format!("error: {}: {error}", path.display())))
}

fn make(what: What, policy: &Policy, now: Timestamp) -> io::Result<Map> {
    match what {
        What::PostfixTlsPolicy => postfix::map(policy, now),
        What::SendmailAccess => sendmail::map(policy, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that are no comments, and the remarks.
    fn made(what: What, yaml: &str) -> (Vec<String>, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        fs::write(&path, yaml).unwrap();
        let policy = config::policy_file::load(&path).policy.unwrap();
        let map = make(what, &policy, "2026-12-01T00:00:00Z".parse().unwrap()).unwrap();
        let lines = String::from_utf8(map.lines).unwrap();
        let lines = lines.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
        let remarks = map
            .remarks
            .0
            .iter()
            .map(|(what, names, count)| format!("{what}: {} ({count})", names.join(", ")));
        (lines.collect(), remarks.collect())
    }

    const POLICY: &str = r#"
defaults: { deliver: encrypt }
domains:
- plain.example
- b\u00fccher.example
- { domain: strict.example, deliver: { level: secure, match: mx.strict.example, nexthop: "[mx.hoster.example]:25" } }
- { domain: shared.example, deliver: { nexthop: ["[MX.Hoster.example]:25", "[mx.hoster.example]"] } }
- { domain: watched.example, mode: monitor }
- { domain: later.example, enforce_from: 2027-01-01 }
- { domain: plaintext.example, deliver: { level: none, nexthop: "[old.example]" } }
- { domain: "*.wild.example", deliver: { min_version: TLSv1.2, ciphers: high } }
- { domain: free.wild.example, mode: off }
- { domain: user@box.example, deliver: { level: fingerprint, match: "0011223344556677889900112233445566778899", nexthop: "[box.example]" } }
senders: [partner.example]
"#;

    #[test]
    fn a_map_for_postfix_answers_as_the_running_program_does() {
        let (lines, remarks) = made(What::PostfixTlsPolicy, &POLICY.replace("\\u00fc", "\u{fc}"));
        let secure = "secure match=mx.strict.example";
        assert_eq!(
            lines,
            [
                "plain.example encrypt",
                "xn--bcher-kva.example encrypt",
                &format!("strict.example {secure}"),
                &format!("[mx.hoster.example]:25 {secure}"),
                "shared.example encrypt",
                "[mx.hoster.example] encrypt",
                "plaintext.example none",
                "[old.example] none",
                ".wild.example encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1 ciphers=high",
                "[box.example] fingerprint match=\
                 00:11:22:33:44:55:66:77:88:99:00:11:22:33:44:55:66:77:88:99",
            ]
        );
        assert_eq!(
            remarks,
            [
                "nothing is demanded there, but a map cannot except it from what is demanded above it: \
              free.wild.example (1)"
            ]
        );
        let (lines, remarks) =
            made(What::PostfixTlsPolicy, "domains: [{ domain: '*', deliver: encrypt }]");
        assert!(lines.is_empty() && remarks.len() == 1, "{lines:?} {remarks:?}");
    }

    #[test]
    fn lines_for_sendmail_say_what_it_can_hold_a_recipient_to() {
        let (lines, remarks) = made(What::SendmailAccess, &POLICY.replace("\\u00fc", "\u{fc}"));
        assert_eq!(
            lines,
            [
                "TLS_Rcpt:plain.example\tTEMP+ENCR:112",
                "TLS_Rcpt:xn--bcher-kva.example\tTEMP+ENCR:112",
                "TLS_Rcpt:strict.example\tTEMP+VERIFY:112+CN:mx.strict.example",
                "TLS_Rcpt:shared.example\tTEMP+ENCR:112",
                "Try_TLS:old.example\tNO",
                "TLS_Rcpt:wild.example\tTEMP+ENCR:112",
                "TLS_Rcpt:user@box.example\tTEMP+VERIFY:112",
            ]
        );
        assert_eq!(remarks.len(), 2, "{remarks:?}");
    }
}
