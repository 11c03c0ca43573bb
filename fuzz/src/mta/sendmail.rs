//! What a Sendmail logs: `envelope.c`, `deliver.c`, `srvrsmtp.c`, `milter.c`.

use super::Line;
use super::scene::{Attempt, CAUSES, CIPHERS, Host, Message, Outcome, Scene, Session, Way};
use super::text::{Address, cut, octal};

/// Octets of a sender at most.
const LONGEST_SENDER: usize = 200;
/// Octets of all up to `relay=`.
const LONGEST: usize = 850;
/// Octets of what a server says.
const LONGEST_REPLY: usize = 100;
/// Octets of a line.
const LONGEST_LINE: usize = 2000;
/// Seconds between two attempts.
const PAUSE: u32 = 120;

struct Writer<'s> {
    scene: &'s Scene,
    lines: Vec<Line>,
    /// A process for each session and each attempt: Sendmail forks.
    processes: u32,
    pause: u32,
}

/// The lines of each group of sessions.
#[must_use]
pub fn lines(scene: &Scene) -> Vec<Vec<Line>> {
    let mut writer = Writer { scene, lines: Vec::new(), processes: 100, pause: 0 };
    let groups = scene.groups.iter().map(|sessions| {
        sessions.iter().for_each(|session| writer.session(session));
        std::mem::take(&mut writer.lines)
    });
    groups.collect()
}

/// What stands at the beginning where sessions with servers are logged.
#[must_use]
pub fn first_of_all() -> Line {
    let text = format!("STARTTLS=client, relay=mx.first.test., {}", session(0));
    Line { service: "sm-mta", process: 99, text, pause: 0 }
}

fn session(cipher: usize) -> String {
    let (version, cipher, bits) = CIPHERS[cipher];
    format!("version={version}, verify=FAIL, cipher={cipher}, bits={bits}/{bits}")
}

fn shown(host: &Host) -> String {
    let address = if host.address.contains(':') {
        format!("IPv6:{}", host.address)
    } else {
        host.address.to_owned()
    };
    if host.name == "unknown" {
        format!("[{address}]")
    } else {
        format!("{} [{address}]", host.name)
    }
}

