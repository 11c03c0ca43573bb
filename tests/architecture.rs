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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(part);
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
        "crate::cli",
        "crate::ledger",
        "crate::logging",
        "crate::milter",
        "crate::policy_file",
        "crate::reload",
        "crate::session",
        "crate::settings",
        "crate::yaml",
        "tokio",
        "indymilter",
        "saphyr",
        "tracing",
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
    assert_eq!(mentions("policy", &outside), Vec::<String>::new());
}

#[test]
fn only_the_milter_knows_the_milter_protocol() {
    for part in
        ["cli", "logging", "policy", "policy_file", "reload", "session.rs", "settings.rs", "yaml"]
    {
        assert_eq!(mentions(part, &["indymilter"]), Vec::<String>::new(), "{part}");
    }
}

#[test]
fn only_the_ledger_knows_its_database() {
    for part in ["cli", "milter", "policy", "policy_file", "session.rs", "settings.rs"] {
        assert_eq!(mentions(part, &["rusqlite"]), Vec::<String>::new(), "{part}");
    }
}

#[test]
fn imports_run_downwards() {
    for (part, above) in [
        (
            "yaml",
            &["crate::policy", "crate::settings", "crate::session", "crate::milter", "crate::cli"]
                [..],
        ),
        (
            "policy_file",
            &["crate::session", "crate::milter", "crate::reload", "crate::cli", "crate::settings"],
        ),
        ("session.rs", &["crate::milter", "crate::reload", "crate::cli", "crate::policy_file"]),
        ("milter", &["crate::cli", "crate::reload", "crate::policy_file"]),
        ("metrics", &["crate::cli", "crate::milter", "crate::settings"]),
        ("reload", &["crate::cli", "crate::metrics", "crate::milter", "crate::session"]),
        (
            "ledger",
            &["crate::cli", "crate::milter", "crate::reload", "crate::settings", "crate::yaml"],
        ),
    ] {
        assert_eq!(mentions(part, above), Vec::<String>::new(), "{part}");
    }
}
