//! A row of the ledger.

use crate::model::clients::Clients;
use crate::model::day::Day;
use crate::model::key::{Key, SenderDomain, SubjectKind};
use crate::model::logged_tls::LoggedTls;
use crate::model::reason::RecordedReason;
use crate::model::tally::Tally;
use crate::model::tls::{self, TlsWords};
use policy::tls::certificate;
use policy::{Decision, DomainName, ReasonKind, Requirement, TlsState};
use std::borrow::Borrow;
use strum::{EnumString, IntoStaticStr};

/// Stands for client and sender in the row of a domain and day that counts all those for which there
/// was no room.
pub const OTHERS: &str = "*";
/// The null sender.
pub const NULL_SENDER: &str = "<>";

/// The client had authenticated.
pub(crate) const AUTHENTICATED: u8 = 1;
/// A local program submitted the mail.
pub(crate) const LOCAL_SUBMISSION: u8 = 2;
/// The MTA said of a cipher that it has no bits.
const ZERO_BITS: u8 = 4;

/// Where a row comes from. Its word stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
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
        self.into()
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
    pub found: SubjectKind,
    /// The client's address, its network or a hash of it; [`OTHERS`]; empty where it has none.
    pub client: String,
    /// The client's name; empty where it is not known or not recorded.
    pub name: String,
    /// The sender's domain; [`NULL_SENDER`]; [`OTHERS`]; empty for a sender that is no plain address,
    /// or that the log does not tell.
    pub sender: String,
    /// `TLSv1.3`; `none`; `unknown`. From a log also `encrypted`, which is all that is known of the
    /// session, and `failed`: plaintext, after TLS had been tried.
    pub tls_version: String,
    /// The cipher suite; `none`; `unknown`; `not-said` of a session that is known to be encrypted, and
    /// no more.
    pub cipher: String,
    /// The names of the client's certificate; empty without, or where names are not recorded.
    pub certificate: String,
    /// What else bears on the verdict, as bits: 1 the client had authenticated, 2 a local program
    /// submitted the mail, 4 the MTA said of the cipher that it has no bits.
    pub flags: u8,
    /// What was decided.
    pub verdict: Decision,
    /// Why.
    pub reason: RecordedReason,
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
    pub fn new<N: Borrow<DomainName>, T: Borrow<TlsState>>(
        key: &Key<N, T>,
        source: Source,
        clients: &Clients,
    ) -> Self {
        let text = |name: &N| name.borrow().to_string();
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let tls = TlsWords::from(key.tls.borrow());
        Self {
            day: key.day,
            source,
            domain: key.domain.as_ref().map(text).unwrap_or_default(),
            found: key.found,
            client: key.client.map(|address| clients.shown(address)).unwrap_or_default(),
            name: key.name.as_ref().filter(|_| clients.are_named()).map(text).unwrap_or_default(),
            sender: sender_text(&key.sender).into(),
            tls_version: tls.version,
            cipher: tls.cipher,
            // A certificate names the client as clearly as its name does.
            certificate: if clients.are_named() { tls.certificate } else { String::new() },
            flags: flag(key.authenticated, AUTHENTICATED)
                | flag(key.local_submission, LOCAL_SUBMISSION)
                | flag(tls.has_zero_bits, ZERO_BITS),
            verdict: key.verdict,
            reason: key.reason.into(),
        }
    }

    /// The row for mail that a log tells of. `key` is what was judged by [`LoggedTls::state`].
    ///
    /// The MTA took the mail, whatever a judge would have said. Where that hangs on what the log does
    /// not tell, nothing was judged.
    #[must_use]
    pub fn from_log<N: Borrow<DomainName>, T: Borrow<TlsState>>(
        key: &Key<N, T>,
        tls: &LoggedTls,
        clients: &Clients,
    ) -> Self {
        let words = TlsWords::from(tls);
        let mut row = Self {
            tls_version: words.version,
            cipher: words.cipher,
            ..Self::new(key, Source::Log, clients)
        };
        match (tls, key.reason) {
            (_, ReasonKind::UnknownTls | ReasonKind::UnknownTlsPassed) => {
                row.verdict = Decision::Accept;
                row.reason = RecordedReason::NotJudged;
            }
            (LoggedTls::Failed(failure), ReasonKind::Plaintext) => {
                row.reason = RecordedReason::TlsFailed(failure.clone());
            }
            _ => {}
        }
        if row.verdict == Decision::Refuse {
            row.verdict = Decision::WouldRefuse;
        }
        row
    }

    /// About where it stands in the ledger: the first parts of its key.
    pub(crate) fn place(&self) -> (Day, &str, &str, &str) {
        (self.day, &self.domain, &self.client, &self.sender)
    }

    /// The row with the same domain, day, verdict and encryption that counts those for which there is
    /// no room.
    #[must_use]
    pub fn others(&self) -> Self {
        let Self {
            day,
            source,
            domain,
            found,
            client: _,
            name: _,
            sender: _,
            tls_version,
            cipher,
            certificate: _,
            flags,
            verdict,
            reason,
        } = self;
        Self {
            day: *day,
            source: *source,
            domain: domain.clone(),
            found: *found,
            client: OTHERS.into(),
            name: String::new(),
            sender: OTHERS.into(),
            tls_version: tls_version.clone(),
            cipher: cipher.clone(),
            certificate: String::new(),
            flags: *flags,
            verdict: *verdict,
            reason: reason.clone(),
        }
    }

    /// The same for whatever domain, where the day has no room for more.
    pub(crate) fn of_any_domain(&self) -> Self {
        Self { domain: OTHERS.into(), ..self.clone() }
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

    /// Whether the session was let through without being judged: the client is trusted, or a local
    /// program submitted the mail.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        use ReasonKind as Kind;
        let RecordedReason::Known(kind) = &self.reason else {
            return false;
        };
        match kind {
            Kind::TrustedClient | Kind::TrustedAuthenticated | Kind::LocalSubmission => true,
            Kind::NotOptedIn
            | Kind::Off
            | Kind::Exception
            | Kind::Adequate
            | Kind::UnknownTlsPassed
            | Kind::Plaintext
            | Kind::UnknownTls
            | Kind::ProtocolVersion
            | Kind::UnknownVersion
            | Kind::UnknownCipher
            | Kind::NullCipher
            | Kind::Cipher
            | Kind::CipherNotAllowed
            | Kind::Contradiction
            | Kind::ForwardSecrecy
            | Kind::Aead
            | Kind::KeyLength
            | Kind::ClientCertificate => false,
        }
    }

    /// Whether it has a verdict: one that a log tells of has none where the verdict hangs on what the
    /// log does not tell.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.reason != RecordedReason::NotJudged
    }

    /// Whether the session satisfied the requirement. One that an exception let through did not.
    #[must_use]
    pub fn is_adequate(&self) -> bool {
        self.verdict == Decision::Accept
            && self.reason == RecordedReason::Known(ReasonKind::Adequate)
    }

    /// What was known of the encryption.
    #[must_use]
    pub fn tls(&self) -> TlsState {
        let certificate = &self.certificate;
        tls::from_words(&self.tls_version, &self.cipher, certificate, self.has_zero_bits())
    }

    /// Whether the MTA said of the cipher that it has no bits, whatever the cipher.
    pub(crate) fn has_zero_bits(&self) -> bool {
        self.flags & ZERO_BITS != 0
    }

    /// Whether nothing is known of the session: it may have been encrypted or not.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        tls::kind(&self.tls_version) == tls::Kind::Unknown
    }

    /// Whether it is known that the session was encrypted, and nothing else.
    #[must_use]
    pub fn is_version_unknown(&self) -> bool {
        tls::kind(&self.tls_version) == tls::Kind::Encrypted
    }

    /// Whether the mail came over TLS, in a version or with a cipher that is known.
    #[must_use]
    pub fn is_session(&self) -> bool {
        tls::kind(&self.tls_version) == tls::Kind::Session
    }

    /// Whether the mail came in plaintext after the client had tried TLS.
    #[must_use]
    pub fn is_tls_failed(&self) -> bool {
        tls::kind(&self.tls_version) == tls::Kind::Failed
    }

    /// Whether the session counts as encrypted at all: whether it satisfies the baseline, as far as is
    /// known.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        if self.is_version_unknown() {
            return true;
        }
        match (self.tls(), Requirement::builtin("baseline")) {
            (TlsState::Encrypted(encryption), Some(baseline)) => {
                baseline.check(&encryption).is_ok()
            }
            _ => false,
        }
    }

    /// How the recipient's domain is shown, also one that is not there.
    #[must_use]
    pub fn shown_domain(&self) -> String {
        match self.found {
            SubjectKind::Unreadable => "(unreadable)".into(),
            SubjectKind::Recipient | SubjectKind::Local | SubjectKind::Sender => {
                if self.domain.is_empty() { "(local)".into() } else { self.domain.clone() }
            }
        }
    }
}

