//! The pages: HTTP in, operations called, HTML out.
//!
//! - `pages`: one file a page, each with its [`Route`]s; `words` and templates beside them.
//! - [`Route`] and [`Access`]: every route says who may use it. The router is made of that list and of
//!   nothing else, and a guard stands before each handler.
//! - `extract`: what handlers take from a request; rights come from here.
//! - `cookie`: the session's.

mod cookie;
mod error;
mod extract;
pub mod pages;
mod route;

pub use cookie::Cookies;
pub(crate) use error::status;
pub use error::{Failed, PageError};
pub(crate) use extract::origin;
pub use extract::{Client, SignedIn, Visitor};
pub use route::{Access, Method, Route};

use crate::app::App;
use axum::Router;
use axum::middleware::from_fn_with_state;
use tower_http::csrf::CsrfLayer;

/// All pages.
#[must_use]
pub fn routes() -> Vec<Route> {
    pages::routes()
}

/// The pages as a part of the portal.
pub(crate) fn router(app: &App) -> Router<App> {
    let router =
        routes().into_iter().fold(Router::new(), |router, route| route.add_to(router, app));
    // One of its own, so that what is nowhere is told by a page as well.
    let router = router.fallback(pages::nowhere).layer(CsrfLayer::new());
    router.layer(from_fn_with_state(app.clone(), pages::shown))
}
