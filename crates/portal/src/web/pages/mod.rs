//! The pages themselves.

use super::extract::SignedIn;
use super::route::{Access, Route};
use axum::response::Html;

/// All of them.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::get("/", Access::SignedIn, hello)]
}

async fn hello(_: SignedIn) -> Html<&'static str> {
    Html("<!doctype html><title>Hello</title>Hello\n")
}
