//! What counts as encrypted, and who gets the digest.

use super::switch::change;
use super::{Choosable, Named};
use crate::app::App;
use crate::detail;
use crate::ops::OpError;
use crate::ops::domains::{ChangeableDomain, DomainChange};
use crate::web::pages::around::Around;
use crate::web::pages::page::{Problem, Result, answer, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::{Access, Route};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use policy::Language;
use serde::Deserialize;
use strum::IntoEnumIterator;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/domains/{domain}/requirement", Access::MayChange, requirement),
        Route::get("/domains/{domain}/contact", Access::MayChange, contact),
        Route::post("/domains/{domain}/contact", Access::MayChange, setting_contact),
    ]
}

/// Which requirement.
#[derive(Template)]
#[template(path = "web/pages/domain/requirement.html")]
pub(in crate::web::pages) struct RequirementPage {
    pub shell: Shell,
    pub domain: Named,
    pub title: String,
    pub problem: Option<Problem>,
    pub action: String,
    pub options: Vec<RequirementOption>,
}
section!(RequirementPage, Domains);

pub(in crate::web::pages) struct RequirementOption {
    pub value: String,
    pub title: Shown,
    pub about: String,
    pub chosen: bool,
}

/// Who gets the digest.
#[derive(Template)]
#[template(path = "web/pages/domain/contact.html")]
pub(in crate::web::pages) struct ContactPage {
    pub shell: Shell,
    pub domain: Named,
    pub title: String,
    pub problem: Option<Problem>,
    pub action: String,
    pub version: i64,
    pub contact: Shown,
    pub languages: Vec<Choosable>,
}
section!(ContactPage, Domains);

async fn requirement(State(app): State<App>, around: Around, domain: ChangeableDomain) -> Result {
    let words = around.words;
    let detail = detail::domain(&app, domain.domain()).await?;
    let chosen = detail.record.entry.require.as_deref();
    let option = |value: &str, title: &str, about: String| RequirementOption {
        value: value.into(),
        title: title.into(),
        about,
        chosen: chosen.unwrap_or_default() == value,
    };
    let mut options = vec![option("", words.change.as_default, String::new())];
    let all = detail.requirements.iter();
    options.extend(all.map(|one| option(&one.name, &one.name, words.requirement_text(one))));
    let named = Named::of(domain.domain());
    let page = RequirementPage {
        shell: around.shell(),
        title: named.fill(words.change.requirement),
        problem: None,
        action: format!("{}/switch", named.link),
        options,
        domain: named,
    };
    Ok(answer(StatusCode::OK, &page))
}

fn contact_page(
    around: &Around,
    domain: &ChangeableDomain,
    version: i64,
    contact: &str,
    language: Language,
) -> ContactPage {
    let words = around.words;
    let named = Named::of(domain.domain());
    let languages = Language::iter().map(|one| Choosable {
        value: one.into(),
        title: words.language_name(one).into(),
        about: "".into(),
        chosen: one == language,
    });
    ContactPage {
        shell: around.shell(),
        title: named.fill(words.change.contact),
        problem: None,
        action: format!("{}/contact", named.link),
        version,
        contact: contact.into(),
        languages: languages.collect(),
        domain: named,
    }
}

async fn contact(State(app): State<App>, around: Around, domain: ChangeableDomain) -> Result {
    let record = detail::domain(&app, domain.domain()).await?.record;
    let contact = record.entry.contact.as_deref().unwrap_or_default();
    let language = record.entry.language.unwrap_or(around.words.language);
    let page = contact_page(&around, &domain, record.version, contact, language);
    Ok(answer(StatusCode::OK, &page))
}

#[derive(Deserialize)]
struct ContactForm {
    version: i64,
    contact: String,
    language: String,
}

async fn setting_contact(
    State(app): State<App>,
    around: Around,
    domain: ChangeableDomain,
    Form(form): Form<ContactForm>,
) -> Result {
    let language: Language = form.language.parse().map_err(|_| OpError::NotFound)?;
    let contact = Some(form.contact.trim().to_owned()).filter(|contact| !contact.is_empty());
    let asked = DomainChange {
        contact: Some(contact),
        language: Some(Some(language)),
        ..DomainChange::default()
    };
    match change(&app, &domain, form.version, asked).await {
        Ok(to) => Ok(see(&to)),
        Err(OpError::Invalid(_)) => {
            let mut page = contact_page(&around, &domain, form.version, &form.contact, language);
            page.problem = Some(Problem::new("contact", around.words.change.contact_wrong));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}
