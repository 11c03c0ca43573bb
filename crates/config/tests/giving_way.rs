//! Files that give way: a program and the operator can name the same domain, and the operator's entry holds.

mod support;

use config::policy_file::{
    Candidate, FileHead, GaveWay, Loaded, Winner, WrittenEntry, WrittenFile, load, load_candidate,
    load_snapshot, load_to_keep,
};
use config::yaml::Topic;
use policy::{Mode, Policy, Schedule};
use proptest::{collection::vec, prelude::*, sample::select};
use std::{collections::BTreeMap, fs, path::Path};
use support::{assert_same, write};

/// A policy of these files; the first one includes all others.
fn policy(main: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("d")).unwrap();
    write(directory.path(), &[("policy.yaml", &format!("{main}\ninclude: d/*.yaml\n"))]);
    write(directory.path(), files);
    directory
}

fn loaded(directory: &tempfile::TempDir) -> Loaded {
    load(&directory.path().join("policy.yaml"))
}

/// Text without the directory.
fn bare(directory: &tempfile::TempDir, text: &str) -> String {
    text.replace(&format!("{}/", directory.path().display()), "")
}

/// What is warned of: place, message, help.
fn warned(directory: &tempfile::TempDir, loaded: &Loaded) -> Vec<String> {
    let shown = loaded.warnings.shown();
    let said = shown.iter().map(|problem| format!("{}; {}", problem.in_one_line(), problem.help));
    said.map(|text| bare(directory, &text)).collect()
}

/// What each name says: its mode, and where.
fn entries(policy: &Policy) -> BTreeMap<String, (Mode, String, u32)> {
    let one = |found: policy::Match<'_>| {
        let Schedule::Always(mode) = found.entry.schedule else { panic!("no date is tested") };
        let path = &policy.files[usize::from(found.place().file)];
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        (found.pattern.to_owned(), (mode, file, found.place().line))
    };
    policy.domains.all().map(one).collect()
}

fn entry<'e>(
    entries: &'e BTreeMap<String, (Mode, String, u32)>,
    name: &str,
) -> (Mode, &'e str, u32) {
    let (mode, file, line) = &entries[name];
    (*mode, file, *line)
}

fn gave_way(loaded: &Loaded) -> Vec<(String, String, u32, String, u32)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let one = |GaveWay { pattern, place, other, .. }: &GaveWay| {
        let (here, there) = (name(&place.path), name(&other.path));
        (pattern.to_string(), here, place.line, there, other.line)
    };
    loaded.gave_way.iter().map(one).collect()
}

#[test]
fn where_an_operator_and_a_program_name_the_same_the_operators_entry_holds() {
    for (own, programs) in [
        ("same.example", "same.example"),
        ("B\u{fc}cher.example", "xn--bcher-kva.example"),
        ("same.example", "SAME.example."),
        ("'*.same.example'", "'*.Same.Example'"),
        ("boss@same.example", "Boss@SAME.example"),
        ("'*'", "'*'"),
    ] {
        let program = format!(
            "gives_way: true\nwritten_by: shop\nversion: 17\ndomains:\n  - domain: {programs}\n    \
             mode: off\n  - other.example\n"
        );
        // Whichever file comes first.
        for file in ["d/0.yaml", "d/zz.yaml"] {
            let main = "domains: [first.example]\ndefaults: { mode: enforce }";
            let own = format!("- first2.example\n- {own}\n");
            let directory = policy(main, &[("d/own.yaml", &own), (file, &program)]);
            let loaded = loaded(&directory);
            let policy = loaded.policy.as_ref().unwrap_or_else(|problems| panic!("{problems}"));
            let read = entries(policy);
            assert_eq!(read.len(), 4, "{read:?}");
            let program = file.trim_start_matches("d/").to_owned();
            assert_eq!(entry(&read, "other.example"), (Mode::Enforce, &*program, 7));
            let [(name, here, line, there, other)] = &gave_way(&loaded)[..] else {
                panic!("{:?}", loaded.gave_way)
            };
            assert_eq!(entry(&read, name), (Mode::Enforce, "own.yaml", 2));
            assert_eq!((here, *line, &**there, *other), (&program, 5, "own.yaml", 2));
            let message = format!(
                "d/{program}:5:13: {name} is left out: this file gives way, and line 2 of d/own.yaml \
                 names it, too; what stands there is in force; right if that is meant, else remove it there"
            );
            assert_eq!(warned(&directory, &loaded), [message]);
            assert_eq!(loaded.gave_way[0].winner, Winner::Operator);
            assert_eq!(loaded.warnings.shown()[0].topic, Topic::GaveWay);
            let head = FileHead {
                path: directory.path().join(file),
                gives_way: true,
                written_by: Some("shop".into()),
                version: Some(17),
                entries: 2,
                gave_way: 1,
            };
            assert_eq!(loaded.heads, [head]);
        }
    }
}

