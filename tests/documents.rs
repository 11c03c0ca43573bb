//! What the documents say is there, parses, loads.

use config::{finding::FindingId, policy_file, settings::Settings};
use policy::ReasonKind;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use strum::IntoEnumIterator;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All files below, those apart that builds and git put there.
fn files(directory: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| !path.ends_with("target") && !path.ends_with(".git"))
        .flat_map(|path| if path.is_dir() { files(path) } else { vec![path] })
        .collect()
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|end| end == extension)
}

/// All documents: path and text.
fn documents() -> Vec<(String, String)> {
    let found = files(root().to_path_buf()).into_iter().filter(|path| is(path, "md"));
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    let all: Vec<_> = found.map(|path| (name(&path), read(&path))).collect();
    assert!(all.len() > 15);
    all
}

/// A fenced block: the word behind the fence, and what it holds.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = text.split("\n```").collect();
    assert!(!parts.len().is_multiple_of(2), "a block that does not end:\n{text}");
    let inside = parts.iter().skip(1).step_by(2);
    inside.map(|block| block.split_once('\n').unwrap()).collect()
}

/// What stands between single backticks.
fn spans(text: &str) -> impl Iterator<Item = String> {
    let outside: String = text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    let spans: Vec<String> = outside.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    spans.into_iter().map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// All Rust files of the program and its tests, as one text.
fn code() -> String {
    let sources = ["src", "crates", "tests"].map(|part| files(root().join(part))).concat();
    sources.into_iter().filter(|path| is(path, "rs")).map(read).collect()
}

#[test]
fn the_readme_is_short_and_begins_with_the_two_commands() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 150);
    let top = readme.lines().take(25).collect::<Vec<_>>().join("\n");
    assert!(top.contains("\n    packaging/quickstart ") && top.contains("\n    tests/run "));
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
}

/// The name by which a heading is linked to.
fn anchor(line: &str) -> Option<String> {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let title = line.starts_with('#').then(|| line.trim_start_matches('#').trim())?;
    Some(title.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-"))
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    for (document, text) in documents() {
        let directory = root().join(&document).parent().unwrap().to_path_buf();
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { root().join(&document) } else { directory.join(file) };
            assert!(path.exists(), "{document}: {target}");
            let is_heading = |line: &str| anchor(line).is_some_and(|anchor| anchor == heading);
            assert!(
                heading.is_empty() || read(&path).lines().any(is_heading),
                "{document}: {target}"
            );
        }
    }
}

#[test]
fn every_page_of_the_documents_is_linked_to() {
    let mut linked = Vec::new();
    for (document, text) in documents() {
        let directory = root().join(&document).parent().unwrap().to_path_buf();
        for target in text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            linked.extend(directory.join(target).canonicalize());
        }
    }
    for file in files(root().join("docs")) {
        if ["md", "png", "svg"].iter().any(|extension| is(&file, extension)) {
            assert!(linked.contains(&file.canonicalize().unwrap()), "{}", file.display());
        }
    }
}

/// Whether there is such a file; `*` stands for what a name may go on with.
fn is_there(path: &str) -> bool {
    match path.split_once('*') {
        None => root().join(path).exists(),
        Some(_) => glob::glob(&root().join(path).display().to_string()).unwrap().count() > 0,
    }
}

