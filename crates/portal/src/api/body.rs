//! What comes in: JSON, text, and what stands behind the question mark. What is not known is an error.

use super::problem::Problem;
use crate::app::App;
use crate::ops::OpError;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::ops::RangeInclusive;

/// A body of JSON, with its octets: who asks the same again sends the same.
pub(super) struct Body<T> {
    pub value: T,
    pub octets: Bytes,
}

fn kind(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

fn wrong_kind(wanted: &str) -> Problem {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problem::new(status, "media-type", "Media type not supported", format!("send {wanted}"))
}

async fn octets(request: Request, app: &App) -> Result<Bytes, Problem> {
    Bytes::from_request(request, app).await.map_err(|error| {
        Problem::new(error.status(), "body", "The body could not be read", error.body_text())
    })
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !["application/json", "application/merge-patch+json"].contains(&kind(request.headers()))
        {
            return Err(wrong_kind("application/json"));
        }
        let octets = octets(request, app).await?;
        // serde takes a list for an object's fields in their order: nobody means that.
        if octets.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Problem::new(status, "invalid", "Not valid", "the body is no JSON object"));
        }
        let value = serde_json::from_slice(&octets).map_err(|error| {
            let detail = error.to_string();
            match error.classify() {
                serde_json::error::Category::Data => {
                    let status = StatusCode::UNPROCESSABLE_ENTITY;
                    Problem::new(status, "invalid", "Not valid", detail)
                }
                _ => Problem::malformed(detail),
            }
        })?;
        Ok(Self { value, octets })
    }
}

/// A body of CSV.
pub(super) struct Csv(pub String);

impl FromRequest<App> for Csv {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if kind(request.headers()) != "text/csv" {
            return Err(wrong_kind("text/csv"));
        }
        let text = String::from_utf8(octets(request, app).await?.into());
        text.map(Self).map_err(|_| Problem::malformed("the list is not UTF-8"))
    }
}

/// What stands behind the question mark.
pub(super) struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::malformed(error.body_text()))?;
        Ok(Self(value))
    }
}

/// Refuses a number that is out of bounds: it is not silently another one.
pub(super) fn within(
    name: &str,
    number: Option<u16>,
    bounds: RangeInclusive<u16>,
) -> Result<(), OpError> {
    if number.is_none_or(|number| bounds.contains(&number)) {
        return Ok(());
    }
    let message = format!("`{name}` is a number from {} to {}", bounds.start(), bounds.end());
    Err(OpError::invalid(name, message, ""))
}
