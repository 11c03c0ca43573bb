//! Tokens for programs.

use crate::app::{App, now};
use crate::ops::tokens::{self, LONGEST_DAYS, NewToken, Token};
use crate::ops::{OpError, Role, Scope};
use crate::web::pages::around::{Around, is_confirmed};
use crate::web::pages::domain::{Choosable, day};
use crate::web::pages::page::{Problem, Result, answer, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::Words;
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use strum::IntoEnumIterator;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/account/tokens", Access::SignedIn, list),
        Route::post("/account/tokens", Access::SignedIn, making),
        Route::post("/account/tokens/{token}/revoke", Access::SignedIn, revoking),
    ]
}

/// Tokens for programs.
#[derive(Template)]
#[template(path = "web/pages/account/tokens.html")]
pub(in crate::web::pages) struct TokensPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    /// The one that has just been made: it is shown this once.
    pub made: Option<String>,
    pub tokens: Vec<TokenRow>,
    pub name: Shown,
    pub scopes: Vec<Choosable>,
    /// How long it lasts: days, in words, whether chosen.
    pub lasts: Vec<(String, String, bool)>,
}
section!(TokensPage, Account);

pub(in crate::web::pages) struct TokenRow {
    pub name: Shown,
    pub scopes: String,
    pub expires: String,
    pub used: String,
    /// Where it can be revoked; none where it cannot be used any more.
    pub revoke: Option<String>,
}

/// What the form holds: a field may come several times.
struct TokenForm {
    name: String,
    scopes: Vec<Scope>,
    days: i64,
}

impl TokenForm {
    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut form = Self { name: String::new(), scopes: Vec::new(), days: 90 };
        for (field, value) in pairs {
            match &*field {
                "name" => form.name = value,
                "scope" => form.scopes.extend(value.parse::<Scope>().ok()),
                "days" => form.days = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        form
    }
}

fn row(token: &Token, words: &Words) -> TokenRow {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| words.scope(*scope)[0]).collect();
    let revoke = token.is_valid(now()).then(|| format!("/account/tokens/{}/revoke", token.id));
    TokenRow {
        name: token.name.as_str().into(),
        scopes: scopes.join(", "),
        expires: day(token.ends),
        used: token.used.map_or(words.tokens.never.into(), day),
        revoke,
    }
}

async fn page(app: &App, around: &Around, who: &SignedIn, form: &TokenForm) -> Result<TokensPage> {
    let actor = who.actor();
    let role = actor.role;
    let all = app.read(move |transaction| tokens::list(transaction, &actor, false)).await?;
    let words = around.words;
    let scopes = Scope::iter().filter(|scope| match scope {
        Scope::Read => true,
        Scope::Switch | Scope::Manage => role != Role::Reader,
        Scope::Operator => role == Role::Operator,
    });
    let scopes = scopes.map(|scope| {
        let [title, about] = words.scope(scope);
        Choosable {
            value: scope.into(),
            title: title.into(),
            about: about.into(),
            chosen: form.scopes.contains(&scope),
        }
    });
    let lasts = [30, 90, 180, LONGEST_DAYS].map(|days| {
        (days.to_string(), words.tokens.days.of(days.unsigned_abs()), days == form.days)
    });
    Ok(TokensPage {
        shell: around.shell(),
        problem: None,
        made: None,
        tokens: all.iter().map(|token| row(token, words)).collect(),
        name: form.name.as_str().into(),
        scopes: scopes.collect(),
        lasts: lasts.into(),
    })
}

async fn list(State(app): State<App>, around: Around, signed_in: SignedIn) -> Result {
    let form = TokenForm { name: String::new(), scopes: vec![Scope::Read], days: 90 };
    Ok(answer(StatusCode::OK, &page(&app, &around, &signed_in, &form).await?))
}

async fn making(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    axum::Form(pairs): axum::Form<Vec<(String, String)>>,
) -> Result {
    if !is_confirmed(&signed_in) {
        return Ok(see("/confirm?next=/account/tokens"));
    }
    let form = TokenForm::read(pairs);
    let new = NewToken { name: form.name.clone(), scopes: form.scopes.clone(), days: form.days };
    let actor = signed_in.actor();
    let made = app.write(move |transaction| tokens::add(transaction, &actor, &new, now())).await;
    match made {
        // It is shown this once, so it is the answer itself.
        Ok((_, secret)) => {
            let blank = TokenForm { name: String::new(), scopes: vec![Scope::Read], days: 90 };
            let mut page = page(&app, &around, &signed_in, &blank).await?;
            page.made = Some(secret.reveal().to_owned());
            Ok(answer(StatusCode::OK, &page))
        }
        Err(OpError::Invalid(_)) => {
            let text = &around.words.tokens;
            let mut page = page(&app, &around, &signed_in, &form).await?;
            page.problem = Some(match form.scopes.is_empty() {
                true => Problem::new("scope-1", text.scope_wrong),
                false => Problem::new("name", text.name_wrong),
            });
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn revoking(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(token): Path<String>,
) -> Result {
    let actor = signed_in.actor();
    app.write(move |transaction| tokens::revoke(transaction, &actor, None, &token, now())).await?;
    Ok(see("/account/tokens"))
}
