//! What these pages do.

use super::{AgainPage, CodePage, CodesPage, ForgottenPage, LinkPage, SignInPage, TotpPage};
use crate::app::{App, now};
use crate::auth::password::SHORTEST;
use crate::auth::totp;
use crate::flow;
use crate::ops::{OpError, accounts, sessions};
use crate::secret::Secret;
use crate::web::pages::around::{Around, is_confirmed};
use crate::web::pages::page::{ErrorPage, Problem, Result, answer, query, see};
use crate::web::pages::ways::ways;
use crate::web::pages::words::fill;
use crate::web::{Access, Client, Cookies, Route, SignedIn};
use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sign-in", Access::Everybody, sign_in),
        Route::post("/sign-in", Access::Everybody, signing_in),
        Route::get("/sign-in/code", Access::OwesCode, code),
        Route::post("/sign-in/code", Access::OwesCode, giving_code),
        Route::post("/sign-out", Access::SignedIn, sign_out),
        Route::get("/confirm", Access::SignedIn, again),
        Route::post("/confirm", Access::SignedIn, confirming),
        Route::get("/forgotten", Access::Everybody, forgotten),
        Route::get("/link/{secret}", Access::Everybody, link),
        Route::post("/link/{secret}", Access::Everybody, using_link),
        Route::get("/account/second-step", Access::SignedIn, second_step),
        Route::post("/account/second-step", Access::SignedIn, setting_second_step),
        Route::post("/account/second-step/begin", Access::SignedIn, beginning_second_step),
        Route::get("/account/second-step/picture", Access::SignedIn, key_picture),
    ]
}

/// Where to go after a sign-in: a path of this portal, else its first page.
pub(in crate::web::pages) fn local(next: &str) -> String {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|octet| octet.is_ascii_graphic() && !b"\\<>\"".contains(&octet));
    if is_local { next.to_owned() } else { "/".into() }
}

#[derive(Default, Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
    /// What has just been done; a word of this program's.
    #[serde(default)]
    said: String,
    #[serde(default)]
    recovery: String,
}

fn sign_in_page(
    app: &App,
    around: &Around,
    login: &str,
    next: &str,
    problem: Option<Problem>,
) -> SignInPage {
    SignInPage {
        shell: around.shell(),
        problem,
        login: login.into(),
        next: local(next),
        passwords: app.settings().passwords,
        ways: ways(app, around.words.provider.sign_in, "/sign-in"),
    }
}

async fn sign_in(State(app): State<App>, around: Around, Query(query): Query<Next>) -> Response {
    let mut page = sign_in_page(&app, &around, "", &query.next, None);
    page.shell.done = match &*query.said {
        "password" => Some(around.words.sign_in.done.into()),
        "joined" => Some(around.words.provider.joined.into()),
        _ => None,
    };
    answer(StatusCode::OK, &page)
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    next: String,
    login: String,
    password: String,
}

