//! The API: the same operations as the pages, as JSON over HTTP, for a token.
//!
//! - `caller`: who asks: the token, and on behalf of whom.
//! - `problem`: what is answered where something was not done (RFC 9457).
//! - `body`: what comes in: unknown fields are errors.
//! - `once`: `Idempotency-Key`, `If-Match`.
//! - the others: one file a resource.
//!
//! The description (OpenAPI) is made of the same list of routes as the router.

mod accounts;
mod audit;
mod body;
mod bulk;
mod caller;
mod delivery;
mod domains;
mod insight;
mod offer;
mod once;
mod organisations;
mod problem;
mod tokens;

use crate::app::App;
use crate::security::has_nul;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use problem::Problem;
use tower_http::csrf::CsrfLayer;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Where the API lies.
pub const ROOT: &str = "/api/v1";

/// Where its description lies.
const DESCRIPTION: &str = "/api/v1/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "mandatory-tls portal",
        version = "1",
        description = "Organisations switch mandatory TLS for their domains. All that a page can do, a token \
                       of that right can do here."
    ),
    // Those that only stand behind a question mark.
    components(schemas(audit::Format, insight::ByWord)),
    security(("token" = [])),
    tags(
        (name = "domains", description = "What is chosen for a domain, and what it means"),
        (name = "operator", description = "For operators' tokens with the scope `operator`"),
        (name = "own", description = "The token's own account")
    )
)]
struct Description;

fn described() -> OpenApiRouter<App> {
    use utoipa::OpenApi as _;
    let mut description = Description::openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    description.components.get_or_insert_default().add_security_scheme("token", bearer);
    let routes = OpenApiRouter::new()
        .routes(routes!(domains::list, domains::add))
        .routes(routes!(domains::get, domains::change, domains::remove))
        .routes(routes!(insight::preview))
        .routes(routes!(insight::report))
        .routes(routes!(insight::explain))
        .routes(routes!(delivery::get))
        .routes(routes!(delivery::test))
        .routes(routes!(delivery::preview))
        .routes(routes!(organisations::list, organisations::add))
        .routes(routes!(organisations::get, organisations::rename, organisations::remove))
        .routes(routes!(accounts::list, accounts::add))
        .routes(routes!(accounts::get, accounts::change))
        .routes(routes!(audit::search))
        .routes(routes!(audit::get))
        .routes(routes!(audit::undo))
        .routes(routes!(offer::get, offer::set))
        .routes(routes!(tokens::list))
        .routes(routes!(tokens::revoke))
        .routes(routes!(bulk::export))
        .routes(routes!(bulk::import));
    OpenApiRouter::with_openapi(description).nest(ROOT, routes)
}

/// The description of all routes.
#[must_use]
pub fn description() -> OpenApi {
    described().into_openapi()
}

/// The API as a part of the portal.
pub(crate) fn router() -> Router<App> {
    let (router, description) = described().split_for_parts();
    let description = std::sync::Arc::new(description);
    router
        .route(DESCRIPTION, get(async move || Json((*description).clone())))
        .method_not_allowed_fallback(async || Problem::no_method())
        .route("/api/{*rest}", axum::routing::any(async || Problem::not_found()))
        .layer(middleware::from_fn(without_nul))
        .layer(CsrfLayer::new().with_rejection_response(|_| Problem::foreign().into_response()))
}

/// Refuses addresses with a NUL in them.
async fn without_nul(request: Request, next: Next) -> Response {
    if has_nul(request.uri()) {
        return Problem::malformed("nothing here has a NUL (%00) in its name").into_response();
    }
    next.run(request).await
}
