//! A delivery: this gateway's hop to the server of the organisation, as the MTA's log tells of it.
//!
//! The server's address is held in full, whatever the settings say of clients: it is the organisation's
//! own server, which its domain names in DNS or the operator in a table, and no person's.

use crate::model::day::{Day, day_of};
use crate::model::logged_tls::LoggedTls;
use crate::model::row::OTHERS;
use crate::model::tally::Tally;
use crate::model::tls::{self, Kind, LOCAL, TlsWords};
use policy::{DomainName, TlsState};
use std::net::IpAddr;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What became of an attempt to deliver to a recipient. Its word stands in the ledger.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum DeliveryStatus {
    /// The server took it.
    Sent,
    /// It waits in the queue, and will be tried again.
    Deferred,
    /// It went back to its sender.
    Bounced,
    /// No attempt: it waits for this reason no longer, because it waits for another one now, or went back.
    Settled,
    /// No attempt: it waits again for a reason that had been settled.
    Resumed,
}

impl DeliveryStatus {
    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// Why a delivery waits or went back; of one that was sent, why it had waited before. Its word stands
/// in the ledger.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum DeliveryReason {
    /// It was sent at the first attempt.
    None,
    /// TLS is demanded, and the server does not offer it, or does not take STARTTLS.
    TlsNotOffered,
    /// The TLS handshake failed.
    HandshakeFailed,
    /// The server's certificate is not by an authority that is trusted, or has ended.
    CertificateNotTrusted,
    /// The server's certificate is not the one, or not for the name, that is demanded.
    CertificateNotMatched,
    /// What is demanded of the hop could not be found out, or makes no sense to the MTA: the policy map
    /// failed, TLSA records cannot be looked up.
    PolicyFailed,
    /// The sender demanded TLS as far as the mailbox (REQUIRETLS), and the server cannot do that.
    RequireTls,
    /// The server was not reached, or the connection broke off.
    Connection,
    /// The server's host or its address was not found in DNS.
    Dns,
    /// The server said no.
    Reply,
    /// Anything else.
    Other,
}

impl DeliveryReason {
    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// Whether the encryption of the hop is why.
    #[must_use]
    pub fn is_of_tls(self) -> bool {
        match self {
            Self::TlsNotOffered
            | Self::HandshakeFailed
            | Self::CertificateNotTrusted
            | Self::CertificateNotMatched
            | Self::PolicyFailed
            | Self::RequireTls => true,
            Self::None | Self::Connection | Self::Dns | Self::Reply | Self::Other => false,
        }
    }
}

/// What the MTA found of the server's certificate. Its word stands in the ledger.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Trust {
    /// There was no TLS session, or the log does not tell.
    None,
    /// The server had no certificate.
    Anonymous,
    /// It is by no authority that is trusted, or was not looked at.
    Untrusted,
    /// It is by an authority that is trusted, for whatever name.
    Trusted,
    /// It is the one that is demanded, or for the name that is.
    Verified,
}

impl Trust {
    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// An attempt to deliver to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended, in seconds since 1970-01-01.
    pub at: i64,
    /// The host that the MTA delivered to, as it names it; empty where it found none.
    pub server: String,
    /// Its address.
    pub address: Option<IpAddr>,
    /// The level in force, where the log says it.
    pub level: String,
    /// What is known of the session.
    pub tls: HopTls,
    /// What was found of the server's certificate.
    pub trust: Trust,
    /// What became of it.
    pub status: DeliveryStatus,
    /// Why.
    pub reason: DeliveryReason,
    /// The same in words: [`DeliveryKey::words`].
    pub words: String,
    /// Whether an earlier attempt for the same recipient of the same message ended so, for the same
    /// reason.
    pub is_again: bool,
}

impl Attempt {
    /// What becomes of a recipient without a server: it goes back, or waits for a reason no longer, or again.
    pub(crate) fn without_server(at: i64, status: DeliveryStatus, reason: DeliveryReason) -> Self {
        Self {
            at,
            server: String::new(),
            address: None,
            level: String::new(),
            tls: HopTls::Told(LoggedTls::Unknown),
            trust: Trust::None,
            status,
            reason,
            words: String::new(),
            is_again: false,
        }
    }

    /// How it counts.
    #[must_use]
    pub fn tally(&self) -> Tally {
        if self.is_again { Tally::again(self.at) } else { Tally::once(self.at) }
    }
}

/// How a delivery went, as far as its encryption goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HopTls {
    /// Over SMTP or LMTP, as the log tells of it.
    Told(LoggedTls),
    /// The mail did not leave this host, and no TLS session is logged: there is nothing to encrypt.
    Local,
}

