//! What each handler takes from a request for the shell of its page.

use super::assets::Assets;
use super::shell::{Shell, Who};
use super::words::Words;
use crate::app::{App, now};
use crate::ops::{Role, accounts};
use crate::web::{SignedIn, Visitor};
use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use jiff::ToSpan;
use policy::Language;
use std::convert::Infallible;

/// The cookie with the language that somebody chose without having signed in. Nothing hangs on it.
pub(super) const LANGUAGE_COOKIE: &str = "language";

/// The surroundings of a page: who looks, in which language, where.
pub(crate) struct Around {
    pub(super) words: &'static Words,
    path: String,
    provider: String,
    signed_in: Option<SignedIn>,
}

impl FromRequestParts<App> for Around {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let signed_in = parts.extensions.get::<SignedIn>().cloned();
        let Visitor { language } = Visitor::from_request_parts(parts, app).await?;
        let language = match &signed_in {
            Some(signed_in) => signed_in.language(),
            None => chosen(&parts.headers).unwrap_or(language),
        };
        Ok(Self {
            words: Words::of(language),
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            provider: app.settings().name.clone(),
            signed_in,
        })
    }
}

fn chosen(headers: &HeaderMap) -> Option<Language> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == LANGUAGE_COOKIE)?.1.parse().ok()
}

impl Around {
    /// The path of this page, without its query.
    pub fn path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// Whether whoever looks runs the gateway.
    pub fn is_operator(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|signed_in| signed_in.actor.role == Role::Operator)
    }

    /// The shell of a page.
    pub fn shell(&self) -> Shell {
        Shell {
            words: self.words,
            tag: self.words.language.into(),
            assets: Assets::get(),
            path: self.path.clone(),
            provider: self.provider.as_str().into(),
            who: self.signed_in.as_ref().filter(|signed_in| !signed_in.half).map(who),
            done: None,
        }
    }
}

fn who(signed_in: &SignedIn) -> Who {
    let actor = &signed_in.actor;
    Who {
        login: (&*actor.login).into(),
        is_operator: actor.role == Role::Operator,
        behalf: signed_in.behalf_name.as_deref().map(Into::into),
        may_change: match actor.role {
            Role::Administrator => true,
            Role::Operator => actor.behalf.is_some(),
            Role::Reader => false,
        },
    }
}

/// Whether the password was given not long ago, with some time left to fill in a form.
pub(super) fn is_confirmed(who: &SignedIn) -> bool {
    let since = now() - (accounts::CONFIRMED_MINUTES - 3).minutes();
    who.actor.confirmed.is_some_and(|confirmed| confirmed >= since)
}
