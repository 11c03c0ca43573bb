//! The API, asked as programs ask it.

use crate::engines::Engine;
use crate::on_both_engines;
use crate::support::{Organisation, Portal, shell};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use portal::ops::tokens::{self, NewToken};
use portal::ops::{Actor, Operator, Scope};
use portal::{App, now};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// A portal with tokens of all kinds.
pub struct Api {
    router: Router,
    runtime: Runtime,
    pub portal: Portal,
    pub admin: String,
    pub admin_reads: String,
    pub admin_switches: String,
    pub reader: String,
    pub other: String,
    pub operator: String,
    pub operator_reads: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}", self.text))
    }

    pub fn etag(&self) -> &str {
        self.headers.get(header::ETAG).unwrap().to_str().unwrap()
    }
}

impl Api {
    pub fn new(engine: Engine) -> Self {
        let portal = Portal::new(engine);
        let app: App = portal.app();
        let operator = portal.operator_account();
        let token = |actor: &Actor, scopes: &[Scope]| {
            let new = NewToken { name: "test".into(), scopes: scopes.to_vec(), days: 1 };
            let shell = Operator::check(&shell()).unwrap();
            let made = portal.write(|transaction| {
                tokens::add_for(transaction, &shell, &actor.login, &new, now())
            });
            made.unwrap().1.reveal().to_owned()
        };
        let Organisation { administrator, reader, .. } = &portal.a;
        let all = [Scope::Switch, Scope::Manage];
        Self {
            admin: token(administrator, &all),
            admin_reads: token(administrator, &[Scope::Read]),
            admin_switches: token(administrator, &[Scope::Switch]),
            reader: token(reader, &[Scope::Read]),
            other: token(&portal.b.administrator, &all),
            operator: token(&operator, &[Scope::Switch, Scope::Manage, Scope::Operator]),
            operator_reads: token(&operator, &all),
            router: portal::router(&app),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
            portal,
        }
    }

    pub fn send(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(answer(self.router.clone(), request))
    }

    pub fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.send(request(method, path, token, more, body))
    }

    /// Sends all of them at the same time.
    pub fn at_once(&self, requests: impl Iterator<Item = Request<Body>>) -> Vec<Answer> {
        self.runtime.block_on(async {
            let send = |request| tokio::spawn(answer(self.router.clone(), request));
            let tasks: Vec<_> = requests.map(send).collect();
            let mut answers = Vec::new();
            for task in tasks {
                answers.push(task.await.unwrap());
            }
            answers
        })
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, token, &[], None)
    }
}

pub async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let octets = to_bytes(body, 1 << 24).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(octets.to_vec()).unwrap(),
    }
}

pub fn request(
    method: &str,
    path: &str,
    token: &str,
    more: &[(&str, &str)],
    body: Option<&Value>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "portal.example");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.body(body.map_or(Body::empty(), |body| Body::from(body.to_string()))).unwrap()
}

const A: &str = "/api/v1/domains/a.example";

