//! A row of the ledger, and the case that it was.

use crate::model::clients::Clients;
use crate::model::key::Day;
use crate::model::key::{FOREIGN, Found, From, Key, NONE, NOT_SAID, UNKNOWN, tls_words};
use jiff::Timestamp;
use policy::tls::certificate::{self, Certificate};
use policy::{Case, Client, Decision, OnUnknownTls, Recipient, Requirement, Sender, TlsState};

/// In place of client and sender in the row of a domain and day that counts all those for which
/// there was no room.
pub const OTHERS: &str = "*";
/// The null sender.
pub const NULL_SENDER: &str = "<>";

/// The client had authenticated.
const AUTHENTICATED: u8 = 1;
/// A local program submitted the mail.
const LOCAL_SUBMISSION: u8 = 2;
/// The MTA said of a cipher that it has no bits.
const ZERO_BITS: u8 = 4;

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The milter judged it.
    Milter,
    /// It was read from the MTA's log.
    Log,
}

impl Source {
    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Milter => "milter",
            Self::Log => "log",
        }
    }
}

/// What a row counts, as text: the ledger can be read with any tool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// The day in UTC.
    pub day: Day,
    /// Where the row comes from.
    pub source: Source,
    /// The recipient's domain; empty for recipients without one; [`OTHERS`].
    pub domain: String,
    /// For what the deciding entry was found.
    pub found: Found,
    /// The client's address, its network or a hash of it; [`OTHERS`]; empty where it has none.
    pub client: String,
    /// The client's name; empty where it is not known or not recorded.
    pub name: String,
    /// The sender's domain; [`NULL_SENDER`]; [`OTHERS`]; empty for a sender that is no plain address,
    /// or that the log does not tell.
    pub sender: String,
    /// `TLSv1.3`; `none`; `unknown`.
    pub tls_version: String,
    /// The cipher suite; `none`; `unknown`.
    pub cipher: String,
    /// The names of the client's certificate; empty without, or where names are not recorded.
    pub certificate: String,
    /// What else bears on the verdict.
    pub flags: u8,
    /// What was decided.
    pub verdict: Decision,
    /// Why.
    pub reason: String,
}

/// How often, from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Recipients.
    pub count: u64,
    /// The first of them, in seconds since 1970-01-01.
    pub first: i64,
    /// The last.
    pub last: i64,
}

impl Tally {
    /// One, at this time.
    #[must_use]
    pub fn once(at: i64) -> Self {
        Self { count: 1, first: at, last: at }
    }

    /// Takes in another one.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it counts.
    pub key: RowKey,
    /// How often.
    pub tally: Tally,
}

impl RowKey {
    /// The row for what was judged, with as much of the client as may be stored.
    #[must_use]
    pub fn new(key: &Key, source: Source, clients: &Clients) -> Self {
        let (tls_version, cipher, certificate, zero_bits) = tls_words(&key.tls);
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        Self {
            day: key.day,
            source,
            domain: key.domain.as_ref().map(ToString::to_string).unwrap_or_default(),
            found: key.found,
            client: key.client.map(|address| clients.shown(address)).unwrap_or_default(),
            name: key
                .name
                .as_ref()
                .filter(|_| clients.are_named())
                .map(ToString::to_string)
                .unwrap_or_default(),
            sender: sender_text(&key.sender).into(),
            tls_version,
            cipher,
            // It names the client as well as its name does.
            certificate: Some(certificate).filter(|_| clients.are_named()).unwrap_or_default(),
            flags: flag(key.authenticated, AUTHENTICATED)
                | flag(key.local_submission, LOCAL_SUBMISSION)
                | flag(zero_bits, ZERO_BITS),
            verdict: key.verdict,
            reason: key.reason.into(),
        }
    }

    /// Where about it is in the ledger: the first parts of its key.
    pub(crate) fn place(&self) -> (Day, &str, &str, &str) {
        (self.day, &self.domain, &self.client, &self.sender)
    }

    /// The row of the same domain and day, verdict and encryption that takes in those for which
    /// there is no room.
    #[must_use]
    pub fn others(&self) -> Self {
        Self {
            client: OTHERS.into(),
            name: String::new(),
            sender: OTHERS.into(),
            certificate: String::new(),
            ..self.clone()
        }
    }

