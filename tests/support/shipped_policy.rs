//! The shipped policy, and what becomes of it where all of its examples are used.

use std::{fs, path::Path};

/// The shipped policy as it is.
pub fn shipped() -> String {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    fs::read_to_string(conf.join("policy.yaml")).unwrap()
}

/// The shipped policy with the # taken away before every example, as it says itself.
pub fn with_its_examples() -> String {
    let is_example = |line: &str| {
        line.strip_prefix('#').is_some_and(|rest| {
            rest.starts_with("  ") || rest.starts_with(|c: char| c.is_ascii_lowercase())
        })
    };
    let mut used = String::new();
    for line in shipped().lines() {
        used.push_str(match line {
            "domains: []" => "domains:",
            "senders: []" => "senders:",
            line if is_example(line) => line.trim_start_matches('#'),
            line => line,
        });
        used.push('\n');
    }
    used
}
