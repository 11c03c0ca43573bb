//! TLS handshakes that failed on the way in, and what the same clients did then.
//!
//! ```text
//! smtpd[17]: SSL_accept error from mx.test[192.0.2.1]: -1
//! smtpd[17]: warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:..
//! smtpd[17]: disconnect from mx.test[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2
//!            ... within hours, from the same address ...
//! smtpd[21]: NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 ..; from=<..> to=<..> ..
//! ```
//!
//! No recipient is known at a handshake. What the client does next tells: that is the first session
//! in which it has mail taken or refused for want of TLS, or begins TLS. Other refusals (greylisting, an
//! unknown user), also by other milters, tell nothing, and it will come again.

use super::TRIAL_ANSWER;
use super::hosts::Process;
use super::line::{address, may_be_cut};
use crate::model::handshake::Afterwards;
use crate::model::imports::Print;
use crate::model::logged_tls::TlsFailure;
use policy::DomainName;
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;

/// A handshake that failed, and what came of it.
///
/// It is told once without a recipient, and once more for each recipient that the client then named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedHandshake {
    /// When it failed, in seconds since 1970-01-01.
    pub at: i64,
    /// The process with which it failed.
    pub process: u32,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Its name, where the MTA vouches for it.
    pub name: Option<DomainName>,
    /// Why it failed.
    pub failure: TlsFailure,
    /// How many of the same client and process came right before it, for the same reason.
    pub nth: u32,
    /// Whether another one of the same client before it had led to nothing yet.
    pub is_again: bool,
    /// What the client did then.
    pub afterwards: Afterwards,
    /// A recipient that it then named.
    pub recipient: Option<String>,
}

impl FailedHandshake {
    /// One of a client of which nothing is known yet but that.
    pub(super) fn new(
        at: i64,
        process: Process,
        (name, client): (Option<DomainName>, Option<IpAddr>),
        failure: TlsFailure,
    ) -> Self {
        Self {
            at,
            process: process.2,
            client,
            name,
            failure,
            nth: 0,
            is_again: false,
            afterwards: Afterwards::Away,
            recipient: None,
        }
    }
}

/// Seconds within which what a client does is what it does about a handshake that failed: most try
/// again without TLS at once. Those that try again later do so at the latest after four hours: RFC 5321,
/// section 4.5.4.1, has half an hour, and servers double it a few times.
const SPAN: i64 = 4 * 60 * 60;
/// Seconds within which `doctor` has all its sessions: first those with a recipient, then handshakes of
/// old versions.
const TRIAL: i64 = 5 * 60;
/// How many handshakes of one client wait at most for what it does then.
const MOST_OF_CLIENT: usize = 100;
/// How many of all clients.
const MOST: usize = 200_000;

/// Handshakes that failed.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// Those that led to nothing yet, by host and the client's address as the log has it.
    open: HashMap<Client, Vec<FailedHandshake>>,
    /// The same by time.
    due: VecDeque<(i64, Client)>,
    /// The last ones of all that were settled, by host and client: the next ones of the same process are told
    /// from them.
    settled: HashMap<Client, Vec<FailedHandshake>>,
    /// The same by time.
    settled_at: VecDeque<(i64, Client)>,
    /// Clients that had trials, and when the last one was: addresses of this host.
    trials: HashMap<Client, i64>,
    told: Vec<FailedHandshake>,
}

/// A client, by host and address.
pub(super) type Client = (u32, String);

/// Clients whose last attempt at TLS failed, with when and why.
#[derive(Debug, Default)]
pub(super) struct LastFailures(HashMap<Client, (i64, TlsFailure)>);

impl LastFailures {
    /// A client failed. Whoever has very many addresses has the others forgotten.
    pub fn insert(&mut self, client: Client, at: i64, failure: TlsFailure) {
        if self.0.len() >= MOST {
            self.forget(at);
            if self.0.len() > MOST / 2 {
                self.0.clear();
            }
        }
        self.0.insert(client, (at, failure));
    }

    /// It did not fail again.
    pub fn remove(&mut self, client: &Client) {
        self.0.remove(client);
    }

    /// Why it failed, as seen at this time.
    pub fn get(&self, client: &Client, now: i64) -> Option<&TlsFailure> {
        self.0.get(client).filter(|(at, _)| now - at < SPAN).map(|(_, failure)| failure)
    }

    /// Forgets those that are over.
    pub fn forget(&mut self, now: i64) {
        self.0.retain(|_, (at, _)| now - *at < SPAN);
    }
}

/// The handshakes before a session, with what it shows of them.
#[derive(Clone, Debug)]
pub(super) struct Earlier {
    pub handshakes: Arc<[FailedHandshake]>,
    pub afterwards: Afterwards,
}

