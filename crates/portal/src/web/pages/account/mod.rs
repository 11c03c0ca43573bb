//! One's own account: password, second step, sessions, language; and its tokens.

mod tokens;

#[cfg(test)]
pub(super) use tokens::{TokenRow, TokensPage};

use super::around::{Around, LANGUAGE_COOKIE, is_confirmed};
use super::domain::{Fact, when};
use super::page::{Problem, Result, answer, see};
use super::shell::Shell;
use super::shown::Shown;
use super::sign_in::{NewPassword, password_problem};
use super::ways::{Joined, Way, joined, ways};
use crate::app::{App, now};
use crate::flow;
use crate::ops::{OpError, accounts, sessions};
use crate::web::{Access, Cookies, Route, SignedIn};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use policy::Language;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let own = vec![
        Route::get("/account", Access::SignedIn, account),
        Route::get("/account/password", Access::SignedIn, password),
        Route::post("/account/password", Access::SignedIn, setting_password),
        Route::post("/account/second-step/remove", Access::SignedIn, removing_second_step),
        Route::post("/account/identities/{identity}/remove", Access::SignedIn, removing_identity),
        Route::post("/account/sessions/end", Access::SignedIn, ending_others),
        Route::post("/account/language", Access::SignedIn, setting_language),
        Route::post("/language", Access::Everybody, choosing_language),
    ];
    own.into_iter().chain(tokens::routes()).collect()
}

/// Password, second step, sessions.
#[derive(Template)]
#[template(path = "web/pages/account/account.html")]
pub(super) struct AccountPage {
    pub shell: Shell,
    pub facts: Vec<Fact>,
    pub second: String,
    pub has_second: bool,
    pub problem: Option<Problem>,
    pub identities: Vec<Joined>,
    pub ways: Vec<Way>,
    pub sessions: Vec<SessionRow>,
}
section!(AccountPage, Account);

pub(super) struct SessionRow {
    pub with: Shown,
    pub from: Shown,
    pub since: String,
    pub seen: String,
    /// Whether it is the one that looks.
    pub is_this: bool,
}

/// A new password.
#[derive(Template)]
#[template(path = "web/pages/account/password.html")]
pub(super) struct PasswordPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub login: Shown,
}
section!(PasswordPage, Account);

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    said: String,
}

async fn account(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Query(query): Query<Said>,
) -> Result {
    let mut page = account_page(&app, &around, &signed_in).await?;
    if query.said == "joined" {
        page.shell.done = Some(around.words.provider.joined.into());
    }
    Ok(answer(StatusCode::OK, &page))
}

async fn account_page(app: &App, around: &Around, signed_in: &SignedIn) -> Result<AccountPage> {
    let of = signed_in.clone();
    let (rows, identities) = app
        .read(move |transaction| {
            let identities = accounts::own_identities(transaction, &of.actor)?;
            Ok((sessions::list(transaction, &of)?, identities))
        })
        .await?;
    let (words, account) = (around.words, &signed_in.account);
    let fact = |name, value: &str, link: Option<&str>| Fact {
        name,
        value: value.into(),
        detail: "".into(),
        link: link.map(Into::into),
    };
    let text = &words.account;
    let mut facts = vec![
        fact(text.login, &account.login, None),
        fact(text.role, words.role(account.role), None),
    ];
    if let Some(organisation) = &account.organisation_name {
        facts.push(fact(text.organisation, organisation, None));
    }
    if app.settings().passwords {
        let kept = if account.has_password { text.password_kept } else { text.password_none };
        facts.push(fact(text.password, kept, Some("/account/password")));
    }
    let second = if account.has_totp { text.second_on } else { text.second_off };
    let rows = rows.into_iter().map(|row| SessionRow {
        with: browser(&row.agent).into(),
        from: row.address.into(),
        since: when(row.created),
        seen: when(row.used),
        is_this: row.this,
    });
    Ok(AccountPage {
        shell: around.shell(),
        facts,
        second: second.into(),
        has_second: account.has_totp,
        problem: None,
        identities: joined(app, words, &identities, "/account"),
        ways: ways(app, words.provider.join, "/account/identities"),
        sessions: rows.collect(),
    })
}

