//! What one entry says, with all that it rests on.

use super::{InSight, requirement_name};
use crate::{Case, Decision, Finding, Mode, Policy, Reason, ReasonKind};
use serde::Serialize;

/// Whether a session satisfies the requirement of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Satisfied {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Something else decided before that was asked.
    NotAsked,
}

/// What one entry in sight says of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedFinding {
    /// What the entry was found for.
    #[serde(flatten)]
    pub found_for: InSight,
    /// The pattern that names the entry; none for `local` and for recipients that cannot be understood.
    pub entry: Option<String>,
    /// Where the entry stands: `FILE:LINE`.
    pub place: Option<String>,
    /// The entry's mode over time.
    pub schedule: String,
    /// Its mode at the time of the case.
    pub mode: Mode,
    /// Whom to tell: a mail address.
    pub contact: Option<String>,
    /// The name of the requirement.
    pub requirement: String,
    /// Whether the session satisfies it.
    pub satisfied: Satisfied,
    /// How many exceptions the entry has.
    pub exceptions: usize,
    /// Why the exception was made that holds.
    pub exception: Option<String>,
    /// What the entry decides.
    pub verdict: Decision,
    /// Why.
    pub reason: ReasonKind,
    /// Why, as a clause for people.
    pub detail: String,
}

impl ExplainedFinding {
    pub(super) fn new(policy: &Policy, case: &Case<'_>, finding: &Finding<'_>) -> Self {
        let entry = finding.entry;
        Self {
            found_for: finding.subject.into(),
            entry: finding.matched.as_ref().map(|matched| matched.pattern.to_owned()),
            place: finding.matched.as_ref().map(|matched| policy.place_of(matched)),
            schedule: entry.schedule.to_string(),
            mode: finding.mode,
            contact: entry.contact.clone(),
            requirement: requirement_name(case, finding).to_owned(),
            satisfied: satisfied(&finding.reason),
            exceptions: entry.exceptions.len(),
            exception: match &finding.reason {
                Reason::Exception(exception) => Some(exception.reason.clone()),
                _ => None,
            },
            verdict: finding.decision,
            reason: finding.reason.kind(),
            detail: finding.reason.to_string(),
        }
    }
}

fn satisfied(reason: &Reason<'_>) -> Satisfied {
    match reason {
        Reason::Adequate => Satisfied::Yes,
        // Exceptions are asked only for what does not satisfy.
        Reason::Fault(_) | Reason::Exception(_) => Satisfied::No,
        Reason::NotOptedIn
        | Reason::Off
        | Reason::LocalSubmission
        | Reason::TrustedClient
        | Reason::TrustedAuthenticated
        | Reason::UnknownTlsPassed => Satisfied::NotAsked,
    }
}
