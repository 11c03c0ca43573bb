//! `mandatory-tls-portal organisation`.

use super::{Failure, Shell};
use crate::app::now;
use crate::ops::organisations;
use std::io::Write;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List them
    List,
    /// Make one
    Add {
        /// Its name
        name: String,
    },
    /// Give one another name
    Rename {
        /// Its name
        name: String,
        /// The other name
        to: String,
    },
    /// Remove one that has neither domains nor accounts
    Remove {
        /// Its name
        name: String,
    },
}

pub(super) fn run(command: Command, shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let operator = &shell.operator;
    match command {
        Command::List => {
            let all = shell.store.read(|transaction| organisations::list(transaction, operator))?;
            writeln!(out, "{:32}  {:>7}  {:>8}  NAME", "ID", "DOMAINS", "ACCOUNTS")?;
            for one in all {
                writeln!(out, "{}  {:>7}  {:>8}  {}", one.id, one.domains, one.accounts, one.name)?;
            }
        }
        Command::Add { name } => {
            let made = shell
                .store
                .write(|transaction| organisations::add(transaction, operator, &name, now()))?;
            writeln!(out, "{}  {}", made.id, made.name)?;
        }
        Command::Rename { name, to } => {
            shell.store.write(|transaction| {
                let one = organisations::find(transaction, operator, &name)?;
                organisations::rename(transaction, operator, &one.id, None, &to, now())
            })?;
        }
        Command::Remove { name } => shell.store.write(|transaction| {
            let one = organisations::find(transaction, operator, &name)?;
            organisations::remove(transaction, operator, &one.id, now())
        })?,
    }
    Ok(())
}
