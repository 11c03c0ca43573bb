//! Codes of authenticator apps (RFC 6238): six digits, 30 seconds, SHA-1, which is what all apps have.

use crate::secret;
use jiff::Timestamp;
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// A new secret: 160 random bits, in Base32 as apps take it.
#[must_use]
pub fn new_secret() -> String {
    Secret::from(secret::random::<20>().to_vec()).to_base32()
}

fn totp(secret: &str, login: &str, issuer: &str) -> Option<Totp> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(Secret::try_from_base32(secret).ok()?)
        // A colon would end the issuer.
        .with_account_name(login.replace(':', "-"))
        .with_issuer(Some(issuer.replace(':', "-")))
        .build()
        .ok()
}

/// The time step whose code this is: the present one, the one before or the next; none: it is wrong.
#[must_use]
pub fn step_of(secret: &str, code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let step = totp(secret, "-", "-")?.check(&code, u64::try_from(now.as_second()).ok()?)?;
    i64::try_from(step).ok()
}

/// The code of a time, as an app would show it.
#[must_use]
pub fn code_at(secret: &str, now: Timestamp) -> Option<String> {
    Some(totp(secret, "-", "-")?.generate(u64::try_from(now.as_second()).ok()?).to_string())
}

/// A picture (PNG) by which an app takes the secret.
#[must_use]
pub fn picture(secret: &str, login: &str, issuer: &str) -> Option<Vec<u8>> {
    totp(secret, login, issuer)?.to_qr_png().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, cut down to six digits.
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_second(second).unwrap();
            assert_eq!(code_at(secret, now).as_deref(), Some(code));
            assert_eq!(step_of(secret, code, now), Some(second / 30));
            let (first, last) = code.split_at(3);
            let spaced = format!(" {first} {last} ");
            assert_eq!(step_of(secret, &spaced, now), Some(second / 30));
            for wrong in ["", "000000", "28708", "2870822", "28708a", "٢٨٧٠٨٢"] {
                assert_eq!(step_of(secret, wrong, now), None, "{wrong}");
            }
        }
    }

    #[test]
    fn a_code_counts_in_its_step_and_the_two_beside_it() {
        let secret = new_secret();
        assert_eq!(secret.len(), 32);
        let at = |second| Timestamp::from_second(second).unwrap();
        let code = code_at(&secret, at(3000)).unwrap();
        for (second, counts) in
            [(2940, false), (2970, true), (3029, true), (3059, true), (3060, false)]
        {
            assert_eq!(step_of(&secret, &code, at(second)).is_some(), counts, "{second}");
        }
        assert!(
            picture(&secret, "a:b@example.org", "Example: Mail").unwrap().starts_with(b"\x89PNG")
        );
    }
}