on_both_engines! {
    fn a_program_switches_a_domain_and_sees_what_came_of_it(api: Api) {
        let before = api.get(A, &api.admin);
        assert_eq!(before.status, 200, "{}", before.text);
        assert_eq!(before.json()["entry"], json!({"domain": "a.example"}));
        assert_eq!(before.json()["standing"]["is"], "nothing-chosen");
        let changed = api.ask("PATCH", A, &api.admin, &[], Some(&json!({"mode": "enforce"})));
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(changed.json()["entry"]["mode"], "enforce");
        assert_eq!(changed.json()["switched_by"], "admin@a.example");
        let after = api.get(A, &api.reader);
        assert_eq!((after.json()["entry"]["mode"].as_str(), after.etag()), (Some("enforce"), changed.etag()));
        let log = api.get("/api/v1/audit?subject=a.example", &api.admin).json();
        let row = &log["rows"][0];
        assert_eq!((&row["via"], &row["action"], &row["actor"]), (&json!("api"), &json!("domain-switched"), &json!("admin@a.example")));
        assert_eq!((&row["before"]["mode"], &row["after"]["mode"]), (&Value::Null, &json!("enforce")));
    }

    fn a_second_save_does_not_silently_win(api: Api) {
        let seen = api.get(A, &api.admin);
        let etag = seen.etag();
        let first = api.ask("PATCH", A, &api.admin, &[("if-match", etag)], Some(&json!({"mode": "monitor"})));
        assert_eq!(first.status, 200);
        let second = api.ask("PATCH", A, &api.admin, &[("if-match", etag)], Some(&json!({"mode": "enforce"})));
        assert_eq!(second.status, 412);
        let problem = second.json();
        assert_eq!(problem["type"], "urn:mandatory-tls:changed");
        assert_eq!(problem["current"]["entry"]["mode"], "monitor");
        assert_eq!(second.etag(), first.etag());
        // With what there is now it goes through; without a word, too.
        let third = api.ask("PATCH", A, &api.admin, &[("if-match", second.etag())], Some(&json!({"mode": "enforce"})));
        assert_eq!(third.status, 200);
        assert_eq!(api.ask("PATCH", A, &api.admin, &[("if-match", "*")], Some(&json!({"mode": "off"}))).status, 200);
        for wrong in ["3", "\"x\"", "W/\"1\"", "\"1\", \"2\""] {
            let answer = api.ask("PATCH", A, &api.admin, &[("if-match", wrong)], Some(&json!({"mode": "off"})));
            assert_eq!(answer.status, 400, "{wrong}");
        }
    }

    fn an_order_that_is_sent_twice_is_done_once(api: Api) {
        let key = [("idempotency-key", "order-4711")];
        let body = json!({"mode": "monitor"});
        let first = api.ask("PATCH", A, &api.admin, &key, Some(&body));
        api.ask("PATCH", A, &api.admin, &[], Some(&json!({"mode": "off"})));
        let again = api.ask("PATCH", A, &api.admin, &key, Some(&body));
        assert_eq!((first.status, &first.text, first.etag()), (again.status, &again.text, again.etag()));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(api.portal.domain("a.example").entry.mode, Some(policy::Mode::Off));
        // Another question under the key is an error; another token's key is another.
        let other = api.ask("PATCH", A, &api.admin, &key, Some(&json!({"mode": "enforce"})));
        assert_eq!(other.status, 422, "{}", other.text);
        let answer = api.ask("PATCH", A, &api.admin_switches, &key, Some(&json!({"mode": "enforce"})));
        assert_eq!(answer.status, 200);
        let long = "x".repeat(256);
        for wrong in ["", &long] {
            let answer = api.ask("PATCH", A, &api.admin, &[("idempotency-key", wrong)], Some(&body));
            assert_eq!(answer.status, 400, "{wrong}");
        }
    }

    fn what_is_not_known_is_an_error_and_never_silently_left_out(api: Api) {
        for (body, status) in [
            (json!({"mod": "enforce"}), 422),
            (json!({"mode": "Enforce"}), 422),
            (json!({"mode": true}), 422),
            (json!({"mode": null}), 422),
            (json!([]), 422),
            (json!(["enforce"]), 422),
            (json!(null), 422),
            (json!({"exceptions": [{"reason": "r", "until": "2027-01-01", "x": 1}]}), 422),
            (json!({"enforce_from": "2027-01-01"}), 422),
            (json!({"mode": "enforce", "enforce_from": "soon"}), 422),
            (json!({"contact": "nobody"}), 422),
            (json!({"contact": "a@b.example\r\nBcc: x@y.example"}), 422),
            (json!({"exceptions": [{"reason": ""}]}), 422),
            (json!({"exceptions": [{"reason": "r", "client": ["192.0.2.1/24"]}]}), 422),
            // What nobody means.
            (json!({"exceptions": [{"sender": "x.example", "reason": " "}]}), 422),
            (json!({"exceptions": [{"sender": "x.example", "reason": "r", "until": "2020-01-31"}]}), 422),
            (json!({"exceptions": [{"sender": "x.example", "reason": "r", "until": "2020-01-31T12:00:00Z"}]}), 422),
            (json!({"exceptions": [{"client": ["192.0.2.1", "0.0.0.0/0"], "reason": "r"}]}), 422),
            (json!({"exceptions": [{"client": ["::/0"], "reason": "r"}]}), 422),
            (json!({"language": "fr"}), 422),
            // What would make the file of all unreadable, or too large.
            (json!({"exceptions": [{"sender": "x.example", "reason": "a\u{2028}b"}]}), 422),
            (json!({"exceptions": [{"sender": "x.example", "reason": "x".repeat(20_000)}]}), 422),
        ] {
            let answer = api.ask("PATCH", A, &api.admin, &[], Some(&body));
            assert_eq!(answer.status, status, "{body}: {}", answer.text);
            assert_eq!(answer.headers["content-type"], "application/problem+json");
        }
        assert_eq!(api.get("/api/v1/domains?serach=x", &api.admin).status, 400);
        assert_eq!(api.get("/api/v1/domains?mode=on", &api.admin).status, 422);
        assert_eq!(api.portal.domain("a.example").version, 1);
        let form = Request::builder().method("PATCH").uri(A).header("host", "portal.example")
            .header("authorization", format!("Bearer {}", api.admin))
            .header("content-type", "application/x-www-form-urlencoded").body(Body::from("mode=off")).unwrap();
        assert_eq!(api.send(form).status, 415);
    }

    fn what_is_wrong_with_an_entry_is_told_with_its_field(api: Api) {
        let answer = api.ask("PATCH", A, &api.admin, &[], Some(&json!({"contact": "nobody"})));
        let problem = answer.json();
        assert_eq!(problem["errors"][0]["field"], "contact", "{problem}");
        assert_eq!(problem["title"], "Not valid");
    }

    fn a_token_that_is_wrong_ended_or_revoked_opens_nothing(api: Api) {
        let ids = api.get("/api/v1/tokens", &api.admin).json();
        let id = ids.as_array().unwrap().iter().find(|token| token["scopes"] == json!(["read", "switch", "manage"])).unwrap()["id"].clone();
        let nothing = ["", "mtls_", "mtls_0000", &api.admin[..60], &format!("{}0", api.admin), &api.admin.to_uppercase(), "mtls_' OR 1=1"];
        for token in nothing {
            let answer = api.get(A, token);
            assert_eq!(answer.status, 401, "{token}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        let revoked = api.ask("DELETE", &format!("/api/v1/tokens/{}", id.as_str().unwrap()), &api.admin, &[], None);
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        assert_eq!(api.get(A, &api.admin).status, 401);
        assert!(!revoked.text.contains(&api.admin));
    }

    fn what_a_token_is_not_for_it_cannot_do(api: Api) {
        let switch = json!({"mode": "monitor"});
        let manage = json!({"contact": "tls@a.example"});
        let both = json!({"mode": "monitor", "contact": "tls@a.example"});
        for (token, body, status) in [
            (&api.admin_reads, &switch, 403),
            (&api.admin_switches, &manage, 403),
            (&api.admin_switches, &both, 403),
            (&api.admin_switches, &switch, 200),
            (&api.admin, &both, 200),
            (&api.reader, &switch, 403),
            (&api.other, &switch, 404),
            (&api.operator, &switch, 403),
            (&api.operator_reads, &switch, 403),
        ] {
            let answer = api.ask("PATCH", A, token, &[], Some(body));
            assert_eq!(answer.status, status, "{body}: {}", answer.text);
        }
        let behalf = [("on-behalf-of", &*api.portal.a.id)];
        let other = json!({"mode": "enforce", "contact": "post@a.example"});
        assert_eq!(api.ask("PATCH", A, &api.operator, &behalf, Some(&other)).status, 200);
        let log = api.get("/api/v1/audit", &api.admin).json();
        assert_eq!(log["rows"][0]["behalf"], "A");
        for (token, status) in [(&api.admin, 403), (&api.operator_reads, 403)] {
            assert_eq!(api.ask("PATCH", A, token, &behalf, Some(&both)).status, status);
        }
        let nobody = [("on-behalf-of", "nobody")];
        assert_eq!(api.ask("PATCH", A, &api.operator, &nobody, Some(&both)).status, 422);
    }

    fn a_change_is_taken_back_once_and_only_while_nothing_came_after(api: Api) {
        api.ask("PATCH", A, &api.admin, &[], Some(&json!({"mode": "monitor"})));
        api.ask("PATCH", A, &api.admin, &[], Some(&json!({"mode": "enforce"})));
        let rows = api.get("/api/v1/audit", &api.admin).json()["rows"].clone();
        let undo = |row: usize, token: &str| {
            let path = format!("/api/v1/audit/{}/undo", rows[row]["id"]);
            api.ask("POST", &path, token, &[], None)
        };
        assert_eq!(undo(1, &api.admin).status, 412);
        for (token, status) in [(&api.admin_switches, 403), (&api.reader, 403), (&api.other, 404), (&api.operator, 403)] {
            assert_eq!(undo(0, token).status, status);
        }
        let undone = undo(0, &api.admin);
        assert_eq!((undone.status.as_u16(), undone.json()["entry"]["mode"].as_str()), (200, Some("monitor")));
        assert_eq!(undo(0, &api.admin).status, 412);
        let log = api.get("/api/v1/audit", &api.admin).json();
        assert_eq!(log["rows"][0]["undoes"], rows[0]["id"]);
        // What is no change of a domain is not undone from here.
        let made = rows.as_array().unwrap().iter().find(|row| row["action"] == "domain-added").unwrap();
        let answer = api.ask("POST", &format!("/api/v1/audit/{}/undo", made["id"]), &api.admin, &[], None);
        assert_eq!(answer.status, 422);
    }

    fn many_switches_of_one_domain_at_the_same_time_end_in_one_state_that_the_log_explains(api: Api) {
        let modes = ["monitor", "enforce"];
        let answers = api.at_once((0..100).map(|number| {
            let body = json!({"mode": modes[number % 2]});
            request("PATCH", A, &api.admin, &[], Some(&body))
        }));
        assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", answers.iter().map(|answer| &answer.text).find(|text| text.contains("urn:")));
        let record = api.portal.domain("a.example");
        let rows = api.get("/api/v1/audit?subject=a.example&limit=1000", &api.admin).json()["rows"].clone();
        let switches: Vec<&Value> = rows.as_array().unwrap().iter().filter(|row| row["action"] == "domain-switched").collect();
        assert_eq!(record.version, 1 + switches.len() as i64);
        // Each row begins where the one before it ended.
        for pair in switches.windows(2) {
            assert_eq!(pair[0]["before"], pair[1]["after"]);
        }
        assert_eq!(switches[0]["after"], serde_json::to_value(&record.entry).unwrap());
    }

    fn of_many_who_have_seen_the_same_and_change_it_at_the_same_time_one_does(api: Api) {
        let etag = api.get(A, &api.admin).etag().to_owned();
        let answers = api.at_once((0..100).map(|number| {
            let body = json!({"contact": format!("tls{number}@a.example")});
            request("PATCH", A, &api.admin, &[("if-match", &etag)], Some(&body))
        }));
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(200), count(412)), (1, 99));
        let won = answers.iter().find(|answer| answer.status == 200).unwrap();
        assert_eq!(api.get(A, &api.admin).json()["entry"], won.json()["entry"]);
        assert_eq!(api.portal.domain("a.example").version, 2);
    }

    fn a_list_is_shown_before_it_is_done_and_is_done_whole_or_not_at_all(api: Api) {
        let import = |query: &str, token: &str, list: &str| {
            let request = Request::builder().method("POST").uri(format!("/api/v1/import{query}")).header("host", "portal.example")
                .header("authorization", format!("Bearer {token}")).header("content-type", "text/csv").body(Body::from(list.to_owned()));
            api.send(request.unwrap())
        };
        let list = "organisation,domain,mode,contact\nA,A.example.,monitor,tls@a.example\nA,new.example,enforce,\nB,b.example,,\n";
        for token in [&api.admin, &api.operator_reads] {
            assert_eq!(import("", token, list).status, 403);
        }
        let preview = import("?preview=true", &api.operator, list);
        assert_eq!(preview.status, 200, "{}", preview.text);
        assert_eq!(preview.json()["added"], json!(["new.example"]));
        assert_eq!(preview.json()["changed"][0]["fields"], json!([["contact", "", "tls@a.example"], ["mode", "", "monitor"]]));
        assert_eq!(preview.json()["same"], 1);
        assert_eq!(api.portal.domain("a.example").version, 1);
        let wrong = "organisation,domain\nA,new.example\nB,x.a.example\nC,c.example\n";
        let refused = import("", &api.operator, wrong);
        assert_eq!(refused.status, 422);
        let lines: Vec<i64> = refused.json()["problems"].as_array().unwrap().iter().map(|problem| problem["line"].as_i64().unwrap()).collect();
        assert_eq!(lines, [3, 4]);
        assert_eq!(api.get("/api/v1/domains/new.example", &api.admin).status, 404);
        assert_eq!(import("", &api.operator, list).status, 200);
        assert_eq!(api.portal.domain("new.example").mode(), policy::Mode::Enforce);
        // What is written out reads in again and changes nothing; each sees its own.
        let export = api.get("/api/v1/export", &api.operator).text;
        let again = import("", &api.operator, &export);
        assert_eq!((again.json()["added"].clone(), again.json()["changed"].clone(), again.json()["same"].clone()), (json!([]), json!([]), json!(5)), "{}", again.text);
        let own = api.get("/api/v1/export", &api.admin).text;
        assert!(own.contains("new.example") && !own.contains("b.example"), "{own}");
        for (list, status) in [("", 422), ("domain\na", 422), ("organisation,domain,colour\n", 422), ("organisation,domain\nA\n", 422), ("organisation;domain;mode\nA;a.example;off\n", 200)] {
            assert_eq!(import("", &api.operator, list).status, status, "{list}");
        }
    }

    fn other_sites_and_other_hosts_get_nothing(api: Api) {
        let ask = |more: &[(&str, &str)], host: &str| {
            let mut request = request("PATCH", A, &api.admin, more, Some(&json!({"mode": "off"})));
            request.headers_mut().insert("host", host.parse().unwrap());
            api.send(request)
        };
        assert_eq!(ask(&[("sec-fetch-site", "cross-site")], "portal.example").status, 403);
        assert_eq!(ask(&[("origin", "https://evil.example")], "portal.example").status, 403);
        for host in ["evil.example", "portal.example.evil.example", "", "portal.example@evil.example"] {
            assert_eq!(ask(&[], host).status, 421, "{host}");
        }
        let own = ask(&[("origin", "https://portal.example")], "portal.example");
        assert_eq!(own.status, 200);
        assert!(own.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
        let twice = Request::builder().method("POST").uri("/api/v1/import").header("host", "portal.example")
            .header("content-length", "0").header("transfer-encoding", "chunked").body(Body::empty()).unwrap();
        assert_eq!(api.send(twice).status, 400);
    }

    fn what_is_made_for_operators_shows_them_alone_where_files_lie(api: Api) {
        std::fs::write(api.portal.path("policy.yaml"), "include: policy/*.yaml\ndomains:\n  - { domain: a.example, mode: monitor }\n").unwrap();
        let place = |token: &str| api.get(A, token).json()["operators"].clone();
        let own = place(&api.admin);
        assert_eq!((own["decides"].as_bool(), own["place"].as_str()), (Some(true), Some("")));
        assert!(place(&api.operator)["place"].as_str().unwrap().ends_with("policy.yaml:3"));
        let explained = api.ask("POST", "/api/v1/domains/a.example/explain", &api.admin, &[], Some(&json!({"client": "192.0.2.1"})));
        assert_eq!(explained.json()["verdict"], "would-refuse", "{}", explained.text);
        assert!(!explained.text.contains("policy.yaml"));
    }
}

/// What is answered to whom, for each operation: without a token; to the reader and the administrator of
/// A; to B's administrator; to an operator whose token has not the scope; to an operator.
///
/// An operation that is not in this list fails the test below, until somebody has decided.
const WHO: [(&str, &str, [u16; 6]); 29] = [
    ("GET", "/domains", [401, 200, 200, 200, 403, 200]),
    ("POST", "/domains", [401, 403, 403, 403, 403, 201]),
    ("GET", "/domains/{domain}", [401, 200, 200, 404, 200, 200]),
    ("PATCH", "/domains/{domain}", [401, 403, 200, 404, 403, 403]),
    ("DELETE", "/domains/{domain}", [401, 403, 403, 403, 403, 204]),
    ("POST", "/domains/{domain}/preview", [401, 503, 503, 404, 503, 503]),
    ("GET", "/domains/{domain}/delivery", [401, 200, 200, 404, 200, 200]),
    ("POST", "/domains/{domain}/delivery/test", [401, 403, 403, 404, 403, 403]),
    ("POST", "/domains/{domain}/delivery/preview", [401, 503, 503, 404, 503, 503]),
    ("GET", "/domains/{domain}/report", [401, 503, 503, 404, 503, 503]),
    ("POST", "/domains/{domain}/explain", [401, 200, 200, 404, 200, 200]),
    ("GET", "/organisations", [401, 403, 403, 403, 403, 200]),
    ("POST", "/organisations", [401, 403, 403, 403, 403, 201]),
    ("GET", "/organisations/{id}", [401, 403, 403, 403, 403, 404]),
    ("PATCH", "/organisations/{id}", [401, 403, 403, 403, 403, 404]),
    ("DELETE", "/organisations/{id}", [401, 403, 403, 403, 403, 404]),
    ("GET", "/accounts", [401, 403, 403, 403, 403, 200]),
    ("POST", "/accounts", [401, 403, 403, 403, 403, 201]),
    ("GET", "/accounts/{id}", [401, 403, 403, 403, 403, 404]),
    ("PATCH", "/accounts/{id}", [401, 403, 403, 403, 403, 404]),
    ("GET", "/audit", [401, 200, 200, 200, 403, 200]),
    ("GET", "/audit/{id}", [401, 404, 404, 404, 404, 404]),
    ("POST", "/audit/{id}/undo", [401, 404, 404, 404, 404, 404]),
    ("GET", "/offer", [401, 200, 200, 200, 200, 200]),
    ("PUT", "/offer", [401, 403, 403, 403, 403, 200]),
    ("GET", "/tokens", [401, 200, 200, 200, 200, 200]),
    ("DELETE", "/tokens/{id}", [401, 404, 404, 404, 404, 404]),
    ("GET", "/export", [401, 200, 200, 200, 403, 200]),
    ("POST", "/import", [401, 403, 403, 403, 403, 200]),
];

/// A body that would be taken.
fn body_for(method: &str, path: &str) -> Option<Value> {
    Some(match (method, path) {
        ("POST", "/domains") => json!({"domain": "fresh.example", "organisation": "A"}),
        ("PATCH", "/domains/{domain}") => json!({"mode": "monitor"}),
        ("POST", "/domains/{domain}/preview") => json!({"mode": "enforce"}),
        ("POST", "/domains/{domain}/delivery/preview") => json!({"deliver": {"level": "encrypt"}}),
        ("POST", "/domains/{domain}/explain") => json!({}),
        ("POST", "/organisations") | ("PATCH", "/organisations/{id}") => json!({"name": "C"}),
        ("POST", "/accounts") => {
            json!({"login": "c@c.example", "role": "reader", "organisation": "A"})
        }
        ("PATCH", "/accounts/{id}") => json!({"disabled": true}),
        ("PUT", "/offer") => {
            json!({"modes": [], "requirements": [], "exceptions": false, "deliver": false})
        }
        _ => return None,
    })
}

#[test]
fn every_operation_of_the_api_has_been_decided_for_every_kind_of_token() {
    let description = serde_json::to_value(portal::api::description()).unwrap();
    let mut operations: Vec<(String, String)> = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            operations
                .push((method.to_uppercase(), path.strip_prefix("/api/v1").unwrap().to_owned()));
        }
    }
    operations.sort();
    let mut decided: Vec<(String, String)> =
        WHO.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    decided.sort();
    assert_eq!(operations, decided);
    for (method, path, statuses) in WHO {
        let api = Api::new(Engine::Sqlite);
        let tokens = ["", &api.reader, &api.admin, &api.other, &api.operator_reads, &api.operator];
        let mut body = body_for(method, path);
        if let Some(body) = &mut body
            && body["organisation"] == "A"
        {
            body["organisation"] = json!(api.portal.a.id);
        }
        let path =
            format!("/api/v1{}", path.replace("{domain}", "a.example").replace("{id}", "999999"));
        for (who, (token, status)) in tokens.into_iter().zip(statuses).enumerate() {
            let mut request =
                request(method, &path, token, &[("if-match", "\"0\"")], body.as_ref());
            if path.ends_with("/domains/a.example") {
                request.headers_mut().remove("if-match");
            }
            if path.ends_with("/import") {
                request.headers_mut().insert("content-type", "text/csv".parse().unwrap());
                *request.body_mut() = Body::from("organisation,domain\nA,a.example\n");
            }
            let answer = api.send(request);
            assert_eq!(answer.status, status, "{method} {path} asked by {who}: {}", answer.text);
        }
    }
}

