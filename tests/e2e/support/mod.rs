//! What the tests stand on: private MTAs, the milter's process, an SMTP client that speaks every
//! protocol from SSL 3 to TLS 1.3, and a place where delivered mail arrives.
//!
//! Nothing here outlives the test: each MTA lives in a PID namespace that ends with its standard
//! input, the milter gets a signal when its parent dies, and directories go with their owner.

mod disk;
mod lines;
mod milter;
mod mta;
mod ports;
mod postfix;
mod resolver;
mod sendmail;
mod sink;
mod smtp;
mod tls;
mod wire;

pub use disk::Disk;
pub use lines::Lines;
pub use milter::{Milter, MilterOptions, field};
pub use postfix::{Postfix, PostfixOptions, Service};
pub use resolver::{Resolver, Zone};
pub use sendmail::{Sendmail, SendmailOptions};
pub use sink::Sink;
pub use smtp::{Reply, SmtpClient};
pub use tls::{Tls, TlsState};
pub use wire::Wire;

use std::path::PathBuf;
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

/// What `tests/install` made.
pub fn cache() -> PathBuf {
    let cache = std::env::var_os("MANDATORY_TLS_TEST_CACHE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-mta"),
        PathBuf::from,
    );
    assert!(
        cache.join("postfix/smtpd").exists(),
        "{} is not complete: run the tests with tests/run, or tests/install first",
        cache.display()
    );
    cache
}

/// A script of `tests/mta`.
fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mta").join(name)
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
