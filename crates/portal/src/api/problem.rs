//! What the API answers where something was not done: problem documents (RFC 9457).

use crate::ops::{Invalid, OpError};
use crate::web::status;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem document.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// What kind of problem it is: `urn:mandatory-tls:` and a word that is never renamed.
    #[serde(rename = "type", serialize_with = "urn")]
    #[schema(value_type = String)]
    word: &'static str,
    /// The kind, for people.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What it was this time.
    detail: String,
    /// All that is not valid, where that is the problem.
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = Vec<Invalid>, required = false)]
    errors: Box<[Invalid]>,
    /// What there is now, where the asker has seen something older.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    current: Option<Box<serde_json::Value>>,
    #[serde(skip)]
    version: Option<i64>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

fn urn<S: serde::Serializer>(word: &&str, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("urn:mandatory-tls:{word}"))
}

fn is_empty(errors: &[Invalid]) -> bool {
    errors.is_empty()
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        word: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            word,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Box::default(),
            current: None,
            version: None,
            retry_after: None,
        }
    }

    pub(super) fn not_found() -> Self {
        OpError::NotFound.into()
    }

    pub(super) fn no_method() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "method", "Method not allowed", "this cannot be done to this")
    }

    pub(super) fn foreign() -> Self {
        let detail = "a browser says that a page of another site has sent this";
        Self::new(StatusCode::FORBIDDEN, "foreign", "From another site", detail)
    }

    pub(super) fn unauthorised() -> Self {
        let detail = "send a valid token: `Authorization: Bearer mtls_...`";
        Self::new(StatusCode::UNAUTHORIZED, "token", "Not authorised", detail)
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "Malformed request", detail)
    }
}

impl From<OpError> for Problem {
    fn from(error: OpError) -> Self {
        let (word, title) = match &error {
            OpError::NotFound => ("not-found", "Not found"),
            OpError::Denied(_) => ("denied", "Denied"),
            OpError::Invalid(_) => ("invalid", "Not valid"),
            OpError::Changed { .. } => ("changed", "Changed meanwhile"),
            OpError::Taken(_) => ("taken", "Taken"),
            OpError::Untested(_) => ("untested", "Not tested"),
            OpError::Throttled(_) => ("throttled", "Too many requests"),
            OpError::Busy(_) => ("busy", "Busy"),
            OpError::Unavailable(_) => ("unavailable", "Not available at present"),
            OpError::Store(_) => ("internal", "Something went wrong"),
        };
        let detail = match &error {
            OpError::Store(error) => {
                // What the database says is for the log alone.
                tracing::error!("{error}");
                "the log of the portal says what".into()
            }
            error => error.to_string(),
        };
        let mut problem = Self::new(status(&error), word, title, detail);
        match error {
            OpError::Invalid(errors) => problem.errors = errors.into(),
            OpError::Changed { current, version } => {
                problem.current = Some(Box::new(current));
                problem.version = Some(version);
            }
            OpError::Throttled(seconds) | OpError::Busy(seconds) => {
                problem.retry_after = Some(seconds)
            }
            _ => {}
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(etag) = self.version.and_then(|version| format!("\"{version}\"").parse().ok()) {
            headers.insert(header::ETAG, etag);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
