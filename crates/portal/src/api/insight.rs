//! What a switch would mean, what came, and what would become of a message.

use super::body::{Body, Parameters, within};
use super::caller::Caller;
use super::problem::Problem;
use crate::app::{App, now};
use crate::ops::domains::{self, DomainChange, OwnedDomain};
use crate::ops::insight::{self, Preview, Question};
use crate::schema;
use axum::{
    Json,
    extract::{Path, State},
};
use ledger::report::{By, Report};
use policy::explanation::Explanation;
use serde::Deserialize;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// How many days to look at.
    #[serde(default = "month")]
    #[param(minimum = 1, maximum = 3660, default = 30)]
    pub(super) days: u16,
}

fn month() -> u16 {
    30
}

/// Who would have been refused, had this been chosen before
#[utoipa::path(post, path = "/domains/{domain}/preview", tag = "domains", request_body = schema::Change,
    params(("domain" = String, Path), Span), responses((status = 200, body = schema::PreviewForm),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn preview(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Parameters(span): Parameters<Span>,
    body: Body<DomainChange>,
) -> Result<Json<Preview>, Problem> {
    within("days", Some(span.days), 1..=3660)?;
    let change = body.value;
    let (owned, entry) = app
        .read(move |transaction| {
            let owned = OwnedDomain::check(transaction, &caller.actor, &name)?;
            let entry = domains::get(transaction, &owned)?.entry;
            Ok((owned, change.on(&entry)))
        })
        .await?;
    let actor = owned.actor().clone();
    let look = app.look_long(&actor, move |gateway| {
        insight::preview(gateway, &owned, &entry, span.days.into(), now())
    });
    Ok(Json(look.await?))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportParameters {
    /// How many days to look at.
    #[serde(default = "month")]
    #[param(minimum = 1, maximum = 3660, default = 30)]
    days: u16,
    /// By what to add up.
    #[serde(default)]
    by: ByWord,
}

/// By what recipients are added up.
#[derive(Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ByWord {
    /// The sending server.
    #[default]
    Peer,
    /// Who runs the sending server.
    Correspondent,
    /// The sender's domain.
    Sender,
    /// The version of TLS.
    Version,
    /// The cipher suite.
    Cipher,
    /// The day.
    Day,
}

/// What came, as `mandatory-tls report --format json` has it
#[utoipa::path(get, path = "/domains/{domain}/report", tag = "domains",
    params(("domain" = String, Path), ReportParameters), responses((status = 200, body = Object),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn report(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Parameters(asked): Parameters<ReportParameters>,
) -> Result<Json<Report>, Problem> {
    within("days", Some(asked.days), 1..=3660)?;
    let by = match asked.by {
        ByWord::Peer => By::Peer,
        ByWord::Correspondent => By::Correspondent,
        ByWord::Sender => By::Sender,
        ByWord::Version => By::Version,
        ByWord::Cipher => By::Cipher,
        ByWord::Day => By::Day,
    };
    let owned =
        app.read(move |transaction| OwnedDomain::check(transaction, &caller.actor, &name)).await?;
    let actor = owned.actor().clone();
    let look = app.look_long(&actor, move |gateway| {
        insight::report(gateway, &owned, asked.days.into(), by, now())
    });
    Ok(Json(look.await?))
}

/// Whether a message would be taken, as `mandatory-tls explain --format json` tells it
#[utoipa::path(post, path = "/domains/{domain}/explain", tag = "domains", request_body = Question,
    params(("domain" = String, Path)), responses((status = 200, body = Object),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn explain(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    body: Body<Question>,
) -> Result<Json<Explanation>, Problem> {
    let owned =
        app.read(move |transaction| OwnedDomain::check(transaction, &caller.actor, &name)).await?;
    let operator = owned.actor().is_operator();
    let actor = owned.actor().clone();
    let look =
        app.look_long(&actor, move |gateway| insight::explain(gateway, &owned, &body.value, now()));
    let mut explanation = look.await?;
    if !operator {
        for finding in &mut explanation.findings {
            // Where files of the operator lie is his own business.
            finding.place = None;
        }
    }
    Ok(Json(explanation))
}
