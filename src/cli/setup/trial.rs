//! A recipient is named to Postfix, nothing is sent: to see whether the milter is asked.

use super::NotDone;
use crate::net::own_addresses;
use crate::postfix::{PostfixFacts, doorways, smtp_address};
use crate::trial::TrialKey;
use crate::visit::{Answer, Cover, Door, End, Trial, visit};
use config::settings::Settings;
use jiff::Timestamp;
use smtp::Reply;
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long Postfix may take to reload.
const RELOAD: Duration = Duration::from_secs(10);
/// Which recipient: the one that every server has to know (RFC 5321, section 4.5.1).
const RECIPIENT: &str = "postmaster";

/// Names a recipient to Postfix, and sees by the answer whether the milter was asked.
pub(super) fn try_it(settings: &Settings, facts: &PostfixFacts) -> Result<(), NotDone> {
    let Some(file) = &settings.status_file else {
        println!("Whether mail is judged was not tried: that needs `status_file` in the settings.");
        return Ok(());
    };
    let door = door(facts);
    let end = Instant::now() + RELOAD;
    loop {
        match outcome(&door, &trial(file)?) {
            Outcome::Judged(verdict) => {
                println!("Tried: Postfix asked the milter about <{RECIPIENT}> ({verdict}).");
                return Ok(());
            }
            Outcome::Failed(why) => {
                return Err(NotDone::unavailable(format!(
                    "mail could not be tried: Postfix at {}: {why}\n  = help: journalctl -t \
                     postfix/smtpd; mandatory-tls doctor",
                    door.address
                )));
            }
            // Just after its reload, an smtpd from before it may have answered.
            Outcome::NotAsked(_) if Instant::now() < end => {
                thread::sleep(Duration::from_millis(100));
            }
            Outcome::NotAsked(answer) => {
                return Err(NotDone::config(format!(
                    "Postfix answered without asking the milter ({answer}).\n  = help: \
                     mandatory-tls doctor"
                )));
            }
        }
    }
}

/// A trial of its own for each session.
fn trial(status_file: &Path) -> Result<Trial, NotDone> {
    let path = TrialKey::beside(status_file);
    let key = TrialKey::read(&path).map_err(|error| {
        NotDone::unavailable(format!(
            "the milter does not run: {}: {error}\n  = help: systemctl start mandatory-tls; \
             journalctl -u mandatory-tls",
            path.display()
        ))
    })?;
    let (id, token) = key.token(Timestamp::now()).map_err(NotDone::unavailable)?;
    Ok(Trial { id, token })
}

/// Where other servers come in.
fn door(facts: &PostfixFacts) -> Door {
    let doorways = doorways(facts, &own_addresses());
    let found = doorways.iter().find_map(|doorway| {
        let address = *doorway.addresses.first().filter(|_| !doorway.wrapped)?;
        Some((address, doorway.proxied))
    });
    let (address, proxied) = found.unwrap_or((smtp_address(facts), false));
    Door { address, wrapped: false, proxied, name: facts.main.get("myhostname").to_owned() }
}

/// What came of a session.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The milter was asked; its verdict.
    Judged(String),
    /// It was not; the answer to the recipient.
    NotAsked(String),
    /// It did not get so far.
    Failed(String),
}

