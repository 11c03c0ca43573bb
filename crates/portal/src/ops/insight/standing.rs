//! Whether what was chosen is in force: from what the milter says of itself, never from the write.

use super::file_state::FileState;
use super::gateway::{Gateway, OperatorEntry};
use crate::ops::domains::DomainRecord;
use config::status::{FileStanding, Seen, Status};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Whether what was chosen for a domain is in force on the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing was chosen yet.
    NothingChosen,
    /// The milter has it in force.
    InForce {
        /// Since when, at the latest.
        #[schema(value_type = String, format = DateTime)]
        since: Timestamp,
    },
    /// It is on its way: the file is being written, or the milter has not read it yet.
    OnItsWay {
        /// When it was chosen.
        #[schema(value_type = String, format = DateTime)]
        since: Timestamp,
    },
    /// The operator's own files name the domain themselves, and their entry decides.
    Operators,
    /// The policy of the gateway does not take what was chosen: the operator has taken away something that
    /// it needs.
    LeftOut {
        /// Why.
        message: String,
    },
    /// The policy of the gateway has errors elsewhere, so nothing new comes into force until they are
    /// mended.
    PolicyBroken {
        /// Since when.
        #[schema(value_type = Option<String>, format = DateTime)]
        since: Option<Timestamp>,
        /// The first error; for operators only.
        first: Option<String>,
    },
    /// The milter does not run, or has not said how it is for a minute.
    MilterDown {
        /// When it last said how it is.
        #[schema(value_type = Option<String>, format = DateTime)]
        since: Option<Timestamp>,
    },
    /// The milter does not say how it is (it has no `status_file`).
    Unknown,
}

impl Gateway {
    /// Whether what was chosen for a domain is in force; `version` is that of the file which first has it,
    /// `operators` what the operator's own files say of the domain.
    #[must_use]
    pub fn standing(&self, record: &DomainRecord, operators: Option<&OperatorEntry>) -> Standing {
        let Some(switched) = record.switched else { return Standing::NothingChosen };
        if operators.is_some_and(|entry| entry.decides) {
            return Standing::Operators;
        }
        match self.file_state() {
            Some(FileState::Written { left_out }) => {
                if let Some(message) = left_out.get(&record.domain) {
                    return Standing::LeftOut { message: message.clone() };
                }
            }
            Some(FileState::Refused { first }) => {
                let since = self.status_path().and_then(broken_since);
                return Standing::PolicyBroken { since, first: Some(first) };
            }
            None => {}
        }
        let Some(path) = self.status_path() else { return Standing::Unknown };
        let version = u64::try_from(record.file_version).unwrap_or_default();
        match Seen::look(path, SystemTime::now()) {
            Err(error) => {
                tracing::warn!("the status of the milter cannot be read: {error}");
                Standing::Unknown
            }
            Ok(Seen::NotRunning) => Standing::MilterDown { since: None },
            Ok(Seen::Silent { last, .. }) => {
                Standing::MilterDown { since: Timestamp::try_from(last).ok() }
            }
            Ok(Seen::Alive(status)) => {
                match status.policy.standing(&own_path(self, &status), version) {
                    FileStanding::InForce(file) => {
                        Standing::InForce { since: file.since.max(switched) }
                    }
                    FileStanding::Refused(problem) => Standing::PolicyBroken {
                        since: Some(problem.since),
                        first: Some(problem.first.clone()),
                    },
                    FileStanding::NotRead => Standing::OnItsWay { since: switched },
                }
            }
        }
    }
}

/// Since when the milter has a problem with its policy, if it has one.
fn broken_since(status: &Path) -> Option<Timestamp> {
    match Seen::look(status, SystemTime::now()) {
        Ok(Seen::Alive(status)) => status.policy.problem.map(|problem| problem.since),
        Ok(Seen::Silent { .. } | Seen::NotRunning) | Err(_) => None,
    }
}

/// The portal's own file by the path that the milter knows it by.
fn own_path(gateway: &Gateway, status: &Status) -> PathBuf {
    let in_force = status.policy.files.iter().map(|file| &file.head);
    let refused = status.policy.problem.iter().flat_map(|problem| &problem.files);
    let known = in_force.chain(refused).find(|head| gateway.is_own(&head.path));
    known.map_or_else(|| gateway.own_path().to_owned(), |head| head.path.clone())
}
