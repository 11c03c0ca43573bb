//! The lines of smtpd: sessions begin and end, and messages come over them.

use super::{DISORDER, Joiner, MANY};
use crate::model::handshake::Afterwards;
use crate::model::logged_tls::{LoggedTls, TlsFailure};
use crate::postfix_log::handshakes::{
    Earlier, FailedHandshake, Refusal, bracketed, failed_in_proxy, refusal,
};
use crate::postfix_log::hosts::Process;
use crate::postfix_log::line::{self, Line};
use crate::postfix_log::message::{Came, Message};
use crate::postfix_log::session::{End, Session, failed_handshake, library_problem, without_port};
use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash},
    mem,
};

/// How many refused recipients of a session are remembered.
const MOST_REFUSED: usize = 1000;

/// How many messages of a session wait for its end. It may never come, so of more nothing is known.
const MOST_WAITING: usize = 10_000;

/// What a line says of a client.
struct OfClient<'l> {
    /// `mx.test[192.0.2.1], orig_queue_id=.., orig_client=..`: what others cannot fill.
    fields: &'l str,
    authenticated: bool,
}

impl<'l> OfClient<'l> {
    /// Fields up to what the client has a say in: the name with which it authenticates, and
    /// `MAIL FROM:<..> AUTH=".."` behind that, which Postfix takes from whoever has not authenticated, too.
    fn read(text: &'l str) -> Self {
        let (fields, sasl) = text.split_once(", sasl_").unwrap_or((text, ""));
        let authenticated = ["method=", "username="].iter().any(|begin| sasl.starts_with(begin));
        Self { fields, authenticated }
    }
}

impl Joiner {
    pub(super) fn smtpd(&mut self, line: &Line<'_>, host: u32, file: u32) {
        let process = self.process(line, host);
        let text = line.text;
        let latest = self.latest.entry(host).or_insert(line.at);
        *latest = line.at.max(*latest);
        if let Some(client) = text.strip_prefix("connect from ") {
            self.connected(process, client, line);
            return;
        }
        // Lines of another session, which are there twice, or of a host of the same name.
        let is_older = |session: &Session| session.seen > line.at + DISORDER;
        if self.sessions.get(&process).is_some_and(is_older) {
            if let Some((id, rest)) = line.queue_id()
                && rest.starts_with("client=")
                && self.begins(&(line.at, process, id))
            {
                self.came(line, process, (id, rest), None, file);
            }
            return;
        }
        if let Some(end) = text.strip_prefix("disconnect from ") {
            self.session_ends(process, End::read(end));
        } else if let Some((client, tls)) = line.tls_session() {
            let session = self.session_of(process, client, line);
            if session.tls.is_none() {
                session.tls_lines += 1;
                session.tls = Some(tls);
                let is_copy = session.is_copy;
                self.tallied.tls += 1;
                if is_copy {
                    return;
                }
                let key = (host, bracketed(client).to_owned());
                self.failed.remove(&key);
                if let Some(earlier) = self.handshakes.settle(&key, Afterwards::Tls) {
                    self.session(process, client, line).earlier = Some(earlier);
                }
            }
        } else if let Some((client, cause)) = failed_handshake(text) {
            let failure =
                TlsFailure::new(if cause.is_empty() { "handshake failed" } else { cause });
            self.session_of(process, client, line).failure = Some(failure);
        } else if let Some(cause) = library_problem(text) {
            if let Some(session) = self.sessions.get_mut(&process)
                && session.failure.is_some()
            {
                session.failure = Some(TlsFailure::new(cause));
            }
        } else if let Some(client) = text.strip_prefix("NOQUEUE: client=") {
            let OfClient { fields, authenticated } = OfClient::read(client);
            let client = fields.split(", ").next().unwrap_or_default();
            self.session(process, client, line).passes_on = Some(authenticated);
            let front = self.fronts.entry(without_port(client).to_owned()).or_default();
            front.retain(|known| *known != process);
            front.push(process);
        } else if let Some((id, rest)) = line.queue_id()
            && rest.starts_with("client=")
            && self.begins(&(line.at, process, id))
        {
            self.came(line, process, (id, rest), Some(process), file);
        } else if let Some(refused) = refusal(text)
            && let Some(session) = self.sessions.get_mut(&process)
        {
            session.is_refused |= refused != Refusal::Trial;
            session.is_trial |= refused == Refusal::Trial;
            if let Refusal::Recipient(recipient) = refused
                && session.refused.len() < MOST_REFUSED
            {
                session.refused.push(recipient.to_owned());
            }
        }
    }

