//! The pages: HTTP in, operations called, HTML out.
//!
//! - `pages`: one file a page, each with its [`Route`]s; `words` and templates beside them.
//! - [`Route`] and [`Access`]: every route says who may use it. The router is made of that list and of
//!   nothing else, and a guard stands before each handler.
//! - `extract`: what handlers take from a request; rights come from here.
//! - `security`: headers, hosts, cookies.

mod cookie;
mod error;
mod extract;
pub mod pages;
mod route;
mod security;

pub use cookie::Cookies;
pub use error::PageError;
pub use extract::{Client, SignedIn, Visitor};
pub use route::{Access, Method, Route};

use crate::app::App;
use axum::Router;

/// All pages.
#[must_use]
pub fn routes() -> Vec<Route> {
    pages::routes()
}

/// The pages as a service.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in routes() {
        router = route.add_to(router, app);
    }
    security::around(router, app).with_state(app.clone())
}
