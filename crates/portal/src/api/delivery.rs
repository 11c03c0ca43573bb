//! The hop to a domain's own server: where its mail goes, whether the connection holds, what a level would mean.

use super::body::{Body, Parameters, within};
use super::caller::Caller;
use super::insight::Span;
use super::problem::Problem;
use crate::app::{App, now};
use crate::connection::HopFinding;
use crate::ops::domains::{
    self, COUNTS_FOR, ChangeableDomain, DomainChange, LevelResult, OwnedDomain, Tested,
};
use crate::ops::insight::{self, DeliveryPreview, Way};
use crate::schema;
use axum::{
    Json,
    extract::{Path, State},
};
use jiff::Timestamp;
use serde::Serialize;

/// Where a domain's mail goes, and the last test of that.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Delivery {
    /// Where mail goes, and what the MTA is told of it.
    #[serde(flatten)]
    way: Way,
    /// The last test of the connection; none: there was none.
    test: Option<ConnectionTest>,
}

/// A test of the connection to a domain's own server.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ConnectionTest {
    /// When it was.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who asked for it.
    by: String,
    /// Until when a level can be set by it.
    #[schema(value_type = String, format = DateTime)]
    counts_until: Timestamp,
    /// What was found at each next hop.
    hops: Vec<HopFinding>,
    /// Whether each level would hold.
    levels: Vec<LevelResult>,
}

impl ConnectionTest {
    fn of(tested: Tested) -> Self {
        let levels = tested.levels(now());
        Self {
            at: tested.at,
            by: tested.by,
            counts_until: tested.at + COUNTS_FOR,
            hops: tested.findings.hops,
            levels,
        }
    }
}

/// Where a domain's mail goes, what the MTA is told of that, and what the last test found
#[utoipa::path(get, path = "/domains/{domain}/delivery", tag = "domains",
    params(("domain" = String, Path)), responses((status = 200, body = Delivery),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Delivery>, Problem> {
    let (owned, record, test) = app
        .read(move |transaction| {
            let owned = OwnedDomain::check(transaction, &caller.actor, &name)?;
            let record = domains::get(transaction, &owned)?;
            let test = domains::last_test(transaction, &owned)?;
            Ok((owned, record, test))
        })
        .await?;
    let look = app.look_long(owned.actor(), move |gateway| insight::way(gateway, &record, now()));
    Ok(Json(Delivery { way: look.await?, test: test.map(ConnectionTest::of) }))
}

/// Test the connection to the domain's own server, as delivery has it: takes some seconds
#[utoipa::path(post, path = "/domains/{domain}/delivery/test", tag = "domains",
    params(("domain" = String, Path),
        ("On-Behalf-Of" = Option<String>, Header, description = "Of an operator: the id of the organisation")), responses(
    (status = 200, body = ConnectionTest),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ConnectionTest>, Problem> {
    let domain = app
        .read(move |transaction| ChangeableDomain::check(transaction, &caller.actor, &name))
        .await?;
    Ok(Json(ConnectionTest::of(app.test_connection(domain).await?)))
}

/// Which mail would have had to wait, had this `deliver` been enforced before
#[utoipa::path(post, path = "/domains/{domain}/delivery/preview", tag = "domains", request_body = schema::Change,
    params(("domain" = String, Path), Span), responses((status = 200, body = DeliveryPreview),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn preview(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Parameters(span): Parameters<Span>,
    body: Body<DomainChange>,
) -> Result<Json<DeliveryPreview>, Problem> {
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
        insight::delivery_preview(gateway, &owned, &entry, span.days.into(), now())
    });
    Ok(Json(look.await?))
}
