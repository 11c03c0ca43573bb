//! A portal beside one or two providers, and browsers that go between them.

use super::provider::{Provider, SECRET};
use crate::api::{Answer, answer};
use crate::engines::Engine;
use crate::support::Portal;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use portal::ops::audit::{self, Action, AuditRow};
use portal::ops::{Actor, accounts};
use portal::{App, Secret, now};
use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use tokio::runtime::Runtime;

pub const PASSWORD: &str = "correct horse battery";

pub struct Site {
    pub portal: Portal,
    pub provider: Provider,
    /// Another one, in which everybody can have an account of any name.
    pub other: Provider,
    pub app: App,
    router: Router,
    runtime: Runtime,
}

/// A browser, with its cookies.
#[derive(Clone, Default)]
pub struct Browser(HashMap<String, String>);

impl Site {
    pub fn new(engine: Engine) -> Self {
        Self::with(engine, "")
    }

    /// With more lines in the settings.
    pub fn with(engine: Engine, more: &str) -> Self {
        let portal = Portal::new(engine);
        let [provider, other] = [Provider::start(), Provider::start()];
        fs::write(portal.path("secret"), format!("{SECRET}\n")).unwrap();
        let mut settings = fs::read_to_string(portal.path("portal.yaml")).unwrap();
        settings.push_str("sign_in:\n");
        for (id, provider) in [("staff", &provider), ("guests", &other)] {
            let issuer = provider.issuer();
            writeln!(settings, "  - {{ id: {id}, name: The {id}, issuer: {issuer}, client_id: portal, client_secret_file: secret }}").unwrap();
        }
        settings.push_str(more);
        fs::write(portal.path("portal.yaml"), settings).unwrap();
        let app = portal.app();
        let router = portal::router(&app);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self { router, app, runtime: runtime.unwrap(), provider, other, portal }
    }

    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn send(
        &self,
        browser: &mut Browser,
        request: axum::http::request::Builder,
        body: String,
    ) -> Answer {
        let cookies: Vec<_> =
            browser.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("host", "portal.example").header("cookie", cookies.join("; "));
        let answer = self.run(answer(self.router.clone(), request.body(Body::from(body)).unwrap()));
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(
                cookie.starts_with("__Host-")
                    && cookie.contains("; HttpOnly; SameSite=Lax; Secure")
            );
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => drop(browser.0.remove(name)),
                value => drop(browser.0.insert(name.into(), value.into())),
            }
        }
        answer
    }

    pub fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        self.send(browser, Request::builder().uri(path), String::new())
    }

    pub fn post(&self, browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_from(browser, path, form, "same-origin")
    }

    pub fn post_from(
        &self,
        browser: &mut Browser,
        path: &str,
        form: &[(&str, &str)],
        site: &str,
    ) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("sec-fetch-site", site)
            .header("content-type", "application/x-www-form-urlencoded");
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(browser, request, body)
    }

    /// Begins somewhere: where the browser goes.
    pub fn begin(&self, browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(browser, path, form);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let refresh = answer.headers[header::REFRESH].to_str().unwrap();
        refresh.strip_prefix("0; url=").unwrap().to_owned()
    }

    /// Comes back.
    pub fn end(&self, browser: &mut Browser, back: &url::Url) -> Answer {
        assert_eq!(back.host_str(), Some("portal.example"));
        self.get(browser, &format!("{}?{}", back.path(), back.query().unwrap_or_default()))
    }

    /// Signs in at the first provider as somebody.
    pub fn sign_in(&self, browser: &mut Browser, subject: &str) -> Answer {
        let address = self.begin(browser, "/sign-in/with/staff", &[]);
        self.end(browser, &self.provider.authorize(&address, subject))
    }

    pub fn id(&self) -> String {
        self.portal.a.administrator.account.clone().unwrap()
    }

    /// Joins somebody of the first provider to the administrator of A.
    pub fn join(&self, subject: &str) {
        let (operator, issuer) = (&self.portal.operator, self.provider.issuer());
        let id = self.id();
        let add = |transaction: &mut portal::store::Transaction<'_>| {
            accounts::add_identity(transaction, operator, &id, (issuer, subject), now())
        };
        self.portal.write(add).unwrap();
    }

    pub fn link(&self, actor: &Actor) -> Secret {
        let id = actor.account.clone().unwrap();
        let operator = &self.portal.operator;
        self.portal
            .write(|transaction| accounts::make_link(transaction, operator, &id, now()))
            .unwrap()
    }

    /// A browser in which the administrator of A has signed in with a password.
    pub fn with_password(&self) -> Browser {
        let mut browser = Browser::default();
        let path = format!("/link/{}", self.link(&self.portal.a.administrator).reveal());
        let form = [("password", PASSWORD), ("repeat", PASSWORD)];
        assert_eq!(to(&self.post(&mut browser, &path, &form)), "/sign-in?said=password");
        assert_eq!(to(&self.sign_in_by_password(&mut browser)), "/");
        browser
    }

    pub fn sign_in_by_password(&self, browser: &mut Browser) -> Answer {
        let form = [("login", "admin@a.example"), ("password", PASSWORD)];
        self.post(browser, "/sign-in", &form)
    }

    pub fn is_signed_in(&self, browser: &Browser) -> bool {
        self.get(&mut browser.clone(), "/").status == 200
    }

    pub fn identities(&self) -> Vec<accounts::Identity> {
        let (operator, id) = (&self.portal.operator, self.id());
        self.portal.read(|transaction| accounts::identities(transaction, operator, &id)).unwrap()
    }

    /// The rows of the log about an action, the latest first.
    pub fn log(&self, action: Action) -> Vec<AuditRow> {
        let query = audit::AuditQuery { action: Some(action), ..Default::default() };
        let operator = self.portal.operator.actor();
        self.portal.read(|transaction| audit::search(transaction, operator, &query)).unwrap().rows
    }
}

/// Where an answer sends the browser.
#[track_caller]
pub fn to(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers[header::LOCATION].to_str().unwrap().to_owned()
}

/// Why nobody was signed in.
#[track_caller]
pub fn is_refused(answer: &Answer, status: u16, why: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text);
    assert!(answer.text.contains(why), "{what}: {}", answer.text);
    let begins = answer.headers.get_all(header::SET_COOKIE).iter();
    let session = begins.filter(|cookie| cookie.to_str().unwrap().starts_with("__Host-session"));
    assert_eq!(session.count(), 0, "{what}");
}

/// A copy of the browser's cookie of an attempt, for another one.
pub fn attempt_of(browser: &Browser) -> Browser {
    let attempt = browser.0.get_key_value("__Host-attempt").unwrap();
    Browser(HashMap::from([(attempt.0.clone(), attempt.1.clone())]))
}

pub fn session_of(browser: &Browser) -> &str {
    &browser.0["__Host-session"]
}
