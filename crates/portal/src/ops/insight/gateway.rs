//! The gateway's own files: the policy, the ledger, the status.

use super::file_state::FileState;
use crate::ops::OpError;
use crate::ops::domains::DomainName;
use config::Settings;
use config::files::{self, Draft};
use config::policy_file::{self, Loaded, Sources, WrittenEntry, WrittenFile};
use ledger::{Reader, StoreError};
use policy::{Entry, Match, Mode, OnUnknownTls, Pattern, Policy, Requirement, requirement};
use serde::Serialize;
use std::{
    fs, io, iter,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Who the portal's file says that it is by.
pub const WRITTEN_BY: &str = "mandatory-tls-portal";

/// Where the gateway's files are, and what was last read of them.
#[derive(Debug)]
pub struct Gateway {
    policy: PathBuf,
    ledger: Option<PathBuf>,
    status: Option<PathBuf>,
    on_unknown_tls: OnUnknownTls,
    /// Whether the milter has a socket on which the MTA asks for next hops.
    answers_next_hops: bool,
    /// The portal's own file.
    own: PathBuf,
    /// The policy as its files have it, and as they would without the portal's.
    all: Cached,
    operators: Cached,
    /// What the task that writes the portal's file has said last.
    file: Mutex<Option<FileState>>,
}

/// A policy that was read, as long as its files stay the same.
#[derive(Debug, Default)]
struct Cached(Mutex<Option<(Sources, Arc<Policy>)>>);

impl Cached {
    fn get(&self, load: impl FnOnce() -> Result<Loaded, OpError>) -> Result<Arc<Policy>, OpError> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sources, policy)) = &*cached
            && *sources == sources.look_again()
        {
            return Ok(Arc::clone(policy));
        }
        let Loaded { policy, sources, .. } = load()?;
        let policy = Arc::new(policy.map_err(|problems| {
            let first = problems.shown().first().map(|problem| problem.message.clone());
            let first = first.unwrap_or_default();
            OpError::Unavailable(format!("the gateway's policy cannot be read at present: {first}"))
        })?);
        *cached = Some((sources, Arc::clone(&policy)));
        Ok(policy)
    }
}

/// What the operator's own files say of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OperatorEntry {
    /// What the entry names: the domain itself, or what it lies below.
    pub pattern: String,
    /// Where it stands: file and line. For operators only.
    pub place: String,
    /// Its mode over time, in words of the policy.
    pub schedule: String,
    /// The name of its requirement.
    pub requirement: String,
    /// Whether it names the domain itself: then it decides, whatever is chosen in the portal.
    pub decides: bool,
}

/// A requirement, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RequirementText {
    /// Its name.
    pub name: String,
    /// What it is, in a line; empty for one of the operator's own.
    pub title: String,
    /// The oldest version of TLS that it takes.
    pub min_version: String,
    /// Where it comes from; empty for one of the operator's own.
    pub source: String,
}

impl Gateway {
    /// What the settings of the milter name; `own` is the portal's file.
    #[must_use]
    pub fn new(settings: &Settings, own: &Path) -> Self {
        Self {
            policy: settings.policy.clone(),
            ledger: settings.ledger.as_ref().map(|ledger| ledger.path.clone()),
            status: settings.status_file.clone(),
            on_unknown_tls: settings.on_unknown_tls,
            answers_next_hops: settings.systemd || !settings.socketmap.is_empty(),
            own: own.to_owned(),
            all: Cached::default(),
            operators: Cached::default(),
            file: Mutex::default(),
        }
    }

    /// The main file of the policy.
    #[must_use]
    pub fn policy_path(&self) -> &Path {
        &self.policy
    }

    /// The portal's own file.
    #[must_use]
    pub fn own_path(&self) -> &Path {
        &self.own
    }

    /// Whether a path of the policy's leads to the portal's own file: as itself, or as a link to it in a
    /// directory that the policy includes, which is how the package has it.
    #[must_use]
    pub fn is_own(&self, path: &Path) -> bool {
        let leads = |path: &Path| fs::canonicalize(path).ok();
        if files::is_same_place(path, &self.own)
            || leads(path).is_some_and(|file| Some(file) == leads(&self.own))
        {
            return true;
        }
        // The file is not there yet, and the link leads to where it will be.
        let place = |path: &Path| {
            let target = fs::read_link(path).map_or_else(
                |_| path.to_owned(),
                |target| path.parent().unwrap_or(Path::new("")).join(target),
            );
            Some(leads(target.parent()?)?.join(target.file_name()?))
        };
        place(path).is_some_and(|here| Some(here) == place(&self.own))
    }

    /// Where the milter writes how it is.
    #[must_use]
    pub fn status_path(&self) -> Option<&Path> {
        self.status.as_deref()
    }

    /// Takes note of how the portal's own file is.
    pub fn note(&self, state: FileState) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    pub(super) fn file_state(&self) -> Option<FileState> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn on_unknown_tls(&self) -> OnUnknownTls {
        self.on_unknown_tls
    }

    pub(super) fn answers_next_hops(&self) -> bool {
        self.answers_next_hops
    }

    /// The operator's own entry of exactly this name, which decides; none: there is none.
    pub(super) fn operators_decides(&self, pattern: &Pattern) -> Result<Option<Entry>, OpError> {
        let policy = self.operators_policy()?;
        let found = deciding(&policy, pattern).filter(|found| found.pattern == pattern.to_string());
        Ok(found.map(|found| found.entry.clone()))
    }

