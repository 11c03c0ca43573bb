//! What the pages say of the gateway, before a milter and a Postfix as they are: whatever stands on a page is what
//! the next message is answered.

use super::real::Real;
use super::site::{ANNA, Browser, Site, code};
use std::fs;
use std::time::{Duration, Instant};

const ALICE: &str = "alice@example.org";
const HELO: &str = "client.example";
const PAGE: &str = "/domains/example.org";

/// Chooses a mode, at once, in two clicks.
async fn switch(browser: &Browser, mode: &str) {
    browser.go(&format!("{PAGE}/switch?mode={mode}")).await;
    if mode == "enforce" {
        browser.choose("At once").await;
    }
    browser.click("main form button").await;
    assert_eq!(browser.path().await, PAGE);
}

/// Waits until the page says this of the gateway.
async fn says(browser: &Browser, text: &str) {
    let start = Instant::now();
    loop {
        browser.go(PAGE).await;
        let said = browser.text("#force").await;
        if said.contains(text) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "not `{text}`, but: {said}");
    }
}

#[tokio::test]
async fn what_is_switched_in_the_page_is_what_the_next_message_is_answered() {
    let (real, gateway) = Real::start();
    let site = Site::beside(gateway);
    let browser = site.signed_in(ANNA).await;
    let (key, _) = browser.set_up_second_step().await;
    browser.click("header form button").await;
    browser.give_password(ANNA).await;
    browser.fill("code", &code(&key, 1)).await;
    browser.click("main button").await;

    // It is monitored: all mail is taken, and told of.
    says(&browser, "In force since").await;
    for number in 1..=3 {
        let answer = real.plaintext(HELO, &format!("user{number}@lawyers.example"), ALICE);
        assert!(answer.starts_with("250"), "{answer}");
    }
    let answer = real.encrypted(HELO, "user@good.example", ALICE, "");
    assert!(answer.starts_with("250"), "{answer}");
    real.wait_for_verdicts("would-refuse", 3);
    real.wait_for_verdicts("accept", 1);
    // The ledger has it some seconds later.
    let start = Instant::now();
    let lead = loop {
        browser.go(&format!("{PAGE}/switch?mode=enforce")).await;
        let lead = browser.text(".lead").await;
        if lead.ends_with("of 4.") || start.elapsed() > Duration::from_secs(60) {
            break lead;
        }
    };
    assert!(
        lead.starts_with("In the last 30 days, 3 messages from 1 server would have been refused"),
        "{lead}"
    );
    assert!(browser.text("table").await.contains("lawyers.example"));

    browser.choose("At once").await;
    browser.click("main form button").await;
    says(&browser, "In force since").await;
    let answer = real.plaintext(HELO, "user4@lawyers.example", ALICE);
    assert!(answer.starts_with("450 4.7.1 Mail for example.org"), "{answer}");
    let answer = real.encrypted(HELO, "user@good.example", ALICE, "");
    assert!(answer.starts_with("250"), "{answer}");
    // Of another organisation nothing has changed.
    let answer = real.plaintext(HELO, "user4@lawyers.example", "bob@other.example");
    assert!(answer.starts_with("250"), "{answer}");

    for (mode, code) in [("off", "250"), ("enforce", "450"), ("monitor", "250")] {
        switch(&browser, mode).await;
        says(&browser, "In force since").await;
        let answer = real.plaintext(HELO, "user5@lawyers.example", ALICE);
        assert!(answer.starts_with(code), "{mode}: {answer}");
    }
}