#[test]
fn what_only_one_of_them_names_is_in_force_and_the_most_specific_entry_decides_as_ever() {
    let program = "gives_way: true\ndomains:\n  - mail.example.org\n  - { domain: example.net, mode: monitor }\n";
    let main = "domains: ['*.example.org', boss@example.net]";
    let directory = policy(main, &[("d/program.yaml", program)]);
    let loaded = loaded(&directory);
    assert_eq!((loaded.warnings.count(), loaded.gave_way.len()), (0, 0));
    let read = entries(loaded.policy.as_ref().unwrap());
    assert_eq!(entry(&read, "mail.example.org"), (Mode::Enforce, "program.yaml", 3));
    assert_eq!(entry(&read, "*.example.org"), (Mode::Enforce, "policy.yaml", 1));
    assert_eq!(entry(&read, "example.net"), (Mode::Monitor, "program.yaml", 4));
    assert_eq!(read.len(), 4);
}

#[test]
fn of_two_files_that_give_way_the_first_one_stands() {
    let one = "gives_way: true\ndomains: [{ domain: a.example, mode: off }, b.example]\n";
    let two = "gives_way: true\ndomains: [c.example, { domain: a.example, mode: monitor }]\n";
    let directory = policy("domains: []", &[("d/1.yaml", one), ("d/2.yaml", two)]);
    let loaded = loaded(&directory);
    let read = entries(loaded.policy.as_ref().unwrap());
    assert_eq!(entry(&read, "a.example"), (Mode::Off, "1.yaml", 2));
    assert_eq!(gave_way(&loaded), [("a.example".into(), "2.yaml".into(), 2, "1.yaml".into(), 2)]);
    // Programs that disagree: nobody has meant that.
    assert_eq!(loaded.gave_way[0].winner, Winner::Program);
    assert_eq!(loaded.warnings.shown()[0].topic, Topic::Any);
    let counts: Vec<_> = loaded.heads.iter().map(|head| (head.entries, head.gave_way)).collect();
    assert_eq!(counts, [(2, 0), (2, 1)]);
    assert_eq!(
        warned(&directory, &loaded),
        [
            "d/2.yaml:2:32: a.example is left out: this file gives way, and line 2 of d/1.yaml names it, too; \
             what stands there is in force; right if that is meant, else remove it there"
        ]
    );
}

#[test]
fn one_warning_speaks_for_all_entries_of_a_file_that_give_way() {
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name}.example"));
    let program: String = names.iter().map(|name| format!("  - {name}\n")).collect();
    let program = format!("gives_way: true\ndomains:\n{program}  - own.example\n");
    let main = format!("domains: [{}]", names.join(", "));
    let directory = policy(&main, &[("d/program.yaml", &program)]);
    let loaded = loaded(&directory);
    assert_eq!(loaded.gave_way.len(), 6);
    assert_eq!(
        warned(&directory, &loaded),
        [
            "d/program.yaml:3:5: 6 entries are left out: this file gives way, and other files name the same, \
          too; what stands there is in force: a.example in line 3 (line 1 of policy.yaml), b.example in line 4 \
          (line 1 of policy.yaml), c.example in line 5 (line 1 of policy.yaml), d.example in line 6 (line 1 of \
          policy.yaml), e.example in line 7 (line 1 of policy.yaml), and so on"
        ]
    );
}

