//! `mandatory-tls check`: is everything valid, and does the MTA do its part?

mod postfix;

use super::{sockets, status};
use crate::wording::counted;
use config::policy_file::{self, Loaded};
use config::settings::Settings;
use config::yaml::Problems;
use policy::Policy;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const AFTER_HELP: &str = "\
With --postfix, main.cf and master.cf are read through postconf, and maps that rewrite recipients
through postmap where they are files. Nothing is changed, and no server is asked. Each finding says
where it is and what to do. An error: mail for opted-in domains can pass unjudged, or none can
arrive. Only errors make the exit status 78; 69 means that Postfix could not be asked.";

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
        requires = "config",
        // Beside --policy, clap would not ask for --config.
        conflicts_with = "policy"
    )]
    postfix: Option<Option<PathBuf>>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Check these settings, and the policy that they name
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check this policy alone
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let mut wrong = 0;
    let settings = match &args.what.config {
        Some(config) => settings(config, &mut wrong),
        None => None,
    };
    let path = settings.as_ref().map(|settings| &settings.policy).or(args.what.policy.as_ref());
    let policy = path.and_then(|path| {
        let Loaded { policy, warnings, .. } = policy_file::load(path);
        for warning in warnings.shown() {
            eprintln!("{warning}");
        }
        let policy = report(policy, &mut wrong)?;
        println!("{}: valid; {}", path.display(), summary(&policy));
        Some(policy)
    });
    if let Some(directory) = &args.postfix {
        let (Some(settings), Some(policy)) = (&settings, &policy) else {
            eprintln!(
                "Postfix was not looked into: that needs settings and a policy without errors"
            );
            return wrong_ones(wrong);
        };
        match postfix::check(directory.as_deref(), settings, policy) {
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

fn wrong_ones(wrong: usize) -> ExitCode {
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("\n{}", counted(wrong, "error"));
    status::CONFIG.into()
}

fn settings(path: &Path, wrong: &mut usize) -> Option<Settings> {
    let settings = report(Settings::load(path), wrong)?;
    let passed = settings.systemd.then(|| "the sockets that systemd passes".to_owned());
    let sockets = settings.listen.iter().map(|listen| listen.socket.to_string());
    let sockets: Vec<String> = passed.into_iter().chain(sockets).collect();
    println!("{}: valid; listens on {}", path.display(), sockets.join(", "));
    Some(sockets::with_systemd(settings))
}

fn report<T>(result: Result<T, Problems>, wrong: &mut usize) -> Option<T> {
    result
        .inspect_err(|problems| {
            *wrong += problems.count();
            eprintln!("{problems}");
        })
        .ok()
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
