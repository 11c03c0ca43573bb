//! What a page says when it was not done.

use crate::ops::{Denied, OpError};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;

/// Why a page was not given.
#[derive(Debug)]
pub struct PageError(pub OpError);

/// The reason of an answer that is no page yet: whoever makes the pages makes one of it.
#[derive(Clone, Debug)]
pub struct Failed(
    /// Why.
    pub Arc<OpError>,
);

impl<E: Into<OpError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The status of an error, which the API has too.
pub(crate) fn status(error: &OpError) -> StatusCode {
    match error {
        OpError::NotFound => StatusCode::NOT_FOUND,
        OpError::Denied(_) => StatusCode::FORBIDDEN,
        OpError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        OpError::Changed { .. } => StatusCode::PRECONDITION_FAILED,
        OpError::Taken(_) | OpError::Untested(_) => StatusCode::CONFLICT,
        OpError::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        OpError::Unavailable(_) | OpError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        OpError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if matches!(self.0, OpError::Denied(Denied::Unconfirmed)) {
            return Redirect::to("/confirm").into_response();
        }
        if let OpError::Store(error) = &self.0 {
            // What the database says is for the log alone.
            tracing::error!("{error}");
        }
        let mut response = status(&self.0).into_response();
        if let OpError::Throttled(seconds) | OpError::Busy(seconds) = self.0 {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Failed(Arc::new(self.0)));
        response
    }
}
