//! The whole way of an administrator: sign in, see who would be refused, switch, take it back.

use super::gateway::Gateway;
use super::site::{ANNA, READER, Site, code};
use serde_json::json;

#[tokio::test]
async fn an_administrator_signs_in_sees_who_would_be_refused_switches_and_takes_it_back() {
    let mut site = Site::new().await;
    site.gateway.start_milter();
    let browser = site.browser().await;
    // A page that is for somebody leads to the sign-in, and back.
    browser.go("/domains/example.org").await;
    assert_eq!(browser.path().await, "/sign-in");
    browser.give_password(ANNA).await;
    assert_eq!(browser.path().await, "/domains/example.org");
    let (key, used) = browser.set_up_second_step().await;
    browser.click("header form button").await;
    assert_eq!(browser.path().await, "/sign-in");
    // From then on a code is asked for, and each counts once.
    browser.give_password(ANNA).await;
    assert_eq!(browser.text("h1").await, "One more step");
    browser.fill("code", &used).await;
    browser.click("main button").await;
    assert!(browser.text(".alert").await.contains("used already"));
    browser.fill("code", &code(&key, 1)).await;
    browser.click("main button").await;
    assert_eq!(browser.text("h1").await, "Your domains");

    browser.click_on("example.org").await;
    assert!(browser.text(".state").await.contains("Unencrypted mail is recorded, and taken."));
    assert!(browser.text(".state").await.contains("In force since"));
    // The first click shows what it means.
    browser.click_on("Refuse unencrypted mail").await;
    let lead = browser.text(".lead").await;
    assert!(
        lead.starts_with(
            "In the last 30 days, 15 messages from 3 servers would have been refused, of"
        ),
        "{lead}"
    );
    let servers = browser.text("table").await;
    for said in [
        "mail.lawyers.example",
        "12",
        "not with TLS so far",
        "2001:db8::9",
        "fax.copier.example",
        "has come with TLS since",
    ] {
        assert!(servers.contains(said), "{said}: {servers}");
    }
    assert!(browser.text("main").await.contains("What to write to them"));
    // Others are to be told first: a day two weeks away is proposed.
    browser.choose("At once").await;
    // The second one does it.
    browser.click("main form button").await;
    assert_eq!(browser.path().await, "/domains/example.org");
    assert!(browser.text(".done").await.starts_with("It is set: enforce."));
    let state = browser.text(".state").await;
    assert!(
        state.contains("Unencrypted mail is refused.") && state.contains("by anna@example.org"),
        "{state}"
    );
    // The milter has it, and says so.
    assert!(state.contains("In force since"), "{state}");
    assert!(
        std::fs::read_to_string(site.gateway.path("policy/portal.yaml"))
            .unwrap()
            .contains("enforce")
    );

    // What is so already is no switch.
    browser.go("/domains/example.org/switch?mode=enforce").await;
    assert_eq!(browser.path().await, "/domains/example.org");
    browser.go("/domains/example.org?done").await;
    browser.click(".done button").await;
    assert!(browser.text(".done").await.starts_with("It is taken back: monitor."));
    assert!(browser.text(".state").await.contains("Unencrypted mail is recorded, and taken."));
    browser.go("/domains/example.org/history").await;
    let history = browser.text("table").await;
    assert!(history.contains("Mode: enforce") && history.contains("Mode: monitor"), "{history}");
}

#[tokio::test]
async fn everything_can_be_done_without_javascript() {
    let mut site = Site::new().await;
    site.gateway.start_milter();
    let browser = site.browser().await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.go("/sign-in").await;
    browser.give_password(ANNA).await;
    browser.go("/domains/example.org/switch?mode=enforce").await;
    assert_eq!(
        browser.text("[data-copy]").await,
        "",
        "a button that could do nothing is not shown"
    );
    browser.choose("At once").await;
    browser.click("main form button").await;
    assert!(browser.text(".state").await.contains("In force since"));
    browser.go("/domains/example.org/report").await;
    assert!(browser.text("main").await.contains("mail.lawyers.example"));
    browser.click("footer button").await;
    assert!(browser.text("h1").await.starts_with("Verschlüsselte E-Mails an example.org"));
}

