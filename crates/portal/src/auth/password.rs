//! Passwords: argon2id. To check one takes memory and time on purpose, so it is done by few at once
//! (see [`crate::App::is_password`]) and never on a thread that serves others.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::sync::LazyLock;

/// The least length, in characters. Longer is better than odd: there is no other rule (NIST SP
/// 800-63B, section 3.1.1.2).
pub const SHORTEST: usize = 12;
/// The greatest length, in octets.
pub const LONGEST: usize = 1024;

/// 19 MiB, two passes, one lane (OWASP's password storage recommendations for argon2id).
fn argon2() -> Argon2<'static> {
    let parameters = Params::new(19 * 1024, 2, 1, None).expect("the parameters are within bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
}

/// What is compared with where there is no account: so it takes as long as where there is one.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash("nobody has this password").unwrap_or_default());

/// Why a password cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Less than [`SHORTEST`] characters.
    #[error("a password has at least {SHORTEST} characters")]
    Short,
    /// More than [`LONGEST`] octets.
    #[error("a password has at most {LONGEST} octets")]
    Long,
    /// One character over and over, or the login.
    #[error("this password would be tried first")]
    Simple,
}

/// Checks a password that somebody chooses.
///
/// # Errors
///
/// [`PasswordError`].
pub fn check(password: &str, login: &str) -> Result<(), PasswordError> {
    if password.chars().count() < SHORTEST {
        return Err(PasswordError::Short);
    }
    if password.len() > LONGEST {
        return Err(PasswordError::Long);
    }
    let first = password.chars().next();
    let plain = password.to_lowercase();
    if password.chars().all(|c| Some(c) == first)
        || plain == login
        || plain.starts_with("password1234")
    {
        return Err(PasswordError::Simple);
    }
    Ok(())
}

/// Hashes a password; the result is a PHC string with its salt.
///
/// # Errors
///
/// Where there is no memory for it.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(argon2().hash_password(password.as_bytes())?.to_string())
}

/// Whether a password is the one that was hashed. Without a hash it takes as long, and is not.
#[must_use]
pub fn is(password: &str, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    let hash = PasswordHash::new(hash.unwrap_or(&NOBODY));
    let right = hash.is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok());
    known && right && password.len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_alone() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(is("correct horse battery", Some(&hashed)));
        assert!(!is("correct horse batterY", Some(&hashed)));
        assert!(!is("", Some(&hashed)));
        assert!(!is("correct horse battery", Some("")));
        assert!(!is("nobody has this password", None));
        assert_ne!(hash("correct horse battery").unwrap(), hashed);
    }

    #[test]
    fn passwords_that_are_tried_first_are_refused() {
        let login = "anna@example.org";
        for (password, result) in [
            ("short", Err(PasswordError::Short)),
            ("elevenchars", Err(PasswordError::Short)),
            ("twelve chars", Ok(())),
            ("äöüäöüäöüäöü", Ok(())),
            ("aaaaaaaaaaaaaa", Err(PasswordError::Simple)),
            ("Anna@example.org", Err(PasswordError::Simple)),
            ("Password123456", Err(PasswordError::Simple)),
        ] {
            assert_eq!(check(password, login), result, "{password}");
        }
        assert_eq!(check(&"ab".repeat(600), login), Err(PasswordError::Long));
    }
}
