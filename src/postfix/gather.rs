//! Asks Postfix: postconf for the configuration, postmap for the maps that can be listed cheaply.
//!
//! No map is asked that lives on a server, and none is changed.

use super::facts::{MapContents, Parameters, PostfixFacts, Service, parse_overrides};
use super::syntax::elements;
use super::{actions, deliver, local_names, rewriting, session};
use crate::command::{CommandError, Written, run};
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The programs whose own settings matter.
const PROGRAMS: [&str; 8] =
    ["smtpd", "postscreen", "cleanup", "local", "pickup", "qmqpd", "smtp", "lmtp"];

/// Map types that postmap can list from a file, or from the configuration itself.
const LISTED: [&str; 8] = ["hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", "inline"];

/// Map types that hold one value for every key; `fail` has none.
const STATIC: &str = "static";

/// Directories of instances that could not be looked into, and why.
type Unseen = Vec<(String, CommandError)>;

/// Looks into all instances of Postfix that there are, as postmulti(1) knows them: the one at `directory` alone; or
/// the one where Postfix itself looks, with those that it starts beside itself.
///
/// # Errors
///
/// When the first one cannot be asked. One of the others that cannot be is told as a name and an error.
pub(crate) fn gather_all(
    directory: Option<&Path>,
) -> Result<(Vec<PostfixFacts>, Unseen), CommandError> {
    let mut first = gather(directory)?;
    let others: Vec<PathBuf> = match directory {
        None if first.main.is_yes("multi_instance_enable") => {
            first.main.list("multi_instance_directories").map(PathBuf::from).collect()
        }
        _ => Vec::new(),
    };
    first.one_of_several |= !others.is_empty();
    let (mut all, mut unseen) = (vec![first], Vec::new());
    for other in others {
        match gather(Some(&other)) {
            // postfix(1) leaves out one that is not enabled.
            Ok(facts) if !facts.main.is_yes("multi_instance_enable") => {}
            Ok(facts) => all.push(PostfixFacts { one_of_several: true, ..facts }),
            Err(error) => unseen.push((other.display().to_string(), error)),
        }
    }
    Ok((all, unseen))
}

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
    let (mut services, off): (Vec<Service>, Vec<Service>) = listen(postconf(&["-M".into()])?)
        .lines()
        .filter_map(|line| Service::parse(line, &main))
        .partition(|service| service.is_on(&main));
    let stressed = postconf(&["-x".into(), "-o".into(), "stress=yes".into()])?.output;
    let usual_action = postconf(&["-dh".into(), "milter_default_action".into()])?.output;
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
        one_of_several: !main.get("multi_instance_name").is_empty(),
        main,
        under_stress: Parameters::parse(&stressed),
        usual_action: usual_action.trim().to_owned(),
        services,
        switched_off: off
            .iter()
            .filter(|service| service.program == "smtpd")
            .map(Service::label)
            .collect(),
        complaints,
        ..PostfixFacts::default()
    };
    facts.missing = session::certificates(&facts).filter(|file| is_missing(file)).collect();
    let mut maps = rewriting::maps(&facts);
    maps.extend(local_names::tables(&facts).map(str::to_owned));
    maps.extend(deliver::maps(&facts));
    for map in maps {
        let contents = look_into(&map, directory, &facts.main);
        facts.maps.insert(map, contents);
    }
    for table in actions::tables(&facts) {
        let contents = look_into_table(&table, directory, &facts.main);
        facts.tables.insert(table, contents);
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

/// A table whose entries are actions, which may be one of patterns.
fn look_into_table(table: &str, directory: Option<&Path>, main: &Parameters) -> MapContents {
    let plain = table.strip_prefix("proxy:").unwrap_or(table);
    match plain.split_once(':') {
        Some((kind @ ("regexp" | "pcre" | "cidr"), name)) if name.starts_with('/') => {
            match fs::read_to_string(name) {
                Ok(text) => MapContents::Entries(patterns(&text, kind == "cidr")),
                Err(error) => MapContents::Unseen(error.to_string()),
            }
        }
        // They know no addresses, or nothing at all.
        Some(("fail", _)) => MapContents::Entries(Vec::new()),
        _ => look_into(table, directory, main),
    }
}

/// The patterns of a table and their actions; a line that begins with a blank goes on with the one before.
fn patterns(text: &str, plain: bool) -> Vec<(String, String)> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'))
    {
        match lines.last_mut().filter(|_| line.starts_with(char::is_whitespace)) {
            Some(last) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            None => lines.push(line.trim_end().to_owned()),
        }
    }
    let split = |line: &String| -> Option<(String, String)> {
        let end = if plain { line.find(char::is_whitespace)? } else { end_of_pattern(line)? };
        let (pattern, action) = line.split_at_checked(end)?;
        // Behind the pattern stand its flags.
        let action = action.find(char::is_whitespace).and_then(|flags| action.get(flags..))?;
        Some((pattern.to_owned(), action.trim().to_owned()))
    };
    lines.iter().filter_map(split).collect()
}

/// Where a pattern such as `!/a\/b/` ends, with its last delimiter.
fn end_of_pattern(line: &str) -> Option<usize> {
    let pattern = line.trim_start_matches('!');
    let delimiter = pattern.chars().next().filter(|c| !c.is_alphanumeric())?;
    let mut is_escaped = false;
    let start = line.len() - pattern.len() + delimiter.len_utf8();
    let end = line.get(start..)?.find(|c| {
        let ends = c == delimiter && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    Some(start + end + delimiter.len_utf8())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_patterns_are_read_as_far_as_their_actions() {
        let text = "# comment\n\n/^Subject: .*invoice/ REDIRECT a@example.com\n/a\\/b/i\n  BCC b@example.com\n\
                    if /x/\n!/no/ DUNNO\nendif\n|a| REJECT no\n/alone/\n";
        let pairs = [
            ("/^Subject: .*invoice/", "REDIRECT a@example.com"),
            (r"/a\/b/", "BCC b@example.com"),
            ("!/no/", "DUNNO"),
            ("|a|", "REJECT no"),
        ];
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        assert_eq!(patterns(text, false), pairs.iter().map(owned).collect::<Vec<_>>());
        let networks = patterns("192.0.2.0/24  REDIRECT a@example.com\n", true);
        assert_eq!(networks, [owned(&("192.0.2.0/24", "REDIRECT a@example.com"))]);
    }
}
