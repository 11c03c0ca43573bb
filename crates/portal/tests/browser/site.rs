//! A running portal, its gateway's files, and a browser before it.

use super::gateway::Gateway;
use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
use jiff::Timestamp;
use portal::auth::totp;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "a few plain words";
pub const ANNA: &str = "anna@example.org";
pub const READER: &str = "reader@example.org";
pub const OPERATOR: &str = "noc@gateway.example";

/// One browser at a time: each takes a processor.
static BROWSER: Mutex<()> = Mutex::new(());

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A driver, which ends with all browsers that it has begun.
struct Driver {
    process: Process,
    port: u16,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killed, it would leave them behind.
        let shut = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut driver| {
            driver.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
            driver.read_to_end(&mut Vec::new())
        });
        if shut.is_ok() {
            let _ = self.process.0.wait();
        }
    }
}

/// A portal with two organisations: Example Ltd has example.org and shop.example, Other has other.example.
pub struct Site {
    pub gateway: Gateway,
    pub url: String,
    _portal: Process,
    driver: Driver,
    _alone: MutexGuard<'static, ()>,
}

impl Site {
    pub async fn new() -> Self {
        Self::beside(Gateway::new())
    }

    /// Beside another gateway than that with a month of mail.
    pub fn beside(gateway: Gateway) -> Self {
        let alone = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let settings = format!(
            "listen: inet:127.0.0.1:{port}\nbase_url: {url}\ndatabase: portal.sqlite\nfile: policy/portal.yaml\n\
             name: Example Mail\nsupport: noc@gateway.example\n"
        );
        std::fs::write(gateway.path("portal.yaml"), settings).unwrap();
        for arguments in [
            "organisation add|Example Ltd",
            "organisation add|Other",
            "account add anna@example.org --role administrator --organisation|Example Ltd",
            "account add reader@example.org --role reader --organisation|Example Ltd",
            "account add noc@gateway.example --role operator",
            "domain add example.org shop.example --organisation|Example Ltd",
            "domain add other.example --organisation|Other",
            "domain set example.org --mode monitor",
        ] {
            run(&gateway, arguments, "");
        }
        for login in [ANNA, READER, OPERATOR] {
            run(&gateway, &format!("account password|{login}"), PASSWORD);
        }
        let portal = command(&gateway).arg("serve").stdout(Stdio::null()).spawn().unwrap();
        let portal = Process(portal);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "the portal does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { gateway, url, _portal: portal, driver: driver(), _alone: alone }
    }

    /// Puts levels of delivery on offer, and names the next hop of example.org, as an operator does by the API.
    pub fn offer_levels(&self, next_hop: &str) {
        let token = said(
            &self.gateway,
            "token add noc@gateway.example --name test --scope operator,manage,switch",
        );
        let token = token.split_whitespace().find(|word| word.starts_with("mtls_")).unwrap();
        let organisations = self.ask("GET", "/organisations", token, "", &Value::Null);
        let organisations = organisations.as_array().unwrap();
        let ours = organisations.iter().find(|one| one["name"] == "Example Ltd").unwrap();
        let offer = json!({
            "modes": ["off", "monitor", "enforce"], "requirements": ["baseline"], "exceptions": true, "deliver": true,
        });
        self.ask("PUT", "/offer", token, "If-Match: \"0\"\r\n", &offer);
        let behalf = format!("On-Behalf-Of: {}\r\n", ours["id"].as_str().unwrap());
        let named = json!({ "deliver": { "level": "may", "nexthop": [next_hop] } });
        self.ask("PATCH", "/domains/example.org", token, &behalf, &named);
    }

