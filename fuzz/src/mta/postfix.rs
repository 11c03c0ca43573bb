//! What a Postfix logs: `smtpd.c`, `smtpd_check.c`, `cleanup_message.c`, `log_adhoc.c`, `tls_misc.c`.

use super::Line;
use super::scene::{
    Attempt, CAUSES, CIPHERS, Host, Message, Mta, Outcome, Recipient, Scene, Session, Way,
};
use super::text::{Address, cut, neutered, printable};

/// Octets of a text at most (`MSG_SYSLOG_RECLEN`).
const LONGEST: usize = 2000;
/// Seconds between two attempts.
const PAUSE: u32 = 120;

/// Writes the lines of one group after the other.
struct Writer<'s> {
    scene: &'s Scene,
    quotes: bool,
    features: bool,
    ports: bool,
    lines: Vec<Line>,
    requests: u32,
    pause: u32,
}

/// The lines of each group of sessions.
///
/// # Panics
///
/// When it is the scene of another MTA.
#[must_use]
pub fn lines(scene: &Scene) -> Vec<Vec<Line>> {
    let Mta::Postfix { quotes, features, ports } = scene.mta else { panic!("{:?}", scene.mta) };
    let (requests, pause) = (0, 0);
    let mut writer = Writer { scene, quotes, features, ports, lines: Vec::new(), requests, pause };
    let groups = scene.groups.iter().map(|sessions| {
        sessions.iter().for_each(|session| writer.session(session));
        std::mem::take(&mut writer.lines)
    });
    groups.collect()
}

/// What stands at the beginning where sessions with servers are logged.
#[must_use]
pub fn first_of_all() -> Line {
    let peer = Host { name: "mx.first.test", address: "198.51.100.99" };
    let text = format!("Untrusted{}", established("to", &format!("{}:25", shown(&peer)), 0));
    Line { service: "postfix/smtp", process: 99, text, pause: 0 }
}

fn shown(host: &Host) -> String {
    format!("{}[{}]", host.name, host.address)
}

fn established(direction: &str, peer: &str, cipher: usize) -> String {
    let (version, cipher, bits) = CIPHERS[cipher];
    format!(
        " TLS connection established {direction} {peer}: {version} with cipher {cipher} ({bits}/{bits} bits)"
    )
}

fn library(cause: usize) -> String {
    format!(
        "warning: TLS library problem: error:0A0000C1:SSL routines::{}:../ssl/statem/statem_srvr.c:2220:",
        CAUSES[cause].0
    )
}

