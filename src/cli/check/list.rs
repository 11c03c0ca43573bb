//! `check --list`: a file of entries, before it is put in place.
//!
//! It is read as the included file that it would become, with all the rest of the policy as it is: whether a
//! requirement is there, or a domain is named already, shows only there. The list itself is read as whoever
//! asks: it lies with them so far. The rest is read as the milter's user.

use super::{entries, head_in_words, summary, wrong_ones};
use crate::cli::eyes::Eyes;
use crate::cli::status;
use config::files;
use config::policy_file::{Candidate, Loaded, load, load_candidate};
use config::yaml::{Problem, Problems};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Checks a list among the entries of a policy; without one, by itself.
pub(super) fn check(list: &Path, policy: Option<&Path>, eyes: &Eyes) -> ExitCode {
    let contents = match files::read_limited(list) {
        Ok(contents) => contents,
        Err(error) => {
            eprintln!("error: {}: cannot be read: {error}", list.display());
            return status::DATA.into();
        }
    };
    let Some(policy) = policy else { return report(list, list, by_itself(list)) };
    let here = fs::canonicalize(list).ok();
    let look = || {
        let now = load(policy);
        let found = in_place(list, here.as_deref(), policy, &now, &contents);
        (now, found)
    };
    let (now, found) = eyes.look(look).unwrap_or_else(|error| {
        eprintln!("warning: the files cannot be looked at as the milter's user: {error}");
        look()
    });
    // In its place already, it has to be readable there.
    let denied = found.as_ref().filter(|(place, _)| files::is_same_place(place, list)).and_then(
        |(place, _)| {
            let read = eyes.look(|| files::read_limited(place).map(drop)).ok()?;
            read.err().map(|error| (place, error))
        },
    );
    if let Some((place, error)) = denied {
        eprintln!(
            "error: {}: cannot be read by the milter's user: {error}\n  = help: let it read the file (chgrp, \
             chmod g+r)",
            place.display()
        );
        return wrong_ones(1);
    }
    let Some((place, loaded)) = found else {
        // Where the policy itself cannot be read, nobody knows what it includes.
        if let Err(problems) = now.policy {
            eprintln!("{problems}");
            return wrong_ones(problems.count());
        }
        eprintln!(
            "error: {}: the policy includes no file of this name\n  = help: name it as a pattern under \
             `include` of {} wants it",
            list.display(),
            policy.display()
        );
        return wrong_ones(1);
    };
    report(list, &place, loaded)
}

/// The list as the only file of a policy.
fn by_itself(list: &Path) -> Loaded {
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    let pattern: String = name
        .chars()
        .map(|c| match c {
            '*' | '?' | '[' => format!("[{c}]"),
            '\'' => "\'\'".into(),
            c => c.to_string(),
        })
        .collect();
    // A policy that lies beside it for as long as it is read.
    let path = list.with_file_name(".policy-of-one-list");
    let contents = Some(format!("include: '{pattern}'\n").into_bytes());
    load_candidate(&path, &Candidate { path: path.clone(), contents })
}

/// Where the policy would read a file of this name from, and what becomes of it then.
fn in_place(
    list: &Path,
    here: Option<&Path>,
    policy: &Path,
    now: &Loaded,
    contents: &[u8],
) -> Option<(PathBuf, Loaded)> {
    let name = list.file_name()?;
    let included = || now.sources.files().filter(|path| *path != policy);
    // It lies in its place already; or it would take the place of a file; or it would be a new one.
    let itself = included().filter(|path| fs::canonicalize(path).ok().as_deref() == here);
    let another = included().filter(|path| path.file_name() == Some(name));
    let new = now.sources.directories().map(|directory| directory.join(name));
    let places = itself.chain(another).map(Path::to_path_buf).chain(new);
    places.into_iter().find_map(|place| {
        let candidate = Candidate { path: place.clone(), contents: Some(contents.to_vec()) };
        let loaded = load_candidate(policy, &candidate);
        let is_read = loaded.sources.files().any(|path| files::is_same_place(path, &place));
        is_read.then_some((place, loaded))
    })
}

/// Says what became of it, by the name under which the list is known so far.
fn report(list: &Path, place: &Path, loaded: Loaded) -> ExitCode {
    let Loaded { policy, warnings, heads, .. } = loaded;
    say(&warnings, list, place);
    match policy {
        Ok(policy) => {
            let file = policy.files.iter().position(|path| files::is_same_place(path, place));
            let is_of_list = |found: &policy::Match<'_>| Some(found.place().file.into()) == file;
            let told = match heads.into_iter().find(|head| files::is_same_place(&head.path, place))
            {
                Some(head) => head_in_words(&head),
                None => {
                    let count = policy.domains.all().filter(is_of_list).count();
                    entries(count)
                }
            };
            println!("{}: valid; {told}", list.display());
            if list != place {
                println!("with it as {}: {}", place.display(), summary(&policy));
            }
            ExitCode::SUCCESS
        }
        Err(problems) => {
            say(&problems, list, place);
            wrong_ones(problems.count())
        }
    }
}

fn say(problems: &Problems, list: &Path, place: &Path) {
    for problem in problems.shown() {
        if files::is_same_place(&problem.path, place) {
            eprintln!("{}", Problem { path: list.into(), ..problem.clone() });
        } else {
            eprintln!("{problem}");
        }
    }
    problems.beyond().for_each(|beyond| eprintln!("... {beyond}"));
}
