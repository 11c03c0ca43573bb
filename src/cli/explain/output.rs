//! A verdict in words, and as JSON.

use super::input::Facts;
use policy::{
    Case, Decision, DomainName, EntryPlace, Finding, Policy, Reason, Sighting, Subject, TlsState,
    Verdict,
};
use serde::Serialize;
use std::io::{self, Write};

/// The answer to one case of a batch.
#[derive(Debug, Serialize)]
struct Answer {
    verdict: &'static str,
    reason: &'static str,
    domain: Option<String>,
    reply: Option<String>,
    detail: String,
    entry: Option<String>,
    requirement: Option<String>,
    tls_version: String,
    cipher: String,
}

/// Writes the verdict as a JSON object on a line.
pub(super) fn object(
    out: &mut impl Write,
    case: &Case<'_>,
    verdict: &Verdict<'_>,
) -> io::Result<()> {
    let finding = verdict.finding.as_ref();
    let deciding = finding.and_then(|finding| finding.subject.domain());
    let answer = Answer {
        verdict: verdict.decision().code(),
        reason: verdict.reason().kind().code(),
        domain: deciding.or_else(|| case.recipient.domain()).map(ToString::to_string),
        reply: verdict.reply(case).map(|reply| reply.to_string()),
        detail: verdict.reason().to_string(),
        entry: finding.and_then(|finding| Some(finding.matched.as_ref()?.pattern.to_string())),
        requirement: finding.map(|finding| requirement_name(case, finding).to_owned()),
        tls_version: case.tls.version().into_owned(),
        cipher: case.tls.cipher().to_string(),
    };
    writeln!(out, "{}", serde_json::to_string(&answer)?)
}

fn requirement_name<'a>(case: &Case<'a>, finding: &'a Finding<'_>) -> &'a str {
    case.require.unwrap_or(&finding.entry.requirement).name()
}

/// Writes the way to the verdict, step by step.
pub(super) fn steps(
    out: &mut impl Write,
    policy: &Policy,
    facts: &Facts,
    verdict: &Verdict<'_>,
) -> io::Result<()> {
    let case = facts.case();
    writeln!(out, "RCPT TO     {}", facts.rcpt.escape_default())?;
    let sender = if facts.sender_text.is_empty() {
        "<> (none was given)".into()
    } else {
        facts.sender_text.escape_default().to_string()
    };
    writeln!(out, "MAIL FROM   {sender}")?;
    let client = case.client.address.map_or_else(|| "unknown".into(), |ip| ip.to_string());
    let authenticated = if case.client.authenticated { ", authenticated" } else { "" };
    writeln!(out, "client      {client}{authenticated}")?;
    writeln!(out, "TLS         {}", tls_in_words(case.tls))?;
    writeln!(out, "at          {}", case.now)?;
    writeln!(out, "\nIn sight:")?;
    sight(out, policy, &case)?;
    let findings = policy.findings(&case);
    if findings.is_empty() {
        writeln!(out, "\nNo entry of the policy applies.")?;
    }
    for finding in &findings {
        writeln!(out)?;
        entry(out, policy, &case, finding)?;
    }
    writeln!(
        out,
        "\nverdict     {} ({}): {}",
        verdict.decision().code(),
        verdict.reason().kind().code(),
        verdict.reason()
    )?;
    if let Some(reply) = verdict.reply(&case) {
        for line in reply.to_string().lines() {
            writeln!(out, "reply       {line}")?;
        }
    }
    Ok(())
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

fn sight(out: &mut impl Write, policy: &Policy, case: &Case<'_>) -> io::Result<()> {
    let mut line = |what: &str, how: &str| writeln!(out, "  {what} ({how})");
    for domain in domains(case.recipient.seen()) {
        line(domain.as_str(), "recipient")?;
    }
    if case.recipient.is_local() {
        let how = if policy.local.is_some() {
            "judged by `local`"
        } else {
            "the policy has no `local`: not judged"
        };
        line("a recipient without a domain or at an address literal", how)?;
    }
    if case.recipient.is_unreadable() {
        line("a recipient that cannot be understood", "judged by the strictest entries in force")?;
    }
    for domain in domains(case.sender.seen()) {
        line(domain.as_str(), "sender")?;
    }
    Ok(())
}

/// Each domain once, in the order of sight.
fn domains(seen: &[Sighting]) -> Vec<&DomainName> {
    let mut domains = Vec::new();
    for Sighting { domain, .. } in seen {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains
}

fn entry(
    out: &mut impl Write,
    policy: &Policy,
    case: &Case<'_>,
    finding: &Finding<'_>,
) -> io::Result<()> {
    let subject = match &finding.subject {
        Subject::Recipient(domain, _) => format!("For {domain}"),
        Subject::Sender(domain) => format!("From {domain}"),
        Subject::Local => "For the MTA's own recipients".into(),
        Subject::Unreadable => "For a recipient that cannot be understood".into(),
    };
    writeln!(out, "{subject}:")?;
    if let Some(matched) = &finding.matched {
        writeln!(out, "  entry       {} ({})", matched.pattern, place(policy, matched.place()))?;
    }
    writeln!(out, "  mode        {} (now: {})", finding.entry.schedule, finding.mode)?;
    if let Some(contact) = &finding.entry.contact {
        writeln!(out, "  contact     {contact}")?;
    }
    let judged = match &finding.reason {
        Reason::Fault(_) => "not satisfied",
        Reason::Adequate => "satisfied",
        Reason::Exception(_) => "not satisfied, but an exception holds",
        _ => "not asked",
    };
    writeln!(out, "  require     {}: {judged}", requirement_name(case, finding))?;
    let count = finding.entry.exceptions.len();
    let exception = match &finding.reason {
        Reason::Exception(exception) => format!("\"{}\" holds", exception.reason.escape_default()),
        _ if count == 0 => "none".into(),
        Reason::Fault(_) => format!("none of {count} holds for this client, sender and time"),
        _ => format!("{count}, not needed"),
    };
    writeln!(out, "  exceptions  {exception}")?;
    let decision = match finding.decision {
        Decision::Accept => "accept",
        Decision::WouldRefuse => "accept; would be refused in mode enforce",
        Decision::Refuse => "refuse",
    };
    writeln!(out, "  so          {decision}: {}", finding.reason)
}

fn place(policy: &Policy, place: EntryPlace) -> String {
    let file = policy.files.get(usize::from(place.file)).map(|path| path.display().to_string());
    format!("{}:{}", file.unwrap_or_default(), place.line)
}
