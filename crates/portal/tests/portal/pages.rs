//! The routes of the pages: each has been decided, and lets in whom it is for.

use crate::api::{Answer, Api};
use crate::connection::api_with;
use crate::engines::Engine;
use axum::body::Body;
use axum::http::{Request, header};
use portal::ops::sessions::{self, Origin};
use portal::ops::{Actor, accounts};
use portal::web::{Access, Method, routes};
use portal::{Secret, now};
use std::collections::BTreeSet;

/// Who each route is for. One that is not in this list fails the test below, until somebody has decided.
const DECIDED: [(Method, &str, Access); 81] = [
    (Method::Get, "/", Access::SignedIn),
    (Method::Get, "/account", Access::SignedIn),
    (Method::Post, "/account/identities/with/{provider}", Access::SignedIn),
    (Method::Post, "/account/identities/{identity}/remove", Access::SignedIn),
    (Method::Post, "/account/language", Access::SignedIn),
    (Method::Get, "/account/password", Access::SignedIn),
    (Method::Post, "/account/password", Access::SignedIn),
    (Method::Get, "/account/second-step", Access::SignedIn),
    (Method::Post, "/account/second-step", Access::SignedIn),
    (Method::Get, "/account/second-step/picture", Access::SignedIn),
    (Method::Post, "/account/second-step/remove", Access::SignedIn),
    (Method::Post, "/account/sessions/end", Access::SignedIn),
    (Method::Get, "/account/tokens", Access::SignedIn),
    (Method::Post, "/account/tokens", Access::SignedIn),
    (Method::Post, "/account/tokens/{token}/revoke", Access::SignedIn),
    (Method::Get, "/accounts/{account}", Access::Operator),
    (Method::Post, "/accounts/{account}/disable", Access::Operator),
    (Method::Post, "/accounts/{account}/enable", Access::Operator),
    (Method::Post, "/accounts/{account}/identities/{identity}/remove", Access::Operator),
    (Method::Post, "/accounts/{account}/link", Access::Operator),
    (Method::Post, "/accounts/{account}/role", Access::Operator),
    (Method::Post, "/accounts/{account}/second-step/remove", Access::Operator),
    (Method::Post, "/act/end", Access::Operator),
    (Method::Get, "/assets/{file}", Access::Everybody),
    (Method::Get, "/audit", Access::Operator),
    (Method::Get, "/audit.csv", Access::Operator),
    (Method::Post, "/audit/{row}/undo", Access::MayChange),
    (Method::Get, "/confirm", Access::SignedIn),
    (Method::Post, "/confirm", Access::SignedIn),
    (Method::Post, "/confirm/with/{provider}", Access::SignedIn),
    (Method::Get, "/domains/{domain}", Access::SignedIn),
    (Method::Get, "/domains/{domain}/contact", Access::MayChange),
    (Method::Post, "/domains/{domain}/contact", Access::MayChange),
    (Method::Get, "/domains/{domain}/delivery", Access::SignedIn),
    (Method::Post, "/domains/{domain}/delivery", Access::MayChange),
    (Method::Get, "/domains/{domain}/delivery/switch", Access::MayChange),
    (Method::Post, "/domains/{domain}/delivery/test", Access::MayChange),
    (Method::Get, "/domains/{domain}/exceptions/new", Access::MayChange),
    (Method::Post, "/domains/{domain}/exceptions/new", Access::MayChange),
    (Method::Post, "/domains/{domain}/exceptions/{place}/remove", Access::MayChange),
    (Method::Get, "/domains/{domain}/history", Access::SignedIn),
    (Method::Get, "/domains/{domain}/history.csv", Access::SignedIn),
    (Method::Post, "/domains/{domain}/mode", Access::MayChange),
    (Method::Get, "/domains/{domain}/partner", Access::SignedIn),
    (Method::Get, "/domains/{domain}/report", Access::SignedIn),
    (Method::Get, "/domains/{domain}/report.csv", Access::SignedIn),
    (Method::Get, "/domains/{domain}/requirement", Access::MayChange),
    (Method::Post, "/domains/{domain}/requirement", Access::MayChange),
    (Method::Get, "/domains/{domain}/switch", Access::MayChange),
    (Method::Get, "/domains/{domain}/test", Access::SignedIn),
    (Method::Get, "/favicon.ico", Access::Everybody),
    (Method::Get, "/forgotten", Access::Everybody),
    (Method::Post, "/language", Access::Everybody),
    (Method::Get, "/link/{secret}", Access::Everybody),
    (Method::Post, "/link/{secret}", Access::Everybody),
    (Method::Post, "/link/{secret}/with/{provider}", Access::Everybody),
    (Method::Post, "/account/second-step/begin", Access::SignedIn),
    (Method::Get, "/offer", Access::Operator),
    (Method::Post, "/offer", Access::Operator),
    (Method::Get, "/organisations", Access::Operator),
    (Method::Get, "/organisations/new", Access::Operator),
    (Method::Post, "/organisations/new", Access::Operator),
    (Method::Get, "/organisations/{organisation}", Access::Operator),
    (Method::Get, "/organisations/{organisation}/accounts/new", Access::Operator),
    (Method::Post, "/organisations/{organisation}/accounts/new", Access::Operator),
    (Method::Post, "/organisations/{organisation}/act", Access::Operator),
    (Method::Post, "/organisations/{organisation}/domains", Access::Operator),
    (Method::Post, "/organisations/{organisation}/domains/{name}/remove", Access::Operator),
    (Method::Post, "/organisations/{organisation}/remove", Access::Operator),
    (Method::Post, "/organisations/{organisation}/rename", Access::Operator),
    (Method::Get, "/sheet", Access::Operator),
    (Method::Post, "/sheet", Access::Operator),
    (Method::Get, "/sheet.csv", Access::Operator),
    (Method::Post, "/sheet/apply", Access::Operator),
    (Method::Get, "/sign-in", Access::Everybody),
    (Method::Post, "/sign-in", Access::Everybody),
    (Method::Get, "/sign-in/code", Access::OwesCode),
    (Method::Post, "/sign-in/code", Access::OwesCode),
    (Method::Get, "/sign-in/with/{provider}", Access::Everybody),
    (Method::Post, "/sign-in/with/{provider}", Access::Everybody),
    (Method::Post, "/sign-out", Access::SignedIn),
];

