//! How much of a client is stored: the privacy of those who send.

use config::{ClientDetail, files};
use hmac::{Hmac, KeyInit, Mac};
use ipnet::IpNet;
use sha2::Sha256;
use std::{
    fs,
    io::{self, Read, Write},
    net::IpAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};
use tempfile::PersistError;

/// Octets of the key.
const KEY: usize = 32;
/// Octets of a hash that are kept: enough that no two clients share one.
const HASH: usize = 8;

/// How clients are written into the ledger.
#[derive(Clone, Debug)]
pub enum Clients {
    /// Address and name.
    Full,
    /// The network.
    Network,
    /// A hash with this key.
    Hashed(Box<[u8; KEY]>),
}

impl Clients {
    /// What the settings ask for. The key of the hash lies at `key`; it is made if it is not there.
    ///
    /// # Errors
    ///
    /// When there is no key and none can be written.
    pub fn new(detail: ClientDetail, key: &Path) -> io::Result<Self> {
        match detail {
            ClientDetail::Full => Ok(Self::Full),
            ClientDetail::Network => Ok(Self::Network),
            ClientDetail::Hashed => key_at(key).map(Self::Hashed),
        }
    }

    /// An address as it is stored.
    #[must_use]
    pub fn shown(&self, address: IpAddr) -> String {
        match self {
            Self::Full => address.to_string(),
            Self::Network => {
                let length = if address.is_ipv4() { 24 } else { 48 };
                IpNet::new_assert(address, length).trunc().to_string()
            }
            Self::Hashed(key) => hash(key, address),
        }
    }

    /// Whether names of clients, and those in their certificates, are stored: they often spell out
    /// the address.
    #[must_use]
    pub fn are_named(&self) -> bool {
        matches!(self, Self::Full)
    }
}

fn hash(key: &[u8; KEY], address: IpAddr) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(address.to_string().as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().take(HASH).map(|octet| format!("{octet:02x}")).collect();
    format!("hash:{hex}")
}

/// The key at `path`, which is made if it is not there.
fn key_at(path: &Path) -> io::Result<Box<[u8; KEY]>> {
    let found = read_key(path);
    let missing = matches!(&found, Err(error) if error.kind() == io::ErrorKind::NotFound);
    let key = if missing { make_key(path).and_then(|()| read_key(path)) } else { found };
    key.map_err(|error| named(path, &error))
}

/// The key in a file. Root reads it, too, in a directory of the milter's user: what lies there may be a FIFO, or a
/// link to a file that is not a key.
fn read_key(path: &Path) -> io::Result<Box<[u8; KEY]>> {
    let place = files::place_of_regular(path)?;
    let mut file = fs::File::options().read(true).custom_flags(files::WITHOUT_LINK).open(place)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
    }
    let mut key = Box::new([0; KEY]);
    file.read_exact(&mut *key)?;
    // Whoever follows the log has another user, and the milter's group. The file may be somebody else's.
    let _ = file.set_permissions(fs::Permissions::from_mode(0o640));
    Ok(key)
}

/// Puts a key at `path`, whole or not at all: half a key would be another key after the next
/// start. If two processes do this at the same time, the first one has made the key of both.
fn make_key(path: &Path) -> io::Result<()> {
    let mut key = [0; KEY];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    // Nobody else may read it as yet: tempfile makes files so.
    let mut file = tempfile::Builder::new()
        .prefix("ledger.new-")
        .tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(PersistError { error, .. }) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error)
        }
        _ => Ok(()),
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the key {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "192.0.2.77";

    #[test]
    fn a_client_is_stored_as_the_settings_have_it() {
        let address = CLIENT.parse().unwrap();
        assert_eq!(Clients::Full.shown(address), CLIENT);
        assert_eq!(Clients::Network.shown(address), "192.0.2.0/24");
        let six = "2001:db8:1:2:3::4".parse().unwrap();
        assert_eq!(Clients::Network.shown(six), "2001:db8:1::/48");
        assert!(Clients::Full.are_named() && !Clients::Network.are_named());
    }

    #[test]
    fn a_hash_is_the_same_with_the_same_key_and_says_nothing_without_it() {
        let directory = tempfile::tempdir().unwrap();
        let clients =
            |name: &str| Clients::new(ClientDetail::Hashed, &directory.path().join(name)).unwrap();
        let address = CLIENT.parse().unwrap();
        let hash = clients("a").shown(address);
        assert_eq!(clients("a").shown(address), hash);
        assert_ne!(clients("b").shown(address), hash);
        assert!(hash.starts_with("hash:") && hash.len() == 21 && !clients("a").are_named());
        let mode = fs::metadata(directory.path().join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn all_who_make_the_key_at_once_have_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let barrier = std::sync::Barrier::new(16);
        let hash = || {
            barrier.wait();
            let clients = Clients::new(ClientDetail::Hashed, &path).unwrap();
            clients.shown(CLIENT.parse().unwrap())
        };
        let hashes: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(hash)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(hashes.len(), 1, "{hashes:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_is_there_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        make_key(&path).unwrap();
        let key = read_key(&path).unwrap();
        make_key(&path).unwrap();
        assert_eq!(read_key(&path).unwrap(), key);
    }

    #[test]
    fn a_fifo_in_the_place_of_the_key_keeps_nobody_waiting_and_what_it_is_not_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status();
        assert!(made.unwrap().success());
        // Held open, so that whoever opens it is not kept waiting, but reads nothing.
        let held = fs::File::options().read(true).write(true).open(&path).unwrap();
        assert_eq!(
            Clients::new(ClientDetail::Hashed, &path).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(held.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        drop(held);
        assert!(Clients::new(ClientDetail::Hashed, &path).is_err());
    }

    #[test]
    fn half_a_key_is_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "short").unwrap();
        assert!(Clients::new(ClientDetail::Hashed, &path).is_err());
    }
}
