//! Random numbers from the system: ids, and secrets of which only a hash is kept.

use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

/// A secret that is shown to one person once: a token, a link, the key of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one of 256 random bits, as 64 hexadecimal digits after a prefix that says what it is.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self(format!("{prefix}{}", hexadecimal(&random::<32>())))
    }

    /// One that somebody shows.
    #[must_use]
    pub fn shown(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it. It is found by this in the database: how long that takes tells nothing of
    /// the secret, since the hash of a guess has nothing in common with that of the next.
    #[must_use]
    pub fn hash(&self) -> String {
        hexadecimal(&Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A new id: 128 random bits, so that nobody can guess one.
#[must_use]
pub fn id() -> String {
    hexadecimal(&random::<16>())
}

/// Octets from the system.
///
/// # Panics
///
/// Where the system has no random numbers: nothing that follows would be safe.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).expect("the system has random numbers");
    octets
}

/// Octets as hexadecimal digits.
#[must_use]
pub fn hexadecimal(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}