fn outcome(door: &Door, trial: &Trial) -> Outcome {
    let said = |reply: &Reply| Outcome::Failed(reply.to_string());
    match visit(door, Cover::Plaintext, Some(trial), &[RECIPIENT.to_owned()]).end {
        End::Recipients(answers) => match answers.into_iter().next() {
            Some(Answer { report: Some(report), .. }) => {
                Outcome::Judged(format!("in plaintext: {}, {}", report.verdict, report.reason))
            }
            Some(answer) => Outcome::NotAsked(answer.reply.to_string()),
            None => Outcome::Failed("no recipient was named".into()),
        },
        End::Greeting(reply) | End::Ehlo(reply) | End::Starttls(reply) | End::Mail(reply) => {
            said(&reply)
        }
        End::Unreachable(error) | End::Broken(_, error) => Outcome::Failed(error.to_string()),
        End::NoStarttls => Outcome::Failed("it offers no STARTTLS".into()),
        End::Handshake(error) => Outcome::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
    };

    /// What comes of a session with a server that gives these answers, and the commands that it got;
    /// `ID` and `TOKEN` stand for those of the trial.
    fn session(answers: &'static [&str]) -> (Outcome, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (id, token) = TrialKey::new().unwrap().token(Timestamp::now()).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut commands = Vec::new();
            for answer in answers {
                let answer = format!("{}\r\n", answer.replace("ID", &id.to_string()));
                // A client that has gone says why itself.
                let _ = stream.write_all(answer.as_bytes());
                commands.extend(lines.next().and_then(Result::ok));
            }
            commands
        });
        let name = "mx.example.com".to_owned();
        let door = Door { address, wrapped: false, proxied: false, name };
        let outcome = outcome(&door, &Trial { id, token: token.clone() });
        let commands = server.join().unwrap();
        (outcome, commands.iter().map(|command| command.replace(&token, "TOKEN")).collect())
    }

    const JUDGED: &str = "450 4.7.1 mandatory-tls trial ID: verdict=refuse reason=plaintext \
                          tls_version=none cipher=none domain=-";

    #[test]
    fn a_milter_that_was_asked_is_known_by_its_answer_and_no_message_is_sent() {
        for (dsn, answer, expected) in [
            (true, JUDGED, Outcome::Judged("in plaintext: refuse, plaintext".into())),
            (false, JUDGED, Outcome::Judged("in plaintext: refuse, plaintext".into())),
            (true, "250 2.1.5 Ok", Outcome::NotAsked("250 2.1.5 Ok".into())),
            (true, "550 5.1.1 No", Outcome::NotAsked("550 5.1.1 No".into())),
            // Another milter's word is no proof.
            (
                true,
                "450 4.7.1 mandatory-tls trial 00: verdict=refuse",
                Outcome::NotAsked("450 4.7.1 mandatory-tls trial 00: verdict=refuse".into()),
            ),
        ] {
            let keywords = if dsn { "250-mx.example\r\n250 DSN" } else { "250 mx.example" };
            let answers = ["220 mx", keywords, "250 Ok", answer, "250 Ok", "221 Bye"];
            let (outcome, commands) = session(Vec::leak(answers.to_vec()));
            assert_eq!(outcome, expected);
            let mail = match dsn {
                true => "MAIL FROM:<> ENVID=TOKEN",
                false => "MAIL FROM:<TOKEN@mx.example.com>",
            };
            let expected = ["EHLO [127.0.0.1]", mail, "RCPT TO:<postmaster>", "RSET", "QUIT"];
            assert_eq!(commands, expected);
        }
    }

    #[test]
    fn a_parameter_that_is_not_taken_after_all_is_left_away() {
        let answers = [
            "220 mx",
            "250-mx.example\r\n250 DSN",
            "501 5.5.4 No DSN",
            "250 Ok",
            JUDGED,
            "250 Ok",
            "221",
        ];
        let (outcome, commands) = session(Vec::leak(answers.to_vec()));
        assert!(matches!(outcome, Outcome::Judged(_)), "{outcome:?}");
        assert_eq!(commands[2], "MAIL FROM:<TOKEN@mx.example.com>");
    }

    #[test]
    fn a_server_that_does_not_get_so_far_is_an_error_with_its_words() {
        for (answer, words) in [
            ("421 4.3.2 Not now", "421 4.3.2 Not now"),
            ("454 a\u{1b}[31m", r"454 a\u{1b}[31m"),
            ("SSH-2.0-OpenSSH", "it does not speak SMTP: \"SSH-2.0-OpenSSH\""),
        ] {
            assert_eq!(session(Vec::leak(vec![answer])).0, Outcome::Failed(words.into()));
        }
    }
}
