//! A session with an MTA as its clients have one, to see what they get. No message is sent.
//!
//! For `doctor`, `setup` and the portal. `dialogue` speaks SMTP, a command and its reply at a time, within
//! [`Bounds`]; `tls` shakes hands (rustls, which speaks TLS 1.2 and 1.3 as careful senders do); `hello`
//! asks what an MTA would take with which rustls cannot agree; `certificate` looks at what the MTA presents,
//! and `dane` holds that against TLSA records and fingerprints.

mod bounded;
mod certificate;
mod dane;
mod dialogue;
mod hello;
mod tls;

pub use bounded::{BoundedStream, Bounds};
pub use certificate::{CertificateView, Trust, roots};
pub use dane::{DaneMatch, Tlsa, dane, fingerprints};
pub use dialogue::{Dialogue, Reply};
pub use hello::{HelloAnswer, OldVersion, ask_old};
pub use rustls::RootCertStore;
pub use tls::{Handshake, HandshakeError, Speaks};
