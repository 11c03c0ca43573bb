//! The second hop: deliveries by smtp(8) and lmtp(8), joined with the TLS sessions that the same process
//! had just begun.
//!
//! ```text
//! smtp[20]: Trusted TLS connection established to mx.d.test[192.0.2.25]:25: TLSv1.3 with cipher ..
//! smtp[20]: 4dBr..: to=<c@d.test>, relay=mx.d.test[192.0.2.25]:25, .., status=sent (250 ok)
//! smtp[20]: 4dBr..: to=<e@d.test>, relay=mx.d.test[192.0.2.25]:25, .., status=sent (250 ok)
//! ```
//!
//! A process delivers one message at a time, and logs a session (`smtp_tls_loglevel = 1`) before the
//! recipients that it delivers over it, also one that tlsproxy(8) holds for it and one that is used again
//! (`smtp_tls_connection_reuse`). A session counts for one message: for the next one there is a new line.
//!
//! A delivery without such a line went in the clear only if that service had logged sessions since Postfix
//! last read its settings, or if the line says so itself (`tls=`, from Postfix 3.11 on). Else nothing is known
//! of it. What the service logs later proves nothing of what came before: that is what it looks like when
//! somebody has just set `smtp_tls_loglevel`.

mod connection;
mod line;
pub(super) mod reason;

pub(super) use line::{DeliveryLine, is_here};

use super::Delivered;
use super::hosts::Process;
use super::line::{Line, Usage, tls_summary};
use super::session::library_problem;
use crate::model::delivery::{Attempt, DeliveryReason, DeliveryStatus, HopTls, Trust};
use crate::model::logged_tls::{LoggedTls, TlsFailure};
use connection::{Connection, trust};
use line::{Fields, Peer, feature, seconds};
use std::collections::{HashMap, HashSet};
use std::mem;

/// What smtp(8) does, as far as the log tells.
#[derive(Debug, Default)]
pub(super) struct Hops {
    connections: HashMap<Process, Connection>,
    /// Services, by host, that log their TLS sessions.
    telling: HashSet<(u32, u32)>,
    /// Messages that wait, by host and queue id.
    waiting: HashMap<u32, HashMap<String, Waiting>>,
    /// How many.
    waiting_len: usize,
    /// Messages that a filter brought back: what took them was no server of an organisation.
    /// With when that was.
    filtered: HashMap<(u32, String), i64>,
    /// At how many what nothing more will come of is looked for.
    full: usize,
    told: Vec<Delivered>,
}

/// For which reasons a recipient waits no longer, or waits again.
#[derive(Debug, Default)]
#[must_use]
struct Changed {
    settled: Option<DeliveryReason>,
    resumed: Option<DeliveryReason>,
}

/// A message that waits.
#[derive(Debug)]
struct Waiting {
    /// For whom and why, each way once: the last one is why it waits now.
    recipients: HashMap<String, Vec<(DeliveryReason, String)>>,
    /// What the client wrote in their place.
    written: HashMap<String, String>,
    seen: i64,
}

/// How many connections and messages are always remembered.
const MANY: usize = 10_000;
/// Seconds after which nothing more is expected of a connection.
const OVER: i64 = 60 * 60;
/// Seconds after which nothing more is expected of a message that waits: Postfix tries again at the latest
/// after `maximal_backoff_time`, an hour or so, and never keeps one as long as this.
const GONE: i64 = 10 * 24 * 60 * 60;
/// Seconds that a message had been there before an attempt that cannot be the first one. Postfix waits
/// `minimal_backoff_time` (300) before the second.
const TRIED_BEFORE: u32 = 240;

impl Hops {
    /// The deliveries that were found since this was last asked.
    pub fn told(&mut self) -> Vec<Delivered> {
        mem::take(&mut self.told)
    }

