//! The MTA: whether its user reaches the milter, and whether its configuration asks it.

use super::{Answer, Health, Patient, is_denied};
use crate::command;
use crate::postfix::{Gravity, diagnose, gather};
use config::finding::FindingId;
use config::settings::SocketSpec;
use nix::unistd::{User, geteuid};
use std::{env, ffi::OsStr, fs, os::unix::net::UnixStream, path::Path};

/// Sendmail's configuration.
const SENDMAIL: &str = "/etc/mail/sendmail.cf";

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
            FindingId::SocketSilent,
            Health::Error,
            subject,
            format!("{socket} does not answer to {who}: {error}"),
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
        return crate::milter::probe(socket).map_err(|error| error.to_string());
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
    let facts = gather(None);
    if let Ok(facts) = &facts {
        let diagnoses = diagnose(facts, &patient.settings, policy);
        for diagnosis in &diagnoses {
            let health = match diagnosis.gravity {
                Gravity::Error => Health::Error,
                Gravity::Warning => Health::Warning,
                Gravity::Note => Health::Note,
            };
            let message = format!("{} ({})", diagnosis.message, diagnosis.place.text);
            let message = [&[message], &*diagnosis.details].concat().join("\n");
            let remedy = diagnosis.remedy.clone();
            let answer = Answer::new(diagnosis.id, health, "postfix", message, remedy);
            answers.push(answer.about(&diagnosis.place.subject));
        }
        if diagnoses.iter().all(|diagnosis| diagnosis.gravity == Gravity::Note) {
            answers.push(Answer::right(
                "postfix",
                "asks this milter, and puts mail off while it is down",
            ));
        }
    }
    if Path::new(SENDMAIL).exists() {
        answers.push(sendmail(patient));
    } else if facts.is_err() {
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

/// Looks for the milter among the `X` lines of sendmail.cf.
fn sendmail(patient: &Patient) -> Answer {
    let subject = "sendmail";
    let text = match fs::read_to_string(SENDMAIL) {
        Ok(text) => text,
        Err(error) => {
            return Answer::unseen(subject, format!("{SENDMAIL} cannot be read: {error}"));
        }
    };
    let sockets: Vec<String> =
        patient.settings.listen.iter().map(|listen| sendmails_name(&listen.socket)).collect();
    let line = text.lines().filter(|line| line.starts_with('X')).find(|line| {
        let address = line.split(',').find_map(|part| part.trim().strip_prefix("S="));
        address.is_some_and(|address| sockets.iter().any(|socket| socket == address.trim()))
    });
    let place = "INPUT_MAIL_FILTER in sendmail.mc; see /usr/share/doc/mandatory-tls/examples";
    match line {
        None => Answer::new(
            FindingId::SendmailNotDefined,
            Health::Error,
            subject,
            format!("{SENDMAIL} does not name this milter: mail passes unjudged"),
            format!("add {place}"),
        ),
        Some(line) if !line.split(',').any(|part| part.trim() == "F=T") => Answer::new(
            FindingId::SendmailPasses,
            Health::Error,
            subject,
            format!("without F=T, all mail passes unjudged while the milter is down: {line}"),
            format!("add F=T to {place}"),
        ),
        Some(_) => Answer::right(subject, "asks this milter, and puts mail off while it is down"),
    }
}

/// A socket as sendmail.cf has it.
fn sendmails_name(socket: &SocketSpec) -> String {
    match socket {
        SocketSpec::Unix(path) => format!("unix:{}", path.display()),
        SocketSpec::Inet(host, port) => format!("inet:{port}@{host}"),
    }
}