    /// A line of tlsproxy, which has handshakes for postscreen.
    pub(super) fn proxy(&mut self, line: &Line<'_>, host: u32) {
        let process = self.process(line, host);
        if let Some(cause) = library_problem(line.text) {
            if self.library.len() >= MANY {
                self.library.clear();
            }
            self.library.insert(process, TlsFailure::new(cause));
        } else if let Some(client) = failed_in_proxy(line.text) {
            let failure = self.library.remove(&process);
            let failure = failure.unwrap_or_else(|| TlsFailure::new("lost connection"));
            self.handshake_failed(process, client, line.at, failure);
        } else if let Some((client, _)) = line.tls_session() {
            let key = (host, bracketed(client).to_owned());
            self.failed.remove(&key);
            self.handshakes.settle(&key, Afterwards::Tls);
        }
    }

    fn handshake_failed(&mut self, process: Process, client: &str, at: i64, failure: TlsFailure) {
        *self.causes.entry(failure.to_string()).or_default() += 1;
        let key = (process.0, bracketed(client).to_owned());
        let handshake = FailedHandshake::new(at, process, line::client(client), failure.clone());
        self.handshakes.failed(key.clone(), handshake);
        self.failed.insert(key, at, failure);
    }

    /// The session of a process; one of which the log does not have the beginning is made.
    fn session(&mut self, process: Process, client: &str, line: &Line<'_>) -> &mut Session {
        let new = || Session::new(client, line.service, false, line.at);
        let session = self.sessions.entry(process).or_insert_with(new);
        session.seen = line.at;
        session
    }

    /// The same of a line that only the session of this client has: another one under way has lost its end.
    fn session_of(&mut self, process: Process, client: &str, line: &Line<'_>) -> &mut Session {
        let is_other = |session: &Session| without_port(&session.client) != without_port(client);
        if self.sessions.get(&process).is_some_and(is_other) {
            self.session_ends(process, End::Missing);
        }
        self.session(process, client, line)
    }

    /// Whether a session or a message begins that did not before.
    fn begins(&mut self, what: &impl Hash) -> bool {
        let is_new = self.begun.insert(self.hasher.hash_one(what));
        self.tallied.again += u64::from(!is_new);
        is_new
    }

    fn connected(&mut self, process: Process, client: &str, line: &Line<'_>) {
        let is_new = self.begun.insert(self.hasher.hash_one((line.at, process, client)));
        if let Some(session) = self.sessions.get(&process) {
            let is_same = session.is_untouched() && session.client == client;
            // The line is there twice, at once or later on.
            if is_same && session.seen == line.at || !is_new && session.seen > line.at + DISORDER {
                return;
            }
        }
        self.session_ends(process, End::Missing);
        self.tallied.sessions += 1;
        let latest = self.latest.get(&process.0);
        let is_copy = !is_new && latest.is_some_and(|latest| line.at + DISORDER < *latest);
        let mut session = Session::new(client, line.service, true, line.at);
        session.is_copy = is_copy;
        self.sessions.insert(process, session);
    }

    /// A message begins: `client=mx.test[192.0.2.1], orig_queue_id=.., orig_client=.., sasl_..`, in the
    /// session of this process, if that is known.
    fn came(
        &mut self,
        line: &Line<'_>,
        process: Process,
        (id, rest): (&str, &str),
        own: Option<Process>,
        file: u32,
    ) {
        let host = process.0;
        let OfClient { fields: all, mut authenticated } = OfClient::read(rest);
        let mut fields = all.split(", ");
        let client =
            fields.next().and_then(|field| field.strip_prefix("client=")).unwrap_or_default();
        let mut field = |name: &str| fields.find_map(|field| field.strip_prefix(name));
        if let Some(first) =
            field("orig_queue_id=").filter(|first| !first.is_empty() && *first != "NOQUEUE")
        {
            self.hops.comes_back(host, first, line.at);
            self.tallied.again += 1;
            return self.begin(host, id, Came::Again, line.at);
        }
        let mut fields = all.split(", ");
        let original = fields.find_map(|field| field.strip_prefix("orig_client="));
        let session = own.and_then(|own| self.sessions.get_mut(&own));
        let is_own = original.is_none()
            && session.as_ref().is_none_or(|session| session.client == client || !session.began);
        let client = original.unwrap_or(client);
        let mut of = own.filter(|_| session.is_some());
        if let Some(session) = session {
            session.seen = line.at;
            session.messages += u32::from(is_own);
        }
        if !is_own {
            of = self.front(client);
            let front = of.and_then(|front| self.sessions.get(&front));
            authenticated |= front.and_then(|front| front.passes_on).unwrap_or(false);
        }
        let (name, address) = line::client(client);
        let number = self.next;
        self.next += 1;
        let mut message = Message {
            at: line.at,
            host: line.host.to_owned(),
            file,
            id: line.id_of(id),
            process: line.process,
            client: address,
            name,
            authenticated,
            tls: Some(LoggedTls::Unknown),
            sender: None,
            told: HashSet::new(),
            waiting: Vec::new(),
            removed: false,
            earlier: None,
        };
        if let Some(session) = of.and_then(|of| self.sessions.get_mut(&of)) {
            message.tls = session.tls.clone().map(LoggedTls::Told);
            message.earlier.clone_from(&session.earlier);
            if without_port(&session.client) != without_port(client) {
                message.tls = Some(LoggedTls::Unknown);
            } else if message.tls.is_none() {
                if session.waiting.len() < MOST_WAITING {
                    session.waiting.push(number);
                } else {
                    message.tls = Some(LoggedTls::Unknown);
                }
            }
        }
        self.tallied.messages += 1;
        self.messages.insert(number, message);
        self.begin(host, id, Came::Smtp(number), line.at);
    }

