//! Who waits for whom where something takes long.

use crate::engines::Engine;
use crate::support::Portal;
use portal::ops::OpError;
use std::time::Duration;
use tokio::time::timeout;

/// Time stands still, and goes on where all wait.
#[test]
fn an_account_that_asks_for_much_at_once_waits_for_itself_and_no_two_hold_up_all() {
    let portal = Portal::new(Engine::Sqlite);
    let app = portal.app();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (a, b, c) = (&portal.a.administrator, &portal.b.administrator, &portal.a.reader);
        let first = app.turn(a).await.unwrap();
        let waiting: Vec<_> = (0..16)
            .map(|_| {
                let (app, a) = (app.clone(), a.clone());
                tokio::spawn(async move { app.turn(&a).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        // They wait behind their own, and have taken no place of another's.
        let second = timeout(Duration::from_millis(1), app.turn(b)).await.unwrap().unwrap();
        assert!(matches!(app.turn(c).await, Err(OpError::Busy(10))));
        for one in waiting {
            assert!(matches!(one.await.unwrap(), Err(OpError::Busy(10))));
        }
        drop(second);
        let third = app.turn(c).await.unwrap();
        drop((first, third));
        app.turn(a).await.unwrap();
    });
}
