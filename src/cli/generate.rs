//! `mandatory-tls generate`: man pages and completions from the definitions of the commands
//! themselves. Hidden: it is for who makes a package.

use super::status;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What each man page of section 1 ends with.
const SEE_ALSO: &str = "\
.SH FILES
.TP
.I /etc/mandatory\\-tls/milter.yaml
The settings, see \\fBmandatory\\-tls\\-milter.yaml\\fR(5).
.TP
.I /etc/mandatory\\-tls/policy.yaml, /etc/mandatory\\-tls/domains.d/
The policy, see \\fBmandatory\\-tls\\-policy.yaml\\fR(5).
.TP
.I /run/mandatory\\-tls/status.json
How the running milter is, for \\fBmandatory\\-tls\\-doctor\\fR(1) and monitoring.
.SH SEE ALSO
.BR mandatory\\-tls (1),
.BR mandatory\\-tls\\-milter.yaml (5),
.BR mandatory\\-tls\\-policy.yaml (5),
.BR postconf (5)
";

/// Arguments of `generate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to put them: man/*.1, and completions/ for bash, fish and zsh
    directory: PathBuf,
}

pub(super) fn run(args: &Args) -> ExitCode {
    match generate(&args.directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", args.directory.display());
            status::UNAVAILABLE.into()
        }
    }
}

fn generate(directory: &Path) -> io::Result<()> {
    let man = directory.join("man");
    let completions = directory.join("completions");
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut command = super::Cli::command().disable_help_subcommand(true);
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command, "mandatory-tls", &completions)?;
    }
    command.build();
    man_pages(&command, &man)
}

/// The page of a command, and those of the commands below it.
fn man_pages(command: &Command, directory: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        man_pages(subcommand, directory)?;
    }
    let man = Man::new(command.clone()).manual("mandatory-tls").source("mandatory-tls");
    let mut page = Vec::new();
    man.render(&mut page)?;
    // clap calls what stands after the help by a name that no man page has.
    let mut page = String::from_utf8_lossy(&page).replace(".SH EXTRA", ".SH NOTES");
    page.push_str(SEE_ALSO);
    fs::write(directory.join(man.get_filename()), page)
}