async fn signing_in(
    State(app): State<App>,
    around: Around,
    Client(origin): Client,
    Form(form): Form<SignInForm>,
) -> Result {
    match flow::sign_in(&app, &form.login, form.password, &origin).await {
        Ok(signed_in) => {
            let next = local(&form.next);
            let to = if signed_in.half { to_code(&next) } else { next };
            Ok(([Cookies::new(&app).begin(&signed_in.key)], see(&to)).into_response())
        }
        Err(OpError::NotFound) => {
            let problem = Problem::new("login", around.words.sign_in.failed);
            let page = sign_in_page(&app, &around, &form.login, &form.next, Some(problem));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where the code of the authenticator is asked for.
pub(super) fn to_code(next: &str) -> String {
    query("/sign-in/code", &[("next", next)])
}

fn code_page(around: &Around, next: &str, is_recovery: bool, problem: Option<Problem>) -> CodePage {
    CodePage { shell: around.shell(), problem, is_recovery, next: local(next) }
}

async fn code(around: Around, Query(query): Query<Next>) -> Response {
    let page = code_page(&around, &query.next, !query.recovery.is_empty(), None);
    answer(StatusCode::OK, &page)
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    next: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    recovery: String,
}

async fn giving_code(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Client(origin): Client,
    Form(form): Form<CodeForm>,
) -> Result {
    let is_recovery = !form.recovery.is_empty();
    let code = if is_recovery { form.recovery } else { form.code };
    match flow::give_code(&app, &signed_in, code, &origin).await {
        Ok(key) => Ok(([Cookies::new(&app).begin(&key)], see(&local(&form.next))).into_response()),
        Err(OpError::NotFound) => {
            let field = if is_recovery { "recovery" } else { "code" };
            let problem = Problem::new(field, around.words.sign_in.code_failed);
            let page = code_page(&around, &form.next, is_recovery, Some(problem));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn sign_out(State(app): State<App>, signed_in: SignedIn) -> Result {
    app.write(move |transaction| sessions::end(transaction, &signed_in)).await?;
    Ok(([Cookies::new(&app).end()], see("/sign-in")).into_response())
}

fn again_page(
    app: &App,
    around: &Around,
    who: &SignedIn,
    next: &str,
    problem: Option<Problem>,
) -> AgainPage {
    let mut ways = ways(app, around.words.provider.confirm, "/confirm");
    ways.retain(|_| who.account.has_identity);
    AgainPage {
        shell: around.shell(),
        problem,
        passwords: app.settings().passwords && (who.account.has_password || ways.is_empty()),
        ways,
        next: if next.is_empty() { "/account".into() } else { local(next) },
        has_code: who.account.has_totp,
    }
}

async fn again(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Query(query): Query<Next>,
) -> Response {
    answer(StatusCode::OK, &again_page(&app, &around, &signed_in, &query.next, None))
}

#[derive(Deserialize)]
struct AgainForm {
    #[serde(default)]
    next: String,
    password: String,
    #[serde(default)]
    code: String,
}

async fn confirming(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Client(origin): Client,
    Form(form): Form<AgainForm>,
) -> Result {
    match flow::confirm(&app, &signed_in, form.password, Some(form.code), &origin).await {
        Ok(key) => Ok(([Cookies::new(&app).begin(&key)], see(&local(&form.next))).into_response()),
        Err(OpError::NotFound) => {
            let problem = Problem::new("password", around.words.sign_in.again_failed);
            let page = again_page(&app, &around, &signed_in, &form.next, Some(problem));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn forgotten(State(app): State<App>, around: Around) -> Response {
    let support = app.settings().support.as_deref().map(Into::into);
    answer(StatusCode::OK, &ForgottenPage { shell: around.shell(), support })
}

pub(super) async fn link_page(app: &App, around: &Around, secret: &str) -> Result<LinkPage> {
    let secret = Secret::shown(secret);
    let account =
        app.read(move |transaction| accounts::of_link(transaction, &secret, now())).await?;
    let values: [(&str, &dyn std::fmt::Display); 2] =
        [("login", &account.login), ("least", &SHORTEST)];
    let passwords = app.settings().passwords;
    let words = &around.words.link;
    let hint = if passwords { words.welcome_hint } else { words.hint_elsewhere };
    Ok(LinkPage {
        shell: around.shell(),
        problem: None,
        login: account.login.as_str().into(),
        hint: fill(hint, &values),
        passwords,
        // Its own address is the secret's.
        ways: ways(app, around.words.provider.join, around.path()),
    })
}

/// Says that a link is used up, and nothing else.
pub(super) fn dead_link(around: &Around) -> Response {
    let words = &around.words.link;
    let page = ErrorPage {
        shell: around.shell(),
        title: words.invalid,
        text: words.invalid_hint.into(),
        onwards: ("/forgotten".into(), words.forgotten),
    };
    answer(StatusCode::NOT_FOUND, &page)
}

async fn link(State(app): State<App>, around: Around, Path(secret): Path<String>) -> Result {
    match link_page(&app, &around, &secret).await {
        Ok(page) => Ok(answer(StatusCode::OK, &page)),
        Err(error) if matches!(error.0, OpError::NotFound) => Ok(dead_link(&around)),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
pub(in crate::web::pages) struct NewPassword {
    pub password: String,
    pub repeat: String,
    /// Whether tokens end, too.
    #[serde(default)]
    pub tokens: String,
}

impl NewPassword {
    /// What a form can be told without asking anybody.
    pub fn problem(&self, around: &Around) -> Option<Problem> {
        let differ = || Problem::new("repeat", around.words.link.differ);
        (self.password != self.repeat).then(differ)
    }
}

/// What was wrong with a password, in words of the page.
pub(in crate::web::pages) fn password_problem(around: &Around, error: &OpError) -> Option<Problem> {
    let OpError::Invalid(_) = error else { return None };
    let text = fill(around.words.link.short, &[("least", &SHORTEST)]);
    Some(Problem::new("password", text))
}

async fn using_link(
    State(app): State<App>,
    around: Around,
    Client(origin): Client,
    Path(secret): Path<String>,
    Form(form): Form<NewPassword>,
) -> Result {
    let mut page = match link_page(&app, &around, &secret).await {
        Err(error) if matches!(error.0, OpError::NotFound) => return Ok(dead_link(&around)),
        page => page?,
    };
    page.problem = form.problem(&around);
    if page.problem.is_none() {
        match flow::use_link(&app, Secret::shown(&secret), form.password, &origin).await {
            Ok(_) => return Ok(see("/sign-in?said=password")),
            Err(error) => {
                page.problem = password_problem(&around, &error);
                if page.problem.is_none() {
                    return Err(error.into());
                }
            }
        }
    }
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// The key in groups, as people type it.
fn groups(key: &str) -> String {
    let mut shown = String::new();
    for (place, c) in key.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            shown.push(' ');
        }
        shown.push(c);
    }
    shown
}

async fn totp_page(app: &App, around: &Around, who: &SignedIn) -> Result<TotpPage> {
    let actor = who.actor();
    let key = app.read(move |transaction| accounts::pending_totp(transaction, &actor)).await?;
    Ok(TotpPage {
        shell: around.shell(),
        problem: None,
        // Another key is another picture.
        picture: format!(
            "/account/second-step/picture?{}",
            Secret::shown(&key).hash().get(..8).unwrap_or_default()
        ),
        key: groups(&key),
        may_wait: !who.account.has_totp,
    })
}

async fn second_step(around: Around, signed_in: SignedIn) -> Result {
    if !is_confirmed(&signed_in) {
        return Ok(see("/confirm?next=/account/second-step"));
    }
    let page = TotpPage {
        shell: around.shell(),
        problem: None,
        picture: String::new(),
        key: String::new(),
        may_wait: !signed_in.account.has_totp,
    };
    Ok(answer(StatusCode::OK, &page))
}

/// Shows a new key. What another session has begun is never shown: it may know that key.
async fn beginning_second_step(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
) -> Result {
    flow::begin_totp(&app, &signed_in.actor()).await?;
    Ok(answer(StatusCode::OK, &totp_page(&app, &around, &signed_in).await?))
}

/// The key as a picture. It is only there while it is being set up.
async fn key_picture(State(app): State<App>, signed_in: SignedIn) -> Result {
    let actor = signed_in.actor();
    let key = app.read(move |transaction| accounts::pending_totp(transaction, &actor)).await?;
    let picture = totp::picture(&key, &signed_in.account.login, &app.settings().name);
    let picture = picture.ok_or(OpError::NotFound)?;
    Ok(([(CONTENT_TYPE, "image/png")], picture).into_response())
}

#[derive(Deserialize)]
struct SecondStepForm {
    code: String,
}

async fn setting_second_step(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Client(origin): Client,
    Form(form): Form<SecondStepForm>,
) -> Result {
    match flow::set_totp(&app, &signed_in, &form.code, &origin).await {
        // These are shown once, so they are the answer itself.
        Ok(codes) => Ok(answer(StatusCode::OK, &CodesPage { shell: around.shell(), codes })),
        Err(OpError::Invalid(_)) => {
            let mut page = totp_page(&app, &around, &signed_in).await?;
            page.problem = Some(Problem::new("code", around.words.totp.wrong));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_pages_of_this_portal_alone() {
        for (next, to) in [
            ("", "/"),
            ("/", "/"),
            (
                "/domains/example.org/switch?mode=enforce",
                "/domains/example.org/switch?mode=enforce",
            ),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("/\t/evil.example", "/"),
            ("evil", "/"),
        ] {
            assert_eq!(local(next), to, "{next}");
        }
    }
}
