//! A recipient is named to Postfix, nothing is sent: to see whether the milter is asked.

use super::NotDone;
use crate::status::Status;
use config::settings::Settings;
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::commands::Mail;
use lettre::transport::smtp::{self, extension::ClientId};
use std::{
    error::Error,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

/// How long Postfix may take for an answer: longer than postscreen makes clients wait, and than the
/// milter takes to start.
const ANSWER: Duration = Duration::from_secs(60);
/// How long Postfix may take to reload.
const RELOAD: Duration = Duration::from_secs(10);
/// How long the milter may take to tell that it was asked: it writes its status once a second.
const STATUS: Duration = Duration::from_secs(3);
/// Which recipient: the one that every server has to know (RFC 5321, section 4.5.1).
const RECIPIENT: &str = "postmaster";

/// Names a recipient to Postfix and waits until the milter tells that it was asked.
pub(super) fn try_it(settings: &Settings, smtpd: SocketAddr) -> Result<(), NotDone> {
    let Some(file) = &settings.status_file else {
        println!("Whether mail is judged was not tried: that needs `status_file` in the settings.");
        return Ok(());
    };
    let count = || Status::read(file).map(|status| status.recipients.judged);
    let before = count().map_err(|error| {
        NotDone::unavailable(format!(
            "the milter does not run: {}: {error}\n  = help: systemctl start mandatory-tls; \
             journalctl -u mandatory-tls",
            file.display()
        ))
    })?;
    let end = Instant::now() + RELOAD;
    loop {
        let answer = name_recipient(smtpd).map_err(|error| {
            NotDone::unavailable(format!(
                "mail could not be tried: Postfix at {smtpd}: {}\n  = help: journalctl -t \
                 postfix/smtpd",
                said(&error)
            ))
        })?;
        let told = Instant::now() + STATUS;
        while Instant::now() < told {
            if count().is_ok_and(|now| now > before) {
                println!("Tried: Postfix asked the milter about <{RECIPIENT}> ({answer}).");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        // Just after its reload, an smtpd from before it may have answered.
        if Instant::now() > end {
            return Err(NotDone::config(format!(
                "Postfix took a recipient without asking the milter ({answer}).\n  = help: \
                 mandatory-tls doctor"
            )));
        }
    }
}

/// Names the recipient in a session of its own; the answer to RCPT, whatever it is.
fn name_recipient(smtpd: SocketAddr) -> Result<String, smtp::Error> {
    let name = ClientId::Domain("localhost".into());
    let mut connection = SmtpConnection::connect(smtpd, Some(ANSWER), &name, None, None)?;
    connection.command(Mail::new(None, Vec::new()))?;
    // lettre has no addresses without a domain.
    let answer = match connection.command(format!("RCPT TO:<{RECIPIENT}>\r\n")) {
        Ok(reply) => {
            let text = reply.message().last().unwrap_or_default();
            format!("{} {}", reply.code(), text.escape_debug())
        }
        Err(error) if error.status().is_some() => said(&error),
        Err(error) => return Err(error),
    };
    // So that the session leaves no trace of a lost connection.
    let _ = connection.quit();
    Ok(answer)
}

/// What the server said, or why it could not be asked.
fn said(error: &smtp::Error) -> String {
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let text = text.escape_debug();
    match error.status() {
        Some(code) => format!("{code} {text}"),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
    };

    /// What comes of a session with a server that gives these answers, and the commands that it got.
    fn session(answers: &'static [&str]) -> (String, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut commands = Vec::new();
            for answer in answers {
                write!(stream, "{answer}\r\n").unwrap();
                commands.extend(lines.next().and_then(Result::ok));
            }
            commands
        });
        let answer = match name_recipient(address) {
            Ok(answer) => answer,
            Err(error) => format!("error: {}", said(&error)),
        };
        (answer, server.join().unwrap())
    }

    #[test]
    fn the_answer_to_the_recipient_is_told_whatever_it_is() {
        let hello = "220 mx.example ESMTP";
        for (answer, expected) in [
            ("250 2.1.5 Ok", "250 2.1.5 Ok"),
            ("450 4.7.1 Not encrypted", "450 4.7.1 Not encrypted"),
            ("550 5.1.1 Unknown", "550 5.1.1 Unknown"),
        ] {
            let answers = [hello, "250-mx.example\r\n250 PIPELINING", "250 Ok", answer, "221 Bye"];
            let (told, commands) = session(Vec::leak(answers.to_vec()));
            assert_eq!(told, expected);
            let expected = ["EHLO localhost", "MAIL FROM:<>", "RCPT TO:<postmaster>", "QUIT"];
            assert_eq!(commands, expected);
        }
    }

    #[test]
    fn a_server_that_does_not_get_so_far_is_an_error_with_its_words() {
        assert_eq!(session(&["421 4.3.2 Not now"]).0, "error: 421 4.3.2 Not now");
    }
}
