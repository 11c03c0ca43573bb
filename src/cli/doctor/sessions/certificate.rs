//! What the MTA presents, and the files that it is to take it from.

use super::{FindingId, Seen};
use crate::postfix::Parameters;
use crate::wording::age;
use jiff::Timestamp;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use smtp::{CertificateView, Trust};
use std::{fs, io, path::Path};

/// How long before its end a certificate is worth a warning, in seconds: those of Let's Encrypt are renewed
/// 30 days before.
const SOON: i64 = 14 * 86400;
/// What is said of a file that this user may not read.
pub(super) const UNSEEN: &str = "cannot be looked at by this user";
/// How many of a certificate's names are said.
const NAMES: usize = 5;
/// Whom a flaw in the certificate concerns.
const WHO_CARES: &str = "mail from those who check (MTA-STS, DANE, partners) does not come in; most servers do not check";

/// Adds what is wrong with a certificate.
pub(super) fn words(view: &CertificateView, is_signed: bool, name: &str, seen: &mut Vec<Seen>) {
    let now = Timestamp::now();
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    match (view.not_before, view.not_after) {
        (_, Some(end)) if end < now => seen.push(Seen::warning(
            FindingId::CertificateExpired,
            format!("its certificate expired on {}, {} ago: {WHO_CARES}", day(end), age(end, now)),
            "renew it, and reload the MTA, which reads it only then",
        )),
        (Some(begin), _) if begin > now => seen.push(Seen::warning(
            FindingId::CertificateNotYetValid,
            format!("its certificate is valid only from {} on: {WHO_CARES}", day(begin)),
            "is this host's clock right? Else put the one of before back until then",
        )),
        (_, Some(end)) if end.as_second() - now.as_second() < SOON => seen.push(Seen::warning(
            FindingId::CertificateExpiresSoon,
            format!("its certificate expires on {}", day(end)),
            "see to its renewal; the MTA must be reloaded after it",
        )),
        _ => {}
    }
    // Nobody can check a name that the certificate gives itself.
    if !view.has_name && view.trust != Trust::SelfSigned {
        let names = match view.names.as_slice() {
            [] => "it names no server".to_owned(),
            names => {
                let first: Vec<&str> = names.iter().take(NAMES).map(String::as_str).collect();
                format!("it is for {}", first.join(", "))
            }
        };
        seen.push(Seen::warning(
            FindingId::CertificateOtherName,
            format!("its certificate is not for {name}, the name of this server: {names}; {WHO_CARES}"),
            "myhostname, the MX record and a name in the certificate (subjectAltName) are to be the same",
        ));
    }
    seen.extend(trust(&view.trust));
    if !is_signed {
        seen.push(Seen::warning(
            FindingId::CertificateKeyUnproven,
            "it does not show that the certificate's key is its own, or the key is one that careful senders do \
             not take any more",
            "a key of RSA with 2048 bits or more, or ECDSA on P-256; that of the certificate",
        ));
    }
}

fn trust(trust: &Trust) -> Option<Seen> {
    Some(match trust {
        Trust::Public => return None,
        Trust::SelfSigned => Seen::note(
            FindingId::CertificateNotPublic,
            "its certificate has signed itself: enough to encrypt; those who check do not take it",
        ),
        Trust::Private => Seen::note(
            FindingId::CertificateNotPublic,
            "its certificate comes from somebody whom this system does not know: enough to encrypt; those who \
             check do not take it",
        ),
        Trust::Unlisted => Seen::note(
            FindingId::CertificateNotPublic,
            "whether others trust its certificate cannot be told: this system has no list of issuers \
             (ca-certificates)",
        ),
        Trust::Incomplete => Seen::warning(
            FindingId::CertificateChainIncomplete,
            format!(
                "the certificate of who issued its certificate is not sent along: the chain is incomplete, and \
                 {WHO_CARES}"
            ),
            "put the intermediate certificates into the file, after the server's own (certbot: fullchain.pem)",
        ),
        Trust::Other(why) => Seen::warning(
            FindingId::CertificateNotPublic,
            format!("its certificate would not be taken by those who check: {why}"),
            "have a certificate for servers, from somebody whom others trust",
        ),
    })
}

