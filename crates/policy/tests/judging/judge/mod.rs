//! The judgement, as tables: one policy, then a line a case.

mod partners;
mod recipients;
mod replies;
mod terms;

use config::policy_file;
use policy::{Case, Client, OnUnknownTls, Policy, Recipient, Sender, TlsState, judge};
use std::fs;

const POLICY: &str = r#"
defaults: { mode: enforce }
requirements:
  modern: { min_version: TLSv1.2, forward_secrecy: true, aead: true }
trusted:
  clients: [192.0.2.0/28, "2001:db8:1::/64"]
  authenticated: true
local: { mode: enforce }
domains:
  - example.com
  - "*.example.com"
  - { domain: free.example.com, mode: off }
  - { domain: "*.deep.example.com", mode: monitor }
  - { domain: postmaster@example.com, mode: off }
  - { domain: strict.example, require: modern }
  - { domain: watched.example, mode: monitor, require: modern }
  - { domain: soon.example, enforce_from: 2027-01-01 }
  - { domain: boss@quiet.example }
  - bücher.example
  - domain: excepted.example
    exceptions:
      - { client: 198.51.100.0/24, until: 2026-12-31, reason: "scanner" }
      - { sender: lax.example, reason: "old server" }
      - { sender: "*.wide.example", client: 203.0.113.5, reason: "both" }
senders:
  - { domain: bank.example, require: modern }
  - { domain: "*.watchedbank.example", mode: monitor }
"#;

const NOW: &str = "2026-11-23T12:00:00Z";
const PLAIN: (&str, &str) = ("", "");
const TLS13: (&str, &str) = ("TLSv1.3", "TLS_AES_256_GCM_SHA384");
const TLS12_CBC: (&str, &str) = ("TLSv1.2", "AES256-SHA");
const SSL3: (&str, &str) = ("SSLv3", "AES128-SHA");
const RC4: (&str, &str) = ("TLSv1.2", "ECDHE-RSA-RC4-SHA");
const NULL: (&str, &str) = ("TLSv1.2", "NULL-SHA256");
const EXPORT: (&str, &str) = ("TLSv1", "EXP-DES-CBC-SHA");
const ANON: (&str, &str) = ("TLSv1.2", "ADH-AES256-GCM-SHA384");

/// Reads a policy that is given as text.
fn policy_from(text: &str) -> Policy {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, text).unwrap();
    policy_file::load(&path).policy.unwrap_or_else(|problems| panic!("{problems}"))
}

/// Decision and reason for a case with the usual client and time.
fn verdict(policy: &Policy, rcpt: &str, sender: &str, tls: (&str, &str)) -> String {
    full(policy, rcpt, sender, tls, "203.0.113.9", NOW)
}

fn full(
    policy: &Policy,
    rcpt: &str,
    sender: &str,
    tls: (&str, &str),
    client: &str,
    now: &str,
) -> String {
    let tls = TlsState::from_macros(Some(tls.0.as_bytes()), Some(tls.1.as_bytes()), None);
    let client = Client { address: client.parse().ok(), ..Client::default() };
    with(policy, rcpt, sender, &tls, client, now, OnUnknownTls::Defer)
}

fn with(
    policy: &Policy,
    rcpt: &str,
    sender: &str,
    tls: &TlsState,
    client: Client,
    now: &str,
    on_unknown_tls: OnUnknownTls,
) -> String {
    let recipient = Recipient::new(rcpt.as_bytes(), None, None);
    let sender = Sender::new(sender.as_bytes(), None);
    let case = Case {
        tls,
        client,
        sender: &sender,
        recipient: &recipient,
        now: now.parse().unwrap(),
        on_unknown_tls,
        require: None,
    };
    let verdict = judge(policy, &case);
    assert_eq!(verdict.reply(&case).is_some(), verdict.decision().code() == "refuse");
    format!("{} {}", verdict.decision().code(), verdict.reason().kind().code())
}
