//! The man pages against the program: every key with its default, no other, and examples that load.

use config::policy_file;
use config::settings::Settings;
use policy::{Mode, Placeholder, Schedule, requirement::Requirement};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

fn page(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man");
    fs::read_to_string(directory.join(name)).unwrap().replace("\\-", "-")
}

/// What a page says of one key.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    section: String,
    name: String,
    kind: String,
}

/// The keys of a page: `.TP`, `.B name`, `.I "type; default: value"`.
fn keys(page: &str) -> Vec<Key> {
    let lines: Vec<&str> = page.lines().collect();
    let mut section = "";
    let mut keys = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if let Some(title) = line.strip_prefix(".SH ") {
            section = title;
        }
        if *line == ".TP" {
            let name = lines[number + 1].strip_prefix(".B ").unwrap();
            let kind = lines[number + 2].strip_prefix(".I \"").unwrap().strip_suffix('"').unwrap();
            keys.push(Key { section: section.into(), name: name.into(), kind: kind.into() });
        }
    }
    assert!(!keys.is_empty());
    keys
}

fn examples(page: &str) -> Vec<String> {
    let parts = page.split("\n.EX\n").skip(1);
    let examples: Vec<String> =
        parts.map(|part| part.split("\n.EE").next().unwrap().to_owned()).collect();
    assert!(!examples.is_empty());
    examples
}

/// The keys that the program knows where `nonsense` stands, as it tells them itself.
fn known(problems: &str) -> BTreeSet<String> {
    let help = problems.lines().find_map(|line| line.trim().strip_prefix("= help: there are: "));
    help.unwrap_or_else(|| panic!("{problems}")).split(", ").map(str::to_owned).collect()
}

fn documented(keys: &[Key], section: &str, prefix: &str) -> BTreeSet<String> {
    let of_section = keys.iter().filter(|key| key.section == section);
    of_section
        .filter_map(|key| key.name.strip_prefix(prefix))
        .filter(|name| !name.contains('.'))
        .map(str::to_owned)
        .collect()
}

/// The default that a page gives for a key.
fn default<'k>(keys: &'k [Key], name: &str) -> &'k str {
    let key = keys.iter().find(|key| key.name == name).unwrap_or_else(|| panic!("{name}"));
    key.kind.split_once("default: ").unwrap_or_else(|| panic!("{name}")).1
}

const NONSENSE: &str = "qqqqqq";

fn settings(text: &str) -> Result<Settings, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("milter.yaml");
    fs::write(&path, text).unwrap();
    Settings::load(&path).map_err(|problems| problems.to_string())
}

fn policy(text: &str) -> Result<policy::Policy, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::create_dir(directory.path().join("domains.d")).unwrap();
    if text.starts_with("gives_way:") {
        fs::write(directory.path().join("domains.d/included.yaml"), text).unwrap();
        fs::write(&path, "include: domains.d/*.yaml\n").unwrap();
    } else {
        fs::write(&path, text).unwrap();
    }
    policy_file::load(&path).policy.map_err(|problems| problems.to_string())
}

#[test]
fn the_page_of_the_settings_has_every_key_and_no_other() {
    let keys = keys(&page("mandatory-tls-milter.yaml.5"));
    for (prefix, text) in [
        ("", format!("{NONSENSE}: 1")),
        ("listen.", format!("listen: {{ socket: unix:/m, {NONSENSE}: 1 }}")),
        ("limits.", format!("limits: {{ {NONSENSE}: 1 }}")),
        ("log.", format!("log: {{ {NONSENSE}: 1 }}")),
        ("ledger.", format!("state_dir: /s\nledger: {{ {NONSENSE}: 1 }}")),
        ("metrics.", format!("metrics: {{ {NONSENSE}: 1 }}")),
        ("digest.", format!("digest: {{ {NONSENSE}: 1 }}")),
    ] {
        let problems = settings(&text).unwrap_err();
        assert_eq!(documented(&keys, "KEYS", prefix), known(&problems), "{prefix}");
    }
}

