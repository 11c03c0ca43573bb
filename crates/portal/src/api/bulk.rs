//! Lists of domains as CSV.

use super::body::{Csv, Parameters};
use super::caller::Caller;
use super::problem::Problem;
use crate::app::{App, now};
use crate::ops::Operator;
use crate::ops::domains::bulk::{self, BulkOutcome};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

/// All domains that the token may see, as a list that can be read in again
#[utoipa::path(get, path = "/export", tag = "domains", operation_id = "export", responses(
    (status = 200, body = String, content_type = "text/csv"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let text = app.read(move |transaction| bulk::export(transaction, &caller.actor)).await?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response())
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportParameters {
    /// Only tell what would change.
    #[serde(default)]
    preview: bool,
}

/// Register and change many domains: all of a list, or nothing where a line is wrong
#[utoipa::path(post, path = "/import", tag = "operator", operation_id = "import", params(ImportParameters),
    request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, body = BulkOutcome),
    (status = 422, description = "Lines are wrong, and nothing was done",
        content((BulkOutcome = "application/json"), (Problem = "application/problem+json"))),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(app): State<App>,
    caller: Caller,
    Parameters(asked): Parameters<ImportParameters>,
    Csv(text): Csv,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let lines = bulk::read(&text)?;
    let outcome = app
        .with_store(&caller.actor, move |store| {
            let run = if asked.preview { bulk::preview } else { bulk::import };
            run(store, &operator, &lines, now())
        })
        .await?;
    let status = match outcome.problems.is_empty() || asked.preview {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok((status, Json(outcome)).into_response())
}
