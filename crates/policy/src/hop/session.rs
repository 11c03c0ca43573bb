//! Whether a session to a next hop is what would be demanded of it, as far as a log tells.
//!
//! A log tells less than a demand asks for: what smtp(8) was not told to look for, it does not tell. So there
//! is a third answer besides yes and no: what would have to be known. (Postfix, TLS_README, "Client TLS
//! security levels"; `tls_log_summary` in src/tls/tls_misc.c for the words.)

use super::demand::{CipherGrade, Demand, Level};
use crate::tls::cipher::{Algorithm, Cipher};
use crate::tls::{Encryption, SeenVersion};
use std::cmp::Ordering;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What smtp(8) knows of the server's certificate, in the word that it logs: `Untrusted TLS connection
/// established to ...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "PascalCase")]
pub enum Verification {
    /// There was none: the cipher suite does without.
    Anonymous,
    /// No authority that smtp(8) trusts stands behind it.
    Untrusted,
    /// One does. For which names it is was not asked.
    Trusted,
    /// It is the one that was demanded: by its names, by TLSA records, or by its fingerprint.
    Verified,
}

/// What is known of a session to a next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopSession<'s> {
    /// Nothing: it may have been encrypted or not.
    Unknown,
    /// The mail left in the clear, or there was no TLS to be had.
    Plaintext,
    /// There was a TLS session.
    Encrypted {
        /// Version and cipher, where they are known.
        encryption: Option<&'s Encryption>,
        /// What was known of the certificate, where that is known.
        verification: Option<Verification>,
        /// What was demanded of this session, where that is known: it is what `Verified` speaks of.
        under: Option<&'s Demand>,
    },
}

/// Whether a demand is met by a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[must_use]
pub enum Met {
    /// Mail would have left through such a session.
    Yes,
    /// What is known does not tell it.
    Unknown(Doubt),
    /// The mail would have had to wait.
    No(Lack),
}

/// What a session lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Lack {
    /// It was not encrypted.
    Plaintext,
    /// Its version is older than all that would be taken. Server and client take the newest that both have.
    Version,
    /// Its certificate is of no authority that smtp(8) trusts.
    Certificate,
}

/// What would have to be known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Doubt {
    /// Whether it was encrypted at all.
    Session,
    /// Its version, or whether the server has another one that would be taken.
    Version,
    /// Whether the server has a cipher that would be taken: the one that was used would not be.
    Cipher,
    /// Which certificate the server has.
    Certificate,
    /// For which names the certificate is.
    Name,
    /// Which TLSA records there are.
    Tlsa,
}

impl Lack {
    /// A stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

impl Doubt {
    /// A stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

impl Demand {
    /// Whether mail would have left through this session if this had been demanded of it.
    ///
    /// Pure, as [`deliver`](crate::deliver) is, which says what is demanded.
    pub fn is_met_by(&self, session: HopSession<'_>) -> Met {
        if matches!(self.level, Level::None | Level::May) {
            return Met::Yes;
        }
        match session {
            HopSession::Unknown => Met::Unknown(Doubt::Session),
            // Without TLSA records that can be used, `dane` is as `may`.
            HopSession::Plaintext if self.level == Level::Dane => Met::Unknown(Doubt::Tlsa),
            HopSession::Plaintext => Met::No(Lack::Plaintext),
            HopSession::Encrypted { encryption, verification, under } => [
                self.takes_version(encryption),
                self.takes_cipher(encryption),
                self.takes_certificate(verification, under),
            ]
            .into_iter()
            .max()
            .unwrap_or(Met::Yes),
        }
    }

    fn takes_version(&self, encryption: Option<&Encryption>) -> Met {
        let Some(protocols) = self.protocols else { return Met::Yes };
        let Some(SeenVersion::Known(version)) = encryption.map(Encryption::version) else {
            return Met::Unknown(Doubt::Version);
        };
        match protocols.beside(version) {
            Ordering::Equal => Met::Yes,
            Ordering::Greater => Met::No(Lack::Version),
            Ordering::Less => Met::Unknown(Doubt::Version),
        }
    }

    fn takes_cipher(&self, encryption: Option<&Encryption>) -> Met {
        match (self.ciphers, encryption) {
            (None | Some(CipherGrade::Medium), _) => Met::Yes,
            (Some(CipherGrade::High), Some(encryption)) if is_high(encryption.cipher()) => Met::Yes,
            (Some(CipherGrade::High), _) => Met::Unknown(Doubt::Cipher),
        }
    }

    fn takes_certificate(&self, verification: Option<Verification>, under: Option<&Self>) -> Met {
        // What was verified then would be verified again.
        let same = under.is_some_and(|under| {
            (under.level, &under.matching, &under.servername)
                == (self.level, &self.matching, &self.servername)
        });
        if same && verification == Some(Verification::Verified) {
            return Met::Yes;
        }
        match self.level {
            Level::None | Level::May | Level::Encrypt => Met::Yes,
            Level::Dane | Level::DaneOnly => Met::Unknown(Doubt::Tlsa),
            Level::Fingerprint => Met::Unknown(Doubt::Certificate),
            Level::Verify | Level::Secure => match verification {
                Some(Verification::Untrusted) => Met::No(Lack::Certificate),
                // To a client that asks for a certificate, the server would have to show one.
                Some(Verification::Anonymous) | None => Met::Unknown(Doubt::Certificate),
                Some(Verification::Trusted | Verification::Verified) => Met::Unknown(Doubt::Name),
            },
        }
    }
}

/// Whether a cipher is surely one of Postfix's `tls_high_cipherlist`, which is OpenSSL's `HIGH`.
fn is_high(cipher: &Cipher) -> bool {
    let mut suites = cipher.suites().peekable();
    suites.peek().is_some()
        && suites.all(|suite| {
            use Algorithm::{Aes128, Aes256, Aria128, Aria256, Camellia128, Camellia256, ChaCha20};
            let high = [Aes128, Aes256, Aria128, Aria256, Camellia128, Camellia256, ChaCha20];
            high.contains(&suite.algorithm)
        })
}
