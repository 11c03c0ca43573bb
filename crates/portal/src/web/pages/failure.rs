//! What is shown in place of a page that was not given, in the language of who asked.

use super::around::Around;
use super::page::{ErrorPage, answer};
use super::words::fill;
use crate::app::App;
use crate::ops::{Denied, OpError};
use crate::web::{Failed, PageError, SignedIn, extract};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::Response;

/// What is behind a path that no page has.
pub(crate) async fn nowhere() -> PageError {
    PageError(OpError::NotFound)
}

/// Makes a page of an answer that says why there is none.
pub(crate) async fn shown(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let before = parts.clone();
    let mut response = next.run(Request::from_parts(parts.clone(), body)).await;
    let error = match response.extensions_mut().remove::<Failed>() {
        Some(Failed(error)) => Some(error),
        // Such as a path that there is not, a form that is none, or one that came from elsewhere.
        None if is_bare(&response) => None,
        None => return response,
    };
    parts = before;
    if let Ok(Some(session)) = extract::session(&app, &parts.headers).await {
        parts.extensions.insert(SignedIn::of(session));
    }
    let Ok(around) = Around::from_request_parts(&mut parts, &app).await;
    let status = response.status();
    let page = match error {
        Some(error) => page(&around, &error),
        None => bare(&around, status),
    };
    let mut answered = answer(status, &page);
    // Such as Retry-After.
    for (name, value) in response.headers() {
        answered.headers_mut().entry(name).or_insert(value.clone());
    }
    answered
}

/// Whether an answer has no page of ours in it.
fn is_bare(response: &Response) -> bool {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    let is_page =
        kind.and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.starts_with("text/html"));
    (status.is_client_error() || status.is_server_error()) && !is_page
}

fn bare(around: &Around, status: StatusCode) -> ErrorPage {
    let words = &around.words.errors;
    let (title, text) = match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            (words.not_found, words.not_found_hint)
        }
        StatusCode::FORBIDDEN => (words.foreign, words.foreign_hint),
        status if status.is_client_error() => (words.invalid, words.invalid_hint),
        _ => (words.internal, words.internal_hint),
    };
    to_start(around, title, text.into())
}

fn to_start(around: &Around, title: &'static str, text: String) -> ErrorPage {
    let onwards = ("/".into(), around.words.errors.to_start);
    ErrorPage { shell: around.shell(), title, text, onwards }
}

/// The page that says why something was not done.
pub(super) fn page(around: &Around, error: &OpError) -> ErrorPage {
    let words = &around.words.errors;
    let (title, text) = match error {
        OpError::NotFound => (words.not_found, words.not_found_hint.into()),
        OpError::Denied(denied) => (words.forbidden, denied_text(around, *denied).into()),
        OpError::Invalid(_) => (words.invalid, error.to_string()),
        OpError::Changed { .. } => return changed(around),
        OpError::Taken(what) | OpError::Untested(what) => (words.invalid, what.clone()),
        OpError::Busy(seconds) => (words.unavailable, fill(words.busy, &[("seconds", seconds)])),
        OpError::Throttled(seconds) => {
            (words.too_many, fill(words.too_many_hint, &[("seconds", seconds)]))
        }
        // What it says can be of the operator's own files.
        OpError::Unavailable(what) if around.is_operator() => (words.unavailable, what.clone()),
        OpError::Unavailable(_) => (words.unavailable, words.unavailable_hint.into()),
        OpError::Store(_) => (words.internal, words.internal_hint.into()),
    };
    to_start(around, title, text)
}

fn denied_text(around: &Around, denied: Denied) -> &'static str {
    let words = &around.words.errors;
    match denied {
        Denied::ReadOnly => words.forbidden_hint,
        Denied::NoBehalf => words.no_behalf,
        Denied::NotOffered => words.not_offered,
        Denied::ShellOnly => words.shell_only,
        Denied::NoPasswords => around.words.provider.no_passwords,
        Denied::OperatorOnly | Denied::Scope(_) | Denied::Unconfirmed | Denied::PagesOnly => {
            words.operator_only
        }
    }
}

/// Somebody was faster: back to where it is seen how it is now.
fn changed(around: &Around) -> ErrorPage {
    let words = &around.words.errors;
    let mut back = around.path().to_owned();
    // The page of a form lies below that of what it changes.
    if let Some((above, _)) = back.rsplit_once('/') {
        back = above.to_owned();
    }
    let mut page = to_start(around, words.conflict, words.conflict_hint.into());
    page.onwards = (back, words.conflict_other);
    page
}
