//! An account of an organisation.

use crate::app::{App, now};
use crate::ops::accounts::{self, Account, AccountChange, Identity, LINK_HOURS, NewAccount};
use crate::ops::{OpError, Operator, Role, organisations};
use crate::secret::Secret;
use crate::web::pages::around::{Around, is_confirmed};
use crate::web::pages::domain::{Choosable, Fact, when};
use crate::web::pages::page::{Problem, Result, answer, query, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::ways::{Joined, joined};
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use jiff::ToSpan;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let operator = Access::Operator;
    vec![
        Route::get("/organisations/{organisation}/accounts/new", operator, new),
        Route::post("/organisations/{organisation}/accounts/new", operator, adding),
        Route::get("/accounts/{account}", operator, show),
        Route::post("/accounts/{account}/link", operator, linking),
        Route::post("/accounts/{account}/role", operator, setting_role),
        Route::post("/accounts/{account}/disable", operator, disabling),
        Route::post("/accounts/{account}/enable", operator, enabling),
        Route::post("/accounts/{account}/second-step/remove", operator, removing_second_step),
        Route::post(
            "/accounts/{account}/identities/{identity}/remove",
            operator,
            removing_identity,
        ),
    ]
}

/// An account, or a new one.
#[derive(Template)]
#[template(path = "web/pages/operator/person.html")]
pub(in crate::web::pages) struct PersonPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub title: String,
    pub organisation: Shown,
    pub organisation_link: String,
    pub is_new: bool,
    pub login: Shown,
    pub roles: Vec<Choosable>,
    pub facts: Vec<Fact>,
    pub version: i64,
    pub has_second: bool,
    pub identities: Vec<Joined>,
    /// Whether a new link can be made from here: of an operator's account, only in the shell.
    pub can_open: bool,
    pub is_disabled: bool,
    /// A one-time link that has just been made, and what to know of it.
    pub made: Option<(String, String)>,
    /// The path of the page.
    pub link: String,
}
section!(PersonPage, Organisations);

/// How an account is, in a word.
pub(super) fn state(account: &Account, words: &Words) -> &'static str {
    match (account.disabled, account.has_password || account.has_identity) {
        (Some(_), _) => words.person.disabled,
        (None, false) => words.person.invited,
        (None, true) => words.person.active,
    }
}

fn roles(chosen: Role, words: &Words) -> Vec<Choosable> {
    let roles = [Role::Administrator, Role::Reader].into_iter().map(|role| Choosable {
        value: role.into(),
        title: words.role(role).into(),
        about: words.role_does(role).into(),
        chosen: role == chosen,
    });
    roles.collect()
}

async fn new_page(
    app: &App,
    around: &Around,
    operator: Operator,
    organisation: String,
    form: &NewForm,
) -> Result<PersonPage> {
    let of = app
        .read(move |transaction| organisations::get(transaction, &operator, &organisation))
        .await?;
    let words = around.words;
    let name = Shown::new(&of.name);
    let role = form.role.parse().unwrap_or(Role::Administrator);
    Ok(PersonPage {
        shell: around.shell(),
        problem: None,
        title: fill(words.person.new, &[("organisation", &name.plain())]),
        link: format!("/organisations/{}/accounts/new", of.id),
        organisation: name,
        organisation_link: format!("/organisations/{}", of.id),
        is_new: true,
        login: form.login.as_str().into(),
        roles: roles(role, words),
        facts: Vec::new(),
        version: 0,
        has_second: false,
        identities: Vec::new(),
        can_open: false,
        is_disabled: false,
        made: None,
    })
}

#[derive(Default, Deserialize)]
struct NewForm {
    login: String,
    role: String,
}

async fn new(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(organisation): Path<String>,
) -> Result {
    let page = new_page(&app, &around, operator, organisation, &NewForm::default()).await?;
    Ok(answer(StatusCode::OK, &page))
}