#[test]
fn an_entry_that_gave_way_bears_on_nothing() {
    // A recipient that cannot be understood is judged by the strictest entry in force.
    let program = "gives_way: true\ndomains:\n  - { domain: a.example, require: bsi-tr-02102-2 }\n";
    let main = "domains: [{ domain: a.example, mode: monitor }]";
    let directory = policy(main, &[("d/program.yaml", program)]);
    let policy = loaded(&directory).policy.unwrap();
    let strictest: Vec<_> =
        policy.domains.strictest().map(|entry| entry.requirement.name()).collect();
    assert_eq!(strictest, ["baseline"]);
    for bare in ["a.example", "{ domain: a.example }"] {
        let program = format!("gives_way: true\ndomains:\n  - {bare}\n");
        let directory = self::policy(main, &[("d/program.yaml", &program)]);
        let policy = loaded(&directory).policy.unwrap();
        let modes: Vec<_> = policy.domains.strictest().map(|entry| entry.schedule).collect();
        assert_eq!(modes, [Schedule::Always(Mode::Monitor)], "{bare}");
    }
    // Nor does its next hop.
    let deliver = "deliver: { level: encrypt, nexthop: '[mx.example]' }";
    let program = format!("gives_way: true\ndomains:\n  - {{ domain: a.example, {deliver} }}\n");
    let main = "domains: [a.example, { domain: b.example, deliver: { level: secure, nexthop: '[mx.example]' } }]";
    let directory = self::policy(main, &[("d/program.yaml", &program)]);
    let loaded = loaded(&directory);
    assert_eq!(warned(&directory, &loaded).len(), 1, "{:?}", warned(&directory, &loaded));
}

#[test]
fn a_file_that_does_not_give_way_is_held_to_what_others_say() {
    for head in ["", "gives_way: false\n", "written_by: shop\nversion: 1\n"] {
        let program = format!("{head}domains:\n  - {{ domain: a.example, mode: off }}\n");
        let directory = policy("domains: [a.example]", &[("d/program.yaml", &program)]);
        let problems = loaded(&directory).policy.unwrap_err().to_string();
        assert!(problems.contains("a.example is named a second time"), "{problems}");
        // Without the clash it is as good as a list.
        let directory = policy("domains: [b.example]", &[("d/program.yaml", &program)]);
        let loaded = loaded(&directory);
        assert_eq!(loaded.policy.unwrap().domains.len(), 2);
        assert_eq!(loaded.heads.len(), 1);
    }
}

#[test]
fn a_bad_file_that_gives_way_is_an_error_of_the_whole_with_its_place() {
    for (file, expected) in [
        ("gives_way: true\ndomains: [a..example]\n", "program.yaml:2:11"),
        // Also where the bad entry gives way.
        (
            "gives_way: true\ndomains: [{ domain: own.example, mode: of }]\n",
            "mode must be one of: off",
        ),
        (
            "gives_way: true\ndomains: [a.example, { domain: a.example, mode: off }]\n",
            "a.example is named a second time",
        ),
        ("gives_way: yes\ndomains: []\n", "`gives_way` must be `true` or `false`"),
        ("gives_way: true\n", "the file has no `domains`"),
        ("gives_way: true\ndomains:\n", "write `domains: []` for none"),
        (
            "gives_way: true\ndomains: { a.example: x }\n",
            "domain entries must be a list, not a mapping",
        ),
        ("gives_way: true\ndomain: a.example\n", "did you mean `domains`?"),
        (
            "gives_way: true\ndomains: []\nsenders: []\n",
            "there are: gives_way, written_by, version, domains",
        ),
        ("version: -1\ndomains: []\n", "`version` must be a number from 0 to 18446744073709551615"),
        ("version: 18446744073709551616\ndomains: []\n", "`version` must be a number"),
        ("version: [1]\ndomains: []\n", "`version` must be a single value, not a list"),
        ("written_by: the portal\ndomains: []\n", "`written_by` is the name of a program"),
        ("written_by: ''\ndomains: []\n", "`written_by` is the name of a program"),
        ("written_by: \"a\\u001b[31m\"\ndomains: []\n", "`written_by` is the name of a program"),
        ("gives_way: true\ngives_way: true\ndomains: []\n", "program.yaml:2:1"),
        ("gives_way: true\ndomains: [a.example\n", "program.yaml"),
        ("a.example\n", "domain entries must be a list, not the value `a.example`"),
        ("{}\n", "the file has no `domains`"),
        ("", "the file is empty"),
    ] {
        let directory = policy("domains: [own.example]", &[("d/program.yaml", file)]);
        let loaded = loaded(&directory);
        let problems = loaded.policy.unwrap_err();
        assert_eq!(problems.count(), 1, "{problems}");
        assert!(problems.to_string().contains(expected), "{file}: {problems}");
        assert!(problems.to_string().contains("d/program.yaml"), "{problems}");
    }
}

