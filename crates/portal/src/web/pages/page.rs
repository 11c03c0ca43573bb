//! What pages have in common: their answer, what was wrong with a form, a page of a list.

use super::shell::Shell;
use super::shown::Shown;
use crate::ops::OpError;
use crate::web::PageError;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

/// What was wrong with what was sent.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The field that it is about; empty where it is about all.
    pub field: &'static str,
    /// In words.
    pub text: String,
}

impl Problem {
    pub fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }

    /// What was wrong with a form, in the words of the operation: operators read them in logs as well.
    pub fn of(error: OpError) -> Result<Self> {
        match error {
            OpError::Invalid(all) => {
                let first = all.into_iter().next();
                let Some(first) = first else { return Err(OpError::NotFound.into()) };
                let field = match &*first.field {
                    "name" => "name",
                    "domain" => "domains",
                    "login" => "login",
                    _ => "",
                };
                let help =
                    if first.help.is_empty() { String::new() } else { format!(": {}", first.help) };
                Ok(Problem::new(field, format!("{}{help}", Shown::new(&first.message).plain())))
            }
            OpError::Taken(what) => Ok(Problem::new("", Shown::new(&what).plain())),
            error => Err(error.into()),
        }
    }
}

/// Whether a field is what was wrong.
pub(super) fn is_about(problem: &Option<Problem>, field: &str) -> bool {
    problem.as_ref().is_some_and(|problem| problem.field == field)
}

/// From one part of a list to the next. The browser's own button goes back.
#[derive(Default)]
pub(super) struct Pager {
    /// Where the list begins; none: here.
    pub first: Option<String>,
    /// Where it goes on; none: nowhere.
    pub next: Option<String>,
}

/// What handlers give.
pub(super) type Result<T = Response> = std::result::Result<T, PageError>;

/// After a change: to be seen there (303, RFC 9110, section 15.4.4).
pub(super) fn see(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// A path with a query; empty values are left out.
pub(super) fn query(path: &str, values: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        for octet in value.bytes() {
            match octet {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    query.push(octet.into());
                }
                octet => query.push_str(&format!("%{octet:02X}")),
            }
        }
    }
    format!("{path}{query}")
}

/// The answer with a page.
pub(super) fn answer(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page that says that something did not work.
#[derive(Template)]
#[template(path = "web/pages/error.html")]
pub(super) struct ErrorPage {
    pub shell: Shell,
    pub title: &'static str,
    pub text: String,
    /// Where to go from there, and what that says.
    pub onwards: (String, &'static str),
}
section!(ErrorPage, None);
