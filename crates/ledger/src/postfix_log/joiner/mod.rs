//! Joins lines to sessions, messages and recipients.

mod sessions;

use super::handshakes::{self, Handshakes, LastFailures, Refusal, refusal};
use super::hop::{DeliveryLine, Hops};
use super::hosts::{Hosts, Names, Process};
use super::line::{self, Line};
use super::message::{Came, Message, Queue, Underway, is_near};
use super::sendmail::{Found, Sendmail};
use super::session::{End, Session};
use super::{Clock, Delivered, FailedHandshake, Logged, Tallied, Unread};
use crate::model::logged_tls::TlsFailure;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    mem,
    net::IpAddr,
};

/// Joins lines.
#[derive(Debug, Default)]
pub struct Joiner {
    hosts: Hosts,
    services: Names,
    pub(super) sessions: HashMap<Process, Session>,
    /// The latest time of a line of smtpd, by host, in seconds since 1970-01-01.
    latest: HashMap<u32, i64>,
    /// Processes whose message goes through a filter before the queue, by the client's name and address.
    fronts: HashMap<String, Vec<Process>>,
    pub(super) queue: Queue,
    /// Messages that may be told more of, by number.
    pub(super) messages: HashMap<u64, Message>,
    next: u64,
    /// Messages by the hash of host and Message-ID, for filters that say nothing of the first queue id.
    pub(super) by_message_id: HashMap<u64, u64>,
    /// At how many of them those of messages that are gone are looked for.
    full_of_ids: usize,
    /// Sessions and messages whose first line was there, by its hash.
    begun: HashSet<u64>,
    hasher: RandomState,
    failed: LastFailures,
    causes: BTreeMap<String, u64>,
    /// At how many messages those of which nothing more will come are looked for.
    full: usize,
    tallied: Tallied,
    told: Vec<Logged>,
    pub(super) hops: Hops,
    handshakes: Handshakes,
    sendmail: Sendmail,
    /// What the library last said to a process of tlsproxy.
    library: HashMap<Process, TlsFailure>,
}

/// How many messages under way are always remembered.
pub(super) const MANY: usize = 10_000;
/// How many first lines of sessions and messages are remembered at most, to know them again.
const MOST_BEGUN: usize = 4_000_000;
/// Seconds after which no more lines are expected of a message in the queue: each attempt to deliver it
/// writes one. A message that was deleted writes none.
const SILENCE: i64 = 24 * 60 * 60;
/// The same of a message that is not in the queue yet: if its client gave up, or its data were refused,
/// nothing more comes.
const SILENCE_BEFORE: i64 = 60 * 60;
/// Seconds by which lines of one process may be out of order.
const DISORDER: i64 = 2;

/// Whether nobody can tell where an address ends that a client chose. Sendmail quotes what it logs.
fn is_ambiguous(line: &Line<'_>) -> bool {
    match line.program {
        "sendmail" => false,
        "smtpd" => handshakes::is_ambiguous(line.text),
        program => line.queue_id().is_some_and(|(_, rest)| match program {
            "qmgr" => match line::address(rest, "from=") {
                Some((_, after)) => after.contains('>') || line::may_be_cut(rest, ')'),
                None => line::is_cut_within(rest, "from="),
            },
            _ => match DeliveryLine::read(rest) {
                Some(delivery) => delivery.is_ambiguous() || line::may_be_cut(rest, ')'),
                None => DeliveryLine::is_cut(rest),
            },
        }),
    }
}

impl Joiner {
    /// A joiner that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found in the lines so far.
    #[must_use]
    pub fn tallied(&self) -> Tallied {
        let Found { messages, tls, without_message, .. } = &self.sendmail.found;
        Tallied {
            messages: self.tallied.messages + messages,
            tls: self.tallied.tls + tls,
            without_message: self.tallied.without_message + without_message,
            ..self.tallied
        }
    }

