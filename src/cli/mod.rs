//! The command line: one file a command.

mod check;
mod digest;
mod doctor;
mod entries;
mod entry_name;
mod explain;
mod export;
mod eyes;
mod failure;
mod follow_log;
mod generate;
mod hidden;
mod import;
mod ledger_file;
mod look_up;
mod milter;
mod progress;
mod ready;
mod reload;
mod report;
mod requirements;
mod setup;
mod simulate;
mod since;
mod sockets;
mod table;
mod time_zone;
mod which_policy;

use clap::{Parser, Subcommand};
use std::{env, process::ExitCode};

/// Exit statuses, after sysexits(3).
mod status {
    /// Errors in the policy or the settings, or in how the MTA is set up.
    pub const CONFIG: u8 = 78;
    /// Wrong arguments.
    pub const USAGE: u8 = 64;
    /// Input that cannot be read.
    pub const DATA: u8 = 65;
    /// Something that the system refused, such as a socket.
    pub const UNAVAILABLE: u8 = 69;
}

const AFTER_HELP: &str = "\
Exit status: 0 done; 64 wrong arguments; 65 input that cannot be read; 69 something that the
system refused, such as a socket; 78 errors in the policy, the settings or, with
check --postfix, in Postfix. doctor: 0 all is right, 1 warnings, 2 errors. ready: 0 ready,
1 not yet, 2 not enough evidence.";

/// A milter for Postfix and Sendmail: takes mail for opted-in domains only over adequately
/// encrypted sessions.
#[derive(Debug, Parser)]
#[command(name = "mandatory-tls", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the milter: answer the MTA's questions until told to stop
    Milter(milter::Args),
    /// Let the running milter read its policy at once, and say what came of it
    Reload(reload::Args),
    /// Validate the policy, and the settings; say all that is wrong
    Check(check::Args),
    /// Show, step by step, what the policy says of a recipient and a session; no mail is sent
    Explain(Box<explain::Args>),
    /// List all entries of the policy, with mode, requirement and where each stands
    Entries(entries::Args),
    /// Show who sends over what, who is or would be refused, and what became of them
    Report(Box<report::Args>),
    /// Say which domains can be enforced, who stands in the way, and when it could begin
    Ready(ready::Args),
    /// Show what another policy would have meant for the mail of the last weeks
    Simulate(simulate::Args),
    /// Tell the contacts of domains who was, or would be, refused for the first time
    Digest(digest::Args),
    /// Fill the ledger from what the MTA logged and the milter did not judge
    Import(import::Args),
    /// Follow the log as the MTA writes it: record deliveries to organisations' servers, and failed handshakes
    FollowLog(follow_log::Args),
    /// Write what the policy demands of the hop to organisations' own servers, as a map for an MTA
    Export(export::Args),
    /// List the requirements, show one, or show what all of them say of a cipher suite
    Requirements(requirements::Args),
    /// Let an MTA ask the milter, or no longer
    Setup(setup::Args),
    /// Look at the running service, the MTA and the files, and say what is right and what to do
    Doctor(doctor::Args),
    /// Write man pages and shell completions, for a package
    #[command(hide = true)]
    Generate(generate::Args),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(args) = milter::Args::plain(env::args_os()) {
        return milter::run(&args);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; they go to standard output.
            let code = if error.use_stderr() { status::USAGE } else { 0 };
            let _ = error.print();
            return code.into();
        }
    };
    match cli.command {
        Command::Milter(args) => milter::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Entries(args) => entries::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Ready(args) => ready::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Digest(args) => digest::run(&args),
        Command::Import(args) => import::run(&args),
        Command::FollowLog(args) => follow_log::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Requirements(args) => requirements::run(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Generate(args) => generate::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn the_milters_own_command_line_means_the_same_with_and_without_clap() {
        for (line, is_plain) in [
            (&["milter", "--config", "milter.yaml"][..], true),
            (&["milter", "--config", "/etc/a b=c/\u{e4}.yaml"], true),
            (&["milter", "--config", "milter"], true),
            (&["milter", "--config=milter.yaml"], false),
            (&["milter", "--config", "-"], false),
            (&["milter", "--config", "--help"], false),
            (&["milter", "--config", ""], false),
            (&["milter", "--config"], false),
            (&["milter", "--config", "milter.yaml", "--help"], false),
            (&["milter", "--help"], false),
            (&["milter"], false),
            (&["check", "--config", "milter.yaml"], false),
            (&["--config", "milter", "milter.yaml"], false),
            (&[], false),
        ] {
            let line: Vec<OsString> =
                ["mandatory-tls"].iter().chain(line).map(OsString::from).collect();
            let plain = milter::Args::plain(line.iter().cloned());
            assert_eq!(plain.is_some(), is_plain, "{line:?}");
            let Some(plain) = plain else { continue };
            let Command::Milter(args) = Cli::try_parse_from(&line).unwrap().command else {
                panic!("{line:?}");
            };
            assert_eq!(plain, args);
        }
    }
}