    /// Whether it counts those for which there was no room.
    #[must_use]
    pub fn is_others(&self) -> bool {
        self.client == OTHERS
    }

    /// Whether not even their domains are told apart: the day had no more room.
    #[must_use]
    pub fn is_of_any_domain(&self) -> bool {
        self.domain == OTHERS
    }

    /// Whether the client or the sender is not told apart from others, or the client's certificate
    /// is not known in full. Of a network or hash, no certificate is stored.
    #[must_use]
    pub fn is_coarse(&self) -> bool {
        self.is_others()
            || self.client.contains('/')
            || self.client.starts_with("hash:")
            || certificate::is_cut(&self.certificate)
    }

    /// Whether the session was never to be judged: trusted, or submitted by a local program.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        matches!(&*self.reason, "trusted-client" | "trusted-authenticated" | "local-submission")
    }

    /// What was known of the encryption.
    #[must_use]
    pub fn tls(&self) -> TlsState {
        let version = match &*self.tls_version {
            NONE => return TlsState::Plaintext,
            UNKNOWN => return TlsState::Unknown,
            NOT_SAID => "",
            FOREIGN => FOREIGN,
            version => version,
        };
        let bits = self.has_zero_bits().then_some(&b"0"[..]);
        let state =
            TlsState::from_macros(Some(version.as_bytes()), Some(self.cipher.as_bytes()), bits);
        state.with_certificate(Certificate::from_record(&self.certificate))
    }

    /// Whether the MTA said of the cipher that it has no bits, whatever the cipher.
    pub(crate) fn has_zero_bits(&self) -> bool {
        self.flags & ZERO_BITS != 0
    }

    /// Whether the session counts as encrypted at all: the baseline takes it.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        match (self.tls(), Requirement::builtin("baseline")) {
            (TlsState::Encrypted(encryption), Some(baseline)) => {
                baseline.check(&encryption).is_ok()
            }
            _ => false,
        }
    }

    /// The facts of the case that the row counts. Local parts are not in the ledger: the recipient
    /// and the sender are some mailbox of the domain.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let address = |domain: &str| format!("<someone@{domain}>");
        let recipient = match self.found {
            Found::Local => Recipient::new(b"<someone>", None, None),
            Found::Unreadable => Recipient::new(b"", None, None),
            Found::Recipient | Found::Sender if self.domain.is_empty() => {
                Recipient::new(b"<someone>", None, None)
            }
            Found::Recipient | Found::Sender => {
                Recipient::new(address(&self.domain).as_bytes(), None, None)
            }
        };
        let sender = match &*self.sender {
            NULL_SENDER | OTHERS | "" => Sender::default(),
            domain => Sender::new(address(domain).as_bytes(), None),
        };
        Facts { tls: self.tls(), client: self.client(), sender, recipient }
    }

    fn client(&self) -> Client {
        // Of a network, the first address stands for all of it.
        let address = self.client.split('/').next().unwrap_or_default();
        Client {
            address: address.parse().ok(),
            authenticated: self.flags & AUTHENTICATED != 0,
            local_submission: self.flags & LOCAL_SUBMISSION != 0,
        }
    }
}

/// A sender as the ledger has it.
pub(crate) fn sender_text(sender: &From) -> &str {
    match sender {
        From::Domain(domain) => domain.as_str(),
        From::Null => NULL_SENDER,
        From::Other => "",
    }
}

/// The facts of a case, owned.
#[derive(Clone, Debug)]
pub struct Facts {
    tls: TlsState,
    client: Client,
    sender: Sender,
    recipient: Recipient,
}

impl Facts {
    /// The case, to be judged at this time.
    #[must_use]
    pub fn case(&self, now: Timestamp, on_unknown_tls: OnUnknownTls) -> Case<'_> {
        Case {
            tls: &self.tls,
            client: self.client,
            sender: &self.sender,
            recipient: &self.recipient,
            now,
            on_unknown_tls,
            require: None,
        }
    }
}

/// The verdict of a word in the ledger.
pub(crate) fn verdict(word: &str) -> Option<Decision> {
    [Decision::Accept, Decision::WouldRefuse, Decision::Refuse]
        .into_iter()
        .find(|verdict| verdict.code() == word)
}
