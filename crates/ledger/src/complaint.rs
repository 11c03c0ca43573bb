//! What there is to tell the postmaster of servers whose mail is not encrypted as it should be.

use crate::correspondent::registered;
use crate::digest::PeerNews;
use crate::handshakes::HandshakeFault;
use crate::history::{History, Selection};
use crate::model::handshake::Afterwards;
use crate::model::reason::RecordedReason;
use crate::model::row::{NULL_SENDER, OTHERS, Row};
use crate::partner::Partner;
use policy::{Decision, ReasonKind};
use std::collections::{BTreeMap, BTreeSet};

/// What there is to tell a postmaster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// The recipient domains.
    pub domains: BTreeSet<String>,
    /// The sender domains, some of them where there are many; without the recipient domains themselves.
    pub senders: BTreeSet<String>,
    /// Whether mail gave the recipient domain as its sender, or nobody, and no other.
    pub is_own: bool,
    /// Whether any of it was refused; else it would have been.
    pub refused: bool,
    /// The servers, the last one to come first.
    pub servers: Vec<Complained>,
}

/// A server, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complained {
    /// Its address, its network or a hash of it.
    pub client: String,
    /// Its name, where it is known.
    pub host: String,
    /// Recipients that were or would be refused.
    pub recipients: u64,
    /// Attempts for these.
    pub attempts: u64,
    /// The first, in seconds since 1970-01-01.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// What was wrong.
    pub causes: BTreeSet<Cause>,
    /// Version and cipher suite of its sessions that were not good enough: a few of them.
    pub sessions: BTreeSet<(String, String)>,
}

/// What was wrong, as far as it makes a difference to whoever has to mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It did not try TLS.
    Plaintext,
    /// It tried TLS, and that failed.
    Handshake(HandshakeFault),
    /// The version of TLS is too old.
    Version,
    /// The cipher suite is not good enough.
    Cipher,
    /// It showed no client certificate, or not the one that is asked for.
    Certificate,
    /// This gateway was not told how it came: nothing that its postmaster can mend.
    NotTold,
}

impl Cause {
    fn of(reason: &RecordedReason) -> Option<Self> {
        use ReasonKind as Kind;
        let kind = match reason {
            RecordedReason::Known(kind) => kind,
            RecordedReason::TlsFailed(failure) => return Some(Self::Handshake(failure.into())),
            RecordedReason::NotJudged | RecordedReason::Other(_) => return None,
        };
        Some(match kind {
            Kind::Plaintext => Self::Plaintext,
            Kind::ProtocolVersion | Kind::UnknownVersion => Self::Version,
            Kind::Cipher
            | Kind::CipherNotAllowed
            | Kind::UnknownCipher
            | Kind::NullCipher
            | Kind::Aead
            | Kind::KeyLength
            | Kind::ForwardSecrecy => Self::Cipher,
            Kind::ClientCertificate => Self::Certificate,
            Kind::UnknownTls | Kind::Contradiction => Self::NotTold,
            Kind::NotOptedIn
            | Kind::Off
            | Kind::LocalSubmission
            | Kind::TrustedClient
            | Kind::TrustedAuthenticated
            | Kind::Exception
            | Kind::Adequate
            | Kind::UnknownTlsPassed => return None,
        })
    }
}

/// The most sender domains and pairs of version and cipher suite that are told.
const MOST: usize = 20;
const MOST_SESSIONS: usize = 3;

/// What there is to tell the postmaster of one partner; none where nothing of its mail was or would be refused.
///
/// # Errors
///
/// When what was recorded cannot be read.
pub fn complaint<H: History>(
    history: &H,
    selection: &Selection,
    partner: &Partner,
) -> Result<Option<Complaint>, H::Error> {
    let mut draft = Draft::default();
    history.each(selection, |row| {
        if partner.is_of(&row) && !row.key.is_trusted() && !row.key.is_others() {
            draft.add(&row);
        }
    })?;
    history.handshakes(selection, |handshake| {
        let is_over = handshake.key.afterwards == Afterwards::Tls;
        if let Some(server) = draft.servers.get_mut(&handshake.key.client)
            && !is_over
        {
            server.causes.insert(Cause::Handshake((&handshake.key.failure).into()));
        }
    })?;
    Ok(draft.finish())
}

