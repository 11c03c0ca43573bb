//! The MTA: whether its user reaches the milter, and whether its configuration asks it.

use super::{Answer, Health, Patient, is_denied};
use crate::postfix::{self, Diagnosis, Gravity, examine};
use crate::{command, milter};
use config::finding::FindingId;
use config::settings::SocketSpec;
use nix::unistd::{User, geteuid};
use std::{env, ffi::OsStr, fs, os::unix::net::UnixStream, path::Path};

/// Sendmail's configuration.
pub(super) const SENDMAIL: &str = "/etc/mail/sendmail.cf";

/// Whether each socket answers, for Postfix's those that it uses as its own user.
pub(super) fn sockets(patient: &Patient) -> Vec<Answer> {
    let postfix = User::from_name("postfix").ok().flatten();
    let used: Vec<&SocketSpec> = patient
        .settings
        .listen
        .iter()
        .map(|listen| &listen.socket)
        // Without Postfix, there is no socket for it.
        .filter(|socket| postfix.is_some() || !is_postfix(socket))
        .collect();
    used.into_iter().map(|socket| one_socket(socket, postfix.is_some())).collect()
}

/// Whether a milter of ours answers at one of the sockets, or may behind one that does not let this user in.
pub(super) fn any_answers(patient: &Patient) -> bool {
    let is_bad = |answer: &Answer| answer.health == Health::Error;
    sockets(patient).iter().any(|answer| !is_bad(answer))
}

/// Whether a socket is meant for a chrooted smtpd.
fn is_postfix(socket: &SocketSpec) -> bool {
    matches!(socket, SocketSpec::Unix(path) if path.starts_with("/var/spool/postfix"))
}

fn one_socket(socket: &SocketSpec, postfix: bool) -> Answer {
    let subject = "socket";
    let as_postfix = postfix && geteuid().is_root() && is_postfix(socket);
    let who = if as_postfix { "user postfix" } else { "this user" };
    // Whom the socket lets in is its MTA's business; only root can try it as the MTA does.
    if !geteuid().is_root() && is_closed(socket) {
        return Answer::unseen(subject, format!("{socket} does not let this user in"));
    }
    match probe(socket, as_postfix) {
        Ok(()) => Answer::right(subject, format!("{socket} answers to {who}")),
        Err(error) => Answer::new(
            if error.contains(milter::ANOTHER) {
                FindingId::SocketOfAnother
            } else {
                FindingId::SocketSilent
            },
            Health::Error,
            subject,
            if error.contains(milter::ANOTHER) {
                format!("{socket} is not this milter's: {error}")
            } else {
                format!("{socket} does not answer to {who}: {error}")
            },
            remedy(socket, &error),
        ),
    }
}

/// Whether this user may not connect, or not even see whether there is a socket.
fn is_closed(socket: &SocketSpec) -> bool {
    let SocketSpec::Unix(path) = socket else { return false };
    is_denied(fs::metadata(path).map(drop)) || is_denied(UnixStream::connect(path).map(drop))
}

fn remedy(socket: &SocketSpec, error: &str) -> &'static str {
    match socket {
        _ if error.contains(milter::ANOTHER) => {
            "ss -lxtnp says which program it is; give one of the two another socket (`listen` in the settings), \
             and have the MTA ask that one: mandatory-tls setup postfix"
        }
        // systemd lets everybody in for a milter that then does not start.
        SocketSpec::Unix(path) if path.exists() && !error.contains("denied") => {
            "see to it that the milter runs: systemctl status mandatory-tls says why it does not"
        }
        SocketSpec::Unix(path) if !path.exists() => {
            "is the socket unit (or the milter) running? For Postfix: mandatory-tls setup postfix"
        }
        SocketSpec::Unix(_) => {
            "see to it that its owner and mode, and those of the directories above, let the MTA in \
             (ls -ld)"
        }
        SocketSpec::Inet(..) => "is the milter running, or another program on its port? (ss -ltnp)",
    }
}