async fn removing_identity(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result {
    if !is_confirmed(&signed_in) {
        return Ok(see("/confirm?next=/account"));
    }
    let (actor, session, ways) = (signed_in.actor(), signed_in.hash.clone(), app.ways());
    let removed = app
        .write(move |transaction| {
            accounts::remove_own_identity(transaction, &actor, &session, &id, &ways, now())
        })
        .await;
    match removed {
        Ok(()) => Ok(see("/account")),
        Err(OpError::Invalid(_)) => {
            let mut page = account_page(&app, &around, &signed_in).await?;
            page.problem = Some(Problem::new("", around.words.provider.last_way));
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a browser calls itself, in short: the first of its names that says which it is, and on what.
fn browser(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name)
    };
    // Each also calls itself by the names that stand below it.
    let name = first(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name}, {system}"),
        _ => agent.to_owned(),
    }
}

fn password_page(around: &Around, who: &SignedIn, problem: Option<Problem>) -> PasswordPage {
    PasswordPage { shell: around.shell(), problem, login: who.account.login.as_str().into() }
}

async fn password(around: Around, signed_in: SignedIn) -> Response {
    if !is_confirmed(&signed_in) {
        return see("/confirm?next=/account/password");
    }
    answer(StatusCode::OK, &password_page(&around, &signed_in, None))
}

async fn setting_password(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Form(form): Form<NewPassword>,
) -> Result {
    let mut problem = form.problem(&around);
    let tokens_too = !form.tokens.is_empty();
    if problem.is_none() {
        match flow::set_own_password(&app, &signed_in.actor(), form.password, tokens_too).await {
            // All sessions have ended, this one too.
            Ok(()) => {
                let end = [Cookies::new(&app).end()];
                return Ok((end, see("/sign-in?said=password")).into_response());
            }
            Err(error) => match password_problem(&around, &error) {
                Some(found) => problem = Some(found),
                None => return Err(error.into()),
            },
        }
    }
    let page = password_page(&around, &signed_in, problem);
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn removing_second_step(State(app): State<App>, signed_in: SignedIn) -> Result {
    if !is_confirmed(&signed_in) {
        return Ok(see("/confirm?next=/account"));
    }
    let actor = signed_in.actor();
    app.write(move |transaction| accounts::remove_own_totp(transaction, &actor, now())).await?;
    Ok(see("/account"))
}

async fn ending_others(State(app): State<App>, signed_in: SignedIn) -> Result {
    app.write(move |transaction| sessions::end_others(transaction, &signed_in)).await?;
    Ok(see("/account"))
}

#[derive(Deserialize)]
struct LanguageForm {
    language: String,
    #[serde(default)]
    back: String,
}

impl LanguageForm {
    fn language(&self) -> std::result::Result<Language, OpError> {
        self.language.parse().map_err(|_| OpError::NotFound)
    }
}

/// The language of the account's pages.
async fn setting_language(
    State(app): State<App>,
    signed_in: SignedIn,
    Form(form): Form<LanguageForm>,
) -> Result {
    let (actor, language) = (signed_in.actor(), form.language()?);
    app.write(move |transaction| accounts::set_language(transaction, &actor, language)).await?;
    Ok(see(&super::sign_in::local(&form.back)))
}

/// The language before anybody has signed in.
async fn choosing_language(State(app): State<App>, Form(form): Form<LanguageForm>) -> Result {
    let tag: &str = form.language()?.into();
    let secure = if app.settings().is_https() { "; Secure" } else { "" };
    let cookie = format!(
        "{LANGUAGE_COOKIE}={tag}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}"
    );
    let to = see(&super::sign_in::local(&form.back));
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn a_browser_is_told_in_short_and_anything_else_as_it_calls_itself() {
        for (agent, shown) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox, Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Safari/537.36 Edg/140.0.0.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile \
                 Safari/537.36",
                "Chrome, Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari, iOS",
            ),
            ("curl/8.5.0", "curl/8.5.0"),
            ("", ""),
        ] {
            assert_eq!(browser(agent), shown);
        }
    }
}