#[tokio::test]
async fn of_two_tabs_the_second_is_told_that_somebody_was_faster() {
    let site = Site::new().await;
    let first = site.signed_in(ANNA).await;
    let second = site.signed_in(ANNA).await;
    for tab in [&first, &second] {
        tab.go("/domains/example.org/switch?mode=enforce").await;
        tab.choose("At once").await;
    }
    first.click("main form button").await;
    assert!(first.text(".state").await.contains("Unencrypted mail is refused."));
    second.click("main form button").await;
    assert_eq!(second.text("h1").await, "Somebody else was faster");
    second.click("main a.button").await;
    assert_eq!(second.path().await, "/domains/example.org");
    assert!(second.text(".state").await.contains("Unencrypted mail is refused."));
}

#[tokio::test]
async fn that_too_little_is_known_is_said_once() {
    let site = Site::beside(Gateway::without_mail("inet:127.0.0.1:0"));
    for day in 1..=2 {
        site.gateway.mail(day, 3, "192.0.2.80", "fax.copier.example", "copier.example", "none");
    }
    let browser = site.signed_in(ANNA).await;
    browser.go("/domains/example.org/switch?mode=enforce").await;
    let page = browser.text("main").await;
    assert_eq!(page.matches("Not enough is known: mail came on 2 of ").count(), 1, "{page}");
}

#[tokio::test]
async fn a_day_can_be_chosen_from_which_it_holds() {
    let site = Site::new().await;
    let browser = site.signed_in(ANNA).await;
    browser.go("/domains/shop.example/switch?mode=enforce").await;
    assert!(browser.text(".note").await.contains("Monitor it first"));
    // Whoever chooses a day means it.
    browser.run("const day = document.getElementById('day'); day.value = '2099-01-31'; day.dispatchEvent(new Event('input'));").await;
    browser.click("main form button").await;
    let state = browser.text(".state").await;
    assert!(state.contains("From 2099-01-31 on, such mail is refused."), "{state}");
    assert!(state.contains("Unencrypted mail is recorded, and taken."), "{state}");
}

#[tokio::test]
async fn the_page_says_of_the_gateway_what_the_milter_says_of_itself() {
    let mut site = Site::new().await;
    let browser = site.signed_in(ANNA).await;
    let force = async || {
        browser.go("/domains/example.org").await;
        browser.text("#force").await
    };
    assert!(force().await.contains("the milter does not run"), "{}", force().await);
    site.gateway.start_milter();
    browser.go("/domains/example.org/switch?mode=enforce").await;
    browser.choose("At once").await;
    browser.click("main form button").await;
    assert!(browser.text("#force").await.contains("In force since"));
    // The operator breaks a file of his own.
    let broken = site.gateway.path("policy/broken.yaml");
    std::fs::write(&broken, "- { domain: x.example, mode: maybe }\n").unwrap();
    browser.go("/domains/example.org/switch?mode=monitor").await;
    browser.click("main form button").await;
    let said = browser.text("#force").await;
    assert!(said.contains("has an error in another place"), "{said}");
    // What stands in his files is not for organisations.
    assert!(!said.contains("broken.yaml") && !said.contains("maybe"), "{said}");
    // When it is mended, the page that is open tells of it.
    std::fs::remove_file(&broken).unwrap();
    let wait = "const [done] = arguments; const look = () => document.getElementById('force').textContent.includes('In force since')
        ? done(true) : setTimeout(look, 100); look();";
    browser.client.execute_async(wait, vec![]).await.unwrap();
    // He names the domain himself.
    std::fs::write(
        site.gateway.path("policy/own.yaml"),
        "- { domain: example.org, mode: enforce }\n",
    )
    .unwrap();
    browser.go("/domains/example.org").await;
    assert!(
        browser.text(".note").await.contains("The operator of this gateway has set example.org")
    );
    assert!(!browser.text("main").await.contains("own.yaml"));
}

#[tokio::test]
async fn whoever_only_reads_sees_no_way_to_change() {
    let site = Site::new().await;
    let browser = site.signed_in(READER).await;
    browser.go("/domains/example.org").await;
    assert_eq!(browser.text(".choices").await, "");
    assert!(browser.text("main").await.contains("Your account may look, and not change."));
    browser.go("/domains/example.org/switch?mode=enforce").await;
    assert_eq!(browser.text("h1").await, "You may not do this");
}
