//! Whose mail is accepted although the session is not adequate.

use super::Named;
use super::switch::change;
use crate::app::{App, now};
use crate::detail;
use crate::ops::domains::{ChangeableDomain, DomainChange, is_everybody, is_over};
use crate::ops::{Denied, OpError};
use crate::web::pages::around::Around;
use crate::web::pages::page::{Problem, Result, answer, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::{Access, Route};
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use config::policy_file::WrittenException;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/domains/{domain}/exceptions/new", Access::MayChange, new),
        Route::post("/domains/{domain}/exceptions/new", Access::MayChange, adding),
        Route::post("/domains/{domain}/exceptions/{place}/remove", Access::MayChange, removing),
    ]
}

/// A new exception.
#[derive(Template)]
#[template(path = "web/pages/domain/exception.html")]
pub(in crate::web::pages) struct ExceptionPage {
    pub shell: Shell,
    pub domain: Named,
    pub title: String,
    pub problem: Option<Problem>,
    pub action: String,
    pub version: i64,
    pub client: Shown,
    pub sender: Shown,
    pub until: Shown,
    pub reason: Shown,
}
section!(ExceptionPage, Domains);

#[derive(Default, Deserialize)]
struct ExceptionForm {
    version: i64,
    client: String,
    sender: String,
    until: String,
    reason: String,
}

fn page(around: &Around, domain: &ChangeableDomain, form: &ExceptionForm) -> ExceptionPage {
    let named = Named::of(domain.domain());
    ExceptionPage {
        shell: around.shell(),
        title: named.fill(around.words.change.exception),
        problem: None,
        action: format!("{}/exceptions/new", named.link),
        version: form.version,
        client: form.client.as_str().into(),
        sender: form.sender.as_str().into(),
        until: form.until.as_str().into(),
        reason: form.reason.as_str().into(),
        domain: named,
    }
}

async fn new(State(app): State<App>, around: Around, domain: ChangeableDomain) -> Result {
    let detail = detail::domain(&app, domain.domain()).await?;
    if !detail.offer.exceptions {
        return Err(Denied::NotOffered.into());
    }
    let form = ExceptionForm { version: detail.record.version, ..ExceptionForm::default() };
    Ok(answer(StatusCode::OK, &page(&around, &domain, &form)))
}

async fn adding(
    State(app): State<App>,
    around: Around,
    domain: ChangeableDomain,
    Form(form): Form<ExceptionForm>,
) -> Result {
    let mut exceptions = detail::domain(&app, domain.domain()).await?.record.entry.exceptions;
    exceptions.push(form.exception());
    let asked = DomainChange { exceptions: Some(exceptions), ..DomainChange::default() };
    let error = match change(&app, &domain, form.version, asked).await {
        Ok(to) => return Ok(see(&to)),
        Err(OpError::Invalid(_)) => form.problem(&around),
        Err(error) => return Err(error.into()),
    };
    let mut page = page(&around, &domain, &form);
    page.problem = Some(error);
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

impl ExceptionForm {
    fn exception(&self) -> WrittenException {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let clients = self.client.split([',', ' ']).filter(|client| !client.is_empty());
        WrittenException {
            client: clients.map(str::to_owned).collect(),
            sender: given(&self.sender),
            client_certificate: None,
            until: given(&self.until),
            reason: self.reason.trim().to_owned(),
        }
    }

    /// Which field the reader of policies did not take: it has said no, so one of them it is.
    fn problem(&self, around: &Around) -> Problem {
        let text = &around.words.change;
        let is_network = |client: &str| {
            client.parse::<ipnet::IpNet>().is_ok() || client.parse::<std::net::IpAddr>().is_ok()
        };
        let exception = self.exception();
        match &exception {
            one if one.client.is_empty() && one.sender.is_none() => {
                Problem::new("client", text.whose_wrong)
            }
            one if !one.client.iter().all(|client| is_network(client)) => {
                Problem::new("client", text.client_wrong)
            }
            one if one.client.iter().any(|client| is_everybody(client)) => {
                Problem::new("client", text.client_everybody)
            }
            one if one.reason.is_empty() => Problem::new("reason", text.reason_wrong),
            one if one.until.as_ref().is_some_and(|until| is_over(until, now())) => {
                Problem::new("until", text.until_over)
            }
            one if one
                .until
                .as_ref()
                .is_some_and(|day| day.parse::<jiff::civil::Date>().is_err()) =>
            {
                Problem::new("until", around.words.form.day_wrong)
            }
            one if one.sender.is_some() => Problem::new("sender", text.sender_wrong),
            _ => Problem::new("client", text.client_wrong),
        }
    }
}

#[derive(Deserialize)]
struct RemoveForm {
    version: i64,
}

async fn removing(
    State(app): State<App>,
    domain: ChangeableDomain,
    Path((_, place)): Path<(String, usize)>,
    Form(form): Form<RemoveForm>,
) -> Result {
    let mut exceptions = detail::domain(&app, domain.domain()).await?.record.entry.exceptions;
    if place >= exceptions.len() {
        return Err(OpError::NotFound.into());
    }
    exceptions.remove(place);
    let asked = DomainChange { exceptions: Some(exceptions), ..DomainChange::default() };
    Ok(see(&change(&app, &domain, form.version, asked).await?))
}
