//! A session with an MTA as its senders have one, to see what they get. No message is sent: it ends at the
//! recipient.
//!
//! For `doctor` and `setup`. [`visit`] has the session, `dialogue` speaks SMTP, `tls` shakes hands (rustls,
//! which speaks TLS 1.2 and 1.3 as careful senders do), `hello` asks what an MTA would take with which
//! rustls cannot agree, `certificate` looks at what the MTA presents.

mod certificate;
mod dialogue;
mod hello;
mod tls;
mod visit;

pub(crate) use certificate::{CertificateView, Trust};
pub(crate) use dialogue::Reply;
pub(crate) use hello::{HelloAnswer, OldVersion};
pub(crate) use tls::{Handshake, HandshakeError, Speaks};
pub(crate) use visit::{Answer, Cover, Door, End, Trial, Visit, ask_old, certificate, visit};
