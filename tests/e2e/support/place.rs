//! Where tests find what they run, and how long they wait. The browser tests of the portal, which have a
//! Postfix before them as well, include this file and those of the MTA's process.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it needs, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until there is an answer: for the state of another process that reports no event.
pub fn wait_until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    wait_until_or(|| what.to_owned(), ask)
}

/// The same, where what there is instead is told.
pub fn wait_until_or<T>(what: impl FnOnce() -> String, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The top of the sources, also for a package that lies deeper.
fn top() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|top| top.join("tests/mta").is_dir()).expect("it is in the sources")
}

/// What `tests/install` made.
pub fn cache() -> PathBuf {
    let cache = std::env::var_os("MANDATORY_TLS_TEST_CACHE")
        .map_or_else(|| top().join("target/test-mta"), PathBuf::from);
    assert!(
        cache.join("postfix/smtpd").exists(),
        "{} is not complete: run the tests with tests/run, or tests/install first",
        cache.display()
    );
    cache
}

/// A script of `tests/mta`.
pub fn script(name: &str) -> PathBuf {
    top().join("tests/mta").join(name)
}

/// A new directory that the MTA's users can enter.
pub fn open_directory(prefix: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .prefix(&format!("mandatory-tls-{prefix}-"))
        .disable_cleanup(std::env::var_os("MANDATORY_TLS_TEST_KEEP").is_some())
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("a temporary directory")
}