impl Handshakes {
    /// What was found since this was last asked.
    pub fn told(&mut self) -> Vec<FailedHandshake> {
        mem::take(&mut self.told)
    }

    /// A handshake failed.
    pub fn failed(&mut self, client: Client, mut handshake: FailedHandshake) {
        let at = handshake.at;
        if self.trials.get(&client).is_some_and(|tried| at - tried < TRIAL) {
            return;
        }
        let of_client = self.open.entry(client.clone()).or_default();
        handshake.is_again = !of_client.is_empty();
        let settled = self.settled.get(&client).into_iter().flatten();
        let before = settled.chain(&*of_client).rev().find(|other| {
            (other.process, &other.failure) == (handshake.process, &handshake.failure)
        });
        handshake.nth = before
            .filter(|before| at - before.at <= Print::NEAR)
            .map_or(0, |before| before.nth.saturating_add(1));
        of_client.push(handshake);
        if of_client.len() > MOST_OF_CLIENT {
            let first = of_client.remove(0);
            self.tell(&[first], Afterwards::Away, None);
        }
        self.due.push_back((at, client));
        if self.due.len() > MOST
            && let Some((_, client)) = self.due.pop_front()
        {
            self.away(&client, i64::MAX);
        }
    }

    /// What a client did after all its handshakes that led to nothing yet.
    pub fn settle(&mut self, client: &Client, afterwards: Afterwards) -> Option<Earlier> {
        let handshakes = self.open.remove(client)?;
        self.tell(&handshakes, afterwards, None);
        if let Some(last) = handshakes.last().map(|last| last.at) {
            // Logs may be read in any order.
            let near = |at: i64| (last - at).abs() <= Print::NEAR;
            while self.settled_at.front().is_some_and(|(at, _)| !near(*at)) {
                if let Some((_, client)) = self.settled_at.pop_front()
                    && let Some(of_client) = self.settled.get_mut(&client)
                {
                    of_client.retain(|handshake| near(handshake.at));
                    if of_client.is_empty() {
                        self.settled.remove(&client);
                    }
                }
            }
            let recent = handshakes.iter().filter(|handshake| near(handshake.at)).cloned();
            self.settled.entry(client.clone()).or_default().extend(recent);
            self.settled_at.push_back((last, client.clone()));
        }
        Some(Earlier { handshakes: handshakes.into(), afterwards })
    }

    /// This client had a trial: its handshakes right before and after it are of the same.
    pub fn forget(&mut self, client: &Client, at: i64) {
        self.open.remove(client);
        self.trials.retain(|_, tried| at - *tried < TRIAL);
        self.trials.insert(client.clone(), at);
    }

    /// A recipient that the client named then.
    pub fn recipient(&mut self, earlier: &Earlier, recipient: &str) {
        self.tell(&earlier.handshakes, earlier.afterwards, Some(recipient));
    }

    fn tell(
        &mut self,
        handshakes: &[FailedHandshake],
        afterwards: Afterwards,
        recipient: Option<&str>,
    ) {
        self.told.extend(handshakes.iter().map(|handshake| {
            let recipient = recipient.map(str::to_owned);
            FailedHandshake { afterwards, recipient, ..handshake.clone() }
        }));
    }

    /// It is this time now: who has not come since, stayed away.
    pub fn past(&mut self, now: i64) {
        while self.due.front().is_some_and(|(at, _)| now - at >= SPAN) {
            if let Some((_, client)) = self.due.pop_front() {
                self.away(&client, now - SPAN);
            }
        }
    }

    /// The end: who has not come so far, stayed away.
    pub fn end(&mut self) {
        for (_, client) in mem::take(&mut self.due) {
            self.away(&client, i64::MAX);
        }
    }

    /// Those of a client until then led to nothing.
    fn away(&mut self, client: &Client, until: i64) {
        let Some(of_client) = self.open.get_mut(client) else { return };
        let (gone, open): (Vec<_>, Vec<_>) =
            mem::take(of_client).into_iter().partition(|handshake| handshake.at <= until);
        if open.is_empty() {
            self.open.remove(client);
        } else {
            *of_client = open;
        }
        self.tell(&gone, Afterwards::Away, None);
    }
}

/// The address of `mx.test[192.0.2.1]:4711`, as it stands there.
pub(super) fn bracketed(client: &str) -> &str {
    let inside = client.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inside.map_or(client, |(address, _)| address)
}

/// Client of `TLS handshake failed for service=smtpd peer=[192.0.2.1]:56466`, by tlsproxy(8), which has
/// handshakes for postscreen(8).
pub(super) fn failed_in_proxy(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("TLS handshake failed for service=")?;
    rest.split_once(" peer=").map(|(_, peer)| peer)
}

