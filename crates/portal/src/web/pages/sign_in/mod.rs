//! To sign in: password, second step, one-time links.

mod handlers;
#[cfg(feature = "oidc")]
mod provider;

pub(super) use handlers::{NewPassword, local, password_problem};

use super::page::Problem;
use super::shell::Shell;
use super::shown::Shown;
use super::ways::Way;
use crate::web::Route;
use askama::Template;

pub(super) fn routes() -> Vec<Route> {
    let routes = handlers::routes().into_iter();
    #[cfg(feature = "oidc")]
    let routes = routes.chain(provider::routes());
    routes.collect()
}

/// Name and password.
#[derive(Template)]
#[template(path = "web/pages/sign_in/sign_in.html")]
pub(super) struct SignInPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub login: Shown,
    /// Where to go then.
    pub next: String,
    /// Whether passwords are asked for.
    pub passwords: bool,
    pub ways: Vec<Way>,
}
section!(SignInPage, None);

/// The code of the app, or a recovery code.
#[derive(Template)]
#[template(path = "web/pages/sign_in/code.html")]
pub(super) struct CodePage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub is_recovery: bool,
    pub next: String,
}
section!(CodePage, None);

/// Before what can open doors.
#[derive(Template)]
#[template(path = "web/pages/sign_in/again.html")]
pub(super) struct AgainPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub next: String,
    pub has_code: bool,
    /// Whether passwords are asked for.
    pub passwords: bool,
    pub ways: Vec<Way>,
}
section!(AgainPage, None);

/// On the way to an OpenID provider.
#[cfg(feature = "oidc")]
#[derive(Template)]
#[template(path = "web/pages/sign_in/going.html")]
pub(super) struct GoingPage {
    pub shell: Shell,
    pub title: String,
    pub address: String,
}
#[cfg(feature = "oidc")]
section!(GoingPage, None);

/// The forgotten password.
#[derive(Template)]
#[template(path = "web/pages/sign_in/forgotten.html")]
pub(super) struct ForgottenPage {
    pub shell: Shell,
    /// Whom to ask.
    pub support: Option<Shown>,
}
section!(ForgottenPage, None);

/// Behind a one-time link: the new password.
#[derive(Template)]
#[template(path = "web/pages/sign_in/link.html")]
pub(super) struct LinkPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub login: Shown,
    pub hint: String,
    /// Whether passwords are asked for.
    pub passwords: bool,
    pub ways: Vec<Way>,
}
section!(LinkPage, None);

/// The key of an app.
#[derive(Template)]
#[template(path = "web/pages/sign_in/totp.html")]
pub(super) struct TotpPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    /// Its path.
    pub picture: String,
    /// In groups of four; empty: there is none yet.
    pub key: String,
    /// Whether it can be left for later.
    pub may_wait: bool,
}
section!(TotpPage, Account);

/// New recovery codes, which are shown this once.
#[derive(Template)]
#[template(path = "web/pages/sign_in/codes.html")]
pub(super) struct CodesPage {
    pub shell: Shell,
    pub codes: Vec<String>,
}
section!(CodesPage, Account);
