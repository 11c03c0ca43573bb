//! What is recorded of one judged RCPT, with the types that the judge uses.

use crate::model::day::{Day, day_of};
use policy::{
    Case, Decision, DomainName, Finding, Reason, ReasonKind, Recipient, Sender, Subject, TlsState,
    Verdict,
};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use strum::{EnumString, IntoStaticStr};

/// For what the deciding entry was found: the kind of a [`Subject`].
///
/// Its word stands in the ledger, in the column `found`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum SubjectKind {
    /// The recipient's domain.
    Recipient,
    /// A recipient without a domain.
    Local,
    /// A recipient that cannot be understood.
    Unreadable,
    /// The sender's domain: a partner.
    Sender,
}

impl SubjectKind {
    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// The sender, as far as it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SenderDomain<N = DomainName> {
    /// A plain address at this domain.
    Of(N),
    /// The null sender, from which bounces come.
    Null,
    /// Anything else.
    Other,
}

impl<N> SenderDomain<N> {
    fn map<'s, M>(&'s self, name: impl FnOnce(&'s N) -> M) -> SenderDomain<M> {
        match self {
            Self::Of(domain) => SenderDomain::Of(name(domain)),
            Self::Null => SenderDomain::Null,
            Self::Other => SenderDomain::Other,
        }
    }
}

impl<'s> From<&'s Sender> for SenderDomain<&'s DomainName> {
    fn from(sender: &'s Sender) -> Self {
        match sender.domain() {
            Some(domain) => Self::Of(domain),
            None if sender.is_null() => Self::Null,
            None => Self::Other,
        }
    }
}

/// Who wrote to whom over what, and what was decided: what a row of the ledger counts.
///
/// `N` is a domain and `T` a TLS state, owned or borrowed ([`KeyRef`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<N = DomainName, T = TlsState> {
    /// The day.
    pub day: Day,
    /// The recipient's domain; none where the recipient has none or cannot be understood.
    pub domain: Option<N>,
    /// For what the deciding entry was found.
    pub found: SubjectKind,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The client's name, where the MTA vouches for it.
    pub name: Option<N>,
    /// The sender's domain.
    pub sender: SenderDomain<N>,
    /// What was known of the encryption.
    pub tls: T,
    /// Whether the client had authenticated.
    pub authenticated: bool,
    /// Whether a local program submitted the mail.
    pub local_submission: bool,
    /// What was decided.
    pub verdict: Decision,
    /// Why.
    pub reason: ReasonKind,
}

/// A key as it is seen at a RCPT: most rows are there already, and nothing has to be copied.
pub type KeyRef<'s> = Key<&'s DomainName, &'s TlsState>;

impl<N, T> Key<N, T> {
    fn map<'s, M, U>(
        &'s self,
        name: impl Fn(&'s N) -> M,
        tls: impl FnOnce(&'s T) -> U,
    ) -> Key<M, U> {
        Key {
            day: self.day,
            domain: self.domain.as_ref().map(&name),
            found: self.found,
            client: self.client,
            name: self.name.as_ref().map(&name),
            sender: self.sender.map(&name),
            tls: tls(&self.tls),
            authenticated: self.authenticated,
            local_submission: self.local_submission,
            verdict: self.verdict,
            reason: self.reason,
        }
    }
}

impl Key {
    /// The same, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> KeyRef<'_> {
        self.map(|name| name, |tls| tls)
    }
}

impl<'s> KeyRef<'s> {
    /// What is recorded of a case and its verdict. Nothing is recorded of mail for domains that are
    /// not opted in or are switched off: the ledger knows nothing of them. `client_name` is the
    /// client's name, where the MTA vouches for it.
    #[must_use]
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
            sender: case.sender.into(),
            tls: case.tls,
            authenticated: case.client.authenticated,
            local_submission: case.client.local_submission,
            verdict: finding.decision,
            reason: finding.reason.kind(),
        })
    }

    /// A copy that lasts.
    #[must_use]
    pub fn to_key(&self) -> Key {
        self.map(|name| (*name).clone(), |tls| (*tls).clone())
    }
}

/// Takes in all that somebody else chooses, so that nobody can make rows meet in one place of a
/// table; what is left has few values. Equality is exact.
impl<N: Hash, T: Hash> Hash for Key<N, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            day: _,
            domain,
            found: _,
            client,
            name,
            sender,
            tls,
            authenticated: _,
            local_submission: _,
            verdict,
            reason: _,
        } = self;
        domain.hash(state);
        client.hash(state);
        sender.hash(state);
        name.hash(state);
        tls.hash(state);
        state.write_u8(*verdict as u8);
    }
}

impl hashbrown::Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.borrowed()
    }
}

fn recipient<'s>(
    finding: &Finding<'s>,
    recipient: &'s Recipient,
) -> (Option<&'s DomainName>, SubjectKind) {
    match finding.subject {
        Subject::Recipient(domain, _) => (Some(domain), SubjectKind::Recipient),
        Subject::Sender(_) => (recipient.domain(), SubjectKind::Sender),
        Subject::Local => (None, SubjectKind::Local),
        Subject::Unreadable => (None, SubjectKind::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::key;
    use std::collections::BTreeSet;
    use std::hash::DefaultHasher;

    #[test]
    fn rows_that_differ_in_what_others_choose_do_not_meet_in_one_place_of_a_table() {
        let tls = |cipher: String, bits: u32| {
            let bits = bits.to_string();
            TlsState::from_macros(Some(b"TLSv1.2"), Some(cipher.as_bytes()), Some(bits.as_bytes()))
        };
        let keys = (0..1000u16).flat_map(|number| {
            let name = || DomainName::parse(&format!("client{number}.example")).ok();
            let [high, low] = number.to_be_bytes();
            let sender = name().map_or(SenderDomain::Other, SenderDomain::Of);
            [
                Key { tls: tls("AES128-SHA".into(), number.into()), ..key("192.0.2.1") },
                Key { tls: tls(format!("MADE-UP-{number}"), 1), ..key("192.0.2.1") },
                Key { name: name(), ..key("192.0.2.1") },
                Key { domain: name(), ..key("192.0.2.1") },
                Key { sender, ..key("192.0.2.1") },
                Key { client: Some([10, 0, high, low].into()), ..key("192.0.2.1") },
            ]
        });
        let hash = |key: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            key(&mut hasher);
            hasher.finish()
        };
        let hashes: BTreeSet<u64> = keys
            .map(|key| {
                let owned = hash(&|hasher| key.hash(hasher));
                // Else a row that is there would not be found by what is seen.
                assert_eq!(owned, hash(&|hasher| key.borrowed().hash(hasher)));
                owned
            })
            .collect();
        assert_eq!(hashes.len(), 6000);
    }
}
