//! One thing that defeats the policy or surprises the postmaster: what, where, and what to do.

use config::finding::FindingId;
use std::fmt;

/// How bad something is; the worst comes first.
#[derive(Clone, Copy, Debug, strum::Display, PartialEq, Eq, PartialOrd, Ord)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Gravity {
    /// Opted-in mail can pass unjudged, or nothing works.
    Error,
    /// It may do so, or mail may be refused or lost without need.
    Warning,
    /// Worth knowing.
    Note,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What it bears on, as one accepts it: a service (`589/inet`) or a parameter.
    pub subject: String,
    /// The file, and the parameter or service in it.
    pub text: String,
}

/// What is the matter, and what to do. It is printed in the manner of the errors of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    /// Which finding it is.
    pub id: FindingId,
    /// How bad it is.
    pub gravity: Gravity,
    /// Where.
    pub place: Place,
    /// What is the matter.
    pub message: String,
    /// Particulars, a line each.
    pub details: Vec<String>,
    /// What to do.
    pub remedy: String,
}

impl Diagnosis {
    /// A diagnosis without particulars.
    pub fn new(
        id: FindingId,
        gravity: Gravity,
        place: Place,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            id,
            gravity,
            place,
            message: message.into(),
            details: Vec::new(),
            remedy: remedy.into(),
        }
    }

    /// Adds particulars.
    pub fn with(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[{}]: {}", self.gravity, self.id, self.message)?;
        writeln!(f, " --> {}", self.place.text)?;
        for detail in &self.details {
            writeln!(f, "  | {detail}")?;
        }
        writeln!(f, "  = help: {}", self.remedy)
    }
}