/// What smtpd refuses for want of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal<'l> {
    /// A recipient, by the milter.
    Recipient(&'l str),
    /// By Postfix itself, which knows no recipient yet, or by other rules of its own.
    Session,
    /// A recipient of a trial that `doctor` or `setup` made: no client of the world.
    Trial,
}

/// Whether a milter's reply to RCPT is that of this product, and not one of greylisting, say: enhanced status
/// X.7.1, in words that speak of TLS or encryption. Addresses that it quotes say nothing.
pub(super) fn is_for_want_of_tls(reply: &str) -> bool {
    let status = reply.get(4..10);
    let is_edge = |character: char| !character.is_ascii_alphanumeric();
    let says_so = |word: &str| {
        let word = word.trim_matches(is_edge);
        // A name, an address.
        if word.contains(['.', '@', ':']) {
            return false;
        }
        let word = word.to_ascii_lowercase();
        word.contains("encrypt")
            || word.contains("verschl")
            || word.split(is_edge).any(|part| matches!(part, "tls" | "starttls"))
    };
    // What stands in brackets or quotes the client may have written: `<"needs TLS"@d.test>: Try again later`.
    let quoted = (reply.find(['<', '"']), reply.rfind(['>', '"']));
    let (before, after) = match quoted {
        (Some(begin), Some(end)) if begin < end => (reply.get(..begin), reply.get(end..)),
        _ => (Some(reply), None),
    };
    let mut words = [before, after].into_iter().flatten().flat_map(str::split_whitespace);
    matches!(status, Some("4.7.1 " | "5.7.1 ")) && words.any(says_so)
}

/// Octets of a sender, a recipient and a HELO. From a longer one, what a client made up may have pushed its true end off
/// the line.
const LONGEST_ENVELOPE: usize = 600;

/// Whether nobody can tell where the addresses of a milter's reject of RCPT end.
pub(super) fn is_ambiguous(text: &str) -> bool {
    let Some((_, rest)) = text.split_once(": milter-reject: RCPT from ") else { return false };
    let Some((_, envelope)) = rest.split_once("; from=") else { return false };
    let rest = || {
        let (_, rest) = address(envelope, "")?;
        address(rest.trim_start(), "to=").map(|(_, rest)| rest)
    };
    let goes_on = |rest: &str| rest.contains("> to=<") || rest.contains("> proto=");
    may_be_cut(text, '>') || envelope.len() > LONGEST_ENVELOPE || rest().is_some_and(goes_on)
}

/// The reply behind a client: `mx.test[192.0.2.1]: 450 ..`, `mx.test[192.0.2.1]:4711: 450 ..`.
fn reply(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(']')?;
    // A port, where smtpd_client_port_logging is on.
    let port = rest.strip_prefix(':').unwrap_or_default();
    rest.strip_prefix(": ").or_else(|| {
        port.trim_start_matches(|digit: char| digit.is_ascii_digit()).strip_prefix(": ")
    })
}

