//! One partner's story for a terminal: what the report of its mail does not tell.

use crate::cli::table::{Row, Table};
use ledger::report::date_text;
use ledger::story::{Change, House, Story};
use pages::story::{change, session};
use pages::text::{blank_zero, number};
use policy::Language;
use std::io::{self, Write};

/// What a table says is in English.
const LANGUAGE: Language = Language::English;

pub(super) fn write(out: &mut impl Write, story: &Story, limit: usize) -> io::Result<()> {
    houses(out, "WHO RUNS IT", &story.houses, limit)?;
    let mut table = Table::new(vec!["HOW IT CAME", "RECIPIENTS"]);
    for one in story.sessions.iter().take(limit) {
        let figures = vec![number(one.recipients)];
        table.add(Row {
            name: session(one, LANGUAGE),
            figures,
            details: vec![],
            sentences: vec![],
        });
    }
    writeln!(out)?;
    table.print(out, story.sessions.len(), limit)?;
    changes(out, story, limit)?;
    if !story.elsewhere.is_empty() {
        writeln!(out)?;
        houses(out, "SAME SENDERS, OTHER SERVERS", &story.elsewhere, limit)?;
    }
    Ok(())
}

fn houses(
    out: &mut impl Write,
    head: &'static str,
    houses: &[House],
    limit: usize,
) -> io::Result<()> {
    let mut table = Table::new(vec![head, "SERVERS", "RECIPIENTS", "AT FAULT"]);
    for house in houses.iter().take(limit) {
        let figures =
            vec![number(house.servers_count), number(house.recipients), blank_zero(house.at_fault)];
        let sentences = house.servers.iter().map(|server| {
            let name = match &*server.host {
                "" => server.client.clone(),
                host => format!("{host} [{}]", server.client),
            };
            let fault = match server.at_fault {
                0 => String::new(),
                fault => format!(", {} at fault", number(fault)),
            };
            let recipients = number(server.recipients);
            let (first, last) = (date_text(server.first), date_text(server.last));
            format!("- {name}: {recipients} recipients{fault}, {first} to {last}")
        });
        let sentences = sentences.collect();
        table.add(Row { name: house.name.clone(), figures, details: vec![], sentences });
    }
    table.print(out, houses.len(), limit)
}

fn changes(out: &mut impl Write, story: &Story, limit: usize) -> io::Result<()> {
    if story.changes.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(vec!["WHAT CHANGED"]);
    let name = |one: &Change| match &*one.host {
        "" => one.client.clone(),
        host => format!("{host} [{}]", one.client),
    };
    for one in story.changes.iter().take(limit) {
        let text = format!("{}: {}", name(one), change(one, LANGUAGE));
        let sentences = vec![text];
        table.add(Row { name: date_text(one.at), figures: vec![], details: vec![], sentences });
    }
    writeln!(out)?;
    let all = usize::try_from(story.changes_count).unwrap_or(usize::MAX);
    table.print(out, all, limit.min(story.changes.len()))
}