    /// Why handshakes failed, and how often.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<String, u64> {
        let mut causes = self.causes.clone();
        for (cause, count) in &self.sendmail.found.causes {
            *causes.entry(cause.clone()).or_default() += count;
        }
        causes
    }

    /// The recipients that were found since this was last asked.
    pub fn told(&mut self) -> Vec<Logged> {
        let mut told = mem::take(&mut self.told);
        told.append(&mut self.sendmail.told());
        told
    }

    /// The deliveries that were found since this was last asked.
    pub fn deliveries(&mut self) -> Vec<Delivered> {
        self.hops.told()
    }

    /// The failed handshakes of which it was found, since this was last asked, what came of them.
    pub fn handshakes(&mut self) -> Vec<FailedHandshake> {
        self.handshakes.told()
    }

    /// It is this time now, in seconds since 1970-01-01, whatever lines say: clients that were waited
    /// for stayed away.
    pub fn past(&mut self, now: i64) {
        self.handshakes.past(now);
    }

    /// Takes in a line of this file.
    ///
    /// # Errors
    ///
    /// When it seems to be a line of smtpd, and cannot be read; when nobody can tell where an address in it
    /// ends.
    pub fn line(&mut self, text: &str, clock: &Clock, file: u32) -> Result<(), Unread> {
        self.tallied.lines += 1;
        let line = match Line::read(text, clock) {
            Ok(Some(line)) => line,
            Ok(None) => {
                if line::tells_of_loss(text) {
                    self.sessions.values_mut().for_each(|session| session.lost = true);
                    self.hops.lines_were_lost();
                    self.sendmail.lines_were_lost();
                }
                return Ok(());
            }
            Err(unread) if text.contains("smtpd") => {
                self.tallied.unread += 1;
                return Err(unread);
            }
            Err(_) => return Ok(()),
        };
        let is_sendmail = line.program == "sendmail";
        *(if is_sendmail { &mut self.tallied.sendmail } else { &mut self.tallied.postfix }) += 1;
        self.tallied.without_zone += u64::from(!line.zoned);
        let host = self.hosts.number(line.host);
        if is_ambiguous(&line) {
            self.tallied.unread += 1;
            self.passed_over(&line, host);
            return Err(Unread::Ambiguous);
        }
        self.handshakes.past(line.at);
        if is_sendmail {
            let process = self.process(&line, host);
            self.sendmail.line(process, &line, file, &mut self.hops, &mut self.handshakes);
        } else if line.program == "smtpd" {
            self.smtpd(&line, host, file);
        } else {
            self.other(&line, host);
        }
        Ok(())
    }

    /// The end of all lines: sessions whose end did not come stay unknown. A handshake that fails just then
    /// is told when the log goes on, and says why.
    pub fn end(&mut self) {
        self.sessions.values_mut().for_each(|session| session.failure = None);
        let processes: Vec<_> = self.sessions.keys().copied().collect();
        processes.into_iter().for_each(|process| self.session_ends(process, End::Missing));
        self.handshakes.end();
    }

    /// A line of which nobody can tell where an address in it ends: what stands before the address is still so.
    fn passed_over(&mut self, line: &Line<'_>, host: u32) {
        let process = self.process(line, host);
        match line.program {
            "smtp" | "lmtp" => self.hops.delivery_is_unread(process),
            "smtpd" => {
                if let Some(session) = self.sessions.get_mut(&process)
                    && matches!(refusal(line.text), Some(Refusal::Recipient(_) | Refusal::Session))
                {
                    session.is_refused = true;
                }
            }
            _ => {}
        }
    }

    /// The process that wrote a line.
    fn process(&mut self, line: &Line<'_>, host: u32) -> Process {
        (host, self.services.number(line.service), line.process)
    }

    fn other(&mut self, line: &Line<'_>, host: u32) {
        if line.program == "MailScanner" {
            // Requeue: AB3116645BB.AE4DF to 9E02D664D3C
            if let Some((old, new)) =
                line.text.strip_prefix("Requeue: ").and_then(|ids| ids.split_once(" to "))
            {
                self.renamed(host, old.split('.').next().unwrap_or(old), new.trim());
            }
            return;
        }
        let Some((id, rest)) = line.queue_id() else {
            match line.program {
                "smtp" | "lmtp" => {
                    let process = self.process(line, host);
                    self.hops.connection(process, line);
                }
                "tlsproxy" => self.proxy(line, host),
                "master"
                    if ["reload -- ", "daemon started -- "]
                        .iter()
                        .any(|begin| line.text.starts_with(begin)) =>
                {
                    self.hops.settings_were_read(host);
                }
                _ => {}
            }
            return;
        };
        if let Some(known) = self.queue.get(host, id) {
            known.is_in_queue |= !matches!(line.program, "cleanup" | "pickup");
            known.seen = line.at;
        }
        match line.program {
            "qmgr" | "postsuper" if rest == "removed" => self.removed(host, id),
            "qmgr" => {
                if let Some((sender, _)) = line::address(rest, "from=")
                    && let Some(message) = self.message(host, id)
                {
                    message.sender = Some(sender.to_owned());
                }
                if rest.ends_with("expired, returned to sender") {
                    let process = self.process(line, host);
                    self.hops.expires(process, line, id);
                }
            }
            "cleanup" | "pickup" => self.comes_in(line, host, id, rest),
            _ => self.recipient(line, host, id, rest),
        }
    }

    /// A line of cleanup or pickup. Of messages from smtpd, its own line came before.
    fn comes_in(&mut self, line: &Line<'_>, host: u32, id: &str, rest: &str) {
        // postsuper -r: the same message, under another id.
        if let Some((_, old)) = rest.split_once(" orig_id=")
            && line.program == "pickup"
        {
            self.renamed(host, old.trim(), id);
        }
        match self.queue.get(host, id).map(|known| known.came) {
            None => self.begin(host, id, Came::Inside, line.at),
            Some(Came::Smtp(number)) => {
                if let Some(message_id) = rest.strip_prefix("message-id=") {
                    self.message_id((host, id), number, message_id, line.at);
                }
            }
            Some(Came::Inside | Came::Again) => {}
        }
    }

    /// A filter that brings a message back without saying what it was before brings its Message-ID
    /// back, too; while the first one is still in the queue.
    fn message_id(&mut self, (host, id): (u32, &str), number: u64, message_id: &str, at: i64) {
        if message_id.len() <= "<>".len() {
            return;
        }
        let hash = self.hasher.hash_one((host, message_id));
        let is_near = |client: Option<IpAddr>| client.is_some_and(is_near);
        let Some(client) = self.messages.get(&number).map(|message| message.client) else { return };
        let first = self.by_message_id.get(&hash);
        let first =
            first.filter(|first| **first != number).and_then(|first| self.messages.get(first));
        if is_near(client) && first.is_some_and(|first| !first.removed) {
            // Without the instance that stands before it.
            let first =
                first.map(|first| first.id.rsplit('/').next().unwrap_or_default().to_owned());
            self.tallied.messages -= 1;
            self.tallied.again += 1;
            self.messages.remove(&number);
            if let Some(first) = first {
                self.hops.comes_back(host, &first, at);
            }
            if let Some(known) = self.queue.get(host, id) {
                known.came = Came::Again;
            }
        } else {
            if self.by_message_id.len() >= self.full_of_ids.max(MANY) {
                let messages = &self.messages;
                self.by_message_id.retain(|_, number| messages.contains_key(number));
                self.full_of_ids = 2 * self.by_message_id.len();
            }
            self.by_message_id.insert(hash, number);
        }
    }

    fn message(&mut self, host: u32, id: &str) -> Option<&mut Message> {
        match self.queue.get(host, id)?.came {
            Came::Smtp(number) => self.messages.get_mut(&number),
            Came::Inside | Came::Again => None,
        }
    }

    fn begin(&mut self, host: u32, id: &str, came: Came, at: i64) {
        let underway = Underway { came, is_in_queue: false, seen: at };
        if let Some(Underway { came: Came::Smtp(old), .. }) = self.queue.insert(host, id, underway)
        {
            self.gone(old);
        }
        if self.begun.len() >= MOST_BEGUN {
            self.begun.clear();
        }
        if self.queue.len >= self.full.max(MANY) {
            let gone = self.queue.retain(|known| {
                at - known.seen < if known.is_in_queue { SILENCE } else { SILENCE_BEFORE }
            });
            gone.into_iter().for_each(|number| self.gone(number));
            let over = |session: &Session| at - session.seen >= SILENCE;
            let over: Vec<_> = self
                .sessions
                .iter()
                .filter(|(_, session)| over(session))
                .map(|(key, _)| *key)
                .collect();
            over.into_iter().for_each(|process| self.session_ends(process, End::Missing));
            self.failed.forget(at);
            self.full = self.queue.len * 2;
        }
    }

    /// The same message goes on under another id.
    fn renamed(&mut self, host: u32, old: &str, new: &str) {
        self.hops.renamed(host, old, new);
        if let Some(underway) = self.queue.remove(host, old) {
            self.queue.insert(host, new, underway);
        }
    }

    fn removed(&mut self, host: u32, id: &str) {
        self.hops.removed(host, id);
        if let Some(Underway { came: Came::Smtp(number), .. }) = self.queue.remove(host, id) {
            self.gone(number);
        }
    }

    /// No more lines tell of a message; its session may go on.
    fn gone(&mut self, number: u64) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        message.removed = true;
        if message.tls.is_some() || message.waiting.is_empty() {
            self.messages.remove(&number);
        }
    }

    /// A line of a delivery: `to=<..>, orig_to=<..>, relay=..`.
    fn recipient(&mut self, line: &Line<'_>, host: u32, id: &str, rest: &str) {
        let process = self.process(line, host);
        let Some(delivery) = DeliveryLine::read(rest) else {
            self.hops.connection_ends(process, rest);
            return;
        };
        let recipient = delivery.recipient;
        let came = self.queue.get(host, id).map(|known| known.came);
        self.hops.delivery(process, line, id, &delivery, came.is_some());
        let Some(Came::Smtp(number)) = came else {
            self.tallied.without_message += u64::from(came.is_none());
            return;
        };
        let Some(message) = self.messages.get_mut(&number) else { return };
        if message.told.contains(recipient) {
            return;
        }
        message.told.insert(recipient.to_owned());
        if let Some(earlier) = &message.earlier {
            self.handshakes.recipient(earlier, recipient);
        }
        match message.tls.clone() {
            Some(tls) => self.told.push(message.logged(recipient.to_owned(), line.at, tls)),
            None => message.waiting.push((recipient.to_owned(), line.at)),
        }
    }
}
