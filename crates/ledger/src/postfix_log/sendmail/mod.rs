//! The same of a Sendmail: one process serves a client, and delivers what it took.
//!
//! ```text
//! sm-mta[17]: STARTTLS=server, relay=mx.test [192.0.2.1], version=TLSv1.3, verify=NO, cipher=.., bits=256/256
//! sm-mta[17]: 6AS..: from=<a@b.test>, size=15, .., nrcpts=1, .., proto=ESMTPS, .., relay=mx.test [192.0.2.1]
//! sm-mta[19]: STARTTLS=client, relay=mx.d.test., version=TLSv1.3, verify=OK, cipher=.., bits=256/256
//! sm-mta[19]: 6AS..: to=<c@d.test>, .., mailer=esmtp, .., relay=mx.d.test. [192.0.2.25], dsn=2.0.0, stat=Sent (ok)
//! ```
//!
//! `proto=` says of each message whether it came over TLS (RFC 3848), so that plaintext is proved by the
//! line itself. Lines of TLS are there from LogLevel 9 on, the default.

mod delivery;
mod line;

use super::handshakes::{Earlier, FailedHandshake, Handshakes, LastFailures, is_for_want_of_tls};
use super::hop::Hops;
use super::hosts::Process;
use super::line::Line;
use super::{Logged, TRIAL_ANSWER};
use crate::model::delivery::{DeliveryReason, Trust};
use crate::model::handshake::Afterwards;
use crate::model::logged_tls::{LoggedTls, TlsFailure};
use line::{Fields, Relay, addresses};
use policy::TlsState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;

/// What a Sendmail does, as far as the log tells.
#[derive(Debug, Default)]
pub(super) struct Sendmail {
    servers: HashMap<Process, Server>,
    clients: HashMap<Process, Client>,
    /// Hosts that log the TLS sessions of the second hop.
    telling: HashSet<u32>,
    messages: HashMap<(u32, String), Message>,
    /// At how many what nothing more will come of is looked for.
    full: usize,
    failed: LastFailures,
    told: Vec<Logged>,
    pub found: Found,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub messages: u64,
    pub tls: u64,
    pub without_message: u64,
    /// Why handshakes failed, and how often.
    pub causes: BTreeMap<String, u64>,
}

/// A process that serves a client.
#[derive(Debug, Default)]
struct Server {
    /// The client, as the log names it, and the session that it began.
    tls: Option<(String, TlsState)>,
    authenticated: bool,
    /// A handshake that failed, of which the next line may say why.
    failed: Option<(String, i64)>,
    /// When a handshake last failed: a process has one client, so that what fails at the same time is there twice.
    failed_at: Option<i64>,
    earlier: Option<Earlier>,
    seen: i64,
}

/// A process that delivers.
#[derive(Debug, Default)]
struct Client {
    /// Its sessions, by the server's name. It may use one again for the next message.
    tls: HashMap<String, (TlsState, Trust)>,
    /// Why its last handshake failed, and the message that was to go over it, once that is known.
    failed: Option<TlsFailure>,
    of: String,
    seen: i64,
}

/// A message.
#[derive(Debug, Default)]
struct Message {
    /// How it came; none of one that came from inside, or whose line has not come yet.
    came: Option<Logged>,
    is_begun: bool,
    told: HashSet<String>,
    /// Recipients that were refused for want of TLS.
    refused: Vec<String>,
    is_refused: bool,
    /// Whether `doctor` or `setup` had it, to see whether the milter is asked.
    is_trial: bool,
    /// Why TLS put a recipient off, and the process that says so: it tells then what became of it.
    demands: HashMap<String, (u32, DeliveryReason, String)>,
    earlier: Option<Earlier>,
    seen: i64,
}

const MANY: usize = 10_000;
/// Seconds after which nothing more is expected of a message or a process.
const SILENCE: i64 = 24 * 60 * 60;
/// How many recipients of a message are remembered as refused.
const MOST_REFUSED: usize = 1000;

impl Sendmail {
    /// The recipients that were found since this was last asked.
    pub fn told(&mut self) -> Vec<Logged> {
        mem::take(&mut self.told)
    }

    /// Lines were lost: a delivery without a line of TLS is no longer plaintext for that.
    pub fn lines_were_lost(&mut self) {
        self.telling.clear();
    }

