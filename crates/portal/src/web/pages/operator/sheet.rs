//! Many domains at once, as CSV, with a preview of what will change.

use crate::app::{App, now};
use crate::ops::domains::bulk::{self, BulkOutcome};
use crate::ops::{OpError, Operator};
use crate::web::pages::around::Around;
use crate::web::pages::page::{Problem, Result, answer, see};
use crate::web::pages::report::csv_file;
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sheet", Access::Operator, blank),
        Route::post("/sheet", Access::Operator, previewing),
        Route::post("/sheet/apply", Access::Operator, applying),
        Route::get("/sheet.csv", Access::Operator, export),
    ]
}

/// The columns, as the page names them.
const COLUMNS: &str = "organisation, domain, mode, enforce_from, require, contact, language";
/// How many lines of a preview are shown.
const LINES: usize = 200;

/// Domains as CSV.
#[derive(Template)]
#[template(path = "web/pages/operator/sheet.html")]
pub(in crate::web::pages) struct SheetPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub hint: String,
    pub csv: String,
    pub preview: Option<Preview>,
}
section!(SheetPage, Organisations);

/// What a file would change.
pub(in crate::web::pages) struct Preview {
    /// In sentences: how many are new, change, stay.
    pub sums: Vec<String>,
    pub has_errors: bool,
    pub can_apply: bool,
    pub lines: Vec<SheetLine>,
    pub more: Option<String>,
}

pub(in crate::web::pages) struct SheetLine {
    /// Empty where the line is right.
    pub number: String,
    pub domain: Shown,
    pub before: Vec<Shown>,
    pub after: Vec<Shown>,
}

fn page(around: &Around, csv: String) -> SheetPage {
    let hint = fill(around.words.sheet.hint, &[("columns", &COLUMNS)]);
    SheetPage { shell: around.shell(), problem: None, hint, csv, preview: None }
}

async fn blank(around: Around) -> axum::response::Response {
    answer(StatusCode::OK, &page(&around, String::new()))
}

#[derive(Deserialize)]
struct SheetForm {
    csv: String,
}

/// What the list would do, or has done.
async fn run(
    app: &App,
    operator: Operator,
    csv: &str,
    is_preview: bool,
) -> std::result::Result<BulkOutcome, OpError> {
    let lines = bulk::read(csv)?;
    let run = if is_preview { bulk::preview } else { bulk::import };
    let actor = operator.actor().clone();
    app.with_store(&actor, move |store| run(store, &operator, &lines, now())).await
}

async fn previewing(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Form(form): Form<SheetForm>,
) -> Result {
    let outcome = run(&app, operator, &form.csv, true).await;
    told(&around, form.csv, outcome)
}

async fn applying(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Form(form): Form<SheetForm>,
) -> Result {
    match run(&app, operator, &form.csv, false).await {
        Ok(outcome) if outcome.problems.is_empty() => Ok(see("/")),
        // What was there when it was looked at has changed since.
        outcome => told(&around, form.csv, outcome),
    }
}

fn told(
    around: &Around,
    csv: String,
    outcome: std::result::Result<BulkOutcome, OpError>,
) -> Result {
    let mut page = page(around, csv);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(OpError::Invalid(all)) => {
            let text = all.first().map_or("", |invalid| &invalid.message);
            page.problem = Some(Problem::new("csv", Shown::new(text).plain()));
            return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
        Err(error) => return Err(error.into()),
    };
    let status = match outcome.problems.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    page.preview = Some(preview(&outcome, around.words));
    Ok(answer(status, &page))
}

fn preview(outcome: &BulkOutcome, words: &Words) -> Preview {
    let text = &words.sheet;
    let BulkOutcome { added, changed, same, problems } = outcome;
    let counts = [
        (text.wrong, problems.len() as u64),
        (text.adds, added.len() as u64),
        (text.changes, changed.len() as u64),
        (text.same, *same),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let mut lines: Vec<SheetLine> = problems
        .iter()
        .map(|problem| SheetLine {
            number: problem.line.to_string(),
            domain: "".into(),
            before: Vec::new(),
            after: vec![problem.message.as_str().into()],
        })
        .collect();
    lines.extend(added.iter().map(|name| SheetLine {
        number: String::new(),
        domain: name.as_str().into(),
        before: Vec::new(),
        after: vec![text.new.into()],
    }));
    lines.extend(changed.iter().map(|change| {
        let side = |of: fn(&(String, String, String)) -> &String| {
            let told = change.fields.iter().filter(|field| !of(field).is_empty());
            told.flat_map(|field| words.field(&field.0, of(field))).map(Into::into).collect()
        };
        SheetLine {
            number: String::new(),
            domain: change.domain.as_str().into(),
            before: side(|field| &field.1),
            after: side(|field| &field.2),
        }
    }));
    let more = lines.len().saturating_sub(LINES) as u64;
    lines.truncate(LINES);
    let mut sums: Vec<String> = counts.map(|(words, count)| words.of(count)).collect();
    let is_nothing = problems.is_empty() && added.is_empty() && changed.is_empty();
    if is_nothing {
        sums = vec![text.nothing.into()];
    }
    Preview {
        sums,
        has_errors: !problems.is_empty(),
        can_apply: problems.is_empty() && !is_nothing,
        lines,
        more: (more > 0).then(|| text.more.of(more)),
    }
}

async fn export(State(app): State<App>, signed_in: SignedIn) -> Result {
    let actor = signed_in.actor();
    let text = app.read(move |transaction| bulk::export(transaction, &actor)).await?;
    Ok(csv_file("domains", text.into_bytes()))
}
