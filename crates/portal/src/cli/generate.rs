//! Man pages and completions from the definitions of the commands themselves, for the package.

use super::Arguments;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::{fs, io, path::Path};

/// What each man page ends with.
const SEE_ALSO: &str = "\
.SH FILES
.TP
.I /etc/mandatory\\-tls/portal.yaml
The settings.
.TP
.I /var/lib/mandatory\\-tls\\-portal/
The database, and the file of the policy.
.SH SEE ALSO
.BR mandatory\\-tls (1),
.BR mandatory\\-tls\\-policy.yaml (5)
";

pub(super) fn run(directory: &Path) -> io::Result<()> {
    let (man, completions) = (directory.join("man"), directory.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut command = Arguments::command().disable_help_subcommand(true);
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command, "mandatory-tls-portal", &completions)?;
    }
    command.build();
    page(&command, &man)
}

/// The page of a command, and those of the commands below it.
fn page(command: &Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        page(below, directory)?;
    }
    let man = Man::new(command.clone()).manual("mandatory-tls").source("mandatory-tls");
    let mut text = Vec::new();
    man.render(&mut text)?;
    // clap calls what stands after the help by a name that no man page has.
    let mut text = String::from_utf8_lossy(&text).replace(".SH EXTRA", ".SH NOTES");
    text.push_str(SEE_ALSO);
    fs::write(directory.join(man.get_filename()), text)
}
