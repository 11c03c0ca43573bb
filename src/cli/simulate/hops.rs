//! What another `deliver:` would have meant, for people.

use crate::cli::table::{Row, Table, note};
use ledger::report::date_text;
use ledger::simulation::{HopDifference, Simulation};
use pages::text::{blank_zero, few, number};
use policy::hop::{Doubt, Lack};
use std::io::{self, Write};
use strum::IntoEnumIterator;

pub(super) fn print(out: &mut impl Write, simulation: &Simulation, limit: usize) -> io::Result<()> {
    if simulation.hops.is_empty() {
        return nothing(out, simulation);
    }
    writeln!(out)?;
    let mut table = Table::new(vec!["NEXT HOP", "DELIVERED", "WOULD WAIT", "NOT KNOWN"]);
    for hop in simulation.hops.iter().take(limit) {
        table.add(Row {
            name: hop.next_hop.clone(),
            figures: vec![number(hop.recipients), blank_zero(hop.waits), blank_zero(hop.not_known)],
            details: vec![names("for", &hop.domains), names("to", &hop.servers), change(hop)],
            sentences: sentences(hop),
        });
    }
    table.print(out, simulation.hops.len(), limit)
}

/// Where there is no delivery to tell of.
fn nothing(out: &mut impl Write, simulation: &Simulation) -> io::Result<()> {
    if !simulation.demands_differ {
        return Ok(());
    }
    writeln!(out)?;
    let text = match simulation.delivered {
        0 => {
            "Something else would be demanded of next hops, but nothing is recorded of how mail left, so what that would have meant is not known: `mandatory-tls follow-log` reads the MTA's log, with `smtp_tls_loglevel = 1` in Postfix."
        }
        _ => {
            "Something else would be demanded of next hops, but no mail is known to have gone there in this time."
        }
    };
    note(out, text)
}

fn names(word: &str, names: &std::collections::BTreeSet<String>) -> String {
    let names: Vec<String> = names.iter().cloned().collect();
    if names.is_empty() { String::new() } else { format!("{word} {}", few(&names)) }
}

fn change(hop: &HopDifference) -> String {
    let text = |demand: &Option<String>| demand.clone().unwrap_or_else(|| "nothing".into());
    format!("{} in place of {}", text(&hop.new), text(&hop.old))
}

/// Why mail would have had to wait, and what is not known.
fn sentences(hop: &HopDifference) -> Vec<String> {
    let last = hop.last.map(|last| format!(", last on {}", date_text(last))).unwrap_or_default();
    let lacks = Lack::iter().filter_map(|one| {
        let count = number(*hop.lacks.get(one.code())?);
        Some(format!("- {count} would have had to wait: {}{last}", lack(one)))
    });
    let doubts = Doubt::iter().filter_map(|one| {
        let count = number(*hop.doubts.get(one.code())?);
        Some(format!("- Of {count} it is not known: {}", doubt(one)))
    });
    lacks.chain(doubts).collect()
}

fn lack(lack: Lack) -> &'static str {
    match lack {
        Lack::Plaintext => "the session was not encrypted",
        Lack::Version => "the server had only a TLS version that is older than demanded",
        Lack::Certificate => "the server's certificate was of no authority that Postfix trusts",
    }
}

fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Session => {
            "the log does not tell whether the session was encrypted (`smtp_tls_loglevel = 1`)"
        }
        Doubt::Version => "whether the server has a TLS version that is taken",
        Doubt::Cipher => "whether the server has a cipher suite that is taken",
        Doubt::Certificate => "which certificate the server shows",
        Doubt::Name => {
            "whether the certificate, which is trusted, is for the name that is demanded"
        }
        Doubt::Tlsa => "which TLSA records there are",
    }
}
