//! The policy's files, and the clock by which its dates are read.

use super::{Answer, Health, Patient, is_denied, mta};
use crate::cli::ledger_file::left_behind;
use crate::cli::{check, hidden};
use crate::command;
use crate::last_good::LastGood;
use crate::wording::{age, counted};
use config::finding::FindingId;
use config::status::{FileInForce, Keeping, PolicyStatus};
use config::yaml::{Topic, shown_path};
use jiff::Timestamp;
use ledger::{damaged_beside, report::day_text};
use std::{ffi::OsStr, fs, path::Path};

/// Whether the policy is valid, and the one in force.
pub(super) fn policy(patient: &Patient) -> Vec<Answer> {
    let path = patient.settings.policy.display();
    let mut answers = Vec::new();
    match &patient.policy.policy {
        Ok(policy) => answers
            .push(Answer::right("policy", format!("{path}: valid; {}", check::summary(policy)))),
        Err(problems) => answers.push(match unseen(patient) {
            Some(path) => {
                let message = format!("{} cannot be read by this user", path.display());
                Answer::unseen("policy", message)
            }
            None => Answer::new(
                FindingId::PolicyBroken,
                Health::Error,
                "policy",
                problems.to_string(),
                "mend it: what it says then is in force at once",
            ),
        }),
    }
    for warning in patient.policy.warnings.shown() {
        let (finding, health) = match warning.topic {
            Topic::Any => (FindingId::PolicyWarning, Health::Warning),
            Topic::GaveWay => (FindingId::EntriesGaveWay, Health::Note),
        };
        answers.push(Answer::new(finding, health, "policy", warning.to_string(), ""));
    }
    for hidden in hidden::told(&patient.config, &patient.policy.sources) {
        answers.push(Answer::new(
            FindingId::FilesHidden,
            Health::Warning,
            "policy",
            hidden,
            hidden::REMEDY,
        ));
    }
    answers.extend(match &patient.status {
        Some(status) => in_force(&status.policy, patient),
        // That it is not seen was said.
        None if patient.is_status_unseen => Vec::new(),
        None if patient.settings.status_file.is_none() && mta::any_answers(patient) => {
            vec![Answer::new(
                FindingId::StatusNotTold,
                Health::Warning,
                "in force",
                "the settings have no `status_file`, so what is in force cannot be told",
                "add `status_file: /run/mandatory-tls/status.json`, and restart the milter",
            )]
        }
        None => vec![nothing_in_force(patient)],
    });
    answers
}

/// A file of the policy, or a directory from which it includes some, that this user may not read. Root
/// may read all, and has looked with the eyes of the milter's user.
fn unseen(patient: &Patient) -> Option<&Path> {
    let sources = &patient.policy.sources;
    let file = sources.files().find(|path| is_denied(fs::File::open(path).map(drop)));
    file.or_else(|| sources.directories().find(|path| is_denied(fs::read_dir(path).map(drop))))
}

/// That no policy is in force where no milter runs that could be asked, and what a start would change.
fn nothing_in_force(patient: &Patient) -> Answer {
    let message = "as far as can be seen, no milter runs, so no policy is in force".to_owned();
    match &patient.last_good {
        None => Answer::new(
            FindingId::PolicyNotInForce,
            Health::Error,
            "in force",
            message,
            "start the milter",
        ),
        Some(Ok(LastGood { policy, since, .. })) => Answer::new(
            FindingId::PolicyNotInForce,
            Health::Error,
            "in force",
            message,
            format!(
                "start the milter: it goes on under the last good policy, of {} ago ({})",
                age(*since, Timestamp::now()),
                check::summary(policy)
            ),
        ),
        Some(Err(why)) => Answer::new(
            FindingId::PolicyNotInForce,
            Health::Error,
            "in force",
            format!("{message}, and none can be: {why}"),
            "mend the files: the service then starts by itself",
        ),
    }
}