    /// A delivery, of whichever MTA, of the message with this queue id. `was_tried`: the log does not have
    /// all attempts before it.
    pub fn tell(&mut self, host: u32, id: &str, was_tried: bool, mut delivered: Delivered) {
        let changed = self.remember(host, id, was_tried, &mut delivered);
        for (status, reason) in
            [(DeliveryStatus::Settled, changed.settled), (DeliveryStatus::Resumed, changed.resumed)]
        {
            if let Some(reason) = reason {
                let attempt = Attempt::without_server(delivered.attempt.at, status, reason);
                self.told.push(Delivered { attempt, ..delivered.clone() });
            }
        }
        self.told.push(delivered);
    }

    /// Lines were lost: a session without its line is no longer plaintext for that.
    pub fn lines_were_lost(&mut self) {
        self.telling.clear();
        self.connections.clear();
    }

    /// Postfix read its settings anew: what its services log may be another thing from here on.
    pub fn settings_were_read(&mut self, host: u32) {
        self.telling.retain(|(of, _)| *of != host);
    }

    /// A line of smtp or lmtp that begins with no queue id.
    pub fn connection(&mut self, process: Process, line: &Line<'_>) {
        let text = line.text;
        if let Some(summary) = tls_summary(text)
            && summary.usage != Usage::From
        {
            let (host, service, _) = process;
            self.telling.insert((host, service));
            let connection = self.new_connection(process, line.at);
            connection.tls = Some((summary.peer.to_owned(), summary.state, trust(summary.trust)));
            return;
        }
        if let Some(rest) = text.strip_prefix("SSL_connect error to ") {
            if let Some((peer, cause)) = rest.split_once(": ") {
                let connection = self.new_connection(process, line.at);
                connection.failed = Some((peer.to_owned(), reason::failure(cause)));
            }
        } else if let Some(cause) = library_problem(text) {
            if let Some(connection) = self.connections.get_mut(&process)
                && let Some((_, failure)) = &mut connection.failed
            {
                *failure = TlsFailure::new(cause);
            }
        } else if let Some((before, rest)) = text.split_once("ertificate verification failed for ")
            && matches!(before, "c" | "server c")
            && let Some((peer, cause)) = rest.split_once(": ")
        {
            let (kind, words) = reason::verification(cause);
            let connection = self.new_connection(process, line.at);
            connection.certificate = Some((peer.to_owned(), kind, words));
        }
    }

    /// The connection of a process for what comes next; what was of a message before is forgotten.
    fn new_connection(&mut self, process: Process, at: i64) -> &mut Connection {
        let connection = self.connections.entry(process).or_default();
        if !connection.of.is_empty() {
            *connection = Connection::default();
        }
        connection.seen = at;
        connection
    }

    /// A line of smtp or lmtp that begins with a queue id and tells of no recipient: the connection ended
    /// in between, and what comes next is another one, with another server or in the clear.
    pub fn connection_ends(&mut self, process: Process, rest: &str) {
        let ended = ["lost connection with ", "conversation with "];
        if ended.iter().any(|begin| rest.starts_with(begin))
            && let Some(connection) = self.connections.get_mut(&process)
            && let Some((peer, ..)) = connection.tls.take()
        {
            connection.failed =
                Some((peer, TlsFailure::new("connection lost after the handshake")));
        }
    }

    /// A line of a delivery that nobody can read: what the process said before was of that one.
    pub fn delivery_is_unread(&mut self, process: Process) {
        self.connections.remove(&process);
    }

    /// A line of a delivery, of a message of which the log has the beginning or not.
    pub fn delivery(
        &mut self,
        process: Process,
        line: &Line<'_>,
        id: &str,
        delivery: &DeliveryLine<'_>,
        is_begun: bool,
    ) {
        let host = process.0;
        let Some(fields) = delivery.fields() else { return };
        // To a filter, or to another message of this host.
        let is_inside = || {
            fields.text.starts_with("forwarded as ")
                || !self.filtered.is_empty() && self.filtered.contains_key(&(host, id.to_owned()))
        };
        if fields.status == DeliveryStatus::Sent && is_inside() {
            return;
        }
        let attempt = self.attempt(process, line, id, &fields);
        let was_tried = !is_begun && seconds(fields.waited) >= TRIED_BEFORE;
        let delivered = Delivered {
            id: line.id_of(id),
            process: line.process,
            recipient: delivery.recipient.to_owned(),
            routed: delivery.to.to_owned(),
            attempt,
        };
        self.tell(host, id, was_tried, delivered);
    }

