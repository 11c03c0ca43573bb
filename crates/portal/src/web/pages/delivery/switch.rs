//! Before another level: what it would mean. And the change.

use super::level;
use super::{NotWanted, Wanted};
use crate::app::{App, now};
use crate::connection::words as found;
use crate::ops::domains::{self, ChangeableDomain, DomainChange, DomainRecord, Gap};
use crate::ops::insight::{self, DeliveryPreview};
use crate::ops::{OpError, Role};
use crate::web::pages::around::Around;
use crate::web::pages::domain::{Named, change};
use crate::web::pages::page::{Problem, Result, answer, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use ledger::report::date_text;
use policy::hop::Lack;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/domains/{domain}/delivery/switch", Access::MayChange, preview),
        Route::post("/domains/{domain}/delivery", Access::MayChange, setting),
    ]
}

/// How far back is looked, in days.
const DAYS: u32 = 30;

/// Before another level.
#[derive(Template)]
#[template(path = "web/pages/delivery/switch.html")]
pub(in crate::web::pages) struct LevelSwitchPage {
    pub shell: Shell,
    pub domain: Named,
    pub title: String,
    pub to_level: String,
    pub problem: Option<Problem>,
    pub lead: String,
    pub lacks: Vec<String>,
    pub notes: Vec<String>,
    /// Why it cannot be set; none: it can.
    pub missing: Option<String>,
    /// Whether it can be set all the same.
    pub may_override: bool,
    pub version: i64,
    pub level: &'static str,
    pub name: Shown,
}
section!(LevelSwitchPage, Domains);

#[derive(Deserialize)]
struct LevelQuery {
    level: String,
    #[serde(default)]
    name: String,
}

async fn preview(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    domain: ChangeableDomain,
    Query(asked): Query<LevelQuery>,
) -> Result {
    match Wanted::of(&asked.level, &asked.name) {
        Ok(wanted) => {
            let page = page(&app, &around, &domain, &wanted).await?;
            Ok(answer(StatusCode::OK, &page))
        }
        Err(NotWanted::Level) => Err(OpError::NotFound.into()),
        Err(NotWanted::Name) => {
            let mut page = level::page(&app, &around, &signed_in, domain.domain()).await?;
            page.name = asked.name.into();
            page.problem = Some(Problem::new("name", around.words.delivery.name_wrong));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn page(
    app: &App,
    around: &Around,
    domain: &ChangeableDomain,
    wanted: &Wanted,
) -> Result<LevelSwitchPage> {
    let (words, owned) = (around.words, domain.domain().clone());
    let (of, asked) = (owned.clone(), wanted.clone());
    let (record, gap) = app
        .read(move |transaction| {
            let record = domains::get(transaction, &of)?;
            let entry = asked.entry(&record);
            let gap = domains::gap(transaction, &of, &record.entry, &entry, now())?;
            Ok((record, gap))
        })
        .await?;
    let (of, entry) = (owned.clone(), wanted.entry(&record));
    let seen = app.look_long(owned.actor(), move |gateway| {
        insight::delivery_preview(gateway, &of, &entry, DAYS, now())
    });
    let seen = match seen.await {
        Ok(seen) => Some(seen),
        // A level is not held up by a record that is not there.
        Err(OpError::Unavailable(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let mut page = bare(around, &record, wanted);
    page.may_override = owned.actor().role == Role::Operator;
    page.missing = gap.map(|gap| missing(&gap, words));
    told(&mut page, seen.as_ref(), words);
    Ok(page)
}

fn bare(around: &Around, record: &DomainRecord, wanted: &Wanted) -> LevelSwitchPage {
    let (words, named) = (around.words, Named::to(record));
    let text = &words.delivery;
    let level = wanted.level.map_or(text.as_operator, |level| found::level(words.language, level));
    let mut to_level = fill(text.to_level, &[("level", &level)]);
    if !wanted.name.is_empty() {
        let name = Shown::new(&wanted.name).plain();
        to_level = format!("{to_level}. {}", fill(text.with_name, &[("name", &name)]));
    }
    LevelSwitchPage {
        shell: around.shell(),
        title: named.fill(text.to),
        domain: named,
        to_level,
        problem: None,
        lead: String::new(),
        lacks: Vec::new(),
        notes: Vec::new(),
        missing: None,
        may_override: false,
        version: record.version,
        level: wanted.level.map_or("", |level| level.name()),
        name: wanted.name.as_str().into(),
    }
}

/// Why a level cannot be set, in words.
fn missing(gap: &Gap, words: &Words) -> String {
    let text = &words.delivery;
    match gap {
        Gap::NoTest => text.needs_test.into(),
        Gap::OldTest | Gap::OtherHops => text.needs_new_test.into(),
        Gap::Fails(holds) => found::holds(words.language, *holds),
    }
}

/// What it would have meant for the mail that left.
fn told(page: &mut LevelSwitchPage, seen: Option<&DeliveryPreview>, words: &Words) {
    let (text, messages) = (&words.delivery, &words.domain.messages);
    let days = ("days", &DAYS as &dyn std::fmt::Display);
    let Some(seen) = seen.filter(|seen| seen.delivered > 0) else {
        page.lead = fill(text.no_record, &[days]);
        return;
    };
    let all = messages.of(seen.delivered);
    page.lead = match seen.last {
        Some(last) if seen.waits > 0 => {
            let count = messages.of(seen.waits);
            let values = [days, ("count", &count), ("all", &all), ("date", &date_text(last))];
            fill(text.would_wait, &values)
        }
        _ => fill(text.none_waits, &[days, ("all", &all)]),
    };
    for (lack, text) in [
        (Lack::Plaintext, &text.lack_plaintext),
        (Lack::Version, &text.lack_version),
        (Lack::Certificate, &text.lack_certificate),
    ] {
        if let Some(count) = seen.lacks.get(lack.code()) {
            page.lacks.push(text.of(*count));
        }
    }
    if seen.not_known > 0 {
        page.notes.push(text.not_known.of(seen.not_known));
    }
}

#[derive(Deserialize)]
struct LevelForm {
    version: i64,
    level: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    untested: String,
}

async fn setting(
    State(app): State<App>,
    around: Around,
    domain: ChangeableDomain,
    Form(form): Form<LevelForm>,
) -> Result {
    let Ok(wanted) = Wanted::of(&form.level, &form.name) else {
        return Err(OpError::NotFound.into());
    };
    let of = domain.domain().clone();
    let record = app.read(move |transaction| domains::get(transaction, &of)).await?;
    let asked = DomainChange {
        deliver: Some(wanted.on(&record)),
        untested: form.untested == "yes",
        ..DomainChange::default()
    };
    match change(&app, &domain, form.version, asked).await {
        Ok(to) => Ok(see(&to)),
        Err(OpError::Untested(_)) => {
            let mut page = page(&app, &around, &domain, &wanted).await?;
            if page.may_override {
                let text = around.words.delivery.untested_missing;
                page.problem = Some(Problem::new("untested", text));
            }
            Ok(answer(StatusCode::CONFLICT, &page))
        }
        Err(error) => Err(error.into()),
    }
}
