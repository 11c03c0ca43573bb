//! What `explain` prints: the question, and the answer.

use config::policy_file::{Question, WrittenCase};
use policy::TlsState;
use policy::explanation::Explanation;
use serde::Serialize;
use std::io::{self, Write};

/// Writes a value as a JSON object on a line.
pub(super) fn object(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(value)?)
}

/// Writes what was asked, and the way to the verdict, step by step.
pub(super) fn steps(
    out: &mut impl Write,
    written: &WrittenCase,
    question: &Question,
    explanation: &Explanation,
) -> io::Result<()> {
    let case = question.case();
    writeln!(out, "RCPT TO     {}", written.rcpt.escape_default())?;
    let sender = match written.sender.as_deref() {
        None | Some("") => "<> (none was given)".into(),
        Some(sender) => sender.escape_default().to_string(),
    };
    writeln!(out, "MAIL FROM   {sender}")?;
    let client = case.client.address.map_or_else(|| "unknown".into(), |ip| ip.to_string());
    let authenticated = if case.client.authenticated { ", authenticated" } else { "" };
    writeln!(out, "client      {client}{authenticated}")?;
    writeln!(out, "TLS         {}", tls_in_words(case.tls))?;
    writeln!(out, "at          {}", case.now)?;
    write!(out, "\n{explanation}")
}

fn tls_in_words(tls: &TlsState) -> String {
    match tls {
        TlsState::Plaintext => "none: the session is not encrypted".into(),
        TlsState::Unknown => "unknown: the MTA does not tell".into(),
        TlsState::Encrypted(encryption) => {
            let bits = encryption.bits().map(|bits| format!(", {bits} bits")).unwrap_or_default();
            format!("{} {}{bits}", encryption.version(), encryption.cipher())
        }
    }
}