/// Connects and negotiates: in a process of the MTA's user, or here.
fn probe(socket: &SocketSpec, as_postfix: bool) -> Result<(), String> {
    if !as_postfix {
        return milter::probe(socket).map_err(|error| error.to_string());
    }
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let mut arguments: Vec<_> =
        ["--reuid=postfix", "--regid=postfix", "--init-groups", "--"].map(Into::into).to_vec();
    arguments.extend([own.into(), "doctor".into(), "--probe".into(), socket.to_string().into()]);
    command::run(OsStr::new("setpriv"), &arguments).map(drop).map_err(|error| error.to_string())
}

/// Whether an MTA asks the milter, and nothing in its configuration defeats it.
pub(super) fn configuration(patient: &Patient) -> Vec<Answer> {
    let Some(policy) = patient.valid_policy() else { return Vec::new() };
    let mut answers = Vec::new();
    let found = examine(patient.postfix.as_deref(), &patient.settings, policy);
    let several = found.as_ref().is_ok_and(|all| all.len() > 1);
    for (facts, diagnoses) in found.iter().flatten() {
        answers.extend(diagnoses.iter().map(|diagnosis| told("postfix", diagnosis)));
        let takes_mail = facts.running("smtpd").next().is_some();
        if takes_mail && diagnoses.iter().all(|diagnosis| diagnosis.gravity == Gravity::Note) {
            let which = if several { format!("{} ", facts.directory) } else { String::new() };
            let message =
                format!("{which}is set to ask this milter, and to put mail off while it is down");
            answers.push(Answer::right("postfix", message));
        }
    }
    if let (Err(error), Some(directory)) = (&found, &patient.postfix) {
        let message = format!("{} cannot be looked into: {error}", directory.display());
        let remedy = "name the directory of main.cf";
        answers.push(Answer::new(FindingId::NoMta, Health::Error, "postfix", message, remedy));
        return answers;
    }
    if Path::new(SENDMAIL).exists() {
        // Beside a Postfix, it may be what a package that is gone has left.
        if found.is_err() || is_installed() {
            answers.extend(sendmail(patient));
        }
    } else if found.is_err() {
        answers.push(Answer::new(
            FindingId::NoMta,
            Health::Warning,
            "mta",
            "there is neither Postfix nor Sendmail here",
            "if the MTA is on another host, look there whether it asks this milter",
        ));
    }
    answers
}

/// A finding in the configuration of an MTA.
fn told(subject: &'static str, diagnosis: &Diagnosis) -> Answer {
    let health = match diagnosis.gravity {
        Gravity::Error => Health::Error,
        Gravity::Warning => Health::Warning,
        Gravity::Note => Health::Note,
    };
    let message = format!("{} ({})", diagnosis.message, diagnosis.place.text);
    let message = [&[message], &*diagnosis.details].concat().join("\n");
    let remedy = diagnosis.remedy.clone();
    Answer::new(diagnosis.id, health, subject, message, remedy).about(&diagnosis.place.subject)
}

/// What sendmail.cf says of the milter.
fn sendmail(patient: &Patient) -> Vec<Answer> {
    let subject = "sendmail";
    let text = match fs::read_to_string(SENDMAIL) {
        Ok(text) => text,
        Err(error) => {
            return vec![Answer::unseen(subject, format!("{SENDMAIL} cannot be read: {error}"))];
        }
    };
    let diagnoses = postfix::sendmail(SENDMAIL, &text, &patient.settings);
    if diagnoses.is_empty() {
        return vec![Answer::right(
            subject,
            "is set to ask this milter, and to put mail off while it is down",
        )];
    }
    diagnoses.iter().map(|diagnosis| told(subject, diagnosis)).collect()
}

/// Whether there is a Sendmail, and not just what one has left behind: its program, where its packages put it.
fn is_installed() -> bool {
    let programs = [
        "/usr/libexec/sendmail/sendmail",
        "/usr/lib/sm.bin/sendmail",
        "/usr/sbin/sendmail.sendmail",
    ];
    programs.iter().any(|program| Path::new(program).exists())
}
