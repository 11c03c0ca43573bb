//! The settings and all that they name, as the milter's user sees them; and what a start beside them would
//! go on under.

use super::{report, summary, valid_policy};
use crate::cli::eyes::Eyes;
use crate::cli::{hidden, sockets};
use crate::last_good::{LastGood, LastGoodSettings, Unusable};
use crate::net::{self, BindError};
use crate::wording::age;
use config::files;
use config::policy_file::{self, Loaded};
use config::settings::Settings;
use config::yaml::shown_path;
use jiff::Timestamp;
use nix::unistd::geteuid;
use policy::Policy;
use std::path::{Path, PathBuf};

/// What the settings name, as it was found.
struct Found {
    loaded: Loaded,
    /// What takes its place, where that has errors.
    last_good: Option<Result<LastGood, Unusable>>,
    /// Why sockets of the settings cannot be had.
    obstacles: Vec<BindError>,
}

impl Found {
    fn look(settings: &Settings, with_rights: bool) -> Self {
        let loaded = policy_file::load(&settings.policy);
        let last_good = || LastGood::load(settings.state_dir.as_deref(), &settings.policy);
        let last_good = loaded.policy.is_err().then(last_good);
        let obstacles =
            settings.listen.iter().filter_map(|listen| net::obstacle(listen, with_rights));
        Self { obstacles: obstacles.collect(), last_good, loaded }
    }

    /// Whether the milter could start under these settings.
    fn suffices(&self, settings: &Settings) -> bool {
        let policy = self.last_good.as_ref().is_none_or(Result::is_ok);
        policy && (settings.systemd || self.obstacles.len() < settings.listen.len())
    }
}

/// Checks the settings, and the policy that they name, and says what is wrong; that is counted in `wrong`,
/// unless it may be (`allow_last_good`) and the milter would start all the same.
pub(super) fn check(
    config: &Path,
    allow_last_good: bool,
    wrong: &mut usize,
) -> (Option<Settings>, Option<Policy>) {
    let current = report(Settings::load(config), wrong);
    let eyes = Eyes::of_milter(config, current.as_ref());
    let (readable, kept) = look(&eyes, || {
        let readable = files::read_limited(config).map(drop);
        (readable, LastGoodSettings::load(config))
    });
    let is_usable = current.is_some() && readable.is_ok();
    if let Some(settings) = &current {
        say_valid(config, settings);
    }
    let settings = match (&current, &kept) {
        (Some(settings), _) | (None, Ok(LastGoodSettings { settings, .. })) => settings,
        (None, Err(_)) => {
            say_kept(&kept);
            return (None, None);
        }
    };
    let with_rights = eyes.are_the_milters();
    let mut found = look(&eyes, || Found::look(settings, with_rights));
    let mut would_start = is_usable && found.suffices(settings);
    let last_good = found.last_good.take();
    // The settings themselves are no question of rights that stop the check of the rest.
    let denied = (current.is_some() && !is_usable).then(|| config.to_path_buf());
    let (policy, is_seen) = say_found(&eyes, config, settings, found, denied, wrong);
    if let Some(last_good) = last_good {
        say_last_good(last_good);
    }
    if !would_start {
        say_kept(&kept);
        would_start = kept.is_ok_and(|LastGoodSettings { settings, .. }| {
            look(&eyes, || Found::look(&settings, with_rights)).suffices(&settings)
        });
    }
    // Of what this user cannot look at as the milter does, nobody knows what a start would find.
    if allow_last_good && would_start && is_seen {
        *wrong = 0;
    }
    (current.map(sockets::with_systemd), policy)
}

/// Looks with these eyes, or, where the system does not let that be, as this user.
fn look<T>(eyes: &Eyes, look: impl Fn() -> T) -> T {
    eyes.look(&look).unwrap_or_else(|error| {
        let user = eyes.user().unwrap_or_default();
        eprintln!("warning: the files cannot be looked at as user {user}: {error}");
        look()
    })
}

/// Says what is wrong with what the settings name. Returns the policy, if it is valid, and whether all of it
/// was seen as the milter sees it.
fn say_found(
    eyes: &Eyes,
    config: &Path,
    settings: &Settings,
    Found { loaded, obstacles, .. }: Found,
    denied: Option<PathBuf>,
    wrong: &mut usize,
) -> (Option<Policy>, bool) {
    for obstacle in &obstacles {
        *wrong += 1;
        eprintln!("error: {obstacle}");
    }
    for hidden in hidden::told(config, &loaded.sources) {
        eprintln!("warning: {hidden}\n  = help: {}", hidden::REMEDY);
    }
    let unreadable = eyes.unreadable(config, &loaded.sources);
    let is_seen = unreadable.is_empty();
    let policy = valid_policy(loaded, &settings.policy, wrong);
    let user = eyes.user().unwrap_or_default();
    for path in unreadable.iter().chain(&denied) {
        *wrong += 1;
        let path = shown_path(path);
        eprintln!(
            "error: the milter's user, {user}, cannot read {path}\n  = help: chgrp {user} {path} && chmod g+rX {path}"
        );
    }
    if policy.is_none() && !user.is_empty() && geteuid().is_root() {
        eprintln!("note: the files were read as user {user}, whom the milter runs as");
    }
    (policy, is_seen)
}

fn say_valid(path: &Path, settings: &Settings) {
    let passed = settings.systemd.then(|| "the sockets that systemd passes".to_owned());
    let sockets = settings.listen.iter().map(|listen| listen.socket.to_string());
    let sockets: Vec<String> = passed.into_iter().chain(sockets).collect();
    println!("{}: valid; listens on {}", path.display(), sockets.join(", "));
}

/// Says under which settings the milter would start beside those that it cannot use.
fn say_kept(kept: &Result<LastGoodSettings, Unusable>) {
    match kept {
        Ok(LastGoodSettings { since, .. }) => eprintln!(
            "note: a start of the milter goes on under the last good settings, of {} ago",
            age(*since, Timestamp::now())
        ),
        Err(why) => eprintln!("note: the milter cannot start beside these settings: {why}"),
    }
}

/// Says what the milter would start under beside broken files of the policy.
fn say_last_good(last_good: Result<LastGood, Unusable>) {
    match last_good {
        Ok(LastGood { policy, since, .. }) => eprintln!(
            "note: a start of the milter goes on under the last good policy, of {} ago: {}",
            age(since, Timestamp::now()),
            summary(&policy)
        ),
        Err(why) => eprintln!("note: the milter cannot start beside these files: {why}"),
    }
}
