//! One partner's story: the report on the mail of one server, or of one sender domain.

use super::gateway::Gateway;
use super::since;
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use jiff::Timestamp;
use ledger::complaint::{Complaint, complaint};
use ledger::partner::Partner;
use ledger::report::{By, Query, Report};
use ledger::{Domains, Selection};
use policy::Schedule;

/// What there is to tell of one partner.
#[derive(Debug)]
pub struct Partnered {
    /// The report on its mail, with its story.
    pub report: Report,
    /// What there is to write to its postmaster; none where nothing was or would be refused.
    pub complaint: Option<Complaint>,
    /// From when on the domain is enforced, where that is still to come, in seconds since 1970-01-01.
    pub enforced_from: Option<i64>,
}

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
) -> Result<Option<Partnered>, OpError> {
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
    let report = Report::of_partner(&ledger, &query, &partner).map_err(failed)?;
    let selection = Selection { since: query.since, domains: Domains::from(&pattern) };
    let complaint = complaint(&ledger, &selection, &partner).map_err(failed)?;
    // A policy that cannot be read says no day.
    let policy = gateway.policy().ok();
    let entry = policy.as_ref().and_then(|policy| policy.domains.named(&pattern));
    let enforced_from = entry.and_then(|found| match found.entry.schedule {
        Schedule::EnforceFrom(start) if start > now => Some(start.as_second()),
        Schedule::EnforceFrom(_) | Schedule::Always(_) => None,
    });
    let has_mail = report.totals.judged > 0;
    Ok(has_mail.then_some(Partnered { report, complaint, enforced_from }))
}
