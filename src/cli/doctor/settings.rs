//! The settings: whether the milter can use them, and which ones it runs under.

use super::{Answer, Health, is_denied};
use crate::cli::eyes::Eyes;
use crate::last_good::{LastGoodSettings, Unusable};
use crate::wording::age;
use config::finding::FindingId;
use config::status::{Keeping, LastGoodStart, SettingsState, Status};
use config::yaml::{Problems, shown_path};
use jiff::Timestamp;
use std::{fs, path::Path};

const SUBJECT: &str = "settings";

/// Settings that are valid: whether the milter's user can read them, too.
pub(super) fn found(config: &Path, eyes: &Eyes) -> Answer {
    let denied = eyes.look(|| is_denied(fs::File::open(config).map(drop)));
    let path = shown_path(config);
    match eyes.user().filter(|_| denied.is_ok_and(|denied| denied)) {
        Some(user) => Answer::new(
            FindingId::SettingsUnreadable,
            Health::Error,
            SUBJECT,
            format!("the milter's user, {user}, cannot read {path}: a start would not see it"),
            format!("chgrp {user} {path} && chmod g+r {path}"),
        ),
        None => Answer::right(SUBJECT, path),
    }
}

/// Settings that have errors.
pub(super) fn broken(problems: &Problems, kept: &Result<LastGoodSettings, Unusable>) -> Answer {
    let remedy = match kept {
        Ok(LastGoodSettings { since, .. }) => format!(
            "mend it: until then a start goes on under the last good settings, of {} ago, and so does all that \
             follows here",
            age(*since, Timestamp::now())
        ),
        Err(why) => format!("mend it: a start fails ({why}); nothing else was looked at"),
    };
    Answer::new(FindingId::SettingsBroken, Health::Error, SUBJECT, problems.to_string(), remedy)
}

/// Which ones the milter runs under, if that is not what their file says; which sockets it could not have.
pub(super) fn in_force(status: &Status) -> Vec<Answer> {
    let SettingsState { last_good, keeping, .. } = &status.settings;
    let mut answers = Vec::new();
    if let Some(LastGoodStart { since, problem }) = last_good {
        answers.push(Answer::new(FindingId::SettingsNotInForce, Health::Error,
            SUBJECT,
            format!(
                "in force are the last good settings, of {} ago: at its start, the milter could not use the file: \
                 {problem}",
                age(*since, Timestamp::now())
            ),
            "mend the file, then systemctl restart mandatory-tls",
        ));
    }
    if *keeping == Keeping::Failing {
        answers.push(Answer::new(FindingId::LastGoodNotKept, Health::Error,
            "last good",
            "the settings in force cannot be kept: a start beside a broken file would go on under older ones, \
             or fail",
            "the log says why (journalctl -u mandatory-tls): a full disk, or a directory that the service \
             cannot write to",
        ));
    }
    let missing = status.missing.iter();
    answers.extend(missing.map(|missing| {
        let remedy = "see to it; the milter tries again every few seconds";
        Answer::new(FindingId::SocketMissing, Health::Error, "socket", missing, remedy)
    }));
    answers
}
