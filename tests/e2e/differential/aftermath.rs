//! What must be found when all sessions are over: the mail that has arrived, and the milter's log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::client::{Arrival, Rcpt, Sent};
use super::model::Judged;
use super::policy::{Verdict, names};
use super::session::Tag;
use super::{Run, Server};
use crate::support::{Milter, field};

/// What does not fit.
pub struct Disagreement {
    /// The number of the run.
    pub run: u64,
    pub why: String,
}

/// Checks both, and counts.
pub fn check(server: &Server, milter: &mut Milter, runs: &[Run]) -> Result<Counts, Disagreement> {
    let messages = check_mail(server, runs)?;
    let lines = check_log(milter, runs)?;
    let mut counts = Counts { messages, lines, ..Counts::default() };
    for rcpt in runs.iter().flat_map(|run| &run.traces.rcpts) {
        *counts.rcpts.entry((rcpt.outcome(), rcpt.version)).or_default() += 1;
    }
    Ok(counts)
}

#[derive(Default)]
pub struct Counts {
    /// By what became of them and the version of TLS.
    rcpts: BTreeMap<(&'static str, &'static str), u64>,
    /// Messages that arrived.
    messages: usize,
    /// Lines of the log that tell of a RCPT that was sent.
    lines: usize,
}

impl Counts {
    /// Whether there was something of everything: mail that went all the way, and some that did not.
    pub fn are_telling(&self) -> bool {
        let some = |wanted| {
            self.rcpts.iter().any(|((outcome, _), count)| *outcome == wanted && *count > 0)
        };
        some("accepted") && some("refused") && self.messages > 0 && self.lines > 0
    }
}

impl Rcpt {
    fn outcome(&self) -> &'static str {
        match &self.judged {
            _ if !self.is_answered => "not answered",
            None => "rejected by the MTA",
            Some(judged) => match judged.ruling.verdict {
                Verdict::Accept => "accepted",
                Verdict::WouldRefuse => "accepted in monitor",
                Verdict::Refuse => "refused",
            },
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((outcome, version), count) in &self.rcpts {
            writeln!(f, "{count:8} RCPTs {outcome}, {version}")?;
        }
        writeln!(f, "{:8} RCPTs in all", self.rcpts.values().sum::<u64>())?;
        writeln!(f, "{:8} of them in the milter's log by name", self.lines)?;
        write!(f, "{:8} messages arrived", self.messages)
    }
}

/// Every message has arrived with its accepted recipients, if it was to arrive.
fn check_mail(server: &Server, runs: &[Run]) -> Result<usize, Disagreement> {
    server.wait_until_delivered();
    let mut arrived = HashMap::<Tag, Vec<String>>::new();
    for delivery in server.sink().deliveries() {
        let tag = Tag::find(delivery.subject()).expect("every message has a subject");
        let recipients = delivery.recipients.iter().map(|one| plain(one));
        arrived.entry(tag).or_default().extend(recipients);
    }
    let count = arrived.len();
    for sent in runs.iter().flat_map(|run| &run.traces.messages) {
        let there = arrived.remove(&sent.tag);
        let fits = match (&there, sent.arrival) {
            (None, Arrival::Must) | (Some(_), Arrival::Never) => false,
            (None, Arrival::May | Arrival::Never) => true,
            (Some(there), Arrival::Must | Arrival::May) => is_for(there, &sent.recipients),
        };
        if !fits {
            let Sent { tag, recipients, arrival } = sent;
            let why = format!("{tag} {arrival:?} arrive for {recipients:?}, and did for {there:?}");
            return Err(Disagreement { run: tag.run, why });
        }
    }
    nobody_sent(arrived).map_or(Ok(count), Err)
}

/// What is left over when all that was sent has been found.
fn nobody_sent(left: HashMap<Tag, Vec<String>>) -> Option<Disagreement> {
    let (tag, texts) = left.into_iter().next()?;
    Some(Disagreement { run: tag.run, why: format!("nobody sent {tag}: {texts:?}") })
}

/// Whether a message has arrived for all and for no more. One that was named twice gets it once or, if it
/// was spelled in two ways and of Sendmail, twice.
fn is_for(arrived: &[String], recipients: &[String]) -> bool {
    let set = |addresses: &[String]| addresses.iter().cloned().collect::<BTreeSet<_>>();
    set(arrived) == set(recipients) && arrived.len() <= recipients.len()
}

/// An address in its plainest form.
fn plain(address: &str) -> String {
    address.replace('"', "").trim_end_matches('.').to_lowercase()
}

/// Every RCPT that the milter was asked about stands in its log, once, with the facts that the client knows.
fn check_log(milter: &mut Milter, runs: &[Run]) -> Result<usize, Disagreement> {
    // The log is whole when the milter has ended.
    assert!(milter.stop().success());
    milter.lines().wait_for_end();
    let mut lines = HashMap::<Tag, Vec<String>>::new();
    for line in milter.lines().matching(|line| line.contains("verdict=")) {
        if let Some(tag) = field(&line, "rcpt").and_then(Tag::find) {
            lines.entry(tag).or_default().push(line);
        }
    }
    let count = lines.len();
    for rcpt in runs.iter().flat_map(|run| &run.traces.rcpts).filter(|rcpt| rcpt.is_tagged) {
        let lines = lines.remove(&rcpt.tag).unwrap_or_default();
        let fits = match (&lines[..], &rcpt.judged) {
            ([], None) => true,
            ([], Some(_)) => !rcpt.is_answered,
            ([line], Some(judged)) => tells(line, judged),
            _ => false,
        };
        if !fits {
            let Rcpt { tag, judged, .. } = rcpt;
            let why = format!("{tag} should be {judged:?}, and is in the log as {lines:?}");
            return Err(Disagreement { run: tag.run, why });
        }
    }
    nobody_sent(lines).map_or(Ok(count), Err)
}

/// Whether a line of the log has all facts right.
fn tells(line: &str, judged: &Judged) -> bool {
    let (version, cipher) = names(judged.tls.as_ref());
    let verdict = match judged.ruling.verdict {
        Verdict::Accept => "accept",
        Verdict::WouldRefuse => "would-refuse",
        Verdict::Refuse => "refuse",
    };
    [
        ("verdict", verdict),
        ("client", &judged.client.to_string()),
        ("sender", judged.sender.unwrap_or("<>")),
        ("tls_version", version),
        ("cipher", cipher),
    ]
    .into_iter()
    .all(|(name, expected)| field(line, name) == Some(expected))
}