#[test]
fn paths_in_the_documents_are_there() {
    const TOP: [&str; 12] = [
        ".ci/",
        "benches/",
        "conf/",
        "crates/",
        "docs/",
        "fuzz/",
        "packaging/",
        "src/",
        "tests/",
        "Cargo.",
        "deny.",
        "clippy.",
    ];
    let mut missing = Vec::new();
    for (document, text) in documents() {
        // Links are relative to the document; another test follows them.
        let targets = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        let links: Vec<&str> = targets.collect();
        let words = text.split(|c: char| c.is_whitespace() || "`()[]|,;\"'<>{}!".contains(c));
        for word in words.filter(|word| TOP.iter().any(|top| word.starts_with(top))) {
            let path = word.split('#').next().unwrap().trim_end_matches(['.', ':', '?']);
            let is_made = path.contains("TARGET") || path.starts_with("fuzz/artifacts");
            if !(is_made || links.contains(&word) || is_there(path)) {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// The command lines of a document that run the program.
fn command_lines(text: &str) -> Vec<String> {
    let mut is_fenced = false;
    let joined = text.replace("\\\n", " ");
    let code = joined.lines().filter(|line| {
        is_fenced ^= line.starts_with("```");
        is_fenced || line.starts_with("    ")
    });
    let code: Vec<String> = code.map(|line| line.trim_start_matches([' ', '$']).into()).collect();
    code.into_iter().chain(spans(text)).filter(|line| line.starts_with("mandatory-tls ")).collect()
}

#[test]
fn command_lines_in_the_documents_are_understood() {
    let mut count = 0;
    for (document, text) in documents() {
        for line in command_lines(&text) {
            let words = line.split_whitespace().skip(1);
            let arguments: Vec<&str> =
                words.take_while(|word| !["#", ">", "<", "|", "&&"].contains(word)).collect();
            if arguments.contains(&"...") {
                continue;
            }
            // Help is given where all before it is understood, and nothing is done.
            let mut program = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"));
            let output = program.args(&arguments).arg("--help").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{document}: {line}\n{said}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// Loads an example as a policy or a file that one includes, else as settings; what it leaves out and is required is added.
fn load(example: &str) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("domains.d")).unwrap();
    let file = directory.path().join("example.yaml");
    let with = |key: &str, value: &str| {
        let is_there = example.lines().any(|line| line.starts_with(&format!("{key}:")));
        if is_there { String::new() } else { format!("{key}: {value}\n") }
    };
    let policy = if example.starts_with("gives_way:") {
        fs::write(directory.path().join("domains.d/included.yaml"), example).unwrap();
        "include: domains.d/*.yaml".to_owned()
    } else {
        with("domains", "[]") + example
    };
    fs::write(&file, policy).unwrap();
    let Err(as_policy) = policy_file::load(&file).policy else { return Ok(()) };
    let required = with("listen", "systemd") + &with("policy", "p") + &with("state_dir", "s");
    fs::write(&file, required + example).unwrap();
    match Settings::load(&file) {
        Ok(_) => Ok(()),
        Err(as_settings) => Err(format!("{as_policy}\n{as_settings}")),
    }
}

#[test]
fn examples_in_the_documents_load() {
    let mut count = 0;
    for (document, text) in documents() {
        for (_, example) in blocks(&text).into_iter().filter(|(kind, _)| *kind == "yaml") {
            load(example).unwrap_or_else(|errors| panic!("{document}:\n{example}\n{errors}"));
            count += 1;
        }
    }
    assert!(count > 7, "{count}");
}

#[test]
fn every_reason_is_explained_to_operators_and_what_is_refused_to_senders_as_well() {
    let (operators, senders) = (read("docs/guide/operations.md"), read("docs/why-refused.md"));
    for reason in ReasonKind::iter() {
        let word = format!("`{}`", reason.code());
        assert!(operators.contains(&word), "{word}");
        let is_refused = match reason {
            ReasonKind::NotOptedIn
            | ReasonKind::Off
            | ReasonKind::LocalSubmission
            | ReasonKind::TrustedClient
            | ReasonKind::TrustedAuthenticated
            | ReasonKind::Exception
            | ReasonKind::Adequate
            | ReasonKind::UnknownTlsPassed => false,
            ReasonKind::Plaintext
            | ReasonKind::UnknownTls
            | ReasonKind::ProtocolVersion
            | ReasonKind::UnknownVersion
            | ReasonKind::UnknownCipher
            | ReasonKind::NullCipher
            | ReasonKind::Cipher
            | ReasonKind::CipherNotAllowed
            | ReasonKind::Contradiction
            | ReasonKind::ForwardSecrecy
            | ReasonKind::Aead
            | ReasonKind::KeyLength
            | ReasonKind::ClientCertificate => true,
        };
        assert_eq!(senders.contains(&format!("| {word} |")), is_refused, "{word}");
    }
}

#[test]
fn the_guide_names_every_built_in_requirement() {
    let guide = read("docs/guide/policy.md");
    for requirement in policy::requirement::builtins() {
        assert!(guide.contains(&format!("`{}`", requirement.name())), "{}", requirement.name());
    }
}

#[test]
fn the_package_has_the_documents_where_the_readme_links_to_them() {
    let installed = read("packaging/debian/mandatory-tls.install");
    let directory = "usr/share/doc/mandatory-tls/docs";
    for (document, _) in documents() {
        let Some(page) = document.strip_prefix("docs/") else { continue };
        let line = match page.split_once('/') {
            Some(("guide", _)) => format!("docs/guide {directory}"),
            // For who works on the program, from its source.
            Some(_) => continue,
            None => format!("docs/*.md {directory}"),
        };
        assert!(installed.lines().any(|installed| installed == line), "{document}");
    }
    let pictures = ["png", "svg"].map(|end| format!("docs/*.{end} {directory}"));
    assert!(pictures.iter().all(|line| installed.contains(line)));
}

#[test]
fn every_finding_is_explained_and_no_other() {
    let page = read("docs/guide/findings.md");
    let explained: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split('`').next().unwrap())
        .collect();
    let known: Vec<&str> = FindingId::iter().map(Into::into).collect();
    let missing: Vec<_> = known.iter().filter(|id| !explained.contains(id)).collect();
    let surplus: Vec<_> = explained.iter().filter(|id| !known.contains(id)).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "not explained: {missing:?}; unknown: {surplus:?}"
    );
    assert_eq!(explained.len(), known.len(), "one is explained twice");
}
