//! The policy file: what is valid, and what is said of what is not.

#[path = "support/shipped_policy.rs"]
mod shipped_policy;

use config::policy_file;
use config::settings::Settings;
use policy::{DomainName, Mode, Placeholder};
use shipped_policy::{shipped, with_its_examples};
use std::{fs, path::Path};

/// Writes files into a directory.
fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// What is said of a policy that is not valid; the directory is left out.
fn errors(files: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), files);
    let problems = policy_file::load(&directory.path().join("policy.yaml")).policy.unwrap_err();
    let prefix = format!("{}/", directory.path().display());
    problems.to_string().replace(&prefix, "")
}

/// The messages alone, each with its place: `policy.yaml:3:5 message`.
fn messages(policy: &str) -> Vec<String> {
    let text = errors(&[("policy.yaml", policy)]);
    let mut found = Vec::new();
    let mut message = "";
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("error: ") {
            message = title;
        } else if let Some((_, place)) = line.split_once("--> ") {
            found
                .push(format!("{} {message}", place.strip_prefix("policy.yaml:").unwrap_or(place)));
        }
    }
    found
}

#[test]
fn the_shipped_files_are_valid() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let settings =
        Settings::load(&conf.join("milter.yaml")).unwrap_or_else(|problems| panic!("{problems}"));
    let loaded = policy_file::load(&settings.policy);
    let policy = loaded.policy.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(policy.trusted.authenticated && policy.trusted.clients.len() == 2);
}

#[test]
fn the_shipped_policy_opts_nobody_in_and_warns_of_nothing() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let loaded = policy_file::load(&conf.join("policy.yaml"));
    let policy = loaded.policy.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(policy.domains.is_empty() && policy.senders.is_empty() && policy.local.is_none());
    assert_eq!(loaded.warnings.to_string(), "");
}

#[test]
fn the_examples_of_the_shipped_policy_are_valid() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("domains.d")).unwrap();
    write(directory.path(), &[("policy.yaml", &with_its_examples())]);
    let policy = policy_file::load(&directory.path().join("policy.yaml")).policy;
    let policy = policy.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((policy.domains.len(), policy.senders.len()), (4, 1));
    assert!(policy.local.is_some());
    assert_eq!(policy.domains.get("example.org").unwrap().exceptions.len(), 2);
    // No example is left over.
    let commented = with_its_examples().lines().filter(|line| line.starts_with("#  ")).count();
    assert_eq!(commented, 0);
}

#[test]
fn the_shipped_policy_names_every_placeholder_of_replies() {
    let policy = shipped();
    for name in Placeholder::NAMES {
        assert!(policy.contains(&format!("{{{name}}}")), "{name}");
    }
}

#[test]
fn an_error_shows_the_line_a_caret_and_a_remedy() {
    let policy = "domains:\n  - domain: example.org\n    mod: monitor\n";
    assert_eq!(
        errors(&[("policy.yaml", policy)]),
        "\
error: there is no key `mod` here
 --> policy.yaml:3:5
  |
3 |     mod: monitor
  |     ^^^
  |
  = help: did you mean `mode`?"
    );
}

#[test]
fn all_errors_are_told_in_one_go_in_the_order_of_the_lines() {
    let policy = r#"defaults: { mode: enforc }
requirements:
  own: { min_version: TLSv9.x, extends: nothing }
trusted: { clients: [10.0.0.1/8, here] }
domains:
  - example.com
  - { domain: Example.COM., mode: monitor }
  - a..b
  - { domain: example.org, enforce_from: 2027-02-30 }
  - { domain: example.net, exceptions: [{ until: soon }] }
senders: bank.example
"#;
    assert_eq!(
        messages(policy),
        [
            "1:19 mode must be one of: off, monitor, enforce",
            "3:3 `own` builds on `nothing`, which is not there",
            "3:23 `TLSv9.x` is no version of TLS (did you mean `TLSv1.1`?); possible are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3",
            "4:22 this address has bits set beyond the network's length",
            "4:34 `here` is not a network",
            "7:15 example.com is named a second time, and the two entries differ (mode)",
            "8:5 `a..b` is not a domain or mailbox: a domain name has no empty part between its dots",
            "9:42 `2027-02-30` is not a date",
            "10:41 an exception names a client network, a sender domain, a client certificate, or several of these",
            "10:41 an exception states its reason",
            "10:50 `soon` is not a date",
            "11:10 domain entries must be a list, not the value `bank.example`",
        ]
    );
}

