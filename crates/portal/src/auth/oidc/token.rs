//! Whether an ID token is believed (OpenID Connect Core 1.0, section 3.1.3.7): signed by a key of the
//! provider's, for this portal, now, in answer to this attempt.
//!
//! jsonwebtoken reads tokens and keys and compares issuer, audience and times; ring, which is here for TLS,
//! checks the signatures.

use super::Told;
use jiff::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation, decode, decode_header};
use ring::error::Unspecified;
use ring::signature as by_ring;
use serde::Deserialize;
use serde_json::Value;

/// How far the clocks of the provider and of this machine may be apart, in seconds.
const SKEW: i64 = 60;
/// How old a token may be, in seconds: it was made when the code was exchanged for it.
const OLDEST: i64 = 600;
/// The greatest length of a subject (Core, section 2).
const LONGEST_SUBJECT: usize = 255;

/// What a token must say.
pub(super) struct Expected<'e> {
    pub issuer: &'e str,
    pub client_id: &'e str,
    pub nonce: &'e str,
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// None of these keys has signed it.
    #[error("the ID token is signed by none of the provider's keys")]
    UnknownKey,
    /// It cannot be read, or something in it is wrong.
    #[error("the ID token is not valid: {0}")]
    Invalid(Error),
    /// It says something else than it should.
    #[error("the ID token {0}")]
    Wrong(&'static str),
}

#[derive(Deserialize)]
struct Claims {
    // One text: a list of issuers is none.
    #[serde(rename = "iss")]
    _iss: String,
    sub: String,
    aud: Value,
    azp: Option<String>,
    nonce: Option<String>,
    iat: f64,
    auth_time: Option<f64>,
}

/// Checks a token.
pub(super) fn check(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Told, Refused> {
    // It can be installed once; then it is there.
    let _ = RING.install_default();
    let header = decode_header(token).map_err(Refused::Invalid)?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
        return Err(Refused::Wrong("is signed neither with RS256 nor with ES256"));
    }
    let mut validation = Validation::new(header.alg);
    validation.leeway = SKEW.unsigned_abs();
    validation.validate_nbf = true;
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let is_meant = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    for key in keys.iter().filter(is_meant).filter(|key| is_for(key, header.alg)) {
        let key = DecodingKey::from_jwk(key).map_err(Refused::Invalid)?;
        match decode::<Claims>(token, &key, &validation) {
            Ok(token) => return told(token.claims, expected),
            Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
            Err(error) => return Err(Refused::Invalid(error)),
        }
    }
    Err(Refused::UnknownKey)
}

/// What a token tells whose signature, issuer, audience and end are right.
fn told(claims: Claims, expected: &Expected<'_>) -> Result<Told, Refused> {
    let now = Timestamp::now().as_second();
    let is_for_others = claims.aud.as_array().is_some_and(|all| all.len() > 1);
    let azp = claims.azp.as_deref();
    let issued = seconds(claims.iat);
    let is_odd = |subject: &str| {
        subject.is_empty()
            || subject.chars().count() > LONGEST_SUBJECT
            || subject.chars().any(char::is_control)
    };
    let wrong = match () {
        () if azp.map_or(is_for_others, |azp| azp != expected.client_id) => "was given to another",
        () if claims.nonce.as_deref() != Some(expected.nonce) => "answers another attempt",
        () if issued > now + SKEW => "is from the future: one of the clocks is wrong",
        () if issued < now - OLDEST => "is too old: one of the clocks is wrong",
        () if is_odd(&claims.sub) => "has no subject that can be kept",
        () => {
            let authenticated = claims.auth_time.map(seconds).map(Timestamp::from_second);
            let authenticated = authenticated.and_then(Result::ok);
            return Ok(Told { subject: claims.sub, authenticated });
        }
    };
    Err(Refused::Wrong(wrong))
}

/// A NumericDate (RFC 7519, section 2) in whole seconds.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit is far in past or future")]
fn seconds(date: f64) -> i64 {
    date as i64
}

/// Whether a key is one to check signatures of this kind with.
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_of_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            key.curve == EllipticCurve::P256
        }
        _ => false,
    };
    let named = key.common.key_algorithm;
    let usage = key.common.public_key_use.as_ref();
    is_of_kind
        && usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && named.is_none_or(|named| named.to_string() == format!("{algorithm:?}"))
}

/// Checks signatures, and makes none.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::RS256 | Algorithm::ES256 => {
            Ok(Box::new(Signed { algorithm: *algorithm, key: key.clone() }))
        }
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Signed {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for Signed {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let right = match (self.algorithm, self.key.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = by_ring::RsaPublicKeyComponents { n, e };
                key.verify(&by_ring::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                let key = by_ring::UnparsedPublicKey::new(&by_ring::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature)
            }
            _ => Err(Unspecified),
        };
        right.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Signed {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
