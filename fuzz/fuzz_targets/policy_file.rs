//! The policy file: any text is a policy, or is told what is wrong with it, with places that
//! exist and words that a terminal can show.
//!
//! Input: the text of a policy; also read as a file that a policy includes.

#![no_main]

use config::policy_file::{Loaded, load};
use config::yaml::{self, Node, Problems, Severity, Value};
use libfuzzer_sys::{Corpus, fuzz_target};
use mandatory_tls_fuzz::{directory, said, second_opinion};
use policy::{Directory, Entry, Pattern, Policy, Requirement, TlsState};
use std::{fs, path::PathBuf, sync::LazyLock};

/// The files: the input, and beside it one that it may include and one that includes it.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = directory();
    fs::create_dir_all(directory.join("domains.d")).unwrap();
    fs::write(
        directory.join("domains.d/more.yaml"),
        "- more.example\n- { domain: other.example, mode: monitor }\n",
    )
    .unwrap();
    fs::write(directory.join("around.yaml"), AROUND).unwrap();
    directory
});

/// The operator's own file around the input: what it says of its domain holds, whatever the input says.
const AROUND: &str = "include: policy.yaml\ndomains: [{ domain: own.example, mode: monitor }]\n";

fuzz_target!(|text: &[u8]| -> Corpus {
    if !stays_inside(text) {
        return Corpus::Reject;
    }
    let path = DIRECTORY.join("policy.yaml");
    fs::write(&path, text).unwrap();
    let once = load(&path);
    check(&once, text);
    check_same(&once, &load(&path));
    let around = load(&DIRECTORY.join("around.yaml"));
    check(&around, text);
    check_around(&around);
    if once.policy.is_ok() || around.policy.is_ok() {
        second_opinion::check(text);
    }
    Corpus::Keep
});

/// Whether all files that the text includes lie below its own directory: a pattern could name
/// the whole file system otherwise.
fn stays_inside(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else {
        return true;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = yaml::parse(text, &mut Problems::new());
    let Some(Value::Map(fields)) = tree.root().map(|root| root.value) else {
        return true;
    };
    fields.iter().filter(|(key, _)| matches!(key.value, Value::Scalar("include"))).all(
        |(_, value)| match value.value {
            Value::List(items) => items.iter().all(is_inside),
            _ => is_inside(value),
        },
    )
}

fn is_inside(pattern: Node<'_>) -> bool {
    match pattern.value {
        Value::Scalar(pattern) => {
            // A character class may spell a dot.
            let up = pattern.contains("..") || pattern.contains("[.") || pattern.contains('?');
            !pattern.starts_with('/') && !up && pattern.matches('*').count() < 4
        }
        _ => true,
    }
}

fn check(loaded: &Loaded, text: &[u8]) {
    assert!(loaded.sources.files().count() >= 1);
    check_problems(&loaded.warnings, text);
    assert!(loaded.warnings.is_empty());
    match &loaded.policy {
        Ok(policy) => check_policy(policy),
        Err(problems) => {
            check_problems(problems, text);
            assert!(!problems.is_empty() && problems.count() >= 1);
            // Whoever mends what is shown comes to the end of it.
            let shown = problems.shown();
            assert!(shown.iter().any(|problem| problem.severity == Severity::Error));
        }
    }
}

/// What gives way gives way to what is in force, and is counted.
fn check_around(around: &Loaded) {
    let Ok(policy) = &around.policy else { return };
    let own = policy.domains.named(&"own.example".parse().unwrap()).unwrap();
    assert_eq!((own.place().file, own.place().line), (0, 2));
    assert!(own.entry.schedule == policy::Schedule::Always(policy::Mode::Monitor));
    let counted: usize = around.heads.iter().map(|head| head.gave_way).sum();
    assert_eq!(counted, around.gave_way.len());
    assert!(around.heads.iter().all(|head| head.gives_way || head.gave_way == 0));
    for gave_way in &around.gave_way {
        let other = policy.domains.named(&gave_way.pattern).unwrap().place();
        assert_eq!(*policy.files[usize::from(other.file)], *gave_way.other.path);
        assert_eq!(other.line, gave_way.other.line);
        assert_ne!(gave_way.place.path, gave_way.other.path);
    }
}

fn check_policy(policy: &Policy) {
    let weak =
        [("SSLv3", "AES256-SHA"), ("TLSv1.2", "ECDHE-RSA-RC4-SHA"), ("TLSv1.2", "NULL-SHA256")]
            .map(|(version, cipher)| {
                TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), None)
            });
    let check_requirement = |requirement: &Requirement| {
        for state in &weak {
            let TlsState::Encrypted(session) = state else {
                panic!("{state}");
            };
            assert!(requirement.check(session).is_err(), "{}", requirement.name());
        }
    };
    let check_entry = |entry: &Entry| {
        check_requirement(&entry.requirement);
        for value in ["", "x", &"%x".repeat(600), "\r\n250 ok\0ü"] {
            said::check_reply(&entry.reply.fill(|_| value.to_owned()).to_milter());
        }
    };
    for requirement in policy.requirements.values() {
        check_requirement(requirement);
    }
    for directory in [&policy.domains, &policy.senders] {
        let mut entries = 0;
        for (name, entry) in directory.iter() {
            entries += 1;
            check_entry(entry);
            assert!(directory.get(&name) == Some(entry));
            let pattern: Pattern = name.parse().unwrap();
            assert_eq!(pattern.to_string(), name);
        }
        assert_eq!(entries, directory.len());
        assert_eq!(directory.is_empty(), entries == 0);
        assert!(entries == 0 || directory.strictest().next().is_some());
    }
    policy.local.iter().for_each(check_entry);
    assert!(!policy.recipient_delimiter.contains('@'));
}

