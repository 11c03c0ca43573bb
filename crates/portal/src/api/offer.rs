//! What is on offer: everybody sees it, operators change it.

use super::body::Body;
use super::caller::Caller;
use super::once::{Answer, Asked, once};
use super::problem::Problem;
use crate::app::{App, now};
use crate::ops::offer::{self, Offer};
use crate::ops::{Operator, Scope};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// What organisations can choose
#[utoipa::path(get, path = "/offer", tag = "domains", operation_id = "offer", responses(
    (status = 200, body = Offer, headers(("ETag" = String, description = "For If-Match"))),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.actor.needs(Scope::Read)?;
    let found = app.read(offer::get).await?;
    Ok(([(header::ETAG, format!("\"{}\"", found.version))], Json(found.offer)).into_response())
}

/// Change what organisations can choose; what they have chosen stays
#[utoipa::path(put, path = "/offer", tag = "operator", operation_id = "set_offer", request_body = Offer,
    params(("If-Match" = String, Header, pattern = "^([*]|\"[0-9]{1,18}\")$", description = "The ETag that was seen")), responses(
    (status = 200, body = Offer),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    body: Body<Offer>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let Some(version) = asked.version()? else {
        let status = StatusCode::PRECONDITION_REQUIRED;
        let detail = "send `If-Match` with the ETag of the offer that you have seen";
        return Err(Problem::new(status, "unseen", "Precondition required", detail));
    };
    let offer = body.value;
    once(&app, &caller, &asked, &body.octets, move |transaction| {
        let set = offer::set(transaction, &operator, version, &offer, now())?;
        Ok(Answer::new(StatusCode::OK, &set.offer).version(set.version))
    })
    .await
}