    /// What a line says of a delivery.
    fn attempt(
        &mut self,
        process: Process,
        line: &Line<'_>,
        id: &str,
        fields: &Fields<'_>,
    ) -> Attempt {
        let is_sent = fields.status == DeliveryStatus::Sent;
        let (mut kind, mut words) = match fields.status {
            DeliveryStatus::Sent => (DeliveryReason::None, String::new()),
            _ => reason::reason(fields.text, fields.dsn),
        };
        let relay = Peer::read(fields.relay);
        let is_reached = relay.is_some();
        // All but those that speak to servers, and those that deliver nothing.
        let is_local = !matches!(line.program, "smtp" | "lmtp" | "error" | "retry");
        let peer = match relay {
            Some(peer) => peer,
            None if is_sent => Peer::default(),
            None => Peer::named_in(fields.text).unwrap_or_default(),
        };
        let connection = self.connections.entry(process).or_default();
        connection.seen = line.at;
        if (&*connection.of, &*connection.waited) != (id, fields.waited) {
            if !connection.of.is_empty() {
                *connection = Connection { seen: line.at, ..Connection::default() };
            }
            id.clone_into(&mut connection.of);
            fields.waited.clone_into(&mut connection.waited);
        }
        let (level, feature) = feature(fields.tls);
        let telling = self.telling.contains(&(process.0, process.1));
        let is_socket = is_reached && peer.address.is_none() && !peer.name.is_empty();
        let (tls, trust) = if is_local || is_socket {
            (HopTls::Local, Trust::None)
        } else if !is_reached {
            (HopTls::Told(LoggedTls::Unknown), Trust::None)
        } else {
            connection.tls_with(fields.relay, &peer, feature, kind, telling)
        };
        if kind == DeliveryReason::CertificateNotMatched
            && let Some((of, why, cause)) = &connection.certificate
            && of == fields.relay
        {
            (kind, words) = (*why, cause.clone());
        }
        Attempt {
            at: line.at,
            server: peer.name,
            address: peer.address,
            level: level.to_owned(),
            tls,
            trust,
            status: fields.status,
            reason: kind,
            words,
            is_again: false,
        }
    }

    /// Joins an attempt with those before it for the same recipient.
    fn remember(
        &mut self,
        host: u32,
        id: &str,
        was_tried: bool,
        delivered: &mut Delivered,
    ) -> Changed {
        let Delivered { routed, recipient, attempt, .. } = delivered;
        let mut changed = Changed::default();
        let known = self.waiting.get_mut(&host).and_then(|messages| messages.get_mut(id));
        if attempt.status != DeliveryStatus::Deferred {
            let before = known.and_then(|known| known.recipients.remove(routed));
            let before = before.as_ref().and_then(|before| before.last()).map(|(why, _)| *why);
            match before {
                Some(why) if attempt.status == DeliveryStatus::Sent => attempt.reason = why,
                None if attempt.status == DeliveryStatus::Sent => {}
                before => changed.settled = before.or(was_tried.then_some(attempt.reason)),
            }
            return changed;
        }
        let waiting = match known {
            Some(known) => known,
            None => {
                self.forget(attempt.at);
                self.waiting_len += 1;
                self.waiting.entry(host).or_default().entry(id.to_owned()).or_insert(Waiting {
                    recipients: HashMap::new(),
                    written: HashMap::new(),
                    seen: attempt.at,
                })
            }
        };
        waiting.seen = attempt.at;
        let ways = waiting.recipients.entry(routed.clone()).or_default();
        if recipient != routed {
            waiting.written.insert(routed.clone(), recipient.clone());
        }
        let way = (attempt.reason, attempt.words.clone());
        let place = ways.iter().position(|(why, _)| *why == attempt.reason);
        attempt.is_again = place.is_some() || was_tried && ways.is_empty();
        changed.settled = ways.last().map(|(why, _)| *why).filter(|why| *why != attempt.reason);
        changed.resumed = place.and(changed.settled).map(|_| attempt.reason);
        if let Some(place) = place {
            ways.remove(place);
        }
        ways.push(way);
        changed
    }

