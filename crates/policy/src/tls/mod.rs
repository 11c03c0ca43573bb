//! TLS: versions, cipher suites, and what is known of the encryption of one session.

pub(crate) mod catalogue;
pub mod certificate;
pub mod cipher;
mod encryption;
pub mod safe_name;
mod state;
pub(crate) mod suite;
pub mod version;

pub use encryption::{Contradiction, Encryption, SeenVersion};
pub use state::TlsState;
pub use version::Version;
