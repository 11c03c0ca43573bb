//! Policy files that somebody or something has damaged or changed: each loads and means what it
//! says, or is refused with its place.
//!
//! MANDATORY_TLS_TEST_POLICIES says how many are tried, MANDATORY_TLS_TEST_SEED which.

#[path = "support/policy_mutations.rs"]
mod mutations;
#[path = "support/random.rs"]
mod random;
#[path = "../fuzz/src/said.rs"]
mod said;
#[path = "../fuzz/src/second_opinion.rs"]
mod second_opinion;
#[path = "support/shipped_policy.rs"]
mod shipped_policy;

use config::policy_file::load;
use config::yaml::{Problem, Problems, Severity};
use mutations::{INCLUDED, RICH, mutated};
use policy::{Entry, Policy, TlsState};
use random::{Random, seed, setting};
use serde_json::{Value, json};
use shipped_policy::with_its_examples;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A file that takes longer has made some work grow out of all proportion: one takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a directory with a policy, and beside it the file that it includes.
fn write(directory: &Path, policy: &[u8]) -> PathBuf {
    let included = directory.join(INCLUDED.0);
    fs::create_dir_all(included.parent().unwrap()).unwrap();
    fs::write(included, INCLUDED.1).unwrap();
    let path = directory.join("policy.yaml");
    fs::write(&path, policy).unwrap();
    path
}

/// Shows the file, where something is wrong with what becomes of it.
struct Shown<'t>(u64, u64, &'t [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with seed {}: file {}:\n{}", self.0, self.1, self.2.escape_ascii());
        }
    }
}

/// Damaged files, by turns the shipped one and one with all keys; each with its number.
fn each_damaged(count: u64, mut check: impl FnMut(&Path, &[u8])) {
    let directory = tempfile::tempdir().unwrap();
    let texts = [with_its_examples(), RICH.to_owned()];
    // All are written before the first is read: what has just changed is not read at once.
    let files: Vec<(PathBuf, Vec<u8>)> = (0..count)
        .map(|number| {
            let mut random = Random::new(seed(), number);
            let text = random.pick(&texts);
            let octets = mutated(&mut random, &text);
            (write(&directory.path().join(number.to_string()), &octets), octets)
        })
        .collect();
    for (number, (path, octets)) in files.iter().enumerate() {
        let _shown = Shown(seed(), number as u64, octets);
        check(path, octets);
    }
}

#[test]
fn a_damaged_policy_loads_whole_or_is_refused_with_its_place() {
    let count = setting("MANDATORY_TLS_TEST_POLICIES", 1000);
    let (mut valid, mut refused) = (0, 0);
    each_damaged(count, |path, octets| {
        let began = Instant::now();
        let loaded = load(path);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        match loaded.policy {
            Ok(policy) => {
                check_policy(&policy);
                second_opinion::check(octets);
                check_problems(&loaded.warnings, path, octets);
                valid += 1;
            }
            Err(problems) => {
                assert!(problems.count() > 0 && problems.first_error().is_some());
                check_problems(&problems, path, octets);
                refused += 1;
            }
        }
    });
    println!("{valid} are valid, {refused} are refused");
    // Both happen often enough to mean something.
    assert!(valid * 20 > count && refused * 4 > count, "{valid} valid, {refused} refused");
}

#[test]
fn another_reader_sees_the_same_in_every_policy_that_fuzzing_has_found() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/policy_file");
    let directory = tempfile::tempdir().unwrap();
    let around = directory.path().join("around.yaml");
    fs::write(&around, "include: policy.yaml\n").unwrap();
    let mut valid = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let octets = fs::read(entry.unwrap().path()).unwrap();
        let path = write(directory.path(), &octets);
        if load(&path).policy.is_ok() || load(&around).policy.is_ok() {
            second_opinion::check(&octets);
            valid += 1;
        }
    }
    assert!(valid > 50, "{valid}");
}

/// Whatever is left of it, a valid policy can be used: its entries are found, its replies are
/// well-formed, and no weak session is adequate.
fn check_policy(policy: &Policy) {
    let weak = TlsState::from_macros(Some(b"TLSv1.2"), Some(b"ECDHE-RSA-RC4-SHA"), Some(b"128"));
    let TlsState::Encrypted(weak) = weak else { panic!("{weak}") };
    let check_entry = |entry: &Entry| {
        assert!(entry.requirement.check(&weak).is_err());
        said::check_reply(&entry.reply.fill(|_| "%x\r\n\0ü".to_owned()).to_milter());
    };
    for directory in [&policy.domains, &policy.senders] {
        for (pattern, entry) in directory.iter() {
            check_entry(entry);
            assert_eq!(directory.get(pattern), Some(entry), "{pattern}");
        }
    }
    policy.local.iter().for_each(check_entry);
}