#[test]
fn every_route_of_the_pages_has_been_decided() {
    let show =
        |(method, path, access): (Method, &str, Access)| format!("{method:?} {path} {access:?}");
    let there: BTreeSet<String> =
        routes().iter().map(|route| show((route.method, route.path, route.access))).collect();
    assert_eq!(there, DECIDED.into_iter().map(show).collect());
}

pub fn key(api: &Api, actor: &Actor) -> Secret {
    let begin = |transaction: &mut portal::store::Transaction<'_>| {
        let account = accounts::own(transaction, actor)?;
        let known = sessions::credentials(transaction, &account.login)?.unwrap();
        sessions::begin(transaction, &known, &Origin::default(), now())
    };
    api.portal.store.write(begin).unwrap().0
}

pub fn ask(api: &Api, method: Method, path: &str, key: Option<&Secret>) -> Answer {
    let mut request = Request::builder().uri(path).header("host", "portal.example");
    request = match method {
        Method::Get => request,
        Method::Post => {
            request.method("POST").header("content-type", "application/x-www-form-urlencoded")
        }
    };
    if let Some(key) = key {
        request = request.header("cookie", format!("__Host-session={}", key.reveal()));
    }
    api.send(request.body(Body::empty()).unwrap())
}

fn to_sign_in(answer: &Answer) -> bool {
    let location = answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok());
    answer.status == 303 && location.is_some_and(|to| to.starts_with("/sign-in"))
}

