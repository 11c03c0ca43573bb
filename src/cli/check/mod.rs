//! `mandatory-tls check`: is everything valid, and does the MTA do its part?

mod installed;
mod list;
mod postfix;

use super::eyes::{Eyes, INSTALLED};
use super::status;
use crate::wording::counted;
use config::finding::Acceptance;
use config::policy_file::{self, FileHead, Loaded};
use config::settings::Settings;
use config::yaml::{Problems, shown_path};
use policy::Policy;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const AFTER_HELP: &str = "\
With --postfix, main.cf and master.cf are read through postconf, and maps that rewrite recipients \
through postmap where they are files. Nothing is changed, and no server is asked. Each finding says \
where it is and what to do. An error: mail for opted-in domains can pass unjudged, or none can \
arrive. Only errors make the exit status 78; 69 means that Postfix could not be asked.

Run as root, it reads the files as the milter's user does: the user of the installed service, or else \
whom `state_dir` belongs to.";

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    what: What,
    /// Also look into Postfix (its configuration lies in DIR) for what would defeat the policy
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with = "policy"
    )]
    postfix: Option<Option<PathBuf>>,
    /// Live with a finding of --postfix by this name: list it, and do not count it; ID:WHAT for one service or
    /// parameter (port-not-asked:589/inet). Also `accept` in the settings
    #[arg(long, value_name = "ID", requires = "postfix")]
    accept: Vec<Acceptance>,
    /// Errors count for nothing where the milter would start under the last good policy or settings
    #[arg(long, conflicts_with = "policy")]
    allow_last_good: bool,
    /// Check this list of entries as the file that it would become among those that the policy includes,
    /// before it is put there; where there is no policy, by itself
    #[arg(long, value_name = "FILE", conflicts_with = "postfix")]
    list: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct What {
    /// Check these settings, and the policy that they name
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
    /// Check this policy alone
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> ExitCode {
    if let Some(list) = &args.list {
        return check_list(list, &args.what);
    }
    let mut wrong = 0;
    let (settings, policy) = match &args.what.policy {
        Some(path) => (None, valid_policy(policy_file::load(path), path, &mut wrong)),
        None => installed::check(&args.what.config, args.allow_last_good, &mut wrong),
    };
    if let Some(directory) = &args.postfix {
        let (Some(settings), Some(policy)) = (&settings, &policy) else {
            eprintln!(
                "Postfix was not looked into: that needs settings and a policy without errors"
            );
            return wrong_ones(wrong);
        };
        let accepted = settings.accept.with(&args.accept);
        match postfix::check(directory.as_deref(), settings, policy, &accepted) {
            Ok(true) => {}
            Ok(false) => return status::CONFIG.into(),
            Err(error) => {
                eprintln!(
                    "error: Postfix cannot be looked into: {error}\n  = help: if its \
                     configuration lies elsewhere, say so with --postfix=DIR"
                );
                return status::UNAVAILABLE.into();
            }
        }
    }
    wrong_ones(wrong)
}

fn check_list(list: &Path, what: &What) -> ExitCode {
    let mut wrong = 0;
    let (policy, eyes) = match &what.policy {
        Some(policy) => (Some(policy.clone()), Eyes::default()),
        // Before there is anything that it could become a part of.
        None if what.config == Path::new(INSTALLED) && !what.config.exists() => {
            (None, Eyes::default())
        }
        None => match report(Settings::load(&what.config), &mut wrong) {
            Some(settings) => {
                let eyes = Eyes::of_milter(&what.config, Some(&settings));
                (Some(settings.policy), eyes)
            }
            None => return wrong_ones(wrong),
        },
    };
    list::check(list, policy.as_deref(), &eyes)
}

fn wrong_ones(wrong: usize) -> ExitCode {
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("\n{}", counted(wrong, "error"));
    status::CONFIG.into()
}

fn valid_policy(loaded: Loaded, path: &Path, wrong: &mut usize) -> Option<Policy> {
    let Loaded { policy, warnings, heads, tests, .. } = loaded;
    for warning in warnings.shown() {
        eprintln!("{warning}");
    }
    warnings.beyond().for_each(|beyond| eprintln!("... {beyond}"));
    let policy = report(policy, wrong)?;
    println!("{}: valid; {}", path.display(), summary(&policy));
    match tests {
        0 => {}
        1 => println!("1 test holds"),
        tests => println!("{tests} tests hold"),
    }
    for head in &heads {
        println!("{}: {}", shown_path(&head.path), head_in_words(head));
    }
    Some(policy)
}

fn report<T>(result: Result<T, Problems>, wrong: &mut usize) -> Option<T> {
    result
        .inspect_err(|problems| {
            *wrong += problems.count();
            eprintln!("{problems}");
        })
        .ok()
}

/// What a file says of itself: `2 entries, 1 of them left out; version 17, written by portal`.
pub(super) fn head_in_words(head: &FileHead) -> String {
    let FileHead { path: _, gives_way: _, written_by, version, entries: count, gave_way } = head;
    let left_out = match gave_way {
        0 => String::new(),
        gave_way => format!(", {gave_way} of them left out"),
    };
    let version = version.map(|version| format!("version {version}"));
    let written_by = written_by.as_ref().map(|program| format!("written by {program}"));
    let said: Vec<String> = version.into_iter().chain(written_by).collect();
    let said = if said.is_empty() { String::new() } else { format!("; {}", said.join(", ")) };
    format!("{}{left_out}{said}", entries(*count))
}

/// A number of entries.
pub(super) fn entries(count: usize) -> String {
    if count == 1 { "1 entry".into() } else { format!("{count} entries") }
}

/// What a policy holds, in a line.
pub(super) fn summary(policy: &Policy) -> String {
    [
        counted(policy.domains.len(), "domain"),
        counted(policy.senders.len(), "sender"),
        counted(policy.files.len(), "file"),
    ]
    .join(", ")
}
