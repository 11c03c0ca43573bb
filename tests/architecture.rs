//! What keeps the parts apart, as far as the compiler does not: the crates hold the layers, these tests
//! look within them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use syn::visit::{self, Visit};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The files of a part whose code, without comments, has one of the words.
fn mentions(part: &str, words: &[&str]) -> Vec<String> {
    let path = top().join(part);
    let files = if path.is_dir() { sources(&path) } else { vec![path] };
    assert!(!files.is_empty());
    let mut found = Vec::new();
    for file in files {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let code = line.split("//").next().unwrap();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}: {line}", file.display()));
            }
        }
    }
    found
}

#[test]
fn the_policy_is_pure() {
    let outside = [
        "std::fs",
        "fs::",
        "std::io",
        "std::net::Tcp",
        "std::env",
        "std::process",
        "Timestamp::now",
        "SystemTime",
        "Instant",
    ];
    assert_eq!(mentions("crates/policy/src", &outside), Vec::<String>::new());
}

#[test]
fn only_the_milter_knows_the_milter_protocol() {
    let protocol = top().join("crates/milter/src/protocol");
    let all = [sources(&top().join("src")), sources(&top().join("crates"))].concat();
    assert!(all.iter().any(|file| file.starts_with(&protocol)));
    for file in all.iter().filter(|file| !file.starts_with(&protocol)) {
        let name = file.strip_prefix(top()).unwrap().to_str().unwrap();
        assert_eq!(mentions(name, &["indymilter"]), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn only_one_folder_of_the_ledger_knows_sql() {
    for file in sources(&top().join("crates/ledger/src")) {
        let name = file.strip_prefix(top()).unwrap().to_str().unwrap();
        if !name.contains("/sqlite/") {
            let sql = ["rusqlite", "SELECT ", "INSERT ", "UPDATE ", "DELETE "];
            assert_eq!(mentions(name, &sql), Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn imports_run_downwards_within_the_crates() {
    for (part, above) in [
        ("crates/service/src/net", &["crate::"][..]),
        ("crates/milter/src/session", &["crate::"]),
        ("crates/milter/src/metrics", &["crate::"]),
        ("crates/milter/src/trial/key.rs", &["crate::"]),
        ("crates/milter/src/log.rs", &["crate::protocol", "crate::serve"]),
        ("src/status", &["crate::cli"]),
        ("src/metrics", &["crate::cli"]),
        ("src/reload", &["crate::cli", "crate::metrics", "milter::", "crate::session"]),
        ("src/postfix", &["crate::cli", "milter::", "crate::reload", "crate::session"]),
    ] {
        assert_eq!(mentions(part, above), Vec::<String>::new(), "{part}");
    }
}

/// The names in a word of packaging/layout.ld: `13mandatory_tls3cli` has two. None where it has no lengths.
fn names(word: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = word;
    while let Some(end) = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0) {
        let length: usize = rest[..end].parse().unwrap();
        names
            .push(rest[end..].get(..length).unwrap_or_else(|| panic!("{word}: a length is wrong")));
        rest = &rest[end + length..];
    }
    assert!(rest.is_empty() || names.is_empty(), "{word}: a length is wrong");
    names
}

#[test]
fn the_layout_of_the_program_names_crates_and_modules_that_there_are() {
    let layout = fs::read_to_string(top().join("packaging/layout.ld")).unwrap();
    let lock = fs::read_to_string(top().join("Cargo.lock")).unwrap().replace('-', "_");
    let words: Vec<&str> =
        layout.split(".text.*").skip(1).filter_map(|word| word.split('*').next()).collect();
    assert!(words.len() > 40);
    for word in words {
        let by_path: Vec<&str> = word.split("..").filter(|name| !name.is_empty()).collect();
        let named = Some(names(word)).filter(|names| !names.is_empty()).unwrap_or(by_path);
        let [krate, modules @ ..] = named.as_slice() else { panic!("{word}: no names") };
        let of_house = match *krate {
            "core" => continue,
            "mandatory_tls" => top().join("src"),
            krate => top().join("crates").join(krate).join("src"),
        };
        if !of_house.is_dir() {
            // rustls' webpki has another name than its package; of ring, C code has its own prefix.
            let package = match *krate {
                "webpki" => "rustls_webpki",
                "ring_core" => "ring",
                krate => krate,
            };
            assert!(lock.contains(&format!("name = \"{package}\"")), "{word}: no such crate");
            continue;
        }
        let mut path = of_house;
        for module in modules.iter().filter(|name| **name != "main") {
            path.push(module);
            assert!(path.is_dir() || path.with_extension("rs").is_file(), "{word}: no such module");
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut crates: Vec<PathBuf> = vec![top().join("src")];
    for entry in fs::read_dir(top().join("crates")).unwrap() {
        crates.push(entry.unwrap().path().join("src"));
    }
    let circles: Vec<Vec<String>> =
        crates.iter().flat_map(|root| circles(&Modules::read(root).imports())).collect();
    assert_eq!(circles, Vec::<Vec<String>>::new());
}

#[test]
fn a_circle_of_files_would_be_seen() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; pub use a::One;");
    // b takes it by the name under which the crate's face hands it on.
    write("a.rs", "pub struct One; fn f() -> crate::b::Two { todo!() }");
    write("b.rs", "use super::One; pub struct Two(One);");
    write("c.rs", "use crate::a::One; #[cfg(test)] mod tests { use crate::b::Two; }");
    let found = circles(&Modules::read(directory.path()).imports());
    assert_eq!(found, [["a", "b"]]);
}

/// The modules of a crate that have a file of their own, by their path (`report::outcome`; empty: the root).
struct Modules(BTreeMap<String, syn::File>);

impl Modules {
    fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        for file in sources(root) {
            let relative = file.strip_prefix(root).unwrap().with_extension("");
            let mut path: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
            if matches!(path.last(), Some(&("mod" | "lib" | "main"))) {
                path.pop();
            }
            if path.last() != Some(&"tests") {
                let parsed = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
                modules.insert(path.join("::"), parsed);
            }
        }
        Self(modules)
    }

    /// Which module takes something from which. What a module takes from those that it is a part of does
    /// not count: a folder's face and its rooms belong together.
    fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut imports = BTreeMap::<_, BTreeSet<_>>::new();
        for (module, file) in &self.0 {
            let mut paths = Paths::default();
            paths.visit_file(file);
            for path in paths.0 {
                if let Some(found) = self.definer(module, &path, 0)
                    && found != *module
                    && !module.starts_with(&format!("{found}::"))
                    && !found.is_empty()
                {
                    imports.entry(module.clone()).or_default().insert(found);
                }
            }
        }
        imports
    }

    /// The module that defines what a path, seen from a module, names.
    fn definer(&self, module: &str, path: &[String], depth: usize) -> Option<String> {
        let mut at: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
        let mut rest = path;
        while let [first, after @ ..] = rest {
            let child = at.iter().copied().chain([first.as_str()]).collect::<Vec<_>>().join("::");
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ if self.0.contains_key(&child) => at.push(first),
                _ => break,
            }
            rest = after;
        }
        let found = at.join("::");
        let Some(name) = rest.first() else {
            return Some(found);
        };
        if rest.len() == path.len() && depth == 0 {
            return None;
        }
        // What is only handed on is followed to where it comes from.
        let mut uses = Uses::default();
        uses.visit_file(self.0.get(&found)?);
        match uses.0.get(name) {
            Some(from) if depth < 8 => self.definer(&found, from, depth + 1),
            _ => Some(found),
        }
    }
}

/// All paths that code names, but for that of tests.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'f> Visit<'f> for Paths {
    fn visit_item_mod(&mut self, module: &'f syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'f syn::ItemUse) {
        // A face hands its rooms' things on; that takes nothing.
        if matches!(item.vis, syn::Visibility::Inherited) {
            leaves(&item.tree, &mut Vec::new(), &mut |_, path| self.0.push(path.to_vec()));
        }
    }

    fn visit_path(&mut self, path: &'f syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// The names that a module takes or hands on, with their paths.
#[derive(Default)]
struct Uses(BTreeMap<String, Vec<String>>);

impl<'f> Visit<'f> for Uses {
    fn visit_item_mod(&mut self, _: &'f syn::ItemMod) {}

    fn visit_item_use(&mut self, item: &'f syn::ItemUse) {
        leaves(&item.tree, &mut Vec::new(), &mut |name, path| {
            self.0.insert(name.to_owned(), path.to_vec());
        });
    }
}

fn leaves(tree: &syn::UseTree, path: &mut Vec<String>, each: &mut impl FnMut(&str, &[String])) {
    let (name, target) = match tree {
        syn::UseTree::Path(part) => {
            path.push(part.ident.to_string());
            leaves(&part.tree, path, each);
            path.pop();
            return;
        }
        syn::UseTree::Group(group) => {
            return group.items.iter().for_each(|item| leaves(item, path, each));
        }
        syn::UseTree::Glob(_) => return each("*", path),
        syn::UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
        syn::UseTree::Rename(rename) => (rename.rename.to_string(), rename.ident.to_string()),
    };
    path.push(target);
    each(&name, path);
    path.pop();
}

/// The groups of modules each of which can be reached from each.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![from.to_owned()];
        while let Some(module) = waiting.pop() {
            for next in imports.get(&module).into_iter().flatten() {
                if reached.insert(next.clone()) {
                    waiting.push(next.clone());
                }
            }
        }
        reached
    };
    let all: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|module| (module, reached(module))).collect();
    let mut groups = BTreeSet::new();
    for (module, there) in &all {
        let back =
            there.iter().filter(|other| all.get(other).is_some_and(|its| its.contains(*module)));
        let group: Vec<String> = back.cloned().collect();
        if !group.is_empty() {
            groups.insert(group);
        }
    }
    groups.into_iter().collect()
}
