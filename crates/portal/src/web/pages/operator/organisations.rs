//! Organisations, and one of them with its domains and accounts.

use super::person::state;
use crate::app::{App, now};
use crate::ops::domains::{self, DomainQuery};
use crate::ops::{OpError, Operator, accounts, organisations, sessions};
use crate::web::pages::around::Around;
use crate::web::pages::domain::{DomainRow, row, when};
use crate::web::pages::page::{Problem, Result, answer, query, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::sign_in::local;
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use pages::text::tight_number;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let operator = Access::Operator;
    vec![
        Route::get("/organisations", operator, list),
        Route::get("/organisations/new", operator, new),
        Route::post("/organisations/new", operator, adding),
        Route::get("/organisations/{organisation}", operator, show),
        Route::post("/organisations/{organisation}/rename", operator, renaming),
        Route::post("/organisations/{organisation}/remove", operator, removing),
        Route::post("/organisations/{organisation}/domains", operator, adding_domains),
        Route::post("/organisations/{organisation}/act", operator, acting),
        Route::post("/act/end", operator, ending_act),
        Route::post(
            "/organisations/{organisation}/domains/{name}/remove",
            operator,
            removing_domain,
        ),
    ]
}

/// The list of organisations.
#[derive(Template)]
#[template(path = "web/pages/operator/organisations.html")]
pub(in crate::web::pages) struct OrganisationsPage {
    pub shell: Shell,
    pub query: Shown,
    pub rows: Vec<OrganisationRow>,
}
section!(OrganisationsPage, Organisations);

pub(in crate::web::pages) struct OrganisationRow {
    pub link: String,
    pub name: Shown,
    pub domains: String,
    pub accounts: String,
}

/// A new one.
#[derive(Template)]
#[template(path = "web/pages/operator/new.html")]
pub(in crate::web::pages) struct NewOrganisationPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub name: Shown,
    pub domains: String,
}
section!(NewOrganisationPage, Organisations);

/// One of them.
#[derive(Template)]
#[template(path = "web/pages/operator/organisation.html")]
pub(in crate::web::pages) struct OrganisationPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub link: String,
    pub name: Shown,
    pub domains: Vec<DomainRow>,
    pub count: String,
    pub people: Vec<PersonRow>,
    pub version: i64,
    /// Where the rest of its domains are, where they are many.
    pub all_domains: Option<String>,
}
section!(OrganisationPage, Organisations);

pub(in crate::web::pages) struct PersonRow {
    pub link: String,
    pub login: Shown,
    pub role: &'static str,
    pub state: &'static str,
    pub last: String,
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
}

async fn list(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Query(asked): Query<ListQuery>,
) -> Result {
    let text = asked.q.clone();
    let found = app
        .read(move |transaction| organisations::found(transaction, &operator, &text, LINES))
        .await?;
    let count = |count: i64| tight_number(count.unsigned_abs());
    let rows = found.iter().map(|one| OrganisationRow {
        link: format!("/organisations/{}", one.id),
        name: one.name.as_str().into(),
        domains: count(one.domains),
        accounts: count(one.accounts),
    });
    let page = OrganisationsPage {
        shell: around.shell(),
        query: asked.q.as_str().into(),
        rows: rows.collect(),
    };
    Ok(answer(StatusCode::OK, &page))
}

/// How many are listed. Who looks for another one searches.
const LINES: usize = 200;

fn new_page(around: &Around, form: &NewForm, problem: Option<Problem>) -> NewOrganisationPage {
    NewOrganisationPage {
        shell: around.shell(),
        problem,
        name: form.name.as_str().into(),
        domains: form.domains.clone(),
    }
}

#[derive(Default, Deserialize)]
struct NewForm {
    name: String,
    #[serde(default)]
    domains: String,
}

async fn new(around: Around) -> axum::response::Response {
    answer(StatusCode::OK, &new_page(&around, &NewForm::default(), None))
}

