//! What the milter does and has done, for one domain: from its policy, its ledger and its status, by
//! the same code as the commands `report`, `simulate` and `explain`.
//!
//! Nothing here needs the portal's database; what it shows it shows for an
//! [`OwnedDomain`] only.

mod delivery;
mod explain;
mod file_state;
mod gateway;
mod partner;
mod preview;
mod standing;

pub use delivery::{DeliveryPreview, NextHopAnswer, Way, delivery_preview, to_test, way};
pub use explain::{Question, explain};
pub use file_state::FileState;
pub use gateway::{Gateway, OperatorEntry, RequirementText, WRITTEN_BY};
pub use partner::{Partnered, partner};
pub use preview::{Advice, Preview, PreviewPeer, preview};
pub use standing::Standing;

use super::OpError;
use super::domains::OwnedDomain;
use jiff::Timestamp;
use ledger::readiness::{Inquiry, Readiness, WINDOW};
use ledger::report::{By, Query, Report, trend};
use ledger::{Day, Domains, Reader, day_of};
use policy::{Pattern, Policy};

/// The most days that can be asked for.
const MOST_DAYS: u32 = 3660;

/// The first of so many days up to now: after the last one of another organisation, where the domain was
/// another's before.
fn since(domain: &OwnedDomain, days: u32, now: Timestamp) -> Day {
    let first = day_of(now.as_second()) - Day::from(days.min(MOST_DAYS) as i32);
    let own = domain.since().map(|since| day_of(since.as_second()) + 1);
    own.map_or(first, |own| first.max(own))
}

/// The report on a domain.
///
/// # Errors
///
/// [`OpError::Unavailable`] where there is no ledger, or it cannot be read.
pub fn report(
    gateway: &Gateway,
    domain: &OwnedDomain,
    days: u32,
    by: By,
    now: Timestamp,
) -> Result<Report, OpError> {
    let of = Some(domain.name().pattern());
    let query = Query { since: since(domain, days, now), of, by, verdict: None };
    let ledger = gateway.ledger()?;
    let failed = |error| gateway.unreadable(&error);
    let mut report = Report::new(&ledger, &query).map_err(failed)?;
    // Of what was another organisation's, nothing is told.
    let days = (since(domain, MOST_DAYS, now), query.since, day_of(now.as_second()));
    let domains = Domains::from(&domain.name().pattern());
    report.trend = Some(trend(&ledger, days, &domains).map_err(failed)?);
    // A policy that cannot be read keeps nobody from the report.
    if let Ok(policy) = gateway.policy() {
        let pattern = domain.name().pattern();
        report.readiness = readiness(gateway, &ledger, (domain, &pattern), &policy, now)?;
    }
    Ok(report)
}

/// Whether a domain can be enforced by a policy; of a wildcard, each domain below it, the worst first.
fn readiness(
    gateway: &Gateway,
    ledger: &Reader,
    (domain, pattern): (&OwnedDomain, &Pattern),
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<Readiness>, OpError> {
    let inquiry = Inquiry {
        policy,
        on_unknown_tls: gateway.on_unknown_tls(),
        now,
        since: since(domain, WINDOW.unsigned_abs(), now),
        domains: Domains::from(pattern),
    };
    ledger::readiness::readiness(ledger, &inquiry).map_err(|error| gateway.unreadable(&error))
}
