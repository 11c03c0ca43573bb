//! One cipher suite: what it is made of, as far as a requirement can ask for it.
//!
//! The words are those of `ciphers.csv`, in upper case where a variant gives none.

use super::version::Version;
use strum::EnumString;

/// How the keys of the session are agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum KeyExchange {
    Rsa,
    #[strum(serialize = "RSA_PSK")]
    RsaPsk,
    Dh,
    Dhe,
    #[strum(serialize = "DHE_PSK")]
    DhePsk,
    #[strum(serialize = "DH_anon")]
    DhAnon,
    Ecdh,
    Ecdhe,
    #[strum(serialize = "ECDHE_PSK")]
    EcdhePsk,
    #[strum(serialize = "ECDH_anon")]
    EcdhAnon,
    Psk,
    Srp,
    Krb5,
    Gost,
    /// Negotiated apart from the suite, as TLS 1.3 does it.
    Tls13,
    Cecpq1,
    Eccpwd,
    #[strum(serialize = "FORTEZZA_KEA")]
    FortezzaKea,
    Sm9Dhe,
    Sm9Ibc,
    #[strum(serialize = "none")]
    None,
}

impl KeyExchange {
    /// Whether a session stays secret when the server's key becomes known later.
    ///
    /// TLS 1.3 counts as such. Its resumption without (EC)DHE does not have the property, but
    /// no MTA says which kind of resumption took place.
    #[must_use]
    pub fn forward_secrecy(self) -> bool {
        match self {
            Self::Dhe
            | Self::DhePsk
            | Self::DhAnon
            | Self::Ecdhe
            | Self::EcdhePsk
            | Self::EcdhAnon
            | Self::Tls13
            | Self::Cecpq1
            | Self::Eccpwd
            | Self::Sm9Dhe => true,
            // SRP has the property too, but no standard counts it in.
            Self::Rsa
            | Self::RsaPsk
            | Self::Dh
            | Self::Ecdh
            | Self::Psk
            | Self::Srp
            | Self::Krb5
            | Self::Gost
            | Self::FortezzaKea
            | Self::Sm9Ibc
            | Self::None => false,
        }
    }
}

/// How the server proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Authentication {
    Rsa,
    Dss,
    Ecdsa,
    Psk,
    Srp,
    Krb5,
    #[strum(serialize = "GOST94", serialize = "GOST2001", serialize = "GOST2012")]
    Gost,
    /// Negotiated apart from the suite, as TLS 1.3 does it.
    Tls13,
    Eccpwd,
    Fortezza,
    Sm2,
    Sm9,
    /// Not at all: an anonymous suite.
    #[strum(serialize = "none")]
    None,
}

/// What encrypts the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    /// Nothing does.
    Null,
    Rc2,
    Rc4,
    Des,
    #[strum(serialize = "3DES")]
    TripleDes,
    Idea,
    Seed,
    Skipjack,
    Aes128,
    Aes256,
    Camellia128,
    Camellia256,
    Aria128,
    Aria256,
    ChaCha20,
    Salsa20,
    Sm4,
    Gost28147,
    Kuznyechik,
    Magma,
    Aegis,
}

/// The mode of the bulk cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum CipherMode {
    #[strum(serialize = "")]
    None,
    Stream,
    Cbc,
    Cfb,
    #[strum(serialize = "CTR", serialize = "CNT")]
    Ctr,
    Gcm,
    Ccm,
    /// CCM with a tag of 8 octets.
    Ccm8,
    Poly1305,
    Mgm,
    Aegis,
}

/// What protects the records against change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Mac {
    #[strum(serialize = "none")]
    None,
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sm3,
    #[strum(
        serialize = "GOST89IMIT",
        serialize = "GOST94",
        serialize = "STREEBOG256",
        serialize = "KUZNYECHIK-OMAC",
        serialize = "MAGMA-OMAC"
    )]
    Gost,
    /// The bulk cipher itself.
    Aead,
}

/// A cipher suite and what is known of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Suite {
    /// As OpenSSL writes it; the IANA name where OpenSSL never had the suite. Four of these
    /// names stand for two suites, see [`Cipher::TwoSuites`](super::cipher::Cipher::TwoSuites).
    pub name: &'static str,
    /// The IANA name, if one was ever assigned.
    pub iana_name: Option<&'static str>,
    /// The oldest version in which some software negotiates it.
    pub first: Version,
    /// The newest such version.
    pub last: Version,
    /// How the keys are agreed upon.
    pub key_exchange: KeyExchange,
    /// How the server proves who it is.
    pub authentication: Authentication,
    /// What encrypts.
    pub algorithm: Algorithm,
    /// The mode of that.
    pub mode: CipherMode,
    /// What protects against change.
    pub mac: Mac,
    /// The strength of the bulk cipher in bits: 112 for 3DES. Libraries report other figures,
    /// which depend on their version (RC4: 80 or 128; CCM8: 64 or 256).
    pub strength_bits: u16,
    /// Weakened for export from the USA of the 1990s.
    pub export: bool,
    pub(crate) spellings: &'static str,
    pub(crate) index: u16,
}

impl Suite {
    /// Whether it leaves the records in the clear.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.algorithm == Algorithm::Null
    }

    /// Whether neither side proves who it is. The session is encrypted nevertheless: enough against
    /// those who listen, and what opportunistic SMTP clients offer (RFC 7672, section 8.2).
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.authentication == Authentication::None
    }

    /// Whether a session stays secret when the server's key becomes known later.
    #[must_use]
    pub fn forward_secrecy(&self) -> bool {
        self.key_exchange.forward_secrecy()
    }

    /// Whether encryption and protection against change are one (RFC 5116).
    #[must_use]
    pub fn is_aead(&self) -> bool {
        self.mac == Mac::Aead
    }

    /// Whether a session of this version can use it. A version newer than all known is taken
    /// to use the suites of TLS 1.3, which have no version of their own in them.
    #[must_use]
    pub fn possible_in(&self, version: Version) -> bool {
        self.first <= version && version.min(Version::Tlsv1_3) <= self.last
    }

    /// Every name of it, the one to show first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let iana = self.iana_name.filter(|iana| *iana != self.name);
        [self.name].into_iter().chain(iana).chain(self.spellings.split_ascii_whitespace())
    }

    /// Its place in the catalogue.
    pub(crate) fn index(&self) -> u16 {
        self.index
    }
}

impl PartialEq for Suite {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl Eq for Suite {}
