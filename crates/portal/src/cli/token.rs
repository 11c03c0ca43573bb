//! `mandatory-tls-portal token`.

use super::{Failure, Shell};
use crate::app::now;
use crate::ops::Scope;
use crate::ops::tokens::{self, LONGEST_DAYS, NewToken};
use std::io::Write;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List those of all accounts
    List,
    /// Make one for an account, and print it: it is shown now and never again
    Add {
        /// The login of the account
        login: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may be used for: read, switch, manage, operator; several are separated by commas
        #[arg(long = "scope", value_delimiter = ',', required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// How many days it lasts
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=LONGEST_DAYS))]
        days: i64,
    },
    /// Revoke one
    Revoke {
        /// Its id, as the list has it
        id: String,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|_| "there are: read, switch, manage, operator".into())
}

pub(super) fn run(command: Command, shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let operator = &shell.operator;
    match command {
        Command::List => {
            let all = shell
                .store
                .read(|transaction| tokens::list(transaction, operator.actor(), true))?;
            writeln!(
                out,
                "{:32}  {:24}  {:8}  {:10}  {:10}  SCOPES, NAME",
                "ID", "LOGIN", "STATE", "ENDS", "USED"
            )?;
            for token in all {
                let state = match &token {
                    token if token.revoked.is_some() => "revoked",
                    token if token.is_valid(now()) => "valid",
                    _ => "ended",
                };
                let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
                let used = token.used.map_or("never".into(), day);
                let scopes: Vec<&str> = token.scopes.iter().map(Into::into).collect();
                let (id, login, ends) = (token.id, token.login, day(token.ends));
                let (scopes, name) = (scopes.join(","), token.name);
                writeln!(out, "{id}  {login:24}  {state:8}  {ends}  {used:10}  {scopes}, {name}")?;
            }
        }
        Command::Add { login, name, scopes, days } => {
            let new = NewToken { name, scopes, days };
            let (token, secret) = shell
                .store
                .write(|transaction| tokens::add_for(transaction, operator, &login, &new, now()))?;
            writeln!(out, "{}", secret.reveal())?;
            out.flush()?;
            eprintln!(
                "This token is shown now and never again. It ends on {}.",
                token.ends.strftime("%Y-%m-%d")
            );
        }
        Command::Revoke { id } => {
            shell.store.write(|transaction| {
                tokens::revoke(transaction, operator.actor(), None, &id, now())
            })?;
        }
    }
    Ok(())
}
