//! Which domains' connections are being tested: few at once, and each by one test.

use crate::connection;
use crate::ops::OpError;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Tests at the same time, of all.
const AT_ONCE: usize = 2;
/// How long somebody waits for a turn, in seconds.
const PATIENCE: u64 = 8;

/// Who is being tested.
#[derive(Debug)]
pub(crate) struct Tests {
    turns: Arc<Semaphore>,
    domains: Arc<Mutex<HashSet<String>>>,
}

impl Default for Tests {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), domains: Arc::default() }
    }
}

/// A domain that is being tested: no other test of it begins as long as this is there.
#[derive(Debug)]
pub(crate) struct UnderTest {
    domain: String,
    all: Arc<Mutex<HashSet<String>>>,
    _turn: OwnedSemaphorePermit,
}

impl Drop for UnderTest {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.domain);
    }
}

impl Tests {
    /// Waits for a turn, and begins the test of a domain.
    ///
    /// # Errors
    ///
    /// [`OpError::Busy`] where it takes too long, or this domain is being tested.
    pub async fn begin(&self, domain: &str) -> Result<UnderTest, OpError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = match timeout(Duration::from_secs(PATIENCE), turn).await {
            Ok(Ok(turn)) => turn,
            _ => return Err(OpError::Busy(PATIENCE)),
        };
        let all = Arc::clone(&self.domains);
        if !all.lock().unwrap_or_else(PoisonError::into_inner).insert(domain.to_owned()) {
            return Err(OpError::Busy(connection::LONGEST.as_secs()));
        }
        Ok(UnderTest { domain: domain.to_owned(), all, _turn: turn })
    }
}
