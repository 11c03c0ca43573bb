//! The languages of what senders and administrators of domains read.
//!
//! Replies are ASCII (RFC 5321, section 4.2.1; SMTPUTF8 cannot be counted on), so German is written
//! with ae, oe, ue, ss.

use super::fault::{Fault, Remedy};
use super::requirement::Shortfall;
use super::tls::{Contradiction, cipher::Cipher};
use strum::{EnumIter, EnumString, IntoStaticStr};

/// A language; its word is its tag (BCP 47).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
pub enum Language {
    /// English.
    #[default]
    #[strum(serialize = "en")]
    English,
    /// German.
    #[strum(serialize = "de")]
    German,
}

const ENGLISH_FOR_RECIPIENT: &str = "Mail for {domain} is accepted only over an adequately \
     encrypted connection: {reason}. {remedy} {url}";
const ENGLISH_FOR_SENDER: &str = "Mail from {domain} is accepted only over an adequately \
     encrypted connection: {reason}. {remedy} {url}";
const GERMAN_FOR_RECIPIENT: &str = "E-Mails an {domain} werden nur ueber eine ausreichend \
     verschluesselte Verbindung angenommen: {reason}. {remedy} {url}";
const GERMAN_FOR_SENDER: &str = "E-Mails von {domain} werden nur ueber eine ausreichend \
     verschluesselte Verbindung angenommen: {reason}. {remedy} {url}";

impl Language {
    /// The built-in replies: for recipients, for partners.
    pub(super) const TEXTS: [&str; 4] =
        [ENGLISH_FOR_RECIPIENT, ENGLISH_FOR_SENDER, GERMAN_FOR_RECIPIENT, GERMAN_FOR_SENDER];

    /// The text of the reply for a recipient, where the policy does not give one.
    #[must_use]
    pub const fn text_for_recipient(self) -> &'static str {
        match self {
            Self::English => ENGLISH_FOR_RECIPIENT,
            Self::German => GERMAN_FOR_RECIPIENT,
        }
    }

    /// The text of the reply for a partner, where the policy does not give one.
    #[must_use]
    pub const fn text_for_sender(self) -> &'static str {
        match self {
            Self::English => ENGLISH_FOR_SENDER,
            Self::German => GERMAN_FOR_SENDER,
        }
    }

    /// How a reply calls a recipient without a domain.
    pub(super) fn this_recipient(self) -> &'static str {
        match self {
            Self::English => "this recipient",
            Self::German => "diesen Empfaenger",
        }
    }

    /// What is wrong with a session, as a clause of plain ASCII.
    #[must_use]
    pub fn fault(self, fault: &Fault) -> String {
        match (self, fault) {
            (Self::English, fault) => fault.to_string(),
            (Self::German, Fault::Plaintext) => "diese Verbindung ist nicht verschluesselt".into(),
            (Self::German, Fault::UnknownTls) => {
                "dieser Server kann nicht feststellen, ob die Verbindung verschluesselt ist".into()
            }
            (Self::German, Fault::Inadequate(shortfall)) => german(shortfall),
        }
    }

    /// What the sender's postmaster can do, as a sentence.
    #[must_use]
    pub fn remedy(self, remedy: Remedy) -> &'static str {
        match (self, remedy) {
            (Self::English, Remedy::EnableTls) => {
                "Enable TLS (STARTTLS) for outgoing mail on the sending server."
            }
            (Self::English, Remedy::UpdateTls) => {
                "Update TLS versions and ciphers for outgoing mail on the sending server."
            }
            (Self::English, Remedy::PresentCertificate) => {
                "Let the sending server present its client certificate."
            }
            (Self::English, Remedy::NoneOfTheSenders) => {
                "This is a fault of the receiving server; its postmaster has to mend it."
            }
            (Self::German, Remedy::EnableTls) => {
                "Schalten Sie auf dem sendenden Server TLS (STARTTLS) fuer ausgehende E-Mails ein."
            }
            (Self::German, Remedy::UpdateTls) => {
                "Bringen Sie TLS-Versionen und Cipher-Suites fuer ausgehende E-Mails auf dem \
                 sendenden Server auf den heutigen Stand."
            }
            (Self::German, Remedy::PresentCertificate) => {
                "Der sendende Server muss sein Client-Zertifikat vorweisen."
            }
            (Self::German, Remedy::NoneOfTheSenders) => {
                "Das ist ein Fehler des empfangenden Servers; sein Postmaster muss ihn beheben."
            }
        }
    }
}

