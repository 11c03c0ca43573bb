//! What an MTA presents: for how long it is valid, for whom, and whether senders can trace it to somebody
//! they trust.

use jiff::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::{SubjectAltName, name::GeneralName};
use x509_cert::time::Time;

/// Whether a certificate can be traced to somebody whom senders trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It can, with what is sent along.
    Public,
    /// It has signed itself.
    SelfSigned,
    /// The certificate of who issued it is not sent along.
    Incomplete,
    /// The chain ends at somebody whom this system does not know.
    Private,
    /// This system has no list of whom others trust.
    Unlisted,
    /// Something else is wrong.
    Other(String),
}

/// A certificate, as far as it matters to senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateView {
    /// The names that it is for; not more than a few hundred.
    pub names: Vec<String>,
    /// The common name of whom it was issued to: where there are no names, it stands for one.
    pub common_name: Option<String>,
    /// Whether the server's name is one of them.
    pub has_name: bool,
    /// From when it is valid, if that can be read.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub not_after: Option<Timestamp>,
    /// Who stands behind it.
    pub trust: Trust,
}

impl CertificateView {
    /// Looks at a chain: the server's own certificate first. `name` is the server's.
    ///
    /// # Errors
    ///
    /// What is wrong, where the certificate cannot be read.
    pub fn new(
        chain: &[CertificateDer<'_>],
        name: &str,
        roots: &RootCertStore,
        now: Timestamp,
    ) -> Result<Self, String> {
        let (own, along) = chain.split_first().ok_or("there is none")?;
        let read = |one: &CertificateDer<'_>| Certificate::from_der(one);
        let certificate = read(own).map_err(|error| error.to_string())?;
        let along_read: Vec<_> = along.iter().filter_map(|one| read(one).ok()).collect();
        let tbs = certificate.tbs_certificate();
        let (not_before, not_after) =
            (timestamp(tbs.validity().not_before), timestamp(tbs.validity().not_after));
        let parsed = ParsedCertificate::try_from(own);
        let server = ServerName::try_from(name).ok();
        let has_name = parsed.as_ref().is_ok_and(|parsed| {
            server.is_some_and(|server| verify_server_name(parsed, &server).is_ok())
        });
        // Whether it is valid today is another question than whose it is.
        let mut second = now.as_second();
        second = second.min(not_after.map_or(second, |time| time.as_second() - 1));
        second = second.max(not_before.map_or(second, |time| time.as_second() + 1));
        let at = u64::try_from(second).unwrap_or_default();
        let checked = match &parsed {
            Ok(parsed) => check(parsed, along, roots, at),
            Err(error) => Err(error.clone()),
        };
        let trust = match checked {
            Ok(()) => Trust::Public,
            Err(_) if tbs.issuer() == tbs.subject() => Trust::SelfSigned,
            Err(_) if roots.is_empty() => Trust::Unlisted,
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                who_is_missing(&certificate, &along_read)
            }
            // Where its own time is over, so may be that of who issued it.
            Err(Error::InvalidCertificate(
                CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYetContext { .. },
            )) if second != now.as_second() => who_is_missing(&certificate, &along_read),
            Err(error) => Trust::Other(error.to_string()),
        };
        let (names, common_name) = (names(&certificate), common_name(&certificate));
        Ok(Self { names, common_name, has_name, not_before, not_after, trust })
    }
}

/// The most names that are kept of a certificate.
const MOST_NAMES: usize = 200;

/// The names of servers that it is for.
fn names(certificate: &Certificate) -> Vec<String> {
    let found = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    let Ok(Some((_, SubjectAltName(names)))) = found else { return Vec::new() };
    let name = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        _ => None,
    };
    names.iter().filter_map(name).take(MOST_NAMES).collect()
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let name = certificate.tbs_certificate().subject().common_name().ok()??;
    Some(name.value().into_owned())
}

/// Whose certificates this system trusts; none where it has no list of them.
#[must_use]
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

pub(super) fn check(
    own: &ParsedCertificate<'_>,
    along: &[CertificateDer<'_>],
    roots: &RootCertStore,
    second: u64,
) -> Result<(), Error> {
    let time = UnixTime::since_unix_epoch(Duration::from_secs(second));
    let algorithms = default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(own, roots, along, time, algorithms)
}

/// Follows the chain from issuer to issuer, as far as certificates were sent along.
fn who_is_missing(own: &Certificate, along: &[Certificate]) -> Trust {
    let issuer = own.tbs_certificate().issuer();
    let is_along = along.iter().any(|one| one.tbs_certificate().subject() == issuer);
    if is_along { Trust::Private } else { Trust::Incomplete }
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.to_unix_duration().as_secs()).ok()?).ok()
}
