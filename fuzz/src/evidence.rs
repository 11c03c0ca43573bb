//! What an MTA has told of one SMTP session, and whether that lets a recipient through: written
//! as the rules read, for policies in which every recipient is enforced.

use crate::wire::pairs;
use policy::tls::certificate::Certificate;
use policy::{Requirement, TlsState};

type Batch = Vec<(Vec<u8>, Vec<u8>)>;

/// What the MTA has told so far.
#[derive(Debug)]
pub struct Session {
    /// Whether the MTA takes lists of macros.
    lists: bool,
    connect: Batch,
    helo: Batch,
    mail: Batch,
    /// Since the last RCPT, MAIL or end of a message.
    rcpt: Batch,
    /// The payload of the last CONNECT.
    client: Vec<u8>,
}

/// Why a recipient of an enforced domain may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// The session is encrypted as the requirement asks for.
    Encrypted,
    /// The client has authenticated, and the policy trusts that.
    Authenticated,
    /// A local program hands the mail in.
    LocalSubmission,
    /// The MTA has not told of TLS.
    Unknown,
}

impl Session {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(lists: bool) -> Self {
        let [connect, helo, mail, rcpt] = [const { Batch::new() }; 4];
        Self { lists, connect, helo, mail, rcpt, client: Vec::new() }
    }

    /// The macros of a stage come.
    pub fn macros(&mut self, payload: &[u8]) {
        let Some((stage, batch)) = payload.split_first() else {
            return;
        };
        let batch = pairs(batch);
        match stage {
            b'C' => self.connect = batch,
            b'H' => self.helo = batch,
            b'M' => self.mail = batch,
            b'R' => self.rcpt = batch,
            _ => {}
        }
    }

    /// The client is announced.
    pub fn connected(&mut self, payload: &[u8]) {
        payload.clone_into(&mut self.client);
    }

    /// What the MTA told for one RCPT is no evidence for what comes after it.
    pub fn forget_rcpt(&mut self) {
        self.rcpt.clear();
    }

    /// The message is over: so is what the MTA told of it.
    pub fn forget_message(&mut self) {
        self.mail.clear();
        self.rcpt.clear();
    }

    /// All that may let an enforced recipient through that must satisfy `requirement`.
    #[must_use]
    pub fn grounds(&self, requirement: &Requirement) -> Vec<Grounds> {
        let honoured = self.lists && filled(&self.rcpt, "j");
        let mut grounds = Vec::new();
        match self.tls(honoured) {
            None => grounds.push(Grounds::Unknown),
            Some(TlsState::Encrypted(session)) if requirement.check(&session).is_ok() => {
                grounds.push(Grounds::Encrypted);
            }
            Some(_) => {}
        }
        let by_auth = |batch: &Batch| filled(batch, "auth_authen") || filled(batch, "auth_type");
        if by_auth(&self.rcpt) || !honoured && by_auth(&self.mail) {
            grounds.push(Grounds::Authenticated);
        }
        if honoured && self.is_local() {
            grounds.push(Grounds::LocalSubmission);
        }
        grounds
    }

    /// The TLS state by the macros that count; none where nothing was told.
    fn tls(&self, honoured: bool) -> Option<TlsState> {
        let told = |batch: &Batch| {
            value(batch, "tls_version").is_some() || value(batch, "cipher").is_some()
        };
        let batch = if honoured {
            &self.rcpt
        } else {
            [&self.rcpt, &self.mail, &self.helo, &self.connect]
                .into_iter()
                .find(|batch| told(batch))?
        };
        let certificate = Certificate::from_macros(
            value(batch, "cert_subject"),
            value(batch, "cert_issuer"),
            value(batch, "verify"),
        );
        let state = TlsState::from_macros(
            value(batch, "tls_version"),
            value(batch, "cipher"),
            value(batch, "cipher_bits"),
        );
        Some(state.with_certificate(certificate.filter(|_| honoured)))
    }

    /// Postfix and its client on the loopback address, both with port 0, and no route yet.
    fn is_local(&self) -> bool {
        let after_name = self.client.split(|octet| *octet == 0).nth(1);
        let no_port = after_name == Some(b"4") || after_name == Some(b"6");
        let address = self.client.split(|octet| *octet == 0).nth(3).unwrap_or_default();
        let address = String::from_utf8_lossy(address).replace("IPv6:", "");
        let loopback =
            address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        no_port
            && loopback
            && value(&self.connect, "daemon_port") == Some(b"0")
            && value(&self.rcpt, "rcpt_host").is_none()
    }

    /// A macro of the RCPT at hand, if it is not empty.
    #[must_use]
    pub fn of_rcpt(&self, name: &str) -> Option<&[u8]> {
        value(&self.rcpt, name).filter(|value| !value.is_empty())
    }
}

fn value<'b>(batch: &'b Batch, name: &str) -> Option<&'b [u8]> {
    batch.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| &**value)
}

fn filled(batch: &Batch, name: &str) -> bool {
    value(batch, name).is_some_and(|value| !value.is_empty())
}