    /// Forgets what nothing more will come of, if there is much.
    fn forget(&mut self, now: i64) {
        let len = self.waiting_len.max(self.connections.len()).max(self.filtered.len());
        if len < self.full.max(MANY) {
            return;
        }
        self.connections.retain(|_, connection| now - connection.seen < OVER);
        self.filtered.retain(|_, at| now - *at < GONE);
        for messages in self.waiting.values_mut() {
            messages.retain(|_, waiting| now - waiting.seen < GONE);
        }
        self.waiting_len = self.waiting.values().map(HashMap::len).sum();
        self.full = 2 * self.waiting_len.max(self.connections.len()).max(self.filtered.len());
    }

    /// A filter brought this message back under another id.
    pub fn comes_back(&mut self, host: u32, id: &str, at: i64) {
        self.forget(at);
        self.filtered.insert((host, id.to_owned()), at);
    }

    /// A message waited too long, and goes back to its sender.
    pub fn expires(&mut self, process: Process, line: &Line<'_>, id: &str) {
        let host = process.0;
        let Some(waiting) = self.take_waiting(host, id) else { return };
        for (to, ways) in waiting.recipients {
            let Some((why, _)) = ways.last() else { continue };
            let recipient = waiting.written.get(&to).unwrap_or(&to).clone();
            let became = |status| Attempt::without_server(line.at, status, *why);
            let settled = became(DeliveryStatus::Settled);
            let words = "waited too long".to_owned();
            let bounced = Attempt { words, ..became(DeliveryStatus::Bounced) };
            for attempt in [settled, bounced] {
                self.told.push(Delivered {
                    id: line.id_of(id),
                    process: line.process,
                    recipient: recipient.clone(),
                    routed: to.clone(),
                    attempt,
                });
            }
        }
    }

    fn take_waiting(&mut self, host: u32, id: &str) -> Option<Waiting> {
        let taken = self.waiting.get_mut(&host)?.remove(id);
        self.waiting_len -= usize::from(taken.is_some());
        taken
    }

    /// A message left the queue.
    pub fn removed(&mut self, host: u32, id: &str) {
        self.take_waiting(host, id);
        if !self.filtered.is_empty() {
            self.filtered.remove(&(host, id.to_owned()));
        }
    }

    /// A message goes on under another id.
    pub fn renamed(&mut self, host: u32, old: &str, new: &str) {
        if let Some(waiting) = self.take_waiting(host, old) {
            self.waiting_len += 1;
            self.waiting.entry(host).or_default().insert(new.to_owned(), waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_filters_bring_back_is_remembered_by_its_time_and_in_bounded_memory() {
        let mut hops = Hops::default();
        let hour = 60 * 60;
        for number in 0..50_000_i64 {
            hops.comes_back(0, &number.to_string(), number * hour / 10);
            assert!(hops.filtered.len() <= 2 * MANY);
        }
        assert!(hops.filtered.contains_key(&(0, "49000".to_owned())));
        assert!(!hops.filtered.contains_key(&(0, "0".to_owned())));
        // However many there are, the last ones are there.
        let mut hops = Hops::default();
        for number in 0..=MANY {
            hops.comes_back(0, &number.to_string(), 1_800_000_000);
        }
        assert!(hops.filtered.contains_key(&(0, "0".to_owned())));
    }
}