#[test]
fn errors_before_broken_yaml_are_told_as_well() {
    let policy = "default: {}\ndomains:\n  - example.com\n  - *.example.com\n  - x\n";
    assert_eq!(
        messages(policy),
        [
            "1:1 there is no key `default` here",
            "4:5 this is not valid YAML: while parsing node, found unknown anchor",
        ]
    );
    assert!(errors(&[("policy.yaml", policy)]).contains("must be in quotes: \"*.example.org\""));
}

#[test]
fn broken_yaml_says_what_to_do_about_what_people_mistype() {
    let tabs = "YAML is indented with blanks, not with tabs";
    let empty = "take the `[]` in the line before away: it stands for an empty list";
    for (policy, help) in [
        ("domains:\n\t- example.com", tabs),
        ("domains:\n  - domain: a.example\n\tmode: monitor", tabs),
        ("domains:\n- domain: a.example\n  mode: off\n\trequire: rfc9325", tabs),
        ("domains: []\n  - example.com\n", empty),
        ("domains: []\n- example.com\n", empty),
    ] {
        let said = errors(&[("policy.yaml", policy)]);
        assert!(said.contains(&format!("= help: {help}")), "{policy}\n{said}");
    }
}

#[test]
fn what_people_mistype_is_refused_with_its_place() {
    for (policy, expected) in [
        (
            "domains: [user@a.example, { domain: USER@A.example, require: rfc9325 }]",
            "1:37 user@a.example is named a second time, and the two entries differ (require)",
        ),
        ("domains: []\ndomains: []", "2:1 the key `domains` stands here a second time"),
        (
            "domains: [\"*.*.example\"]",
            "1:11 `*.*.example` is not a domain or mailbox: `*` can only stand alone or as the first part, as in \"*.example.org\"",
        ),
        (
            "domains: [\"exa mple.com\"]",
            "1:11 `exa mple.com` is not a domain or mailbox: ` ` cannot stand in a domain name",
        ),
        ("domains: [{ mode: off }]", "1:11 an entry names its domain"),
        ("domains: { example.com: enforce }", "1:10 domain entries must be a list, not a mapping"),
        ("domains: [[example.com]]", "1:11 a domain must be a single value, not a list"),
        (
            "domains: [{ domain: a.example, mode: off, enforce_from: 2027-01-01 }]",
            "1:57 `enforce_from` contradicts `mode: off`",
        ),
        (
            "domains: [{ domain: a.example, require: strong }]",
            "1:41 there is no requirement `strong`",
        ),
        (
            "domains: [{ domain: a.example, contact: nobody }]",
            "1:41 `nobody` is not a mail address",
        ),
        (
            "domains: &all [a.example]",
            "1:10 anchors (`&name`) and tags (`!name`) are not supported",
        ),
        (
            "defaults: { reply: { code: 421 } }",
            "1:28 a refused recipient is answered with a code from 450 to 459 or 550 to 559: 450 keeps the message in the sender's queue, 550 returns it at once",
        ),
        (
            "defaults: { reply: { text: \"Grüezi\" } }",
            "1:28 `ü` cannot stand in an SMTP reply, which is plain ASCII",
        ),
        (
            "defaults: { reply: { text: \"{dom}\" } }",
            "1:28 there is no placeholder `{dom}`; there are {domain}, ",
        ),
        (
            "defaults: { reply: { text: \"see {url}\" } }",
            "1:20 the text has `{url}`, but no `url` is given",
        ),
        ("requirements: { baseline: {} }", "1:17 `baseline` is a built-in requirement"),
        (
            "requirements: { a: { extends: b }, b: { extends: a } }",
            "1:17 `a` builds on `b`, which is not there",
        ),
        (
            "requirements: { a: { min_bits: many } }",
            "1:32 `min_bits` must be a number from 0 to 256",
        ),
        ("requirements: { a: { forbid: [RC44] } }", "1:31 "),
        (
            "requirements: { a: { client_certificate: {} } }",
            "1:42 a client certificate is named by its subject, its issuer, or both",
        ),
        ("trusted: { authenticated: yes }", "1:27 `authenticated` must be `true` or `false`"),
        (
            "trusted: { clients: [\"::ffff:192.0.2.0/120\"] }",
            "1:22 this is an IPv4 network in IPv6 form",
        ),
        ("include: [nowhere/*.yaml]", "1:11 the directory nowhere cannot be read: "),
        ("include: [missing.yaml]", "1:11 there is no file missing.yaml"),
        ("include: [\"*/x.yaml\"]", "1:11 a wildcard can only stand in the last part of a path"),
        // What is empty must not look like what is not there.
        ("domains:", "1:1 `domains` has no value"),
        ("domains: []\nlocal:", "2:1 `local` has no value"),
        ("defaults: {}", "1:1 the policy opts nobody in"),
        (
            "domains: [{ domain: a.example, exceptions: [{ client: [], reason: x }] }]",
            "1:55 `client` names no network",
        ),
        (
            "domains: [{ domain: a.example, exceptions: [{ sender: b.example, client: , reason: x }] }]",
            "1:66 `client` has no value",
        ),
        (
            "domains: [{ domain: a.example, exceptions: [{ sender: b.example, until: , reason: x }] }]",
            "1:66 `until` has no value",
        ),
        ("domains: []\nrequirements: { a: { allow: } }", "2:22 `allow` has no value"),
        ("domains: [a.example, ]\ndefaults: { mode: }", "2:13 `mode` has no value"),
        ("- example.com", "1:1 the policy must be a mapping (`key: value`), not a list"),
        ("domains: []\n---\ndomains: []", "2:1 a second document starts here"),
        ("domains:\n\t- example.com", "2:2 this is not valid YAML: "),
        ("domains: [", "1:11 this is not valid YAML: "),
    ] {
        let found = messages(policy);
        assert!(found.iter().any(|message| message.starts_with(expected)), "{policy}\n{found:#?}");
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_refused_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let said = |name: &str| {
        let path = directory.path().join(name);
        policy_file::load(&path).policy.unwrap_err().to_string()
    };
    assert!(said("missing.yaml").contains("No such file"), "{}", said("missing.yaml"));
    fs::create_dir(directory.path().join("directory.yaml")).unwrap();
    assert!(said("directory.yaml").contains("not a regular file"));
    nix::unistd::mkfifo(&directory.path().join("fifo.yaml"), nix::sys::stat::Mode::S_IRWXU)
        .unwrap();
    assert!(said("fifo.yaml").contains("not a regular file"));
    std::os::unix::fs::symlink("loop.yaml", directory.path().join("loop.yaml")).unwrap();
    assert!(said("loop.yaml").contains("it leads back to itself"), "{}", said("loop.yaml"));
    fs::File::create(directory.path().join("huge.yaml")).unwrap().set_len(10 << 30).unwrap();
    assert!(said("huge.yaml").contains("is it the right file?"), "{}", said("huge.yaml"));
    for octets in [
        &b"domains:\n  - b\xfccher.example\n"[..],
        b"domains:\r  - b\xfccher.example\r",
        b"\xef\xbb\xbfdomains:\r\n  - b\xfccher.example\r\n",
    ] {
        fs::write(directory.path().join("latin1.yaml"), octets).unwrap();
        let latin1 = said("latin1.yaml");
        assert!(latin1.contains("latin1.yaml:2:6"), "{latin1}");
        assert!(latin1.contains("this is not UTF-8"), "{latin1}");
    }
    fs::write(directory.path().join("empty.yaml"), "# nothing\n").unwrap();
    assert!(said("empty.yaml").contains("the policy is empty"));
    for depth in [30, 100_000] {
        fs::write(directory.path().join("deep.yaml"), "- ".repeat(depth)).unwrap();
        assert!(said("deep.yaml").contains("nested too deeply"), "{}", said("deep.yaml"));
    }
}

#[test]
fn included_files_hold_entries_and_say_their_own_errors() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            (
                "policy.yaml",
                "include: [domains.d/*.yaml, more.yaml]\ndefaults: { mode: monitor }\ndomains: [a.example]\n",
            ),
            ("domains.d/b.yaml", "- b.example\n- { domain: c.example, mode: enforce }\n"),
            ("domains.d/none.yaml", "[]  # none yet\n"),
            ("domains.d/.hidden.yaml", "- hidden.example\n"),
            ("domains.d/backup.yaml~", "- backup.example\n"),
            ("more.yaml", "- d.example\n"),
        ],
    );
    let policy = policy_file::load(&directory.path().join("policy.yaml")).policy.unwrap();
    let mode = |name: &str| {
        let found = policy.domains.find_domain(&DomainName::parse(name).unwrap())?;
        Some(found.entry.schedule.mode_at(jiff::Timestamp::UNIX_EPOCH))
    };
    assert_eq!(mode("a.example"), Some(Mode::Monitor));
    assert_eq!(mode("b.example"), Some(Mode::Monitor));
    assert_eq!(mode("c.example"), Some(Mode::Enforce));
    assert_eq!(mode("d.example"), Some(Mode::Monitor));
    assert_eq!((mode("hidden.example"), mode("backup.example")), (None, None));

    let said = errors(&[
        ("policy.yaml", "include: domains.d/*.yaml\ndomains: [a.example]\n"),
        ("domains.d/b.yaml", "# the first line\n- a.example\n"),
        // A whole policy.
        ("domains.d/c.yaml", "domains: [c.example]\ninclude: more.yaml\n"),
    ]);
    assert!(said.contains("--> domains.d/b.yaml:2:3"), "{said}");
    assert!(said.contains("it stands in line 2 of policy.yaml already"), "{said}");
    assert!(said.contains("--> domains.d/c.yaml:2:1"), "{said}");
}

