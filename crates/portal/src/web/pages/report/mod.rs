//! What the milter has recorded, and what it would say.

mod partner;
mod trial;

#[cfg(test)]
pub(super) use {
    partner::PartnerPage,
    trial::{Answer, TrialPage},
};

use super::around::Around;
use super::domain::Named;
use super::page::{Result, answer, query};
use super::shell::Shell;
use crate::app::{App, now};
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use crate::ops::insight;
use crate::web::{Access, Route};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::report::{By, Report};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let all = [
        vec![
            Route::get("/domains/{domain}/report", Access::SignedIn, report),
            Route::get("/domains/{domain}/report.csv", Access::SignedIn, table),
        ],
        partner::routes(),
        trial::routes(),
    ];
    all.into_iter().flatten().collect()
}

/// One of a list to choose from: its value, its text, whether it is chosen.
pub(super) type Selectable = (String, String, bool);

/// How many lines a page has at most.
const LINES: usize = 500;

/// The report, as the command of that name has it.
#[derive(Template)]
#[template(path = "web/pages/report/report.html")]
pub(super) struct ReportPage {
    pub shell: Shell,
    pub domain: Named,
    /// HTML of crates/pages; none where there is no ledger.
    pub report: Option<String>,
    /// Whether there is a table in it, to sort.
    pub has_table: bool,
    pub days: Vec<Selectable>,
    pub by: Vec<Selectable>,
    pub partner: String,
    pub csv: String,
}
section!(ReportPage, Domains);

#[derive(Deserialize)]
struct ReportQuery {
    #[serde(default)]
    days: String,
    #[serde(default)]
    by: String,
}

impl ReportQuery {
    /// Days back, and how it is grouped.
    fn read(&self) -> (u32, By) {
        let by = [By::Peer, By::Sender, By::Version, By::Day];
        let by = by.into_iter().find(|by| by.name() == self.by).unwrap_or(By::Peer);
        (self.days.parse().unwrap_or(30).clamp(1, 3650), by)
    }
}

/// The report; none where there is no ledger.
async fn made(app: &App, domain: &OwnedDomain, days: u32, by: By) -> Result<Option<Report>> {
    let of = domain.clone();
    match app
        .look_long(domain.actor(), move |gateway| insight::report(gateway, &of, days, by, now()))
        .await
    {
        Ok(report) => Ok(Some(report)),
        Err(OpError::Unavailable(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn report(
    State(app): State<App>,
    around: Around,
    domain: OwnedDomain,
    Query(asked): Query<ReportQuery>,
) -> Result {
    let (words, (days, by)) = (around.words, asked.read());
    let report = made(&app, &domain, days, by).await?;
    let has_table = report.as_ref().is_some_and(|report| report.totals.judged > 0);
    let html = report.map(|report| pages::report::part(&report, by, LINES, words.language, None));
    let named = Named::of(&domain);
    let text = &words.report;
    let mut spans = vec![7, 30, 90, 365];
    if !spans.contains(&days) {
        spans.push(days);
        spans.sort_unstable();
    }
    let by_names = [
        (By::Peer, text.by_peer),
        (By::Sender, text.by_sender),
        (By::Version, text.by_version),
        (By::Day, text.by_day),
    ];
    let page = ReportPage {
        shell: around.shell(),
        report: html.transpose().unwrap_or_default(),
        has_table,
        days: spans
            .into_iter()
            .map(|span| (span.to_string(), text.days.of(span.into()), span == days))
            .collect(),
        by: by_names.map(|(one, name)| (one.name().into(), name.into(), one == by)).into(),
        partner: format!("{}/partner", named.link),
        csv: query(
            &format!("{}/report.csv", named.link),
            &[("days", &days.to_string()), ("by", by.name())],
        ),
        domain: named,
    };
    Ok(answer(StatusCode::OK, &page))
}

/// A file to download. Its name has nothing of what somebody typed.
pub(in crate::web::pages) fn csv_file(name: &str, content: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, content).into_response()
}

async fn table(
    State(app): State<App>,
    domain: OwnedDomain,
    Query(asked): Query<ReportQuery>,
) -> Result {
    let (days, by) = asked.read();
    let report = made(&app, &domain, days, by).await?.ok_or(OpError::NotFound)?;
    let mut content = Vec::new();
    pages::report::write_csv(&mut content, &report, by)
        .map_err(|error| OpError::Unavailable(error.to_string()))?;
    Ok(csv_file("report", content))
}
