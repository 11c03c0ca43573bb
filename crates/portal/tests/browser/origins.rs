//! Where forms come from, as browsers say it, also those that do not know `Sec-Fetch-Site` yet.

use super::site::{ANNA, Site};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What stands between a browser and the portal and takes out what an old browser does not say. Gives its
/// address, and how often it has taken something out.
fn as_an_old_browser_asks(portal: &str) -> (String, Arc<AtomicUsize>) {
    let portal = portal.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let taken = Arc::clone(&count);
    thread::spawn(move || {
        for browser in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(&portal) else { break };
            let (mut answers, mut back) =
                (server.try_clone().unwrap(), browser.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut answers, &mut back);
                let _ = back.shutdown(Shutdown::Both);
            });
            let taken = Arc::clone(&taken);
            thread::spawn(move || ask_on(browser, server, &taken));
        }
    });
    (address, count)
}

/// Hands on what comes, without those headers. A browser writes the headers of a request at once.
fn ask_on(mut browser: TcpStream, mut server: TcpStream, taken: &AtomicUsize) {
    let mut octets = [0; 65_536];
    while let Ok(count @ 1..) = browser.read(&mut octets) {
        let text = String::from_utf8_lossy(&octets[..count]);
        let lines = text.split_inclusive("\r\n");
        let (out, rest): (Vec<&str>, Vec<&str>) =
            lines.partition(|line| line.to_ascii_lowercase().starts_with("sec-fetch-"));
        taken.fetch_add(out.len(), Ordering::Relaxed);
        if server.write_all(rest.concat().as_bytes()).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

#[tokio::test]
async fn forms_of_the_portal_are_taken_also_from_a_browser_that_only_says_their_origin() {
    let site = Site::new().await;
    let (address, taken) = as_an_old_browser_asks(&site.url);
    let browser = site.browser_at(&address).await;
    browser.go("/sign-in").await;
    browser.give_password(ANNA).await;
    assert_eq!(browser.text("h1").await, "Your domains");
    assert!(taken.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn forms_on_pages_of_others_are_not() {
    let site = Site::new().await;
    let (old, _) = as_an_old_browser_asks(&site.url);
    for url in [&site.url, &old] {
        let browser = site.browser().await;
        browser.go("/sign-in").await;
        browser.give_password(ANNA).await;
        let page = format!(
            "data:text/html,<main><form method=post action={url}/account/language>\
             <input name=language value=de><button>Win a prize</button></form></main>"
        );
        browser.client.goto(&page).await.unwrap();
        browser.click("main button").await;
        let said = browser.text("body").await;
        assert!(said.contains("This came from another site"), "{url}: {said}");
        browser.go("/account").await;
        assert_eq!(browser.run("return document.documentElement.lang").await, "en", "{url}");
    }
}
