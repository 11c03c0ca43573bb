//! Asks Postfix: postconf for the configuration, postmap for the maps that can be listed cheaply.
//!
//! No map is asked that lives on a server, and none is changed.

use super::facts::{MapContents, Parameters, PostfixFacts, Service, parse_overrides};
use super::syntax::elements;
use super::{local_names, rewriting, session};
use crate::command::{CommandError, Written, run};
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::ErrorKind,
    path::Path,
};

/// The programs whose own settings matter.
const PROGRAMS: [&str; 6] = ["smtpd", "postscreen", "cleanup", "local", "pickup", "qmqpd"];

/// Map types that postmap can list from a file, or from the configuration itself.
const LISTED: [&str; 7] = ["hash", "btree", "lmdb", "dbm", "sdbm", "texthash", "inline"];

/// Map types that hold one value for every key; `fail` has none.
const STATIC: &str = "static";

/// Looks into the Postfix whose configuration lies in `directory`; `None`: where Postfix itself
/// looks for it.
pub(crate) fn gather(directory: Option<&Path>) -> Result<PostfixFacts, CommandError> {
    let mut complaints = Vec::new();
    let postconf =
        |arguments: &[OsString]| run(OsStr::new("postconf"), &with_directory(directory, arguments));
    let mut listen = |written: Written| {
        for complaint in written.complaints {
            let complaint = complaint.trim_start_matches("postconf: ").to_owned();
            if !complaints.contains(&complaint) {
                complaints.push(complaint);
            }
        }
        written.output
    };
    let mut main = Parameters::parse(&listen(postconf(&["-x".into()])?));
    // Debian's `myorigin = /etc/mailname` means the first line of that file.
    let origin = main.get("myorigin").to_owned();
    if origin.starts_with('/') {
        let text = fs::read_to_string(&origin).unwrap_or_default();
        main.set("myorigin", text.lines().next().unwrap_or_default().trim());
    }
    let overrides = parse_overrides(&listen(postconf(&["-P".into()])?));
    let mut services: Vec<Service> = listen(postconf(&["-M".into()])?)
        .lines()
        .filter_map(|line| Service::parse(line, &main))
        .collect();
    for service in &mut services {
        if let Some(own) = overrides.get(&service.label())
            && PROGRAMS.contains(&service.program.as_str())
        {
            // Postfix itself says what the settings come to, whatever refers to whatever. What it
            // complains about with them in force would only confuse.
            let mut arguments = vec!["-x".into()];
            for (name, value) in own {
                arguments.extend(["-o".into(), format!("{name}={value}").into()]);
            }
            service.parameters = Parameters::parse(&postconf(&arguments)?.output);
        }
    }
    let directory_name = match directory {
        Some(directory) => directory.display().to_string(),
        None => main.get("config_directory").to_owned(),
    };
    let mut facts = PostfixFacts {
        directory: directory_name,
        main,
        services,
        complaints,
        ..PostfixFacts::default()
    };
    facts.missing = session::certificates(&facts).filter(|file| is_missing(file)).collect();
    let mut maps = rewriting::maps(&facts);
    maps.extend(local_names::tables(&facts).map(str::to_owned));
    for map in maps {
        let contents = look_into(&map, directory, &facts.main);
        facts.maps.insert(map, contents);
    }
    Ok(facts)
}

/// Whether a file is not there; one that this user may not look for could be.
fn is_missing(file: &str) -> bool {
    fs::metadata(file).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn with_directory(directory: Option<&Path>, arguments: &[OsString]) -> Vec<OsString> {
    let place = directory.map(|directory| ["-c".into(), directory.into()]);
    place.into_iter().flatten().chain(arguments.iter().cloned()).collect()
}

fn look_into(map: &str, directory: Option<&Path>, main: &Parameters) -> MapContents {
    if map.starts_with('/') {
        return look_into_list(Path::new(map));
    }
    // proxymap(8) only opens the map for somebody else.
    let map = map.strip_prefix("proxy:").unwrap_or(map);
    let (kind, name) = map.split_once(':').unwrap_or((map, ""));
    if kind == STATIC {
        let entry = (rewriting::EVERYBODY.to_owned(), name.to_owned());
        return MapContents::Entries(vec![entry]);
    }
    if kind == "fail" {
        return MapContents::Entries(Vec::new());
    }
    if !LISTED.contains(&kind) {
        return MapContents::Unseen(format!("maps of type {kind} cannot be listed"));
    }
    let postmap = Path::new(main.get("command_directory")).join("postmap");
    let arguments = with_directory(directory, &["-s".into(), map.into()]);
    match run(postmap.as_os_str(), &arguments) {
        Ok(written) => MapContents::Entries(parse_entries(&written.output)),
        Err(error) => {
            MapContents::Unseen(error.to_string().trim_start_matches("postmap: fatal: ").to_owned())
        }
    }
}

/// A file with the elements of a list.
fn look_into_list(path: &Path) -> MapContents {
    match fs::read_to_string(path) {
        Ok(text) => {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let entry = |name: &str| (name.to_owned(), String::new());
            MapContents::Entries(lines.flat_map(elements).map(entry).collect())
        }
        Err(error) => MapContents::Unseen(error.to_string()),
    }
}

/// What postalias(1) puts into its maps for NIS; no addresses.
const FOR_NIS: [&str; 2] = ["YP_LAST_MODIFIED", "YP_MASTER_NAME"];

/// Lines of `postmap -s`: key, tab, value.
fn parse_entries(lines: &str) -> Vec<(String, String)> {
    lines
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(key, _)| !FOR_NIS.contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
