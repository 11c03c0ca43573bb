//! Tokens: they are made in the pages, where the password is asked for again. Here they are seen and
//! revoked.

use super::body::Parameters;
use super::caller::Caller;
use super::once::{Answer, Asked, once};
use super::problem::Problem;
use crate::app::{App, now};
use crate::ops::tokens::{self, Token};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// Of an operator: those of all accounts.
    #[serde(default)]
    all: bool,
}

/// The tokens of the own account
#[utoipa::path(get, path = "/tokens", tag = "own", operation_id = "tokens", params(ListParameters), responses(
    (status = 200, body = Vec<Token>),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Parameters(query): Parameters<ListParameters>,
) -> Result<Json<Vec<Token>>, Problem> {
    let list = move |transaction: &mut crate::store::Transaction<'_>| {
        tokens::list(transaction, &caller.actor, query.all)
    };
    Ok(Json(app.read(list).await?))
}

/// Revoke a token of the own account; an operator can revoke any
#[utoipa::path(delete, path = "/tokens/{id}", tag = "own", operation_id = "revoke_token", params(("id" = String, Path)),
    responses((status = 200, body = Token),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (actor, own) = (caller.actor.clone(), caller.token.clone());
    once(&app, &caller, &asked, b"", move |transaction| {
        let token = tokens::revoke(transaction, &actor, Some(&own), &id, now())?;
        Ok(Answer::new(StatusCode::OK, &token))
    })
    .await
}
