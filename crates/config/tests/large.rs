//! Policies that are large, or have long lines: they take no time, and errors in them are short.

use config::policy_file;
use std::fs;

#[test]
fn a_policy_with_very_many_errors_or_terms_is_read_in_no_time() {
    // Work that grows with the square of the size would take minutes here.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    let lines = |line: &dyn Fn(usize) -> String| (0..60_000).map(line).collect::<String>();
    fs::write(&path, format!("domains:\n{}", lines(&|_| "  - a..b\n".into()))).unwrap();
    let problems = policy_file::load(&path).policy.unwrap_err();
    assert_eq!(problems.count(), 60_000);
    assert!(problems.to_string().ends_with("these are the first of 60000 errors"));
    fs::write(&path, format!("domains:\n{}", lines(&|_| "  - a.example\n".into()))).unwrap();
    let loaded = policy_file::load(&path);
    assert_eq!(loaded.policy.unwrap().domains.len(), 1);
    assert!(loaded.warnings.to_string().contains("59999 entries name what is named before them"));
    let dated = |n: usize| {
        let minute = n % 60;
        let hour = n / 60 % 24;
        format!(
            "  - {{ domain: d{n}.example, enforce_from: 2030-01-{:02}T{hour:02}:{minute:02}:00Z }}\n",
            n / 1440 % 28 + 1
        )
    };
    fs::write(&path, format!("domains:\n{}", lines(&dated))).unwrap();
    let policy = policy_file::load(&path).policy.unwrap();
    assert_eq!(policy.domains.len(), 60_000);
    assert_eq!(policy.domains.strictest().count(), 1);
}

#[test]
fn what_is_wrong_is_told_shortly_however_long_a_line_or_a_name_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    let said = |text: String| {
        fs::write(&path, text).unwrap();
        policy_file::load(&path).policy.unwrap_err().to_string()
    };
    let items = (0..100_000).map(|n| format!("a..b{n}, ")).collect::<String>();
    let in_one_line = said(format!("domains: [{items}]\n"));
    assert!(in_one_line.contains("policy.yaml:1:18: `a..b1` is not a domain"), "{in_one_line}");
    assert!(in_one_line.contains("= help: write example.org"), "{in_one_line}");
    assert!(in_one_line.len() < 20_000, "{}", in_one_line.len());
    let of_long_name = said(format!("domains:\n  - a..{}\n", "b".repeat(1_000_000)));
    assert!(of_long_name.contains("policy.yaml:2:5: `a..bbb"), "{}", of_long_name.len());
    assert!(of_long_name.len() < 2000, "{}", of_long_name.len());
    // Nor does a line look like two to anybody.
    let message = said("domains: []\n\"a\u{2028}ERROR\u{200f}\u{61c}b\": 1\n".into());
    assert!(
        message.is_ascii() || !message.contains(['\u{2028}', '\u{200f}', '\u{61c}']),
        "{message}"
    );
}
