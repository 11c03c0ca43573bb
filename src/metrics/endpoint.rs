//! The endpoint that Prometheus asks: HTTP on an address of its own.
//!
//! Its connections take file descriptors that mail needs: there are few at a time, and none lasts.

use super::text_format::TextFormat;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header, service::service_fn};
use hyper_util::rt::TokioIo;
use milter::metrics::Metrics;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// The most connections at a time; further ones are closed at once.
const CONNECTIONS: usize = 16;

/// How long a connection may last in all. Prometheus itself waits no longer, unless told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before the next try when accepting fails (out of file descriptors, say).
const PAUSE: Duration = Duration::from_secs(1);

/// Answers `GET /metrics` on a listener, one request a connection, as long as the program runs.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
            let metrics = Arc::clone(&metrics);
            tokio::spawn(async move {
                // Whoever is too slow, or goes away, is not worth a line in the log.
                let _ = timeout(PATIENCE, answer(socket, &metrics)).await;
                drop(place);
            });
        }
    }
}

async fn answer(socket: TcpStream, metrics: &Metrics) -> hyper::Result<()> {
    let service = service_fn(async |request| Ok::<_, Infallible>(response(&request, metrics)));
    let mut http = http1::Builder::new();
    http.keep_alive(false).serve_connection(TokioIo::new(socket), service).await
}

fn response(request: &Request<Incoming>, metrics: &Metrics) -> Response<String> {
    let mut response = Response::default();
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let accept = request.headers().get_all(header::ACCEPT).iter();
            let format = TextFormat::wanted(accept.filter_map(|value| value.to_str().ok()));
            match metrics.text() {
                Ok(text) => {
                    let media_type = header::HeaderValue::from_static(format.media_type());
                    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
                    // Whoever keeps answers must not give one format for the other.
                    let vary = header::HeaderValue::from_static("Accept");
                    response.headers_mut().insert(header::VARY, vary);
                    *response.body_mut() = format.written(text);
                }
                Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
            }
        }
        (_, "/metrics") => {
            let allowed = header::HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}