fn check_problems(problems: &Problems, text: &[u8]) {
    let all = problems.shown();
    for problem in &all {
        assert!(!problem.message.is_empty());
        said::check_for_terminal(&problem.message);
        said::check_for_terminal(&problem.help);
        assert!(!problem.message.contains('\n'), "{:?}", problem.message);
        let is_input = problem.path.ends_with("policy.yaml");
        if let Some(span) = problem.span
            && is_input
        {
            let line = line(text, span.line);
            let line = line.unwrap_or_else(|| panic!("no line {}: {problem:?}", span.line));
            // A longer one is not shown, and no input is as long.
            assert_eq!(problem.line.as_deref(), Some(&*line), "{problem:?}");
            let width = line.chars().count();
            // Something that is missing is missing after the last character.
            assert!((1..=width + 1).contains(&span.column), "{problem:?}");
            assert!(span.length >= 1, "{problem:?}");
        }
        check_shown(&problem.to_string());
    }
    if !all.is_empty() {
        check_shown(&problems.to_string());
    }
}

fn check_shown(shown: &str) {
    said::check_for_terminal(shown);
    assert!(shown.starts_with("error") || shown.starts_with("warning"), "{shown}");
    assert!(shown.contains(DIRECTORY.to_str().unwrap()), "{shown}");
}

/// A line of the text, from 1, as an editor counts them; the end of the file is on its last line.
fn line(text: &[u8], number: usize) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').nth(number.checked_sub(1)?).map(str::to_owned)
}

fn check_same(one: &Loaded, other: &Loaded) {
    match (&one.policy, &other.policy) {
        (Ok(one), Ok(other)) => {
            assert!(entries(&one.domains) == entries(&other.domains));
            assert!(entries(&one.senders) == entries(&other.senders));
            assert!(one.local == other.local && one.trusted == other.trusted);
            assert!(one.requirements == other.requirements && one.files == other.files);
            assert_eq!(one.recipient_delimiter, other.recipient_delimiter);
        }
        (Err(one), Err(other)) => assert_eq!(one.shown(), other.shown()),
        (one, other) => panic!("{} {}", one.is_ok(), other.is_ok()),
    }
}

fn entries(directory: &Directory) -> Vec<(&str, &Entry)> {
    let mut entries: Vec<_> = directory.iter().collect();
    entries.sort_by_key(|(pattern, _)| *pattern);
    entries
}
