//! What comes to the door that nobody sends who means well: from other sites, for other hosts, too often, with a
//! session that somebody else has chosen.

use crate::api::{Answer, Api, request};
use crate::engines::Engine;
use crate::pages::key;
use axum::body::Body;
use axum::http::{Request, header};
use portal::now;
use portal::ops::accounts;
use portal::web::{Method, routes};
use serde_json::json;

fn send(api: &Api, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::from(body.to_owned())).unwrap())
}

const HOST: (&str, &str) = ("host", "portal.example");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn no_form_and_no_request_that_another_site_has_sent_does_anything() {
    let api = Api::new(Engine::Sqlite);
    let operator = key(&api, &api.portal.operator_account());
    let cookie = format!("__Host-session={}", operator.reveal());
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "https://portal.example.evil.example"),
        ("origin", "https://portal.example:8443"),
        ("origin", "null"),
    ] {
        for route in routes().into_iter().filter(|route| route.method == Method::Post) {
            let path = route.path.replace("{domain}", "a.example").replace(['{', '}'], "");
            let headers = [HOST, FORM, ("cookie", &cookie), foreign];
            let answer = send(&api, "POST", &path, &headers, "mode=enforce&version=1");
            assert_eq!(answer.status, 403, "{path} {foreign:?}");
            // People are told what it was, in a page.
            assert!(answer.text.contains("This came from another site"), "{path}: {}", answer.text);
        }
        for (method, path) in [
            ("PATCH", "/api/v1/domains/a.example"),
            ("POST", "/api/v1/domains"),
            ("DELETE", "/api/v1/domains/a.example"),
            ("PUT", "/api/v1/offer"),
            ("POST", "/api/v1/import"),
        ] {
            let body = json!({"mode": "enforce"});
            let answer = api.ask(method, path, &api.operator, &[foreign], Some(&body));
            assert_eq!(answer.status, 403, "{path} {foreign:?}");
            assert_eq!(answer.json()["type"], "urn:mandatory-tls:foreign");
        }
    }
    assert_eq!(api.portal.domain("a.example").version, 1);
}

#[test]
fn a_request_says_once_and_of_this_portal_for_whom_it_is() {
    let api = Api::new(Engine::Sqlite);
    let evil = ("host", "evil.example");
    for (path, headers, status) in [
        ("/sign-in", &[HOST][..], 200),
        ("/sign-in", &[("host", "PORTAL.example:443")], 200),
        ("/sign-in", &[evil], 421),
        ("/sign-in", &[], 421),
        ("/sign-in", &[HOST, evil], 400),
        ("/sign-in", &[HOST, HOST], 400),
        // A request line that names another one (RFC 9112, section 3.2.2).
        ("https://evil.example/sign-in", &[HOST], 421),
        ("https://portal.example/sign-in", &[evil], 200),
        // What stands in other headers is nothing.
        (
            "/sign-in",
            &[HOST, ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")],
            200,
        ),
        ("/sign-in", &[evil, ("x-forwarded-host", "portal.example")], 421),
        ("/sign-in", &[HOST, ("content-length", "0"), ("content-length", "5")], 400),
        ("/sign-in?next=%00", &[HOST], 400),
    ] {
        let answer = send(&api, "GET", path, headers, "");
        assert_eq!(answer.status, status, "{path} {headers:?}");
        assert!(!answer.text.contains("evil.example"), "{path} {headers:?}: {}", answer.text);
    }
    // Nor does an answer have a line that a path brings.
    for path in [
        "/a%0d%0aSet-Cookie:%20x=y",
        "/domains/%0d%0aX-Evil:%201",
        "/sign-in?next=/%0d%0aX-Evil:%201",
    ] {
        let answer = send(&api, "GET", path, &[HOST], "");
        assert!(
            !answer.headers.contains_key("x-evil") && !answer.headers.contains_key("set-cookie"),
            "{path}"
        );
    }
}

#[test]
fn a_session_that_was_there_before_somebody_signed_in_is_nothing_afterwards() {
    let api = Api::new(Engine::Sqlite);
    let account = api.portal.a.administrator.account.clone().unwrap();
    let link = api.portal.write(|transaction| {
        accounts::make_link(transaction, &api.portal.operator, &account, now())
    });
    let path = format!("/link/{}", link.unwrap().reveal());
    let chosen = "password=correct+horse+battery&repeat=correct+horse+battery";
    assert_eq!(send(&api, "POST", &path, &[HOST, FORM], chosen).status, 303);
    // One that somebody has made up, and one of his own.
    let of_b = key(&api, &api.portal.b.administrator);
    let planted =
        [format!("__Host-session={}", "a".repeat(64)), format!("__Host-session={}", of_b.reveal())];
    for planted in &planted {
        let sign_in = "login=admin@a.example&password=correct+horse+battery";
        let answer = send(&api, "POST", "/sign-in", &[HOST, FORM, ("cookie", planted)], sign_in);
        assert_eq!(answer.status, 303, "{}", answer.text);
        let given = answer.headers[header::SET_COOKIE].to_str().unwrap();
        let given = given.split(';').next().unwrap();
        assert_ne!(given, planted);
        let see =
            |cookie: &str| send(&api, "GET", "/domains/a.example", &[HOST, ("cookie", cookie)], "");
        assert_eq!(see(given).status, 200);
        assert_ne!(see(planted).status, 200);
        // Signed out, the session is nothing for whoever has kept its key.
        assert_eq!(
            send(&api, "POST", "/sign-out", &[HOST, FORM, ("cookie", given)], "").status,
            303
        );
        assert_eq!(see(given).status, 303);
    }
}

#[test]
fn a_token_that_asks_too_often_waits_and_no_other_waits_with_it() {
    let api = Api::new(Engine::Sqlite);
    let (mut answered, mut last) = (0, api.get("/api/v1/offer", &api.admin));
    // Ten come back each second, however slow this machine is.
    while last.status == 200 && answered < 20_000 {
        answered += 1;
        last = api.get("/api/v1/offer", &api.admin);
    }
    assert!(answered >= 600, "{answered}");
    assert_eq!(last.status, 429, "{answered}");
    assert_eq!(last.json()["type"], "urn:mandatory-tls:throttled");
    assert_eq!(last.headers[header::RETRY_AFTER], "1");
    for other in [&api.admin_reads, &api.other, &api.operator] {
        assert_eq!(api.get("/api/v1/offer", other).status, 200);
    }
}

#[test]
fn whoever_guesses_tokens_is_slowed_down_and_a_right_one_beside_it_is_not() {
    let api = Api::new(Engine::Sqlite);
    let guess = |number: u32| {
        let token = format!("mtls_{number:064x}");
        api.send(request(
            "GET",
            "/api/v1/offer",
            &token,
            &[("x-forwarded-for", "198.51.100.7")],
            None,
        ))
        .status
    };
    // One comes back each two seconds.
    let refused = (0..5_000).map(guess).position(|status| status == 429).unwrap();
    assert!(refused >= 60, "{refused}");
    let beside = [("x-forwarded-for", "198.51.100.8")];
    assert_eq!(api.ask("GET", "/api/v1/offer", &api.admin, &beside, None).status, 200);
    // From elsewhere a wrong one is still told from too many.
    let elsewhere =
        request("GET", "/api/v1/offer", "mtls_0", &[("x-forwarded-for", "203.0.113.1")], None);
    assert_eq!(api.send(elsewhere).status, 401);
}
