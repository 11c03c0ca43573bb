//! One partner's story: the report on the mail of one server, or of one sender domain.

use super::gateway::Gateway;
use super::since;
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use jiff::Timestamp;
use ledger::partner::{Part, Partner};
use ledger::report::{By, Query, Report};
use ledger::story::story;
use ledger::{Domains, Selection};

/// The report on a domain, of the mail of one partner alone; none where nothing came from there. By
/// peer, if it is a sender domain, else by sender.
///
/// # Errors
///
/// [`OpError::Unavailable`] where there is no ledger, or it cannot be read.
pub fn partner(
    gateway: &Gateway,
    domain: &OwnedDomain,
    partner: &str,
    days: u32,
    now: Timestamp,
) -> Result<Option<Report>, OpError> {
    let ledger = gateway.ledger()?;
    let Ok(partner) = Partner::either(partner) else { return Ok(None) };
    let pattern = domain.name().pattern();
    let query = Query {
        since: since(domain, days, now),
        of: Some(pattern.clone()),
        by: By::Peer,
        verdict: None,
    };
    let failed = |error| gateway.unreadable(&error);
    let mut report = Report::new(&Part::of(&ledger, &partner), &query).map_err(failed)?;
    let selection = Selection { since: query.since, domains: Domains::from(&pattern) };
    report.story = Some(story(&ledger, &selection, &partner).map_err(failed)?);
    Ok((report.totals.judged > 0).then_some(report))
}
