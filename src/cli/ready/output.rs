//! Whether domains can be enforced, for people and for programs.

use super::LANGUAGE;
use crate::cli::table::{Row, Table, note};
use ledger::readiness::{Correspondent, Readiness, State};
use ledger::report::date_text;
use pages::readiness::{answer, because, details, name, state};
use pages::text::{blank_zero, number, safe_cell};
use serde::Serialize;
use std::io::{self, Write};

/// How many that stand in the way are named where several domains are shown.
const MOST: usize = 3;

#[derive(Serialize)]
struct Answers<'a> {
    domains: &'a [Readiness],
}

pub(super) fn json(domains: &[Readiness]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &Answers { domains })?;
    writeln!(out)
}

pub(super) fn csv(answers: &[Readiness]) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(io::stdout().lock());
    csv.write_record([
        "domain",
        "state",
        "mode",
        "start",
        "look_again",
        "planned",
        "recipients",
        "at_fault",
        "days",
        "span",
        "unknown",
        "excepted",
        "from_log",
        "lacks",
        "in_the_way",
    ])?;
    let date = |moment: Option<i64>| moment.map(date_text).unwrap_or_default();
    for one in answers {
        let evidence = &one.evidence;
        let lacks = one.lacks.iter().map(|lack| lack.code()).collect::<Vec<_>>().join(" ");
        let in_the_way: Vec<_> = one.in_the_way().map(|one| &*one.name).collect();
        csv.write_record([
            &*safe_cell(one.domain.clone()),
            one.state.code(),
            one.mode.name(),
            &date(one.start),
            &date(one.look_again),
            &date(one.planned),
            &evidence.recipients.to_string(),
            &evidence.at_fault.to_string(),
            &evidence.days.to_string(),
            &evidence.span.to_string(),
            &evidence.unknown.to_string(),
            &evidence.excepted.to_string(),
            &evidence.from_log.to_string(),
            &lacks,
            &safe_cell(in_the_way.join(" ")),
        ])?;
    }
    csv.flush()
}

/// The answers, each with what it rests on.
pub(in crate::cli) fn answers(answers: &[Readiness], limit: usize) -> Table {
    let mut table = Table::new(vec!["DOMAIN", "ANSWER", "RECIPIENTS", "AT FAULT", "DAYS"]);
    let most = if answers.len() == 1 { usize::MAX } else { MOST };
    for one in answers.iter().take(limit) {
        let evidence = &one.evidence;
        table.add(Row {
            name: one.domain.clone(),
            figures: vec![
                state(one.state, LANGUAGE).to_owned(),
                number(evidence.recipients),
                blank_zero(evidence.at_fault),
                number(evidence.days),
            ],
            details: vec![],
            sentences: sentences(one, most),
        });
    }
    table
}

pub(super) fn table(all: &[Readiness], limit: usize) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let table = answers(all, limit);
    match all {
        [] => note(
            &mut out,
            "Nothing can be said: the ledger holds no mail of this time for a domain that the policy judges. To learn about a domain, opt it in with `mode: monitor`.",
        )?,
        [_] => table.print(&mut out, 1, limit)?,
        _ => {
            table.print(&mut out, all.len(), limit)?;
            writeln!(out)?;
            note(&mut out, &summary(all))?;
        }
    }
    out.flush()
}

/// How many have which answer.
fn summary(answers: &[Readiness]) -> String {
    let states = [State::NotYet, State::NotEnough, State::Ready, State::Enforced];
    let counts = states.into_iter().filter_map(|one| {
        let count = answers.iter().filter(|answer| answer.state == one).count() as u64;
        (count > 0).then(|| format!("{} {}", number(count), state(one, LANGUAGE)))
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// The answer, what it rests on, and who stands in the way.
fn sentences(one: &Readiness, most: usize) -> Vec<String> {
    let mut sentences = vec![answer(one, LANGUAGE, number)];
    let all = one.in_the_way().count();
    sentences.extend(one.in_the_way().take(most).map(line));
    if all > most {
        sentences.push(format!("- and {} more: mandatory-tls ready {}", all - most, one.domain));
    }
    sentences.extend(because(one, LANGUAGE, number));
    sentences
}

fn line(one: &Correspondent) -> String {
    format!("- {}: {}", name(one, LANGUAGE), details(one, LANGUAGE, number).join("; "))
}
