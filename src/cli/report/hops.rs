//! Both hops and failed handshakes for a terminal.

use crate::cli::table::{Row, Table, note};
use ledger::handshakes::FailedClient;
use ledger::hops::DomainHops;
use ledger::report::{Report, date_text};
use ledger::{Afterwards, OTHERS};
use pages::hops::{
    Reader, advice, afterwards, exception, failures, fault, remedy, sentence, to_know_more,
};
use pages::text::{blank_zero, number};
use policy::Language;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// What a table says is in English.
const LANGUAGE: Language = Language::English;

/// For each domain, how its mail came and how it left.
pub(super) fn both(out: &mut impl Write, report: &Report, limit: usize) -> io::Result<()> {
    let domains = &report.hops.domains;
    if domains.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(vec![
        "BOTH HOPS",
        "CAME TLS",
        "CLEAR",
        "REFUSED",
        "LEFT TLS",
        "VERIFIED",
        "CLEAR",
        "WAITS",
    ]);
    for hops in domains.iter().take(limit) {
        table.add(Row {
            name: hops.domain.clone(),
            figures: figures(hops),
            details: vec![],
            sentences: sentences(hops),
        });
    }
    table.print(out, domains.len(), limit)?;
    if let Some(text) = to_know_more(&report.hops, LANGUAGE) {
        writeln!(out)?;
        note(out, text)?;
    }
    writeln!(out)
}

fn figures(hops: &DomainHops) -> Vec<String> {
    let came = &hops.came;
    let mut figures =
        vec![number(came.encrypted), blank_zero(came.unencrypted()), blank_zero(came.refused)];
    match &hops.left {
        Some(left) => figures.extend([
            number(left.verified + left.encrypted),
            blank_zero(left.verified),
            blank_zero(left.unencrypted),
            blank_zero(left.waits),
        ]),
        None => figures.extend(["?", "", "?", "?"].map(str::to_owned)),
    }
    figures
}

/// What can be said, what is excepted from it, and what to do.
fn sentences(hops: &DomainHops) -> Vec<String> {
    let mut sentences = vec![sentence(hops, LANGUAGE)];
    for one in &hops.exceptions {
        let advice = advice(one, LANGUAGE, Reader::Operator);
        let advice = advice.map(|advice| format!(". {advice}")).unwrap_or_default();
        sentences.push(format!("- {}{advice}", exception(one, LANGUAGE, number)));
    }
    sentences
}

/// Clients whose handshakes failed, and what to do about it.
pub(super) fn handshakes(out: &mut impl Write, report: &Report, limit: usize) -> io::Result<()> {
    let clients = &report.handshakes;
    if clients.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(vec!["TLS FAILED", "TIMES", "LAST"]);
    let mut faults = BTreeSet::new();
    for client in clients.iter().take(limit) {
        if client.then != Afterwards::Tls {
            faults.extend(client.failures.iter().map(|failure| failure.fault));
        }
        let (name, address) = names(client);
        table.add(Row {
            name,
            figures: vec![number(client.attempts), date_text(client.last)],
            details: vec![
                address,
                failures(&client.failures, LANGUAGE),
                afterwards(client.then, LANGUAGE).to_owned(),
            ],
            sentences: vec![],
        });
    }
    writeln!(out)?;
    table.print(out, clients.len(), limit)?;
    for one in faults {
        writeln!(out)?;
        let remedy = remedy(one, LANGUAGE, Reader::Operator);
        note(out, &format!("If {}: {remedy}", fault(one, LANGUAGE)))?;
    }
    Ok(())
}

/// What a client is called, and its address where that is something else.
fn names(client: &FailedClient) -> (String, String) {
    match (&*client.client, &*client.host) {
        (OTHERS, _) => ("(others)".into(), String::new()),
        (address, "") => (address.into(), String::new()),
        (address, host) => (host.into(), address.into()),
    }
}
