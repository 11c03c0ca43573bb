//! Lists of entries, as an administrator looks at them: those in use, and one that is about to be.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Exit status, standard output and standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

const POLICY: &str = "\
include: [domains.d/*.yaml]
local: { mode: monitor }
domains:
  - example.com
  - { domain: 'user@Example.com', mode: \"off\" }
  - { domain: begun.example, enforce_from: 2020-01-01, contact: a@begun.example }
senders: [{ domain: bank.example, require: rfc9325 }]
";
const INCLUDED: &str = "\
- domain: '*.example.com'
  mode: monitor
  exceptions: [{ client: 192.0.2.1, reason: x }]
- { domain: later.example, enforce_from: 2999-01-01 }
";

fn listed() -> Files {
    Files::new(&[("policy.yaml", POLICY), ("domains.d/a.yaml", INCLUDED)])
}

#[test]
fn every_entry_is_listed_with_mode_requirement_file_and_line() {
    let (code, out, _) = listed().run(&["entries", "--policy", "policy.yaml"]);
    assert_eq!(code, 0);
    assert_eq!(
        out,
        "\
list     name              mode                                        require   exceptions  where
local    local             monitor                                     baseline  -           policy.yaml
domains  example.com       enforce                                     baseline  -           policy.yaml:4
domains  user@example.com  off                                         baseline  -           policy.yaml:5
domains  begun.example     enforce since 2020-01-01T00:00:00Z          baseline  -           policy.yaml:6
domains  *.example.com     monitor                                     baseline  1           domains.d/a.yaml:1
domains  later.example     monitor, enforce from 2999-01-01T00:00:00Z  baseline  -           domains.d/a.yaml:4
senders  bank.example      enforce                                     rfc9325   -           policy.yaml:7
"
    );
}

#[test]
fn the_entries_that_concern_a_domain_are_its_own_and_its_wildcards() {
    let files = Files::new(&[(
        "policy.yaml",
        "domains: [a.example, x@a.example, b.a.example, '*.example', '*', '*.b.a.example', xa.example]\n\
         senders: [a.example, b.example]",
    )]);
    let names = |domain: &str| {
        let arguments =
            ["entries", "--policy", "policy.yaml", "--format", "csv", "--domain", domain];
        let (code, out, _) = files.run(&arguments);
        assert_eq!(code, 0, "{domain}");
        let names = out.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let all =
        ["a.example", "x@a.example", "b.a.example", "*.example", "*", "*.b.a.example", "a.example"];
    assert_eq!(names("A.example."), all);
    assert_eq!(names("c.b.a.example"), ["*.example", "*", "*.b.a.example"]);
    assert_eq!(names("bücher.test"), ["*"]);
}

#[test]
fn programs_get_the_entries_as_json_and_csv() {
    let files = listed();
    let (code, out, _) = files.run(&["entries", "--policy", "policy.yaml", "--format", "json"]);
    let all: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, all.as_array().unwrap().len()), (0, 7));
    assert_eq!(
        all[3],
        serde_json::json!({
            "list": "domains", "name": "begun.example", "mode": "enforce",
            "enforce_from": "2020-01-01T00:00:00Z", "require": "baseline", "exceptions": 0,
            "contact": "a@begun.example", "file": "policy.yaml", "line": 6
        })
    );
    let (code, out, _) = files.run(&["entries", "--policy", "policy.yaml", "--format", "csv"]);
    assert_eq!((code, out.lines().count()), (0, 8));
    assert!(out.contains(
        "\ndomains,later.example,monitor,2999-01-01T00:00:00Z,baseline,0,,domains.d/a.yaml,4\n"
    ));
    let empty = Files::new(&[("policy.yaml", "domains: []")]);
    let (_, out, _) = empty.run(&["entries", "--policy", "policy.yaml", "--format", "json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), serde_json::json!([]));
}

#[test]
fn entries_of_a_broken_policy_are_errors_with_their_places() {
    let files = Files::new(&[("policy.yaml", "domains: [a..b]")]);
    let (code, out, err) = files.run(&["entries", "--policy", "policy.yaml"]);
    assert_eq!((code, out.as_str()), (78, ""));
    assert!(err.contains("policy.yaml:1:11"), "{err}");
    assert_eq!(files.run(&["entries", "--policy", "policy.yaml", "--domain", "a..b"]).0, 64);
}

#[test]
fn a_list_is_checked_among_the_entries_of_the_policy_before_it_is_put_in_place() {
    let files = Files::new(&[
        (
            "policy.yaml",
            "include: [domains.d/*.yaml]\nrequirements: { own: { aead: true } }\ndomains: [a.example]",
        ),
        ("domains.d/old.yaml", "- old.example\n"),
        ("new.yaml", "- { domain: new.example, require: own }\n- x.example\n"),
        ("conflict.yaml", "- new.example\n- { domain: a.example, mode: monitor }\n"),
        ("new.txt", "- new.example\n"),
        ("drafts/old.yaml", "- other.example\n- old.example\n"),
        ("broken.yaml", "- [\n"),
    ]);
    let check = |list: &str| files.run(&["check", "--list", list, "--policy", "policy.yaml"]);
    let (code, out, err) = check("new.yaml");
    assert_eq!(
        (code, &*out, &*err),
        (
            0,
            "new.yaml: valid; 2 entries\nwith it as domains.d/new.yaml: 4 domains, 0 senders, 3 files\n",
            ""
        )
    );
    let (code, out, err) = check("conflict.yaml");
    assert_eq!((code, &*out), (78, ""));
    assert!(
        err.contains(" --> conflict.yaml:2:13") && err.contains("line 3 of policy.yaml"),
        "{err}"
    );
    // It takes the place of the file of that name.
    let (code, out, _) = check("drafts/old.yaml");
    assert!(code == 0 && out.contains("with it as domains.d/old.yaml: 3 domains"), "{out}");
    // What lies there already is no duplicate of itself.
    let (code, out, _) = check("domains.d/old.yaml");
    assert_eq!((code, &*out), (0, "domains.d/old.yaml: valid; 1 entry\n"));
    let (code, _, err) = check("new.txt");
    assert!(code == 78 && err.contains("the policy includes no file of this name"), "{err}");
    let (code, _, err) = check("broken.yaml");
    assert!(code == 78 && err.contains(" --> broken.yaml:"), "{err}");
    assert_eq!(check("missing.yaml").0, 65);
    assert_eq!(fs::read_dir(files.path("domains.d")).unwrap().count(), 1);
}

#[test]
fn what_a_program_writes_is_checked_with_what_of_it_gives_way_and_listed_where_it_is_in_force() {
    let file = "gives_way: true\nwritten_by: shop\nversion: 7\ndomains: [A.example, b.example]\n";
    let files = Files::new(&[
        ("policy.yaml", "include: [domains.d/*.yaml, shop/*.yaml]\ndomains: [a.example]\n"),
        ("shop/shop.yaml", file),
        ("domains.d/none.yaml", "[]"),
        ("draft/shop.yaml", &file.replace('7', "8").replace("b.example", "b.example, c.example")),
    ]);
    let (code, out, err) = files.run(&["check", "--policy", "policy.yaml"]);
    assert_eq!(code, 0);
    let expected = "policy.yaml: valid; 2 domains, 0 senders, 3 files\nshop/shop.yaml: 2 entries, 1 of them left \
                    out; version 7, written by shop\n";
    assert_eq!(out, expected);
    assert!(
        err.contains("warning: a.example is left out") && err.contains("shop/shop.yaml:4:11"),
        "{err}"
    );
    let list = ["check", "--list", "draft/shop.yaml", "--policy", "policy.yaml"];
    let (code, out, err) = files.run(&list);
    let expected = "draft/shop.yaml: valid; 3 entries, 1 of them left out; version 8, written by shop\nwith it as \
                    shop/shop.yaml: 3 domains, 0 senders, 3 files\n";
    assert_eq!((code, &*out), (0, expected), "{err}");
    let (_, out, _) = files.run(&["entries", "--policy", "policy.yaml"]);
    let rows: Vec<_> =
        out.lines().skip(1).map(|row| row.split_whitespace().last().unwrap()).collect();
    assert_eq!(rows, ["policy.yaml:2", "shop/shop.yaml:4"], "{out}");
}

#[test]
fn a_list_is_checked_by_itself_where_there_is_no_policy() {
    if Path::new("/etc/mandatory-tls/milter.yaml").exists() {
        return;
    }
    let files = Files::new(&[
        ("it's [one].yaml", "- a.example\n- 192.0.2.1\n"),
        ("good.yaml", "- a.example"),
    ]);
    let (code, _, err) = files.run(&["check", "--list", "it's [one].yaml"]);
    assert!(code == 78 && err.contains(" --> it's [one].yaml:2:3"), "{err}");
    assert_eq!(files.run(&["check", "--list", "good.yaml"]).0, 0);
}

#[test]
fn a_file_that_is_a_mount_point_of_its_own_is_told_of_and_more_where_it_was_replaced() {
    let files = Files::new(&[
        ("policy.yaml", "include: [domains.d/*.yaml]"),
        ("domains.d/a.yaml", ""),
        ("outside/a.yaml", "- a.example\n"),
    ]);
    // As a container has it, in namespaces of its own.
    let check = |between: &str| {
        let script = format!(
            "mount --bind outside/a.yaml domains.d/a.yaml; {between} exec \"$0\" check --policy policy.yaml"
        );
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-ec", &script])
            .arg(env!("CARGO_BIN_EXE_mandatory-tls"))
            .current_dir(files.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = check("");
    assert!(
        said.contains("warning: domains.d/a.yaml: this file is a mount point of its own: once"),
        "{said}"
    );
    assert!(said.contains("help: mount the directory"), "{said}");
    let said = check("sed -i s/a.example/b.example/ outside/a.yaml;");
    assert!(said.contains("and was replaced where it comes from: this is the old one"), "{said}");
    let (code, _, err) = files.run(&["check", "--policy", "policy.yaml"]);
    assert!(
        code == 78 && err.contains("the file is empty") && !err.contains("mount point"),
        "{err}"
    );
}
