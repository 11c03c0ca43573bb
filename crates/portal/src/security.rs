//! What stands around all pages: which requests come in at all, and what every answer says.

use crate::app::App;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use std::{sync::Once, time::Duration};
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};

/// The most octets of a body: a list of thousands of domains, also as a form writes it.
const LONGEST_BODY: usize = 4 * 1024 * 1024;
/// The most octets of any other body.
const LONGEST_OTHER: usize = 64 * 1024;
/// The longest that an answer may take.
const LONGEST: Duration = Duration::from_secs(60);

/// No code or style but from files of the portal's own, no frames, no forms to elsewhere.
const CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What every answer says.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With `no-referrer` browsers send `Origin: null` with forms, and those that know no `Sec-Fetch-Site` would be
    // taken for another site's.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Puts it around a router. What other sites' pages send is refused within, by pages and API each in its own
/// words (tower-http's `CsrfLayer`).
pub(crate) fn around(router: Router<App>, app: &App) -> Router<App> {
    router
        .layer(from_fn(bound))
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LONGEST))
        .layer(from_fn_with_state(app.clone(), own_host))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.clone(), say))
        .layer(from_fn(say_once))
}

/// Said once.
static NO_FORWARDED: Once = Once::new();

/// Refuses requests for another host than that of the settings: a name that somebody points at this
/// machine gives his pages no way in (DNS rebinding).
async fn own_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let own = host_of(app.settings().base_url.split("://").nth(1).unwrap_or_default());
    if app.settings().is_https() && !request.headers().contains_key("x-forwarded-for") {
        NO_FORWARDED.call_once(|| {
            tracing::warn!(
                "a request came without `X-Forwarded-For`: the proxy is to set it, else all its clients share \
                 the same tries to sign in"
            );
        });
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().host().or(host).unwrap_or_default();
    if host_of(host).eq_ignore_ascii_case(own) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "This is not the host of this portal.\n").into_response()
}

/// A host without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => host,
        _ => authority,
    }
}

async fn say(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if app.settings().is_https() {
        let value = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    // What stands on a page is for one person; files of the portal's own say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Bounds what is read of a request: little, where it is not a list.
async fn bound(mut request: Request, next: Next) -> Response {
    let is_list = ["/api/v1/import", "/sheet", "/sheet/apply"].contains(&request.uri().path());
    let limit = if is_list { LONGEST_BODY } else { LONGEST_OTHER };
    DefaultBodyLimit::max(limit).apply(&mut request);
    next.run(request).await
}

/// Refuses what nobody sends who means well: a request that says twice how long it is, or for whom (RFC 9112,
/// sections 3.2 and 6.3), was made to mean one thing to the proxy and another here.
async fn say_once(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    let hosts = headers.get_all(header::HOST).iter().count();
    // The API says so in its own way.
    if has_nul(request.uri()) && !request.uri().path().starts_with("/api/")
        || hosts > 1
        || lengths > 1
        || lengths == 1 && headers.contains_key(header::TRANSFER_ENCODING)
    {
        return StatusCode::BAD_REQUEST.into_response();
    }
    next.run(request).await
}

/// Whether an address has a NUL: no name, search or path has one in it, and PostgreSQL takes none.
pub(crate) fn has_nul(address: &Uri) -> bool {
    address.to_string().contains("%00")
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_host_is_told_from_its_port() {
        for (authority, host) in [
            ("portal.example.org", "portal.example.org"),
            ("portal.example.org:443", "portal.example.org"),
            ("127.0.0.1:8780", "127.0.0.1"),
            ("[::1]:8780", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }
}
