//! Tables whose entries do something with a message (access(5), header_checks(5)): `REDIRECT` sends it to another
//! recipient, `BCC` sends a copy. The milter judged those that the client named.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{MapContents, Parameters, PostfixFacts, Service};
use super::rewriting::{judged, plain};
use super::submission::LISTS;
use super::syntax::elements;
use config::finding::FindingId;
use policy::Decision;
use std::collections::BTreeSet;

/// Parameters of cleanup(8) with such tables.
const CHECKS: [&str; 5] = [
    "header_checks",
    "mime_header_checks",
    "nested_header_checks",
    "body_checks",
    "milter_header_checks",
];
/// How many entries are shown.
const SHOWN: usize = 10;
/// Classes of restrictions hold others, but not for ever.
const DEEPEST: u8 = 8;

/// A parameter with tables, where it is in force.
struct Use<'a> {
    service: Option<&'a Service>,
    parameter: &'a str,
    tables: Vec<&'a str>,
}

fn uses(facts: &PostfixFacts) -> Vec<Use<'_>> {
    let mut uses: Vec<Use<'_>> = Vec::new();
    let mut add = |service, parameter, tables: Vec<_>| {
        // Some parameters are by default what another one is.
        let is_known = uses.iter().any(|known: &Use<'_>| known.tables == tables);
        if !tables.is_empty() && !is_known {
            uses.push(Use { service, parameter, tables });
        }
    };
    for (service, parameters) in facts.in_force("cleanup") {
        for parameter in CHECKS {
            add(service, parameter, parameters.list(parameter).collect());
        }
    }
    for (service, parameters) in facts.in_force("smtpd") {
        for parameter in LISTS {
            let mut tables = Vec::new();
            access_tables(parameters, parameters.get(parameter), 0, &mut tables);
            add(service, parameter, tables);
        }
    }
    uses
}

/// The tables of a list of restrictions: what stands behind `check_..._access`, and tables without it.
fn access_tables<'a>(
    parameters: &'a Parameters,
    list: &'a str,
    depth: u8,
    tables: &mut Vec<&'a str>,
) {
    for element in elements(list) {
        let inside = super::syntax::in_braces(element);
        if inside != element {
            // `{ check_client_access hash:/x, default_action=... }`
            access_tables(parameters, inside, depth + 1, tables);
        } else if is_table(element) && !tables.contains(&element) {
            tables.push(element);
        } else if depth < DEEPEST
            && parameters.list("smtpd_restriction_classes").any(|class| class == element)
        {
            access_tables(parameters, parameters.get(element), depth + 1, tables);
        }
    }
}

/// Whether an element is a table, and not a policy service or a list on the net.
fn is_table(element: &str) -> bool {
    element.split_once(':').is_some_and(|(kind, _)| {
        !matches!(kind, "unix" | "inet") && kind.bytes().all(|c| c.is_ascii_alphanumeric())
    })
}

/// The tables that are worth looking into.
pub(super) fn tables(facts: &PostfixFacts) -> BTreeSet<String> {
    uses(facts).iter().flat_map(|used| &used.tables).map(|table| (*table).to_owned()).collect()
}

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    if given.policy.domains.is_empty() {
        return;
    }
    for used in uses(given.facts) {
        let mut leads: Vec<(Decision, bool, String)> = Vec::new();
        let mut unseen = Vec::new();
        for table in &used.tables {
            match given.facts.tables.get(*table) {
                Some(MapContents::Entries(entries)) => {
                    leads.extend(entries.iter().filter_map(|entry| lead(given, entry)));
                }
                Some(MapContents::Unseen(why)) => unseen.push(format!("{table}: {why}")),
                None => {}
            }
        }
        if !leads.is_empty() {
            found.push(leads_in(given, &used, leads));
        }
        if !unseen.is_empty() {
            found.push(
                Diagnosis::new(
                    FindingId::ActionsUnseen,
                    Gravity::Note,
                    given.facts.place(used.service, used.parameter),
                    "these tables may send mail to other recipients (REDIRECT, BCC), and could not be looked \
                     into",
                    "see to it yourself that none of them leads into an opted-in domain",
                )
                .with(unseen),
            );
        }
    }
}

/// What an entry sends into an opted-in domain: how strictly that is judged, whether it goes there instead.
fn lead(given: &Given<'_>, (key, value): &(String, String)) -> Option<(Decision, bool, String)> {
    let (action, rest) = value.trim().split_once(char::is_whitespace)?;
    let instead = match action.to_ascii_uppercase().as_str() {
        "REDIRECT" => true,
        "BCC" => false,
        _ => return None,
    };
    let address = rest.split_whitespace().next()?.trim_matches(['<', '>']);
    let decision = judged(given, &address.to_lowercase());
    (decision > Decision::Accept)
        .then(|| (decision, instead, format!("{} {}", plain(key), plain(value))))
}

fn leads_in(given: &Given<'_>, used: &Use<'_>, leads: Vec<(Decision, bool, String)>) -> Diagnosis {
    let worst =
        leads.iter().any(|(decision, instead, _)| *instead && *decision == Decision::Refuse);
    let more = leads.len().saturating_sub(SHOWN);
    let mut details: Vec<String> = leads.into_iter().take(SHOWN).map(|(_, _, text)| text).collect();
    if more > 0 {
        details.push(format!("and {more} more"));
    }
    Diagnosis::new(
        FindingId::ActionLeadsIn,
        if worst { Gravity::Error } else { Gravity::Warning },
        given.facts.place(used.service, used.parameter),
        "mail for others is sent to opted-in addresses by these entries, and was not judged as mail for them",
        "use addresses that are not opted in, or name them in the policy with `mode: off`",
    )
    .with(details)
}
