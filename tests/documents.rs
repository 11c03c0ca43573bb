//! What the documents say is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

const DOCUMENTS: [&str; 4] = ["README.md", "SECURITY.md", "docs/threat-model.md", "fuzz/README.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All Rust files of the crates and the tests, as one text.
fn code() -> String {
    fn files(directory: PathBuf) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(path) } else { vec![path] }).collect()
    }
    let sources = ["crates", "src", "tests"].map(|part| files(root().join(part))).concat();
    let rust = sources.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(read).collect()
}

#[test]
fn the_threat_model_names_tests_and_files_that_there_are() {
    let (page, code) = (read("docs/threat-model.md"), code());
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let tests = named.iter().filter(|name| name.matches('_').count() > 2 && !name.contains('/'));
    let missing: Vec<_> =
        tests.clone().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert_eq!(missing, Vec::<&&str>::new());
    assert!(tests.count() > 20);
    let files = named.iter().filter(|name| name.contains('/') && !name.contains(' '));
    let missing: Vec<_> = files.filter(|name| !root().join(name).exists()).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    for document in DOCUMENTS {
        let (text, directory) = (read(document), root().join(document));
        let directory = directory.parent().unwrap();
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { root().join(document) } else { directory.join(file) };
            assert!(path.exists(), "{document}: {target}");
            let is_heading = |line: &str| {
                let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
                line.starts_with('#') && words == heading
            };
            assert!(
                heading.is_empty() || read(&path).lines().any(is_heading),
                "{document}: {target}"
            );
        }
    }
}
