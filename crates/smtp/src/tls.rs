//! The handshake, with a TLS 1.2 or 1.3 of today. What the MTA presents is looked at afterwards: nothing
//! here depends on whether it is trusted.

use super::bounded::BoundedStream;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    PeerIncompatible, ProtocolVersion, SignatureScheme, StreamOwned, version,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io, sync::Arc};

/// A version that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaks {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
        })
    }
}

/// What came of a handshake.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The version, where it is one of these.
    pub version: Option<Speaks>,
    /// The cipher suite, in the words of IANA.
    pub suite: String,
    /// What the MTA presents: its own certificate, and those that it sends along.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether the MTA has shown that the certificate's key is its own, as far as that can be told.
    pub is_signed: bool,
}

/// Why there was none.
#[derive(Debug)]
pub enum HandshakeError {
    /// The MTA says no, and why.
    Alert(AlertDescription),
    /// It said nothing for too long.
    Late,
    /// The MTA wants a version that is not offered.
    Version,
    /// It hung up.
    Closed,
    /// Anything else.
    Other(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => {
                write!(f, "the server ends the handshake with the alert {alert:?}")
            }
            Self::Late => f.write_str("the server says nothing during the handshake"),
            Self::Version => f.write_str("the server wants another version"),
            Self::Closed => f.write_str("the server hangs up during the handshake"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Shakes hands on a connection. `name` is the server that is asked for (SNI).
pub(super) fn handshake(
    mut stream: BoundedStream,
    speaks: &[Speaks],
    name: Option<&str>,
) -> Result<(StreamOwned<ClientConnection, BoundedStream>, Handshake), HandshakeError> {
    let other = |error: Error| HandshakeError::Other(error.to_string());
    let provider = Arc::new(crypto::ring::default_provider());
    let witness =
        Arc::new(Witness { provider: Arc::clone(&provider), signed: AtomicBool::new(false) });
    let versions = speaks.iter().map(|version| match version {
        Speaks::V1_2 => &version::TLS12,
        Speaks::V1_3 => &version::TLS13,
    });
    let versions: Vec<_> = versions.collect();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    // A server without a name of its own is asked for none: addresses are not sent (RFC 6066, section 3).
    let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    let name = name
        .map_or_else(|| stream.peer_ip().map(ServerName::from), Ok)
        .map_err(|error| HandshakeError::Other(error.to_string()))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(why)?;
    }
    let suite = connection.negotiated_cipher_suite();
    let suite = suite.map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Some(Speaks::V1_2),
        Some(ProtocolVersion::TLSv1_3) => Some(Speaks::V1_3),
        _ => None,
    };
    let chain = connection.peer_certificates().unwrap_or_default();
    let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
    let is_signed = witness.signed.load(Ordering::Relaxed);
    // As IANA has it; rustls marks those of TLS 1.3.
    let suite = suite.replace("TLS13_", "TLS_");
    let handshake = Handshake { version, suite, chain, is_signed };
    Ok((StreamOwned::new(connection, stream), handshake))
}

fn why(error: io::Error) -> HandshakeError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match (inner, error.kind()) {
        (Some(Error::AlertReceived(alert)), _) => HandshakeError::Alert(*alert),
        (
            Some(Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )),
            _,
        ) => HandshakeError::Version,
        (Some(error), _) => HandshakeError::Other(error.to_string()),
        (
            None,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted,
        ) => HandshakeError::Closed,
        (None, io::ErrorKind::TimedOut) => HandshakeError::Late,
        (None, _) => HandshakeError::Other(error.to_string()),
    }
}

/// Lets every certificate pass, and sees whether its key is the server's.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    signed: AtomicBool,
}

impl Witness {
    fn saw(
        &self,
        verify: Verify,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let is_valid = verify(message, certificate, signature, algorithms).is_ok();
        // One of version 1 cannot be read, and so not be held against the signature.
        let is_read = ParsedCertificate::try_from(certificate).is_ok();
        self.signed.store(is_valid || !is_read, Ordering::Relaxed);
        Ok(HandshakeSignatureValid::assertion())
    }
}

/// How rustls looks at a signature: TLS 1.2 and 1.3 differ in it.
type Verify = fn(
    &[u8],
    &CertificateDer<'_>,
    &DigitallySignedStruct,
    &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error>;

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.saw(crypto::verify_tls12_signature, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.saw(crypto::verify_tls13_signature, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
