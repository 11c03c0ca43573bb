//! Whose fault it was that a handshake failed, as far as the cause tells.

use crate::model::logged_tls::TlsFailure;
use strum::{EnumIter, IntoStaticStr};

/// What kind of fault made a TLS handshake on the way in fail. Each has another remedy.
///
/// A cause stands in the log in the words of OpenSSL (ssl/ssl_err.c) or of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum HandshakeFault {
    /// The client had no version of TLS that this server takes: TLS 1.0, mostly.
    Version,
    /// Client and server had no cipher suite, no group or no signature in common. It may be ours: a
    /// certificate with an ECDSA key is of no use to clients that know RSA only.
    NothingShared,
    /// The client did not accept the certificate of this server.
    OurCertificate,
    /// This server could not: no certificate, no key, a parameter that is too weak.
    Ours,
    /// This server asks for a client certificate, and the client had none, or an untrusted one.
    ClientCertificate,
    /// The client ended it with another alert.
    TheyRefused,
    /// What came was not TLS.
    NotTls,
    /// The connection broke off, or nothing more came.
    BrokenOff,
    /// The log does not tell why.
    NotLogged,
    /// Another cause.
    Other,
}

/// Words of a cause, and what they mean; the first that occur decide.
const WORDS: [(&str, HandshakeFault); 41] = {
    use HandshakeFault as Fault;
    [
        ("alert protocol version", Fault::Version),
        ("alert unknown ca", Fault::OurCertificate),
        ("alert bad certificate", Fault::OurCertificate),
        ("alert certificate", Fault::OurCertificate),
        ("alert unsupported certificate", Fault::OurCertificate),
        ("alert no certificate", Fault::OurCertificate),
        ("alert unrecognized name", Fault::OurCertificate),
        ("alert", Fault::TheyRefused),
        ("unsupported protocol", Fault::Version),
        ("version too low", Fault::Version),
        ("version too high", Fault::Version),
        ("wrong ssl version", Fault::Version),
        ("unknown ssl version", Fault::Version),
        ("inappropriate fallback", Fault::Version),
        ("no shared", Fault::NothingShared),
        ("no suitable", Fault::NothingShared),
        ("unsupported elliptic curve", Fault::NothingShared),
        ("wrong curve", Fault::NothingShared),
        ("no required digest", Fault::NothingShared),
        ("http request", Fault::NotTls),
        ("https proxy request", Fault::NotTls),
        ("wrong version number", Fault::NotTls),
        ("unknown protocol", Fault::NotTls),
        ("packet length too long", Fault::NotTls),
        ("peer did not return a certificate", Fault::ClientCertificate),
        ("certificate verify failed", Fault::ClientCertificate),
        ("no certificate", Fault::Ours),
        ("no private key", Fault::Ours),
        ("no protocols available", Fault::Ours),
        ("no ciphers available", Fault::Ours),
        ("missing tmp", Fault::Ours),
        ("missing rsa", Fault::Ours),
        ("too small", Fault::Ours),
        ("too weak", Fault::Ours),
        ("internal error", Fault::Ours),
        ("connection", Fault::BrokenOff),
        ("timed out", Fault::BrokenOff),
        ("unexpected eof", Fault::BrokenOff),
        ("broken pipe", Fault::BrokenOff),
        ("cause not logged", Fault::NotLogged),
        ("handshake failed", Fault::NotLogged),
    ]
};

impl HandshakeFault {
    /// A stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

impl From<&TlsFailure> for HandshakeFault {
    fn from(failure: &TlsFailure) -> Self {
        let cause = failure.to_string();
        let found = WORDS.iter().find(|(words, _)| cause.contains(words));
        found.map_or(Self::Other, |(_, fault)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn each_cause_that_a_log_has_is_of_a_kind() {
        use HandshakeFault as Fault;
        let table = [
            ("unsupported protocol", Fault::Version),
            ("version too low", Fault::Version),
            ("tlsv1 alert protocol version", Fault::Version),
            ("inappropriate fallback", Fault::Version),
            ("no shared cipher", Fault::NothingShared),
            ("no suitable key share", Fault::NothingShared),
            ("no suitable signature algorithm", Fault::NothingShared),
            ("no shared signature algorithms", Fault::NothingShared),
            ("tlsv1 alert unknown ca", Fault::OurCertificate),
            ("sslv3 alert bad certificate", Fault::OurCertificate),
            ("ssl/tls alert bad certificate", Fault::OurCertificate),
            ("sslv3 alert certificate expired", Fault::OurCertificate),
            ("sslv3 alert certificate unknown", Fault::OurCertificate),
            ("sslv3 alert certificate revoked", Fault::OurCertificate),
            ("sslv3 alert unsupported certificate", Fault::OurCertificate),
            ("sslv3 alert handshake failure", Fault::TheyRefused),
            ("tlsv1 alert insufficient security", Fault::TheyRefused),
            ("tlsv1 alert internal error", Fault::TheyRefused),
            ("tlsv1 alert access denied", Fault::TheyRefused),
            ("http request", Fault::NotTls),
            ("wrong version number", Fault::NotTls),
            ("unknown protocol", Fault::NotTls),
            ("peer did not return a certificate", Fault::ClientCertificate),
            ("certificate verify failed", Fault::ClientCertificate),
            ("no certificate set", Fault::Ours),
            ("no certificate assigned", Fault::Ours),
            ("missing tmp dh key", Fault::Ours),
            ("dh key too small", Fault::Ours),
            ("internal error", Fault::Ours),
            ("lost connection", Fault::BrokenOff),
            ("Connection timed out", Fault::BrokenOff),
            ("Connection reset by peer", Fault::BrokenOff),
            ("unexpected eof while reading", Fault::BrokenOff),
            ("", Fault::NotLogged),
            ("a cause of tomorrow", Fault::Other),
            ("missing sigalgs extension", Fault::Other),
        ];
        for (cause, fault) in table {
            assert_eq!(HandshakeFault::from(&TlsFailure::new(cause)), fault, "{cause}");
        }
        for fault in HandshakeFault::iter() {
            assert!(table.iter().any(|(_, found)| *found == fault), "{fault:?}");
        }
    }
}