    /// The session of a client whose message comes back from a filter before the queue. Of several, the
    /// one that last sent one; none where they differ.
    fn front(&self, client: &str) -> Option<Process> {
        let fronts = self.fronts.get(without_port(client))?;
        let last = fronts.last()?;
        let tls = |front: &Process| self.sessions.get(front).map(|session| &session.tls);
        fronts.iter().all(|front| tls(front) == tls(last)).then_some(*last)
    }

    pub(super) fn session_ends(&mut self, process: Process, end: End<'_>) {
        let Some(session) = self.sessions.remove(&process) else { return };
        let end = match end {
            // That of a later session: its own was lost.
            End::Disconnect { client, .. } if client != session.client => End::Missing,
            end => end,
        };
        let client = without_port(&session.client);
        if session.passes_on.is_some()
            && let Some(front) = self.fronts.get_mut(client)
        {
            front.retain(|known| *known != process);
            if front.is_empty() {
                self.fronts.remove(client);
            }
        }
        let key = (process.0, bracketed(client).to_owned());
        let proved = session.at_its_end(end, self.failed.get(&key, session.seen));
        if proved == LoggedTls::Encrypted && !session.is_copy {
            self.failed.remove(&key);
        }
        let tried = match &end {
            End::Disconnect { counts: Some(counts), .. } => counts.starttls_failed,
            End::Disconnect { counts: None, .. } | End::Missing => false,
        };
        let failure = session.failure.clone().or_else(|| tried.then(|| TlsFailure::new("")));
        match (&session.tls, failure) {
            _ if session.is_trial => self.handshakes.forget(&key, session.seen),
            // All of it was told. What it says of its client may be over.
            _ if session.is_copy => {}
            (None, Some(failure)) => {
                // Lines that are there twice begin no session.
                let what = (session.seen, process, &session.client);
                let is_new = self.begun.insert(self.hasher.hash_one((what, "failed")));
                if session.began || is_new {
                    self.handshake_failed(process, &session.client, session.seen, failure);
                }
            }
            _ => self.settle_handshakes(&session, &key, &proved),
        }
        for number in session.waiting {
            self.settle(number, &proved);
        }
    }

    /// What a session shows of handshakes of its client that had failed before.
    fn settle_handshakes(&mut self, session: &Session, key: &(u32, String), proved: &LoggedTls) {
        let has_mail = session.messages > 0 || session.passes_on.is_some();
        let afterwards = match proved {
            // With a line of TLS it was settled there.
            _ if session.tls.is_some() => return,
            LoggedTls::Encrypted => Afterwards::Tls,
            _ if session.is_refused => Afterwards::Refused,
            LoggedTls::Told(_) | LoggedTls::Failed(_) if has_mail => Afterwards::Taken,
            _ => return,
        };
        let Some(earlier) = self.handshakes.settle(key, afterwards) else { return };
        if afterwards == Afterwards::Refused {
            for recipient in &session.refused {
                self.handshakes.recipient(&earlier, recipient);
            }
        }
        // Of several recipients, some may have been refused, and others taken.
        let taken = match afterwards {
            Afterwards::Refused => Afterwards::Taken,
            other => other,
        };
        let earlier = Earlier { afterwards: taken, ..earlier };
        for number in &session.waiting {
            let Some(message) = self.messages.get_mut(number) else { continue };
            for (recipient, _) in &message.waiting {
                self.handshakes.recipient(&earlier, recipient);
            }
            message.earlier = Some(earlier.clone());
        }
    }

    /// The session of a message is known.
    fn settle(&mut self, number: u64, tls: &LoggedTls) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        for (recipient, told) in mem::take(&mut message.waiting) {
            self.told.push(message.logged(recipient, told, tls.clone()));
        }
        message.tls = Some(tls.clone());
        if message.removed {
            self.messages.remove(&number);
        }
    }
}
