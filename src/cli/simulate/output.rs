//! What a simulation found, for people and for programs.

use super::hops;
use crate::cli::ready;
use crate::cli::table::{Row, Table, note};
use crate::wording::counted;
use ledger::Day;
use ledger::readiness::Readiness;
use ledger::report::{date_text, day_text};
use ledger::simulation::{Difference, PeerDifference, Simulation};
use ledger::{OTHERS, RecordedReason};
use pages::text::{blank_zero, few, number};
use serde::Serialize;
use std::{
    collections::HashSet,
    io::{self, Write},
    iter,
    path::Path,
};

#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    simulation: &'a Simulation,
    readiness: &'a [Readiness],
}

pub(super) fn json(simulation: &Simulation, readiness: &[Readiness]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &Found { simulation, readiness })?;
    writeln!(out)
}

pub(super) fn csv(simulation: &Simulation) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(io::stdout().lock());
    csv.write_record([
        "domain",
        "peer",
        "host",
        "newly_refused",
        "newly_let_through",
        "newly_would_refuse",
        "reasons",
        "senders",
        "last",
        "no_longer_would_refuse",
    ])?;
    for peer in &simulation.peers {
        csv.write_record([
            &*peer.domain,
            &*peer.client,
            &*peer.host,
            &peer.difference.newly_refused.to_string(),
            &peer.difference.newly_let_through.to_string(),
            &peer.difference.newly_would_refuse.to_string(),
            &join(peer.reasons.iter().map(RecordedReason::word)),
            &join(peer.senders.iter().map(String::as_str)),
            &date_text(peer.last),
            &peer.difference.no_longer_would_refuse.to_string(),
        ])?;
    }
    csv.flush()
}

/// Whether the domain that was asked about can be enforced.
pub(super) fn readiness(answers: &[Readiness], limit: usize) -> io::Result<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(out)?;
    ready::answers(answers, limit).print(&mut out, answers.len(), limit)
}

fn join<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.collect::<Vec<_>>().join(" ")
}

pub(super) fn table(
    simulation: &Simulation,
    since: Day,
    in_force: &Path,
    limit: usize,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (judged, attempts) = (simulation.judged, simulation.attempts);
    let attempts = if attempts > judged {
        format!(" in {} attempts", number(attempts))
    } else {
        String::new()
    };
    let since = day_text(since);
    let (judged_text, in_force) = (number(judged), in_force.display());
    note(
        &mut out,
        &format!("Since {since}: {judged_text} recipients{attempts}, compared with {in_force}"),
    )?;
    writeln!(out)?;
    let not_judged = simulation.not_judged
        + simulation.trusted_not_judged
        + simulation.version_unknown
        + simulation.tls_unknown;
    if judged + not_judged == 0 {
        note(
            &mut out,
            "The ledger holds no such mail: it knows domains that were opted in, and what was imported.",
        )?;
    } else {
        differences(&mut out, simulation, limit)?;
    }
    hops::print(&mut out, simulation, limit)?;
    for (count, what) in [
        (
            simulation.coarse,
            "of these recipients are judged roughly by rules about single clients, certificates or senders, which the ledger does not hold for them.",
        ),
        (
            simulation.not_judged,
            "more recipients are not judged: their days were full (`rows_per_day`), and the ledger does not hold their domains.",
        ),
        (
            simulation.version_unknown,
            "more recipients cannot be judged: their sessions were encrypted, but the log told neither version nor cipher (`smtpd_tls_loglevel = 1` has them logged).",
        ),
        (
            simulation.tls_unknown,
            "more recipients cannot be judged: the log did not tell whether their sessions were encrypted.",
        ),
        (
            simulation.trusted_not_judged,
            "more recipients, in mail of trusted clients, are not judged: the ledger does not hold their addresses (`clients` under `ledger`, or full days), which `trusted` asks for.",
        ),
    ] {
        if count > 0 {
            writeln!(out)?;
            note(&mut out, &format!("{} {what}", number(count)))?;
        }
    }
    out.flush()
}

