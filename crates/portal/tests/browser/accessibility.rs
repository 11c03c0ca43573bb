//! Every page, in both languages, light and dark, on a desktop and on a phone, before axe-core.

use super::site::{ANNA, Browser, OPERATOR, Site};
use portal::web::{Access, Method, routes};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

/// The version that is asked; later ones may find more.
const AXE: &str = "axe-core@4.14.1";

/// Where there is something to see behind each route; none: it is a file, or leads on.
fn seen(path: &str) -> Option<&'static str> {
    Some(match path {
        "/" => "/",
        "/sign-in" => "/sign-in",
        // Without having been to a provider: why it is none.
        "/sign-in/with/{provider}" => "/sign-in/with/oidc",
        "/forgotten" => "/forgotten",
        "/link/{secret}" => "/link/used",
        "/confirm" => "/confirm",
        "/account" => "/account",
        "/account/password" => "/account/password",
        "/account/second-step" => "/account/second-step",
        "/account/tokens" => "/account/tokens",
        "/domains/{domain}" => "/domains/example.org",
        "/domains/{domain}/switch" => "/domains/example.org/switch?mode=enforce",
        "/domains/{domain}/requirement" => "/domains/example.org/requirement",
        "/domains/{domain}/delivery" => "/domains/example.org/delivery",
        "/domains/{domain}/delivery/switch" => "/domains/example.org/delivery/switch?level=secure",
        "/domains/{domain}/contact" => "/domains/example.org/contact",
        "/domains/{domain}/exceptions/new" => "/domains/example.org/exceptions/new",
        "/domains/{domain}/report" => "/domains/example.org/report",
        "/domains/{domain}/partner" => "/domains/example.org/partner?partner=192.0.2.77",
        "/domains/{domain}/test" => "/domains/example.org/test?tls=none",
        "/domains/{domain}/history" => "/domains/example.org/history",
        "/organisations" => "/organisations",
        "/organisations/new" => "/organisations/new",
        "/organisations/{organisation}" => "/organisations/{organisation}",
        "/organisations/{organisation}/accounts/new" => {
            "/organisations/{organisation}/accounts/new"
        }
        "/accounts/{account}" => "/accounts/{account}",
        "/offer" => "/offer",
        "/audit" => "/audit",
        "/sheet" => "/sheet",
        // Half a session is another one: below.
        "/sign-in/code" => return None,
        "/assets/{file}" | "/favicon.ico" | "/account/second-step/picture" => return None,
        path if path.ends_with(".csv") => return None,
        path => panic!("{path} is new: say here where it can be seen"),
    })
}

/// axe-core, fetched by npm once.
fn axe() -> String {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let script = directory.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        let npm = Command::new("npm")
            .args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--silent",
                "--prefix",
            ])
            .arg(&directory)
            .arg(AXE)
            .status();
        assert!(npm.expect("npm is needed: apt install npm").success(), "npm install {AXE} failed");
    }
    std::fs::read_to_string(script).unwrap()
}

/// How a page is looked at.
async fn look_as(browser: &Browser, width: u32, scheme: &str) {
    let is_phone = width < 600;
    let metrics =
        json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": is_phone });
    browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    browser.devtools("Emulation.setEmulatedMedia", scheme).await;
}

/// What is wrong with the page that is seen.
async fn findings(browser: &Browser, axe: &str) -> Vec<String> {
    browser.client.execute(axe, vec![]).await.unwrap();
    let ask = "const [done] = arguments; axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
        done(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))));";
    let found = browser.client.execute_async(ask, vec![]).await.unwrap();
    let mut found: Vec<String> = serde_json::from_value(found).unwrap();
    let wide = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
    if wide == Value::Bool(true) {
        found.push("it is wider than the window".into());
    }
    found
}

const VIEWS: [(u32, &str); 4] = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")];

