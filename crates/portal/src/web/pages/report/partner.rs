//! One partner's story: how the mail of one server, or of one sender domain, came.

use super::LINES;
use crate::app::{App, now};
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use crate::ops::insight::{self, Partnered};
use crate::web::pages::around::Around;
use crate::web::pages::domain::{Named, since_then};
use crate::web::pages::page::{Result, answer};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::fill;
use crate::web::{Access, Route};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use ledger::report::By;
use pages::hops::Reader;
use pages::letter::letter;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/domains/{domain}/partner", Access::SignedIn, partner)]
}

/// How far back is looked, in days: long enough for who writes once a quarter.
const DAYS: u32 = 120;

/// The page.
#[derive(Template)]
#[template(path = "web/pages/report/partner.html")]
pub(in crate::web::pages) struct PartnerPage {
    pub shell: Shell,
    pub domain: Named,
    pub partner: Shown,
    pub hint: String,
    /// HTML of crates/pages; none where nothing came.
    pub report: Option<String>,
    pub letter: Option<String>,
    /// To whom it may be sent; empty where nobody is known.
    pub to: Shown,
    /// What to know before it is sent.
    pub first: Vec<Shown>,
}
section!(PartnerPage, Domains);

#[derive(Deserialize)]
struct PartnerQuery {
    partner: String,
}

async fn partner(
    State(app): State<App>,
    around: Around,
    domain: OwnedDomain,
    Query(asked): Query<PartnerQuery>,
) -> Result {
    let (of, name) = (domain.clone(), asked.partner.clone());
    let found = app
        .look_long(domain.actor(), move |gateway| {
            insight::partner(gateway, &of, &name, DAYS, now())
        })
        .await;
    let found = match found {
        Ok(found) => found,
        Err(OpError::Unavailable(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let (report, complaint, from) = match found {
        Some(Partnered { report, complaint, enforced_from }) => {
            (Some(report), complaint, enforced_from)
        }
        None => (None, None, None),
    };
    let (words, named) = (around.words, Named::of(&domain));
    let partner = Shown::new(&asked.partner);
    // Of a sender domain, what became of each of its servers is in the table.
    let one = report.as_ref().and_then(|report| match &*report.groups {
        [one] => Some(one),
        _ => None,
    });
    let outcome = one.and_then(|one| one.outcome).map(|outcome| since_then(Some(outcome), words));
    let is_better = outcome.as_ref().is_some_and(|(_, is_better)| *is_better);
    let letter = complaint
        .filter(|_| !is_better)
        .map(|complaint| letter(&complaint, from, words.language, Reader::Contact));
    let values: [(&str, &dyn std::fmt::Display); 2] =
        [("partner", &partner.plain()), ("domain", &named.shown.plain())];
    let title = fill(words.partner.title, &values);
    let html = report
        .as_ref()
        .map(|report| pages::report::part(report, By::Peer, LINES, words.language, Some(title)));
    let page = PartnerPage {
        shell: around.shell(),
        hint: fill(words.partner.hint, &[values[0], values[1], ("days", &DAYS)]),
        report: html.transpose().unwrap_or_default(),
        first: letter
            .iter()
            .flat_map(|letter| &letter.first)
            .map(|text| Shown::new(text))
            .collect(),
        to: letter.as_ref().map(|letter| letter.to.join(", ")).unwrap_or_default().into(),
        letter: letter.and_then(|letter| letter.text(words.language)),
        partner,
        domain: named,
    };
    Ok(answer(StatusCode::OK, &page))
}
