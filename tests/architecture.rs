//! What keeps the parts apart.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The files of a part whose code, without comments, has one of the words.
fn mentions(part: &str, words: &[&str]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(part);
    let files = if path.is_dir() { sources(&path) } else { vec![path] };
    assert!(!files.is_empty());
    let mut found = Vec::new();
    for file in files {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let code = line.split("//").next().unwrap();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}: {line}", file.display()));
            }
        }
    }
    found
}

#[test]
fn the_policy_is_pure() {
    let outside = [
        "std::fs",
        "fs::",
        "std::io",
        "std::net::Tcp",
        "std::env",
        "std::process",
        "Timestamp::now",
        "SystemTime",
        "Instant",
    ];
    assert_eq!(mentions("crates/policy/src", &outside), Vec::<String>::new());
}

#[test]
fn only_the_milter_knows_the_milter_protocol() {
    for part in ["src/cli", "src/logging", "src/net", "src/reload", "src/session", "crates"] {
        assert_eq!(mentions(part, &["indymilter"]), Vec::<String>::new(), "{part}");
    }
}

#[test]
fn imports_run_downwards() {
    for (part, above) in [
        ("src/net", &["crate::"][..]),
        ("src/logging", &["crate::milter", "crate::reload", "crate::cli"]),
        ("src/status", &["crate::cli"]),
        ("src/session", &["crate::milter", "crate::reload", "crate::cli"]),
        ("src/milter", &["crate::cli", "crate::reload"]),
        ("src/metrics", &["crate::cli", "crate::milter"]),
        ("src/reload", &["crate::cli", "crate::metrics", "crate::milter", "crate::session"]),
        ("src/postfix", &["crate::cli", "crate::milter", "crate::reload", "crate::session"]),
    ] {
        assert_eq!(mentions(part, above), Vec::<String>::new(), "{part}");
    }
}

#[test]
fn only_one_room_of_the_ledger_knows_sql() {
    for part in ["model", "recorder", "report", "postfix_log", "digest.rs", "simulation.rs"] {
        let part = format!("crates/ledger/src/{part}");
        assert_eq!(mentions(&part, &["rusqlite", "SELECT", "INSERT"]), Vec::<String>::new());
    }
}
