//! What JSON of other crates looks like, for the description: types that only describe.
#![expect(dead_code, reason = "these types only describe others")]

use serde::Deserialize;
use utoipa::ToSchema;

/// What was chosen for a domain, in the keys of the policy. What is not there is as the operator has it
/// for all.
#[derive(Deserialize, ToSchema)]
pub struct Entry {
    /// The domain.
    domain: String,
    /// The mode.
    mode: Option<ModeWord>,
    /// From when it is enforced: a day (UTC) or a moment (RFC 3339).
    enforce_from: Option<String>,
    /// The name of a requirement.
    require: Option<String>,
    /// The language of replies and of the digest.
    language: Option<LanguageTag>,
    /// The operator's reply, where there is one of its own.
    #[schema(value_type = Option<Object>)]
    reply: Option<serde_json::Value>,
    /// Who gets the digest.
    contact: Option<String>,
    /// The hop to the organisation's own server.
    deliver: Option<Deliver>,
    /// Whose mail is accepted although the session is not adequate.
    exceptions: Option<Vec<Exception>>,
}

/// A mode.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeWord {
    Off,
    Monitor,
    Enforce,
}

/// A language.
#[derive(Deserialize, ToSchema)]
pub enum LanguageTag {
    #[serde(rename = "en")]
    English,
    #[serde(rename = "de")]
    German,
}

/// What the hop to the organisation's own server must be, in Postfix's words.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// How much is asked of the session: `none`, `may`, `encrypt`, `dane`, `verify` and so on.
    level: Option<String>,
    /// Which certificates: names, or fingerprints at that level.
    #[serde(rename = "match")]
    matching: Option<Vec<String>>,
    /// Which versions of TLS, in Postfix's words. One of this and the next.
    protocols: Option<String>,
    /// The oldest version of TLS.
    min_version: Option<String>,
    /// How strong ciphers must be.
    ciphers: Option<String>,
    /// The name that is sent as SNI.
    servername: Option<String>,
    /// The next hops besides the domain itself.
    nexthop: Option<Vec<String>>,
}

/// An exception.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Networks of clients; none: any client.
    client: Option<Vec<String>>,
    /// The sender's domain, or `*.` and a domain.
    sender: Option<String>,
    /// The client's certificate.
    client_certificate: Option<Certificate>,
    /// The last day, or the moment at which it is over.
    until: Option<String>,
    /// Why it was made.
    reason: String,
}

/// The names in a certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The common name of whom it was issued to.
    subject: Option<String>,
    /// The common name of its issuer.
    issuer: Option<String>,
}

/// What is to be different, as a JSON merge patch (RFC 7396): a field that is not there stays, `null`
/// sets it back to what the operator has for all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The mode.
    mode: Option<ModeWord>,
    /// From when it is enforced; only with mode enforce. Before, the domain is in monitor.
    enforce_from: Option<String>,
    /// The name of a requirement.
    require: Option<String>,
    /// The language of replies and of the digest.
    language: Option<LanguageTag>,
    /// Who gets the digest.
    contact: Option<String>,
    /// All exceptions.
    exceptions: Option<Vec<Exception>>,
    /// The hop to the organisation's own server. 409 where no test of the last hour has shown that it holds.
    deliver: Option<Deliver>,
    /// Of an operator: to set that all the same.
    untested: Option<bool>,
}

/// What a switch would have meant, as `mandatory-tls simulate` tells it.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PreviewForm {
    /// How many days were looked at.
    days: u32,
    /// The first moment that the ledger tells of, in seconds since 1970-01-01; none: it is empty.
    ledger_begins: Option<i64>,
    /// Recipients that came in these days.
    judged: u64,
    /// Those of them that would have been refused (in monitor: that would be told of).
    refused: u64,
    /// Those that were refused and would not have been.
    let_through: u64,
    /// Whose mail it was, the most refused first.
    peers: Vec<PreviewPeerForm>,
    /// What to do.
    advice: AdviceWord,
    /// Whether it can be enforced, as `mandatory-tls ready --format json` has it: each domain that it is about, the
    /// worst first.
    #[schema(value_type = Vec<Object>)]
    readiness: Vec<serde_json::Value>,
    /// All that `mandatory-tls simulate` tells.
    #[schema(value_type = Object)]
    simulation: serde_json::Value,
}

/// A server whose mail would have been refused.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PreviewPeerForm {
    /// Its address.
    client: String,
    /// Its name, where it is known.
    host: String,
    /// Whose mail it brought.
    senders: Vec<String>,
    /// How many recipients would have been refused.
    refused: u64,
    /// Why.
    reasons: Vec<String>,
    /// When it last came, in seconds since 1970-01-01.
    last: i64,
    /// Whether it has come with TLS since.
    #[schema(value_type = Option<Object>)]
    outcome: Option<serde_json::Value>,
}

/// What to do before a domain is enforced.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AdviceWord {
    /// There is no evidence, or too little.
    MonitorFirst,
    /// Tell those who would be refused before.
    TellFirst,
    /// Nobody would be refused that somebody is known to miss.
    Ready,
    /// Nothing is asked of anybody.
    Nothing,
}
