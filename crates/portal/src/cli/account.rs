//! `mandatory-tls-portal account`.

use super::{Failure, Shell, identity};
use crate::app::now;
use crate::auth::password;
use crate::ops::accounts::{self, AccountChange, LINK_HOURS, NewAccount};
use crate::ops::{OpError, Role, organisations};
use crate::secret::Secret;
use policy::Language;
use std::io::{self, IsTerminal, Write};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List them
    List,
    /// Make one, and print a one-time link by which its password is set, or a sign-in joined
    Add {
        /// The login: a mail address, or another name
        login: String,
        /// What it is for: operator, administrator or reader
        #[arg(long, default_value = "operator", value_parser = role)]
        role: Role,
        /// Its organisation, by name
        #[arg(long)]
        organisation: Option<String>,
        /// The language of its pages: en or de
        #[arg(long, default_value = "en", value_parser = language)]
        language: Language,
    },
    /// Print a new one-time link by which a password is set, or a sign-in joined; the one before ends
    Link {
        /// The login
        login: String,
    },
    /// Set a password: asked for on a terminal, else the first line of standard input
    Password {
        /// The login
        login: String,
    },
    /// Sign-ins at OpenID providers that are joined to it
    #[command(subcommand)]
    Identity(identity::Command),
    /// Take the authenticator from an account whose owner has lost it
    ResetTotp {
        /// The login
        login: String,
    },
    /// Let nobody sign in with it any more; its sessions and tokens end
    Disable {
        /// The login
        login: String,
    },
    /// Let it sign in again
    Enable {
        /// The login
        login: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| "there are: operator, administrator, reader".into())
}

fn language(text: &str) -> Result<Language, String> {
    text.parse().map_err(|_| "there are: en, de".into())
}

pub(super) fn run(command: Command, shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let operator = &shell.operator;
    let id = |login: &str| {
        let account = shell.store.read(|transaction| accounts::find(transaction, operator, login));
        account.map(|account| account.id)
    };
    match command {
        Command::List => list(shell, out)?,
        Command::Add { login, role, organisation, language } => {
            let (account, link) = shell.store.write(|transaction| {
                let organisation = match &organisation {
                    Some(name) => Some(organisations::find(transaction, operator, name)?.id),
                    None => None,
                };
                let new = NewAccount { login: login.clone(), role, organisation, language };
                accounts::add(transaction, operator, &new, now())
            })?;
            show_link(shell, out, &account.login, &link)?;
        }
        Command::Link { login } => {
            let id = id(&login)?;
            let link = shell
                .store
                .write(|transaction| accounts::make_link(transaction, operator, &id, now()))?;
            show_link(shell, out, &login, &link)?;
        }
        Command::Password { login } => {
            let id = id(&login)?;
            let typed = ask()?;
            password::check(&typed, &login.to_lowercase())
                .map_err(|error| OpError::invalid("password", error.to_string(), ""))?;
            let hash = password::hash(&typed)
                .map_err(|error| OpError::Unavailable(format!("it cannot be hashed: {error}")))?;
            shell.store.write(|transaction| {
                accounts::set_password(transaction, operator, &id, &hash, now())
            })?;
        }
        Command::Identity(command) => identity::run(&command, shell, out)?,
        Command::ResetTotp { login } => {
            let id = id(&login)?;
            shell
                .store
                .write(|transaction| accounts::remove_totp(transaction, operator, &id, now()))?;
        }
        Command::Disable { login } => disable(shell, &id(&login)?, true)?,
        Command::Enable { login } => disable(shell, &id(&login)?, false)?,
    }
    Ok(())
}

fn disable(shell: &Shell, id: &str, disabled: bool) -> Result<(), Failure> {
    let change = AccountChange { disabled: Some(disabled), ..AccountChange::default() };
    shell.store.write(|transaction| {
        accounts::change(transaction, &shell.operator, id, None, change, now())
    })?;
    Ok(())
}

fn list(shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let all = shell.store.read(|transaction| accounts::list(transaction, &shell.operator, None))?;
    let width = all.iter().map(|account| account.login.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "{:width$}  {:13}  {:9}  ORGANISATION", "LOGIN", "ROLE", "STATE")?;
    for account in all {
        let role: &str = account.role.into();
        let state = match account {
            _ if account.disabled.is_some() => "disabled",
            _ if !account.has_password && !account.has_identity => "invited",
            _ if account.has_totp => "with TOTP",
            _ if !account.has_password => "joined",
            _ => "password",
        };
        let organisation = account.organisation_name.unwrap_or_default();
        writeln!(out, "{:width$}  {role:13}  {state:9}  {organisation}", account.login)?;
    }
    Ok(())
}

fn show_link(shell: &Shell, out: &mut impl Write, login: &str, link: &Secret) -> io::Result<()> {
    writeln!(out, "{}/link/{}", shell.settings.base_url, link.reveal())?;
    out.flush()?;
    eprintln!(
        "Whoever opens this link within {LINK_HOURS} hours sets the password of {login}{}. It works once.",
        if shell.settings.sign_in.is_empty() { "" } else { ", or joins a sign-in" }
    );
    Ok(())
}

/// Asks for a password twice, or takes the first line of what is piped in.
fn ask() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let first = rpassword::prompt_password("New password: ")?;
    let second = rpassword::prompt_password("Once more: ")?;
    if first != second {
        return Err(OpError::invalid("password", "these are two different passwords", "").into());
    }
    Ok(first)
}