#[test]
fn the_description_that_is_served_is_that_of_the_routes() {
    let api = Api::new(Engine::Sqlite);
    let served = api.get("/api/v1/openapi.json", "");
    assert_eq!(served.status, 200);
    assert_eq!(served.json(), serde_json::to_value(portal::api::description()).unwrap());
    assert_eq!(served.json()["openapi"].as_str().map(|version| &version[..2]), Some("3."));
    // What is not described is not there, and is said so in the API's own words.
    for (method, path, status) in [
        ("GET", "/api/v1/", 404),
        ("GET", "/api/v1/accounts/1/password", 404),
        ("POST", "/api/v1/tokens", 405),
        ("PUT", "/api/v1/domains/a.example", 405),
        ("GET", "/api/v2/domains", 404),
        ("GET", "/api/v1/domains/../../../etc/passwd", 404),
        ("GET", "/api/v1/domains/%2e%2e%2f", 404),
        ("TRACE", "/api/v1/domains", 405),
    ] {
        let answer = api.ask(method, path, &api.operator, &[], None);
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.json()["status"], status, "{method} {path}");
    }
}

#[test]
fn a_list_may_be_long_and_nothing_else() {
    let api = Api::new(Engine::Sqlite);
    let send = |path: &str, kind: &str, body: String| {
        let mut request = request("POST", path, &api.operator, &[], None);
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        *request.body_mut() = Body::from(body);
        api.send(request).status
    };
    let line = "A,a.example\n";
    let list = |octets: usize| format!("organisation,domain\n{}", line.repeat(octets / line.len()));
    // Its lines are wrong by then: the same domain many times.
    assert_ne!(send("/api/v1/import?preview=true", "text/csv", list(800_000)), 413);
    assert_eq!(send("/api/v1/import", "text/csv", list(4 << 20 | 1 << 10)), 413);
    let question = |octets: usize| json!({"client": "x".repeat(octets)}).to_string();
    let explain = "/api/v1/domains/a.example/explain";
    assert_ne!(send(explain, "application/json", question(60_000)), 413);
    assert_eq!(send(explain, "application/json", question(70_000)), 413);
}