#[test]
fn the_page_of_the_policy_has_every_key_and_no_other() {
    let keys = keys(&page("mandatory-tls-policy.yaml.5"));
    for (section, prefix, text) in [
        ("KEYS", "", format!("{NONSENSE}: 1")),
        ("KEYS", "defaults.", format!("defaults: {{ {NONSENSE}: 1 }}")),
        ("KEYS", "trusted.", format!("trusted: {{ {NONSENSE}: 1 }}")),
        ("INCLUDED FILES", "", format!("gives_way: true\ndomains: []\n{NONSENSE}: 1")),
        ("ENTRIES", "", format!("domains: [{{ domain: a.example, {NONSENSE}: 1 }}]")),
        (
            "EXCEPTIONS",
            "",
            format!("domains: [{{ domain: a.example, exceptions: [{{ {NONSENSE}: 1 }}] }}]"),
        ),
        ("DELIVER", "", format!("defaults: {{ deliver: {{ {NONSENSE}: 1 }} }}")),
        ("REPLIES", "", format!("defaults: {{ reply: {{ {NONSENSE}: 1 }} }}")),
        ("REQUIREMENTS", "", format!("requirements: {{ own: {{ {NONSENSE}: 1 }} }}")),
        (
            "CLIENT CERTIFICATES",
            "",
            format!("requirements: {{ own: {{ client_certificate: {{ {NONSENSE}: 1 }} }} }}"),
        ),
    ] {
        let problems = policy(&text).unwrap_err();
        assert_eq!(documented(&keys, section, prefix), known(&problems), "{section} {prefix}");
    }
    // A test is about either of the hops.
    let of_hop = |key: &str| {
        known(
            &policy(&format!("domains: []\ntests: [{{ {key}: mx.example, {NONSENSE}: 1 }}]"))
                .unwrap_err(),
        )
    };
    let of_tests: BTreeSet<String> = &of_hop("rcpt") | &of_hop("nexthop");
    assert_eq!(documented(&keys, "TESTS", ""), of_tests);
}

#[test]
fn the_page_of_the_policy_names_every_placeholder_of_replies() {
    let page = page("mandatory-tls-policy.yaml.5");
    let list = page.lines().find_map(|line| line.strip_prefix("It can hold ")).unwrap();
    let names: BTreeSet<String> =
        Placeholder::NAMES.iter().map(|name| format!("{{{name}}}")).collect();
    let listed: BTreeSet<String> = list
        .split([' ', ',', '.'])
        .filter(|word| word.starts_with('{'))
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, names);
}