impl Writer<'_> {
    fn write(&mut self, process: u32, text: &str) {
        let text = cut(&octal(text), LONGEST_LINE).to_owned();
        let pause = std::mem::take(&mut self.pause);
        self.lines.push(Line { service: "sm-mta", process, text, pause });
    }

    fn process(&mut self) -> u32 {
        self.processes += 1;
        self.processes
    }

    fn session(&mut self, is: &Session) {
        let relay = shown(is.client);
        let process = self.process();
        match is.way {
            Way::Failed(cause) => {
                let reason = CAUSES[cause].0;
                self.write(process, &format!("STARTTLS=server, error: accept failed=-1, reason={reason}, SSL_error=1, errno=0, retry=-1, relay={relay}"));
                return;
            }
            Way::Tls(cipher) if self.scene.tells_in => {
                self.write(
                    process,
                    &format!("STARTTLS=server, relay={relay}, {}", session(cipher)),
                );
            }
            Way::Tls(_) | Way::Plain => {}
        }
        if let Some(user) = &is.user {
            self.write(
                process,
                &format!("AUTH=server, relay={relay}, authid={user}, mech=PLAIN, bits=0"),
            );
        }
        let id = format!("9Z{process:07}");
        for (kind, text) in &is.noise {
            let said = self.said(*kind, text, &id, &relay);
            self.write(process, &said);
        }
        if let Some((sender, _)) = is.refused.first() {
            for (_, to) in &is.refused {
                let to = to.sendmail();
                self.write(process, &format!("{id}: Milter: to=<{to}>, reject=450 4.7.1 Mail for this domain is accepted only over an adequately encrypted connection"));
            }
            self.from(process, (&id, is, &relay), sender, "<1@client.test>", 0);
        }
        for message in &is.messages {
            self.from(
                process,
                (&message.id, is, &relay),
                &message.sender,
                &message.message_id,
                message.recipients.len(),
            );
            for (kind, text) in &message.noise {
                let said = self.said(*kind, text, &message.id, &relay);
                self.write(process, &said);
            }
            self.leaves(message);
        }
    }

    fn from(
        &mut self,
        process: u32,
        (id, is, relay): (&str, &Session, &str),
        sender: &Address,
        message_id: &str,
        count: usize,
    ) {
        let s = if is.way == Way::Plain { "" } else { "S" };
        let a = if is.user.is_some() { "A" } else { "" };
        let sender = format!("<{}>", octal(&sender.sendmail()));
        let sender = cut(&sender, LONGEST_SENDER);
        let message_id = octal(message_id);
        // Only the Message-ID is cut where there is not room for all.
        let end = format!(", proto=ESMTP{s}{a}, daemon=MTA-v4");
        let begin = format!("from={sender}, size=15, class=0, nrcpts={count}, msgid={message_id}");
        let begin = cut(&begin, LONGEST - end.len());
        self.write(process, &format!("{id}: {begin}{end}, relay={relay}"));
    }

    fn said(&self, kind: u8, text: &str, id: &str, relay: &str) -> String {
        let address = Address { local: text.replace('@', ""), domain: "free.test".into() };
        let shown = address.sendmail();
        match kind % 9 {
            0 => format!(
                "{id}: ruleset=check_rcpt, arg1=<{shown}>, relay={relay}, reject=550 5.7.1 <{shown}>... Relaying denied"
            ),
            1 => format!(
                "{id}: ruleset=check_mail, arg1=<{shown}>, relay={relay}, reject=553 5.1.8 <{shown}>... Domain of sender address {shown} does not exist"
            ),
            2 => format!("{id}: <{shown}>... User unknown"),
            3 => format!("{id}: Milter add: header: X: {text}"),
            // A milter that greylists and quotes.
            4 => format!("{id}: Milter: to=<{shown}>, reject=450 4.7.1 <{shown}> Try again later"),
            5 => format!("{id}: Milter: from=<{shown}>, reject=550 5.7.1 {text}"),
            6 => format!(
                "NOQUEUE: {relay} did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA"
            ),
            7 => format!("{id}: lost input channel from {relay} to MTA after rcpt"),
            _ => format!("{id}: --- 501 5.5.2 {text}"),
        }
    }

    fn leaves(&mut self, message: &Message) {
        for round in 0..2 {
            self.pause = if round == 0 { 0 } else { PAUSE };
            for recipient in &message.recipients {
                if let Some(attempt) = recipient.attempts.get(round) {
                    self.attempt(&message.id, &recipient.written, attempt);
                }
            }
        }
        self.pause = 0;
    }

    fn attempt(&mut self, id: &str, to: &Address, attempt: &Attempt) {
        let process = self.process();
        let to = to.sendmail();
        let (name, server) = (attempt.server.name, shown(attempt.server).replacen(' ', ". ", 1));
        match attempt.way {
            Way::Plain => {}
            Way::Tls(cipher) if self.scene.tells_out => {
                self.write(
                    process,
                    &format!("STARTTLS=client, relay={name}., {}", session(cipher)),
                );
            }
            Way::Tls(_) => {}
            Way::Failed(cause) => {
                let reason = CAUSES[cause].0;
                self.write(process, &format!("STARTTLS=client, error: connect failed=-1, reason={reason}, SSL_error=1, errno=0, retry=-1"));
            }
        }
        // It shortens both reply= and stat=.
        let reply = cut(&attempt.reply, LONGEST_REPLY);
        let end = match (attempt.way, attempt.outcome) {
            (Way::Failed(_), _) => {
                "dsn=4.7.0, stat=Deferred: 454 4.7.0 TLS handshake failed.".to_owned()
            }
            (_, Outcome::Sent) => format!("dsn=2.0.0, stat=Sent ({reply})"),
            (_, Outcome::Later) => {
                format!("dsn=4.2.0, reply=450 4.2.0 {reply}, stat=Deferred: 450 4.2.0 {reply}")
            }
            (_, Outcome::Bounced) => {
                format!("dsn=5.1.1, reply=550 5.1.1 {reply}, stat=User unknown")
            }
            (_, Outcome::NoTls) => {
                self.write(process, &format!("{id}: ruleset=tls_rcpt, arg1={to}, relay={name}., reject=454 4.7.0 encryption too weak 0 less than 112"));
                "dsn=4.2.0, stat=Deferred".to_owned()
            }
        };
        self.write(process, &format!("{id}: to=<{to}>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=60015, relay={server}, {end}"));
    }
}
