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

mod macros;

pub use macros::{MacroValues, Macros, Stage};

use jiff::Timestamp;
use ledger::Envelope;
use macros::filled;
use policy::tls::certificate::Certificate;
use policy::{
    Case, Client, DomainName, OnUnknownTls, Policy, Recipient, Reply, Sender, TlsState, Verdict,
    judge,
};
use std::{net::IpAddr, sync::Arc};

/// The client, as the MTA gives it when a connection begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Its name, where the MTA vouches for it: for the ledger, no verdict rests on it.
    pub name: Option<DomainName>,
    /// Its address; none where it does not come over IP.
    pub address: Option<IpAddr>,
    /// Its port; 0 where Postfix invents a client for local mail.
    pub port: u16,
}

/// What is known of one SMTP session.
#[derive(Debug, Default)]
pub struct Session {
    connection: ConnectionInfo,
    macros: Macros,
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
    /// The size that MAIL announced, in octets.
    size: Option<u64>,
    /// The recipient and TLS state that are being judged.
    recipient: Recipient,
    tls: TlsState,
    /// Whether the client is taken for somebody of whom nothing is known.
    is_stranger: bool,
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
    size: Option<u64>,
    macros: &'s Macros,
}

impl<'s> Judgement<'s> {
    /// The sender as the MTA understood it.
    #[must_use]
    pub fn mail_addr(&self) -> Option<&'s [u8]> {
        filled(self.macros.read(Stage::Mail).mail_addr)
    }

    /// By what the message is known again when it is tried again.
    #[must_use]
    pub fn envelope(&self) -> Envelope<'s> {
        Envelope { sender: self.mail_addr(), size: self.size, recipient: self.argument }
    }
}

impl Session {
    /// A session of which nothing is known yet. `lists` says whether the MTA takes lists of macros.
    #[must_use]
    pub fn new(on_unknown_tls: OnUnknownTls, lists: bool) -> Self {
        Self { on_unknown_tls, lists, ..Self::default() }
    }

    /// Takes in the macros of a stage; they replace what was known of it.
    pub fn macros(&mut self, stage: Stage, batch: &[u8]) {
        self.macros.replace(stage, batch);
    }

    /// The connection begins.
    pub fn connected(&mut self, connection: ConnectionInfo) {
        self.connection = connection;
    }

    /// A message begins: `argument` is that of MAIL, `size` what it announces in octets, `policy` the one
    /// in force.
    pub fn mail(&mut self, argument: &[u8], size: Option<u64>, policy: Arc<Policy>) {
        self.macros.clear(Stage::Rcpt);
        self.message = Some(Message {
            policy,
            sender: Sender::new(argument, filled(self.macros.read(Stage::Mail).mail_addr)),
            size,
            recipient: Recipient::default(),
            tls: TlsState::Unknown,
            is_stranger: false,
        });
    }

    /// The message that has begun is judged as that of a client of whom nothing is known: one that no
    /// entry of the policy trusts.
    pub fn judge_as_stranger(&mut self) {
        if let Some(message) = &mut self.message {
            message.is_stranger = true;
        }
    }

    /// Judges a RCPT. `policy` is for an MTA that did not announce the message.
    pub fn rcpt<'s>(
        &'s mut self,
        argument: &'s [u8],
        now: Timestamp,
        policy: impl FnOnce() -> Arc<Policy>,
    ) -> Judgement<'s> {
        let macros = self.macros.read(Stage::Rcpt);
        let is_list_honoured = self.is_list_honoured(&macros);
        let tls = self.tls(&macros, is_list_honoured);
        let recipient = macros.recipient(argument);
        let of_mail = || self.macros.read(Stage::Mail);
        let client = Client {
            address: self.connection.address,
            authenticated: macros.is_authenticated()
                || !is_list_honoured && of_mail().is_authenticated(),
            local_submission: is_list_honoured && self.is_local_submission(&macros),
        };
        let message = self.message.get_or_insert_with(|| Message {
            policy: policy(),
            sender: Sender::default(),
            size: None,
            recipient: Recipient::default(),
            tls: TlsState::Unknown,
            is_stranger: false,
        });
        message.recipient = recipient;
        message.tls = tls;
        let message = &*message;
        let case = Case {
            tls: &message.tls,
            client: if message.is_stranger { Client::default() } else { client },
            sender: &message.sender,
            recipient: &message.recipient,
            now,
            on_unknown_tls: self.on_unknown_tls,
            require: None,
        };
        let verdict = judge(&message.policy, &case);
        let reply = verdict.reply(&case);
        Judgement {
            client_name: self.connection.name.as_ref(),
            queue_id: filled(macros.i).or_else(|| filled(of_mail().i)),
            size: message.size,
            macros: &self.macros,
            case,
            verdict,
            reply,
            argument,
        }
    }

    /// A RCPT has been answered: its macros are no evidence for the next one.
    pub fn answered(&mut self) {
        self.macros.clear(Stage::Rcpt);
    }

    /// The message has ended, whether sent or not; what is known of the connection stays.
    pub fn end_message(&mut self) {
        self.message = None;
        self.macros.clear(Stage::Mail);
        self.macros.clear(Stage::Rcpt);
    }

    fn is_list_honoured(&self, of_rcpt: &MacroValues<'_>) -> bool {
        self.lists && filled(of_rcpt.j).is_some()
    }

    /// The stage whose macros count: that of the RCPT where it has what was asked for, else the
    /// latest at which the MTA said anything of TLS.
    fn tls(&self, of_rcpt: &MacroValues<'_>, is_list_honoured: bool) -> TlsState {
        if is_list_honoured {
            return of_rcpt.tls().with_certificate(Certificate::from_macros(
                of_rcpt.cert_subject,
                of_rcpt.cert_issuer,
                of_rcpt.verify,
            ));
        }
        // Without the list, Sendmail names certificates and does not say whether it trusts them.
        [Stage::Rcpt, Stage::Mail, Stage::Helo, Stage::Connect]
            .into_iter()
            .map(|stage| self.macros.read(stage))
            .find(|macros| macros.tls_version.is_some() || macros.cipher.is_some())
            .map_or(TlsState::Unknown, |macros| macros.tls())
    }

    /// Whether Postfix has invented this session for mail from local programs (`non_smtpd_milters`):
    /// client and daemon are on the loopback address with port 0, which no TCP connection has, and
    /// the recipient is not routed yet. Holds only where the list of macros was honoured.
    fn is_local_submission(&self, of_rcpt: &MacroValues<'_>) -> bool {
        self.connection.port == 0
            && self.connection.address.is_some_and(|ip| ip.is_loopback())
            && self.macros.read(Stage::Connect).daemon_port == Some(b"0")
            && of_rcpt.rcpt_host.is_none()
    }
}
