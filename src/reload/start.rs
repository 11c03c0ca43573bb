//! The policy that the milter starts under: what its files say, or the last good one.

use super::watch::Watch;
use super::{NoPolicy, PolicyState, RejectedPolicy, Reloader, heads, pause_after};
use crate::last_good::{Keeper, LastGood, What};
use crate::logging;
use crate::wording::age;
use arc_swap::ArcSwap;
use config::policy_file::{self, Loaded, Snapshot, Sources};
use config::status::Keeping;
use config::yaml::{Problem, Problems};
use jiff::Timestamp;
use policy::Policy;
use std::{panic::catch_unwind, path::Path, sync::Arc, time::Instant};
use tokio::sync::watch::{Sender, channel};

impl Reloader {
    /// Reads the policy at `path` for the first time. Where it has errors, the last good one from
    /// `state_dir` takes its place. `local_parts` says whether the log may name mailboxes.
    ///
    /// # Errors
    ///
    /// All that is wrong with the policy, and why there is no last good one.
    pub fn start(
        path: &Path,
        state_dir: Option<&Path>,
        local_parts: bool,
    ) -> Result<Self, Box<NoPolicy>> {
        let Found { policy, sources, state, good, retry_at } = find(path, state_dir)?;
        let (state, _) = channel(state);
        let keeper = state_dir.and_then(|state_dir| start_keeper(state_dir, path, &state));
        match (&keeper, good) {
            (Some(keeper), Some((good, since))) => keeper.keep(good, since),
            (None, _) => tracing::info!(
                "no last good policy is kept, and a start beside a broken file fails: `state_dir` is not set"
            ),
            (Some(_), None) => {}
        }
        // From here on, no writing goes unseen.
        let mut watch = Watch::new();
        watch.follow(&sources);
        Ok(Self {
            path: path.to_path_buf(),
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            sources,
            watch,
            retired: Vec::new(),
            state,
            reminded: Instant::now(),
            retry_at,
            keeper: keeper.map(Arc::new),
            local_parts,
        })
    }
}

/// The policy to start under.
struct Found {
    policy: Policy,
    sources: Sources,
    state: PolicyState,
    /// What is to be kept, and since when it is in force; none where it was kept already.
    good: Option<(Snapshot, Timestamp)>,
    /// When to read the files again without an event.
    retry_at: Option<Instant>,
}

/// Reads the files; where they have errors, what was kept.
fn find(path: &Path, state_dir: Option<&Path>) -> Result<Found, Box<NoPolicy>> {
    let begun = Instant::now();
    let (Loaded { policy, warnings, sources, heads, .. }, snapshot) = load(path);
    let now = Timestamp::now();
    let state = PolicyState {
        since: now,
        fingerprint: sources.fingerprint(),
        rejected: None,
        reloads: 0,
        failures: 0,
        asked: 0,
        last_good: false,
        keeping: if state_dir.is_some() { Keeping::Pending } else { Keeping::Off },
        keeping_failures: 0,
        files: Vec::new(),
    };
    let problems = match policy {
        Ok(policy) => {
            let state = PolicyState { files: heads::in_force(heads, &[], now), ..state };
            say_loaded(path, &policy, &warnings, &heads::versions(&state.files));
            return Ok(Found {
                policy,
                sources,
                state,
                good: Some((snapshot, now)),
                retry_at: None,
            });
        }
        Err(problems) => problems,
    };
    let last_good = match LastGood::load(state_dir, path) {
        Ok(last_good) => last_good,
        Err(last_good) => return Err(Box::new(NoPolicy { problems, files: sources, last_good })),
    };
    say_last_good(&problems, &last_good);
    let retry_at = problems.is_refused().then(|| Instant::now() + pause_after(begun.elapsed()));
    let state = PolicyState {
        since: last_good.since,
        rejected: Some(RejectedPolicy {
            since: now,
            errors: problems.count(),
            first: problems.first_error().map(Problem::in_one_line).unwrap_or_default(),
            files: heads::absolute(heads),
        }),
        files: heads::in_force(last_good.heads, &[], last_good.since),
        failures: 1,
        last_good: true,
        keeping: Keeping::Kept,
        ..state
    };
    Ok(Found { policy: last_good.policy, sources, state, good: None, retry_at })
}

/// Starts the thread that keeps the policy in force, and has it say in the state what came of it.
fn start_keeper(state_dir: &Path, path: &Path, state: &Sender<PolicyState>) -> Option<Keeper> {
    let state = state.clone();
    let say = move |keeping| {
        state.send_modify(|state| {
            state.keeping = keeping;
            state.keeping_failures += u64::from(keeping == Keeping::Failing);
        });
    };
    Keeper::start(What::Policy, state_dir.into(), path.into(), say)
        .inspect_err(|error| tracing::error!(%error, "the last good policy is not kept"))
        .ok()
}

/// Reads the policy. A panic in there is one more way in which a file can be broken.
fn load(path: &Path) -> (Loaded, Snapshot) {
    catch_unwind(|| policy_file::load_to_keep(path)).unwrap_or_else(|_| {
        let mut problems = Problems::new();
        problems.enter(path, Arc::default());
        problems.add_file("reading it failed inside", "");
        let sources = Sources::of_file(path);
        (Loaded::failed(problems, sources), Snapshot::default())
    })
}

fn say_loaded(path: &Path, policy: &Policy, warnings: &Problems, versions: &str) {
    tracing::info!(
        domains = policy.domains.len(),
        senders = policy.senders.len(),
        files = policy.files.len(),
        "policy loaded from {}{versions}",
        path.display()
    );
    logging::problems(warnings);
}

fn say_last_good(problems: &Problems, last_good: &LastGood) {
    let LastGood { policy, warnings, since, .. } = last_good;
    tracing::error!(
        errors = problems.count(),
        "the policy's files cannot be used; the milter starts under the last good policy, of {since}"
    );
    logging::problems(problems);
    logging::problems(warnings);
    tracing::warn!(
        domains = policy.domains.len(),
        senders = policy.senders.len(),
        files = policy.files.len(),
        "in force is the last good policy, which came into force {} ago; mend the files: what they say \
         is then in force at once",
        age(*since, Timestamp::now())
    );
}