fn german(shortfall: &Shortfall) -> String {
    match shortfall {
        Shortfall::ProtocolVersion { version, required } => {
            format!("{version} wird nicht angenommen, verlangt ist {required} oder neuer")
        }
        Shortfall::UnknownVersion { required } => {
            format!("die TLS-Version ist nicht bekannt, verlangt ist {required} oder neuer")
        }
        Shortfall::UnknownCipher { cipher: Cipher::Missing } => {
            "die Cipher-Suite ist nicht bekannt".into()
        }
        Shortfall::UnknownCipher { cipher } => {
            format!("die Cipher-Suite {cipher} ist nicht bekannt")
        }
        Shortfall::NullCipher { suite } => {
            format!("die Cipher-Suite {} verschluesselt nicht", suite.name)
        }
        Shortfall::Cipher { suite, property } => {
            format!("die Cipher-Suite {} wird nicht angenommen ({property})", suite.name)
        }
        Shortfall::CipherNotAllowed { suite } => {
            format!("die Cipher-Suite {} gehoert nicht zu den zugelassenen", suite.name)
        }
        Shortfall::Contradiction { suite, contradiction: Contradiction::Version(version) } => {
            format!("die Cipher-Suite {} gibt es in {version} nicht", suite.name)
        }
        Shortfall::Contradiction { suite, contradiction: Contradiction::ZeroBits } => {
            format!("die Cipher-Suite {} wird mit 0 Bit gemeldet", suite.name)
        }
        Shortfall::ForwardSecrecy { suite } => {
            format!("die Cipher-Suite {} hat keine Forward Secrecy", suite.name)
        }
        Shortfall::Aead { suite } => format!(
            "die Cipher-Suite {} hat keine authentifizierte Verschluesselung (AEAD)",
            suite.name
        ),
        Shortfall::KeyLength { suite, required } => format!(
            "die Cipher-Suite {} hat {} Bit, verlangt sind {required}",
            suite.name, suite.strength_bits
        ),
        Shortfall::ClientCertificate { .. } => {
            "verlangt ist ein vertrauenswuerdiges Client-Zertifikat".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirement::Requirement;
    use crate::tls::TlsState;

    #[test]
    fn what_is_wrong_is_said_in_german_and_in_ascii() {
        let anssi = Requirement::builtin("anssi").unwrap();
        for (version, cipher, words) in [
            ("SSLv3", "RC4-SHA", "SSLv3 wird nicht angenommen"),
            ("TLSv1.2", "RC4-SHA", "die Cipher-Suite RC4-SHA wird nicht angenommen (RC4)"),
            ("TLSv1.2", "NULL-SHA256", "verschluesselt nicht"),
            ("TLSv1.2", "FOO", "die Cipher-Suite FOO ist nicht bekannt"),
            ("TLSv1.2", "TLS_AES_128_GCM_SHA256", "gibt es in TLSv1.2 nicht"),
        ] {
            let (version, cipher) = (Some(version.as_bytes()), Some(cipher.as_bytes()));
            let TlsState::Encrypted(session) = TlsState::from_macros(version, cipher, None) else {
                panic!("{cipher:?}");
            };
            let fault = Fault::Inadequate(anssi.check(&session).unwrap_err());
            let said = Language::German.fault(&fault);
            assert!(said.contains(words), "{said}");
            assert!(said.is_ascii() && Language::German.remedy(fault.remedy()).is_ascii());
            assert_ne!(said, Language::English.fault(&fault));
        }
        assert!(Language::TEXTS.iter().all(|text| text.is_ascii()));
    }
}