impl Writer<'_> {
    fn write(&mut self, service: &'static str, process: u32, text: &str) {
        let text = cut(&printable(text), LONGEST).to_owned();
        let pause = std::mem::take(&mut self.pause);
        self.lines.push(Line { service, process, text, pause });
    }

    fn address(&self, address: &Address) -> String {
        address.postfix(self.quotes)
    }

    fn session(&mut self, session: &Session) {
        let port = if self.ports { ":40123" } else { "" };
        let client = format!("{}{port}", shown(session.client));
        let say =
            |writer: &mut Self, text: &str| writer.write("postfix/smtpd", session.process, text);
        say(self, &format!("connect from {client}"));
        if let Way::Failed(cause) = session.way {
            say(self, &format!("SSL_accept error from {client}: -1"));
            say(self, &library(cause));
            say(self, &format!("lost connection after STARTTLS from {client}"));
            say(self, &format!("disconnect from {client} ehlo=1 starttls=0/1 commands=1/2"));
            return;
        }
        if let Way::Tls(cipher) = session.way
            && self.scene.tells_in
        {
            say(self, &format!("Anonymous{}", established("from", &client, cipher)));
        }
        for (kind, text) in &session.noise {
            let said = self.said(*kind, text, session, &client);
            say(self, &said);
        }
        for (sender, recipient) in &session.refused {
            let reply = "450 4.7.1 Mail for this domain is accepted only over an adequately encrypted connection";
            let envelope = self.envelope(sender, recipient, session);
            say(self, &format!("NOQUEUE: milter-reject: RCPT from {client}: {reply}; {envelope}"));
        }
        let mut later = Vec::new();
        for message in &session.messages {
            self.comes(message, session, &client);
            if session.is_long {
                self.leaves(message);
            } else {
                later.push(message);
            }
        }
        let (mail, refused) = (session.messages.len() + 1, session.refused.len());
        let tls = if session.way == Way::Plain { "ehlo=1" } else { "ehlo=2 starttls=1" };
        let end = format!("mail={mail} rcpt=9/{} quit=1 commands=20/{}", 9 + refused, 20 + refused);
        say(self, &format!("disconnect from {client} {tls} {end}"));
        later.into_iter().for_each(|message| self.leaves(message));
    }

    fn envelope(&self, sender: &Address, recipient: &Address, session: &Session) -> String {
        let (sender, recipient) = (self.address(sender), self.address(recipient));
        let helo = neutered(&session.helo);
        format!("from=<{sender}> to=<{recipient}> proto=ESMTP helo=<{helo}>")
    }

    /// What is said of something that is of no matter.
    fn said(&self, kind: u8, text: &str, session: &Session, client: &str) -> String {
        let address = Address { local: text.replace('@', ""), domain: "free.test".into() };
        let envelope = self.envelope(&address, &address, session);
        let shown = self.address(&address);
        match kind % 12 {
            0 => format!("warning: non-SMTP command from {client}: {}", cut(text, 100)),
            1 => format!("improper command pipelining after EHLO from {client}: {text}"),
            2 => format!("warning: Illegal address syntax from {client} in MAIL command: <{text}>"),
            3 => format!(
                "warning: {client}: SASL LOGIN authentication failed: x, sasl_username={text}"
            ),
            4 => {
                format!("{client}: Trusted: subject_CN={text}, issuer_CN={text}, fingerprint=00:11")
            }
            5 => format!(
                "NOQUEUE: reject: RCPT from {client}: 554 5.7.1 <{shown}>: Relay access denied; {envelope}"
            ),
            6 => format!(
                "NOQUEUE: reject: RCPT from {client}: 504 5.5.2 <{}>: Helo command rejected: need fully-qualified hostname; {envelope}",
                neutered(text)
            ),
            // A milter that greylists and quotes.
            7 => format!(
                "NOQUEUE: milter-reject: RCPT from {client}: 450 4.7.1 <{shown}>: Try again later; {envelope}"
            ),
            8 => format!(
                "NOQUEUE: warn: RCPT from {client}: <{shown}>: Sender address {text}; {envelope}"
            ),
            9 => format!(
                "NOQUEUE: milter-reject: MAIL from {client}: 550 5.7.1 <{shown}>: no; from=<{shown}> proto=ESMTP helo=<{}>",
                neutered(text)
            ),
            10 => format!(
                "NOQUEUE: reject: VRFY from {client}: 450 4.1.1 <{shown}>: User unknown; to=<{shown}> proto=ESMTP helo=<{}>",
                neutered(text)
            ),
            _ => format!("timeout after RCPT from {client}"),
        }
    }

    fn comes(&mut self, message: &Message, session: &Session, client: &str) {
        let id = &message.id;
        let user = match &session.user {
            Some(user) => format!(", sasl_method=PLAIN, sasl_username={user}"),
            // AUTH= of MAIL.
            None if self.scene.hostile => format!(", sasl_sender={}", session.helo),
            None => String::new(),
        };
        self.write("postfix/smtpd", session.process, &format!("{id}: client={client}{user}"));
        for (kind, text) in &message.noise {
            let envelope = self.envelope(&message.sender, &message.recipients[0].written, session);
            let (service, said) = match kind % 8 {
                0 => (
                    "cleanup",
                    format!("warning: header Subject: {text} from {client}; {envelope}: x"),
                ),
                1 => (
                    "cleanup",
                    format!(
                        "milter-reject: END-OF-MESSAGE from {client}: 4.7.1 {text}; {envelope}"
                    ),
                ),
                2 => ("cleanup", format!("info: body {text} from {client}; {envelope}")),
                3 => (
                    "smtpd",
                    format!(
                        "reject: RCPT from {client}: 550 5.1.1 <{text}>: User unknown; {envelope}"
                    ),
                ),
                4 => ("cleanup", format!("resent-message-id={text}")),
                5 => (
                    "smtp",
                    format!(
                        "host mx1.x.test[198.51.100.1] said: 450 {text} (in reply to RCPT TO command)"
                    ),
                ),
                6 => ("smtp", format!("warn: header X: {text}: x")),
                _ => ("smtpd", format!("info: RCPT from {client}: {text}; {envelope}")),
            };
            let (service, process) = match service {
                "cleanup" => ("postfix/cleanup", 31),
                "smtp" => ("postfix/smtp", 98),
                _ => ("postfix/smtpd", session.process),
            };
            self.write(service, process, &format!("{id}: {said}"));
        }
        let said = format!("{id}: message-id={}", message.message_id);
        self.write("postfix/cleanup", 31, &said);
        let (sender, count) = (self.address(&message.sender), message.recipients.len());
        self.write(
            "postfix/qmgr",
            9,
            &format!("{id}: from=<{sender}>, size=300, nrcpt={count} (queue active)"),
        );
    }

    fn leaves(&mut self, message: &Message) {
        let mut is_left = false;
        for round in 0..2 {
            self.pause = if round == 0 { 0 } else { PAUSE };
            for recipient in &message.recipients {
                if let Some(attempt) = recipient.attempts.get(round) {
                    self.attempt(&message.id, recipient, attempt, round);
                    let is_last = round + 1 == recipient.attempts.len();
                    is_left |=
                        is_last && matches!(attempt.outcome, Outcome::Later | Outcome::NoTls);
                }
            }
        }
        self.pause = 0;
        if !is_left {
            self.write("postfix/qmgr", 9, &format!("{}: removed", message.id));
        }
    }

    fn attempt(&mut self, id: &str, recipient: &Recipient, attempt: &Attempt, round: usize) {
        let server = shown(attempt.server);
        let relay = format!("{server}:25");
        let say =
            |writer: &mut Self, text: &str| writer.write("postfix/smtp", attempt.process, text);
        match attempt.way {
            Way::Plain => {}
            Way::Tls(cipher) => {
                if self.scene.hostile {
                    // The names in a certificate.
                    say(
                        self,
                        &format!(
                            "certificate verification failed for {relay}: untrusted issuer {}",
                            attempt.reply
                        ),
                    );
                }
                if self.scene.tells_out {
                    say(self, &format!("Untrusted{}", established("to", &relay, cipher)));
                }
            }
            Way::Failed(cause) => {
                say(self, &format!("SSL_connect error to {relay}: -1"));
                say(self, &library(cause));
                say(self, &format!("{id}: Cannot start TLS: handshake failure"));
            }
        }
        let written = self.address(&recipient.written);
        let to = match &recipient.routed {
            Some(routed) => format!("to=<{}>, orig_to=<{written}>", self.address(routed)),
            None => format!("to=<{written}>"),
        };
        let level = match (attempt.outcome, attempt.way) {
            _ if !self.features => "",
            (Outcome::NoTls, _) => " tls=!encrypt,",
            (_, Way::Tls(_)) => " tls=may,",
            _ => " tls=may:none,",
        };
        self.requests += 1;
        let delays = format!("{}/{}/0.1/0.1", round * 300, f64::from(self.requests) / 100.0);
        let reply = &attempt.reply;
        let status = match attempt.outcome {
            Outcome::Sent => format!("dsn=2.0.0, status=sent (250 2.0.0 {reply})"),
            Outcome::Later => format!(
                "dsn=4.2.0, status=deferred (host {server} said: 450 4.2.0 {reply} (in reply to RCPT TO command))"
            ),
            Outcome::Bounced => format!(
                "dsn=5.1.1, status=bounced (host {server} said: 550 5.1.1 {reply} (in reply to RCPT TO command))"
            ),
            Outcome::NoTls => format!(
                "dsn=4.7.4, status=deferred (TLS is required, but was not offered by host {server})"
            ),
        };
        say(self, &format!("{id}: {to}, relay={relay}, delay=1, delays={delays},{level} {status}"));
    }
}
