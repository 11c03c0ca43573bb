//! What handlers take from a request: who asks, and the right to what they ask about.

use super::cookie::Cookies;
use super::error::PageError;
use crate::app::{App, now};
use crate::ops::domains::{ChangeableDomain, OwnedDomain};
use crate::ops::sessions::{self, Origin, Session};
use crate::ops::{Actor, OpError, Operator};
use crate::secret::Secret;
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, header, request::Parts},
};
use policy::Language;
use std::{convert::Infallible, net::IpAddr, ops::Deref};

/// Who has signed in. Only the guard of a route makes one.
#[derive(Clone, Debug)]
pub struct SignedIn(Session);

impl SignedIn {
    pub(super) fn of(session: Session) -> Self {
        Self(session)
    }

    /// Who it is, for operations.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.0.actor.clone()
    }

    /// The language of the account's pages.
    #[must_use]
    pub fn language(&self) -> Language {
        self.0.account.language.parse().unwrap_or_default()
    }
}

/// The session, with its account.
impl Deref for SignedIn {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, PageError> {
        parts.extensions.get().cloned().ok_or_else(|| {
            // A route that is for everybody, and asks for somebody: nobody gets in by that.
            PageError::from(OpError::NotFound)
        })
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let signed_in = SignedIn::from_request_parts(parts, app).await?;
        Ok(Self::check(&signed_in.actor)?)
    }
}

/// The `{domain}` of a path.
async fn domain_of(parts: &mut Parts, app: &App) -> Result<(Actor, String), PageError> {
    let signed_in = SignedIn::from_request_parts(parts, app).await?;
    let parameters = RawPathParams::from_request_parts(parts, app).await;
    let parameters = parameters.map_err(|_| OpError::NotFound)?;
    let name = parameters.iter().find(|(name, _)| *name == "domain");
    let (_, name) = name.ok_or(OpError::NotFound)?;
    Ok((signed_in.actor(), name.to_owned()))
}

impl FromRequestParts<App> for OwnedDomain {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let (actor, name) = domain_of(parts, app).await?;
        Ok(app.read(move |transaction| Self::check(transaction, &actor, &name)).await?)
    }
}

impl FromRequestParts<App> for ChangeableDomain {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let (actor, name) = domain_of(parts, app).await?;
        Ok(app.read(move |transaction| Self::check(transaction, &actor, &name)).await?)
    }
}

/// Whence a request comes: for sign-ins, the throttle and the audit log.
#[derive(Clone, Debug)]
pub struct Client(pub Origin);

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(origin(&parts.headers)))
    }
}

/// Who looks at a page that is for everybody.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    /// The language that the browser prefers, of those that there are.
    pub language: Language,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE);
        let accepted = accepted.and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
        Ok(Self { language: preferred(accepted) })
    }
}

/// The first language of `Accept-Language` that there is. Browsers put the most wanted first.
fn preferred(accepted: &str) -> Language {
    let tags = accepted.split(',').map(|part| part.split([';', '-']).next().unwrap_or_default());
    let known = tags.filter_map(|tag| tag.trim().to_ascii_lowercase().parse().ok());
    known.into_iter().next().unwrap_or_default()
}

/// Where a request comes from. Only a proxy on this machine reaches the portal, and says who asked it;
/// what stands before its own word can be made up.
pub(crate) fn origin(headers: &HeaderMap) -> Origin {
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let last = forwarded.rsplit(',').next().unwrap_or_default().trim();
    let address = last.parse::<IpAddr>().map(|address| address.to_canonical().to_string());
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = agent.unwrap_or_default().to_owned();
    Origin { address: address.unwrap_or_else(|_| "local".into()), agent }
}

/// The session of a request, if it has one.
pub(super) async fn session(app: &App, headers: &HeaderMap) -> Result<Option<Session>, OpError> {
    let Some(key) = Cookies::new(app).session(headers) else { return Ok(None) };
    let address = origin(headers).address;
    let key = Secret::shown(&key);
    let found = app
        .read(move |transaction| {
            let session = match sessions::resolve(transaction, &key, &address, now()) {
                Err(OpError::NotFound) => return Ok(None),
                session => session?,
            };
            let note = sessions::is_to_note(transaction, &session, now())?;
            Ok(Some((session, note)))
        })
        .await?;
    let Some((session, note)) = found else { return Ok(None) };
    if note {
        let used = session.clone();
        app.write(move |transaction| sessions::note_use(transaction, &used, now())).await?;
    }
    Ok(Some(session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_for_everybody_is_in_the_language_that_the_browser_wants_most() {
        for (accepted, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-CH,de;q=0.9,en;q=0.8", Language::German),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", Language::English),
            ("rm, DE-at;q=0.5", Language::German),
            ("*", Language::English),
        ] {
            assert_eq!(preferred(accepted), language, "{accepted}");
        }
    }

    #[test]
    fn where_a_request_comes_from_is_what_the_proxy_says_last() {
        for (values, address) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, evil"], "local"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["<script>"], "local"),
            (&[], "local"),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            assert_eq!(origin(&headers).address, address, "{values:?}");
        }
    }
}
