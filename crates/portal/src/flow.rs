//! Signing in and all that needs a password or a code: the steps that are more than one transaction.
//!
//! Pages call these. What a wrong login, a wrong password and a disabled account answer is the same.

#[cfg(feature = "oidc")]
pub mod provider;

use crate::app::{App, now};
use crate::auth::throttle::{self, CODE, NETWORK, SIGN_IN};
use crate::auth::totp;
use crate::ops::accounts::{self, Account};
use crate::ops::sessions::{self, Origin, Proof, Session};
use crate::ops::{Actor, Denied, OpError};
use crate::secret::Secret;

/// What came of a password that was right.
#[derive(Debug)]
pub struct SignedIn {
    /// The key of the session, for the cookie.
    pub key: Secret,
    /// Whether the code of the authenticator is still to come.
    pub half: bool,
    /// The account.
    pub account: Account,
}

/// Refuses what is about passwords where people sign in at providers alone.
fn by_password(app: &App) -> Result<(), OpError> {
    if app.settings().passwords { Ok(()) } else { Err(Denied::NoPasswords.into()) }
}

/// The name of the bucket of an account and a network.
fn bucket(login: &str, origin: &Origin) -> String {
    format!("{} {}", throttle::network(&origin.address), login.trim().to_lowercase())
}

/// Takes a try, from the network and from the account there.
fn take(app: &App, login: &str, origin: &Origin) -> Result<(), OpError> {
    if login.chars().nth(accounts::LONGEST_LOGIN).is_some() || login.contains('\0') {
        // No account has it; nothing is kept of it.
        return Err(OpError::NotFound);
    }
    let network = throttle::network(&origin.address);
    let taken = app
        .throttle()
        .take(&network, NETWORK, now())
        .and_then(|()| app.throttle().take(&bucket(login, origin), SIGN_IN, now()));
    taken.map_err(OpError::Throttled)
}

/// Gives the network's try back: many who know their passwords may share an address.
fn give_back(app: &App, origin: &Origin) {
    app.throttle().give_back(&throttle::network(&origin.address), NETWORK);
}

/// The name of the bucket of an account's codes.
fn codes(account: &Account) -> String {
    format!("codes {}", account.id)
}

/// Signs in with login and password.
///
/// # Errors
///
/// [`OpError::NotFound`] where the two are not right; [`OpError::Throttled`]; [`Denied::NoPasswords`].
pub async fn sign_in(
    app: &App,
    login: &str,
    password: String,
    origin: &Origin,
) -> Result<SignedIn, OpError> {
    by_password(app)?;
    take(app, login, origin)?;
    let name = login.to_owned();
    let known = app.read(move |transaction| sessions::credentials(transaction, &name)).await?;
    let hash = known.as_ref().and_then(|known| known.password.clone());
    let right = app.is_password(password, hash).await?;
    let from = origin.clone();
    let known = match known {
        Some(known) if right => known,
        known => {
            let account = known.map(|known| known.account);
            app.write(move |transaction| {
                sessions::failed(transaction, account.as_ref(), &from, now())
            })
            .await?;
            return Err(OpError::NotFound);
        }
    };
    let (key, account) =
        app.write(move |transaction| sessions::begin(transaction, &known, &from, now())).await?;
    give_back(app, origin);
    if !account.has_totp {
        app.throttle().forget(&bucket(login, origin));
    }
    Ok(SignedIn { key, half: account.has_totp, account })
}

/// What somebody gave as a code: of the authenticator, or one for recovery.
async fn step(app: &App, account: &Account, code: &str) -> Result<Option<i64>, OpError> {
    let id = account.id.clone();
    let secret = app.read(move |transaction| sessions::totp_secret(transaction, &id)).await?;
    Ok(totp::step_of(&secret, code, now()))
}

fn proof(step: Option<i64>, code: &str) -> Proof<'_> {
    step.map_or(Proof::Recovery(code), Proof::Step)
}

/// Ends signing in with the code of the authenticator, or a recovery code.
///
/// # Errors
///
/// [`OpError::NotFound`] for one that is wrong or was used before; [`OpError::Throttled`].
pub async fn give_code(
    app: &App,
    session: &Session,
    code: String,
    origin: &Origin,
) -> Result<Secret, OpError> {
    take(app, &session.account.login, origin)?;
    let codes = codes(&session.account);
    app.throttle().take(&codes, CODE, now()).map_err(OpError::Throttled)?;
    let step = step(app, &session.account, &code).await?;
    let (session, origin) = (session.clone(), origin.clone());
    let account = session.account.clone();
    let login = account.login.clone();
    let from = origin.clone();
    let done = app
        .write(move |transaction| {
            sessions::complete(transaction, &session, proof(step, &code), &origin, now())
        })
        .await;
    match done {
        Ok(_) => {
            give_back(app, &from);
            app.throttle().give_back(&codes, CODE);
            app.throttle().forget(&bucket(&login, &from));
        }
        Err(OpError::NotFound) => {
            app.write(move |transaction| {
                sessions::failed(transaction, Some(&account), &from, now())
            })
            .await?;
        }
        Err(_) => {}
    }
    done
}