fn in_force(policy: &PolicyStatus, patient: &Patient) -> Vec<Answer> {
    let mut answers = vec![which(policy, patient)];
    answers.extend(policy.files.iter().map(version));
    if policy.keeping == Keeping::Failing {
        answers.push(Answer::new(FindingId::LastGoodNotKept, Health::Error,
            "last good",
            "the policy in force cannot be kept: a start beside a broken file would go on under an older \
             one, or fail",
            "the log says why (journalctl -u mandatory-tls): a full disk, or a state_dir that the service \
             cannot write to",
        ));
    }
    answers
}

/// Which version of a program's file is in force.
fn version(file: &FileInForce) -> Answer {
    let FileInForce { head, since } = file;
    let message = format!(
        "{}: {}, in force for {}",
        shown_path(&head.path),
        check::head_in_words(head),
        age(*since, Timestamp::now())
    );
    Answer::right("in force", message)
}

fn which(policy: &PolicyStatus, patient: &Patient) -> Answer {
    let now = Timestamp::now();
    let since = age(policy.since, now);
    if let Some(problem) = &policy.problem {
        let last_good = if policy.last_good { "the last good policy, " } else { "the policy " };
        Answer::new(
            FindingId::PolicyNotInForce,
            Health::Error,
            "in force",
            format!(
                "the files have had errors for {} and are not in force: {}; in force is \
                 {last_good}of {since} ago, with {}",
                age(problem.since, now),
                problem.first,
                counted(policy.domains, "domain")
            ),
            "mend the files",
        )
    } else if policy.fingerprint == patient.policy.sources.fingerprint() {
        Answer::right("in force", format!("what the files say, for {since}"))
    } else {
        Answer::new(
            FindingId::PolicyNotInForce,
            Health::Error,
            "in force",
            format!("the policy of {since} ago; its files look different now"),
            "look again in a moment; if it stays, systemctl reload mandatory-tls (does the milter \
             read the same files, and does its user see them?)",
        )
    }
}

/// Whether there are ledgers that are no longer written.
pub(super) fn ledgers(patient: &Patient) -> Vec<Answer> {
    let subject = "ledger";
    if let Some(left) = left_behind(&patient.settings) {
        return vec![Answer::new(
            FindingId::LedgerLeftBehind,
            Health::Warning,
            subject,
            left.what,
            left.remedy,
        )];
    }
    let Some(ledger) = &patient.settings.ledger else { return Vec::new() };
    let damaged = damaged_beside(&ledger.path).unwrap_or_default();
    let Some(last) = damaged.iter().map(|(_, day)| *day).max() else { return Vec::new() };
    let files: Vec<_> = damaged.iter().map(|(file, _)| file.display().to_string()).collect();
    vec![Answer::new(
        FindingId::LedgerDamaged,
        Health::Note,
        subject,
        format!(
            "it was damaged, the last time on {}, and started anew; the damaged files were kept: {}",
            day_text(last),
            files.join(", ")
        ),
        format!(
            "look at the disk; `sqlite3 FILE .recover` may read them; they are removed after {} days",
            ledger.retention_days
        ),
    )]
}

/// Whether dates mean what they say.
pub(super) fn clock(patient: &Patient) -> Vec<Answer> {
    let subject = "clock";
    let now = Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
    let latest = patient
        .policy
        .sources
        .files()
        .filter_map(|path| Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok())
        .max();
    if let Some(latest) = latest.filter(|latest| *latest > now) {
        let message = format!("it is {now} here, and a file of the policy is from {latest}");
        let remedy = "set the clock: dates in the policy and certificates depend on it";
        return vec![Answer::new(FindingId::ClockWrong, Health::Error, subject, message, remedy)];
    }
    let arguments = ["show".into(), "--property=NTPSynchronized".into(), "--value".into()];
    let synchronized = command::run(OsStr::new("timedatectl"), &arguments);
    vec![match synchronized.as_ref().map(|written| written.output.trim()) {
        Ok("yes") => Answer::right(subject, format!("{now}, synchronised")),
        Ok("no") => Answer::new(
            FindingId::ClockNotKept,
            Health::Note,
            subject,
            format!("{now}; nothing on this host keeps it right"),
            "apt install systemd-timesyncd, unless this is a virtual machine whose host does it",
        ),
        _ => Answer::right(subject, format!("{now}; whether it is synchronised cannot be asked")),
    }]
}
