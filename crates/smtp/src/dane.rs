//! Certificates held against TLSA records (RFC 6698, RFC 7672), and against fingerprints.

use super::certificate::check;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A TLSA record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    /// What it is about: 2 whoever issued the certificate, 3 the certificate itself.
    pub usage: u8,
    /// What of it: 0 the certificate, 1 its key.
    pub selector: u8,
    /// In which form: 0 as it is, 1 its SHA-256, 2 its SHA-512.
    pub matching: u8,
    /// That.
    pub data: Vec<u8>,
}

impl Tlsa {
    /// Whether MTAs take it: those that lean on public authorities are not for SMTP (RFC 7672, section 3.1.3).
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.usage, 2 | 3) && self.selector <= 1 && self.matching <= 2
    }

    fn is_for(&self, certificate: &CertificateDer<'_>) -> bool {
        let part = match self.selector {
            0 => Some(certificate.to_vec()),
            1 => public_key(certificate),
            _ => None,
        };
        part.is_some_and(|part| match self.matching {
            0 => part == self.data,
            1 => Sha256::digest(&part).as_slice() == self.data,
            2 => Sha512::digest(&part).as_slice() == self.data,
            _ => false,
        })
    }
}

/// By which kind of record a chain is the one that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaneMatch {
    /// The server's own certificate: names and dates are of no matter.
    Own,
    /// Whoever issued it. It has to be for the server's name as well.
    Issuer,
}

/// Holds a chain, the server's own certificate first, against TLSA records; none: it is not the one that was
/// published. `second` is now, in seconds since 1970-01-01.
#[must_use]
pub fn dane(chain: &[CertificateDer<'_>], records: &[Tlsa], second: u64) -> Option<DaneMatch> {
    let (own, along) = chain.split_first()?;
    if records.iter().any(|record| record.usage == 3 && record.is_for(own)) {
        return Some(DaneMatch::Own);
    }
    let parsed = ParsedCertificate::try_from(own).ok()?;
    let is_anchor = |one: &&CertificateDer<'_>| {
        records.iter().any(|record| record.usage == 2 && record.is_for(one))
    };
    along.iter().filter(is_anchor).find_map(|anchor| {
        let mut roots = RootCertStore::empty();
        roots.add(anchor.clone().into_owned()).ok()?;
        check(&parsed, along, &roots, second).ok().map(|()| DaneMatch::Issuer)
    })
}

/// The digests of a certificate and of its public key, as Postfix writes fingerprints: SHA-256, SHA-384
/// and SHA-512 of each.
#[must_use]
pub fn fingerprints(certificate: &CertificateDer<'_>) -> Vec<String> {
    let parts = [Some(certificate.to_vec()), public_key(certificate)];
    let of = |part: Vec<u8>| {
        [
            hexadecimal(&Sha256::digest(&part)),
            hexadecimal(&Sha384::digest(&part)),
            hexadecimal(&Sha512::digest(&part)),
        ]
    };
    parts.into_iter().flatten().flat_map(of).collect()
}

fn hexadecimal(octets: &[u8]) -> String {
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    pairs.join(":")
}

fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(parsed.subject_public_key_info().to_vec())
}
