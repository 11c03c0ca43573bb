//! What Postfix makes of the milter's replies, and what follows from them in the session.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{PostfixFacts, Service};
use super::milters::is_asked_by;
use config::finding::FindingId;

/// After how many errors smtpd ends a session.
const LIMIT: &str = "smtpd_hard_error_limit";
/// How many refused recipients a session should be able to have: twice what Postfix as a client sends in one
/// message (default_destination_recipient_limit, 50).
const SANE: u32 = 100;
/// The same under stress, where Postfix means to be rid of idle and hostile clients: enough for what refuses single
/// recipients of ordinary mail.
const SANE_UNDER_STRESS: u32 = 10;
/// What `setup` sets where nobody has set it.
pub(crate) const SANE_ERROR_LIMIT: &str = "${stress?{10}:{100}}";
/// Below this, a single mail to a list of people ends the session.
const VERY_LOW: u32 = 10;

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    for service in given.facts.running("smtpd").filter(|service| is_asked_by(given, service)) {
        soft_bounce(given, service, found);
        changed_text(given, service, found);
        error_limit(given, service, found);
    }
}

/// Temporary refusals in the place of permanent ones.
fn soft_bounce(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    if !service.parameters.is_yes("soft_bounce") {
        return;
    }
    let is_permanent = entries(given).any(|entry| entry.reply.is_permanent());
    let (gravity, message) = if is_permanent {
        (
            Gravity::Warning,
            "soft_bounce makes temporary refusals of the permanent ones that the policy asks for: senders \
             try again for days",
        )
    } else {
        (
            Gravity::Note,
            "soft_bounce makes temporary refusals of permanent ones; the policy has only temporary ones",
        )
    };
    let place = given.facts.place(Some(service), "soft_bounce");
    let remedy = "set `soft_bounce = no`, once what it was switched on for is done";
    found.push(Diagnosis::new(FindingId::SoftBounce, gravity, place, message, remedy));
}

/// All entries of the policy that may refuse.
fn entries<'a>(given: &Given<'a>) -> impl Iterator<Item = &'a policy::Entry> {
    let policy = given.policy;
    policy.domains.iter().chain(policy.senders.iter()).map(|(_, entry)| entry).chain(&policy.local)
}

fn changed_text(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let parameters = &service.parameters;
    for parameter in ["smtpd_reject_footer", "smtpd_reject_footer_maps"] {
        if !parameters.get(parameter).is_empty() {
            found.push(Diagnosis::new(
                FindingId::ReplyFooter,
                Gravity::Note,
                given.facts.place(Some(service), parameter),
                "Postfix adds text to each refusal, this milter's too",
                "see to it that what it says fits a sender who is refused for want of TLS",
            ));
        }
    }
    let parameter = "smtpd_reject_filter_maps";
    if !parameters.get(parameter).is_empty() {
        found.push(Diagnosis::new(
            FindingId::ReplyFilter,
            Gravity::Warning,
            given.facts.place(Some(service), parameter),
            "these maps may put another reply in the place of this milter's: of a temporary one (450), with \
             which senders keep their mail, they may make a permanent one",
            "see to it that no entry matches this milter's replies (`Mail for ... is accepted only over`)",
        ));
    }
}

/// Each refused recipient is an error of the session.
fn error_limit(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let Some((limit, stressed)) = limits(given.facts, service) else { return };
    if (limit >= SANE && stressed >= SANE_UNDER_STRESS) || given.policy.domains.is_empty() {
        return;
    }
    let under_stress =
        if stressed < limit { format!(", {stressed} under stress") } else { String::new() };
    found.push(Diagnosis::new(
        FindingId::ErrorLimit,
        if limit < VERY_LOW { Gravity::Warning } else { Gravity::Note },
        given.facts.place(Some(service), LIMIT),
        format!(
            "refused recipients count as errors of the session: after {limit}{under_stress}, Postfix ends it \
             with 421, and recipients that are not opted in wait for the sender's next try"
        ),
        format!("set `{LIMIT} = {SANE_ERROR_LIMIT}`, as `mandatory-tls setup postfix` does"),
    ));
}

/// The limit of an smtpd, and that under stress.
fn limits(facts: &PostfixFacts, service: &Service) -> Option<(u32, u32)> {
    let (own, main) = (service.parameters.get(LIMIT), facts.main.get(LIMIT));
    let limit = own.parse().ok()?;
    // A service that has one of its own has hardly made it depend on stress.
    let stressed = if own == main { facts.under_stress.get(LIMIT) } else { own };
    Some((limit, stressed.parse().unwrap_or(limit)))
}

/// Whether main.cf has less than what is sane.
pub(crate) fn error_limit_is_usual(facts: &PostfixFacts) -> bool {
    facts.main.get(LIMIT).parse::<u32>().is_ok_and(|limit| limit < SANE)
}