/// A sender as the ledger has it.
pub(crate) fn sender_text<N: Borrow<DomainName>>(sender: &SenderDomain<N>) -> &str {
    match sender {
        SenderDomain::Of(domain) => domain.borrow().as_str(),
        SenderDomain::Null => NULL_SENDER,
        SenderDomain::Other => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{domain, key, tls};
    use policy::tls::certificate::Certificate;

    #[test]
    fn what_the_ledger_holds_of_a_session_makes_the_same_session_again() {
        let certificate = Certificate::from_macros(
            Some(b"/O=Bank/CN=mx.bank.test"),
            Some(b"/CN=CA"),
            Some(b"OK"),
        );
        for state in [
            TlsState::Plaintext,
            TlsState::Unknown,
            tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256"),
            tls("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "256").with_certificate(certificate),
            tls("SSLv3", "RC4-SHA", "128"),
            tls("", "AES256-SHA", "256"),
            tls("DTLSv1.2", "AES256-SHA", "256"),
            tls("TLSv1.2", "a cipher\nof evil", "256"),
            tls("TLSv1.2", "AES256-SHA", "0"),
            tls("TLSv1.4", "", ""),
        ] {
            let key = Key { tls: state.clone(), ..key("192.0.2.1") };
            let again = RowKey::new(&key, Source::Milter, &Clients::Full).tls();
            let (TlsState::Encrypted(old), TlsState::Encrypted(new)) = (&state, &again) else {
                assert_eq!(again, state);
                continue;
            };
            assert_eq!((new.version(), new.contradiction()), (old.version(), old.contradiction()));
            assert_eq!(new.certificate(), old.certificate());
            assert_eq!(new.cipher().suites().count(), old.cipher().suites().count());
            assert!(old.cipher().suites().zip(new.cipher().suites()).all(|(old, new)| old == new));
        }
    }

    #[test]
    fn what_a_log_tells_of_a_session_is_a_state_of_its_own_and_no_more_is_judged() {
        use Decision::{Accept, WouldRefuse};
        let failed = LoggedTls::Failed(crate::TlsFailure::new("no shared cipher"));
        let told = |state| LoggedTls::Told(state);
        let tls13 = tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256");
        for (logged, reason, words, row_verdict, row_reason) in [
            (told(TlsState::Plaintext), "plaintext", "none none", WouldRefuse, "plaintext"),
            (failed, "plaintext", "failed none", WouldRefuse, "tls-failed:no-shared-cipher"),
            (LoggedTls::Encrypted, "unknown-tls", "encrypted not-said", Accept, "not-judged"),
            (
                LoggedTls::Encrypted,
                "unknown-tls-passed",
                "encrypted not-said",
                Accept,
                "not-judged",
            ),
            (LoggedTls::Unknown, "unknown-tls", "unknown unknown", Accept, "not-judged"),
            (told(tls13), "aead", "TLSv1.3 TLS_AES_256_GCM_SHA384", WouldRefuse, "aead"),
        ] {
            let state = logged.state().clone();
            let key =
                Key { tls: state.clone(), reason: reason.parse().unwrap(), ..key("192.0.2.1") };
            let row = RowKey::from_log(&key, &logged, &Clients::Full);
            assert_eq!(format!("{} {}", row.tls_version, row.cipher), words);
            assert_eq!((row.verdict, row.reason.word()), (row_verdict, row_reason));
            assert_eq!(row.tls().to_string(), state.to_string());
            assert_eq!(row.is_judged(), row_reason != "not-judged");
            assert_eq!(row.is_encrypted(), words.starts_with('e') || words.starts_with('T'));
        }
        // What does not hang on the session is judged, whatever the log tells of it.
        let trusted =
            Key { reason: ReasonKind::TrustedClient, verdict: Accept, ..key("192.0.2.1") };
        let row = RowKey::from_log(&trusted, &LoggedTls::Unknown, &Clients::Full);
        assert!(row.is_judged() && row.is_trusted());
    }

    #[test]
    fn whoever_wrote_there_is_one_row_of_others() {
        let session = tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256");
        let certificate =
            Certificate::from_macros(Some(b"/CN=mx.bank.test"), Some(b"/CN=CA"), None);
        let one = Key { tls: session.clone(), ..key("192.0.2.1") };
        let other = Key {
            name: Some(domain("mx.bank.test")),
            sender: SenderDomain::Null,
            tls: session.with_certificate(certificate),
            ..key("198.51.100.1")
        };
        let row = |key: &Key| RowKey::new(key, Source::Milter, &Clients::Full);
        let (one, other) = (row(&one), row(&other));
        assert!(one.client != other.client && one.name != other.name);
        assert!(one.sender != other.sender && one.certificate != other.certificate);
        assert_eq!(one.others(), other.others());
        assert!(one.others().is_others());
    }

    #[test]
    fn hashed_and_truncated_clients_leave_nothing_else_of_the_client() {
        let certificate = Certificate::from_macros(Some(b"mail.example.net"), Some(b"CA"), None);
        let tls = tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256").with_certificate(certificate);
        let key = Key { tls, ..key("192.0.2.77") };
        for (clients, shown) in
            [(Clients::Network, "192.0.2.0/24"), (Clients::Hashed(Box::new([7; 32])), "hash:")]
        {
            let row = RowKey::new(&key, Source::Milter, &clients);
            assert!(row.client.starts_with(shown) && row.is_coarse());
            assert_eq!((&*row.name, &*row.certificate), ("", ""));
            assert!(!format!("{row:?}").contains("mail.example.net"));
        }
        assert!(
            RowKey::new(&key, Source::Milter, &Clients::Full).certificate.contains("mail.example")
        );
    }

    #[test]
    fn a_certificate_that_lost_a_mail_address_counts_as_not_known_in_full() {
        let certificate = Certificate::from_macros(Some(b"alice@example.org"), Some(b"CA"), None);
        let tls = tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256").with_certificate(certificate);
        let row = RowKey::new(&Key { tls, ..key("192.0.2.77") }, Source::Milter, &Clients::Full);
        assert!(row.is_coarse() && !format!("{row:?}").contains("alice"));
    }
}
