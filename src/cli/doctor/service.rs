//! The running milter: whether there is one, and what it has seen.

use super::{Answer, Health, Patient};
use crate::wording::{age, counted};
use config::finding::FindingId;
use config::settings::Settings;
use config::status::Status;
use jiff::Timestamp;
use std::{io, path::Path};

const START: &str =
    "systemctl start mandatory-tls; if that fails, journalctl -u mandatory-tls says why";

/// The status of the milter, and what it means.
pub(super) fn look(settings: &Settings) -> (Option<Status>, Vec<Answer>) {
    let subject = "service";
    let Some(file) = &settings.status_file else {
        let message = "the settings name no `status_file`: the running milter cannot be asked";
        let remedy = "add `status_file: /run/mandatory-tls/status.json`, and restart the milter";
        return (
            None,
            vec![Answer::new(FindingId::StatusNotTold, Health::Warning, subject, message, remedy)],
        );
    };
    match Status::read(file) {
        Ok(status) if runs(status.pid) => {
            let answer = running(&status);
            (Some(status), vec![answer])
        }
        Ok(status) => {
            let message = format!(
                "the milter has died: process {} is gone, and {} is still there",
                status.pid,
                file.display()
            );
            (None, vec![Answer::new(FindingId::MilterDown, Health::Error, subject, message, START)])
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = format!("the milter does not run: there is no {}", file.display());
            (None, vec![Answer::new(FindingId::MilterDown, Health::Error, subject, message, START)])
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message =
                format!("whether the milter runs: {} cannot be read by this user", file.display());
            (None, vec![Answer::unseen(subject, message)])
        }
        Err(error) => {
            let message = format!("{} cannot be read: {error}", file.display());
            let remedy = "systemctl restart mandatory-tls (an upgrade may have changed its form)";
            (
                None,
                vec![Answer::new(
                    FindingId::StatusUnreadable,
                    Health::Error,
                    subject,
                    message,
                    remedy,
                )],
            )
        }
    }
}

fn running(status: &Status) -> Answer {
    let ours = env!("CARGO_PKG_VERSION");
    let since = age(status.started, Timestamp::now());
    if status.version != ours {
        let message = format!("version {} runs, {ours} is installed", status.version);
        return Answer::new(
            FindingId::MilterOutdated,
            Health::Warning,
            "service",
            message,
            "systemctl restart mandatory-tls",
        );
    }
    let sockets = status.listening.join(", ");
    Answer::right("service", format!("version {ours} has run for {since}, on {sockets}"))
}

fn runs(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).is_dir()
}

/// Whether the MTA asks, and tells what it was asked to tell.
pub(super) fn macros(patient: &Patient) -> Vec<Answer> {
    let Some(status) = &patient.status else { return Vec::new() };
    let counts = status.recipients;
    let now = Timestamp::now();
    let ago = |then: Option<Timestamp>| then.map_or_else(|| "?".into(), |then| age(then, now));
    let answer = if counts.judged == 0 {
        Answer::new(
            FindingId::MacrosNotSeen,
            Health::Note,
            "macros",
            "the MTA has named no recipient since the milter started: what it tells of TLS is not \
             known yet",
            "send a message through the MTA (or: mandatory-tls setup postfix), and look again",
        )
    } else if counts.unknown_tls > 0 {
        Answer::new(
            FindingId::MacrosNotTold,
            Health::Warning,
            "macros",
            format!(
                "of {} recipients, the MTA did not tell for {} whether the session is encrypted; \
                 the last time {} ago",
                counts.judged,
                counts.unknown_tls,
                ago(counts.last_unknown_tls)
            ),
            "the warnings in the log name the sessions; does an MTA of another kind connect, or \
             does milter_protocol hold it to less than version 6?",
        )
    } else {
        Answer::right(
            "macros",
            format!(
                "the MTA told of TLS for all {} recipients: {} encrypted, {} refused; the last {} \
                 ago",
                counts.judged,
                counts.encrypted,
                counts.refused,
                ago(counts.last)
            ),
        )
    };
    vec![answer]
}

/// Whether any mail of the last hour was encrypted.
pub(super) fn encryption(patient: &Patient) -> Vec<Answer> {
    let Some(status) = &patient.status else { return Vec::new() };
    if !status.last_hour.nothing_encrypted() {
        return Vec::new();
    }
    let what = format!(
        "none of the {} recipients of the last hour came over TLS: the fault is likely here, and not with all \
         senders",
        status.last_hour.plaintext
    );
    let remedy = "what is said under `mail` shows where; else look for a firewall or proxy before the MTA that \
                  takes STARTTLS out or ends TLS";
    vec![Answer::new(FindingId::NothingEncrypted, Health::Error, "tls", what, remedy)]
}

/// Whether the ledger can be written.
pub(super) fn ledger(patient: &Patient) -> Vec<Answer> {
    let Some(status) = &patient.status else { return Vec::new() };
    let subject = "ledger";
    let Some(ledger) = &status.ledger else {
        let message = "no ledger is kept: there is nothing to make reports from";
        let remedy = "if you want one: set `state_dir` and `ledger` in the settings";
        return vec![Answer::new(FindingId::LedgerNotKept, Health::Note, subject, message, remedy)];
    };
    let written = counted(ledger.written, "recipient");
    vec![if ledger.failing {
        Answer::new(
            FindingId::LedgerFailing,
            Health::Error,
            subject,
            "it cannot be written; mail flows all the same",
            "the log says why (journalctl -u mandatory-tls): a full disk, or a state_dir that the \
             milter's user cannot write to",
        )
    } else if ledger.lost > 0 {
        Answer::new(
            FindingId::LedgerLoses,
            Health::Warning,
            subject,
            format!("{written} written, {} lost since the milter started", ledger.lost),
            "the disk is too slow for the mail that comes, or could not be written for a while",
        )
    } else {
        Answer::right(subject, format!("{written} written since the milter started, none lost"))
    }]
}
