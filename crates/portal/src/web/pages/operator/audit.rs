//! Who changed what: the whole log, and the history of a domain.

use crate::app::{App, now};
use crate::ops::audit::{self, Action, AuditQuery};
use crate::ops::domains::{self, OwnedDomain};
use crate::web::pages::around::Around;
use crate::web::pages::domain::{Named, link, start_of};
use crate::web::pages::page::{Pager, Result, answer, query, see};
use crate::web::pages::report::csv_file;
use crate::web::pages::shell::{Section, Shell};
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::ToSpan;
use serde::Deserialize;
use strum::IntoEnumIterator;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/audit", Access::Operator, log),
        Route::get("/audit.csv", Access::Operator, table),
        Route::post("/audit/{row}/undo", Access::MayChange, undoing),
        Route::get("/domains/{domain}/history", Access::SignedIn, history),
        Route::get("/domains/{domain}/history.csv", Access::SignedIn, history_table),
    ]
}

/// The audit log, of all or of one domain.
#[derive(Template)]
#[template(path = "web/pages/operator/audit.html")]
pub(in crate::web::pages) struct AuditPage {
    pub shell: Shell,
    pub title: String,
    /// None for all.
    pub domain: Option<Named>,
    pub is_filtered: bool,
    pub about: Shown,
    pub who: Shown,
    pub actions: Vec<(String, String, bool)>,
    pub from: Shown,
    pub to: Shown,
    pub rows: Vec<AuditRow>,
    pub pager: Pager,
    pub csv: String,
}

impl AuditPage {
    fn section(&self) -> Section {
        if self.domain.is_some() { Section::Domains } else { Section::Audit }
    }
}

pub(in crate::web::pages) struct AuditRow {
    pub id: String,
    pub day: String,
    pub time: String,
    pub who: Shown,
    /// For which organisation, in words; empty for their own.
    pub behalf: String,
    pub whence: Shown,
    pub about: Shown,
    pub link: Option<String>,
    pub what: Shown,
    /// A line for each thing that changed.
    pub before: Vec<Shown>,
    pub after: Vec<Shown>,
    pub undo: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
struct LogQuery {
    #[serde(default)]
    about: String,
    #[serde(default)]
    who: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    before: String,
}

impl LogQuery {
    fn read(&self, limit: Option<i64>) -> AuditQuery {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        AuditQuery {
            subject: given(&self.about),
            action: self.action.parse().ok(),
            actor: given(&self.who),
            organisation: None,
            since: start_of(&self.from),
            // To the end of the day.
            until: start_of(&self.to).map(|day| day + 24.hours()),
            before: self.before.parse().ok(),
            limit,
        }
    }

