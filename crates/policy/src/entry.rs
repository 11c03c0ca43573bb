//! What the policy says of a domain, mailbox, partner or the MTA's own recipients.

use super::address::Sender;
use super::hop::Deliver;
use super::language::Language;
use super::pattern::Pattern;
use super::reply::ReplyTemplate;
use super::requirement::Requirement;
use super::tls::{TlsState, certificate::CertificateNames};
use ipnet::IpNet;
use jiff::Timestamp;
use std::{fmt, net::IpAddr, sync::Arc};
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What is done for a domain.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "lowercase")]
pub enum Mode {
    /// Nothing: as if it was not opted in.
    Off,
    /// Judge and record, never refuse.
    Monitor,
    /// Refuse what is not adequate.
    Enforce,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The mode of an entry over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// The same at all times.
    Always(Mode),
    /// Monitor before this time, enforce from then on.
    EnforceFrom(Timestamp),
}

impl Schedule {
    /// The mode at a time.
    #[must_use]
    pub fn mode_at(self, now: Timestamp) -> Mode {
        match self {
            Self::Always(mode) => mode,
            Self::EnforceFrom(start) if now < start => Mode::Monitor,
            Self::EnforceFrom(_) => Mode::Enforce,
        }
    }
}

impl Schedule {
    /// Whether, at every time, this is at least as strict as the other, and at some time stricter.
    #[must_use]
    pub fn is_stricter(self, other: Self) -> bool {
        // Off, then monitor, then enforcing the sooner the stricter.
        let rank = |schedule| match schedule {
            Self::Always(Mode::Off) => (0, Timestamp::MAX),
            Self::Always(Mode::Monitor) => (1, Timestamp::MAX),
            Self::EnforceFrom(start) => (2, start),
            Self::Always(Mode::Enforce) => (2, Timestamp::MIN),
        };
        let (mine, theirs) = (rank(self), rank(other));
        mine.0 > theirs.0 || mine.0 == theirs.0 && mine.1 < theirs.1
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(mode) => mode.fmt(f),
            Self::EnforceFrom(start) => write!(f, "monitor, enforce from {start}"),
        }
    }
}

/// For one entry: whose mail is accepted although the session is not adequate, until when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The client must be in one of these networks; if there are none, it can be any client.
    pub clients: Vec<IpNet>,
    /// The sender, as the envelope gives it; anybody can make one up.
    pub sender: Option<Pattern>,
    /// The client's certificate.
    pub certificate: Option<CertificateNames>,
    /// The first moment at which the exception is over.
    pub end: Option<Timestamp>,
    /// Why it was made; for the log.
    pub reason: String,
}

impl Exception {
    /// Whether the exception holds for this client and sender at this time.
    ///
    /// A client whose address is not known is in no network; a sender that is not one plain
    /// address has no domain; a certificate that the MTA does not trust does not count.
    #[must_use]
    pub fn applies(
        &self,
        client: Option<IpAddr>,
        sender: &Sender,
        tls: &TlsState,
        now: Timestamp,
    ) -> bool {
        let certificate = match tls {
            TlsState::Encrypted(encryption) => encryption.certificate(),
            TlsState::Plaintext | TlsState::Unknown => None,
        };
        self.end.is_none_or(|end| now < end)
            && (self.clients.is_empty() || client.is_some_and(|ip| contains(&self.clients, ip)))
            && self.certificate.as_ref().is_none_or(|names| names.match_certificate(certificate))
            && self.sender.as_ref().is_none_or(|pattern| sent_by(pattern, sender))
    }
}

fn sent_by(pattern: &Pattern, sender: &Sender) -> bool {
    let Some(domain) = sender.domain() else {
        return false;
    };
    match pattern {
        Pattern::Domain(name) => name == domain,
        Pattern::Below(name) => domain.parents().any(|parent| parent == name.as_str()),
        Pattern::Mailbox(..) | Pattern::Every => false,
    }
}

/// Whether an address is in one of the networks. An IPv4 address that comes mapped into IPv6
/// counts as the IPv4 address.
#[must_use]
pub fn contains(networks: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    networks.iter().any(|network| network.contains(&ip))
}

/// What the policy says of those whom an entry names.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The mode, over time.
    pub schedule: Schedule,
    /// What a session must satisfy.
    pub requirement: Arc<Requirement>,
    /// The reply to a refused RCPT.
    pub reply: Arc<ReplyTemplate>,
    /// Whose mail is accepted although the session is not adequate.
    pub exceptions: Vec<Exception>,
    /// Whom to tell: a mail address.
    pub contact: Option<String>,
    /// The language of replies and of what the contact is told.
    pub language: Language,
    /// What the hop to the organisation's own server must be; none: nothing is demanded of it.
    pub deliver: Option<Arc<Deliver>>,
}

impl Entry {
    /// An entry that gives nothing but a mode: the baseline, and the built-in reply.
    ///
    /// # Panics
    ///
    /// Never: the baseline and the built-in reply are valid.
    #[must_use]
    pub fn bare(mode: Mode) -> Self {
        let language = Language::default();
        let baseline = Requirement::builtin("baseline").expect("it is built in");
        let reply = ReplyTemplate::new(450, language.text_for_recipient(), None);
        Self {
            schedule: Schedule::Always(mode),
            requirement: Arc::clone(baseline),
            reply: Arc::new(reply.expect("the built-in text is valid")),
            exceptions: Vec::new(),
            contact: None,
            language,
            deliver: None,
        }
    }

    /// What it demands of next hops at this time; none: nothing, or it is not enforced.
    #[must_use]
    pub fn deliver_at(&self, now: Timestamp) -> Option<&Deliver> {
        let is_enforced = self.schedule.mode_at(now) == Mode::Enforce;
        self.deliver.as_deref().filter(|_| is_enforced)
    }
}