/// Names, one a line or parted by blanks or commas.
fn names(text: &str) -> Vec<String> {
    let names = text.split(|c: char| c.is_whitespace() || c == ',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

async fn adding(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Form(form): Form<NewForm>,
) -> Result {
    let (name, domains) = (form.name.clone(), names(&form.domains));
    let made = app
        .write(move |transaction| {
            let made = organisations::add(transaction, &operator, &name, now())?;
            for domain in &domains {
                domains::add(transaction, &operator, &made.id, domain, now())?;
            }
            Ok(made)
        })
        .await;
    match made {
        Ok(made) => Ok(see(&format!("/organisations/{}", made.id))),
        Err(error) => {
            let problem = Problem::of(error)?;
            let page = new_page(&around, &form, Some(problem));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn page(
    app: &App,
    around: &Around,
    operator: Operator,
    id: &str,
) -> Result<OrganisationPage> {
    let id = id.to_owned();
    let (one, people, found) = app
        .read(move |transaction| {
            let one = organisations::get(transaction, &operator, &id)?;
            let people = accounts::list(transaction, &operator, Some(&id))?;
            let wanted = DomainQuery { organisation: Some(id.clone()), ..DomainQuery::default() };
            // Whoever acts for another organisation looks at this one all the same.
            let actor = crate::ops::Actor { behalf: None, ..operator.actor().clone() };
            let found = domains::list(transaction, &actor, &wanted)?;
            Ok((one, people, found))
        })
        .await?;
    let (words, now) = (around.words, now());
    let people = people.iter().map(|account| PersonRow {
        link: format!("/accounts/{}", account.id),
        login: account.login.as_str().into(),
        role: words.role(account.role),
        state: state(account, words),
        last: account.signed_in.map_or(words.person.never.into(), when),
    });
    Ok(OrganisationPage {
        shell: around.shell(),
        problem: None,
        link: format!("/organisations/{}", one.id),
        name: one.name.as_str().into(),
        domains: found.domains.iter().map(|summary| row(summary, words, now)).collect(),
        count: words.domains.count.of(one.domains.unsigned_abs()),
        people: people.collect(),
        version: one.version,
        all_domains: found.next.map(|_| query("/", &[("organisation", &one.id)])),
    })
}

async fn show(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
) -> Result {
    Ok(answer(StatusCode::OK, &page(&app, &around, operator, &id).await?))
}

/// Back to the page of the organisation, with what was wrong, if anything was.
async fn back<T>(
    app: &App,
    around: &Around,
    operator: Operator,
    id: &str,
    done: std::result::Result<T, OpError>,
) -> Result {
    let Err(error) = done else { return Ok(see(&format!("/organisations/{id}"))) };
    let problem = Problem::of(error)?;
    let mut page = page(app, around, operator, id).await?;
    page.problem = Some(problem);
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

#[derive(Deserialize)]
struct RenameForm {
    version: i64,
    name: String,
}

async fn renaming(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
    Form(form): Form<RenameForm>,
) -> Result {
    let (of, who) = (id.clone(), operator.clone());
    let done = app
        .write(move |transaction| {
            organisations::rename(transaction, &who, &of, Some(form.version), &form.name, now())
        })
        .await;
    back(&app, &around, operator, &id, done).await
}

async fn removing(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
) -> Result {
    let (of, who) = (id.clone(), operator.clone());
    let done =
        app.write(move |transaction| organisations::remove(transaction, &who, &of, now())).await;
    match done {
        Ok(()) => Ok(see("/organisations")),
        done => back(&app, &around, operator, &id, done).await,
    }
}

#[derive(Deserialize)]
struct DomainsForm {
    domains: String,
}

async fn adding_domains(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
    Form(form): Form<DomainsForm>,
) -> Result {
    let (of, who) = (id.clone(), operator.clone());
    let done = app
        .write(move |transaction| {
            for name in names(&form.domains) {
                domains::add(transaction, &who, &of, &name, now())?;
            }
            Ok(())
        })
        .await;
    back(&app, &around, operator, &id, done).await
}

async fn removing_domain(
    State(app): State<App>,
    operator: Operator,
    Path((_, name)): Path<(String, String)>,
) -> Result {
    let gone =
        app.write(move |transaction| domains::remove(transaction, &operator, &name, now())).await?;
    Ok(see(&format!("/organisations/{}", gone.organisation)))
}

#[derive(Deserialize)]
struct ActQuery {
    #[serde(default)]
    next: String,
}

async fn acting(
    State(app): State<App>,
    operator: Operator,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Query(asked): Query<ActQuery>,
) -> Result {
    app.write(move |transaction| {
        sessions::act_for(transaction, &operator, &signed_in, Some(&id), now())
    })
    .await?;
    Ok(see(&local(&asked.next)))
}

async fn ending_act(State(app): State<App>, operator: Operator, signed_in: SignedIn) -> Result {
    let behalf = signed_in.actor.behalf.clone();
    app.write(move |transaction| {
        sessions::act_for(transaction, &operator, &signed_in, None, now())
    })
    .await?;
    Ok(see(&behalf.map_or("/organisations".into(), |id| format!("/organisations/{id}"))))
}
