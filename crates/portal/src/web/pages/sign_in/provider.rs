//! To an OpenID provider, and back.
//!
//! Buttons are forms, so that no other site presses them. Browsers follow no redirect of a form to another site
//! where `form-action` keeps forms here, so the answer is a page that goes on by itself.

use super::super::page::{ErrorPage, Result, answer, see};
use super::super::shell::Shell;
use super::super::shown::Shown;
use super::super::words::fill;
use super::handlers::{dead_link, link_page, to_code};
use super::{GoingPage, local};
use crate::app::App;
use crate::auth::oidc::Back;
use crate::flow::provider::{self, Arrived, Begun, Purpose, Refused};
use crate::ops::OpError;
use crate::web::pages::around::{Around, is_confirmed};
use crate::web::{Access, Client, Cookies, Route, SignedIn, extract};
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/sign-in/with/{provider}", Access::Everybody, signing_in),
        Route::get("/sign-in/with/{provider}", Access::Everybody, returning),
        Route::post("/confirm/with/{provider}", Access::SignedIn, confirming),
        Route::post("/account/identities/with/{provider}", Access::SignedIn, joining),
        Route::post("/link/{secret}/with/{provider}", Access::Everybody, using_link),
    ]
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

/// How a provider is called.
fn name(app: &App, id: &str) -> String {
    let known = app.settings().sign_in.iter().find(|provider| provider.id == id);
    known.map_or_else(String::new, |provider| Shown::new(&provider.name).plain())
}

/// The shell of a page that cannot be asked for again: another language is that of the first page.
fn shell(around: &Around) -> Shell {
    Shell { path: "/".into(), ..around.shell() }
}

/// Begins, and sends the browser there.
async fn go(app: &App, around: &Around, id: &str, purpose: Purpose, with: String) -> Result {
    let (begun, address) = match provider::begin(app, id, purpose, with).await {
        Ok(begun) => begun,
        Err(refused) => return failed(app, around, id, refused),
    };
    let refresh = HeaderValue::from_str(&format!("0; url={address}"));
    let refresh = refresh.map_err(|_| OpError::Unavailable("this is no address".into()))?;
    let keep = Cookies::new(app).keep_attempt(&begun.to_cookie());
    let title = fill(around.words.provider.going, &[("provider", &name(app, id))]);
    let page = GoingPage { shell: shell(around), title, address };
    Ok(([keep, (header::REFRESH, refresh)], answer(StatusCode::OK, &page)).into_response())
}

async fn signing_in(
    State(app): State<App>,
    around: Around,
    Path(id): Path<String>,
    Form(form): Form<Next>,
) -> Result {
    go(&app, &around, &id, Purpose::SignIn, local(&form.next)).await
}

async fn confirming(
    State(app): State<App>,
    around: Around,
    _: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Next>,
) -> Result {
    go(&app, &around, &id, Purpose::Confirm, local(&form.next)).await
}

async fn joining(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result {
    if !is_confirmed(&signed_in) {
        return Ok(see("/confirm?next=/account"));
    }
    go(&app, &around, &id, Purpose::Join, String::new()).await
}

async fn using_link(
    State(app): State<App>,
    around: Around,
    Path((secret, id)): Path<(String, String)>,
) -> Result {
    match link_page(&app, &around, &secret).await {
        Ok(_) => go(&app, &around, &id, Purpose::Link, secret).await,
        Err(error) if matches!(error.0, OpError::NotFound) => Ok(dead_link(&around)),
        Err(error) => Err(error),
    }
}

async fn returning(
    State(app): State<App>,
    around: Around,
    Client(origin): Client,
    Path(id): Path<String>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Result {
    let cookies = Cookies::new(&app);
    let begun = cookies.attempt(&headers).and_then(|text| Begun::of_cookie(&text));
    let session = extract::session(&app, &headers).await?;
    // Whatever comes of it, it comes once.
    let over = cookies.keep_attempt("");
    let mut ended = match provider::end(&app, &id, begun, back, session, &origin).await {
        Ok(Arrived::SignedIn { key, half, next }) => {
            let to = if half { to_code(&local(&next)) } else { local(&next) };
            ([cookies.begin(&key)], see(&to)).into_response()
        }
        Ok(Arrived::Joined) => see("/account?said=joined"),
        Ok(Arrived::Linked) => see("/sign-in?said=joined"),
        Err(refused) => failed(&app, &around, &id, refused)?,
    };
    ended.headers_mut().append(over.0, over.1);
    Ok(ended)
}

/// The page that says why nobody was signed in.
fn failed(app: &App, around: &Around, id: &str, refused: Refused) -> Result {
    let words = &around.words.provider;
    let provider = name(app, id);
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let mut more = String::new();
    let (text, issuer, subject) = match refused {
        Refused::Lost => (words.lost, String::new(), String::new()),
        Refused::Declined => (words.declined, String::new(), String::new()),
        Refused::NotBelieved => (words.not_believed, String::new(), String::new()),
        Refused::Unconfirmed => (words.unconfirmed, String::new(), String::new()),
        Refused::Stranger(proven) => {
            let shown = |text: &str| Shown::new(text).plain();
            (words.stranger, shown(&proven.issuer), shown(&proven.subject))
        }
        Refused::Unavailable => {
            status = StatusCode::SERVICE_UNAVAILABLE;
            if app.settings().passwords {
                more = format!(" {}", words.password_works);
            }
            (words.unavailable, String::new(), String::new())
        }
        Refused::Failed(OpError::Taken(_)) => (words.taken, String::new(), String::new()),
        Refused::Failed(error) => return Err(error.into()),
    };
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("provider", &provider), ("issuer", &issuer), ("subject", &subject)];
    let page = ErrorPage {
        shell: shell(around),
        title: words.failed,
        text: fill(text, &values) + &more,
        onwards: ("/".into(), around.words.errors.to_start),
    };
    Ok(answer(status, &page))
}