/// A certificate that makes no sense.
pub(super) fn unreadable(why: &str) -> Seen {
    Seen::warning(
        FindingId::CertificateUnreadable,
        format!("what it presents as its certificate cannot be read ({why}): {WHO_CARES}"),
        "have a certificate of X.509 version 3, as all issuers make them",
    )
}

/// What is wrong with the files that hold an smtpd's certificates and keys.
pub(super) fn causes(parameters: &Parameters) -> Vec<String> {
    let chains: Vec<&str> = parameters.list("smtpd_tls_chain_files").collect();
    if !chains.is_empty() {
        return chains.into_iter().filter_map(|file| pair(file, file)).collect();
    }
    let pairs = [
        ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
        ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
        ("smtpd_tls_dcert_file", "smtpd_tls_dkey_file"),
    ];
    if pairs.iter().all(|(certificate, _)| parameters.get(certificate).is_empty()) {
        return vec!["no certificate is named (smtpd_tls_chain_files)".into()];
    }
    pairs
        .into_iter()
        .filter_map(|(certificate, key)| {
            let (certificate, key) = (parameters.get(certificate), parameters.get(key));
            // A key of its own is by default where the certificate is; `none`: no certificate is wanted.
            if certificate.is_empty() || certificate == "none" {
                return None;
            }
            pair(certificate, if key.is_empty() { certificate } else { key })
        })
        .collect()
}

/// What is wrong with a certificate and its key.
fn pair(certificate: &str, key: &str) -> Option<String> {
    let found = match certificates(Path::new(certificate)) {
        Ok(found) => found,
        Err(why) => return Some(format!("{certificate}: {why}")),
    };
    let private = match fs::read(key) {
        Ok(octets) => PrivateKeyDer::from_pem_slice(&octets).map_err(|error| (octets, error)),
        // Only root may, as a rule.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Some(format!("{key}: {UNSEEN}"));
        }
        Err(error) => return Some(format!("{key}: {}", missing(Path::new(key), &error))),
    };
    let private = match private {
        Ok(private) => private,
        Err((octets, error)) => return Some(format!("{key}: {}", no_key(&octets, &error))),
    };
    let Ok(signing) = any_supported_type(&private) else {
        return Some(format!(
            "{key}: holds a key of a kind that cannot be looked at here, or a damaged one"
        ));
    };
    match CertifiedKey::new(found, signing).keys_match() {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Some(format!("{key}: its key is not that of the certificate in {certificate}"))
        }
        Err(Error::InconsistentKeys(_)) | Ok(()) => None,
        Err(error) => Some(format!("{certificate}: {error}")),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let octets = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => UNSEEN.to_owned(),
        _ => missing(path, &error),
    })?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    match all {
        Ok(all) if all.is_empty() => Err("holds no certificate (PEM)".into()),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("holds no certificate that can be read: {error}")),
    }
}

fn missing(path: &Path, error: &io::Error) -> String {
    match fs::read_link(path) {
        Ok(target) if error.kind() == io::ErrorKind::NotFound => {
            format!("leads to {}, which is not there", target.display())
        }
        _ if error.kind() == io::ErrorKind::NotFound => "is not there".into(),
        _ => error.to_string(),
    }
}

fn no_key(octets: &[u8], error: &PemError) -> String {
    let is_locked = memchr::memmem::find(octets, b"ENCRYPTED").is_some();
    match error {
        _ if is_locked => {
            "its key is locked with a passphrase, which nobody can give the MTA".into()
        }
        PemError::NoItemsFound => "holds no private key (PEM)".into(),
        error => format!("holds no private key that can be read: {error}"),
    }
}
