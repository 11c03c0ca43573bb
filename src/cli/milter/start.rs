//! What the milter starts under: what its files say, or what was last good.
//!
//! The settings are tried as a whole: they have to be valid, and the policy that they name and at least one
//! of their sockets to be had. Where that fails, the last good settings are tried in the same way. Only where
//! that fails as well, the milter does not start.

use super::listeners::Sockets;
use crate::cli::status;
use crate::last_good::LastGoodSettings;
use crate::logging::{self, Guard};
use crate::net::Listener;
use crate::reload::{NoPolicy, Reloader};
use crate::wording::age;
use config::files;
use config::policy_file::{Snapshot, Sources};
use config::settings::Settings;
use config::status::{Keeping, LastGoodStart, SettingsState};
use config::yaml::{Problem, Problems};
use jiff::Timestamp;
use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// Why the milter does not start. The log has it already.
pub(super) struct NotStarted {
    pub(super) status: u8,
    /// In one line.
    pub(super) why: String,
    /// Where a change may mend it.
    pub(super) files: Vec<Sources>,
}

impl NotStarted {
    /// Something that the system refused.
    pub(super) fn unavailable(error: impl Display) -> Self {
        Self { status: status::UNAVAILABLE, why: error.to_string(), files: Vec::new() }
    }

    /// Files that have errors.
    fn config(problems: &Problems, files: Sources) -> Self {
        Self { status: status::CONFIG, why: first(problems), files: vec![files] }
    }

    /// Whether something may have been mended.
    pub(super) fn has_changed(&self) -> bool {
        self.files.iter().any(|files| *files != files.look_again())
    }
}

/// All that a start needs.
pub(super) struct Start {
    pub(super) settings: Settings,
    pub(super) state: SettingsState,
    /// What the file of the settings holds, where they are in force.
    pub(super) contents: Option<Snapshot>,
    pub(super) sockets: Sockets,
    pub(super) reloader: Reloader,
}

/// Where the log goes, once settings have said that. It goes on as long as this is kept.
pub(super) type LogGuard = Option<Guard>;

/// Finds what to start under.
pub(super) fn find(
    config: &Path,
    passed: &[Listener],
    log: &mut LogGuard,
) -> Result<Start, NotStarted> {
    // Before it is read, so that no change goes unseen.
    let file = Sources::of_file(config);
    let (current, contents) = read(config);
    let last_good = LastGoodSettings::load(config);
    let found = match (current, last_good) {
        (Ok(settings), last_good) => match attempt(&settings, passed, log) {
            Ok((sockets, reloader)) => {
                let state = SettingsState { path: config.into(), ..SettingsState::default() };
                return Ok(Start { settings, state, contents: Some(contents), sockets, reloader });
            }
            Err(failed) => match last_good.ok().filter(|last| last.settings != settings) {
                Some(last) => {
                    under_last_good(config, last, &failed.why, None, passed, log).or(Err(failed))
                }
                None => Err(failed),
            },
        },
        (Err(problems), Ok(last)) => {
            let failed = NotStarted::config(&problems, Sources::default());
            let why = failed.why.clone();
            under_last_good(config, last, &why, Some(&problems), passed, log).or(Err(failed))
        }
        (Err(problems), Err(why)) => {
            eprintln!("{problems}\nnote: there are no other settings to start under: {why}");
            Err(NotStarted::config(&problems, Sources::default()))
        }
    };
    found.map_err(|mut failed| {
        failed.files.push(file);
        failed
    })
}

/// Starts under the last good settings, since there is a problem with those in the file.
fn under_last_good(
    config: &Path,
    last_good: LastGoodSettings,
    problem: &str,
    problems: Option<&Problems>,
    passed: &[Listener],
    log: &mut LogGuard,
) -> Result<Start, NotStarted> {
    let LastGoodSettings { settings, since } = last_good;
    if let Some(problems) = problems {
        if let Err(failed) = set_up_log(&settings, log) {
            eprintln!("{problems}");
            return Err(failed);
        }
        logging::problems(problems);
    }
    let path = config.display();
    tracing::error!(
        "{path} cannot be used ({problem}); the milter starts under the last good settings, of {since}"
    );
    let (sockets, reloader) = attempt(&settings, passed, log)?;
    tracing::warn!(
        "in force are the last good settings, under which the milter first started {} ago; mend {path}, \
         then restart the milter",
        age(since, Timestamp::now())
    );
    let state = SettingsState {
        path: config.into(),
        last_good: Some(LastGoodStart { since, problem: problem.into() }),
        keeping: Keeping::Kept,
    };
    Ok(Start { settings, state, contents: None, sockets, reloader })
}

/// Takes what the settings name: their log, at least one of their sockets, their policy.
fn attempt(
    settings: &Settings,
    passed: &[Listener],
    log: &mut LogGuard,
) -> Result<(Sockets, Reloader), NotStarted> {
    set_up_log(settings, log)?;
    let sockets = Sockets::bind(settings, passed);
    let missing = sockets.missing();
    for why in &missing {
        tracing::error!("{why}");
    }
    if sockets.bound.is_empty() && (passed.is_empty() || !settings.systemd) {
        return Err(NotStarted::unavailable(missing.join("; ")));
    }
    if !missing.is_empty() {
        tracing::error!("the milter serves its other sockets; it tries again to have all of them");
    }
    let reloader = first_policy(settings)?;
    Ok((sockets, reloader))
}

fn set_up_log(settings: &Settings, log: &mut LogGuard) -> Result<(), NotStarted> {
    if log.is_none() {
        let guard = logging::set_up(&settings.log).map_err(|error| {
            eprintln!("error: the log cannot be set up: {error}");
            NotStarted::unavailable(format!("the log cannot be set up: {error}"))
        })?;
        *log = Some(guard);
    }
    Ok(())
}

/// The policy to start under.
fn first_policy(settings: &Settings) -> Result<Reloader, NotStarted> {
    let state_dir = settings.state_dir.as_deref();
    let start = Reloader::start(&settings.policy, state_dir, settings.log.local_parts);
    start.map_err(|no_policy| {
        let NoPolicy { problems, files, last_good } = *no_policy;
        let errors = problems.count();
        tracing::error!(errors, "the policy has errors, and there is no other: {last_good}");
        logging::problems(&problems);
        NotStarted::config(&problems, files)
    })
}

/// Reads the settings, and says what is in their file. A panic in there is one more way in which a file can
/// be broken.
fn read(config: &Path) -> (Result<Settings, Problems>, Snapshot) {
    let octets = files::read_limited(config);
    let mut contents = Snapshot::default();
    if let Ok(octets) = &octets {
        contents.add(config, octets.clone());
    }
    let settings = catch_unwind(AssertUnwindSafe(|| Settings::decode(config, octets)));
    let settings = settings.unwrap_or_else(|_| {
        let mut problems = Problems::new();
        problems.enter(config, Arc::default());
        problems.add_file("reading it failed inside", "");
        Err(problems)
    });
    (settings, contents)
}

/// The first of these errors, in one line.
fn first(problems: &Problems) -> String {
    problems.first_error().map(Problem::in_one_line).unwrap_or_default()
}