/// Confirms who it is, before what is dangerous: the password again, and the code where there is an
/// authenticator. The session goes on under another key.
///
/// # Errors
///
/// As [`sign_in`] and [`give_code`].
pub async fn confirm(
    app: &App,
    session: &Session,
    password: String,
    code: Option<String>,
    origin: &Origin,
) -> Result<Secret, OpError> {
    by_password(app)?;
    take(app, &session.account.login, origin)?;
    let login = session.account.login.clone();
    let known = app.read(move |transaction| sessions::credentials(transaction, &login)).await?;
    let known = known.ok_or(OpError::NotFound)?;
    if !app.is_password(password, known.password.clone()).await? {
        let (account, origin) = (session.account.clone(), origin.clone());
        app.write(move |transaction| sessions::failed(transaction, Some(&account), &origin, now()))
            .await?;
        return Err(OpError::NotFound);
    }
    let codes = codes(&session.account);
    let code = code.filter(|code| !code.trim().is_empty());
    if code.is_some() {
        app.throttle().take(&codes, CODE, now()).map_err(OpError::Throttled)?;
    }
    let step = match &code {
        Some(code) if session.account.has_totp => step(app, &session.account, code).await?,
        _ => None,
    };
    let (session, from) = (session.clone(), origin.clone());
    let key = app
        .write(move |transaction| {
            let proof =
                code.as_deref().filter(|_| session.account.has_totp).map(|code| proof(step, code));
            sessions::confirm(transaction, &session, &known, proof, &from, now())
        })
        .await?;
    give_back(app, origin);
    app.throttle().give_back(&codes, CODE);
    Ok(key)
}

/// Uses a one-time link: sets the password. Nobody is signed in by it.
///
/// # Errors
///
/// [`OpError::NotFound`] for a link that was used or has ended; [`OpError::Invalid`];
/// [`OpError::Throttled`].
pub async fn use_link(
    app: &App,
    link: Secret,
    password: String,
    origin: &Origin,
) -> Result<Account, OpError> {
    by_password(app)?;
    let network = throttle::network(&origin.address);
    app.throttle().take(&network, NETWORK, now()).map_err(OpError::Throttled)?;
    let of = link.clone();
    let account = app.read(move |transaction| accounts::of_link(transaction, &of, now())).await?;
    let hash = app.hash_password(password, &account.login).await?;
    let address = origin.address.clone();
    let account = app
        .write(move |transaction| accounts::use_link(transaction, &link, &hash, &address, now()))
        .await?;
    give_back(app, origin);
    Ok(account)
}

/// Changes the own password; the session must be confirmed. All sessions end, and the
/// tokens as well where that is asked for.
///
/// # Errors
///
/// [`crate::ops::Denied::Unconfirmed`]; [`OpError::Invalid`].
pub async fn set_own_password(
    app: &App,
    actor: &Actor,
    password: String,
    tokens_too: bool,
) -> Result<(), OpError> {
    by_password(app)?;
    let hash = app.hash_password(password, &actor.login).await?;
    let actor = actor.clone();
    app.write(move |transaction| {
        accounts::set_own_password(transaction, &actor, &hash, tokens_too, now())
    })
    .await
}

/// Begins to set up an authenticator; the session must be confirmed.
///
/// # Errors
///
/// [`crate::ops::Denied::Unconfirmed`].
pub async fn begin_totp(app: &App, actor: &Actor) -> Result<(), OpError> {
    let (actor, secret) = (actor.clone(), totp::new_secret());
    app.write(move |transaction| accounts::begin_totp(transaction, &actor, &secret, now())).await?;
    Ok(())
}

/// Ends it with the first code; gives the recovery codes.
///
/// # Errors
///
/// [`OpError::Invalid`] for a wrong code; [`crate::ops::Denied::Unconfirmed`]; [`OpError::Throttled`].
pub async fn set_totp(
    app: &App,
    session: &Session,
    code: &str,
    origin: &Origin,
) -> Result<Vec<String>, OpError> {
    let (actor, session) = (&session.actor, session.hash.clone());
    take(app, &actor.login, origin)?;
    let of = actor.clone();
    let secret = app.read(move |transaction| accounts::pending_totp(transaction, &of)).await?;
    let Some(step) = totp::step_of(&secret, code, now()) else {
        let help = "is the clock of the phone right? The app shows another code every 30 seconds";
        return Err(OpError::invalid("code", "this code is wrong", help));
    };
    let actor = actor.clone();
    app.write(move |transaction| {
        accounts::set_totp(transaction, &actor, &session, &secret, step, now())
    })
    .await
}
