//! What all requests share.

#[cfg(feature = "oidc")]
use crate::auth::oidc::Provider;
use crate::auth::{password, throttle::Throttle};
use crate::ops::accounts::Ways;
use crate::ops::insight::Gateway;
use crate::ops::{Actor, OpError};
use crate::secret::Secret;
use crate::store::{Store, Transaction};
use crate::under_test::Tests;
use config::settings::PortalSettings;
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Passwords that are checked at the same time: each takes 19 MiB.
const HASHING: usize = 2;

/// Long look-ups at the same time, of all accounts: each takes a processor, and the memory of a policy.
/// With [`HASHING`] they leave half of the threads to everybody else, and to the file's writer.
const LONG: usize = 2;
/// How long somebody waits for such a turn, in seconds.
const PATIENCE: u64 = 10;

/// Questions to OpenID providers at the same time: each waits for the network.
#[cfg(feature = "oidc")]
const ASKING: usize = 2;

/// The turn of an account for something long: no other request of it has one.
#[derive(Debug)]
pub struct Turn {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// What all requests share. A copy of it is another handle to the same.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: PortalSettings,
    store: Arc<Store>,
    gateway: Arc<Gateway>,
    throttle: Throttle,
    hashing: Arc<Semaphore>,
    long: Arc<Semaphore>,
    /// By account.
    long_of: Mutex<HashMap<String, Arc<Semaphore>>>,
    changed: Notify,
    #[cfg(feature = "oidc")]
    providers: Vec<Provider>,
    #[cfg(feature = "oidc")]
    asking: Semaphore,
    tests: Tests,
}

impl App {
    /// The portal over this database, beside this gateway.
    #[must_use]
    pub fn new(settings: PortalSettings, store: Arc<Store>, gateway: Arc<Gateway>) -> Self {
        Self(Arc::new(Inner {
            #[cfg(feature = "oidc")]
            providers: settings.sign_in.iter().cloned().map(Provider::new).collect(),
            #[cfg(feature = "oidc")]
            asking: Semaphore::new(ASKING),
            settings,
            store,
            gateway,
            throttle: Throttle::default(),
            hashing: Arc::new(Semaphore::new(HASHING)),
            long: Arc::new(Semaphore::new(LONG)),
            long_of: Mutex::default(),
            changed: Notify::new(),
            tests: Tests::default(),
        }))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &PortalSettings {
        &self.0.settings
    }

    /// By what people can sign in.
    #[must_use]
    pub fn ways(&self) -> Ways {
        let issuers = self.0.settings.sign_in.iter().map(|provider| provider.issuer.clone());
        Ways { passwords: self.0.settings.passwords, issuers: issuers.collect() }
    }

    /// Who may try how often.
    #[must_use]
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn tests(&self) -> &Tests {
        &self.0.tests
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// The gateway's own files.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.0.gateway
    }

    /// Reads from the database.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn read<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let store = Arc::clone(&self.0.store);
        blocking(move || store.read(operation)).await
    }

