//! The policy that says whose mail is recorded: read again when its files change, as the milter does.

use crate::logging;
use config::policy_file::{self, Sources};
use policy::Policy;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How often its files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The policy in force.
pub(super) struct PolicyInForce {
    path: PathBuf,
    policy: Option<Policy>,
    sources: Option<Sources>,
    looked: Option<Instant>,
    /// What is wrong with its files, in a line.
    problem: Option<String>,
}

impl PolicyInForce {
    /// That of the files at `path`.
    pub fn at(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path, policy: None, sources: None, looked: None, problem: None }
    }

    /// The policy; none as long as its files have had errors since the start.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// What is wrong with its files.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Reads it again if it has changed.
    pub fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        if self.sources.as_ref().is_some_and(|sources| *sources == sources.look_again()) {
            return;
        }
        let loaded = policy_file::load(&self.path);
        self.sources = Some(loaded.sources);
        match loaded.policy {
            Ok(policy) => {
                let domains = policy.domains.len();
                if self.problem.take().is_some() || self.policy.is_none() {
                    tracing::info!(domains, "policy read");
                }
                self.policy = Some(policy);
            }
            Err(problems) => {
                let first = problems.first_error().map(config::yaml::Problem::in_one_line);
                let now = match self.policy {
                    Some(_) => "the one of before says whose mail is recorded",
                    None => "nothing is read of the log before they are mended",
                };
                tracing::error!("the policy's files have errors; {now}");
                logging::problems(&problems);
                self.problem = first;
            }
        }
    }
}
