//! The list of domains.

use super::{day, link, mode_now};
use crate::app::{App, now};
use crate::ops::domains::{self, DomainQuery, DomainSummary};
use crate::web::pages::around::Around;
use crate::web::pages::page::{Pager, Result, answer, query};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use pages::text::tight_number;
use policy::Mode;
use serde::Deserialize;
use strum::IntoEnumIterator;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/", Access::SignedIn, list)]
}

/// The list.
#[derive(Template)]
#[template(path = "web/pages/domain/list.html")]
pub(in crate::web::pages) struct ListPage {
    pub shell: Shell,
    /// Of all organisations.
    pub is_all: bool,
    pub rows: Vec<DomainRow>,
    pub query: Shown,
    pub mode: Option<Mode>,
    pub is_filtered: bool,
    /// How many there are in all, and in which mode.
    pub count: String,
    pub pager: Pager,
}
section!(ListPage, Domains);

impl ListPage {
    fn title(&self) -> &'static str {
        let words = &self.shell.words.domains;
        if self.is_all { words.title_all } else { words.title }
    }

    fn modes(&self) -> Vec<(&'static str, &'static str, bool)> {
        let words = self.shell.words;
        Mode::iter().map(|mode| (mode.into(), words.mode(mode), self.mode == Some(mode))).collect()
    }
}

/// A line of it.
pub(in crate::web::pages) struct DomainRow {
    pub link: String,
    pub name: Shown,
    pub organisation: Shown,
    pub mode: &'static str,
    /// The mode's word, for the style.
    pub class: &'static str,
    /// From when on it is enforced, in words; empty where it is or never will be.
    pub from: String,
    pub since: String,
    pub who: Shown,
}

/// A domain as it stands in lists.
pub(in crate::web::pages) fn row(
    summary: &DomainSummary,
    words: &Words,
    now: Timestamp,
) -> DomainRow {
    let (mode, from) = mode_now(summary.mode, summary.enforce_from.as_deref(), now);
    DomainRow {
        link: link(&summary.domain),
        name: summary.shown.as_str().into(),
        organisation: summary.organisation_name.as_str().into(),
        mode: words.mode(mode),
        class: mode.name(),
        from: from.map_or(String::new(), |from| fill(words.domain.from_date, &[("date", &from)])),
        since: summary.switched.map(day).unwrap_or_default(),
        who: summary.switched_by.as_deref().unwrap_or(words.domain.never).into(),
    }
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    organisation: String,
}

async fn list(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Query(asked): Query<ListQuery>,
) -> Result {
    let actor = signed_in.actor();
    let is_all = actor.acting_for().is_none();
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let wanted = DomainQuery {
        search: given(&asked.q),
        mode: asked.mode.parse().ok(),
        organisation: given(&asked.organisation),
        after: given(&asked.after),
        limit: None,
    };
    let of = wanted.clone();
    let found = app.read(move |transaction| domains::list(transaction, &actor, &of)).await?;
    let (words, now) = (around.words, now());
    let keep = [("q", &*asked.q), ("mode", &asked.mode), ("organisation", &asked.organisation)];
    let here = |after: &str| query("/", &[&keep[..], &[("after", after)]].concat());
    let count = |count: i64| count.unsigned_abs();
    let counts = found.counts;
    let all = words.domains.count.of(count(counts.all()));
    let page = ListPage {
        shell: around.shell(),
        is_all,
        rows: found.domains.iter().map(|summary| row(summary, words, now)).collect(),
        query: asked.q.as_str().into(),
        mode: wanted.mode,
        is_filtered: wanted.search.is_some() || wanted.mode.is_some() || wanted.after.is_some(),
        count: fill(
            words.domains.counts,
            &[
                ("all", &all),
                ("enforce", &tight_number(count(counts.enforce))),
                ("monitor", &tight_number(count(counts.monitor))),
                ("off", &tight_number(count(counts.off))),
            ],
        ),
        pager: Pager {
            first: wanted.after.is_some().then(|| here("")),
            next: found.next.as_deref().map(here),
        },
    };
    Ok(answer(StatusCode::OK, &page))
}
