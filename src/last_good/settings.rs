//! The settings under which the milter last started well.

use super::file::{Unusable, What, Why, read};
use config::settings::Settings;
use config::yaml::Problem;
use jiff::Timestamp;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Where the settings lie when the program is installed.
pub const INSTALLED: &str = "/etc/mandatory-tls/milter.yaml";
/// The `state_dir` of these, as they are shipped; the packaged unit has it as its StateDirectory.
const STATE_DIRECTORY: &str = "/var/lib/mandatory-tls";

/// The directory in which the last good settings lie.
///
/// It is not simply `state_dir`: that stands in the settings, and these cannot be read just then when it
/// matters. systemd tells a service of its state directory by the variable `STATE_DIRECTORY`
/// (systemd.exec(5)), and whoever starts the milter otherwise can set it as well. Where it is not set, as
/// under OpenRC or in an administrator's shell, the installed settings have theirs in the place that the
/// package has for it. Settings elsewhere have none then: what starts from them is somebody's trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    directory: PathBuf,
    /// By the variable: then it is the service's own, whatever the settings say.
    is_given: bool,
}

impl Place {
    /// The one for these settings.
    #[must_use]
    pub fn of(settings: &Path) -> Option<Self> {
        // Several are separated by colons; the first is the one that belongs to all of the service.
        let given =
            env::var_os("STATE_DIRECTORY").and_then(|given| env::split_paths(&given).next());
        match given.filter(|given| given.is_absolute()) {
            Some(directory) => Some(Self { directory, is_given: true }),
            None => is_installed(settings)
                .then(|| Self { directory: STATE_DIRECTORY.into(), is_given: false }),
        }
    }

    /// The directory to keep these settings in; none where they do not want it.
    ///
    /// Without `state_dir`, nothing is kept of anything. A directory that nobody has given to this service is
    /// written to only where the settings say that it is theirs.
    #[must_use]
    pub fn to_keep(&self, settings: &Settings) -> Option<&Path> {
        let state_dir = settings.state_dir.as_deref()?;
        (self.is_given || state_dir == self.directory).then_some(&self.directory)
    }

    /// Removes what was kept before, for settings that want nothing kept: it would be outdated by the time
    /// at which it is needed.
    pub fn forget(&self) {
        // Where there is nothing, or it cannot be removed, all is as it was.
        let _ = fs::remove_file(What::Settings.file(&self.directory));
    }
}

/// Whether these are the installed settings, also where there is no file now.
#[must_use]
pub fn is_installed(settings: &Path) -> bool {
    let same = |settings: &Path| settings == Path::new(INSTALLED);
    std::path::absolute(settings).is_ok_and(|settings| same(&settings))
        || fs::canonicalize(settings).is_ok_and(|settings| {
            fs::canonicalize(INSTALLED).is_ok_and(|installed| settings == installed)
        })
}

/// The last good settings, read and found valid.
#[derive(Debug)]
pub struct LastGoodSettings {
    /// The settings.
    pub settings: Settings,
    /// When the milter first started under them.
    pub since: Timestamp,
}

impl LastGoodSettings {
    /// Those that were kept for the settings at this path.
    ///
    /// # Errors
    ///
    /// Why there are none that can be used.
    pub fn load(path: &Path) -> Result<Self, Unusable> {
        let Place { directory, .. } = Place::of(path).ok_or(Unusable::NoPlace)?;
        let (manifest, snapshot) = read(What::Settings, &directory, path)?;
        let unusable = |why| {
            Err(Unusable::File { what: What::Settings, path: What::Settings.file(&directory), why })
        };
        let Some((_, octets)) = snapshot.files().next() else {
            return unusable(Why::Damaged("there are no settings in it".into()));
        };
        match Settings::decode(path, Ok(octets.to_vec())) {
            Ok(settings) => Ok(Self { settings, since: manifest.since }),
            Err(problems) => {
                let first = problems.first_error().map(Problem::in_one_line).unwrap_or_default();
                unusable(Why::Invalid { version: manifest.version, first })
            }
        }
    }
}
