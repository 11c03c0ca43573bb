//! The facts of one SMTP session, taken from the macros that the MTA sends.
//!
//! Facts of the connection (the client) live as long as the milter connection; facts of the
//! message (sender, policy in force, evidence of TLS) are made anew at MAIL. Nothing here knows
//! the wire: macros come in as octets, verdicts go out.
//!
//! The evidence for a verdict is fresh: it comes with the RCPT itself. The list of macros that is
//! asked for at RCPT begins with `j`, which every MTA always defines. Where `j` came, the list was
//! honoured, and an absent `{tls_version}` means plaintext. Where it did not, an MTA may still
//! have told of TLS at an earlier stage on its own; where it has not, TLS is unknown.

use crate::policy::tls::certificate::Certificate;
use crate::policy::{
    Case, Client, DomainName, OnUnknownTls, Policy, Recipient, Reply, Sender, TlsState, Verdict,
    judge,
};
use jiff::Timestamp;
use std::{net::IpAddr, sync::Arc};

/// The stage of an SMTP session to which macros belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The connection itself.
    Connect,
    /// HELO or EHLO.
    Helo,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
}

/// Octets of the macros of one stage that are kept room for.
const USUAL: usize = 1024;

/// The macros of one stage, as they came: names and values, each ended by NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macros(Vec<u8>);

impl Macros {
    /// Replaces all macros by those of a batch, which may be empty.
    pub fn replace(&mut self, batch: &[u8]) {
        self.clear();
        self.0.extend_from_slice(batch);
    }

    /// Forgets all macros.
    pub fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(USUAL);
    }

    /// The value of a macro; names of more than one letter are given with their braces.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut parts = self.0.split(|octet| *octet == 0);
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            if bare(key) == bare(name.as_bytes()) {
                return Some(value);
            }
        }
        None
    }

    /// The value of a macro, if it is there and not empty.
    #[must_use]
    pub fn get_filled(&self, name: &str) -> Option<&[u8]> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// A name without braces: one-letter names come with and without them.
fn bare(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or(name)
}

/// The client, as the MTA gives it when a connection begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its name, where the MTA vouches for it: for the ledger, no verdict rests on it.
    pub name: Option<DomainName>,
    /// Its address; none where it does not come over IP.
    pub address: Option<IpAddr>,
    /// Its port; 0 where Postfix makes the client up.
    pub port: u16,
}

/// What is known of one SMTP session.
#[derive(Debug, Default)]
pub struct Session {
    peer: Peer,
    connect: Macros,
    helo: Macros,
    mail: Macros,
    rcpt: Macros,
    on_unknown_tls: OnUnknownTls,
    /// Whether the MTA takes lists of macros.
    lists: bool,
    message: Option<Message>,
}

/// What is known of one message.
#[derive(Debug)]
struct Message {
    /// Held from MAIL to the end of the message, so that a message sees one policy.
    policy: Arc<Policy>,
    sender: Sender,
    /// The recipient and TLS state that are being judged.
    recipient: Recipient,
    tls: TlsState,
}

/// A judged RCPT: all that the answer and the log need.
#[derive(Debug)]
pub struct Judgement<'s> {
    /// What was known.
    pub case: Case<'s>,
    /// What to do.
    pub verdict: Verdict<'s>,
    /// The answer, where the RCPT is refused.
    pub reply: Option<Reply>,
    /// The client's name, where the MTA knows it.
    pub client_name: Option<&'s DomainName>,
    /// The MTA's queue id, where it has one already.
    pub queue_id: Option<&'s [u8]>,
    /// The recipient as the client wrote it.
    pub argument: &'s [u8],
    /// The sender as the MTA understood it.
    pub mail_addr: Option<&'s [u8]>,
}

impl Session {
    /// A session of which nothing is known yet. `lists` says whether the MTA takes lists of macros.
    #[must_use]
    pub fn new(on_unknown_tls: OnUnknownTls, lists: bool) -> Self {
        Self { on_unknown_tls, lists, ..Self::default() }
    }

    /// Takes in the macros of a stage; they replace what was known of it.
    pub fn macros(&mut self, stage: Stage, batch: &[u8]) {
        match stage {
            Stage::Connect => self.connect.replace(batch),
            Stage::Helo => self.helo.replace(batch),
            Stage::Mail => self.mail.replace(batch),
            Stage::Rcpt => self.rcpt.replace(batch),
        }
    }

    /// The connection begins.
    pub fn connected(&mut self, peer: Peer) {
        self.peer = peer;
    }

