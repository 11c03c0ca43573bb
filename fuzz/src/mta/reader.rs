//! The product's reader of logs, and what holds of all that it reads.

use super::choice::Choice;
use super::course::{BEGINS, Log};
use super::scene::Scene;
use super::text::OPTED_IN;
use super::truth::{differs, events, forged, rows, written_to};
use crate::{directory, policy};
use config::settings::ROOM;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use ledger::postfix_log::{Clock, Form};
use ledger::{Clients, FromLog, Intake, Store, Wanted};
use policy::{OnUnknownTls, Policy};
use std::sync::LazyLock;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let entries = OPTED_IN.map(|domain| format!("- {{ domain: {domain}, mode: enforce }}\n"));
    policy(&format!("domains:\n{}", entries.concat()))
});

thread_local! {
    /// A ledger in which nothing is.
    static STORE: Store = {
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        Store::open(&directory().join(format!("ledger-{number}.sqlite")), ROOM).unwrap()
    };
}

/// What is counted of these lines.
///
/// # Panics
///
/// When the ledger cannot be made.
pub fn read<'l>(lines: impl Iterator<Item = &'l str>) -> FromLog {
    let clock = Clock::new(TimeZone::UTC, BEGINS.parse::<Timestamp>().unwrap() + 24.hours());
    let mut intake = Intake::new(Clients::Full, OnUnknownTls::Pass, Wanted::All, i64::MIN);
    let mut form = Form::default();
    let judge = |intake: &mut Intake| {
        STORE.with(|store| intake.judge(&POLICY, store, |_, _| ())).unwrap();
    };
    for raw in lines {
        if let Some(line) = form.line(raw) {
            let _ = intake.line(line, &clock, 0);
        }
        judge(&mut intake);
    }
    if let Some(line) = form.end() {
        let _ = intake.line(line, &clock, 0);
    }
    intake.end();
    judge(&mut intake);
    intake.take()
}

/// Reads the log of a scene, and says what is wrong with what is counted.
#[must_use]
pub fn wrong(octets: &[u8]) -> Option<String> {
    let mut choice = Choice::new(octets);
    let scene = Scene::new(&mut choice);
    let log = Log::new(&scene, &mut choice);
    let rows = rows(&read(log.lines.iter().map(String::as_str)));
    let events = events(&scene);
    let is_whole = !log.is_lossy && !log.is_damaged;
    let found = if is_whole && !scene.hostile {
        differs(&events, &rows)
    } else {
        forged(&events, &written_to(&scene), &rows, !is_whole)
    };
    found.map(|found| {
        let counted: String =
            rows.iter().map(|(row, count)| format!("counted {count} times: {row:?}\n")).collect();
        let happened: String =
            events.iter().map(|event| format!("happened: {event:?}\n")).collect();
        format!("{}\n{counted}{happened}{found}", log.lines.join("\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_is_counted_and_nothing_else() {
        // Octets without pattern (xorshift).
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut octet = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        };
        for number in 0..2_000 {
            let octets: Vec<u8> = (0..400).map(|_| octet()).collect();
            if let Some(wrong) = wrong(&octets) {
                panic!("{number}: {wrong}");
            }
        }
    }
}
