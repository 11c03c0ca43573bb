//! Every parameter of Postfix has been decided about: whether it can lead mail past the policy or change a reply.

use std::{collections::BTreeSet, fs, process::Command};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/postfix-parameters");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/postfix-parameters.md");

fn names(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{DIRECTORY}/{file}")).unwrap();
    let names = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
    names.collect()
}

/// The parameters of the first column of the page's tables.
fn decided() -> Vec<String> {
    let page = fs::read_to_string(PAGE).unwrap();
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells
        .flat_map(|cell| cell.split(',').map(|name| name.trim().trim_matches('`').to_owned()))
        .collect()
}

/// The parameters of the Postfix that is installed. Without services of its own it has none by their names.
fn installed() -> BTreeSet<String> {
    let directory = tempfile::tempdir().unwrap();
    for file in ["main.cf", "master.cf"] {
        fs::write(directory.path().join(file), "").unwrap();
    }
    let output = Command::new("postconf").arg("-c").arg(directory.path()).arg("-d").output();
    let output = output.expect("these tests need Postfix");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_once(" =")).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_parameter_of_the_newest_postfix_and_of_the_installed_one_is_decided_about() {
    let (newest, others) = (names("all"), names("others"));
    assert!(newest.len() > 900 && others.len() > 600);
    let decided = decided();
    let on_page: BTreeSet<String> = decided.iter().cloned().collect();
    assert_eq!(decided.len(), on_page.len(), "a parameter stands twice on the page");
    let twice: Vec<_> = on_page.intersection(&others).collect();
    assert!(twice.is_empty(), "on the page and in `others`: {twice:?}");
    let installed = installed();
    assert!(installed.len() > 700);
    let undecided: Vec<_> = newest
        .union(&installed)
        .filter(|name| !on_page.contains(*name) && !others.contains(*name))
        .collect();
    assert!(
        undecided.is_empty(),
        "decide about {undecided:?}: can they lead mail past the policy, or change a reply? Then they go into a \
         table of docs/postfix-parameters.md, with a finding or a reason; else into `others`"
    );
    let unknown: Vec<_> = on_page
        .union(&others)
        .filter(|name| !newest.contains(*name) && !installed.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "no Postfix known here has {unknown:?}");
}

#[test]
fn the_page_names_the_release_that_its_list_is_from() {
    let list = fs::read_to_string(format!("{DIRECTORY}/all")).unwrap();
    let release = list.lines().next().unwrap().split(',').next().unwrap();
    let release = release.strip_prefix("# Parameters of ").unwrap();
    assert!(fs::read_to_string(PAGE).unwrap().contains(release), "{release}");
}
