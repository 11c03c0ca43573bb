//! To look changes nothing: whatever is asked for with GET or HEAD, by whomever.

use crate::api::{Answer, Api};
use crate::engines::Engine;
use crate::pages::key;
use axum::body::Body;
use axum::http::Request;
use portal::ops::accounts;
use portal::web::{Method, routes};
use portal::{file, now};
use std::fs;

/// All that the database holds, but for when somebody was last there, and the policy's file.
fn contents(api: &Api) -> Vec<String> {
    let database = rusqlite::Connection::open(api.portal.path("portal.sqlite")).unwrap();
    let all = |sql: &str| -> Vec<Vec<rusqlite::types::Value>> {
        let mut statement = database.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    };
    let mut contents = Vec::new();
    for table in all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") {
        let [rusqlite::types::Value::Text(table)] = &*table else { panic!("{table:?}") };
        let columns = all(&format!(
            "SELECT group_concat(name) FROM pragma_table_info('{table}') WHERE name <> 'used'"
        ));
        let [rusqlite::types::Value::Text(columns)] = &*columns[0] else { panic!("{columns:?}") };
        for row in all(&format!("SELECT {columns} FROM {table}")) {
            contents.push(format!("{table} ({columns}): {row:?}"));
        }
    }
    contents.sort();
    assert!(contents.iter().any(|row| row.starts_with("domain (")), "{contents:#?}");
    for entry in fs::read_dir(api.portal.path("policy")).unwrap() {
        let path = entry.unwrap().path();
        let (text, metadata) = (fs::read_to_string(&path).unwrap(), fs::metadata(&path).unwrap());
        contents.push(format!("{}, of {:?}: {text}", path.display(), metadata.modified().unwrap()));
    }
    contents
}

/// Asks as somebody, by cookie or token, and with headers that other servers take for another method or path.
fn look(api: &Api, method: &str, path: &str, who: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "portal.example");
    let tricks = [
        ("x-http-method-override", "POST"),
        ("x-method-override", "DELETE"),
        ("x-original-url", "/domains/a.example/mode"),
        ("x-rewrite-url", "/domains/a.example/mode"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for (name, value) in tricks.iter().chain(who) {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::from("_method=POST&mode=enforce&version=1")).unwrap())
}

#[test]
fn nothing_that_is_only_looked_at_is_changed_by_that_whoever_looks() {
    let api = Api::new(Engine::Sqlite);
    let operator = api.portal.operator_account();
    let (a, b) = (&api.portal.a, &api.portal.b);
    file::write(&api.portal.store, &api.portal.gateway()).unwrap();
    let reader = a.reader.account.clone().unwrap();
    let link = |transaction: &mut portal::store::Transaction<'_>| {
        accounts::make_link(transaction, &api.portal.operator, &reader, now())
    };
    let link = api.portal.write(link).unwrap();
    let sessions = [&a.administrator, &a.reader, &b.administrator, &operator]
        .map(|actor| format!("__Host-session={}", key(&api, actor).reveal()));
    let acting = key(&api, &operator);
    let act = format!("UPDATE session SET behalf = '{}' WHERE hash = '{}'", a.id, acting.hash());
    // One who owes the code of the authenticator.
    let totp = "UPDATE account SET totp_secret = 'x' WHERE login = 'reader@a.example'";
    let run =
        |sql: &str| api.portal.write(|transaction| Ok(transaction.execute(sql, &[])?)).unwrap();
    assert_eq!((run(&act), run(totp)), (1, 1));
    let half = key(&api, &a.reader);
    let more = [acting, half].map(|key| format!("__Host-session={}", key.reveal()));
    let mut askers: Vec<Vec<(&str, &str)>> = vec![vec![]];
    askers.extend(sessions.iter().chain(&more).map(|cookie| vec![("cookie", &**cookie)]));

    let before = contents(&api);
    let fill = |path: &str| {
        [
            ("{domain}", "a.example"),
            ("{organisation}", &a.id),
            ("{account}", &reader),
            ("{secret}", link.reveal()),
        ]
        .iter()
        .fold(path.to_owned(), |path, (place, value)| path.replace(place, value))
    };
    let queries =
        ["", "?mode=enforce&done=1&language=de&version=1&tls=none&partner=192.0.2.1&csv=x"];
    let mut seen = 0;
    for route in routes() {
        for who in &askers {
            for method in ["GET", "HEAD"] {
                for query in queries {
                    let path = format!("{}{query}", fill(route.path));
                    let answer = look(&api, method, &path, who);
                    let what = format!("{method} {path} by {who:?}: {}", answer.status);
                    assert!(!answer.status.is_server_error() || answer.status == 503, "{what}");
                    // There is nothing to be seen where something is only to be done.
                    if route.method == Method::Post && !has_a_page(route.path) {
                        assert!(!answer.status.is_success(), "{what}");
                    }
                    seen += usize::from(answer.status.is_success());
                }
            }
            assert_eq!(contents(&api), before, "{:?} {} by {who:?}", route.method, route.path);
        }
    }
    assert!(seen > 300, "{seen}");
}

fn has_a_page(path: &str) -> bool {
    routes().iter().any(|route| route.method == Method::Get && route.path == path)
}

#[test]
fn nothing_is_changed_by_what_a_program_only_reads() {
    let api = Api::new(Engine::Sqlite);
    file::write(&api.portal.store, &api.portal.gateway()).unwrap();
    let tokens = api.get("/api/v1/tokens", &api.admin).json();
    let ids = [
        ("/domains/{domain}", "/domains/a.example"),
        ("/organisations/{id}", &format!("/organisations/{}", api.portal.a.id)),
        (
            "/accounts/{id}",
            &format!("/accounts/{}", api.portal.a.reader.account.as_deref().unwrap()),
        ),
        ("/tokens/{id}", &format!("/tokens/{}", tokens[0]["id"].as_str().unwrap())),
        ("/audit/{id}", "/audit/1"),
    ]
    .map(|(place, path)| (place, path.to_owned()));
    let all = [&api.admin, &api.reader, &api.other, &api.operator, &api.operator_reads];
    let bearers = all.map(|token| format!("Bearer {token}"));
    let before = contents(&api);
    let mut seen = 0;
    let description = serde_json::to_value(portal::api::description()).unwrap();
    for path in description["paths"].as_object().unwrap().keys() {
        let path = ids.iter().fold(path.clone(), |path, (place, of)| path.replace(place, of));
        for bearer in &bearers {
            for behalf in ["", &*api.portal.a.id] {
                for method in ["GET", "HEAD"] {
                    let mut who = vec![("authorization", &**bearer), ("idempotency-key", "k")];
                    who.extend((!behalf.is_empty()).then_some(("on-behalf-of", behalf)));
                    let answer = look(&api, method, &path, &who);
                    seen += usize::from(answer.status.is_success());
                }
            }
        }
        assert_eq!(contents(&api), before, "{path}");
    }
    assert!(seen > 60, "{seen}");
}
