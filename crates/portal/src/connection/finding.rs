//! What a test of the connection finds. It is kept as JSON, so that what it means for a level can be said
//! later on, of another level, without another test.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Findings {
    /// Each next hop of the domain.
    pub hops: Vec<HopFinding>,
}

/// A next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HopFinding {
    /// As the policy writes it.
    pub next_hop: String,
    /// Why there is no server to be tested; none: there are some.
    pub problem: Option<HopProblem>,
    /// Its servers, in the order in which mail tries them.
    pub servers: Vec<ServerFinding>,
}

/// Why there is no server to be tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HopProblem {
    /// The resolver gave no answer.
    NoDns,
    /// There is no such name.
    NoSuchName,
    /// The domain says that it takes no mail (RFC 7505).
    TakesNoMail,
    /// No server has an address.
    NoAddress,
    /// All that is below a domain has no server of its own.
    Wildcard,
    /// It is nothing that a test could connect to: a Unix socket, a port by its name.
    NotTestable,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerFinding {
    /// Its name, or its address where it has none.
    pub host: String,
    /// Its address; empty: none is known.
    pub address: String,
    /// The port.
    pub port: u16,
    /// How far the session came.
    pub outcome: Outcome,
}

/// How far a session came. What the server said is cut, and made harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    /// Its address is not one of the Internet's, and the operator does not name it.
    Private,
    /// Its address is this gateway's own: mail would come back.
    OwnHost,
    /// Nothing listens there.
    Refused,
    /// There is no way there.
    Unreachable {
        /// What the system says.
        why: String,
    },
    /// It took the connection, or the command, and said nothing within the time that a test has.
    Silent {
        /// To what.
        at: Step,
    },
    /// It hung up.
    Closed {
        /// Where.
        at: Step,
    },
    /// What it says is not SMTP.
    NotSmtp {
        /// How it begins.
        said: String,
    },
    /// It does not want to talk.
    TurnsAway {
        /// Where.
        at: Step,
        /// Its reply.
        said: String,
    },
    /// It does not offer STARTTLS.
    NoStarttls,
    /// It offers STARTTLS, and refuses it.
    StarttlsRefused {
        /// Its reply.
        said: String,
    },
    /// The handshake failed.
    Handshake {
        /// Why.
        why: String,
    },
    /// The session is encrypted.
    Encrypted(Box<Session>),
}

/// Where a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The connection.
    Connection,
    /// The greeting.
    Greeting,
    /// EHLO.
    Ehlo,
    /// STARTTLS.
    Starttls,
    /// The handshake.
    Handshake,
}

/// An encrypted session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The version, as in `TLSv1.3`.
    pub version: String,
    /// The cipher suite, in the words of IANA.
    pub cipher: String,
    /// The names that the certificate is for.
    pub names: Vec<String>,
    /// From when it is valid.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_before: Option<Timestamp>,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_after: Option<Timestamp>,
    /// Who stands behind it.
    pub trust: Authority,
    /// Digests of the certificate and of its key.
    pub fingerprints: Vec<String>,
    /// Whether it is the one that is published.
    pub tlsa: TlsaFinding,
}

/// Who stands behind a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// Somebody whom this gateway's system trusts.
    Public,
    /// Nobody: it has signed itself.
    SelfSigned,
    /// It cannot be seen: the certificate of who issued it is not sent along.
    Incomplete,
    /// Somebody whom this system does not know.
    Private,
    /// This system has no list of whom to trust.
    Unlisted,
    /// Something else is wrong with it.
    Broken,
}

/// Whether a certificate is the one that TLSA records publish (DANE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsaFinding {
    /// The resolver does not validate, or did not answer.
    NotTested,
    /// There are no signed records that MTAs take.
    None,
    /// It is.
    Matches,
    /// It is another one.
    Differs,
}