/// Reads `NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 ..; from=<a@b.test> to=<c@d.test>
/// proto=ESMTP helo=<x>`, and what smtpd says itself.
pub(super) fn refusal(text: &str) -> Option<Refusal<'_>> {
    let (_, rest) = text.split_once(": ")?;
    if let Some(rest) = rest.strip_prefix("milter-reject: RCPT from ") {
        if reply(rest).is_some_and(|reply| reply.starts_with(TRIAL_ANSWER)) {
            return Some(Refusal::Trial);
        }
        // The first one: what follows is what the client wrote.
        let (before, envelope) = rest.split_once("; from=")?;
        if !reply(before).is_some_and(is_for_want_of_tls) {
            return None;
        }
        let envelope = address(envelope, "").map(|(_, rest)| rest.trim_start());
        let recipient = envelope.and_then(|rest| address(rest, "to="));
        return Some(recipient.map_or(Refusal::Session, |(to, _)| Refusal::Recipient(to)));
    }
    let rest = rest.strip_prefix("reject: ")?;
    let reply = reply(rest)?;
    let is_for_tls = reply.starts_with("530 5.7.0 Must issue a STARTTLS command first")
        || reply.split("; from=").next()?.ends_with("Session encryption is required");
    is_for_tls.then_some(Refusal::Session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::Language;

    #[test]
    fn a_refusal_for_want_of_tls_is_told_from_others_and_names_the_recipient() {
        for (text, expected) in [
            (
                "NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 TLS is required; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>",
                Some(Refusal::Recipient("c@d.test")),
            ),
            (
                "NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]:4711: 450 4.7.1 TLS is required; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>",
                Some(Refusal::Recipient("c@d.test")),
            ),
            (
                "NOQUEUE: reject: RCPT from mx.test[2001:db8::1]:4711: 450 4.7.1 Session encryption is required; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>",
                Some(Refusal::Session),
            ),
            (
                "4dBr7q2kzPz1: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 TLS is required; from=<\"a> to=<v@victim.test>\"@b.test> to=<c@d.test> proto=ESMTP helo=<x>",
                Some(Refusal::Recipient("c@d.test")),
            ),
            (
                "NOQUEUE: reject: MAIL from mx.test[192.0.2.1]: 530 5.7.0 Must issue a STARTTLS command first; proto=ESMTP helo=<x>",
                Some(Refusal::Session),
            ),
            (
                "NOQUEUE: reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 Session encryption is required; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>",
                Some(Refusal::Session),
            ),
            (
                "NOQUEUE: reject: RCPT from mx.test[192.0.2.1]: 450 4.2.0 <c@d.test>: Recipient address rejected: Greylisted; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<530 5.7.0 Must issue a STARTTLS command first>",
                None,
            ),
            (
                "4dBr7q2kzPz1: milter-reject: END-OF-MESSAGE from mx.test[192.0.2.1]: 5.7.1 virus; from=<>",
                None,
            ),
            (
                "NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 mandatory-tls trial x; from=<> to=<postmaster@d.test> proto=ESMTP helo=<x>",
                Some(Refusal::Trial),
            ),
            (
                "NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 <\"needs > TLS\"@d.test>: Try again later; from=<> to=<c@d.test> proto=ESMTP helo=<x>",
                None,
            ),
            (
                "NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 <c@d.test>: needs TLS; from=<> to=<c@d.test> proto=ESMTP helo=<x>",
                Some(Refusal::Recipient("c@d.test")),
            ),
            ("connect from mx.test[192.0.2.1]", None),
            ("", None),
        ] {
            assert_eq!(refusal(text), expected, "{text}");
        }
    }

    #[test]
    fn a_milters_reply_is_one_for_want_of_tls_only_if_it_says_so() {
        for text in [Language::English, Language::German]
            .iter()
            .flat_map(|language| [language.text_for_recipient(), language.text_for_sender()])
        {
            assert!(is_for_want_of_tls(&format!("450 4.7.1 {text}")), "{text}");
        }
        for (reply, expected) in [
            ("550 5.7.1 Use STARTTLS.", true),
            ("450-4.7.1 Hello\n450 4.7.1 no TLS", true),
            ("450 4.7.1 <c@d.test>... Mail is taken encrypted only", true),
            ("450 4.7.1 Greylisted", false),
            ("451 4.7.1 Greylisting in action, please come back in 00:05:00", false),
            ("450 4.7.1 <c@tls.test>: greylisted", false),
            ("450 4.7.1 see <https://tls.test", false),
            ("550 5.1.1 no user tls", false),
            ("550 5.7.1 listed by dnstls", false),
            ("450 ü.7.1 TLS", false),
            ("", false),
        ] {
            assert_eq!(is_for_want_of_tls(reply), expected, "{reply}");
        }
        let greylisted = "NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 451 4.7.1 Greylisted; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<tls>";
        assert_eq!(refusal(greylisted), None);
    }

    #[test]
    fn clients_without_end_that_fail_are_held_in_bounded_memory() {
        let mut failures = LastFailures::default();
        let client = |number: i64| (0, number.to_string());
        for number in 0..500_000 {
            failures.insert(client(number), number / 1000, TlsFailure::new("x"));
            assert!(failures.0.len() <= MOST);
        }
        assert!(failures.get(&client(499_999), 500).is_some());
        assert!(failures.get(&client(499_999), 500 + SPAN).is_none());
    }

    #[test]
    fn handshakes_without_end_are_held_in_bounded_memory() {
        let mut handshakes = Handshakes::default();
        let handshake =
            |at| FailedHandshake::new(at, (0, 0, 1), (None, None), TlsFailure::new("x"));
        let mut told = 0;
        for number in 0..300_000_i64 {
            let client = if number % 2 == 0 { number } else { 1 };
            handshakes.failed((0, client.to_string()), handshake(number / 1000));
            told += handshakes.told().len();
            let another = (1, number.to_string());
            handshakes.failed(another.clone(), handshake(number / 1000));
            let _ = handshakes.settle(&another, Afterwards::Tls);
            handshakes.told();
            assert!(handshakes.settled.len() <= 4000 && handshakes.settled_at.len() <= 4000);
        }
        let open: usize = handshakes.open.values().map(Vec::len).sum();
        assert!(open <= MOST && handshakes.due.len() <= MOST, "{open}");
        handshakes.end();
        assert_eq!(told + handshakes.told().len(), 300_000);
        assert!(handshakes.open.is_empty());
    }
}