#[derive(Default)]
struct Draft {
    complaint: Complaint,
    has_sender: bool,
    servers: BTreeMap<String, Complained>,
}

impl Draft {
    fn add(&mut self, row: &Row) {
        let (key, tally) = (&row.key, row.tally);
        if key.verdict == Decision::Accept {
            return;
        }
        self.complaint.refused |= key.verdict == Decision::Refuse;
        self.complaint.domains.insert(key.shown_domain());
        self.sender(&key.sender, &key.domain);
        let server = self.servers.entry(key.client.clone()).or_insert_with(|| Complained {
            client: key.client.clone(),
            host: String::new(),
            recipients: 0,
            attempts: 0,
            first: tally.first,
            last: tally.last,
            causes: BTreeSet::new(),
            sessions: BTreeSet::new(),
        });
        if server.host.is_empty() {
            server.host.clone_from(&key.name);
        }
        server.recipients += tally.recipients();
        server.attempts += tally.count;
        server.first = server.first.min(tally.first);
        server.last = server.last.max(tally.last);
        server.causes.extend(Cause::of(&key.reason));
        if key.is_session() && server.sessions.len() < MOST_SESSIONS {
            server.sessions.insert((key.tls_version.clone(), key.cipher.clone()));
        }
    }

    fn sender(&mut self, sender: &str, domain: &str) {
        let is_of_domain = sender == domain
            || registered(sender).is_some_and(|sender| Some(sender) == registered(domain));
        let is_nobody = sender == NULL_SENDER || sender == OTHERS || sender.is_empty();
        if !is_of_domain && !is_nobody {
            self.has_sender = true;
            if self.complaint.senders.len() < MOST {
                self.complaint.senders.insert(sender.to_owned());
            }
        }
    }

    fn finish(self) -> Option<Complaint> {
        let Self { complaint, has_sender, servers } = self;
        let mut servers: Vec<Complained> = servers.into_values().collect();
        for server in &mut servers {
            // Who has tried TLS has not forgotten to switch it on.
            if server.causes.iter().any(|cause| matches!(cause, Cause::Handshake(_))) {
                server.causes.remove(&Cause::Plaintext);
            }
        }
        servers.sort_by(|one, other| {
            other.last.cmp(&one.last).then_with(|| one.client.cmp(&other.client))
        });
        (!servers.is_empty()).then_some(Complaint { is_own: !has_sender, servers, ..complaint })
    }
}

/// What a digest tells of a server.
impl From<&PeerNews> for Complaint {
    fn from(news: &PeerNews) -> Self {
        let mut draft = Draft::default();
        let domain = news.domains.first().cloned().unwrap_or_default();
        for sender in &news.senders {
            draft.sender(sender, &domain);
        }
        draft.complaint.domains.clone_from(&news.domains);
        draft.complaint.refused = news.refused;
        let causes = news.reasons.iter().filter_map(Cause::of);
        let server = Complained {
            client: news.client.clone(),
            host: news.host.clone(),
            recipients: news.count,
            attempts: news.attempts,
            first: news.first,
            last: news.last,
            causes: causes.chain(news.faults.iter().copied().map(Cause::Handshake)).collect(),
            sessions: news.sessions.clone(),
        };
        draft.servers.insert(news.client.clone(), server);
        draft.finish().unwrap_or_default()
    }
}

impl Complaint {
    /// Who runs the servers, where their names tell: registered domains.
    #[must_use]
    pub fn run_by(&self) -> BTreeSet<&str> {
        self.servers.iter().filter_map(|server| registered(&server.host)).collect()
    }

    /// All that was wrong.
    #[must_use]
    pub fn causes(&self) -> BTreeSet<Cause> {
        self.servers.iter().flat_map(|server| server.causes.iter().copied()).collect()
    }
}
