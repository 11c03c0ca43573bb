//! An explanation as people read it, step by step.

use super::{ExplainedFinding, Explanation, InSight, Satisfied};
use crate::Decision;
use std::fmt;

/// Lines that end with a line break each, from what is seen to the reply.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "In sight:")?;
        for seen in &self.in_sight {
            self.seen(f, seen)?;
        }
        if self.local_if_delivered_here {
            writeln!(f, "  (if the MTA delivers this recipient itself, `local` decides as well)")?;
        }
        if self.findings.is_empty() {
            writeln!(f, "\nNo entry of the policy applies.")?;
        }
        for finding in &self.findings {
            write!(f, "\n{finding}")?;
        }
        let conclusion = &self.conclusion;
        let (verdict, reason) = (conclusion.verdict.code(), conclusion.reason.code());
        writeln!(f, "\nverdict     {verdict} ({reason}): {}", conclusion.detail)?;
        for line in conclusion.reply.iter().flat_map(|reply| reply.lines()) {
            writeln!(f, "reply       {line}")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn seen(&self, f: &mut fmt::Formatter<'_>, seen: &InSight) -> fmt::Result {
        let (what, how) = match seen {
            InSight::Recipient { domain } => (domain.as_str(), "recipient"),
            InSight::Local => (
                "a recipient without a domain or at an address literal",
                if self.findings.iter().any(|finding| finding.found_for == InSight::Local) {
                    "judged by `local`"
                } else {
                    "the policy has no `local`: not judged"
                },
            ),
            InSight::Unreadable => (
                "a recipient that cannot be understood",
                "judged by the strictest entries in force",
            ),
            InSight::Sender { domain } => (domain.as_str(), "sender"),
        };
        writeln!(f, "  {what} ({how})")
    }
}

impl fmt::Display for ExplainedFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found_for {
            InSight::Recipient { domain } => writeln!(f, "For {domain}:")?,
            InSight::Sender { domain } => writeln!(f, "From {domain}:")?,
            InSight::Local => writeln!(f, "For the MTA's own recipients:")?,
            InSight::Unreadable => writeln!(f, "For a recipient that cannot be understood:")?,
        }
        if let (Some(entry), Some(place)) = (&self.entry, &self.place) {
            writeln!(f, "  entry       {entry} ({place})")?;
        }
        writeln!(f, "  mode        {} (now: {})", self.schedule, self.mode)?;
        if let Some(contact) = &self.contact {
            writeln!(f, "  contact     {contact}")?;
        }
        writeln!(f, "  require     {}: {}", self.requirement, self.satisfied_in_words())?;
        writeln!(f, "  exceptions  {}", self.exceptions_in_words())?;
        let verdict = match self.verdict {
            Decision::Accept => "accept",
            Decision::WouldRefuse => "accept; would be refused in mode enforce",
            Decision::Refuse => "refuse",
        };
        writeln!(f, "  so          {verdict}: {}", self.detail)
    }
}

impl ExplainedFinding {
    fn satisfied_in_words(&self) -> &'static str {
        match (self.satisfied, &self.exception) {
            (Satisfied::Yes, _) => "satisfied",
            (Satisfied::No, None) => "not satisfied",
            (Satisfied::No, Some(_)) => "not satisfied, but an exception holds",
            (Satisfied::NotAsked, _) => "not asked",
        }
    }

    fn exceptions_in_words(&self) -> String {
        match (&self.exception, self.exceptions, self.satisfied) {
            (Some(reason), ..) => format!("\"{}\" holds", reason.escape_default()),
            (None, 0, _) => "none".into(),
            (None, count, Satisfied::No) => {
                format!("none of {count} holds for this client, sender and time")
            }
            (None, count, Satisfied::Yes | Satisfied::NotAsked) => format!("{count}, not needed"),
        }
    }
}
