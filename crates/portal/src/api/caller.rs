//! Who asks: a token, perhaps on behalf of an organisation.

use super::problem::Problem;
use crate::app::{App, now};
use crate::auth::throttle::{self, NETWORK, TOKEN};
use crate::ops::{Actor, OpError, tokens};
use crate::secret::Secret;
use crate::web::origin;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

/// Who asks.
pub(super) struct Caller {
    /// The token's id.
    pub token: String,
    /// Who it is.
    pub actor: Actor,
}

/// By which an operator says on behalf of which organisation (its id) he asks.
const BEHALF: &str = "on-behalf-of";

/// The token of a request. Its scheme is written in any case (RFC 9110, section 11.1).
fn token(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let is_token = scheme.eq_ignore_ascii_case("bearer") && token.starts_with(tokens::PREFIX);
    is_token.then(|| Secret::shown(token))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let address = origin(&parts.headers).address;
        let network = format!("api {}", throttle::network(&address));
        let Some(secret) = token(&parts.headers) else { return Err(Problem::unauthorised()) };
        let behalf =
            parts.headers.get(BEHALF).map(|behalf| behalf.to_str().unwrap_or_default().to_owned());
        let found = app
            .read(move |transaction| {
                let found =
                    tokens::resolve(transaction, &secret, behalf.as_deref(), &address, now());
                match found {
                    // An organisation that is not there is no wrong token.
                    Err(OpError::NotFound) if behalf.is_some() => {
                        tokens::resolve(transaction, &secret, None, &address, now())
                            .and(Err(OpError::invalid(BEHALF, "there is no such organisation", "")))
                    }
                    found => found,
                }
            })
            .await;
        let (token, actor) = match found {
            Err(OpError::NotFound) => {
                // Only who guesses is slowed down here.
                app.throttle().take(&network, NETWORK, now()).map_err(OpError::Throttled)?;
                return Err(Problem::unauthorised());
            }
            found => found?,
        };
        app.throttle().take(&format!("token {token}"), TOKEN, now()).map_err(OpError::Throttled)?;
        Ok(Self { token, actor })
    }
}
