//! A candidate: what becomes of the policy is known before its file is put in place.

mod support;

use config::policy_file::{Candidate, Loaded, load, load_candidate};
use policy::Mode;
use proptest::{option, prelude::*, sample::select};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};
use support::{assert_same, write};

const POLICY: &str = "domains: [own.example]\ninclude: [domains.d/*.yaml]\n";

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("policy.yaml", POLICY), ("domains.d/old.yaml", "- old.example\n")]);
    write(directory.path(), files);
    directory
}

fn with_file(directory: &Path, name: &str, contents: Option<&str>) -> Loaded {
    let contents = contents.map(|text| text.as_bytes().to_vec());
    let candidate = Candidate { path: directory.join(name), contents };
    load_candidate(&directory.join("policy.yaml"), &candidate)
}

/// What is said of a candidate that would break the policy; the directory is left out.
fn errors(name: &str, contents: Option<&str>) -> String {
    let directory = directory(&[]);
    let problems = with_file(directory.path(), name, contents).policy.unwrap_err().to_string();
    problems.replace(&format!("{}/", directory.path().display()), "")
}

#[test]
fn a_file_that_is_not_there_yet_is_included_by_a_pattern() {
    let directory = directory(&[]);
    let new = "- domain: new.example\n  mode: monitor\n";
    let policy = with_file(directory.path(), "domains.d/new.yaml", Some(new)).policy.unwrap();
    assert_eq!(policy.domains.len(), 3);
    let entry = policy.domains.get("new.example").unwrap();
    assert_eq!(entry.schedule.mode_at(jiff::Timestamp::UNIX_EPOCH), Mode::Monitor);
    assert_eq!(load(&directory.path().join("policy.yaml")).policy.unwrap().domains.len(), 2);
}

#[test]
fn a_file_is_replaced_or_removed_in_the_mind_only() {
    let directory = directory(&[]);
    let replaced =
        with_file(directory.path(), "domains.d/old.yaml", Some("- a.example\n- b.example"));
    let replaced = replaced.policy.unwrap();
    assert!(replaced.domains.get("old.example").is_none() && replaced.domains.len() == 3);
    let removed = with_file(directory.path(), "domains.d/old.yaml", None).policy.unwrap();
    assert!(removed.domains.get("old.example").is_none() && removed.domains.len() == 1);
    let main = with_file(directory.path(), "policy.yaml", Some("domains: [x.example]"));
    assert_eq!(main.policy.unwrap().domains.len(), 1);
}

#[test]
fn an_error_names_the_file_that_would_be_written_and_the_line() {
    assert_eq!(
        errors("domains.d/new.yaml", Some("- a.example\n- domain: b.example\n  mod: off\n")),
        "\
error: there is no key `mod` here
 --> domains.d/new.yaml:3:3
  |
3 |   mod: off
  |   ^^^
  |
  = help: did you mean `mode`?"
    );
    assert!(errors("policy.yaml", None).starts_with("error: policy.yaml: cannot be read: No such"));
}

#[test]
fn an_entry_of_the_operator_is_a_duplicate_in_the_candidate() {
    let told = errors(
        "domains.d/new.yaml",
        Some("- a.example\n- { domain: Own.Example., mode: monitor }\n"),
    );
    assert!(
        told.contains("own.example is named a second time, and the two entries differ (mode)\n --> domains.d/new.yaml:2:13"),
        "{told}"
    );
    assert!(told.contains("it stands in line 1 of policy.yaml already"), "{told}");
}

#[test]
fn a_file_that_no_pattern_matches_changes_nothing() {
    let directory = directory(&[]);
    for name in ["domains.d/.draft.yaml", "domains.d/new.txt", "elsewhere/new.yaml", "new.yaml"] {
        let loaded = with_file(directory.path(), name, Some("- new.example\n"));
        assert_eq!(loaded.policy.unwrap().domains.len(), 2, "{name}");
    }
}

#[test]
fn links_to_the_file_and_to_its_directory_are_followed() {
    let directory = directory(&[]);
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("state")).unwrap();
    symlink("state", at("current")).unwrap();
    symlink("../current/portal.yaml", at("domains.d/portal.yaml")).unwrap();
    for name in ["state/portal.yaml", "current/portal.yaml", "domains.d/portal.yaml"] {
        // The link leads nowhere before the file is there.
        let loaded = with_file(directory.path(), name, Some("- new.example\n"));
        assert_eq!(loaded.policy.unwrap().domains.len(), 3, "{name}");
    }
    symlink("loop.yaml", at("domains.d/loop.yaml")).unwrap();
    let loaded = with_file(directory.path(), "state/portal.yaml", Some("- new.example\n"));
    assert!(loaded.policy.unwrap_err().to_string().contains("symbolic link"));
}

#[test]
fn a_candidate_is_bounded_as_a_file_is() {
    let directory = directory(&[]);
    let contents = vec![b'#'; usize::try_from(config::files::MAX_FILE).unwrap() + 1];
    let path = directory.path().join("domains.d/new.yaml");
    let candidate = Candidate { path, contents: Some(contents) };
    let loaded = load_candidate(&directory.path().join("policy.yaml"), &candidate);
    assert!(loaded.policy.unwrap_err().to_string().contains("larger than 256 MiB"));
}

/// The names of files: seen by a pattern, named, linked to, and not included.
const NAMES: [&str; 6] = [
    "domains.d/a.yaml",
    "domains.d/b.yaml",
    "domains.d/.hidden.yaml",
    "domains.d/link.yaml",
    "target.yaml",
    "one.yaml",
];

const LISTS: [&str; 7] = [
    "[]",
    "- a.example\n",
    "- a.example\n- { domain: b.example, mode: monitor }\n",
    "- { domain: c.example, require: none }\n",
    "- d.example\n- d.example\n",
    "",
    "- e.example\n- [\n",
];

const MAINS: [&str; 4] = [
    "domains: [own.example]\ninclude: [domains.d/*.yaml, one.yaml]\n",
    "include: domains.d/*.yaml\n",
    "domains: [a.example]\ninclude: [one.yaml, 'domains.d/[!a]*.yaml', link/b.yaml]\n",
    "domains: a.example\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_candidate_is_what_the_disk_gives_once_it_is_in_place(
        main in select(&MAINS[..]),
        lists in prop::array::uniform6(option::of(select(&LISTS[..]))),
        links in any::<bool>(),
        (name, contents) in prop_oneof![
            (select(&NAMES[..]), option::of(select(&LISTS[..]))),
            (Just("policy.yaml"), option::of(select(&MAINS[..]))),
            (Just("link/b.yaml"), option::of(select(&LISTS[..]))),
        ],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("domains.d")).unwrap();
        symlink("domains.d", at("link")).unwrap();
        write(directory.path(), &[("policy.yaml", main)]);
        for (name, list) in NAMES.iter().zip(lists) {
            match list {
                Some(_) if links && name.ends_with("link.yaml") => {
                    symlink("../target.yaml", at(name)).unwrap();
                }
                Some(list) => write(directory.path(), &[(name, list)]),
                None => {}
            }
        }
        let policy: PathBuf = at("policy.yaml");
        let checked = with_file(directory.path(), name, contents);
        match contents {
            Some(contents) => config::files::replace(&at(name), contents.as_bytes(), 0o644).unwrap(),
            None => drop(fs::remove_file(at(name))),
        }
        assert_same(&checked, &load(&policy));
    }
}
