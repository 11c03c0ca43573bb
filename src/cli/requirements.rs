//! `mandatory-tls requirements`: what can be asked of a session, and what it takes and refuses.

use super::status;
use clap::ValueEnum;
use config::policy_file;
use policy::Requirement;
use policy::requirement::{CipherName, builtins};
use policy::tls::{Encryption, Version, cipher::Suite, cipher::suites};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

const AFTER_HELP: &str = "\
Examples:
  mandatory-tls requirements
  mandatory-tls requirements rfc9325-strict
  mandatory-tls requirements --suite ECDHE-RSA-AES256-SHA384";

/// Arguments of `requirements`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Show this requirement: its source, its conditions, what it takes and refuses, and why
    #[arg(conflicts_with = "suite")]
    name: Option<String>,
    /// Show what every requirement says of this cipher suite, in any spelling
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// Also the requirements of this policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// A JSON array of objects
    Json,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let own = match args.policy.as_ref().map(|path| policy_file::load(path).policy).transpose() {
        Ok(policy) => policy.map(|policy| policy.requirements).unwrap_or_default(),
        Err(problems) => {
            eprintln!("{problems}");
            return status::CONFIG.into();
        }
    };
    let mut all: Vec<&Requirement> = Vec::new();
    for built_in in builtins() {
        all.push(built_in);
    }
    all.extend(own.values().map(Arc::as_ref));
    let mut out = io::stdout().lock();
    let written = match (&args.name, &args.suite) {
        (Some(name), _) => match all.iter().find(|requirement| requirement.name() == name) {
            Some(requirement) => one(&mut out, requirement, args.format),
            None => return unknown(name, &all),
        },
        (None, Some(name)) => match name.parse::<CipherName>() {
            Ok(cipher) => of_suite(&mut out, cipher, &all, args.format),
            Err(error) => {
                eprintln!("error: {error}");
                return status::USAGE.into();
            }
        },
        (None, None) => list(&mut out, &all, args.format),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            status::UNAVAILABLE.into()
        }
    }
}

fn unknown(name: &str, all: &[&Requirement]) -> ExitCode {
    let names: Vec<&str> = all.iter().map(|requirement| requirement.name()).collect();
    eprintln!(
        "error: there is no requirement `{}`; there are: {}",
        name.escape_debug(),
        names.join(", ")
    );
    status::USAGE.into()
}

/// A requirement in the list.
#[derive(Serialize)]
struct Listed<'r> {
    name: &'r str,
    min_version: String,
    title: &'r str,
    source: &'r str,
}

fn list(out: &mut impl Write, all: &[&Requirement], format: Format) -> io::Result<()> {
    if format == Format::Json {
        let rows: Vec<Listed<'_>> = all
            .iter()
            .map(|requirement| Listed {
                name: requirement.name(),
                min_version: requirement.min_version().to_string(),
                title: requirement.title(),
                source: requirement.source(),
            })
            .collect();
        return writeln!(out, "{}", serde_json::to_string_pretty(&rows)?);
    }
    let width = all.iter().map(|requirement| requirement.name().len()).max().unwrap_or(0);
    writeln!(out, "{:width$}  FROM     TITLE", "NAME")?;
    for requirement in all {
        let own = requirement.source().is_empty();
        let title = if own { "(of the policy)" } else { requirement.title() };
        writeln!(
            out,
            "{:width$}  {:7}  {title}",
            requirement.name(),
            requirement.min_version().to_string()
        )?;
    }
    Ok(())
}

/// What a requirement says of a suite in each version in which the suite exists.
#[derive(Serialize)]
struct Opinion<'r> {
    requirement: &'r str,
    suite: &'static str,
    iana_name: Option<&'static str>,
    tls_version: String,
    accepted: bool,
    reason: Option<String>,
}

fn opinion<'r>(
    requirement: &'r Requirement,
    suite: &'static Suite,
    version: Version,
) -> Opinion<'r> {
    let result = requirement.check(&Encryption::new(version, suite));
    Opinion {
        requirement: requirement.name(),
        suite: suite.name,
        iana_name: suite.iana_name,
        tls_version: version.to_string(),
        accepted: result.is_ok(),
        reason: result.err().map(|shortfall| shortfall.to_string()),
    }
}

/// Newest version first: that is what most sessions have.
fn versions(suite: &Suite) -> impl Iterator<Item = Version> {
    Version::ALL.into_iter().rev().filter(|version| suite.possible_in(*version))
}

