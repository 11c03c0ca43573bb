//! The pages themselves.

use super::extract::SignedIn;
use super::route::{Access, Route};
use crate::ops::OpError;
use axum::response::Html;

/// All of them.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::get("/", Access::SignedIn, hello)]
}

async fn hello(_: SignedIn) -> Html<&'static str> {
    Html("<!doctype html><title>Hello</title>Hello\n")
}

/// What is shown in place of a page that was not given.
pub(super) fn error(error: &OpError) -> Html<String> {
    // Nothing of what somebody typed is in these words but what is escaped by the template to come.
    let _ = error;
    Html("<!doctype html><title>Error</title>\n".to_owned())
}