async fn check(browser: &Browser, axe: &str, paths: &[String]) {
    let mut all = Vec::new();
    for language in ["de", "en"] {
        // For an account, or before anybody has signed in.
        browser.go("/").await;
        let choose = format!("footer button[value={language}]");
        if !browser.text(&choose).await.is_empty() {
            browser.click(&choose).await;
        }
        for path in paths {
            browser.go(path).await;
            let tag = browser.run("return document.documentElement.lang").await;
            assert_eq!(tag, Value::String(language.into()), "{path}");
            for (width, scheme) in VIEWS {
                look_as(browser, width, scheme).await;
                let found = findings(browser, axe).await;
                all.extend(
                    found
                        .iter()
                        .map(|found| format!("{path} {language} {width} {scheme}: {found}")),
                );
            }
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The paths of pages that some may see, with the ids of what there is.
async fn paths(browser: &Browser, may: impl Fn(Access) -> bool) -> Vec<String> {
    let mut ids = Vec::new();
    if may(Access::Operator) {
        browser.go("/organisations").await;
        browser.click_on("Example Ltd").await;
        ids.push(("{organisation}", browser.path().await.replace("/organisations/", "")));
        browser.click_on("anna").await;
        ids.push(("{account}", browser.path().await.replace("/accounts/", "")));
    }
    let pages =
        routes().into_iter().filter(|route| route.method == Method::Get && may(route.access));
    let paths = pages
        .filter_map(|route| seen(route.path))
        .map(|path| ids.iter().fold(path.to_owned(), |path, (place, id)| path.replace(place, id)));
    paths.collect()
}

#[tokio::test]
async fn axe_finds_nothing_on_pages_for_everybody_and_on_the_way_in() {
    let site = Site::new().await;
    let axe = axe();
    let browser = site.browser().await;
    let mut all = paths(&browser, |access| access == Access::Everybody).await;
    all.push("/nowhere".into());
    check(&browser, &axe, &all).await;
    let browser = site.signed_in(ANNA).await;
    browser.set_up_second_step().await;
    assert_eq!(findings(&browser, &axe).await, [""; 0]);
    browser.click("header form button").await;
    browser.give_password(ANNA).await;
    browser.fill("code", "123").await;
    browser.click("main button").await;
    for (width, scheme) in VIEWS {
        look_as(&browser, width, scheme).await;
        assert_eq!(findings(&browser, &axe).await, [""; 0], "the code, {width} {scheme}");
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_pages_of_organisations() {
    let mut site = Site::new().await;
    site.gateway.start_milter();
    let browser = site.signed_in(ANNA).await;
    browser.go("/domains/example.org/exceptions/new").await;
    browser.fill("client", "192.0.2.300").await;
    browser.fill("reason", "a scanner").await;
    browser.click("main form button").await;
    let axe = axe();
    assert_eq!(findings(&browser, &axe).await, [""; 0], "a form with a mistake");
    assert!(browser.text(".alert").await.contains("192.0.2.17"));
    browser.fill("client", "192.0.2.30").await;
    browser.click("main form button").await;
    assert!(browser.text("main table").await.contains("a scanner"));
    // A test of the connection, of a server that has much to say.
    site.offer_levels(&own_server());
    browser.go("/domains/example.org/delivery").await;
    browser.click("#test form button").await;
    assert!(browser.text("#test dl").await.contains("<b>not</b> you"));
    let all =
        paths(&browser, |access| matches!(access, Access::SignedIn | Access::MayChange)).await;
    check(&browser, &axe, &all).await;
}

/// A server that turns everybody away; where it is.
fn own_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"554 5.7.1 <b>not</b> you, and no other either\r\n");
        }
    });
    format!("[127.0.0.1]:{port}")
}

#[tokio::test]
async fn axe_finds_nothing_on_pages_of_operators() {
    let site = Site::new().await;
    let browser = site.signed_in(OPERATOR).await;
    let all = paths(&browser, |access| access == Access::Operator).await;
    let axe = axe();
    check(&browser, &axe, &all).await;
    // On behalf of an organisation, each page says so.
    browser.go(&all[2]).await;
    browser.go("/domains/example.org").await;
    browser.click("main form button").await;
    for path in ["/", "/domains/example.org", "/account", "/audit"] {
        browser.go(path).await;
        let said = browser.text(".behalf p").await;
        assert!(said.contains("Example Ltd"), "{path}: {said}");
        assert_eq!(findings(&browser, &axe).await, [""; 0], "{path}");
    }
}