async fn adding(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(organisation): Path<String>,
    Form(form): Form<NewForm>,
) -> Result {
    let new = NewAccount {
        login: form.login.clone(),
        role: form.role.parse().map_err(|_| OpError::NotFound)?,
        organisation: Some(organisation.clone()),
        language: around.words.language,
    };
    let who = operator.clone();
    let made = app.write(move |transaction| accounts::add(transaction, &who, &new, now())).await;
    match made {
        // The link is shown this once, so it is the answer itself.
        Ok((account, secret)) => {
            let mut page = page(&app, &around, &account, &[]);
            page.made = Some(made_link(&app, &around, &secret));
            Ok(answer(StatusCode::OK, &page))
        }
        Err(error) => {
            let problem = Problem::of(error)?;
            let mut page = new_page(&app, &around, operator, organisation, &form).await?;
            page.problem = Some(problem);
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

/// A one-time link, and what to know of it.
fn made_link(app: &App, around: &Around, secret: &Secret) -> (String, String) {
    let until = when(now() + LINK_HOURS.hours());
    (app.link(secret), fill(around.words.person.link_hint, &[("until", &until)]))
}

fn page(app: &App, around: &Around, account: &Account, identities: &[Identity]) -> PersonPage {
    let words = around.words;
    let text = &words.person;
    let fact =
        |name, value: &str| Fact { name, value: value.into(), detail: "".into(), link: None };
    let yes_no = if account.has_totp { words.form.yes } else { words.form.no };
    let last = account.signed_in.map_or(text.never.into(), when);
    let of = account.organisation.as_deref();
    PersonPage {
        shell: around.shell(),
        problem: None,
        title: Shown::new(&account.login).plain(),
        link: format!("/accounts/{}", account.id),
        organisation: account.organisation_name.as_deref().unwrap_or_default().into(),
        organisation_link: of.map_or("/organisations".into(), |id| format!("/organisations/{id}")),
        is_new: false,
        login: account.login.as_str().into(),
        // An operator's role is given in the shell.
        roles: if of.is_some() { roles(account.role, words) } else { Vec::new() },
        facts: vec![
            fact(text.role, words.role(account.role)),
            fact(text.state, state(account, words)),
            fact(text.second, yes_no),
            fact(text.last, &last),
        ],
        version: account.version,
        has_second: account.has_totp,
        identities: joined(app, words, identities, &format!("/accounts/{}", account.id)),
        can_open: of.is_some(),
        is_disabled: account.disabled.is_some(),
        made: None,
    }
}

/// The page of an account that there is.
async fn known_page(
    app: &App,
    around: &Around,
    operator: Operator,
    id: String,
) -> Result<PersonPage> {
    let (account, identities) = app
        .read(move |transaction| {
            let identities = accounts::identities(transaction, &operator, &id)?;
            Ok((accounts::get(transaction, &operator, &id)?, identities))
        })
        .await?;
    Ok(page(app, around, &account, &identities))
}

async fn show(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
) -> Result {
    Ok(answer(StatusCode::OK, &known_page(&app, &around, operator, id).await?))
}

async fn linking(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    operator: Operator,
    Path(id): Path<String>,
) -> Result {
    if !is_confirmed(&signed_in) {
        return Ok(see(&query("/confirm", &[("next", &format!("/accounts/{id}"))])));
    }
    let (of, who) = (id.clone(), operator.clone());
    let secret =
        app.write(move |transaction| accounts::make_link(transaction, &who, &of, now())).await?;
    let mut page = known_page(&app, &around, operator, id).await?;
    page.made = Some(made_link(&app, &around, &secret));
    Ok(answer(StatusCode::OK, &page))
}

/// Changes an account, and shows it again.
async fn change(
    app: &App,
    around: &Around,
    operator: Operator,
    id: String,
    version: Option<i64>,
    change: AccountChange,
) -> Result {
    let (of, who) = (id.clone(), operator.clone());
    let done = app
        .write(move |transaction| accounts::change(transaction, &who, &of, version, change, now()))
        .await;
    let Err(error) = done else { return Ok(see(&format!("/accounts/{id}"))) };
    let problem = Problem::of(error)?;
    let mut page = known_page(app, around, operator, id).await?;
    page.problem = Some(problem);
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

#[derive(Deserialize)]
struct RoleForm {
    version: i64,
    role: String,
}

async fn setting_role(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
    Form(form): Form<RoleForm>,
) -> Result {
    let role = Some(form.role.parse().map_err(|_| OpError::NotFound)?);
    let asked = AccountChange { role, ..AccountChange::default() };
    change(&app, &around, operator, id, Some(form.version), asked).await
}

async fn disabling(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
) -> Result {
    let asked = AccountChange { disabled: Some(true), ..AccountChange::default() };
    change(&app, &around, operator, id, None, asked).await
}

async fn enabling(
    State(app): State<App>,
    around: Around,
    operator: Operator,
    Path(id): Path<String>,
) -> Result {
    let asked = AccountChange { disabled: Some(false), ..AccountChange::default() };
    change(&app, &around, operator, id, None, asked).await
}

async fn removing_second_step(
    State(app): State<App>,
    signed_in: SignedIn,
    operator: Operator,
    Path(id): Path<String>,
) -> Result {
    if !is_confirmed(&signed_in) {
        return Ok(see(&query("/confirm", &[("next", &format!("/accounts/{id}"))])));
    }
    let of = id.clone();
    app.write(move |transaction| accounts::remove_totp(transaction, &operator, &of, now())).await?;
    Ok(see(&format!("/accounts/{id}")))
}

async fn removing_identity(
    State(app): State<App>,
    signed_in: SignedIn,
    operator: Operator,
    Path((id, identity)): Path<(String, String)>,
) -> Result {
    let page = format!("/accounts/{id}");
    if !is_confirmed(&signed_in) {
        return Ok(see(&query("/confirm", &[("next", &page)])));
    }
    app.write(move |transaction| {
        accounts::remove_identity(transaction, &operator, &id, &identity, now())
    })
    .await?;
    Ok(see(&page))
}
