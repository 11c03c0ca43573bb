//! The endpoint that Prometheus asks: HTTP on an address of its own.

use super::Metrics;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, extract::State, routing::get};
use std::{io, sync::Arc};
use tokio::net::TcpListener;

/// The media type of OpenMetrics 1.0, which Prometheus takes.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `GET /metrics` on a listener, as long as the program runs.
///
/// # Errors
///
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) -> io::Result<()> {
    let router = Router::new().route("/metrics", get(figures)).with_state(metrics);
    axum::serve(listener, router).await
}

async fn figures(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
