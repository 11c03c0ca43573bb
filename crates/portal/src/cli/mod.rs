//! The commands: arguments in, text and exit status out. Whoever has the shell and may read the
//! settings is an operator; what is done here is written down as theirs.

mod account;
mod audit;
mod domain;
mod generate;
mod identity;
mod list;
mod organisation;
mod owner;
mod serve;
mod token;

use crate::app::now;
use crate::ops::insight::Gateway;
use crate::ops::{Actor, Denied, OpError, Operator, Role, Via};
use crate::store::{Place, Store};
use clap::{Parser, Subcommand};
use config::Settings;
use config::settings::{Database, PortalSettings};
use nix::unistd::{Uid, User};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

/// Where the package puts the settings.
const INSTALLED: &str = "/etc/mandatory-tls/portal.yaml";

/// The portal of mandatory-tls: organisations switch it for their domains themselves
#[derive(Debug, Parser)]
#[command(
    name = "mandatory-tls-portal",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// The settings of the portal
    #[arg(long, global = true, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve pages and API, and write the policy's file
    Serve,
    /// Organisations: who stands behind domains
    #[command(subcommand)]
    Organisation(organisation::Command),
    /// Accounts: who can sign in; the first one is made here
    #[command(subcommand)]
    Account(account::Command),
    /// Domains: whose they are, and what is chosen for them
    #[command(subcommand)]
    Domain(domain::Command),
    /// Tokens of the API
    #[command(subcommand)]
    Token(token::Command),
    /// The audit log: what was changed, by whom, the latest first
    Audit(audit::Args),
    /// Register and change the domains of a list (CSV): all of it, or nothing where a line is wrong
    Import(list::ImportArgs),
    /// Print all domains as a list (CSV) that can be read in again
    Export,
    /// Man pages and completions, for the package
    #[command(hide = true)]
    Generate {
        /// Where to put them
        directory: PathBuf,
    },
}

/// Why a command was not done, with its exit status.
#[derive(Debug)]
struct Failure {
    status: u8,
    message: String,
}

/// Exit statuses, as sysexits.h has them.
const DATA: u8 = 65;
const UNAVAILABLE: u8 = 69;
const CONFIG: u8 = 78;

impl Failure {
    fn config(message: impl std::fmt::Display) -> Self {
        Self { status: CONFIG, message: message.to_string() }
    }
}

impl From<OpError> for Failure {
    fn from(error: OpError) -> Self {
        let status = match error {
            OpError::Store(_)
            | OpError::Unavailable(_)
            | OpError::Busy(_)
            | OpError::Throttled(_) => UNAVAILABLE,
            OpError::NotFound
            | OpError::Denied(_)
            | OpError::Invalid(_)
            | OpError::Changed { .. }
            | OpError::Taken(_)
            | OpError::Untested(_) => DATA,
        };
        let mut message = format!("error: {error}");
        if let OpError::Invalid(invalid) = &error {
            for help in invalid.iter().map(|one| &one.help).filter(|help| !help.is_empty()) {
                message.push_str(&format!("\n  = help: {help}"));
            }
        }
        let help = match error {
            OpError::NotFound => {
                "`organisation list`, `account list` and `domain list` have the names"
            }
            OpError::Denied(Denied::NotOffered) => {
                "what is on offer is chosen in the portal's pages, under Offer"
            }
            _ => "",
        };
        if !help.is_empty() {
            message.push_str(&format!("\n  = help: {help}"));
        }
        Self { status, message }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // The reader has seen enough.
        let status = if error.kind() == io::ErrorKind::BrokenPipe { 0 } else { UNAVAILABLE };
        Self { status, message: format!("error: {error}") }
    }
}

/// What a command works with.
struct Shell {
    settings: PortalSettings,
    store: Arc<Store>,
    operator: Operator,
}

impl Shell {
    fn open(settings: PortalSettings, actor: &Actor) -> Result<Self, Failure> {
        let place = match &settings.database {
            Database::Sqlite(path) => Place::Sqlite(path.clone()),
            Database::Postgres(parameters) => Place::Postgres(parameters.clone()),
        };
        let store = Arc::new(Store::open(&place).map_err(OpError::from)?);
        let operator = Operator::check(actor)?;
        Ok(Self { settings, store, operator })
    }

    fn gateway(&self) -> Result<Gateway, Failure> {
        let milter = Settings::load(&self.settings.milter).map_err(Failure::config)?;
        Ok(Gateway::new(&milter, &self.settings.file))
    }
}

/// Whoever has the shell: the user who became root, where sudo tells, else the user.
fn actor() -> Actor {
    let name = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    let user = || User::from_uid(Uid::current()).ok().flatten().map(|user| user.name);
    let name = name.or_else(user).unwrap_or_else(|| Uid::current().to_string());
    Actor {
        account: None,
        login: name,
        role: Role::Operator,
        organisation: None,
        behalf: None,
        scopes: None,
        confirmed: Some(now()),
        via: Via::Shell,
        address: String::new(),
    }
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    match tried(Arguments::parse()) {
        Ok(()) | Err(Failure { status: 0, .. }) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.message);
            failure.status.into()
        }
    }
}

fn tried(arguments: Arguments) -> Result<(), Failure> {
    if let Command::Generate { directory } = &arguments.command {
        return Ok(generate::run(directory)?);
    }
    if let Command::Serve = &arguments.command {
        serve::set_allocator()?;
    }
    let settings = PortalSettings::load(&arguments.config).map_err(Failure::config)?;
    if cfg!(not(feature = "oidc")) && !settings.sign_in.is_empty() {
        let file = arguments.config.display();
        return Err(Failure::config(format!(
            "error: {file} has `sign_in`, and this program was built without the feature `oidc`"
        )));
    }
    let actor = actor();
    owner::become_owner(&settings)?;
    let shell = Shell::open(settings, &actor)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match arguments.command {
        Command::Serve => {
            drop(out);
            return serve::run(shell);
        }
        // Done above: it needs no settings.
        Command::Generate { .. } => {}
        Command::Organisation(command) => organisation::run(command, &shell, &mut out)?,
        Command::Account(command) => account::run(command, &shell, &mut out)?,
        Command::Domain(command) => domain::run(command, &shell, &mut out)?,
        Command::Token(command) => token::run(command, &shell, &mut out)?,
        Command::Audit(args) => audit::run(args, &shell, &mut out)?,
        Command::Import(args) => list::import(&args, &shell, &mut out)?,
        Command::Export => list::export(&shell, &mut out)?,
    }
    Ok(out.flush()?)
}
