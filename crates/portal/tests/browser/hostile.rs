//! What mail and people can write into fields, on every page that shows it.

use super::real::Real;
use super::site::{ANNA, Browser, OPERATOR, Site};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Runs as soon as anything of it becomes a part of a page.
const EVIL: &str = "<script>window.evil=1</script><img src=x onerror=window.evil=1>\"' onload=window.evil=1 '\u{202e}\u{2066}\u{200b}\u{1b}[2J\u{7}\r\n\u{85}";

/// Whether anything of it ran, or was stopped only by what the browser was told of this site.
async fn check(browser: &Browser, path: &str) {
    browser.go(path).await;
    assert_eq!(browser.run("return window.evil").await, Value::Null, "{path}");
    assert_eq!(
        browser.run("return document.querySelectorAll('img[src=x], main script').length").await,
        0,
        "{path}"
    );
    let raw = browser.run("return /[\\u202a-\\u202e\\u2066\\u2067\\u0000-\\u0008\\u000e-\\u001f\\u200b\\u0085]/.test(document.body.textContent)").await;
    assert_eq!(raw, Value::Bool(false), "{path}");
}

#[tokio::test]
async fn nothing_of_the_ledger_becomes_a_part_of_a_page() {
    let site = Site::new().await;
    for (number, client) in ["192.0.2.201", EVIL, "=cmd|' /C calc'!A0"].into_iter().enumerate() {
        site.gateway.mail(number as i32 + 1, 3, client, EVIL, EVIL, "none");
        site.gateway.mail(number as i32 + 1, 3, client, EVIL, EVIL, EVIL);
    }
    let browser = site.signed_in(ANNA).await;
    for path in [
        "/domains/example.org",
        "/domains/example.org/switch?mode=enforce",
        "/domains/example.org/switch?require=rfc9325",
        "/domains/example.org/report",
        "/domains/example.org/report?by=sender",
        "/domains/example.org/report?by=version",
        "/domains/example.org/report?by=day&days=7",
        "/domains/example.org/partner?partner=192.0.2.201",
    ] {
        check(&browser, path).await;
    }
    // It is shown as what it is.
    browser.go("/domains/example.org/report").await;
    assert!(browser.text("#groups").await.contains("<script>window.evil=1</script>"));
    // A table for a spreadsheet has no formula in it.
    let table = "const [done] = arguments; fetch('/domains/example.org/report.csv').then(answer => answer.text()).then(done)";
    let table = browser.client.execute_async(table, vec![]).await.unwrap();
    let table = table.as_str().unwrap();
    assert!(table.contains("'=cmd|"), "{table}");
    assert!(
        !table.lines().any(|line| line.starts_with(['=', '+', '@']) || line.contains(",=")),
        "{table}"
    );
}

#[tokio::test]
async fn nothing_that_a_client_says_to_a_real_postfix_becomes_a_part_of_a_page() {
    let (real, gateway) = Real::start();
    let site = Site::beside(gateway);
    let browser = site.signed_in(ANNA).await;
    let markup = "<script>window.evil=1</script>";
    let image = "\"><img src=x onerror=window.evil=1>";
    // What Postfix takes for an address: anything before the @, and a name after it.
    let senders = [
        format!("\"{markup}\"@evil.example"),
        "\"=cmd|' /C calc'!A0\"@evil.example".into(),
        "user@xn--4dbrk0ce.example".into(),
        String::new(),
    ];
    let certificates =
        ["", "<img src=x onerror=window.evil=1>", "\"'>evil\u{202e}\u{2066}", "=cmd|' /C calc'!A0"];
    let mut taken = 0;
    for (sender, certificate) in senders.iter().zip(certificates.iter().cycle()) {
        for helo in [markup, image, "evil\u{202e}"] {
            for answer in [
                real.plaintext(helo, sender, "alice@example.org"),
                real.encrypted(helo, sender, "alice@example.org", certificate),
            ] {
                assert!(answer.starts_with("250"), "{helo:?} {sender:?}: {answer}");
                taken += 1;
            }
        }
    }
    // The ledger has it some seconds later.
    let start = Instant::now();
    loop {
        browser.go("/domains/example.org").await;
        let said = browser.text("main .sentences").await;
        if said.contains(&taken.to_string()) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "not {taken}, but: {said}");
    }
    for path in [
        "/domains/example.org",
        "/domains/example.org/switch?mode=enforce",
        "/domains/example.org/switch?require=rfc9325",
        "/domains/example.org/report",
        "/domains/example.org/report?by=sender",
        "/domains/example.org/report?by=version",
        "/domains/example.org/partner?partner=127.0.0.1",
        "/domains/example.org/partner?partner=evil.example",
    ] {
        check(&browser, path).await;
    }
}

#[tokio::test]
async fn nothing_that_people_type_becomes_a_part_of_a_page() {
    let site = Site::new().await;
    let browser = site.signed_in(ANNA).await;
    let typed: String = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    for path in [
        "/?q=EVIL&after=EVIL",
        "/EVIL",
        "/domains/EVIL",
        "/domains/example.org/switch?require=EVIL",
        "/domains/example.org/partner?partner=EVIL",
        "/domains/example.org/test?tls=none&sender=EVIL&client=EVIL&cipher=EVIL",
        "/domains/example.org/report?by=EVIL&days=EVIL",
        "/confirm?next=EVIL",
        "/sign-in?next=EVIL&said=EVIL",
    ] {
        check(&browser, &path.replace("EVIL", &typed)).await;
    }
    // A reason, as it is stored and shown to everybody.
    browser.go("/domains/example.org/exceptions/new").await;
    browser.run("document.querySelector('[name=client]').value = '192.0.2.1'").await;
    let script = "document.querySelector('[name=reason]').value = arguments[0]";
    browser.client.execute(script, vec![EVIL.into()]).await.unwrap();
    browser.click("main form button").await;
    for path in ["/domains/example.org", "/domains/example.org/history"] {
        check(&browser, path).await;
    }
    let operator = site.signed_in(OPERATOR).await;
    operator.go("/organisations/new").await;
    operator
        .client
        .execute("document.querySelector('[name=name]').value = arguments[0]", vec![EVIL.into()])
        .await
        .unwrap();
    operator.click("main form button").await;
    for path in ["/audit", "/organisations", "/domains/example.org", "/audit?about=EVIL&who=EVIL"] {
        check(&operator, &path.replace("EVIL", &typed)).await;
    }
}
