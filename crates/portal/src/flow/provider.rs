//! Signing in at an OpenID provider: a browser goes there with what it began here, and comes back.
//!
//! Nothing is kept of an attempt but in the browser, in a cookie for ten minutes: so nobody fills a table, and what
//! comes back to another browser is nothing.

use super::{give_back, throttle};
use crate::app::{App, now};
use crate::auth::oidc::{Attempt, Back, ProviderError};
use crate::auth::throttle::NETWORK;
use crate::ops::OpError;
use crate::ops::accounts::{self, CONFIRMED_MINUTES, Proven};
use crate::ops::sessions::{self, Origin, Session};
use crate::secret::Secret;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::ToSpan;
use strum::{EnumString, IntoStaticStr};

/// What somebody signs in at a provider for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Purpose {
    /// To begin a session.
    SignIn,
    /// To confirm who it is, before what is dangerous.
    Confirm,
    /// To join the identity to the account that has signed in.
    Join,
    /// To join it to the account of a one-time link.
    Link,
}

/// An attempt that a browser has begun, as its cookie has it.
#[derive(Clone, Debug)]
pub struct Begun {
    secret: Secret,
    provider: String,
    /// What for.
    pub purpose: Purpose,
    /// Where to go then; of a one-time link, its secret.
    pub with: String,
}

impl Begun {
    /// As the cookie has it.
    #[must_use]
    pub fn to_cookie(&self) -> String {
        let (secret, purpose): (_, &str) = (self.secret.reveal(), self.purpose.into());
        format!("{secret}.{}.{purpose}.{}", self.provider, URL_SAFE_NO_PAD.encode(&self.with))
    }

    /// From a cookie. Its parts are checked where they are used: all that somebody gains who writes one is what
    /// the parts themselves would give.
    #[must_use]
    pub fn of_cookie(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let begun = Self {
            secret: Secret::shown(parts.next().filter(|secret| secret.len() == 64)?),
            provider: parts.next()?.to_owned(),
            purpose: parts.next()?.parse().ok()?,
            with: String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?,
        };
        parts.next().is_none().then_some(begun)
    }

    fn attempt(&self) -> Attempt {
        Attempt::of(self.secret.clone())
    }
}

/// Why somebody was not signed in.
#[derive(Debug)]
pub enum Refused {
    /// It did not begin in this browser, it has ended already, or was too long ago.
    Lost,
    /// The provider did not want to, or they did not.
    Declined,
    /// The provider cannot be asked.
    Unavailable,
    /// What it answered is not believed.
    NotBelieved,
    /// No account has this identity.
    Stranger(Proven),
    /// The provider has not asked anew, or has answered for another account.
    Unconfirmed,
    /// Something else.
    Failed(OpError),
}

impl<E: Into<OpError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Why, and for the log what exactly.
fn refused(provider: &str, error: &ProviderError) -> Refused {
    tracing::warn!("no sign-in with {provider}: {error}");
    match error {
        ProviderError::Unavailable(_) => Refused::Unavailable,
        ProviderError::NotBelieved(_) => Refused::NotBelieved,
    }
}

/// Where a provider sends browsers back to: made of the settings alone.
fn redirect(app: &App, provider: &str) -> String {
    format!("{}/sign-in/with/{provider}", app.settings().base_url)
}

/// Begins: what the browser is to keep, and where it goes.
///
/// # Errors
///
/// [`Refused::Unavailable`]; [`Refused::Failed`], also for a provider that there is not.
pub async fn begin(
    app: &App,
    provider: &str,
    purpose: Purpose,
    with: String,
) -> Result<(Begun, String), Refused> {
    let begun = Begun { secret: Secret::new(""), provider: provider.to_owned(), purpose, with };
    let (attempt, redirect) = (begun.attempt(), redirect(app, provider));
    // Whoever is signed in there already may be another, where more hangs on it than a session.
    let anew = purpose != Purpose::SignIn;
    let asked = app.ask(provider, move |one| one.address(&attempt, &redirect, anew)).await?;
    let address = asked.map_err(|error| refused(provider, &error))?;
    Ok((begun, address))
}

/// What came of it.
#[derive(Debug)]
pub enum Arrived {
    /// A session, perhaps half of one.
    SignedIn {
        /// Its key, for the cookie.
        key: Secret,
        /// Whether the code of the authenticator is still to come.
        half: bool,
        /// Where to go.
        next: String,
    },
    /// The identity is joined to the account that had signed in.
    Joined,
    /// It is joined to the account of the link. Nobody is signed in by it.
    Linked,
}

