//! A verdict with the whole way to it: what `explain` tells, as text and as JSON.
//!
//! An [`Explanation`] is made from a policy and a case, with the verdict of the same [`judge`]. It is a
//! value without borrows: it can outlive the policy that it is about, such as one that is only tried.
//! Its text is its [`std::fmt::Display`], its JSON what serde makes of it; both have the same in them.

mod delivery;
mod finding;
mod json;
#[cfg(test)]
mod tests;
mod text;

pub use delivery::{ExplainedDelivery, ExplainedDemand};
pub use finding::{ExplainedFinding, Satisfied};

use crate::{Case, Decision, DomainName, Finding, Policy, ReasonKind, Subject, Verdict, judge};
use serde::Serialize;

/// A verdict in short: what a line of `explain --batch` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conclusion {
    /// What is done.
    pub verdict: Decision,
    /// Why.
    pub reason: ReasonKind,
    /// The domain whose entry decided; else that of the recipient, if it has one.
    pub domain: Option<String>,
    /// The answer to the RCPT, where it is refused.
    pub reply: Option<String>,
    /// Why, as a clause for people.
    pub detail: String,
    /// The pattern that names the entry that decided.
    pub entry: Option<String>,
    /// The name of the requirement that decided.
    pub requirement: Option<String>,
    /// The session's TLS version.
    pub tls_version: String,
    /// The session's cipher suite.
    pub cipher: String,
}

/// What is seen of a recipient or a sender, for which the policy can have an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "seen", rename_all = "lowercase")]
pub enum InSight {
    /// A domain that the recipient may lead to.
    Recipient {
        /// It.
        domain: String,
    },
    /// A recipient that the MTA delivers itself, or may do so: without a domain, at an address
    /// literal, or at a domain that no entry names.
    Local,
    /// A recipient that cannot be understood.
    Unreadable,
    /// The sender's domain.
    Sender {
        /// It.
        domain: String,
    },
}

/// A verdict with the whole way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The verdict.
    #[serde(flatten)]
    pub conclusion: Conclusion,
    /// All that is seen, in order.
    pub in_sight: Vec<InSight>,
    /// Whether `local` decides as well if the MTA delivers the recipient itself, which only the MTA
    /// can say.
    pub local_if_delivered_here: bool,
    /// What each entry in sight says, in the order of sight. The strictest has decided.
    pub findings: Vec<ExplainedFinding>,
}

impl Explanation {
    /// Judges a case, and tells how the verdict came about.
    #[must_use]
    pub fn new(policy: &Policy, case: &Case<'_>) -> Self {
        let findings = policy.findings(case);
        let explained = |finding| ExplainedFinding::new(policy, case, finding);
        Self {
            conclusion: Conclusion::new(case, &judge(policy, case)),
            in_sight: in_sight(policy, case),
            local_if_delivered_here: policy.local.is_some() && is_local_if_here(policy, case),
            findings: findings.iter().map(explained).collect(),
        }
    }
}

impl Conclusion {
    /// A verdict on a case.
    #[must_use]
    pub fn new(case: &Case<'_>, verdict: &Verdict<'_>) -> Self {
        let finding = verdict.finding.as_ref();
        let deciding = finding.and_then(|finding| finding.subject.domain());
        Self {
            verdict: verdict.decision(),
            reason: verdict.reason().kind(),
            domain: deciding.or_else(|| case.recipient.domain()).map(ToString::to_string),
            reply: verdict.reply(case).map(|reply| reply.to_string()),
            detail: verdict.reason().to_string(),
            entry: finding.and_then(|finding| Some(finding.matched.as_ref()?.pattern.to_owned())),
            requirement: finding.map(|finding| requirement_name(case, finding).to_owned()),
            tls_version: case.tls.version().into_owned(),
            cipher: case.tls.cipher().to_string(),
        }
    }
}

impl From<Subject<'_>> for InSight {
    fn from(subject: Subject<'_>) -> Self {
        match subject {
            Subject::Recipient(domain, _) => Self::Recipient { domain: domain.to_string() },
            Subject::Local => Self::Local,
            Subject::Unreadable => Self::Unreadable,
            Subject::Sender(domain) => Self::Sender { domain: domain.to_string() },
        }
    }
}

/// The requirement that an entry was judged by.
fn requirement_name<'a>(case: &Case<'a>, finding: &'a Finding<'_>) -> &'a str {
    case.require.unwrap_or(&finding.entry.requirement).name()
}

/// Whether a recipient falls under `local` only if the MTA delivers it itself.
fn is_local_if_here(policy: &Policy, case: &Case<'_>) -> bool {
    let here = case.recipient.clone().delivered_here();
    policy.falls_under_local(&here) && !policy.falls_under_local(case.recipient)
}

fn in_sight(policy: &Policy, case: &Case<'_>) -> Vec<InSight> {
    let name = |domain: &DomainName| domain.to_string();
    let recipients = once_each(case.recipient.seen().iter().map(|seen| &seen.domain));
    let senders = once_each(case.sender.seen().iter().map(|seen| &seen.domain));
    recipients
        .map(|domain| InSight::Recipient { domain: name(domain) })
        .chain(policy.falls_under_local(case.recipient).then_some(InSight::Local))
        .chain(case.recipient.is_unreadable().then_some(InSight::Unreadable))
        .chain(senders.map(|domain| InSight::Sender { domain: name(domain) }))
        .collect()
}

/// Each domain once, in the order of sight.
fn once_each<'a>(
    seen: impl Iterator<Item = &'a DomainName>,
) -> impl Iterator<Item = &'a DomainName> {
    let mut domains = Vec::new();
    for domain in seen {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains.into_iter()
}
