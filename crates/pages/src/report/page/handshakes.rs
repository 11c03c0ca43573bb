//! Servers whose TLS handshakes failed, and what to tell their postmasters.

use super::Tone;
use crate::hops::{Reader, afterwards, failures, fault, remedy};
use crate::report::words::Words;
use crate::text::{quoted, tight_number, unbroken};
use ledger::handshakes::FailedClient;
use ledger::report::{Report, date_text};
use ledger::{Afterwards, OTHERS};
use std::collections::BTreeSet;

/// How many there is room for. Those that came in the clear come first.
const MOST: usize = 50;

pub(super) struct HandshakeTable {
    pub clients: Vec<HandshakeLine>,
    /// What to do, by what it is good for.
    pub remedies: Vec<(&'static str, String)>,
    /// How many there is no room for, in words; none where all are there.
    pub not_here: Option<String>,
}

pub(super) struct HandshakeLine {
    pub name: String,
    pub address: String,
    pub why: String,
    pub then: &'static str,
    pub class: &'static str,
    pub times: String,
    pub last: String,
}

impl HandshakeTable {
    pub fn new(report: &Report, reader: Reader, words: &Words) -> Self {
        let all = &report.handshakes;
        let here = all.get(..MOST).unwrap_or(all);
        let open = here.iter().filter(|client| client.then != Afterwards::Tls);
        let faults: BTreeSet<_> =
            open.flat_map(|client| &client.failures).map(|failure| failure.fault).collect();
        let language = words.language;
        let remedies = faults
            .into_iter()
            .map(|one| (fault(one, language), quoted(remedy(one, language, reader), language)));
        let not_here = (all.len() - here.len()) as u64;
        Self {
            clients: here.iter().map(|client| line(client, words)).collect(),
            remedies: remedies.collect(),
            not_here: (not_here > 0).then(|| words.groups.not_here.of(not_here)),
        }
    }
}

fn line(client: &FailedClient, words: &Words) -> HandshakeLine {
    let (name, address) = match (&*client.client, &*client.host) {
        (OTHERS, _) => (words.names.others, ""),
        (address, "") => (address, ""),
        (address, host) => (host, address),
    };
    let tone = match client.then {
        Afterwards::Refused => Tone::Bad,
        Afterwards::Taken => Tone::Warning,
        Afterwards::Tls => Tone::Good,
        Afterwards::Away => Tone::Plain,
    };
    HandshakeLine {
        name: name.to_owned(),
        address: address.to_owned(),
        why: failures(&client.failures, words.language),
        then: afterwards(client.then, words.language),
        class: tone.class(),
        times: tight_number(client.attempts),
        last: unbroken(date_text(client.last)),
    }
}
