//! The key of a running milter, and the tokens made with it.

use config::files;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::{fmt, io, path::Path, path::PathBuf};

/// The length of a key, in octets.
const KEY: usize = 32;
/// What a token begins with.
const MARK: &[u8] = b"mtls-trial-";
/// How much of the hash a token carries, in octets: as the local part of an address it has room for 64
/// characters (RFC 5321, section 4.5.3.1.1).
const HASH: usize = 12;
/// How long a token holds, in seconds, and how far two clocks of one host may differ.
const HOLDS: u64 = 300;
/// The file, beside the status file.
const FILE: &str = "trial.key";

/// Which trial it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialId(u32);

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// By this the milter knows a trial of its own host.
#[derive(Clone, PartialEq, Eq)]
pub struct TrialKey([u8; KEY]);

/// It is nobody's business what it is.
impl fmt::Debug for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrialKey")
    }
}

impl TrialKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// When the system has no random octets.
    pub fn new() -> io::Result<Self> {
        let mut key = [0; KEY];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(Self(key))
    }

    /// Where the key of the milter with this status file lies.
    #[must_use]
    pub fn beside(status_file: &Path) -> PathBuf {
        status_file.with_file_name(FILE)
    }

    /// Reads the key of a running milter.
    ///
    /// # Errors
    ///
    /// Those of the system; [`io::ErrorKind::InvalidData`] where there is none in the file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let octets = files::read_limited(path)?;
        Ok(Self(octets.try_into().map_err(|_| io::ErrorKind::InvalidData)?))
    }

    /// Puts it where the milter's user and root alone can read it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        files::replace(path, &self.0, 0o600)
    }

    /// A token for one session.
    ///
    /// # Errors
    ///
    /// When the system has no random octets.
    pub fn token(&self, now: Timestamp) -> io::Result<(TrialId, String)> {
        let mut number = [0; 4];
        getrandom::fill(&mut number).map_err(io::Error::other)?;
        let id = TrialId(u32::from_be_bytes(number));
        let said = said(now, id);
        let mark = String::from_utf8_lossy(MARK);
        let hash = self.hash(&said).finalize().into_bytes();
        let hash: String = hash.iter().take(HASH).map(|octet| format!("{octet:02x}")).collect();
        Ok((id, format!("{mark}{said}{hash}")))
    }

    /// Whether the parameters of a MAIL hold a token made with this key, and of which trial it is.
    #[must_use]
    pub fn recognise(&self, mail: &[u8], now: Timestamp) -> Option<TrialId> {
        let at = memchr::memmem::find(mail, MARK)?;
        let token = mail.get(at + MARK.len()..)?;
        let (said, hash) = (token.get(..16)?, token.get(16..16 + 2 * HASH)?);
        let said = str::from_utf8(said).ok()?;
        let hash: Vec<u8> = hash.chunks(2).map(octet).collect::<Option<_>>()?;
        self.hash(said).verify_truncated_left(&hash).ok()?;
        let (time, id) = said.split_at_checked(8)?;
        let time = i64::from(u32::from_str_radix(time, 16).ok()?);
        let id = u32::from_str_radix(id, 16).ok()?;
        (time.abs_diff(now.as_second()) <= HOLDS).then_some(TrialId(id))
    }

    fn hash(&self, said: &str) -> Hmac<Sha256> {
        let hash = Hmac::<Sha256>::new_from_slice(&self.0);
        hash.expect("HMAC takes keys of any length").chain_update(said.as_bytes())
    }
}

/// What the hash stands for: 16 hexadecimal digits.
fn said(now: Timestamp, id: TrialId) -> String {
    // Until the year 2106.
    format!("{:08x}{id}", u32::try_from(now.as_second()).unwrap_or_default())
}

fn octet(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_known_wherever_it_stands_for_five_minutes_and_by_its_own_key_alone() {
        let (key, other) = (TrialKey::new().unwrap(), TrialKey::new().unwrap());
        let now = at(1_800_000_000);
        let (id, token) = key.token(now).unwrap();
        assert!(token.len() <= 64, "{token}");
        for mail in
            [format!("<>\0ENVID={token}\0"), format!("<{token}@mx.example>\0"), token.clone()]
        {
            assert_eq!(key.recognise(mail.as_bytes(), now), Some(id), "{mail}");
            assert_eq!(other.recognise(mail.as_bytes(), now), None);
        }
        for (second, known) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let then = at(now.as_second() + second);
            assert_eq!(key.recognise(token.as_bytes(), then).is_some(), known, "{second}");
        }
    }

    #[test]
    fn a_token_that_is_changed_or_cut_or_made_up_is_none() {
        let key = TrialKey::new().unwrap();
        let now = at(1_800_000_000);
        let (_, token) = key.token(now).unwrap();
        for cut in 0..token.len() {
            assert_eq!(key.recognise(&token.as_bytes()[..cut], now), None, "{cut}");
            let mut changed = token.clone().into_bytes();
            changed[cut] = if changed[cut] == b'0' { b'1' } else { b'0' };
            assert_eq!(key.recognise(&changed, now), None, "{cut}");
        }
        for made_up in ["", "mtls-trial-", "<user@example.com>", "mtls-trial-\u{e9}\u{e9}\u{e9}"] {
            let padded = format!("{made_up}{}", "\u{e9}".repeat(40));
            assert_eq!(key.recognise(made_up.as_bytes(), now), None);
            assert_eq!(key.recognise(padded.as_bytes(), now), None);
        }
    }

    #[test]
    fn the_key_lies_in_a_file_that_nobody_else_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = TrialKey::beside(&directory.path().join("status.json"));
        let key = TrialKey::new().unwrap();
        key.write(&path).unwrap();
        assert_eq!(TrialKey::read(&path).unwrap(), key);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert_eq!(TrialKey::read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(!format!("{key:?}").contains(|c: char| c.is_ascii_digit()));
    }
}