/// A way in which verdicts change.
#[derive(Clone, Copy)]
struct Change {
    name: &'static str,
    head: &'static str,
    of: fn(&Difference) -> u64,
}

/// All of them. Refused and would be refused are the words for what mode enforce and mode monitor do.
const CHANGES: [Change; 4] = [
    Change { name: "newly refused", head: "REFUSED", of: |difference| difference.newly_refused },
    Change {
        name: "newly let through",
        head: "LET THROUGH",
        of: |difference| difference.newly_let_through,
    },
    Change {
        name: "newly would refuse",
        head: "WOULD REFUSE",
        of: |difference| difference.newly_would_refuse,
    },
    Change {
        name: "would no longer refuse",
        head: "NO LONGER",
        of: |difference| difference.no_longer_would_refuse,
    },
];

fn differences(out: &mut impl Write, simulation: &Simulation, limit: usize) -> io::Result<()> {
    for Change { name, of, .. } in CHANGES {
        let count = of(&simulation.difference);
        let line = format!("  {name:<23}{:>9}   {}", number(count), whose(simulation, of));
        writeln!(out, "{}", line.trim_end())?;
    }
    if simulation.peers.is_empty() {
        let what = if simulation.hops.is_empty() { "" } else { " in what is let in" };
        return writeln!(out, "\nNothing changes{what}.");
    }
    // What does not occur needs no column.
    let mut changes = CHANGES.to_vec();
    changes.retain(|change| (change.of)(&simulation.difference) > 0);
    writeln!(out)?;
    domains(simulation, &changes, limit).print(out, simulation.domains.len(), limit)?;
    writeln!(out)?;
    peers(simulation, &changes, limit).print(out, simulation.peers.len(), limit)
}

/// How many peers and domains a change concerns.
fn whose(simulation: &Simulation, of: fn(&Difference) -> u64) -> String {
    let domains = simulation.domains.iter().filter(|domain| of(&domain.difference) > 0).count();
    let peers = simulation.peers.iter().filter(|peer| of(&peer.difference) > 0);
    let peers = peers.map(|peer| &peer.client).collect::<HashSet<_>>().len();
    if peers == 0 {
        return String::new();
    }
    format!("from {} to {}", counted(peers, "peer"), counted(domains, "domain"))
}

fn domains(simulation: &Simulation, changes: &[Change], limit: usize) -> Table {
    let heads =
        ["DOMAIN", "RECIPIENTS"].into_iter().chain(changes.iter().map(|change| change.head));
    let mut table = Table::new(heads.collect());
    for domain in simulation.domains.iter().take(limit) {
        let mut figures = vec![number(domain.recipients)];
        figures.extend(changes.iter().map(|change| blank_zero((change.of)(&domain.difference))));
        table.add(Row { name: domain.domain.clone(), figures, details: vec![], sentences: vec![] });
    }
    table
}

fn peers(simulation: &Simulation, changes: &[Change], limit: usize) -> Table {
    let heads = iter::once("PEER").chain(changes.iter().map(|change| change.head));
    let mut table = Table::new(heads.collect());
    for peer in simulation.peers.iter().take(limit) {
        let (name, address) = names(peer);
        let senders: Vec<String> = peer.senders.iter().cloned().collect();
        let senders = few(&senders);
        let from = if senders.is_empty() { String::new() } else { format!("from {senders} ") };
        let reasons: Vec<_> = peer.reasons.iter().map(RecordedReason::word).collect();
        let details = vec![
            address,
            format!("{from}to {}", peer.domain),
            reasons.join(", "),
            format!("last on {}", date_text(peer.last)),
        ];
        let figures =
            changes.iter().map(|change| blank_zero((change.of)(&peer.difference))).collect();
        table.add(Row { name, figures, details, sentences: vec![] });
    }
    table
}

/// What a peer is called, and its address where that is something else.
fn names(peer: &PeerDifference) -> (String, String) {
    match (&*peer.client, &*peer.host) {
        (OTHERS, _) => ("(others)".into(), String::new()),
        ("", _) => ("(no address)".into(), String::new()),
        (client, "") => (client.into(), String::new()),
        (client, host) => (host.into(), client.into()),
    }
}