#[test]
fn every_key_of_a_requirement_is_in_the_guide_and_shown_by_the_command() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/policy.md");
    let guide = fs::read_to_string(guide).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    let shown = |conditions: &str| {
        fs::write(&path, format!("domains: []\nrequirements: {{ own: {{ {conditions} }} }}\n"))
            .unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(["requirements", "own", "--policy"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{conditions}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split("\nTakes:").next().unwrap().to_owned()
    };
    let bare = shown("");
    let problems = policy(&format!("requirements: {{ own: {{ {NONSENSE}: 1 }} }}")).unwrap_err();
    for key in known(&problems) {
        assert!(guide.contains(&format!("`{key}")), "{key} is not in the guide");
        let value = match &*key {
            "extends" => "rfc9325",
            "min_version" => "TLSv1.3",
            "min_bits" => "256",
            "forward_secrecy" | "aead" => "true",
            "forbid" => "[3DES]",
            "allow" => "[TLS_AES_256_GCM_SHA384]",
            "client_certificate" => "{ subject: mx.example.org }",
            new => panic!("give `{new}` a value here that asks for something"),
        };
        assert_ne!(shown(&format!("{key}: {value}")), bare, "`requirements` is silent on {key}");
    }
}

#[test]
fn the_page_of_the_settings_gives_the_defaults_of_the_program() {
    let keys = keys(&page("mandatory-tls-milter.yaml.5"));
    let settings = settings("listen: systemd\npolicy: p\nstate_dir: s").unwrap();
    let ledger = settings.ledger.unwrap();
    fn word(choice: impl Into<&'static str>) -> String {
        choice.into().to_owned()
    }
    let none = |path: Option<_>| if path.is_none() { "none" } else { "some" };
    for (name, value) in [
        ("limits.connections", settings.limits.connections.to_string()),
        ("limits.drain_seconds", settings.limits.drain.as_secs().to_string()),
        ("log.level", word(settings.log.level)),
        ("log.local_parts", settings.log.local_parts.to_string()),
        ("log.format", word(settings.log.format)),
        ("log.to", word(settings.log.to)),
        ("on_unknown_tls", word(settings.on_unknown_tls)),
        ("status_file", none(settings.status_file).into()),
        ("ledger.retention_days", ledger.retention_days.to_string()),
        ("ledger.rows_per_domain_and_day", ledger.room.domain.to_string()),
        ("ledger.rows_per_day", ledger.room.day.to_string()),
        ("ledger.clients", word(ledger.clients)),
    ] {
        assert_eq!(default(&keys, name), value, "{name}");
    }
}

#[test]
fn the_page_of_the_policy_gives_the_defaults_of_the_program() {
    let keys = keys(&page("mandatory-tls-policy.yaml.5"));
    let policy = policy("domains: [example.org]").unwrap();
    let (_, entry) = policy.domains.iter().next().unwrap();
    let mode = match entry.schedule {
        Schedule::Always(Mode::Enforce) => "enforce",
        _ => "another",
    };
    let baseline = Requirement::builtin("baseline").unwrap();
    for (name, value) in [
        ("defaults.mode", mode.to_owned()),
        ("defaults.require", entry.requirement.name().to_owned()),
        ("code", entry.reply.code().to_string()),
        ("trusted.authenticated", policy.trusted.authenticated.to_string()),
        ("recipient_delimiter", policy.recipient_delimiter.clone()),
        ("min_version", baseline.min_version().to_string()),
        ("min_bits", baseline.min_bits().to_string()),
    ] {
        assert_eq!(default(&keys, name), value, "{name}");
    }
    assert!(policy.trusted.clients.is_empty() && policy.senders.is_empty());
    assert!(policy.local.is_none() && entry.exceptions.is_empty() && entry.contact.is_none());
}

#[test]
fn the_examples_of_the_pages_load_and_show_every_key() {
    let policies = examples(&page("mandatory-tls-policy.yaml.5"));
    for example in &policies {
        let needs = if example.contains("domains:") { "" } else { "domains: []\n" };
        policy(&format!("{needs}{example}\n")).unwrap_or_else(|error| panic!("{example}\n{error}"));
    }
    let parts = examples(&page("mandatory-tls-milter.yaml.5"));
    settings(&parts.join("\n")).unwrap();
    let shown: BTreeMap<&str, String> = BTreeMap::from([
        ("mandatory-tls-policy.yaml.5", policies.join("\n")),
        ("mandatory-tls-milter.yaml.5", parts.join("\n")),
    ]);
    for (name, examples) in shown {
        for key in keys(&page(name)) {
            let last = key.name.rsplit('.').next().unwrap();
            assert!(examples.contains(&format!("{last}:")), "{name}: no example has {last}");
        }
    }
}

/// The commands and options of a help text.
fn of_help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_and_option_is_in_a_man_page_and_in_the_completions() {
    let directory = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .arg("generate")
        .arg(directory.path())
        .status()
        .unwrap();
    assert!(made.success());
    let read =
        |name: &str| fs::read_to_string(directory.path().join(name)).unwrap().replace("\\-", "-");
    let completions: Vec<String> = ["mandatory-tls.bash", "_mandatory-tls", "mandatory-tls.fish"]
        .iter()
        .map(|name| read(&format!("completions/{name}")))
        .collect();
    let help = of_help(&[]);
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.contains(&"milter") && names.contains(&"doctor"), "{names:?}");
    assert!(!names.contains(&"generate"));
    for name in names {
        let page = read(&format!("man/mandatory-tls-{name}.1"));
        for option in of_help(&[name]).split_whitespace().filter(|word| word.starts_with("--")) {
            let option = option.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let option = option.split(['=', '[']).next().unwrap();
            assert!(page.contains(option), "{name} {option}");
            assert!(completions.iter().all(|text| text.contains(option.trim_start_matches("--"))));
        }
    }
}
