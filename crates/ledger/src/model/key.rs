//! What is taken note of one judged RCPT.

use policy::{
    Case, Decision, DomainName, Finding, Reason, Recipient, Sender, Subject, TlsState, Verdict,
    tls::{Contradiction, SeenVersion},
};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// A day in UTC, counted from 1970-01-01.
pub type Day = i32;

/// Seconds of a day.
pub const DAY: i64 = 24 * 60 * 60;

/// The day of a moment.
#[must_use]
pub fn day_of(seconds: i64) -> Day {
    Day::try_from(seconds.div_euclid(DAY)).unwrap_or(Day::MAX)
}

/// For what the deciding entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// The recipient's domain.
    Recipient,
    /// A recipient without a domain.
    Local,
    /// A recipient that cannot be understood.
    Unreadable,
    /// The sender's domain: a partner.
    Sender,
}

impl Found {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Recipient, Self::Local, Self::Unreadable, Self::Sender];

    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::Local => "local",
            Self::Unreadable => "unreadable",
            Self::Sender => "sender",
        }
    }
}

/// The sender, as far as it is recorded: its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum From<D = DomainName> {
    /// A plain address at this domain.
    Domain(D),
    /// The null sender, from which bounces come.
    Null,
    /// Anything else.
    Other,
}

impl<'s> From<&'s DomainName> {
    /// The domain of a sender.
    fn of(sender: &'s Sender) -> Self {
        match sender.domain() {
            Some(domain) => Self::Domain(domain),
            None if sender.is_null() => Self::Null,
            None => Self::Other,
        }
    }
}

/// Who wrote to whom over what, and what was decided: what a row of the ledger counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The day.
    pub day: Day,
    /// The recipient's domain; none where the recipient has none or cannot be understood.
    pub domain: Option<DomainName>,
    /// For what the deciding entry was found.
    pub found: Found,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The client's name, where the MTA vouches for it.
    pub name: Option<DomainName>,
    /// The sender's domain.
    pub sender: From,
    /// What was known of the encryption.
    pub tls: TlsState,
    /// Whether the client had authenticated.
    pub authenticated: bool,
    /// Whether a local program submitted the mail.
    pub local_submission: bool,
    /// What was decided.
    pub verdict: Decision,
    /// Why: [`Reason::code`].
    pub reason: &'static str,
}

/// The same as it is seen at a RCPT: most rows are there already, and nothing is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen<'s> {
    pub day: Day,
    domain: Option<&'s DomainName>,
    found: Found,
    client: Option<IpAddr>,
    name: Option<&'s DomainName>,
    sender: From<&'s DomainName>,
    tls: &'s TlsState,
    authenticated: bool,
    local_submission: bool,
    verdict: Decision,
    reason: &'static str,
}

impl<'s> Seen<'s> {
    /// What is taken note of a case and its verdict; nothing for mail of domains that are not opted
    /// in or are switched off: the ledger knows nothing of them.
    pub fn new(
        case: &Case<'s>,
        verdict: &Verdict<'s>,
        client_name: Option<&'s DomainName>,
    ) -> Option<Self> {
        let finding = verdict.finding.as_ref()?;
        if matches!(finding.reason, Reason::Off | Reason::NotOptedIn) {
            return None;
        }
        let (domain, found) = recipient(finding, case.recipient);
        Some(Self {
            day: day_of(case.now.as_second()),
            domain,
            found,
            client: case.client.address,
            name: client_name,
            sender: From::of(case.sender),
            tls: case.tls,
            authenticated: case.client.authenticated,
            local_submission: case.client.local_submission,
            verdict: finding.decision,
            reason: finding.reason.kind().code(),
        })
    }

    /// A copy that lasts.
    pub fn to_key(self) -> Key {
        Key {
            day: self.day,
            domain: self.domain.cloned(),
            found: self.found,
            client: self.client,
            name: self.name.cloned(),
            sender: match self.sender {
                From::Domain(domain) => From::Domain(domain.clone()),
                From::Null => From::Null,
                From::Other => From::Other,
            },
            tls: self.tls.clone(),
            authenticated: self.authenticated,
            local_submission: self.local_submission,
            verdict: self.verdict,
            reason: self.reason,
        }
    }
}

/// All that somebody else chooses, lest rows be made to meet in one place of a table; what is left has
/// few values. Equality is exact.
impl Hash for Seen<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.domain.hash(state);
        self.client.hash(state);
        self.sender.hash(state);
        self.name.hash(state);
        self.tls.hash(state);
        state.write_u8(self.verdict as u8);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.seen().hash(state);
    }
}

impl hashbrown::Equivalent<Key> for Seen<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.seen()
    }
}

impl Key {
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen {
            day: self.day,
            domain: self.domain.as_ref(),
            found: self.found,
            client: self.client,
            name: self.name.as_ref(),
            sender: match &self.sender {
                From::Domain(domain) => From::Domain(domain),
                From::Null => From::Null,
                From::Other => From::Other,
            },
            tls: &self.tls,
            authenticated: self.authenticated,
            local_submission: self.local_submission,
            verdict: self.verdict,
            reason: self.reason,
        }
    }
}

/// One judged RCPT, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What is counted.
    pub key: Key,
    /// When: seconds since 1970-01-01.
    pub at: i64,
}

impl Record {
    /// What is taken note of a case and its verdict; nothing for mail of domains that are not opted
    /// in or are switched off.
    #[must_use]
    pub fn new(
        case: &Case<'_>,
        verdict: &Verdict<'_>,
        client_name: Option<&DomainName>,
    ) -> Option<Self> {
        let seen = Seen::new(case, verdict, client_name)?;
        Some(Self { key: seen.to_key(), at: case.now.as_second() })
    }
}

fn recipient<'s>(
    finding: &Finding<'s>,
    recipient: &'s Recipient,
) -> (Option<&'s DomainName>, Found) {
    match finding.subject {
        Subject::Recipient(domain, _) => (Some(domain), Found::Recipient),
        Subject::Sender(_) => (recipient.domain(), Found::Sender),
        Subject::Local => (None, Found::Local),
        Subject::Unreadable => (None, Found::Unreadable),
    }
}

/// The version, cipher and certificate of a session as the ledger has them, and whether it had a
/// cipher with zero bits. [`TlsState::from_macros`] makes the same state of them again.
pub(crate) fn tls_words(tls: &TlsState) -> (String, String, String, bool) {
    let TlsState::Encrypted(encryption) = tls else {
        let word = if *tls == TlsState::Plaintext { NONE } else { UNKNOWN };
        return (word.into(), word.into(), String::new(), false);
    };
    let version = match encryption.version() {
        SeenVersion::Known(version) => version.to_string(),
        SeenVersion::Between { .. } => NOT_SAID.into(),
        SeenVersion::Unknown => FOREIGN.into(),
    };
    let certificate = encryption.certificate().map(|certificate| certificate.to_record());
    let zero_bits = encryption.contradiction() == Some(Contradiction::ZeroBits);
    (version, encryption.cipher().to_string(), certificate.unwrap_or_default(), zero_bits)
}

/// In place of version and cipher: plaintext.
pub(crate) const NONE: &str = "none";
/// In place of version and cipher: the MTA did not tell of TLS.
pub(crate) const UNKNOWN: &str = "unknown";
/// In place of a version that was not said, while the cipher was.
pub(crate) const NOT_SAID: &str = "not-said";
/// In place of a version that is none.
pub(crate) const FOREIGN: &str = "foreign";
