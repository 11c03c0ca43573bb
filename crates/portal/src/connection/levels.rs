//! Whether what was found is what a level demands: as smtp(8) would decide it.

use super::finding::{Authority, Findings, HopFinding, HopProblem, Outcome, Session, TlsaFinding};
use jiff::Timestamp;
use policy::TlsState;
use policy::hop::{Demand, Doubt, HopSession, Level, Matching, Met, NextHop};
use serde::Serialize;

/// Whether mail would leave at a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub enum Holds {
    /// It would.
    Yes,
    /// The test cannot tell.
    NotKnown(Unknown),
    /// It would wait.
    No(Why),
}

/// What a test cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// Which TLSA records there are: the resolver of the gateway does not validate.
    Tlsa,
    /// Whether the server has a version or a cipher that is taken.
    Version,
    /// Whether smtp(8) trusts the certificate: this system has no list of whom to trust.
    Authority,
    /// Whether the certificate has a digest of this kind.
    Fingerprint,
}

/// Why mail would wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// No server was reached, or none wanted to talk.
    NotReached,
    /// No STARTTLS.
    NoStarttls,
    /// The handshake failed.
    Handshake,
    /// The versions of TLS are older than demanded.
    Version,
    /// Nobody whom the gateway trusts stands behind the certificate.
    Untrusted,
    /// It is not valid today.
    Expired,
    /// It is for another name.
    Name,
    /// It is none of those that are listed.
    Fingerprint,
    /// No TLSA records are published, or they are not signed.
    NoTlsa,
    /// They publish another certificate.
    TlsaDiffers,
}

/// Whether a demand would be met at all next hops: at each by one server at least, as mail then goes to that
/// one.
pub fn holds(demand: &Demand, findings: &Findings, now: Timestamp) -> Holds {
    let hops = findings.hops.iter().map(|hop| {
        let servers = hop
            .servers
            .iter()
            .map(|server| holds_at(demand, hop, &server.host, &server.outcome, now));
        servers.min().unwrap_or(Holds::No(Why::NotReached))
    });
    hops.max().unwrap_or(Holds::No(Why::NotReached))
}

/// Whether a demand would be met at a server.
pub fn holds_at(
    demand: &Demand,
    hop: &HopFinding,
    host: &str,
    outcome: &Outcome,
    now: Timestamp,
) -> Holds {
    if matches!(demand.level, Level::None | Level::May) {
        return Holds::Yes;
    }
    match outcome {
        Outcome::Private
        | Outcome::OwnHost
        | Outcome::Refused
        | Outcome::Unreachable { .. }
        | Outcome::Silent { .. }
        | Outcome::Closed { .. }
        | Outcome::NotSmtp { .. }
        | Outcome::TurnsAway { .. } => Holds::No(Why::NotReached),
        Outcome::NoStarttls | Outcome::StarttlsRefused { .. } => Holds::No(Why::NoStarttls),
        Outcome::Handshake { .. } => Holds::No(Why::Handshake),
        Outcome::Encrypted(session) => {
            encryption(demand, session).max(certificate(demand, hop, host, session, now))
        }
    }
}

/// Version and cipher.
fn encryption(demand: &Demand, session: &Session) -> Holds {
    let state = TlsState::from_macros(
        Some(session.version.as_bytes()),
        Some(session.cipher.as_bytes()),
        None,
    );
    let encryption = match &state {
        TlsState::Encrypted(encryption) => Some(encryption),
        TlsState::Plaintext | TlsState::Unknown => None,
    };
    let demand = Demand { level: Level::Encrypt, matching: Vec::new(), ..demand.clone() };
    match demand.is_met_by(HopSession::Encrypted { encryption, verification: None, under: None }) {
        Met::Yes => Holds::Yes,
        Met::Unknown(
            Doubt::Session
            | Doubt::Version
            | Doubt::Cipher
            | Doubt::Certificate
            | Doubt::Name
            | Doubt::Tlsa,
        ) => Holds::NotKnown(Unknown::Version),
        Met::No(_) => Holds::No(Why::Version),
    }
}

