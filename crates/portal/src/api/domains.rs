//! Domains.

use super::body::{Body, Parameters, within};
use super::caller::Caller;
use super::once::{Answer, Asked, once};
use super::problem::Problem;
use crate::app::{App, now};
use crate::detail::{self, DomainDetail};
use crate::ops::domains::{
    self, ChangeableDomain, DomainChange, DomainList, DomainQuery, DomainRecord, OwnedDomain,
    Registered,
};
use crate::ops::{OpError, Operator};
use crate::schema;
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use policy::Mode;
use serde::Deserialize;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// Only names that have this text in them.
    search: Option<String>,
    /// Only those in this mode.
    #[param(value_type = Option<schema::ModeWord>)]
    mode: Option<String>,
    /// Of an operator: only those of this organisation (its id).
    organisation: Option<String>,
    /// Names that follow this one: `next` of the part before.
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// The domains that the token may see, in the order of their names
#[utoipa::path(get, path = "/domains", tag = "domains", params(ListParameters), responses(
    (status = 200, body = DomainList),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Parameters(query): Parameters<ListParameters>,
) -> Result<Json<DomainList>, Problem> {
    let mode = match query.mode {
        Some(word) => Some(word.parse::<Mode>().map_err(|_| {
            OpError::invalid("mode", "there is no such mode", "there are: off, monitor, enforce")
        })?),
        None => None,
    };
    within("limit", query.limit, 1..=1000)?;
    let query = DomainQuery {
        search: query.search,
        mode,
        organisation: query.organisation,
        after: query.after,
        limit: query.limit.map(i64::from),
    };
    Ok(Json(app.read(move |transaction| domains::list(transaction, &caller.actor, &query)).await?))
}

#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDomain {
    /// `example.org`, or `*.example.org` for all below it.
    #[schema(min_length = 1)]
    domain: String,
    /// The id of the organisation.
    organisation: String,
}

/// Register a domain for an organisation; 200 where it was its domain before
#[utoipa::path(post, path = "/domains", tag = "operator", request_body = NewDomain,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Done once under each key")), responses(
    (status = 200, body = DomainRecord), (status = 201, body = DomainRecord),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    body: Body<NewDomain>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let new = body.value;
    once(&app, &caller, &asked, &body.octets, move |transaction| {
        let made = domains::add(transaction, &operator, &new.organisation, &new.domain, now())?;
        let (status, record) = match &made {
            Registered::New(record) => (StatusCode::CREATED, record),
            Registered::Already(record) => (StatusCode::OK, record),
        };
        Ok(Answer::new(status, record).version(record.version))
    })
    .await
}

/// What is chosen for a domain, what can be, and whether it is in force
#[utoipa::path(get, path = "/domains/{domain}", tag = "domains",
    params(("domain" = String, Path, description = "`example.org` or `*.example.org`")), responses(
    (status = 200, body = DomainDetail, headers(("ETag" = String, description = "For If-Match"))),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let owned =
        app.read(move |transaction| OwnedDomain::check(transaction, &caller.actor, &name)).await?;
    let mut detail = detail::domain(&app, &owned).await?;
    if !owned.actor().is_operator() {
        detail.hide_operators();
    }
    let etag = [(header::ETAG, detail.record.etag())];
    Ok((etag, Json(detail)).into_response())
}

/// Choose for a domain: what is not there stays
#[utoipa::path(patch, path = "/domains/{domain}", tag = "domains", request_body = schema::Change,
    params(("domain" = String, Path, description = "`example.org` or `*.example.org`"),
        ("If-Match" = Option<String>, Header, pattern = "^([*]|\"[0-9]{1,18}\")$", description = "The ETag that was seen: 412 where somebody has changed it since"),
        ("On-Behalf-Of" = Option<String>, Header, description = "Of an operator: the id of the organisation"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Done once under each key")), responses(
    (status = 200, body = DomainRecord, headers(("ETag" = String, description = "For If-Match"))),
    (status = 412, body = Problem, content_type = "application/problem+json", description = "Changed meanwhile: `current` has what there is"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    Path(name): Path<String>,
    body: Body<DomainChange>,
) -> Result<Response, Problem> {
    let (actor, version, change) = (caller.actor.clone(), asked.version()?, body.value);
    once(&app, &caller, &asked, &body.octets, move |transaction| {
        let domain = ChangeableDomain::check(transaction, &actor, &name)?;
        let changed = domains::change(transaction, &domain, version, &change, now())?;
        Ok(Answer::new(StatusCode::OK, &changed.after).version(changed.after.version))
    })
    .await
}

/// Take a domain from its organisation; what was chosen goes with it
#[utoipa::path(delete, path = "/domains/{domain}", tag = "operator",
    params(("domain" = String, Path, description = "`example.org` or `*.example.org`")), responses((status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    once(&app, &caller, &asked, b"", move |transaction| {
        domains::remove(transaction, &operator, &name, now())?;
        Ok(Answer::none())
    })
    .await
}