    fn ask(&self, method: &str, path: &str, token: &str, more: &str, body: &Value) -> Value {
        let host = self.url.replace("http://", "");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{more}\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(&host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{method} {path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// A new browser; nobody has signed in with it.
    pub async fn browser(&self) -> Browser {
        self.browser_at(&self.url).await
    }

    /// One that reaches the portal at another address.
    pub async fn browser_at(&self, url: &str) -> Browser {
        let options = json!({
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--lang=en",
            ]},
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", self.driver.port))
            .await
            .unwrap();
        Browser { client, url: url.to_owned() }
    }

    /// A browser in which somebody has signed in.
    pub async fn signed_in(&self, login: &str) -> Browser {
        let browser = self.browser().await;
        browser.go("/").await;
        browser.give_password(login).await;
        browser
    }
}

fn command(gateway: &Gateway) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mandatory-tls-portal"));
    command.arg("--config").arg(gateway.path("portal.yaml"));
    command
}

/// Runs a command of the shell; what follows the bar is one argument.
fn run(gateway: &Gateway, arguments: &str, input: &str) {
    let (words, last) = arguments.split_once('|').unwrap_or((arguments, ""));
    let mut command = command(gateway);
    command.args(words.split(' ')).args((!last.is_empty()).then_some(last));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    // Those that ask for nothing may have ended by now.
    if !input.is_empty() {
        writeln!(to, "{input}").unwrap();
    }
    drop(to);
    assert!(child.wait().unwrap().success(), "{arguments}");
}

/// What a command of the shell says.
fn said(gateway: &Gateway, arguments: &str) -> String {
    let output = command(gateway).args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn driver() -> Driver {
    let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
    let mut driver = driver.expect("chromedriver is needed: apt install chromium chromium-driver");
    let said = BufReader::new(driver.stdout.take().unwrap());
    let process = Process(driver);
    for line in said.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return Driver { process, port: port.trim_end_matches('.').parse().unwrap() };
        }
    }
    panic!("chromedriver did not start");
}

/// A browser.
pub struct Browser {
    pub client: Client,
    url: String,
}

impl Browser {
    pub async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.url)).await.unwrap();
    }

    /// The path of the page, without its query.
    pub async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    async fn find(&self, css: &str) -> Element {
        let found = self.client.find(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{css}: {error}\n{}", self.text("body").await),
        }
    }

    /// What can be read in an element.
    pub async fn text(&self, css: &str) -> String {
        loop {
            let Ok(element) = self.client.find(Locator::Css(css)).await else {
                return String::new();
            };
            match element.text().await {
                Err(error) if error.is_stale_element_reference() => {}
                text => return text.unwrap(),
            }
        }
    }

    pub async fn fill(&self, field: &str, text: &str) {
        let field = self.find(&format!("main [name={field}]")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Follows a link, or sends a form, and waits for the page that comes then.
    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        self.follow(element).await;
    }

    /// The same with what says this.
    pub async fn click_on(&self, text: &str) {
        let element = self.saying(text).await;
        self.follow(element).await;
    }

    async fn follow(&self, element: Element) {
        let page = self.client.find(Locator::Css("html")).await.unwrap();
        element.click().await.unwrap();
        // The page before is gone once nothing can be asked of it.
        while page.tag_name().await.is_ok() {}
    }

    /// Chooses what says this, on the page.
    pub async fn choose(&self, text: &str) {
        self.saying(text).await.click().await.unwrap();
    }

    async fn saying(&self, text: &str) -> Element {
        let path = format!(
            "//main//*[self::a or self::button or self::label][starts-with(normalize-space(), '{text}')]"
        );
        match self.client.find(Locator::XPath(&path)).await {
            Ok(element) => element,
            Err(error) => panic!("{text}: {error}\n{}", self.text("body").await),
        }
    }

    pub async fn give_password(&self, login: &str) {
        self.fill("login", login).await;
        self.fill("password", PASSWORD).await;
        self.click("main button").await;
    }

    /// Sets up an authenticator with the key that the page shows; gives the key, and the code that was used.
    pub async fn set_up_second_step(&self) -> (String, String) {
        self.go("/account/second-step").await;
        self.click("main button").await;
        let key = self.text(".key code").await.replace(' ', "");
        let used = code(&key, 0);
        self.fill("code", &used).await;
        self.click("main button").await;
        assert_eq!(self.text("h1").await, "Your recovery codes");
        (key, used)
    }

    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// A command of Chromium's own protocol.
    pub async fn devtools(&self, command: &'static str, parameters: Value) {
        self.client.issue_cmd(DevTools(command, parameters)).await.unwrap();
    }
}

#[derive(Debug)]
struct DevTools(&'static str, Value);

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (webdriver_http::Method, Option<String>) {
        let body = json!({ "cmd": self.0, "params": self.1 });
        (webdriver_http::Method::POST, Some(body.to_string()))
    }
}

/// The code that an authenticator shows so many steps of 30 seconds from now.
pub fn code(key: &str, steps: i64) -> String {
    let now = Timestamp::now().as_second() + steps * 30;
    totp::code_at(key, Timestamp::from_second(now).unwrap()).unwrap()
}
