//! `mandatory-tls-portal domain`.

use super::{Failure, Shell};
use crate::app::now;
use crate::ops::domains::{self, ChangeableDomain, DomainChange, DomainQuery, OwnedDomain};
use crate::ops::{Actor, OpError, organisations};
use policy::Mode;
use std::io::Write;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List them
    List {
        /// Only those of this organisation, by name
        #[arg(long)]
        organisation: Option<String>,
        /// Only those in this mode
        #[arg(long, value_parser = mode)]
        mode: Option<Mode>,
        /// Only names with this text in them
        #[arg(long)]
        search: Option<String>,
    },
    /// Register domains for an organisation
    Add {
        /// The organisation, by name
        #[arg(long)]
        organisation: String,
        /// The domains: example.org, or *.example.org for all below it
        #[arg(required = true)]
        domains: Vec<String>,
    },
    /// Take domains from their organisation; what was chosen for them goes, too
    Remove {
        /// The domains
        #[arg(required = true)]
        domains: Vec<String>,
    },
    /// Choose for a domain, on behalf of its organisation
    Set {
        /// The domain
        domain: String,
        /// The mode: off, monitor or enforce
        #[arg(long, value_parser = mode)]
        mode: Option<Mode>,
        /// With --mode enforce: from this day on, before it is monitor
        #[arg(long, value_name = "DATE")]
        enforce_from: Option<String>,
        /// The requirement, by name
        #[arg(long, value_name = "NAME")]
        require: Option<String>,
        /// Who gets the digest
        #[arg(long, value_name = "ADDRESS")]
        contact: Option<String>,
    },
}

fn mode(text: &str) -> Result<Mode, String> {
    text.parse().map_err(|_| "there are: off, monitor, enforce".into())
}

pub(super) fn run(command: Command, shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let operator = &shell.operator;
    match command {
        Command::List { organisation, mode, search } => {
            let organisation = match &organisation {
                Some(name) => {
                    let found = shell
                        .store
                        .read(|transaction| organisations::find(transaction, operator, name));
                    Some(found?.id)
                }
                None => None,
            };
            let query = DomainQuery { search, mode, organisation, after: None, limit: Some(1000) };
            list(shell, out, query)?;
        }
        Command::Add { organisation, domains } => {
            shell.store.write(|transaction| {
                let organisation = organisations::find(transaction, operator, &organisation)?.id;
                for domain in &domains {
                    domains::add(transaction, operator, &organisation, domain, now())?;
                }
                Ok::<_, OpError>(())
            })?;
        }
        Command::Remove { domains } => shell.store.write(|transaction| {
            for domain in &domains {
                domains::remove(transaction, operator, domain, now())?;
            }
            Ok::<_, OpError>(())
        })?,
        Command::Set { domain, mode, enforce_from, require, contact } => {
            let change = DomainChange {
                mode,
                enforce_from: enforce_from.map(Some),
                require: require.map(Some),
                contact: contact.map(Some),
                ..DomainChange::default()
            };
            let changed = shell.store.write(|transaction| {
                let owned = OwnedDomain::check(transaction, operator.actor(), &domain)?;
                let behalf = Some(owned.organisation().to_owned());
                let actor = Actor { behalf, ..operator.actor().clone() };
                let domain = ChangeableDomain::check(transaction, &actor, &domain)?;
                domains::change(transaction, &domain, None, &change, now())
            })?;
            writeln!(out, "{}: {}", changed.after.domain, changed.after.mode())?;
        }
    }
    Ok(())
}

fn list(shell: &Shell, out: &mut impl Write, mut query: DomainQuery) -> Result<(), Failure> {
    let actor = shell.operator.actor();
    writeln!(out, "{:40}  {:8}  {:20}  ORGANISATION", "DOMAIN", "MODE", "SINCE")?;
    loop {
        let part = shell.store.read(|transaction| domains::list(transaction, actor, &query))?;
        for domain in part.domains {
            let since = domain.switched.map(|since| format!("{since:.0}")).unwrap_or_default();
            let mode = domain.mode.name();
            writeln!(
                out,
                "{:40}  {mode:8}  {since:20}  {}",
                domain.domain, domain.organisation_name
            )?;
        }
        query.after = part.next;
        if query.after.is_none() {
            return Ok(());
        }
    }
}