    /// Changes the database, and has the policy's file follow. An operation that others have crossed is
    /// run again, so it must do nothing but with its transaction.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn write<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let store = Arc::clone(&self.0.store);
        let done = blocking(move || store.write(operation)).await;
        self.0.changed.notify_one();
        done
    }

    /// Does what is more than one transaction and takes long, and has the policy's file follow.
    ///
    /// # Errors
    ///
    /// Those of the operation; [`OpError::Busy`].
    pub async fn with_store<T: Send + 'static>(
        &self,
        actor: &Actor,
        operation: impl FnOnce(&Store) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let store = Arc::clone(&self.0.store);
        let turn = self.turn(actor).await?;
        let done = blocking(move || {
            let done = operation(&store);
            drop(turn);
            done
        })
        .await;
        self.0.changed.notify_one();
        done
    }

    /// Looks at the gateway's own files.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn look<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Gateway) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let gateway = Arc::clone(&self.0.gateway);
        blocking(move || operation(&gateway)).await
    }

    /// Looks at them where that takes long: through the ledger, or by reading the policy anew.
    ///
    /// # Errors
    ///
    /// Those of the operation; [`OpError::Busy`].
    pub async fn look_long<T: Send + 'static>(
        &self,
        actor: &Actor,
        operation: impl FnOnce(&Gateway) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let turn = self.turn(actor).await?;
        // It goes on where the asker has left, and has its turn until it ends.
        self.look(move |gateway| {
            let done = operation(gateway);
            drop(turn);
            done
        })
        .await
    }

    /// Waits for the turn of an account: one thing at a time, whatever its sessions and tokens, and few
    /// of all. It waits here, and not on a thread, of which there are few.
    ///
    /// # Errors
    ///
    /// [`OpError::Busy`] where it takes longer than some seconds.
    pub async fn turn(&self, actor: &Actor) -> Result<Turn, OpError> {
        let account = actor.account.clone().unwrap_or_default();
        let own = {
            let mut all = self.0.long_of.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, own| Arc::strong_count(own) > 1);
            Arc::clone(all.entry(account).or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        let all = Arc::clone(&self.0.long);
        let both = async { (own.acquire_owned().await, all.acquire_owned().await) };
        match timeout(Duration::from_secs(PATIENCE), both).await {
            Ok((Ok(own), Ok(all))) => Ok(Turn { _own: own, _all: all }),
            _ => Err(OpError::Busy(PATIENCE)),
        }
    }

    /// Asks an OpenID provider, by its id: few at once.
    ///
    /// # Errors
    ///
    /// [`OpError::NotFound`]; [`OpError::Busy`] where it takes longer than some seconds until it is its turn.
    #[cfg(feature = "oidc")]
    pub async fn ask<T: Send + 'static>(
        &self,
        provider: &str,
        question: impl FnOnce(&Provider) -> T + Send + 'static,
    ) -> Result<T, OpError> {
        let place = self.0.providers.iter().position(|one| one.settings().id == provider);
        let place = place.ok_or(OpError::NotFound)?;
        let turn = timeout(Duration::from_secs(PATIENCE), self.0.asking.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(OpError::Busy(PATIENCE)) };
        let app = self.clone();
        let asked = move || app.0.providers.get(place).map(question).ok_or(OpError::NotFound);
        blocking(asked).await
    }

    /// Waits until something was changed, or may have been.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Hashes a password, or checks one: few at once.
    async fn hashing<T: Send + 'static>(
        &self,
        operation: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, OpError> {
        let permit = Arc::clone(&self.0.hashing).acquire_owned().await;
        blocking(move || {
            let done = operation();
            drop(permit);
            Ok(done)
        })
        .await
    }

    /// Whether a password is the one that was hashed; without a hash it takes as long, and is not.
    ///
    /// # Errors
    ///
    /// [`OpError::Unavailable`] where the program ends.
    pub async fn is_password(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, OpError> {
        self.hashing(move || password::is(&password, hash.as_deref())).await
    }

    /// The hash of a password that somebody chooses.
    ///
    /// # Errors
    ///
    /// [`OpError::Invalid`] for one that cannot be used.
    pub async fn hash_password(&self, password: String, login: &str) -> Result<String, OpError> {
        password::check(&password, login).map_err(|error| {
            OpError::invalid("password", error.to_string(), "write a few words")
        })?;
        let hash = self.hashing(move || password::hash(&password)).await?;
        hash.map_err(|error| {
            OpError::Unavailable(format!("the password cannot be hashed: {error}"))
        })
    }

    /// The address of a one-time link. It is made of the settings alone: what a browser says of where it
    /// is does not come in.
    #[must_use]
    pub fn link(&self, secret: &Secret) -> String {
        format!("{}/link/{}", self.0.settings.base_url, secret.reveal())
    }
}

/// Runs what waits for a disk, a database or the processor on a thread for that.
async fn blocking<T: Send + 'static>(
    operation: impl FnOnce() -> Result<T, OpError> + Send + 'static,
) -> Result<T, OpError> {
    let done = spawn_blocking(operation).await;
    done.unwrap_or_else(|error| {
        tracing::error!("an operation ended before its time: {error}");
        Err(OpError::Unavailable("something went wrong; the log of the portal says what".into()))
    })
}

/// Now, to the millisecond: that is what the database keeps.
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