#[test]
fn a_candidate_and_a_snapshot_read_as_the_files_do() {
    let program = |version| {
        let entry = WrittenEntry { domain: "a.example".into(), ..WrittenEntry::default() };
        let bare = WrittenEntry { domain: "own.example".into(), ..WrittenEntry::default() };
        WrittenFile { written_by: "shop".into(), version, entries: vec![entry, bare] }
    };
    let directory = policy("domains: [own.example]", &[]);
    let (main, place) =
        (directory.path().join("policy.yaml"), directory.path().join("d/program.yaml"));
    for version in [0, 17, u64::MAX] {
        let candidate = program(version).candidate(&place).unwrap();
        let before = load_candidate(&main, &candidate);
        candidate.write(0o640).unwrap();
        let (after, snapshot) = load_to_keep(&main);
        for loaded in [&after, &load_snapshot(&main, &snapshot)] {
            assert_eq!(loaded.heads, before.heads);
            assert_eq!(loaded.heads[0].version, Some(version));
            assert_eq!(loaded.gave_way, before.gave_way);
            assert_eq!(gave_way(loaded)[0].0, "own.example");
        }
        assert_same(&before, &after);
    }
    let gone = Candidate { path: place.clone(), contents: None };
    assert!(load_candidate(&main, &gone).heads.is_empty());
    gone.write(0o640).unwrap();
    gone.write(0o640).unwrap();
    assert!(!place.exists());
}

/// Names in the spellings that people and programs have for them, and few of them, so that they meet.
fn names() -> impl Strategy<Value = String> {
    let names =
        ["a.example", "A.Example.", "*.a.example", "x@a.example", "X@A.example", "b\u{fc}.example"];
    select([&names[..], &["xn--b-xka.example", "*", "b.example"]].concat()).prop_map(str::to_owned)
}

#[test]
fn the_first_of_the_operators_files_and_then_of_those_that_give_way_decides_for_each_name() {
    let modes = select(vec![Mode::Off, Mode::Monitor, Mode::Enforce]);
    let file = (any::<bool>(), vec((names(), modes), 0..5));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let directory = policy("domains: []", &[]);
    let result = runner.run(&vec(file, 1..4), |files| {
        // The model: one name in one spelling; the operator's files first.
        let normal = |name: &String| name.parse::<policy::Pattern>().unwrap().to_string();
        let mut expected: BTreeMap<String, (Mode, String)> = BTreeMap::new();
        let mut clash = false;
        let mut left_out = 0;
        let numbered = files.iter().enumerate();
        let mut named: Vec<_> = numbered
            .map(|(number, (gives_way, entries))| (*gives_way, format!("{number}.yaml"), entries))
            .collect();
        named.sort_by_key(|(gives_way, ..)| *gives_way);
        for (gives_way, file, entries) in &named {
            for (name, mode) in *entries {
                match expected.get(&normal(name)) {
                    None => {
                        expected.insert(normal(name), (*mode, file.clone()));
                    }
                    Some((_, other)) if *gives_way && other != file => left_out += 1,
                    Some((other, _)) => clash |= other != mode,
                }
            }
        }
        let here = directory.path().join("d");
        fs::remove_dir_all(&here).unwrap();
        fs::create_dir(&here).unwrap();
        for (gives_way, file, entries) in &named {
            let mut text = format!(
                "gives_way: {gives_way}\ndomains:{}\n",
                if entries.is_empty() { " []" } else { "" }
            );
            for (name, mode) in *entries {
                text.push_str(&format!("- {{ domain: '{name}', mode: {mode} }}\n"));
            }
            fs::write(here.join(file), text).unwrap();
        }
        let loaded = loaded(&directory);
        prop_assert_eq!(loaded.gave_way.len(), left_out);
        let Ok(policy) = &loaded.policy else {
            prop_assert!(clash);
            return Ok(());
        };
        prop_assert!(!clash);
        let read: BTreeMap<String, (Mode, String)> = entries(policy)
            .into_iter()
            .map(|(name, (mode, file, _))| (name, (mode, file)))
            .collect();
        prop_assert_eq!(read, expected);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