fn check_problems(problems: &Problems, path: &Path, octets: &[u8]) {
    for problem in problems.shown() {
        assert!(!problem.message.is_empty());
        said::check_for_terminal(&problem.to_string());
        let one_line = problem.in_one_line();
        assert!(!one_line.contains('\n'), "{one_line:?}");
        match problem.span {
            Some(span) if *problem.path == *path => {
                let line = line(octets, span.line);
                let is_short = line.as_ref().is_some_and(|line| line.len() <= 10_000);
                assert_eq!(problem.line.is_some(), is_short, "{one_line}");
                if let Some(shown) = problem.line.as_deref() {
                    assert_eq!(line.as_deref(), Some(shown), "{one_line}");
                    let columns = 1..=shown.chars().count() + 1;
                    assert!(columns.contains(&span.column), "{one_line}");
                }
                let place = format!("policy.yaml:{}:{}: ", span.line, span.column);
                assert!(one_line.contains(&place), "{one_line}");
            }
            Some(_) => {}
            None => assert!(is_of_whole_file(problem), "{one_line}"),
        }
    }
}

/// A few things are not wrong in any one place.
fn is_of_whole_file(problem: &Problem) -> bool {
    let whole = ["the policy is empty", "the file is empty", "cannot be read: "];
    problem.severity == Severity::Error && whole.iter().any(|part| problem.message.contains(part))
}

/// A line, from 1, as an editor counts them.
fn line(octets: &[u8], number: usize) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').nth(number - 1).map(str::to_owned)
}

