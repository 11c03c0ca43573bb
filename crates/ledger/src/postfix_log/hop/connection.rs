//! The connections of smtp(8), and what is known of their encryption.

use super::line::{Feature, Peer};
use crate::model::delivery::{DeliveryReason, HopTls, Trust};
use crate::model::logged_tls::{LoggedTls, TlsFailure};
use policy::TlsState;

/// The connection that a process of smtp has, or is about to make.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// The server, its port included, and the session with it.
    pub tls: Option<(String, TlsState, Trust)>,
    /// The server with which a handshake failed, and why.
    pub failed: Option<(String, TlsFailure)>,
    /// What is wrong with the certificate of a server.
    pub certificate: Option<(String, DeliveryReason, String)>,
    /// The message that was delivered over it, by its queue id, and how long that had waited until this process
    /// had it (the first two of `delays`, as they stand there): another request for the same message may go to the
    /// same server over another connection.
    pub of: String,
    pub waited: String,
    /// When a line last spoke of it, in seconds since 1970-01-01.
    pub seen: i64,
}

impl Connection {
    /// What is known of the session with this server. `telling`: had there been one, the service
    /// would have logged it.
    pub fn tls_with(
        &self,
        relay: &str,
        peer: &Peer,
        feature: Feature,
        kind: DeliveryReason,
        telling: bool,
    ) -> (HopTls, Trust) {
        let told = |tls| (HopTls::Told(tls), Trust::None);
        if feature != Feature::Plaintext
            && let Some((of, state, trust)) = &self.tls
            && of == relay
        {
            return (HopTls::Told(LoggedTls::Told(state.clone())), *trust);
        }
        if let Some((of, failure)) = &self.failed
            && of == relay
        {
            return told(LoggedTls::Failed(failure.clone()));
        }
        match (feature, kind) {
            (Feature::Encrypted, _) => told(LoggedTls::Encrypted),
            (_, DeliveryReason::HandshakeFailed) => told(LoggedTls::Failed(TlsFailure::new(""))),
            (Feature::Undecided | Feature::Plaintext, _) if peer.is_here() => {
                (HopTls::Local, Trust::None)
            }
            (Feature::Plaintext, _) | (_, DeliveryReason::TlsNotOffered) => {
                told(LoggedTls::Told(TlsState::Plaintext))
            }
            (Feature::Undecided, _) if telling => told(LoggedTls::Told(TlsState::Plaintext)),
            (Feature::Undecided | Feature::Refused, _) => told(LoggedTls::Unknown),
        }
    }
}

/// What Postfix says of the server's certificate.
pub(super) fn trust(word: &str) -> Trust {
    match word {
        "Anonymous" => Trust::Anonymous,
        "Untrusted" => Trust::Untrusted,
        "Trusted" => Trust::Trusted,
        "Verified" => Trust::Verified,
        _ => Trust::None,
    }
}
