//! Certificates and keys, right and wrong.

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the server in the tests.
pub const NAME: &str = "mx.example.com";

/// A key.
pub fn key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).expect("OpenSSL works")).expect("a key")
}

/// What a certificate says of itself.
enum Extensions {
    None,
    Server,
    Issuer,
}

/// Who issues a certificate.
pub struct Issuer {
    name: String,
    key: PKey<Private>,
    pub certificate: X509,
}

impl Issuer {
    /// One that nobody stands behind.
    pub fn root(name: &str) -> Self {
        let key = key();
        let certificate = certificate(&key, name, None, None, [-1, 365], Extensions::Issuer);
        Self { name: name.into(), key, certificate }
    }

    /// One that this one stands behind.
    pub fn intermediate(&self, name: &str) -> Self {
        let key = key();
        let certificate = certificate(&key, name, None, Some(self), [-1, 365], Extensions::Issuer);
        Self { name: name.into(), key, certificate }
    }

    /// A server's, valid between these days from now.
    pub fn issue(&self, key: &PKey<Private>, name: &str, days: [i64; 2]) -> X509 {
        certificate(key, "server", Some(name), Some(self), days, Extensions::Server)
    }
}

/// One of version 1, which names no server and is read by few.
pub fn of_version_1(key: &PKey<Private>, days: [i64; 2]) -> X509 {
    certificate(key, NAME, None, None, days, Extensions::None)
}

/// A server's that has signed itself.
pub fn self_signed(key: &PKey<Private>, days: [i64; 2]) -> X509 {
    certificate(key, "server", Some(NAME), None, days, Extensions::Server)
}

fn name(common: &str) -> X509Name {
    let mut name = X509NameBuilder::new().expect("OpenSSL works");
    name.append_entry_by_text("CN", common).expect("a short name");
    name.build()
}

fn certificate(
    key: &PKey<Private>,
    subject: &str,
    server: Option<&str>,
    issuer: Option<&Issuer>,
    days: [i64; 2],
    extensions: Extensions,
) -> X509 {
    let mut builder = X509Builder::new().expect("OpenSSL works");
    let is_old = matches!(extensions, Extensions::None);
    builder.set_version(if is_old { 0 } else { 2 }).expect("version 1 or 3");
    let at = |day: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("now");
        let now = i64::try_from(now.as_secs()).expect("now");
        Asn1Time::from_unix(now + day * 86400).expect("a date")
    };
    builder.set_not_before(&at(days[0])).expect("a date");
    builder.set_not_after(&at(days[1])).expect("a date");
    builder.set_subject_name(&name(subject)).expect("a name");
    let issuer_name = issuer.map_or(subject, |issuer| &issuer.name);
    builder.set_issuer_name(&name(issuer_name)).expect("a name");
    builder.set_pubkey(key).expect("a key");
    let mut constraints = BasicConstraints::new();
    if matches!(extensions, Extensions::Issuer) {
        constraints.critical().ca();
    }
    if !is_old {
        builder.append_extension(constraints.build().expect("an extension")).expect("an extension");
    }
    if let Some(server) = server {
        let mut names = SubjectAlternativeName::new();
        let names = names.dns(server).build(&builder.x509v3_context(None, None));
        builder.append_extension(names.expect("an extension")).expect("an extension");
    }
    let signer = issuer.map_or(key, |issuer| &issuer.key);
    builder.sign(signer, MessageDigest::sha256()).expect("a key");
    builder.build()
}

/// Files in a directory of a test's own.
pub struct Files(pub PathBuf);

impl Files {
    fn write(&self, name: &str, octets: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, octets).expect("our own directory");
        path.to_str().expect("made from ASCII").into()
    }

    /// A file with certificates.
    pub fn certificates(&self, name: &str, certificates: &[&X509]) -> String {
        let pem: Vec<u8> =
            certificates.iter().flat_map(|one| one.to_pem().expect("a certificate")).collect();
        self.write(name, &pem)
    }

    /// A file with a key.
    pub fn key(&self, name: &str, key: &PKey<Private>) -> String {
        self.write(name, &key.private_key_to_pem_pkcs8().expect("a key"))
    }

    /// A file with a key that is locked.
    pub fn locked_key(&self, name: &str, key: &PKey<Private>) -> String {
        let pem = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret");
        self.write(name, &pem.expect("a key"))
    }

    /// A file with anything.
    pub fn text(&self, name: &str, text: &str) -> String {
        self.write(name, text.as_bytes())
    }

    /// A file that is not there.
    pub fn nowhere(&self, name: &str) -> String {
        let path: &Path = &self.0.join(name);
        path.to_str().expect("made from ASCII").into()
    }
}