#[test]
fn a_relative_path_leads_to_the_same_files() {
    // As typed in the policy's own directory.
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("milter.yaml", "listen: inet:127.0.0.1:0\npolicy: policy.yaml\n"),
            ("policy.yaml", "include: [more.yaml, \"m[o]*.yaml\", d/*.yaml]\n"),
            ("more.yaml", "- a.example\n"),
            ("d/x.yaml", "- b.example\n"),
        ],
    );
    for arguments in [["--policy", "policy.yaml"], ["--config", "milter.yaml"]] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .arg("check")
            .args(arguments)
            .current_dir(directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.ends_with("valid; 2 domains, 0 senders, 3 files\n"), "{said}{output:?}");
    }
}

#[test]
fn what_may_not_be_meant_is_told_as_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[(
            "policy.yaml",
            "\
trusted: { clients: 0.0.0.0/0 }
requirements: { own: { min_version: TLSv1.3, allow: [TLS_AES_128_GCM_SHA256, AES256-SHA] } }
domains:
  - domain: a.example
    exceptions: [{ client: \"::/0\", until: 2020-01-01, reason: x }]
include: [\"*.yml\"]
",
        )],
    );
    let loaded = policy_file::load(&directory.path().join("policy.yaml"));
    assert!(loaded.policy.is_ok());
    let said = loaded.warnings.to_string();
    for part in [
        "every client is trusted, so nothing is judged",
        "allowed, but refused by another condition: AES256-SHA",
        "this exception is for every client",
        "this exception is over",
        "no file matches this pattern",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(said.starts_with("warning: "), "{said}");
}

#[test]
fn a_contact_that_would_get_no_digest_is_warned_of_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[(
            "policy.yaml",
            "\
domains:
  - { domain: a.example, contact: boss@a.example }
  - { domain: \"*.a.example\", contact: boss@a.example }
  - { domain: x@a.example, contact: boss@a.example }
local: { contact: boss@a.example }
senders: [{ domain: b.example, contact: boss@a.example }]
",
        )],
    );
    let loaded = policy_file::load(&directory.path().join("policy.yaml"));
    assert!(loaded.policy.is_ok());
    let said = loaded.warnings.to_string();
    for (part, place) in [
        ("the `contact` of a single mailbox is told nothing", "policy.yaml:4:"),
        ("the `contact` of `local` is told nothing", "policy.yaml:5:"),
        ("the `contact` of a partner is told nothing", "policy.yaml:6:"),
    ] {
        assert!(said.contains(part) && said.contains(place), "{part}\n{said}");
    }
    assert_eq!(said.matches("warning: ").count(), 3, "{said}");
}
