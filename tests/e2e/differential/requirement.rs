//! What a requirement takes, told by what the client's own OpenSSL says of the cipher.

use std::fmt;

use super::policy::Case;
use crate::support::TlsState;

/// A requirement, built in or the policy's own.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub name: &'static str,
    pub is_built_in: bool,
    pub min_version: &'static str,
    pub min_bits: i32,
    pub forward_secrecy: bool,
    pub aead: bool,
    pub forbid: Vec<Property>,
    /// Asks for the certificate of `client.example.net`.
    pub certificate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    TripleDes,
    Anonymous,
    StaticRsa,
    Camellia,
    Aes128,
    Chacha20,
    Sha1,
    /// Diffie-Hellman over finite fields, authenticated.
    Dhe,
}

/// From the oldest to the newest, in OpenSSL's words.
pub const VERSIONS: [&str; 5] = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

impl Requirement {
    /// No SSL, RC4 or NULL; at least 112 bits.
    pub fn baseline() -> Self {
        Self {
            name: "baseline",
            is_built_in: true,
            min_version: "TLSv1",
            min_bits: 112,
            forward_secrecy: false,
            aead: false,
            forbid: Vec::new(),
            certificate: false,
        }
    }

    /// What RFC 9325 says with MUST.
    pub fn rfc9325() -> Self {
        Self { name: "rfc9325", min_version: "TLSv1.2", ..Self::baseline() }
    }

    /// What RFC 9325 says with MUST and SHOULD (section 4.2: ECDHE with AES-GCM or better).
    pub fn rfc9325_strict() -> Self {
        Self {
            name: "rfc9325-strict",
            min_bits: 128,
            forward_secrecy: true,
            aead: true,
            forbid: vec![Property::Anonymous, Property::Dhe],
            ..Self::rfc9325()
        }
    }

    /// Whether a session meets it.
    pub fn is_met(&self, case: &Case<'_>) -> bool {
        case.tls.is_some_and(|tls| self.takes(tls)) && (!self.certificate || case.certified)
    }

    fn takes(&self, tls: &TlsState) -> bool {
        let has = |what: &str| tls.description.contains(what);
        // TLS 1.3 has "Kx=any".
        let static_rsa = has("Kx=RSA");
        let forbidden = |property: &Property| match property {
            Property::TripleDes => has("Enc=3DES"),
            Property::Anonymous => is_anonymous(tls),
            Property::StaticRsa => static_rsa,
            Property::Camellia => has("Enc=Camellia"),
            Property::Aes128 => has("Enc=AES(128)") || has("Enc=AESGCM(128)"),
            Property::Chacha20 => has("Enc=CHACHA20"),
            Property::Sha1 => has("Mac=SHA1"),
            Property::Dhe => has("Kx=DH ") && !is_anonymous(tls),
        };
        age(tls.version) >= age(self.min_version).max(age("TLSv1"))
            && !has("Enc=RC4")
            && !has("Enc=None")
            && tls.bits >= self.min_bits.max(112)
            && !(self.forward_secrecy && static_rsa)
            && (!self.aead || has("Mac=AEAD"))
            && !self.forbid.iter().any(forbidden)
    }
}

/// Whether neither side has a certificate.
pub fn is_anonymous(tls: &TlsState) -> bool {
    tls.description.contains("Au=None")
}

fn age(version: &str) -> usize {
    VERSIONS.iter().position(|known| *known == version).expect("a version of TLS")
}

/// As the policy's file has it.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {{ min_version: {}, ", self.name, self.min_version)?;
        write!(f, "min_bits: {}, forward_secrecy: {}, ", self.min_bits, self.forward_secrecy)?;
        let forbid: Vec<_> = self.forbid.iter().map(|property| property.name()).collect();
        write!(f, "aead: {}, forbid: [{}]", self.aead, forbid.join(", "))?;
        if self.certificate {
            f.write_str(", client_certificate: { subject: client.example.net }")?;
        }
        f.write_str(" }")
    }
}

impl Property {
    fn name(self) -> &'static str {
        match self {
            Self::TripleDes => "3DES",
            Self::Anonymous => "anonymous",
            Self::StaticRsa => "static-RSA",
            Self::Camellia => "CAMELLIA",
            Self::Aes128 => "AES128",
            Self::Chacha20 => "CHACHA20",
            Self::Sha1 => "SHA1",
            Self::Dhe => "DHE",
        }
    }
}
