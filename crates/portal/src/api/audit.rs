//! The audit log.

use super::body::{Parameters, within};
use super::caller::Caller;
use super::once::{Answer, Asked, once};
use super::problem::Problem;
use crate::app::{App, now};
use crate::ops::audit::{self, Action, AuditList, AuditQuery, AuditRow};
use crate::ops::domains::{self, DomainRecord};
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParameters {
    /// Only rows about this domain or id.
    subject: Option<String>,
    /// Only rows of this action.
    action: Option<Action>,
    /// Only what this login did.
    actor: Option<String>,
    /// Of an operator: only matters of this organisation (its id).
    organisation: Option<String>,
    /// From this moment on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Up to this moment (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Rows before the one of this number: `next` of the part before.
    before: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u16>,
    /// `csv` for a list for spreadsheets.
    format: Option<Format>,
}

/// The form of an answer.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// JSON.
    Json,
    /// Comma-separated values, with a heading.
    Csv,
}

/// What was changed, by whom, the latest first
#[utoipa::path(get, path = "/audit", tag = "domains", operation_id = "audit_log", params(SearchParameters), responses(
    (status = 200, content((AuditList = "application/json"), (String = "text/csv"))),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    Parameters(asked): Parameters<SearchParameters>,
) -> Result<Response, Problem> {
    within("limit", asked.limit, 1..=10_000)?;
    let format = asked.format;
    let query = AuditQuery {
        subject: asked.subject,
        action: asked.action,
        actor: asked.actor,
        organisation: asked.organisation,
        since: asked.since,
        until: asked.until,
        before: asked.before,
        limit: asked.limit.map(i64::from),
    };
    let search = app.read(move |transaction| audit::search(transaction, &caller.actor, &query));
    let list = search.await?;
    if format == Some(Format::Csv) {
        let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
        return Ok((kind, audit::to_csv(&list.rows)?).into_response());
    }
    Ok(Json(list).into_response())
}

/// A row of the log
#[utoipa::path(get, path = "/audit/{id}", tag = "domains", operation_id = "audit_row", params(("id" = i64, Path)),
    responses((status = 200, body = AuditRow),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<AuditRow>, Problem> {
    let id = number(&id)?;
    Ok(Json(app.read(move |transaction| audit::get(transaction, &caller.actor, id)).await?))
}

/// A number of a row: what is none, there is no row of.
fn number(id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| Problem::not_found())
}

/// Take a change of a domain back, if nobody has changed it since
#[utoipa::path(post, path = "/audit/{id}/undo", tag = "domains", operation_id = "undo", params(("id" = i64, Path),
    ("On-Behalf-Of" = Option<String>, Header, description = "Of an operator: the id of the organisation"),
    ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Done once under each key")), responses(
    (status = 200, body = DomainRecord),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn undo(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (actor, id) = (caller.actor.clone(), number(&id)?);
    once(&app, &caller, &asked, b"", move |transaction| {
        let changed = domains::undo(transaction, &actor, id, now())?;
        Ok(Answer::new(StatusCode::OK, &changed.after).version(changed.after.version))
    })
    .await
}