fn certificate(
    demand: &Demand,
    hop: &HopFinding,
    host: &str,
    session: &Session,
    now: Timestamp,
) -> Holds {
    match demand.level {
        Level::None | Level::May | Level::Encrypt => Holds::Yes,
        Level::Dane | Level::DaneOnly => match session.tlsa {
            TlsaFinding::Matches => Holds::Yes,
            TlsaFinding::Differs => Holds::No(Why::TlsaDiffers),
            // As `may`.
            TlsaFinding::None if demand.level == Level::Dane => Holds::Yes,
            TlsaFinding::None => Holds::No(Why::NoTlsa),
            TlsaFinding::NotTested => Holds::NotKnown(Unknown::Tlsa),
        },
        Level::Fingerprint => fingerprint(&demand.matching, session),
        Level::Verify | Level::Secure => {
            let trusted = match session.trust {
                Authority::Public => Holds::Yes,
                Authority::Unlisted => Holds::NotKnown(Unknown::Authority),
                Authority::SelfSigned
                | Authority::Incomplete
                | Authority::Private
                | Authority::Broken => Holds::No(Why::Untrusted),
            };
            let is_valid = session.not_before.is_none_or(|from| from <= now)
                && session.not_after.is_none_or(|until| now <= until);
            match trusted {
                Holds::Yes | Holds::NotKnown(_) if !is_valid => Holds::No(Why::Expired),
                Holds::Yes | Holds::NotKnown(_) if !is_named(demand, hop, host, session) => {
                    Holds::No(Why::Name)
                }
                trusted => trusted,
            }
        }
    }
}

fn fingerprint(wanted: &[Matching], session: &Session) -> Holds {
    let has = |one: &Matching| session.fingerprints.iter().any(|found| found == one.as_str());
    if wanted.iter().any(has) {
        return Holds::Yes;
    }
    // Of MD5 and SHA-1 no digests were made.
    let lengths =
        |one: &Matching| session.fingerprints.iter().any(|found| found.len() == one.as_str().len());
    if wanted.iter().all(lengths) {
        Holds::No(Why::Fingerprint)
    } else {
        Holds::NotKnown(Unknown::Fingerprint)
    }
}

/// Whether the certificate is for a name that is demanded (postconf(5), `smtp_tls_verify_cert_match` and
/// `smtp_tls_secure_cert_match`, as they are where nobody sets them).
fn is_named(demand: &Demand, hop: &HopFinding, host: &str, session: &Session) -> bool {
    let next_hop = hop.next_hop.parse::<NextHop>().map(|hop| hop.host().to_owned());
    let next_hop = next_hop.unwrap_or_default();
    let standard: &[&str] = match demand.level {
        Level::Verify => &["hostname"],
        _ => &["nexthop", "dot-nexthop"],
    };
    let wanted: Vec<&str> = match demand.matching.as_slice() {
        [] => standard.to_vec(),
        wanted => wanted.iter().map(Matching::as_str).collect(),
    };
    wanted.into_iter().any(|wanted| {
        let (name, below) = match wanted {
            "hostname" => (host, false),
            "nexthop" => (&*next_hop, false),
            "dot-nexthop" => (&*next_hop, true),
            name => name.strip_prefix('.').map_or((name, false), |parent| (parent, true)),
        };
        session.names.iter().any(|found| is_for(found, name, below))
    })
}

/// Whether a name of a certificate is this one, or, if that is asked for, one below it. A `*` in it stands for
/// one label, the first.
#[must_use]
pub fn is_for(found: &str, wanted: &str, below: bool) -> bool {
    let (found, wanted) = (found.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    if wanted.is_empty() {
        return false;
    }
    if below {
        return found
            .strip_suffix(&*wanted)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
    }
    let by_star = || {
        let parent = found.strip_prefix("*.")?;
        let (label, rest) = wanted.split_once('.')?;
        Some(!label.is_empty() && rest == parent)
    };
    found == wanted || by_star() == Some(true)
}

impl HopFinding {
    /// A next hop that has no server to be tested.
    #[must_use]
    pub fn without(next_hop: &NextHop, problem: HopProblem) -> Self {
        Self { next_hop: next_hop.to_string(), problem: Some(problem), servers: Vec::new() }
    }
}