#[test]
fn each_route_lets_in_whom_it_is_for_and_shows_nobody_what_is_anothers() {
    for route in routes() {
        // A next hop at which nobody listens: its connection can be tested.
        let api = api_with(1);
        let operator = api.portal.operator_account();
        let [reader, administrator, operator, other] = [
            &api.portal.a.reader,
            &api.portal.a.administrator,
            &operator,
            &api.portal.b.administrator,
        ]
        .map(|actor| key(&api, actor));
        let path = route.path.replace("{domain}", "a.example");
        // What else is in braces is an id of nothing.
        let path = path.split('/').map(|part| if part.starts_with('{') { "0" } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        let what = format!("{:?} {path}", route.method);
        let status = |key| ask(&api, route.method, &path, Some(key)).status.as_u16();
        let nobody = ask(&api, route.method, &path, None);
        if route.access == Access::Everybody {
            assert!(!to_sign_in(&nobody), "{what}");
            continue;
        }
        assert!(to_sign_in(&nobody), "{what}: {}", nobody.status);
        if route.access == Access::OwesCode {
            assert_eq!(status(&administrator), 303, "{what}");
            continue;
        }
        let is_denied = [&reader, &administrator, &operator].map(|key| status(key) == 403);
        match route.access {
            Access::SignedIn => assert!(!is_denied[1], "{what}: {is_denied:?}"),
            // An operator says first on behalf of whom.
            Access::MayChange => assert!(is_denied[0] && !is_denied[1], "{what}: {is_denied:?}"),
            Access::Operator => assert_eq!(is_denied, [true, true, false], "{what}"),
            Access::Everybody | Access::OwesCode => {}
        }
        if route.path.contains("{domain}") {
            assert_eq!(status(&other), 404, "{what}");
        }
        // A session that is only half one reaches none of them.
        let totp = "UPDATE account SET totp_secret = 'x' WHERE login = 'admin@a.example'";
        api.portal.write(|transaction| Ok(transaction.execute(totp, &[])?)).unwrap();
        let half = key(&api, &api.portal.a.administrator);
        assert!(to_sign_in(&ask(&api, route.method, &path, Some(&half))), "{what}");
    }
}

#[test]
fn what_every_answer_says_keeps_code_of_others_out() {
    let api = Api::new(Engine::Sqlite);
    for path in ["/", "/sign-in", "/nothing", "/api/v1/domains", "/api/v1/openapi.json"] {
        let answer = ask(&api, Method::Get, path, None);
        let content = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            content.contains("default-src 'none'") && content.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!content.contains("unsafe"), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
    }
}

#[test]
fn a_session_that_was_planted_beside_another_is_none() {
    let api = Api::new(Engine::Sqlite);
    let key = key(&api, &api.portal.a.administrator);
    let with = |cookie: String| {
        let request =
            Request::builder().uri("/").header("host", "portal.example").header("cookie", cookie);
        api.send(request.body(Body::empty()).unwrap())
    };
    let key = key.reveal();
    assert_eq!(with(format!("a=b; __Host-session={key}")).status, 200);
    for cookie in [
        format!("__Host-session=x; __Host-session={key}"),
        format!("__Host-session={key}; __Host-session={key}"),
        format!("session={key}"),
        format!("__host-session={key}"),
        format!("__Host-session={}", &key[..63]),
        "__Host-session=".into(),
    ] {
        assert!(to_sign_in(&with(cookie.clone())), "{cookie}");
    }
}

#[test]
fn a_list_of_tens_of_thousands_of_domains_is_taken_by_a_page() {
    let api = Api::new(Engine::Sqlite);
    let key = key(&api, &api.portal.operator_account());
    let send = |octets: usize| {
        let request = Request::builder()
            .method("POST")
            .uri("/sheet")
            .header("host", "portal.example")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("__Host-session={}", key.reveal()));
        api.send(request.body(Body::from(format!("csv={}", "x".repeat(octets)))).unwrap()).status
    };
    // It is read, and has no columns.
    assert_eq!(send(3_500_000), 422);
    assert_eq!(send(4_500_000), 413);
}

#[test]
fn the_log_of_all_names_nothing_as_only_this_program_does() {
    let api = Api::new(Engine::Sqlite);
    let key = key(&api, &api.portal.operator_account());
    let page = ask(&api, Method::Get, "/audit", Some(&key));
    assert_eq!(page.status, 200);
    assert!(page.text.contains("account added") && page.text.contains("Role: "), "{}", page.text);
    for line in page.text.split(['<', '>', '\n']) {
        let label = line.trim().split(": ").next().unwrap_or_default();
        let is_inward = line.contains(": ")
            && label.contains('_')
            && label.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(!is_inward, "{line}");
    }
}
