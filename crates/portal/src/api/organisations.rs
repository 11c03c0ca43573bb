//! Organisations: for operators.

use super::body::Body;
use super::caller::Caller;
use super::once::{Answer, Asked, once};
use super::problem::Problem;
use crate::app::{App, now};
use crate::ops::Operator;
use crate::ops::organisations::{self, Organisation};
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

/// All organisations, by name
#[utoipa::path(get, path = "/organisations", tag = "operator", operation_id = "organisations", responses(
    (status = 200, body = Vec<Organisation>),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<Organisation>>, Problem> {
    let operator = Operator::check(&caller.actor)?;
    Ok(Json(app.read(move |transaction| organisations::list(transaction, &operator)).await?))
}

#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// The name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Make an organisation
#[utoipa::path(post, path = "/organisations", tag = "operator", operation_id = "add_organisation", request_body = Named,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Done once under each key")), responses(
    (status = 201, body = Organisation),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    body: Body<Named>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let name = body.value.name;
    once(&app, &caller, &asked, &body.octets, move |transaction| {
        let made = organisations::add(transaction, &operator, &name, now())?;
        Ok(Answer::new(StatusCode::CREATED, &made).version(made.version))
    })
    .await
}

/// An organisation
#[utoipa::path(get, path = "/organisations/{id}", tag = "operator", operation_id = "organisation",
    params(("id" = String, Path)), responses((status = 200, body = Organisation),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let found =
        app.read(move |transaction| organisations::get(transaction, &operator, &id)).await?;
    Ok(([(header::ETAG, format!("\"{}\"", found.version))], Json(found)).into_response())
}

/// Give an organisation another name
#[utoipa::path(patch, path = "/organisations/{id}", tag = "operator", operation_id = "rename_organisation",
    request_body = Named, params(("id" = String, Path),
        ("If-Match" = Option<String>, Header, pattern = "^([*]|\"[0-9]{1,18}\")$", description = "The ETag that was seen")), responses(
    (status = 200, body = Organisation),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn rename(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    Path(id): Path<String>,
    body: Body<Named>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let (version, name) = (asked.version()?, body.value.name);
    once(&app, &caller, &asked, &body.octets, move |transaction| {
        let made = organisations::rename(transaction, &operator, &id, version, &name, now())?;
        Ok(Answer::new(StatusCode::OK, &made).version(made.version))
    })
    .await
}

/// Remove an organisation that has neither domains nor accounts
#[utoipa::path(delete, path = "/organisations/{id}", tag = "operator", operation_id = "remove_organisation",
    params(("id" = String, Path)), responses((status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    once(&app, &caller, &asked, b"", move |transaction| {
        organisations::remove(transaction, &operator, &id, now())?;
        Ok(Answer::none())
    })
    .await
}