    fn link(&self, path: &str, before: &str) -> String {
        let all = [
            ("about", &*self.about),
            ("who", &self.who),
            ("action", &self.action),
            ("from", &self.from),
            ("to", &self.to),
            ("before", before),
        ];
        query(path, &all)
    }
}

async fn page(
    app: &App,
    around: &Around,
    who: &SignedIn,
    asked: LogQuery,
    domain: Option<&OwnedDomain>,
) -> Result<AuditPage> {
    let (words, actor) = (around.words, who.actor());
    let mut wanted = asked.read(None);
    if let Some(domain) = domain {
        wanted.subject = Some(domain.name().as_str().to_owned());
    }
    let of = actor.clone();
    let found = app.read(move |transaction| audit::search(transaction, &of, &wanted)).await?;
    let shell = around.shell();
    let may_undo = shell.may_change();
    let named = domain.map(Named::of);
    let path = named.as_ref().map_or("/audit".into(), |named| format!("{}/history", named.link));
    Ok(AuditPage {
        title: match &named {
            Some(named) => named.fill(words.audit.title_of),
            None => words.audit.title.into(),
        },
        domain: named,
        is_filtered: !asked.link("", &asked.before).is_empty(),
        about: asked.about.as_str().into(),
        who: asked.who.as_str().into(),
        actions: Action::iter()
            .map(|action| {
                let word: &str = action.into();
                (word.to_owned(), words.action(action).to_owned(), word == asked.action)
            })
            .collect(),
        from: asked.from.as_str().into(),
        to: asked.to.as_str().into(),
        rows: found.rows.iter().map(|one| row(one, words, may_undo)).collect(),
        pager: Pager {
            first: (!asked.before.is_empty()).then(|| asked.link(&path, "")),
            next: found.next.map(|next| asked.link(&path, &next.to_string())),
        },
        csv: asked.link(&format!("{path}.csv"), ""),
        shell,
    })
}

fn row(row: &audit::AuditRow, words: &Words, may_undo: bool) -> AuditRow {
    let differences = row.differences();
    let side = |of: fn(&(String, String, String)) -> &String| -> Vec<Shown> {
        let told = differences.iter().filter(|one| !of(one).is_empty());
        told.flat_map(|one| words.field(&one.0, of(one))).map(Into::into).collect()
    };
    let behalf = row.behalf.as_deref().map(|behalf| Shown::new(behalf).plain());
    let via = words.via(row.via);
    let whence = match &*row.address {
        "" => via.to_owned(),
        address => format!("{via}, {address}"),
    };
    AuditRow {
        id: format!("change-{}", row.id),
        day: row.at.strftime("%Y-%m-%d").to_string(),
        time: row.at.strftime("%H:%M:%S").to_string(),
        who: row.actor.as_str().into(),
        behalf: behalf
            .map_or(String::new(), |behalf| fill(words.audit.behalf, &[("organisation", &behalf)])),
        whence: whence.into(),
        about: row.subject_name.as_str().into(),
        link: is_domain(row.action).then(|| link(&row.subject)),
        what: words.action(row.action).into(),
        before: side(|one| &one.1),
        after: side(|one| &one.2),
        undo: (may_undo && row.is_undoable()).then(|| format!("/audit/{}/undo", row.id)),
    }
}

fn is_domain(action: Action) -> bool {
    matches!(action, Action::DomainAdded | Action::DomainSwitched | Action::DomainChanged)
}

async fn log(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Query(asked): Query<LogQuery>,
) -> Result {
    Ok(answer(StatusCode::OK, &page(&app, &around, &signed_in, asked, None).await?))
}

async fn history(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    domain: OwnedDomain,
    Query(asked): Query<LogQuery>,
) -> Result {
    let asked = LogQuery { before: asked.before, ..LogQuery::default() };
    Ok(answer(StatusCode::OK, &page(&app, &around, &signed_in, asked, Some(&domain)).await?))
}

async fn written(app: &App, who: &SignedIn, wanted: AuditQuery) -> Result {
    let actor = who.actor();
    let found = app.read(move |transaction| audit::search(transaction, &actor, &wanted)).await?;
    Ok(csv_file("audit", audit::to_csv(&found.rows)?.into_bytes()))
}

/// How many rows a file has at most.
const ROWS: i64 = 10_000;

async fn table(
    State(app): State<App>,
    signed_in: SignedIn,
    Query(asked): Query<LogQuery>,
) -> Result {
    written(&app, &signed_in, asked.read(Some(ROWS))).await
}

async fn history_table(State(app): State<App>, signed_in: SignedIn, domain: OwnedDomain) -> Result {
    let subject = Some(domain.name().as_str().to_owned());
    let wanted = AuditQuery { subject, limit: Some(ROWS), ..AuditQuery::default() };
    written(&app, &signed_in, wanted).await
}

/// Takes a change back: by a new one, which has a row of its own.
async fn undoing(State(app): State<App>, signed_in: SignedIn, Path(row): Path<i64>) -> Result {
    let actor = signed_in.actor();
    let done = app.write(move |transaction| domains::undo(transaction, &actor, row, now())).await?;
    Ok(see(&format!("{}?done", link(&done.after.domain))))
}
