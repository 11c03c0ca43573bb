//! `mandatory-tls check`: is everything valid?

use super::status;
use crate::policy::Policy;
use crate::policy_file::{self, Loaded};
use crate::settings::Settings;
use crate::yaml::Problems;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    what: What,
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
    let policy = match (&args.what.config, &args.what.policy) {
        (Some(config), _) => settings(config, &mut wrong).map(|settings| settings.policy),
        (None, policy) => policy.clone(),
    };
    if let Some(path) = policy {
        let Loaded { policy, warnings, .. } = policy_file::load(&path);
        for warning in warnings.shown() {
            eprintln!("{warning}");
        }
        if let Some(policy) = report(policy, &mut wrong) {
            println!("{}: valid; {}", path.display(), summary(&policy));
        }
    }
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("\n{wrong} error{}", if wrong == 1 { "" } else { "s" });
    status::CONFIG.into()
}

fn settings(path: &Path, wrong: &mut usize) -> Option<Settings> {
    let settings = report(Settings::load(path), wrong)?;
    let sockets: Vec<String> =
        settings.listen.iter().map(|listen| listen.socket.to_string()).collect();
    println!("{}: valid; listens on {}", path.display(), sockets.join(", "));
    Some(settings)
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
fn summary(policy: &Policy) -> String {
    let count = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    [
        count(policy.domains.len(), "domain", "domains"),
        count(policy.senders.len(), "sender", "senders"),
        count(policy.files.len(), "file", "files"),
    ]
    .join(", ")
}