impl HopTls {
    /// The same in a word.
    #[must_use]
    pub fn kind(&self) -> HopKind {
        match self {
            Self::Told(LoggedTls::Told(TlsState::Plaintext)) => HopKind::Plaintext,
            Self::Told(LoggedTls::Told(TlsState::Unknown) | LoggedTls::Unknown) => HopKind::Unknown,
            Self::Told(LoggedTls::Told(TlsState::Encrypted(_)) | LoggedTls::Encrypted) => {
                HopKind::Encrypted
            }
            Self::Told(LoggedTls::Failed(_)) => HopKind::Failed,
            Self::Local => HopKind::Local,
        }
    }
}

/// What is known of the encryption of the deliveries of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HopKind {
    /// A TLS session.
    Encrypted,
    /// None.
    Plaintext,
    /// None, after TLS had been tried and had failed.
    Failed,
    /// The mail stayed on this host.
    Local,
    /// The log does not tell. Of a delivery that found no server, there is nothing to tell.
    Unknown,
}

/// What a row of deliveries counts, as text: the ledger can be read with any tool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryKey {
    /// The day in UTC.
    pub day: Day,
    /// The recipient's domain, as in `mail`; [`OTHERS`].
    pub domain: String,
    /// The host that the MTA delivered to; empty where it found none; [`OTHERS`].
    pub server: String,
    /// Its address; empty where there was none, and in a row of others.
    pub address: String,
    /// The level in force, in Postfix's words, where the log says it (from Postfix 3.11 on); else empty.
    pub level: String,
    /// `TLSv1.3`; `none`; `failed`: plaintext after TLS had failed; `encrypted`: no more is known;
    /// `local`; `unknown`.
    pub tls_version: String,
    /// The cipher suite; `none`; `unknown`; `not-said`.
    pub cipher: String,
    /// What was found of the server's certificate.
    pub trust: Trust,
    /// What became of it.
    pub status: DeliveryStatus,
    /// Why.
    pub reason: DeliveryReason,
    /// The same in words of bounded number: codes of a reply (`450 4.2.0`), what the TLS library
    /// said, why there was no connection. Never what a server wrote, which quotes addresses. May be empty.
    pub words: String,
}

/// A row of deliveries. `tally.count` are attempts to deliver to a recipient. Its `repeats` are those of
/// the same message and recipient with the same outcome for the same reason, so that a
/// message which is tried a hundred times is one that waits: [`Tally::recipients`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What it counts.
    pub key: DeliveryKey,
    /// How often.
    pub tally: Tally,
}

impl Delivery {
    /// Whether mail has left this host: what has waited, or stays here, has not.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.key.status == DeliveryStatus::Sent && self.key.kind() != HopKind::Local
    }
}

impl DeliveryKey {
    /// The row for an attempt to deliver to somebody at this domain.
    #[must_use]
    pub fn new(domain: &DomainName, attempt: &Attempt) -> Self {
        let tls = match &attempt.tls {
            HopTls::Told(logged) => TlsWords::from(logged),
            HopTls::Local => TlsWords {
                version: LOCAL.into(),
                cipher: LOCAL.into(),
                ..TlsWords::from(&TlsState::Unknown)
            },
        };
        let words = match &attempt.tls {
            HopTls::Told(LoggedTls::Failed(failure)) if attempt.words.is_empty() => {
                failure.to_string()
            }
            HopTls::Told(_) | HopTls::Local => attempt.words.clone(),
        };
        Self {
            day: day_of(attempt.at),
            domain: domain.to_string(),
            server: attempt.server.clone(),
            address: attempt.address.map(|address| address.to_string()).unwrap_or_default(),
            level: attempt.level.clone(),
            tls_version: tls.version,
            cipher: tls.cipher,
            trust: attempt.trust,
            status: attempt.status,
            reason: attempt.reason,
            words,
        }
    }

    /// What is known of the encryption.
    #[must_use]
    pub fn kind(&self) -> HopKind {
        if self.tls_version == LOCAL {
            return HopKind::Local;
        }
        match tls::kind(&self.tls_version) {
            Kind::Plaintext => HopKind::Plaintext,
            Kind::Failed => HopKind::Failed,
            Kind::Session | Kind::Encrypted => HopKind::Encrypted,
            Kind::Unknown => HopKind::Unknown,
        }
    }

    /// The session, with all that is known of it, for a judge.
    #[must_use]
    pub fn tls(&self) -> TlsState {
        match self.kind() {
            HopKind::Local => TlsState::Unknown,
            _ => tls::from_words(&self.tls_version, &self.cipher, "", false),
        }
    }

    /// The row with the same domain, day, encryption and outcome that counts servers for which there
    /// is no room.
    #[must_use]
    pub fn others(&self) -> Self {
        Self { server: OTHERS.into(), address: String::new(), words: String::new(), ..self.clone() }
    }

    /// The same for whatever domain, where the day has no room for more.
    pub(crate) fn of_any_domain(&self) -> Self {
        Self { domain: OTHERS.into(), ..self.clone() }
    }
}