    /// A message begins: `argument` is that of MAIL, `policy` the one in force.
    pub fn mail(&mut self, argument: &[u8], policy: Arc<Policy>) {
        self.rcpt.clear();
        self.message = Some(Message {
            policy,
            sender: Sender::new(argument, self.mail.get_filled("{mail_addr}")),
            recipient: Recipient::default(),
            tls: TlsState::Unknown,
        });
    }

    /// Judges a RCPT. `policy` is for an MTA that did not announce the message.
    pub fn rcpt<'s>(
        &'s mut self,
        argument: &'s [u8],
        now: Timestamp,
        policy: impl FnOnce() -> Arc<Policy>,
    ) -> Judgement<'s> {
        let tls = self.tls();
        // Of a recipient that the MTA delivers itself, Postfix gives its own name as the host.
        let host = self.rcpt.get_filled("{rcpt_host}").filter(|host| {
            let me = self.rcpt.get_filled("j").unwrap_or_default();
            !host.strip_suffix(b".").unwrap_or(host).eq_ignore_ascii_case(me)
        });
        let recipient = Recipient::new(argument, self.rcpt.get_filled("{rcpt_addr}"), host);
        let client = Client {
            address: self.peer.address,
            authenticated: self.is_authenticated(),
            local_submission: self.is_local_submission(),
        };
        let message = self.message.get_or_insert_with(|| Message {
            policy: policy(),
            sender: Sender::default(),
            recipient: Recipient::default(),
            tls: TlsState::Unknown,
        });
        message.recipient = recipient;
        message.tls = tls;
        let message = &*message;
        let case = Case {
            tls: &message.tls,
            client,
            sender: &message.sender,
            recipient: &message.recipient,
            now,
            on_unknown_tls: self.on_unknown_tls,
            require: None,
        };
        let verdict = judge(&message.policy, &case);
        let reply = verdict.reply(&case);
        Judgement {
            client_name: self.peer.name.as_ref(),
            queue_id: self.rcpt.get_filled("i").or_else(|| self.mail.get_filled("i")),
            mail_addr: self.mail.get_filled("{mail_addr}"),
            case,
            verdict,
            reply,
            argument,
        }
    }

    /// A RCPT has been answered: its macros are no evidence for the next one.
    pub fn answered(&mut self) {
        self.rcpt.clear();
    }

    /// The message has ended, one way or other; what is known of the connection stays.
    pub fn end_message(&mut self) {
        self.message = None;
        self.mail.clear();
        self.rcpt.clear();
    }

    fn is_list_honoured(&self) -> bool {
        self.lists && self.rcpt.get_filled("j").is_some()
    }

    /// The stage whose macros count: that of the RCPT where it has what was asked for, else the
    /// latest at which the MTA said anything of TLS.
    fn tls(&self) -> TlsState {
        let state = |macros: &Macros| {
            TlsState::from_macros(
                macros.get("{tls_version}"),
                macros.get("{cipher}"),
                macros.get("{cipher_bits}"),
            )
        };
        if self.is_list_honoured() {
            return state(&self.rcpt).with_certificate(Certificate::from_macros(
                self.rcpt.get("{cert_subject}"),
                self.rcpt.get("{cert_issuer}"),
                self.rcpt.get("{verify}"),
            ));
        }
        // Without the list, Sendmail names certificates and does not say whether it trusts them.
        [&self.rcpt, &self.mail, &self.helo, &self.connect]
            .into_iter()
            .find(|macros| {
                macros.get("{tls_version}").is_some() || macros.get("{cipher}").is_some()
            })
            .map_or(TlsState::Unknown, state)
    }

    fn is_authenticated(&self) -> bool {
        let in_stage = |macros: &Macros| {
            macros.get_filled("{auth_authen}").is_some()
                || macros.get_filled("{auth_type}").is_some()
        };
        if self.is_list_honoured() {
            in_stage(&self.rcpt)
        } else {
            in_stage(&self.rcpt) || in_stage(&self.mail)
        }
    }

    /// Whether Postfix makes the session up for mail from local programs (`non_smtpd_milters`):
    /// client and daemon are on the loopback address with port 0, which no TCP connection has, and
    /// the recipient is not routed yet.
    fn is_local_submission(&self) -> bool {
        self.is_list_honoured()
            && self.peer.port == 0
            && self.peer.address.is_some_and(|ip| ip.is_loopback())
            && self.connect.get("{daemon_port}") == Some(b"0")
            && self.rcpt.get("{rcpt_host}").is_none()
    }
}
