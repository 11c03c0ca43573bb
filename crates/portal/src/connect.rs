//! Tests of connections, run: few at once, one of a domain, some an hour for an organisation. Each has a thread of its
//! own, since it waits for DNS and for others' servers, and no other request waits for it.

use crate::app::{App, now};
use crate::auth::throttle::CONNECTION;
use crate::connection;
use crate::ops::OpError;
use crate::ops::domains::{self, ChangeableDomain, Tested};
use crate::ops::insight;
use std::sync::Arc;
use std::thread;
use tokio::sync::oneshot;

impl App {
    /// Tests the connection to a domain's own server, and keeps what was found. It goes on where the asker has left.
    ///
    /// # Errors
    ///
    /// [`OpError::Denied`]; [`OpError::Throttled`]; [`OpError::Busy`] where this domain, or too many others, are
    /// being tested; [`OpError::Unavailable`] where the policy cannot be read.
    pub async fn test_connection(&self, domain: ChangeableDomain) -> Result<Tested, OpError> {
        let of = domain.clone();
        let record = self
            .read(move |transaction| {
                domains::may_test(transaction, &of)?;
                domains::get(transaction, of.domain())
            })
            .await?;
        let under_test = self.tests().begin(&record.domain).await?;
        let of = record.clone();
        let test = self
            .look_long(domain.domain().actor(), move |gateway| insight::to_test(gateway, &of))
            .await?;
        let key = format!("connection {}", record.organisation);
        self.throttle().take(&key, CONNECTION, now()).map_err(OpError::Throttled)?;
        let (done, found) = oneshot::channel();
        let store = Arc::clone(self.store());
        let run = move || {
            let findings =
                connection::run(&test, &connection::Dns::of_system(), smtp::roots(), now());
            let kept = store.write(|transaction| {
                domains::keep_test(transaction, &domain, &record.entry, &findings, now())
            });
            drop(under_test);
            // Nobody may wait for it any more.
            let _ = done.send(kept);
        };
        let started = thread::Builder::new().name("connection".into()).spawn(run);
        let failed = |what: &dyn std::fmt::Display| {
            tracing::error!("a test of a connection could not be run: {what}");
            OpError::Unavailable("the test could not be run; the log of the portal says why".into())
        };
        started.map_err(|error| failed(&error))?;
        found.await.unwrap_or_else(|error| Err(failed(&error)))
    }
}