fn one(out: &mut impl Write, requirement: &Requirement, format: Format) -> io::Result<()> {
    let opinions: Vec<Opinion<'_>> = suites()
        .flat_map(|suite| versions(suite).map(move |version| (suite, version)))
        .map(|(suite, version)| opinion(requirement, suite, version))
        .collect();
    if format == Format::Json {
        return writeln!(out, "{}", serde_json::to_string_pretty(&opinions)?);
    }
    describe(out, requirement)?;
    writeln!(out, "\nTakes:")?;
    let mut taken: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for opinion in opinions.iter().filter(|opinion| opinion.accepted) {
        taken.entry(opinion.suite).or_default().push(&opinion.tls_version);
    }
    for (suite, versions) in &taken {
        writeln!(out, "  {suite:32} {}", versions.join(", "))?;
    }
    writeln!(out, "\nRefuses:")?;
    // A suite that is taken in one version only fails in the others for the version's sake.
    let mut refused: BTreeMap<&str, &str> = BTreeMap::new();
    for opinion in opinions.iter().filter(|opinion| !taken.contains_key(opinion.suite)) {
        refused.entry(opinion.suite).or_insert(opinion.reason.as_deref().unwrap_or_default());
    }
    for (suite, reason) in refused {
        writeln!(out, "  {suite:32} {reason}")?;
    }
    Ok(())
}

fn describe(out: &mut impl Write, requirement: &Requirement) -> io::Result<()> {
    let title = Some(requirement.title()).filter(|title| !title.is_empty());
    writeln!(out, "{}: {}", requirement.name(), title.unwrap_or("a requirement of the policy"))?;
    if !requirement.source().is_empty() {
        writeln!(out, "Source: {}", requirement.source())?;
    }
    writeln!(out, "\nAsks for:")?;
    writeln!(
        out,
        "  {} or newer, ciphers of at least {} bits",
        requirement.min_version(),
        requirement.min_bits()
    )?;
    writeln!(
        out,
        "  (of a version newer than {}, only the ciphers of that one)",
        Version::Tlsv1_3
    )?;
    if requirement.forward_secrecy() {
        writeln!(out, "  forward secrecy")?;
    }
    if requirement.aead() {
        writeln!(out, "  authenticated encryption (AEAD)")?;
    }
    let forbidden: Vec<String> =
        requirement.forbidden_properties().map(|property| property.to_string()).collect();
    writeln!(out, "  none of: {}", forbidden.join(", "))?;
    let by_name: Vec<&str> = requirement.forbidden_suites().map(|suite| suite.name).collect();
    if !by_name.is_empty() {
        writeln!(out, "  nor the ciphers: {}", by_name.join(", "))?;
    }
    if requirement.allowed_suites().is_some() {
        writeln!(out, "  one of a list of ciphers (below)")?;
    }
    for wanted in requirement.client_certificates() {
        let name = |name: &Option<String>| {
            name.as_ref().map_or_else(|| "any".to_owned(), |name| name.escape_default().to_string())
        };
        writeln!(
            out,
            "  a client certificate that the MTA trusts: subject {}, issuer {}",
            name(&wanted.subject),
            name(&wanted.issuer)
        )?;
    }
    for unseen in requirement.unseen() {
        writeln!(out, "Not visible to a mail filter: {unseen}")?;
    }
    for note in requirement.notes() {
        writeln!(out, "Note: {note}")?;
    }
    Ok(())
}

fn of_suite(
    out: &mut impl Write,
    cipher: CipherName,
    all: &[&Requirement],
    format: Format,
) -> io::Result<()> {
    // A name that means another suite in SSL 2 stands for both.
    let cases: Vec<(&'static Suite, Version)> = cipher
        .suites()
        .flat_map(|suite| versions(suite).map(move |version| (suite, version)))
        .collect();
    let opinions = |requirement| {
        cases.iter().map(move |(suite, version)| opinion(requirement, suite, *version))
    };
    if format == Format::Json {
        let rows: Vec<Opinion<'_>> =
            all.iter().flat_map(|requirement| opinions(*requirement)).collect();
        return writeln!(out, "{}", serde_json::to_string_pretty(&rows)?);
    }
    for suite in cipher.suites() {
        let names: Vec<&str> = suite.names().collect();
        writeln!(out, "{} ({} bits): {}", suite.name, suite.strength_bits, names.join(", "))?;
    }
    let width = all.iter().map(|requirement| requirement.name().len()).max().unwrap_or(0);
    for requirement in all {
        writeln!(out)?;
        for opinion in opinions(*requirement) {
            let said = opinion.reason.unwrap_or_else(|| "taken".into());
            writeln!(out, "{:width$}  {:7}  {said}", requirement.name(), opinion.tls_version)?;
        }
    }
    Ok(())
}
