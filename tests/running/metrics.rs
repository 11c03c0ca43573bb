//! The endpoint for Prometheus, what is read from it, and Prometheus itself.

use super::support::{Milter, PATIENCE};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

const POLICY: &str = "domains: [example.com, { domain: example.org, mode: monitor }]";
const SETTINGS: &str = "state_dir: state\nmetrics: { listen: inet:127.0.0.1:0 }";
const TLS: [(&str, &str); 2] =
    [("{tls_version}", "TLSv1.3"), ("{cipher}", "TLS_AES_256_GCM_SHA384")];

/// `GET path` from an address; header and body.
fn get(address: &str, path: &str) -> (String, String) {
    get_with(address, path, "")
}

/// The same with further lines of the header, each with its end.
fn get_with(address: &str, path: &str, header: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The address that the milter offers its figures on.
pub fn address(milter: &Milter) -> String {
    let line = milter.wait_for_line("metrics on http://");
    let (_, rest) = line.split_once("metrics on http://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

fn start(settings: &str) -> (Milter, String) {
    let milter = Milter::start(POLICY, settings);
    let address = address(&milter);
    (milter, address)
}

/// Waits until the figures have this line.
pub fn wait_for(address: &str, line: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (_, body) = get(address, "/metrics");
        if body.lines().any(|found| found == line) {
            return;
        }
        assert!(Instant::now() < deadline, "no {line} in {body}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn mail(milter: &Milter) {
    let mut mta = milter.session();
    mta.mail();
    assert_eq!(mta.rcpt("<a@example.com>", &[]).0, b'y');
    assert_eq!(mta.rcpt("<a@example.com>", &[]).0, b'y');
    assert_eq!(mta.rcpt("<a@example.com>", &TLS).0, b'c');
    assert_eq!(mta.rcpt("<a@example.org>", &[]).0, b'c');
    assert_eq!(mta.rcpt("<a@example.net>", &[]).0, b'c');
    mta.send(b'Q', b"");
    assert_eq!(mta.receive(), None);
}

#[test]
fn the_figures_are_those_of_the_mail_that_was_judged() {
    let (milter, address) = start(SETTINGS);
    mail(&milter);
    for line in [
        r#"mandatory_tls_recipients_total{verdict="refuse",reason="plaintext",mode="enforce",tls_version="none"} 2"#,
        r#"mandatory_tls_recipients_total{verdict="accept",reason="adequate",mode="enforce",tls_version="TLSv1.3"} 1"#,
        r#"mandatory_tls_recipients_total{verdict="would-refuse",reason="plaintext",mode="monitor",tls_version="none"} 1"#,
        r#"mandatory_tls_recipients_total{verdict="accept",reason="not-opted-in",mode="none",tls_version="none"} 1"#,
        "mandatory_tls_judge_seconds_count 5",
        "mandatory_tls_connections 0",
        "mandatory_tls_policy_domains 2",
        "mandatory_tls_policy_broken 0",
        "mandatory_tls_ledger_recorded_total 4",
        "mandatory_tls_ledger_lost_total 0",
    ] {
        wait_for(&address, line);
    }
    let (head, body) = get(&address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!body.contains("example.com") && !body.contains("203.0.113.9"), "{body}");
    assert!(get(&address, "/").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn usual_refusals_have_figures_before_the_first_so_that_prometheus_sees_them_increase() {
    let policy = "domains: [{ domain: example.com, require: rfc9325 }]";
    let milter = Milter::start(policy, SETTINGS);
    let address = address(&milter);
    let figure = |reason: &str, version: &str, count: u32| {
        format!(
            r#"mandatory_tls_recipients_total{{verdict="refuse",reason="{reason}",mode="enforce",tls_version="{version}"}} {count}"#
        )
    };
    let refusals = [
        ("plaintext", "none", vec![]),
        (
            "protocol-version",
            "TLSv1",
            vec![("{tls_version}", "TLSv1"), ("{cipher}", "ECDHE-RSA-AES256-SHA")],
        ),
    ];
    for (reason, version, _) in &refusals {
        wait_for(&address, &figure(reason, version, 0));
    }
    let mut mta = milter.session();
    mta.mail();
    for (reason, version, tls) in &refusals {
        assert_eq!(mta.rcpt("<a@example.com>", tls).0, b'y');
        wait_for(&address, &figure(reason, version, 1));
    }
}

#[test]
fn reloads_connections_and_mtas_without_macros_are_counted() {
    let (milter, address) = start(SETTINGS);
    let mut mta = milter.connect();
    mta.negotiate(6, 0, 0);
    wait_for(&address, "mandatory_tls_connections 1");
    mta.send(b'C', b"client\x004\x30\x39203.0.113.9\0");
    mta.receive();
    mta.send(b'M', b"<a@b.test>\0");
    mta.receive();
    assert_eq!(mta.bare_rcpt("<a@example.com>").0, b'y');
    wait_for(&address, "mandatory_tls_without_macros_total 1");
    fs::write(milter.path("policy.yaml"), "domains: [a..b]").unwrap();
    wait_for(&address, "mandatory_tls_policy_broken 1");
    wait_for(&address, "mandatory_tls_policy_reload_failures_total 1");
    fs::write(milter.path("policy.yaml"), "domains: [a.test, b.test, c.test]").unwrap();
    wait_for(&address, "mandatory_tls_policy_domains 3");
    wait_for(&address, "mandatory_tls_policy_broken 0");
    wait_for(&address, "mandatory_tls_policy_reloads_total 1");
}

#[test]
fn domains_are_labels_only_where_asked_for_and_then_bounded() {
    let (milter, address) = start("metrics: { listen: inet:127.0.0.1:0, domains: 1 }");
    mail(&milter);
    for line in [
        r#"mandatory_tls_domain_recipients_total{domain="example.com",verdict="refuse"} 2"#,
        r#"mandatory_tls_domain_recipients_total{domain="other",verdict="would-refuse"} 1"#,
    ] {
        wait_for(&address, line);
    }
}

#[test]
fn an_address_that_is_taken_stops_no_mail() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let milter = Milter::start(POLICY, &format!("metrics: {{ listen: inet:127.0.0.1:{port} }}"));
    milter.wait_for_line("no metrics: cannot listen on");
    mail(&milter);
}

/// Leaves a process room for so many file descriptors more than it has open.
fn leave_descriptors(milter: &Milter, more: u64) {
    let limit = Some(milter.descriptors() as u64 + more);
    let pid = rustix::process::Pid::from_raw(milter.process.id().try_into().unwrap());
    let limit = rustix::process::Rlimit { current: limit, maximum: limit };
    rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).unwrap();
}

#[test]
fn idle_connections_to_the_endpoint_keep_up_neither_mail_nor_prometheus_for_long() {
    let (milter, address) = start(SETTINGS);
    leave_descriptors(&milter, 40);
    let idle: Vec<_> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let patience = Some(Duration::from_secs(20));
    idle.iter().for_each(|socket| socket.set_read_timeout(patience).unwrap());
    // Whether there is room for it or not, all before it have been taken by now.
    assert_eq!(idle[99].peek(&mut [0]).unwrap(), 0);
    mail(&milter);
    // That was while the first still has its time.
    idle[0].set_nonblocking(true).unwrap();
    assert_eq!(idle[0].peek(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    idle[0].set_nonblocking(false).unwrap();
    for mut socket in idle {
        // The milter closes all of them by itself.
        assert_eq!(socket.read(&mut [0]).unwrap(), 0);
    }
    wait_for(&address, "mandatory_tls_judge_seconds_count 5");
}

#[test]
fn a_connection_to_the_endpoint_serves_one_request() {
    let (_milter, address) = start(SETTINGS);
    let mut socket = TcpStream::connect(&address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn openmetrics_is_for_whoever_asks_for_it_and_the_text_format_for_everybody_else() {
    let (_milter, address) = start(SETTINGS);
    for (header, media_type, last) in [
        ("", "text/plain; version=0.0.4; charset=utf-8", None),
        ("Accept: */*\r\n", "text/plain; version=0.0.4; charset=utf-8", None),
        ("Accept: text/plain\r\n", "text/plain; version=0.0.4; charset=utf-8", None),
        (
            "Accept: application/openmetrics-text; version=1.0.0, text/plain; q=0.5\r\n",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Some("# EOF"),
        ),
        (
            "Accept: text/plain; q=0.1\r\nAccept: application/openmetrics-text\r\n",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Some("# EOF"),
        ),
    ] {
        let (head, body) = get_with(&address, "/metrics", header);
        let head = head.to_lowercase();
        assert!(head.contains(&format!("content-type: {media_type}")), "{header}: {head}");
        assert!(head.contains("vary: accept"), "{header}: {head}");
        assert_eq!(body.lines().last().filter(|line| *line == "# EOF"), last, "{header}: {body}");
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_figures() {
    let (milter, address) = start("metrics: { listen: inet:127.0.0.1:0, domains: 1 }");
    mail(&milter);
    wait_for(&address, "mandatory_tls_judge_seconds_count 5");
    let (_, body) = get_with(&address, "/metrics", "Accept: text/plain\r\n");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool: run tests/install");
    promtool.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // It warns with an exit status of its own, and says nothing where nothing is wrong.
    assert!(output.status.success() && said.is_empty(), "{said}\n{body}");
    // Both formats have the same figures.
    let (_, open_metrics) =
        get_with(&address, "/metrics", "Accept: application/openmetrics-text\r\n");
    let names_of = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(names_of(&body), names_of(&open_metrics));
}

#[test]
fn what_the_process_takes_is_told_as_every_program_tells_it() {
    let (milter, address) = start(SETTINGS);
    let figures = || -> BTreeMap<String, f64> {
        let (_, body) = get(&address, "/metrics");
        let lines = body.lines().filter(|line| line.starts_with("process_"));
        lines
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    };
    let first = figures();
    let names: Vec<_> = first.keys().map(String::as_str).collect();
    let expected = [
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_threads",
        "process_virtual_memory_bytes",
    ];
    assert_eq!(names, expected);
    assert!(first.values().all(|value| *value > 0.0), "{first:?}");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - first["process_start_time_seconds"];
    assert!((-1.0..120.0).contains(&age), "{age}");
    let connections: Vec<_> = (0..20).map(|_| milter.connect()).collect();
    wait_for(&address, "mandatory_tls_connections 20");
    let second = figures();
    // It has not been started anew.
    assert_eq!(second["process_start_time_seconds"], first["process_start_time_seconds"]);
    assert!(second["process_cpu_seconds_total"] > first["process_cpu_seconds_total"]);
    drop(connections);
    wait_for(&address, "mandatory_tls_connections 0");
    // Others than those of connections come and go: the ledger's, the status file's.
    let deadline = Instant::now() + PATIENCE;
    while figures()["process_open_fds"] > second["process_open_fds"] - 19.0 {
        assert!(Instant::now() < deadline, "{second:?}, and now {:?}", figures());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_job_has_the_name_that_the_alerts_expect() {
    let read =
        |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let rules = read("packaging/prometheus/mandatory-tls.rules.yaml");
    let expected: BTreeSet<_> =
        rules.split("job=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(expected, BTreeSet::from(["mandatory-tls"]));
    // Both say so: the manual, and the head of the rules.
    let manual = read("docs/guide/metrics.md");
    for text in [&manual, &rules] {
        assert!(text.contains("job_name: mandatory-tls"), "{text}");
    }
    let (_, example) = manual.split_once("```yml\n").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("prometheus.yml");
    fs::write(&file, example.split_once("```").unwrap().0).unwrap();
    let promtool = Command::new("promtool").args(["check", "config"]).arg(&file).output();
    let output = promtool.expect("promtool: run tests/install");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // An alert says so, too, where no job has this name.
    assert!(rules.contains("absent(up{job=\"mandatory-tls\"})"));
}

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)
}

/// The expressions of the dashboard.
fn expressions() -> Vec<String> {
    let text = fs::read_to_string(packaging("grafana/mandatory-tls.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let of = |target: &serde_json::Value| target["expr"].as_str().unwrap().to_owned();
    targets.map(of).collect()
}

/// What `report` tells Prometheus of both hops, with a ledger in which there is some mail.
fn hop_figures(milter: &Milter) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(["report", "--format", "prometheus", "--config"])
            .arg(milter.path("milter.yaml"))
            .output()
            .unwrap();
        if output.status.success() {
            return String::from_utf8(output.stdout).unwrap();
        }
        // The milter writes its ledger some time after the mail.
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Names of our figures in a text.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("mandatory_tls_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn rules_and_dashboard_ask_for_nothing_that_is_not_there() {
    let (milter, address) = start(&format!("{SETTINGS}\nstatus_file: status.json"));
    mail(&milter);
    let found = r#"{ "at": "2026-01-01T00:00:00Z", "errors": 2, "warnings": 1, "findings": ["tls-broken"] }"#;
    fs::write(milter.path("doctor.json"), found).unwrap();
    wait_for(&address, "mandatory_tls_doctor_errors 2");
    let mut there = names(&get(&address, "/metrics").1);
    // Those of both hops come from the ledger, by node_exporter.
    there.extend(names(&hop_figures(&milter)));
    let rules = fs::read_to_string(packaging("prometheus/mandatory-tls.rules.yaml")).unwrap();
    let wanted = names(&(expressions().join(" ") + &rules));
    assert!(wanted.len() > 10);
    assert_eq!(wanted.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_alerts_fire_when_they_should() {
    for (command, file) in
        [("check", "mandatory-tls.rules.yaml"), ("test", "mandatory-tls.test.yaml")]
    {
        let output = Command::new("promtool")
            .args([command, "rules", file])
            .current_dir(packaging("prometheus"))
            .output()
            .expect("promtool: run tests/install");
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_takes_the_figures_the_rules_and_the_questions_of_the_dashboard() {
    let (milter, address) = start(SETTINGS);
    mail(&milter);
    let rules = packaging("prometheus/mandatory-tls.rules.yaml");
    let config = format!(
        "global: {{ scrape_interval: 1s }}
rule_files: ['{}']
scrape_configs: [{{ job_name: mandatory-tls, static_configs: [{{ targets: ['{address}'] }}] }}]
",
        rules.display()
    );
    fs::write(milter.path("prometheus.yaml"), config).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("127.0.0.1:{port}");
    let _prometheus = Prometheus(
        Command::new("prometheus")
            .arg(format!("--config.file={}", milter.path("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", milter.path("tsdb").display()))
            .arg(format!("--web.listen-address={server}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus: run tests/install"),
    );
    let url = format!("http://{server}");
    let query = |expression: &str| {
        let output =
            Command::new("promtool").args(["query", "instant", &url, expression]).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let refused = r#"mandatory_tls_recipients_total{verdict="refuse"}"#;
    while !query(refused).1.contains("=> 2 @") {
        assert!(Instant::now() < deadline, "{:?}", query(refused));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(query("up").1.contains("=> 1 @"));
    for expression in expressions() {
        let filled = expression.replace("$instance", ".*").replace("$node", ".*");
        let filled = filled.replace("$__rate_interval", "5m");
        assert!(query(&filled).0, "{filled}");
    }
}