#[test]
fn a_nul_reaches_no_database() {
    let api = Api::new(Engine::Postgres);
    for path in
        ["/api/v1/domains?search=a%00b", "/api/v1/domains/a%00.example", "/api/v1/audit?actor=%00"]
    {
        let answer = api.get(path, &api.operator);
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json()["type"], "urn:mandatory-tls:malformed", "{path}");
    }
}

#[test]
fn by_an_id_that_is_there_nobody_gets_to_what_is_anothers() {
    use portal::ops::audit;
    let api = Api::new(Engine::Sqlite);
    let of_b = &api.portal.b.administrator;
    let rows = api
        .portal
        .read(|transaction| audit::search(transaction, of_b, &audit::AuditQuery::default()));
    let row = rows.unwrap().rows[0].id;
    let tokens = api.get("/api/v1/tokens", &api.other).json();
    let token = tokens[0]["id"].as_str().unwrap();
    for (method, path) in [
        ("GET", format!("/api/v1/audit/{row}")),
        ("POST", format!("/api/v1/audit/{row}/undo")),
        ("DELETE", format!("/api/v1/tokens/{token}")),
    ] {
        for asker in [&api.admin, &api.reader] {
            let answer = api.ask(method, &path, asker, &[], None);
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
    }
    assert_eq!(api.get(&format!("/api/v1/audit/{row}"), &api.other).status, 200);
}
