//! TLS as a client that can be told to speak badly.
//!
//! Linked with OpenSSL 1.1.1 (see `tests/run`): the last that still has SSL 3 and RC4, and it has TLS 1.3 too.

use std::borrow::Cow;
use std::io;
use std::net::TcpStream;

use openssl::ssl::{Ssl, SslContext, SslFiletype, SslMethod, SslStream, SslVerifyMode, SslVersion};

use super::cache;

/// What the client offers.
#[derive(Clone, Debug)]
pub struct Tls {
    minimum: SslVersion,
    maximum: SslVersion,
    ciphers: Cow<'static, str>,
    suites: Option<String>,
    certificate: Option<&'static str>,
}

impl Tls {
    /// TLS 1.3 with its usual ciphers.
    pub const V1_3: Self = Self::only(SslVersion::TLS1_3, "DEFAULT");
    /// TLS 1.2 with forward secrecy and an AEAD.
    pub const V1_2: Self = Self::only(SslVersion::TLS1_2, "ECDHE-RSA-AES256-GCM-SHA384");

    /// One protocol version (SSL 3 to TLS 1.3) and OpenSSL's names of ciphers (those before TLS 1.3).
    pub const fn only(version: SslVersion, ciphers: &'static str) -> Self {
        let ciphers = Cow::Borrowed(ciphers);
        Self { minimum: version, maximum: version, ciphers, suites: None, certificate: None }
    }

    /// All protocol versions from one to another, ciphers of those before TLS 1.3, and suites of TLS 1.3.
    pub fn range(versions: [SslVersion; 2], ciphers: String, suites: String) -> Self {
        let [minimum, maximum] = versions;
        let (ciphers, suites) = (Cow::Owned(ciphers), Some(suites));
        Self { minimum, maximum, ciphers, suites, certificate: None }
    }

    /// Presents one of the certificates that `tests/install` made: `client` or `rogue`.
    pub fn with_certificate(self, name: &'static str) -> Self {
        Self { certificate: Some(name), ..self }
    }

    /// The certificate that it presents.
    pub fn certificate(&self) -> Option<&'static str> {
        self.certificate
    }

    /// Shakes hands on a connection, with a server that may go away.
    pub fn handshake(&self, stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
        assert!(
            openssl::version::number() < 0x2000_0000,
            "linked with {}, which has no SSL 3: run the tests with tests/run",
            openssl::version::version()
        );
        let mut context = SslContext::builder(SslMethod::tls_client()).expect("OpenSSL works");
        // Level 0 lets everything through that this OpenSSL was built with.
        context.set_security_level(0);
        context.set_verify(SslVerifyMode::NONE);
        context.set_cipher_list(&self.ciphers).expect("a cipher that OpenSSL knows");
        if let Some(suites) = &self.suites {
            context.set_ciphersuites(suites).expect("a suite that OpenSSL knows");
        }
        context.set_min_proto_version(Some(self.minimum)).expect("a version that OpenSSL knows");
        context.set_max_proto_version(Some(self.maximum)).expect("a version that OpenSSL knows");
        if let Some(name) = self.certificate {
            let path = cache().join("tls");
            context
                .set_certificate_chain_file(path.join(format!("{name}.crt")))
                .expect("a certificate");
            context
                .set_private_key_file(path.join(format!("{name}.key")), SslFiletype::PEM)
                .expect("its key");
        }
        let ssl = Ssl::new(&context.build()).expect("OpenSSL works");
        ssl.connect(stream)
            .map_err(|error| io::Error::other(format!("no TLS session with {self:?}: {error}")))
    }
}

/// What was negotiated, in OpenSSL's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsState {
    /// `SSLv3` to `TLSv1.3`.
    pub version: &'static str,
    /// The cipher's name.
    pub cipher: &'static str,
    /// What the cipher is made of: key exchange, authentication, encryption, and so on.
    pub description: String,
    /// The strength of its key.
    pub bits: i32,
}

impl TlsState {
    /// The state of a connection.
    pub fn of(stream: &SslStream<TcpStream>) -> Self {
        let ssl = stream.ssl();
        let cipher = ssl.current_cipher().expect("the handshake is over");
        Self {
            version: ssl.version_str(),
            cipher: cipher.name(),
            description: cipher.description(),
            bits: cipher.bits().secret,
        }
    }
}
