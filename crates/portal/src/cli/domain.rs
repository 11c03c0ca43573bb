//! `mandatory-tls-portal domain`.

use super::{Failure, Shell};
use crate::app::now;
use crate::connection::{self, Dns};
use crate::ops::domains::{self, ChangeableDomain, DomainChange, DomainQuery, OwnedDomain};
use crate::ops::{Actor, OpError, Operator, insight, organisations};
use crate::store::Transaction;
use config::policy_file::WrittenDeliver;
use policy::hop::Level;
use policy::{Language, Mode};
use serde_json::json;
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
        /// How much the hop to the organisation's own server must be: none, may, encrypt, dane, dane-only, verify
        /// or secure. Needs a test of the last hour
        #[arg(long, value_name = "LEVEL", value_parser = level)]
        deliver: Option<Level>,
        /// With --deliver: the name that the certificate must have, at verify and secure
        #[arg(long = "match", value_name = "NAME", requires = "deliver")]
        matching: Option<String>,
        /// With --deliver: set it although no test has shown that it holds; the audit log has that
        #[arg(long, requires = "deliver")]
        untested: bool,
    },
    /// Test the connection to a domain's own server, and say which delivery levels would hold
    Test {
        /// The domain
        domain: String,
        /// Print the result as text or as JSON
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

fn level(text: &str) -> Result<Level, String> {
    let words = "there are: none, may, encrypt, dane, dane-only, verify, secure";
    text.parse().ok().filter(|level| *level != Level::Fingerprint).ok_or_else(|| words.into())
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
        Command::Set {
            domain,
            mode,
            enforce_from,
            require,
            contact,
            deliver,
            matching,
            untested,
        } => {
            let change = DomainChange {
                deliver: deliver.map(|level| {
                    let matching = matching.into_iter().collect();
                    Some(WrittenDeliver { level: Some(level), matching, ..Default::default() })
                }),
                untested,
                mode,
                enforce_from: enforce_from.map(Some),
                require: require.map(Some),
                contact: contact.map(Some),
                ..DomainChange::default()
            };
            let changed = shell.store.write(|transaction| {
                let domain = on_behalf(transaction, operator, &domain)?;
                domains::change(transaction, &domain, None, &change, now())
            })?;
            writeln!(out, "{}: {}", changed.after.domain, changed.after.mode())?;
        }
        Command::Test { domain, format } => test(shell, out, &domain, format)?,
    }
    Ok(())
}

/// A domain, changed on behalf of the organisation whose it is.
fn on_behalf(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    domain: &str,
) -> Result<ChangeableDomain, OpError> {
    let owned = OwnedDomain::check(transaction, operator.actor(), domain)?;
    let behalf = Some(owned.organisation().to_owned());
    let actor = Actor { behalf, ..operator.actor().clone() };
    ChangeableDomain::check(transaction, &actor, domain)
}

fn test(shell: &Shell, out: &mut impl Write, name: &str, format: Format) -> Result<(), Failure> {
    let (domain, record) = shell.store.read(|transaction| {
        let domain = on_behalf(transaction, &shell.operator, name)?;
        let record = domains::get(transaction, domain.domain())?;
        Ok::<_, OpError>((domain, record))
    })?;
    let test = insight::to_test(&shell.gateway()?, &record)?;
    let findings = connection::run(&test, &Dns::of_system(), smtp::roots(), now());
    let tested = shell.store.write(|transaction| {
        domains::keep_test(transaction, &domain, &record.entry, &findings, now())
    })?;
    match format {
        Format::Json => {
            let result = json!({ "at": tested.at, "hops": tested.findings.hops, "levels": tested.levels(now()) });
            writeln!(out, "{result:#}")?;
        }
        Format::Text => {
            for line in connection::words::told(Language::English, &tested.findings, now()) {
                writeln!(out, "{line}")?;
            }
            writeln!(out)?;
            for level in tested.levels(now()) {
                writeln!(out, "{:10} {}", level.level, level.text)?;
            }
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