    /// The policy, as its files have it now.
    ///
    /// # Errors
    ///
    /// [`OpError::Unavailable`] where they have errors.
    pub fn policy(&self) -> Result<Arc<Policy>, OpError> {
        self.all.get(|| Ok(policy_file::load(&self.policy)))
    }

    /// Puts a draft of the portal's own file in its place (none: it is there already), and goes by this
    /// policy from then on: that which was read with it, from these sources. Gives the sources as they are
    /// then.
    ///
    /// # Errors
    ///
    /// Those of the system, without the path.
    pub fn put(
        &self,
        draft: Option<Draft>,
        policy: Policy,
        sources: &Sources,
    ) -> io::Result<Sources> {
        // Held meanwhile, so that nobody finds the file changed and reads all of it a second time.
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        draft.map_or(Ok(()), Draft::put)?;
        let sources = sources.with_put(&self.own, |path| self.is_own(path));
        *all = Some((sources.clone(), Arc::new(policy)));
        Ok(sources)
    }

    /// The policy as it would be if the portal's file held this.
    fn with_own(&self, entries: Vec<WrittenEntry>) -> Result<Loaded, OpError> {
        let file = WrittenFile { written_by: WRITTEN_BY.into(), version: 0, entries };
        let candidate = file
            .candidate(&self.own)
            .map_err(|error| OpError::invalid("", error.to_string(), ""))?;
        Ok(policy_file::load_candidate(&self.policy, &candidate))
    }

    /// The policy of the operator's own files.
    fn operators_policy(&self) -> Result<Arc<Policy>, OpError> {
        self.operators.get(|| {
            let loaded = self.with_own(Vec::new())?;
            // Whatever becomes of the portal's file, it is the same.
            let sources = loaded.sources.without(|path| self.is_own(path));
            Ok(Loaded { sources, ..loaded })
        })
    }

    /// What an entry would say, with all that it takes from the operator's defaults.
    ///
    /// # Errors
    ///
    /// [`OpError::Invalid`] where the policy could not take it.
    pub(super) fn read_entry(&self, entry: &WrittenEntry) -> Result<Entry, OpError> {
        let pattern: Pattern = entry.domain.parse().map_err(|_| OpError::NotFound)?;
        // What is wrong without the entry is nothing that its owner can mend, and nothing for him to read.
        self.operators_policy()?;
        let policy = self.with_own(vec![entry.clone()])?.policy.map_err(|problems| {
            let first = problems.shown().first().map(|problem| problem.message.clone());
            OpError::invalid("", first.unwrap_or_default(), "")
        })?;
        let found = policy.domains.named(&pattern).map(|found| found.entry.clone());
        found.ok_or_else(|| {
            OpError::Unavailable("the gateway's policy does not include the portal's file".into())
        })
    }

    /// What the operator's own files say of a domain; none: nothing.
    ///
    /// # Errors
    ///
    /// [`OpError::Unavailable`].
    pub fn operators_entry(&self, name: &DomainName) -> Result<Option<OperatorEntry>, OpError> {
        let policy = self.operators_policy()?;
        let pattern = name.pattern();
        let Some(found) = deciding(&policy, &pattern) else { return Ok(None) };
        Ok(Some(OperatorEntry {
            decides: found.pattern == pattern.to_string(),
            place: policy.place_of(&found),
            pattern: found.pattern.to_owned(),
            schedule: found.entry.schedule.to_string(),
            requirement: found.entry.requirement.name().to_owned(),
        }))
    }

    /// All requirements that can be named in the policy.
    ///
    /// # Errors
    ///
    /// [`OpError::Unavailable`].
    pub fn requirements(&self) -> Result<Vec<RequirementText>, OpError> {
        let policy = self.operators_policy()?;
        let text = |requirement: &Requirement| RequirementText {
            name: requirement.name().to_owned(),
            title: requirement.title().to_owned(),
            min_version: requirement.min_version().to_string(),
            source: requirement.source().to_owned(),
        };
        let own = policy.requirements.values().map(|requirement| text(requirement));
        Ok(requirement::builtins().map(text).chain(own).collect())
    }

    /// The ledger, open for reading.
    pub(super) fn ledger(&self) -> Result<Reader, OpError> {
        let path = self.ledger.as_ref().ok_or_else(|| {
            OpError::Unavailable("the gateway keeps no record of mail: it has no ledger".into())
        })?;
        Reader::open(path).map_err(|error| self.unreadable(&error))
    }

    #[expect(clippy::unused_self, reason = "whoever has it shows where an error comes from")]
    pub(super) fn unreadable(&self, error: &StoreError) -> OpError {
        tracing::warn!("the ledger cannot be read: {error}");
        OpError::Unavailable("the record of mail cannot be read at present".into())
    }
}

/// The entry that decides for what has this name: its own, or a less specific one.
fn deciding<'p>(policy: &'p Policy, name: &Pattern) -> Option<Match<'p>> {
    let domains = &policy.domains;
    match name {
        Pattern::Domain(domain) => domains.find_domain(domain),
        Pattern::Below(domain) => {
            let parents = domain.parents().filter_map(|parent| format!("*.{parent}").parse().ok());
            let patterns = iter::once(name.clone()).chain(parents).chain([Pattern::Every]);
            patterns.into_iter().find_map(|pattern| domains.named(&pattern))
        }
        Pattern::Mailbox(..) | Pattern::Every => None,
    }
}

/// Whether an entry does anything at some time.
pub(super) fn is_on(entry: &Entry) -> bool {
    entry.schedule != policy::Schedule::Always(Mode::Off)
}