/// Ends what the browser began, with what it brings back; `session`: its session, if it has one.
///
/// # Errors
///
/// [`Refused`]; [`OpError::Throttled`] in it.
pub async fn end(
    app: &App,
    provider: &str,
    begun: Option<Begun>,
    back: Back,
    session: Option<Session>,
    origin: &Origin,
) -> Result<Arrived, Refused> {
    let network = throttle::network(&origin.address);
    app.throttle().take(&network, NETWORK, now()).map_err(OpError::Throttled)?;
    let begun = begun.ok_or(Refused::Lost)?;
    // The address is the provider's own, so that the answer of one is never taken for that of another.
    if begun.provider != provider || begun.attempt().state() != back.state {
        return Err(Refused::Lost);
    }
    if let Some(error) = &back.error {
        let error: String = error.chars().take(100).collect();
        tracing::warn!("no sign-in with {provider}: it answers {error:?}");
        let is_fault = ["server_error", "temporarily_unavailable"].contains(&&*error);
        return Err(if is_fault { Refused::Unavailable } else { Refused::Declined });
    }
    let proven = prove(app, provider, &begun, back).await?;
    let session = session.filter(|session| !session.half);
    let arrived = match begun.purpose {
        Purpose::SignIn => sign_in(app, proven, None, begun.with, origin).await?,
        Purpose::Confirm => {
            let session = session.ok_or(Refused::Lost)?;
            let since = now() - CONFIRMED_MINUTES.minutes();
            if proven.at.is_none_or(|at| at < since) {
                return Err(Refused::Unconfirmed);
            }
            sign_in(app, proven, Some(session), begun.with, origin).await?
        }
        Purpose::Join => {
            let actor = session.ok_or(Refused::Lost)?.actor;
            app.write(move |transaction| accounts::join(transaction, &actor, &proven, now()))
                .await?;
            Arrived::Joined
        }
        Purpose::Link => {
            let (link, address) = (Secret::shown(&begun.with), origin.address.clone());
            app.write(move |transaction| {
                accounts::join_by_link(transaction, &link, &proven, &address, now())
            })
            .await?;
            Arrived::Linked
        }
    };
    give_back(app, origin);
    Ok(arrived)
}

/// Whom the provider knows.
async fn prove(app: &App, provider: &str, begun: &Begun, back: Back) -> Result<Proven, Refused> {
    let (attempt, redirect) = (begun.attempt(), redirect(app, provider));
    let asked = app
        .ask(provider, move |one| {
            let told = one.told(&attempt, &redirect, &back)?;
            let issuer = one.settings().issuer.clone();
            Ok(Proven { issuer, subject: told.subject, at: told.authenticated })
        })
        .await?;
    asked.map_err(|error| refused(provider, &error))
}

async fn sign_in(
    app: &App,
    proven: Proven,
    session: Option<Session>,
    next: String,
    origin: &Origin,
) -> Result<Arrived, Refused> {
    let (who, from) = (proven.clone(), origin.clone());
    let is_again = session.is_some();
    let begun = app
        .write(move |transaction| {
            sessions::begin_by_identity(transaction, &who, session.as_ref(), &from, now())
        })
        .await;
    match begun {
        Ok((key, account)) => Ok(Arrived::SignedIn { key, half: account.has_totp, next }),
        Err(OpError::NotFound) if is_again => Err(Refused::Unconfirmed),
        Err(OpError::NotFound) => Err(Refused::Stranger(proven)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_keeps_of_an_attempt_reads_as_it_was_and_nothing_else_does() {
        let secret = Secret::new("");
        let cookie = |with: &str| {
            let provider = "staff".into();
            Begun { secret: secret.clone(), provider, purpose: Purpose::Join, with: with.into() }
                .to_cookie()
        };
        for with in ["", "/", "/domains/a.example/switch?mode=enforce;x=1,2 \"\u{fc}"] {
            let cookie = cookie(with);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            assert!(cookie.chars().all(is_plain), "{cookie}");
            let read = Begun::of_cookie(&cookie).unwrap();
            assert_eq!(
                (&*read.with, read.purpose, &*read.provider),
                (with, Purpose::Join, "staff")
            );
            assert_eq!(read.attempt().state(), Attempt::of(secret.clone()).state());
        }
        let good = cookie("/");
        let short = good.get(1..).unwrap();
        for bad in [
            "",
            ".",
            "...",
            short,
            &format!("{good}.x"),
            &good.replace("join", "own"),
            "x.staff.join.Lw",
        ] {
            assert!(Begun::of_cookie(bad).is_none(), "{bad}");
        }
    }
}
