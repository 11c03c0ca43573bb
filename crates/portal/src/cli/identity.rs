//! `mandatory-tls-portal account identity`.

use super::{Failure, Shell};
use crate::app::now;
use crate::ops::accounts::{self, Identity};
use crate::ops::{OpError, Operator};
use crate::store::Transaction;
use std::io::Write;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List them
    List {
        /// The login of the account
        login: String,
    },
    /// Join one whose subject is known; else give them a one-time link (account link)
    Add(Named),
    /// Take one away; the sessions of the account end
    Remove(Named),
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The login of the account
    login: String,
    /// How the provider calls them: the subject (`sub`), not a name and not a mail address
    subject: String,
    /// The issuer of the provider, as portal.yaml has it; needed where that names several
    #[arg(long)]
    issuer: Option<String>,
}

pub(super) fn run(command: &Command, shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let operator = &shell.operator;
    match command {
        Command::List { login } => {
            let all = shell
                .store
                .read(|transaction| Ok::<_, OpError>(of(transaction, operator, login)?.1))?;
            for identity in all {
                writeln!(out, "{} {}", identity.issuer, identity.subject)?;
            }
        }
        Command::Add(named) => {
            let issuer = issuer(shell, named.issuer.as_deref())?;
            shell.store.write(|transaction| {
                let (id, _) = of(transaction, operator, &named.login)?;
                accounts::add_identity(transaction, operator, &id, (issuer, &named.subject), now())
            })?;
        }
        Command::Remove(named) => shell.store.write(|transaction| {
            let (id, all) = of(transaction, operator, &named.login)?;
            let is_named = |one: &&Identity| {
                one.subject == named.subject
                    && named.issuer.as_ref().is_none_or(|issuer| *issuer == one.issuer)
            };
            let identity = all.iter().find(is_named).ok_or(OpError::NotFound)?;
            accounts::remove_identity(transaction, operator, &id, &identity.id, now())
        })?,
    }
    Ok(())
}

/// The id of an account, and its identities.
fn of(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    login: &str,
) -> Result<(String, Vec<Identity>), OpError> {
    let id = accounts::find(transaction, operator, login)?.id;
    let all = accounts::identities(transaction, operator, &id)?;
    Ok((id, all))
}

/// The issuer that is meant: one of the settings', so that nothing is joined that can never sign in.
fn issuer<'s>(shell: &'s Shell, named: Option<&str>) -> Result<&'s str, OpError> {
    let mut all = shell.settings.sign_in.iter().map(|provider| &*provider.issuer);
    let known = all.clone().collect::<Vec<_>>().join(", ");
    let found = match named {
        Some(named) => all.find(|issuer| *issuer == named),
        None => all.next().filter(|_| all.next().is_none()),
    };
    found.ok_or_else(|| {
        let help = match &*known {
            "" => "name a provider under `sign_in` in portal.yaml first".to_owned(),
            known => format!("add --issuer with one of: {known}"),
        };
        OpError::invalid("issuer", "it is not known which provider is meant", help)
    })
}