#[tokio::test]
async fn of_two_tabs_that_switch_at_the_same_moment_one_wins_and_both_say_the_truth() {
    let (real, gateway) = Real::start();
    let site = Site::beside(gateway);
    let (first, second) = (site.signed_in(ANNA).await, site.signed_in(ANNA).await);
    for round in 0..3 {
        for (tab, mode) in [(&first, "enforce"), (&second, "off")] {
            tab.go(&format!("{PAGE}/switch?mode={mode}")).await;
            if mode == "enforce" {
                tab.choose("At once").await;
            }
        }
        tokio::join!(first.click("main form button"), second.click("main form button"));
        let heads = (first.text("h1").await, second.text("h1").await);
        let faster = "Somebody else was faster";
        assert_ne!(heads.0 == faster, heads.1 == faster, "{round}: {heads:?}");
        for tab in [&first, &second] {
            says(tab, "In force since").await;
        }
        let is_enforced = heads.1 == faster;
        for tab in [&first, &second] {
            let state = tab.text(".state").await;
            assert_eq!(state.contains("is refused."), is_enforced, "{state}");
        }
        let answer = real.plaintext(HELO, "user@lawyers.example", ALICE);
        assert_eq!(answer.starts_with("450"), is_enforced, "{answer}");
        switch(&first, "monitor").await;
    }
}

#[tokio::test]
async fn an_operator_who_edits_his_files_meanwhile_holds_nobody_up_for_long() {
    let (real, gateway) = Real::start();
    let site = Site::beside(gateway);
    let browser = site.signed_in(ANNA).await;
    says(&browser, "In force since").await;
    let own = site.gateway.path("policy.yaml");
    let policy = |mode: &str| {
        format!("include: policy/*.yaml\ndomains:\n  - {{ domain: own.example, mode: {mode} }}\n")
    };
    for mode in ["enforce", "off", "enforce"] {
        // As an editor saves that does not rename: for a moment the file is empty, or half of one.
        let text = policy(mode);
        let edit = async {
            for end in [0, text.len() / 2, text.len()] {
                fs::write(&own, &text[..end]).unwrap();
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        tokio::join!(edit, switch(&browser, mode));
        says(&browser, "In force since").await;
        let code = if mode == "enforce" { "450" } else { "250" };
        // His own is a change of its own, that no page waits for.
        let mut last = String::new();
        super::real::wait_until_or(
            || format!("{code} for own.example"),
            || {
                last = real.plaintext(HELO, "user@lawyers.example", "me@own.example");
                last.starts_with(code).then_some(())
            },
        );
        let answer = real.plaintext(HELO, "user@lawyers.example", ALICE);
        assert!(answer.starts_with(code), "{mode}: {answer}");
    }
}

#[tokio::test]
async fn while_the_gateway_does_not_follow_the_page_says_so_and_mail_goes_on_as_it_was() {
    let (mut real, gateway) = Real::start();
    let site = Site::beside(gateway);
    let browser = site.signed_in(ANNA).await;
    switch(&browser, "enforce").await;
    says(&browser, "In force since").await;
    let refused = |real: &Real| {
        real.plaintext(HELO, "user@lawyers.example", ALICE).starts_with("450 4.7.1 Mail for")
    };
    assert!(refused(&real));

    // A file of the operator's is broken.
    let broken = site.gateway.path("policy/broken.yaml");
    fs::write(&broken, "- { domain: x.example, mode: maybe }\n").unwrap();
    switch(&browser, "off").await;
    says(&browser, "has an error in another place").await;
    assert!(refused(&real));
    fs::remove_file(&broken).unwrap();
    says(&browser, "In force since").await;
    assert!(real.plaintext(HELO, "user@lawyers.example", ALICE).starts_with("250"));

    // The milter is stopped: Postfix takes nothing until it is there again.
    real.stop_milter();
    says(&browser, "the milter does not run").await;
    switch(&browser, "enforce").await;
    says(&browser, "the milter does not run").await;
    let answer = real.plaintext(HELO, "user@lawyers.example", ALICE);
    assert!(answer.starts_with("451 4.7.1"), "{answer}");
    real.start_milter();
    says(&browser, "In force since").await;
    assert!(refused(&real));

    // Both at once: it is stopped, and the policy is broken when it starts. It goes on under the last good one.
    real.stop_milter();
    fs::write(&broken, "- { domain: x.example, mode: maybe }\n").unwrap();
    switch(&browser, "off").await;
    real.start_milter();
    says(&browser, "has an error in another place").await;
    assert!(refused(&real));
    fs::remove_file(&broken).unwrap();
    says(&browser, "In force since").await;
    assert!(real.plaintext(HELO, "user@lawyers.example", ALICE).starts_with("250"));
}
