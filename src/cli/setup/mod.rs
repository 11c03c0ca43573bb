//! `mandatory-tls setup`: the MTA's side, done when asked.

mod change;
mod deliver;
mod plan;
mod postfix;
mod trial;

use super::eyes::INSTALLED;
use super::{sockets, status};
use config::settings::Settings;
use std::{
    ffi::OsStr,
    fmt,
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Arguments of `setup`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    mta: Mta,
}

#[derive(Debug, clap::Subcommand)]
enum Mta {
    /// Let Postfix ask the milter: show what will change, ask, change it, see that mail is judged
    Postfix(PostfixArgs),
}

const AFTER_HELP: &str = "\
Changed are smtpd_milters in main.cf, and in master.cf where a service that takes other servers' mail has its own; \
non_smtpd_milters, where it follows smtpd_milters, so that it stays what it was; smtpd_hard_error_limit, where \
nobody has set it, since refused recipients count as errors of a session; and where the milter's socket needs it, \
its directory or its socket unit; Postfix is reloaded. Other milters stay. What was there before is kept, for \
--undo. It ends with an SMTP session that names postmaster as a recipient and sends nothing.

With --deliver, the service `relay` in master.cf (or that of --service) gets smtp_tls_policy_maps, before the maps \
that it has, its own or main.cf's, and tls_required_enable=no where this Postfix has it. Before that, look-ups are \
tried as the service will have them. With --undo, each service that asks (or that of --service) is set back to what \
was there before.

Exit status: 0 done, or nothing to do; 1 not done, because the answer was no; 69 something could not be \
done; 78 errors in the settings, or mail is not judged.";

/// Arguments of `setup postfix`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
struct PostfixArgs {
    /// Take the milter out of Postfix's configuration again
    #[arg(long)]
    undo: bool,
    /// Say where Postfix names the milter, with status 1 where it does not; for the package
    #[arg(long, hide = true, conflicts_with = "undo")]
    asks: bool,
    /// The directory of main.cf, where there are several instances of Postfix
    #[arg(long, value_name = "DIR")]
    postfix: Option<PathBuf>,
    /// Let Postfix ask what the session to a next hop must be (`deliver` in the policy), instead
    #[arg(long)]
    deliver: bool,
    /// With --deliver: the service in master.cf that asks; without it, relay
    #[arg(long, value_name = "NAME", requires = "deliver")]
    service: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// The settings
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
}

/// Why it was not done.
#[derive(Debug)]
enum NotDone {
    /// The answer was no.
    Declined,
    /// Something in the way: what, and what to do.
    Obstacle(u8, String),
}

impl NotDone {
    /// The system, or Postfix, does not let it be done.
    fn unavailable(message: impl fmt::Display) -> Self {
        Self::Obstacle(status::UNAVAILABLE, message.to_string())
    }

    /// Something is configured so that it cannot work.
    fn config(message: impl fmt::Display) -> Self {
        Self::Obstacle(status::CONFIG, message.to_string())
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    let Mta::Postfix(args) = &args.mta;
    if args.asks {
        let places = if args.deliver { deliver::places(args) } else { postfix::places(args) };
        return match places {
            Some(places) => {
                for place in &places {
                    println!("{place}");
                }
                u8::from(places.is_empty()).into()
            }
            None => status::UNAVAILABLE.into(),
        };
    }
    let done = if args.deliver { deliver::run(args) } else { postfix::run(args) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(NotDone::Declined) => {
            println!("Nothing was changed.");
            1.into()
        }
        Err(NotDone::Obstacle(code, message)) => {
            eprintln!("error: {message}");
            code.into()
        }
    }
}

/// Shows what will be done, and asks.
fn confirm(steps: &[Step], yes: bool) -> Result<(), NotDone> {
    println!("This will be done:\n");
    for step in steps {
        println!("    {step}");
    }
    println!();
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(NotDone::unavailable(
            "there is no terminal to ask on; look at the changes above, and use --yes",
        ));
    }
    print!("Go on? [y/N] ");
    let mut answer = String::new();
    let read = io::stdout().flush().and_then(|()| io::stdin().lock().read_line(&mut answer));
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(NotDone::Declined),
    }
}

/// One command that is shown, and run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step(Vec<String>);

impl Step {
    fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }

    fn run(&self) -> Result<(), NotDone> {
        let Some((program, arguments)) = self.0.split_first() else { return Ok(()) };
        let arguments: Vec<_> = arguments.iter().map(Into::into).collect();
        crate::command::run(program.as_ref(), &arguments)
            .map(drop)
            .map_err(|error| NotDone::unavailable(format!("`{self}`: {error}")))
    }
}

/// What makes systemd listen on the socket of a unit; nothing where it does, or has none to do with it.
fn way_to_unit(settings: &Settings, unit: &str) -> Vec<Step> {
    let is_active = || {
        let arguments = ["is-active".into(), "--quiet".into(), unit.into()];
        crate::command::run(OsStr::new("systemctl"), &arguments).is_ok()
    };
    if !settings.systemd || !sockets::systemd_runs() || is_active() {
        return Vec::new();
    }
    // systemd gives a new socket only to a service that starts; connections to the others wait.
    vec![
        Step::new(&["systemctl", "enable", unit]),
        Step::new(&["systemctl", "stop", "mandatory-tls.service"]),
        Step::new(&["systemctl", "start", unit, "mandatory-tls.service"]),
    ]
}

/// As one would type it in a shell.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '=' | ':' | '@')
        };
        for (number, word) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            if !word.is_empty() && word.chars().all(plain) {
                f.write_str(word)?;
            } else {
                write!(f, "'{}'", word.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_shown_as_one_would_type_them() {
        let step = Step::new(&["postconf", "-e", "smtpd_milters = { unix:m, a=b }", "it's", ""]);
        let shown = r"postconf -e 'smtpd_milters = { unix:m, a=b }' 'it'\''s' ''";
        assert_eq!(step.to_string(), shown);
    }
}