    /// A line of one of Sendmail's processes.
    pub fn line(
        &mut self,
        process: Process,
        line: &Line<'_>,
        file: u32,
        hops: &mut Hops,
        handshakes: &mut Handshakes,
    ) {
        let text = line.text;
        if let Some(rest) = text.strip_prefix("STARTTLS=server, ") {
            self.server(process, line.at, rest, handshakes);
        } else if let Some(rest) = text.strip_prefix("STARTTLS=client, ") {
            self.client(process, line.at, rest);
        } else if let Some(rest) = text.strip_prefix("STARTTLS=server: ") {
            let failed = self.servers.get_mut(&process).and_then(|server| server.failed.take());
            if let Some((client, at)) = failed {
                let failure = line::library(rest).unwrap_or_else(|| TlsFailure::new(""));
                self.handshake_failed(process, &client, at, failure, handshakes);
            }
        } else if let Some(rest) = text.strip_prefix("STARTTLS=client: ") {
            if let (Some(client), Some(cause)) =
                (self.clients.get_mut(&process), line::library(rest))
            {
                client.failed = Some(cause);
            }
        } else if text.starts_with("AUTH=server, ") {
            let server = self.servers.entry(process).or_default();
            server.authenticated = true;
            server.seen = line.at;
        } else if let Some((id, rest)) = line.queue_id() {
            self.message(process, line, (id, rest), file, hops, handshakes);
        }
    }

    fn server(&mut self, process: Process, at: i64, rest: &str, handshakes: &mut Handshakes) {
        let fields = Fields(rest);
        let Some(relay) = fields.get("relay") else { return };
        let server = self.servers.entry(process).or_default();
        server.seen = at;
        if rest.starts_with("error: accept failed") {
            if server.failed_at.replace(at) == Some(at) {
                return;
            }
            let fields = Fields(rest.strip_prefix("error: ").unwrap_or(rest));
            let relay = relay.to_owned();
            match line::failure(fields) {
                Some(failure) => self.handshake_failed(process, &relay, at, failure, handshakes),
                None => server.failed = Some((relay, at)),
            }
        } else if let Some(tls) = line::session(fields) {
            let key = client_key(process.0, relay);
            self.found.tls += 1;
            self.failed.remove(&key);
            let earlier = handshakes.settle(&key, Afterwards::Tls);
            *server = Server {
                tls: Some((relay.to_owned(), tls)),
                earlier,
                seen: at,
                ..Server::default()
            };
        }
    }

    fn handshake_failed(
        &mut self,
        process: Process,
        relay: &str,
        at: i64,
        failure: TlsFailure,
        handshakes: &mut Handshakes,
    ) {
        *self.found.causes.entry(failure.to_string()).or_default() += 1;
        let key = client_key(process.0, relay);
        let Relay { name, address } = Relay::read(relay);
        let handshake = FailedHandshake::new(at, process, (name, address), failure.clone());
        handshakes.failed(key.clone(), handshake);
        self.failed.insert(key, at, failure);
    }

    /// A line that begins with a queue id.
    fn message(
        &mut self,
        process: Process,
        line: &Line<'_>,
        (id, rest): (&str, &str),
        file: u32,
        hops: &mut Hops,
        handshakes: &mut Handshakes,
    ) {
        if let Some(rest) = rest.strip_prefix("from=") {
            self.came(process, line, (id, rest), file, handshakes);
        } else if let Some(rest) = rest.strip_prefix("to=") {
            self.deliveries(process, line, (id, rest), hops, handshakes);
        } else if let Some(rest) = rest.strip_prefix("Milter: to=") {
            let (refused, rest) = addresses(rest);
            if let Some(reply) = rest.strip_prefix("reject=") {
                let is_trial = reply.starts_with(TRIAL_ANSWER);
                if is_trial || is_for_want_of_tls(reply) {
                    self.refused(process, line, id, &refused);
                }
                self.entry(process.0, id, line.at).is_trial |= is_trial;
            }
        } else if let Some(rest) = rest.strip_prefix("ruleset=") {
            self.ruleset(process, line, id, rest);
        }
    }

    fn entry(&mut self, host: u32, id: &str, at: i64) -> &mut Message {
        if self.messages.len() >= self.full.max(MANY) {
            self.messages.retain(|_, message| at - message.seen < SILENCE);
            self.servers.retain(|_, server| at - server.seen < SILENCE);
            self.clients.retain(|_, client| at - client.seen < SILENCE);
            self.failed.forget(at);
            self.full = 2 * self.messages.len();
        }
        let message = self.messages.entry((host, id.to_owned())).or_default();
        message.seen = at;
        message
    }

    fn refused(&mut self, process: Process, line: &Line<'_>, id: &str, recipients: &[&str]) {
        let message = self.entry(process.0, id, line.at);
        message.is_refused = true;
        let room = MOST_REFUSED.saturating_sub(message.refused.len());
        message.refused.extend(recipients.iter().take(room).map(|&to| to.to_owned()));
    }