/// The program with these arguments and this on its standard input.
fn run(arguments: &[&str], path: &Path, input: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(arguments)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

#[test]
fn check_ends_with_status_78_and_the_place_where_a_damaged_policy_is_refused() {
    each_damaged(30, |path, _| {
        let output = run(&["check", "--policy"], path, "");
        let said = String::from_utf8(output.stderr).unwrap();
        said::check_for_terminal(&said);
        let problems = match load(path).policy {
            Ok(_) => return assert_eq!(output.status.code(), Some(0), "{said}"),
            Err(problems) => problems,
        };
        assert_eq!(output.status.code(), Some(78), "{said}");
        for problem in problems.shown() {
            let place = problem.span.map_or_else(
                || problem.message.clone(),
                |span| format!("{}:{}:{}\n", problem.path.display(), span.line, span.column),
            );
            assert!(said.contains(&place), "{place}: {said}");
        }
    });
}

/// A change of the policy with all keys, and a case that is judged in another way by it.
struct Change {
    from: &'static str,
    to: &'static str,
    case: Value,
    before: &'static str,
    after: &'static str,
}

/// A case at a time when all dates of the policy are to come, but for what `more` says.
fn case(rcpt: &str, more: &Value) -> Value {
    let mut case = json!({ "rcpt": rcpt, "sender": "a@b.test", "at": "2026-06-01" });
    case.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    case
}

/// Changes that do not touch one another.
fn changes() -> Vec<Change> {
    let change = |from, to, case, [before, after]: [&'static str; 2]| {
        assert!(RICH.matches(from).count() == 1, "{from}");
        Change { from, to, case, before, after }
    };
    let then = |more: Value| {
        let mut case = json!({ "at": "2027-06-01" });
        case.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        case
    };
    let old = json!({ "tls_version": "TLSv1", "cipher": "ECDHE-RSA-AES256-SHA" });
    let suite = json!({ "tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-AES256-GCM-SHA384",
        "cert_subject": "mx.bank.example", "cert_issuer": "Bank CA" });
    let uncertified = json!({ "tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-AES256-GCM-SHA384" });
    let of = |sender: &str, more: &Value| {
        let mut case = case("u@free.test", more);
        case["sender"] = sender.into();
        case
    };
    vec![
        change(
            "  - example.com\n",
            "  - { domain: example.com, mode: monitor }\n",
            case("u@example.com", &json!({})),
            ["refuse", "would-refuse"],
        ),
        change(
            "\"*.example.com\"",
            "\"*.example.net\"",
            case("u@sub.example.com", &json!({})),
            ["refuse", "accept"],
        ),
        change(
            "postmaster@example.com, mode: off",
            "postmaster@example.com, mode: enforce",
            case("postmaster@example.com", &json!({})),
            ["accept", "refuse"],
        ),
        change(
            "enforce_from: 2027-01-01",
            "enforce_from: 2026-01-01",
            case("u@example.org", &json!({})),
            ["would-refuse", "refuse"],
        ),
        change(
            "    require: modern\n    contact",
            "    require: partner\n    contact",
            case("u@example.org", &then(uncertified)),
            ["accept", "refuse"],
        ),
        change(
            "until: 2026-12-31",
            "until: 2028-12-31",
            case("u@example.org", &then(json!({ "client": "192.0.2.9" }))),
            ["refuse", "accept"],
        ),
        change(
            "198.51.100.7",
            "198.51.100.8",
            case(
                "u@example.org",
                &then(json!({ "client": "198.51.100.7", "sender": "a@scanner.example" })),
            ),
            ["accept", "refuse"],
        ),
        change(
            "mx.old.example",
            "mx.older.example",
            case("u@example.org", &{
                let mut case = then(old);
                case["cert_subject"] = "mx.old.example".into();
                case
            }),
            ["accept", "refuse"],
        ),
        change(
            "    mode: monitor\n    reply: { text: \"no\"",
            "    mode: enforce\n    reply: { text: \"no\"",
            case("u@xn--bcher-kva.example", &json!({})),
            ["would-refuse", "refuse"],
        ),
        change(
            "local:\n  mode: monitor",
            "local:\n  mode: enforce",
            case("postmaster", &json!({})),
            ["would-refuse", "refuse"],
        ),
        change(
            "authenticated: true",
            "authenticated: false",
            case("boss@free.example", &json!({ "authenticated": true })),
            ["accept", "refuse"],
        ),
        change(
            "127.0.0.0/8",
            "127.0.0.0/16",
            case("boss@free.example", &json!({ "client": "127.9.0.1" })),
            ["accept", "refuse"],
        ),
        change(
            "- one.example",
            "- two.example",
            of("a@one.example", &json!({})),
            ["refuse", "accept"],
        ),
        change("Bank CA", "Other CA", of("a@bank.example", &suite), ["accept", "refuse"]),
        change(
            "[domains.d/*.yaml]",
            "[domains.d/no*.yaml]",
            case("v@more.example", &json!({})),
            ["refuse", "accept"],
        ),
        change("\"+\"", "\"-\"", case("boss+x@free.example", &json!({})), ["refuse", "accept"]),
        change(
            "allow: [TLS_AES_256_GCM_SHA384]",
            "allow: [TLS_AES_128_GCM_SHA256]",
            case(
                "boss@free.example",
                &json!({ "require": "one-suite", "tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384" }),
            ),
            ["accept", "refuse"],
        ),
    ]
}

/// What a text can be given without another meaning.
fn another_form(random: &mut Random, text: &str) -> String {
    let lines = |put: &dyn Fn(&str) -> String| text.lines().map(put).collect::<String>();
    match random.below(8) {
        0 => text.replace('\n', "\r\n"),
        1 => format!("\u{feff}{text}"),
        2 => lines(&|line| format!("{line}\n\n# mode: off\n")),
        3 => lines(&|line| format!("{line}   # off\n")),
        // Each level four columns deeper than the one before.
        4 => lines(&|line| {
            let rest = line.trim_start();
            let blanks = " ".repeat(2 * (line.len() - rest.len()));
            rest.strip_prefix("- ")
                .map_or_else(|| format!("{blanks}{rest}\n"), |item| format!("{blanks}-   {item}\n"))
        }),
        5 => format!("---\n{text}...\n"),
        6 => text.trim_end().to_owned(),
        _ => text.to_owned(),
    }
}

#[test]
fn a_policy_that_was_changed_means_what_it_says_now_in_whatever_form() {
    let directory = tempfile::tempdir().unwrap();
    let changes = changes();
    let cases: String = changes.iter().map(|change| format!("{}\n", change.case)).collect();
    for number in 0..60 {
        let mut random = Random::new(seed(), number);
        // Each alone and then some together.
        let made: Vec<bool> = (0..changes.len())
            .map(|at| if number <= 20 { at as u64 == number } else { random.one_in(2) })
            .collect();
        let mut text = RICH.to_owned();
        for (change, _) in changes.iter().zip(&made).filter(|(_, made)| **made) {
            text = text.replace(change.from, change.to);
        }
        let text = another_form(&mut random, &text);
        let _shown = Shown(seed(), number, text.as_bytes());
        let path = write(directory.path(), text.as_bytes());
        let output = run(&["explain", "--batch", "--policy"], &path, &cases);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answers = String::from_utf8(output.stdout).unwrap();
        assert_eq!(answers.lines().count(), changes.len());
        for ((change, made), answer) in changes.iter().zip(&made).zip(answers.lines()) {
            let answer: Value = serde_json::from_str(answer).unwrap();
            let expected = if *made { change.after } else { change.before };
            assert_eq!(answer["verdict"], expected, "{}: {answer}", change.case);
        }
    }
}
