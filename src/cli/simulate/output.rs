//! What a simulation found, for people and for programs.

use crate::cli::table::{plain, print, right};
use crate::wording::counted;
use comfy_table::Table;
use ledger::Day;
use ledger::report::{date_text, day_text};
use ledger::simulation::{Difference, PeerDifference, Simulation};
use ledger::{OTHERS, RecordedReason};
use pages::text::{blank_zero, few, number};
use std::{
    collections::HashSet,
    io::{self, Write},
    path::Path,
};

pub(super) fn json(simulation: &Simulation) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, simulation)?;
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
        ])?;
    }
    csv.flush()
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
    let judged = number(simulation.judged);
    writeln!(
        out,
        "Since {}: {judged} recipients, compared with {}\n",
        day_text(since),
        in_force.display()
    )?;
    let not_judged = simulation.not_judged
        + simulation.trusted_not_judged
        + simulation.version_unknown
        + simulation.tls_unknown;
    if simulation.judged + not_judged == 0 {
        writeln!(
            out,
            "The ledger holds no such mail: it knows domains that were opted in, and what was imported."
        )?;
    } else {
        differences(&mut out, simulation, limit)?;
    }
    if simulation.coarse > 0 {
        writeln!(
            out,
            "\nOf {} recipients the ledger does not hold the single client, its certificate or the sender: rules about these are judged roughly.",
            number(simulation.coarse)
        )?;
    }
    if simulation.not_judged > 0 {
        writeln!(
            out,
            "\n{} more recipients are not judged: their days were full (`rows_per_day`), and the ledger does not hold their domains.",
            number(simulation.not_judged)
        )?;
    }
    for (count, why) in [
        (
            simulation.version_unknown,
            "their sessions were encrypted, but the log told neither version nor cipher (`smtpd_tls_loglevel = 1` has them logged)",
        ),
        (simulation.tls_unknown, "the log did not tell whether their sessions were encrypted"),
    ] {
        if count > 0 {
            writeln!(out, "\n{} more recipients cannot be judged: {why}.", number(count))?;
        }
    }
    if simulation.trusted_not_judged > 0 {
        writeln!(
            out,
            "\n{} more recipients, in mail of trusted clients, are not judged: the ledger does not hold their addresses (`clients` under `ledger`, or full days), which `trusted` asks for.",
            number(simulation.trusted_not_judged)
        )?;
    }
    out.flush()
}

fn differences(out: &mut impl Write, simulation: &Simulation, limit: usize) -> io::Result<()> {
    let difference = simulation.difference;
    for (name, count, of) in [
        ("newly refused", difference.newly_refused, newly_refused as fn(Difference) -> u64),
        ("newly let through", difference.newly_let_through, newly_let_through),
        ("newly would refuse", difference.newly_would_refuse, newly_would_refuse),
    ] {
        let line = format!("  {name:<19}{:>9}   {}", number(count), whose(simulation, of));
        writeln!(out, "{}", line.trim_end())?;
    }
    if simulation.peers.is_empty() {
        writeln!(out, "\nNothing changes.")?;
    } else {
        writeln!(out)?;
        print(out, &domains(simulation, limit), simulation.domains.len(), limit)?;
        writeln!(out)?;
        print(out, &peers(simulation, limit), simulation.peers.len(), limit)?;
    }
    Ok(())
}

fn newly_refused(difference: Difference) -> u64 {
    difference.newly_refused
}

fn newly_let_through(difference: Difference) -> u64 {
    difference.newly_let_through
}

fn newly_would_refuse(difference: Difference) -> u64 {
    difference.newly_would_refuse
}

/// How many peers and domains a difference concerns.
fn whose(simulation: &Simulation, of: fn(Difference) -> u64) -> String {
    let domains = simulation.domains.iter().filter(|domain| of(domain.difference) > 0).count();
    let peers = simulation.peers.iter().filter(|peer| of(peer.difference) > 0);
    let peers = peers.map(|peer| &peer.client).collect::<HashSet<_>>().len();
    if peers == 0 {
        return String::new();
    }
    format!("from {} to {}", counted(peers, "peer"), counted(domains, "domain"))
}

fn domains(simulation: &Simulation, limit: usize) -> Table {
    let mut table = plain();
    table.set_header(["DOMAIN", "RECIPIENTS", "REFUSED", "LET THROUGH", "WOULD REFUSE"]);
    for domain in simulation.domains.iter().take(limit) {
        let mut row = vec![domain.domain.clone(), number(domain.recipients)];
        row.extend(figures(domain.difference));
        table.add_row(row);
    }
    right(&mut table, 1..=4);
    table
}

fn peers(simulation: &Simulation, limit: usize) -> Table {
    let mut table = plain();
    table.set_header([
        "PEER",
        "TO",
        "REFUSED",
        "LET THROUGH",
        "WOULD REFUSE",
        "WHY",
        "SENDERS",
        "LAST",
    ]);
    for peer in simulation.peers.iter().take(limit) {
        let senders: Vec<String> = peer.senders.iter().cloned().collect();
        let mut row = vec![name(peer), peer.domain.clone()];
        row.extend(figures(peer.difference));
        row.extend([
            peer.reasons.iter().map(RecordedReason::word).collect::<Vec<_>>().join("\n"),
            few(&senders),
            date_text(peer.last),
        ]);
        table.add_row(row);
    }
    right(&mut table, 2..=4);
    table
}

fn name(peer: &PeerDifference) -> String {
    match (&*peer.client, &*peer.host) {
        (OTHERS, _) => "(others)".into(),
        ("", _) => "(no address)".into(),
        (client, "") => client.into(),
        (client, host) => format!("{host}\n{client}"),
    }
}

fn figures(difference: Difference) -> [String; 3] {
    [difference.newly_refused, difference.newly_let_through, difference.newly_would_refuse]
        .map(blank_zero)
}