    /// `tls_rcpt, arg1=u@d.test, relay=[192.0.2.25], reject=454 4.7.0 encryption too weak 0 less than 112`
    fn ruleset(&mut self, process: Process, line: &Line<'_>, id: &str, rest: &str) {
        let Some((ruleset, rest)) = rest.split_once(", ") else { return };
        let Some((to, fields)) = line::argument(rest) else { return };
        let Some(reject) = fields.get("reject") else { return };
        match ruleset {
            "tls_rcpt" | "tls_server" => {
                let to = if ruleset == "tls_rcpt" { to } else { "" };
                let (why, words) = line::demand(reject);
                let demands = &mut self.entry(process.0, id, line.at).demands;
                demands.insert(to.to_owned(), (line.process, why, words));
            }
            "tls_client" => self.refused(process, line, id, &[]),
            // What else it refuses, it quotes: `550 5.7.1 <u@d.test>... Relaying denied`.
            "check_rcpt" if reject.split(' ').nth(2) == Some("encryption") => {
                self.refused(process, line, id, &[to]);
            }
            _ => {}
        }
    }

    /// A message came: `<a@b.test>, size=15, class=0, nrcpts=1, .., proto=ESMTPS, .., relay=mx.test [192.0.2.1]`.
    fn came(
        &mut self,
        process: Process,
        line: &Line<'_>,
        (id, rest): (&str, &str),
        file: u32,
        handshakes: &mut Handshakes,
    ) {
        let (sender, rest) = super::line::address(rest, "").unwrap_or_else(|| {
            let end = rest.find(", ").unwrap_or(rest.len());
            (rest.get(..end).unwrap_or_default(), rest.get(end..).unwrap_or_default())
        });
        let fields = Fields(rest.trim_start_matches([',', ' ']));
        let (proto, relay) = (fields.last("proto"), fields.last("relay"));
        // The client may have written others around it.
        let is_none = |number: &str| number == "0";
        let has_recipients = fields.get("nrcpts").is_none() || !fields.all("nrcpts").all(is_none);
        let (Some(proto), Some(relay)) = (proto, relay) else {
            // From a local program.
            self.entry(process.0, id, line.at).is_begun = true;
            return;
        };
        let key = client_key(process.0, relay);
        let server = self.servers.get(&process);
        let authenticated =
            proto.ends_with('A') || server.is_some_and(|server| server.authenticated);
        let failed = self.failed.get(&key, line.at);
        // ESMTPS, ESMTPSA, and the same for LMTP and with UTF8 in front (RFC 3848, RFC 6531).
        let is_encrypted = proto.trim_end_matches('A').ends_with('S');
        let tls = match (is_encrypted, server.and_then(|server| server.tls.as_ref()), failed) {
            (true, Some((of, tls)), _) if of == relay => LoggedTls::Told(tls.clone()),
            (true, ..) => LoggedTls::Encrypted,
            (false, _, Some(failure)) => LoggedTls::Failed(failure.clone()),
            (false, ..) => LoggedTls::Told(TlsState::Plaintext),
        };
        let mut earlier = server.and_then(|server| server.earlier.clone());
        if is_encrypted {
            self.failed.remove(&key);
        }
        let Relay { name, address } = Relay::read(relay);
        let message = self.entry(process.0, id, line.at);
        let (is_refused, refused) = (message.is_refused, mem::take(&mut message.refused));
        if message.is_trial {
            handshakes.forget(&key, line.at);
        } else if is_encrypted {
            if earlier.is_none() {
                earlier = handshakes.settle(&key, Afterwards::Tls);
            }
        } else if is_refused || has_recipients {
            let then = if is_refused { Afterwards::Refused } else { Afterwards::Taken };
            earlier = handshakes.settle(&key, then);
            if let Some(earlier) = &mut earlier {
                for recipient in &refused {
                    handshakes.recipient(earlier, recipient);
                }
                earlier.afterwards = Afterwards::Taken;
            }
        }
        let came = Logged {
            at: line.at,
            told: line.at,
            host: line.host.to_owned(),
            file,
            id: id.to_owned(),
            process: line.process,
            client: address,
            name,
            authenticated,
            tls,
            sender: Some(sender.to_owned()),
            recipient: String::new(),
        };
        let message = self.entry(process.0, id, line.at);
        message.earlier = earlier;
        message.is_begun = true;
        if has_recipients && message.came.is_none() {
            message.came = Some(came);
            self.found.messages += 1;
        }
    }
}

/// A client, by host and address.
fn client_key(host: u32, relay: &str) -> (u32, String) {
    let address = Relay::read(relay).address.map(|address| address.to_string());
    (host, address.unwrap_or_else(|| relay.to_owned()))
}
