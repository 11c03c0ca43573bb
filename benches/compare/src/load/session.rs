//! One SMTP session as a milter sees it. No I/O: it appends what is to be sent.
//!
//! Half of the sessions use TLS. Recipients are user@dN.example.net; the domains with an even N
//! are opted in.

use super::protocol::{Stage, Terms, command, put_packet, put_string, reply};

/// What the recipients of a session are.
#[derive(Clone, Copy, Debug)]
pub struct Recipients {
    /// How many a message has.
    pub count: u32,
    /// How many domains are opted in; there are as many others.
    pub opted_in: u32,
}

/// A milter's answer to a RCPT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The recipient is taken.
    Continue,
    /// It is refused for want of TLS.
    TlsRequired,
    /// Anything else.
    Other,
}

impl Answer {
    /// Reads a packet of the milter.
    pub fn read(command: u8, payload: &[u8]) -> Self {
        match command {
            reply::CONTINUE => Self::Continue,
            reply::SMTP if payload.starts_with(b"450 4.7.1 ") => Self::TlsRequired,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Connect,
    PlainHelo,
    TlsHelo,
    Mail,
    Rcpt,
    Over,
}

/// One session, and where it has got to.
#[derive(Debug)]
pub struct Session {
    step: Step,
    tls: bool,
    left: u32,
    expected: Answer,
}

impl Session {
    /// One that has not begun.
    pub fn new(recipients: &Recipients, dice: &mut Dice) -> Self {
        let tls = dice.below(2) == 0;
        Self { step: Step::Connect, tls, left: recipients.count, expected: Answer::Other }
    }

    /// Goes on with another message.
    pub fn next_message(&mut self, recipients: &Recipients) {
        self.step = Step::Mail;
        self.left = recipients.count;
    }

    /// The right answer to the last RCPT.
    pub fn expected(&self) -> Answer {
        self.expected
    }

    /// Whether the last recipient was sent.
    pub fn is_over(&self) -> bool {
        matches!(self.step, Step::Over)
    }

    /// Appends events up to the first one that the milter answers, and returns that; `None` when
    /// nothing is left to send.
    pub fn send(
        &mut self,
        out: &mut Vec<u8>,
        terms: &Terms,
        recipients: &Recipients,
        dice: &mut Dice,
    ) -> Option<Stage> {
        loop {
            let stage = match self.step {
                Step::Connect => {
                    self.put_connect(out, terms);
                    self.step = Step::PlainHelo;
                    Stage::Connect
                }
                Step::PlainHelo => {
                    // Before STARTTLS nothing is encrypted, and no macro speaks of TLS.
                    put_helo(out, terms, false);
                    self.step = if self.tls { Step::TlsHelo } else { Step::Mail };
                    Stage::Helo
                }
                Step::TlsHelo => {
                    put_helo(out, terms, true);
                    self.step = Step::Mail;
                    Stage::Helo
                }
                Step::Mail => {
                    put_event(out, terms, Stage::Mail, self.tls, "", |out| {
                        put_string(out, "<sender@client.example.org>");
                        put_string(out, "SIZE=12345");
                    });
                    self.step = Step::Rcpt;
                    Stage::Mail
                }
                Step::Rcpt => {
                    self.put_rcpt(out, terms, dice.below(recipients.opted_in * 2));
                    Stage::Rcpt
                }
                Step::Over => return None,
            };
            if terms.wants(stage) && terms.answers(stage) {
                return Some(stage);
            }
        }
    }

    fn put_connect(&self, out: &mut Vec<u8>, terms: &Terms) {
        put_event(out, terms, Stage::Connect, false, "", |out| {
            put_string(out, "client.example.org");
            out.push(b'4');
            out.extend_from_slice(&40000u16.to_be_bytes());
            put_string(out, "192.0.2.25");
        });
    }

    fn put_rcpt(&mut self, out: &mut Vec<u8>, terms: &Terms, domain: u32) {
        let address = format!("user@d{domain}.example.net");
        let refused = domain.is_multiple_of(2) && !self.tls;
        self.expected = if refused { Answer::TlsRequired } else { Answer::Continue };
        put_event(out, terms, Stage::Rcpt, self.tls, &address, |out| {
            out.push(b'<');
            out.extend_from_slice(address.as_bytes());
            out.extend_from_slice(b">\0");
        });
        self.left -= 1;
        if self.left == 0 {
            self.step = Step::Over;
        }
    }
}

fn put_helo(out: &mut Vec<u8>, terms: &Terms, tls: bool) {
    put_event(out, terms, Stage::Helo, tls, "", |out| put_string(out, "client.example.org"));
}

/// Macros go out even for an event that the milter does not want, as from Postfix.
fn put_event(
    out: &mut Vec<u8>,
    terms: &Terms,
    stage: Stage,
    tls: bool,
    recipient: &str,
    payload: impl FnOnce(&mut Vec<u8>),
) {
    put_packet(out, command::MACROS, |out| {
        out.push(stage.command());
        for name in terms.macros(stage) {
            if let Some(value) = value_of(name, tls, recipient) {
                put_string(out, name);
                put_string(out, value);
            }
        }
    });
    if terms.wants(stage) {
        put_packet(out, stage.command(), payload);
    }
}

/// The value of a macro; `None` if it has none at this point of the session. `recipient` is empty
/// outside RCPT.
fn value_of<'a>(name: &str, tls: bool, recipient: &'a str) -> Option<&'a str> {
    Some(match name {
        "j" => "mx.example.net",
        "v" => "Postfix 3.7.11",
        "_" => "client.example.org [192.0.2.25]",
        "{daemon_name}" => "smtpd",
        "{daemon_addr}" => "127.0.0.1",
        "{daemon_port}" => "25",
        "{mail_addr}" => "sender@client.example.org",
        "{mail_host}" => "client.example.org",
        "{mail_mailer}" => "smtp",
        "{tls_version}" if tls => "TLSv1.3",
        "{cipher}" if tls => "TLS_AES_256_GCM_SHA384",
        "{cipher_bits}" if tls => "256",
        "i" if !recipient.is_empty() => "4Xk3rP2Zz9z1b",
        "{rcpt_mailer}" if !recipient.is_empty() => "smtp",
        "{rcpt_addr}" if !recipient.is_empty() => recipient,
        "{rcpt_host}" => recipient.split_once('@')?.1,
        _ => return None,
    })
}

/// Random enough to pick domains, and the same in each run (xorshift64*).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from 0 up to, not including, `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * u64::from(limit)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Packet, take_packet};
    use super::*;

    fn terms(options: u32) -> Terms {
        let answer: Vec<u8> = [6, 0, options].into_iter().flat_map(u32::to_be_bytes).collect();
        Terms::parse(&answer).unwrap()
    }

    fn commands(mut octets: &[u8]) -> String {
        let mut found = String::new();
        while let Packet::Complete { command, rest, .. } = take_packet(octets) {
            found.push(command as char);
            octets = rest;
        }
        found
    }

    fn a_session(tls: bool, count: u32) -> (Session, Recipients) {
        let session = Session { step: Step::Connect, tls, left: count, expected: Answer::Other };
        (session, Recipients { count, opted_in: 1 })
    }

    /// What is sent at a time, in a session with two recipients.
    fn sent(options: u32, tls: bool) -> Vec<String> {
        let (mut session, recipients) = a_session(tls, 2);
        let mut dice = Dice::new(1);
        let mut writes = Vec::new();
        loop {
            let mut out = Vec::new();
            if session.send(&mut out, &terms(options), &recipients, &mut dice).is_none() {
                return writes;
            }
            writes.push(commands(&out));
        }
    }

    #[test]
    fn every_event_waits_for_its_answer() {
        assert_eq!(sent(0, false), ["DC", "DH", "DM", "DR", "DR"]);
    }

    #[test]
    fn with_tls_there_are_two_helos() {
        assert_eq!(sent(0, true), ["DC", "DH", "DH", "DM", "DR", "DR"]);
    }

    #[test]
    fn macros_of_unwanted_events_travel_with_the_next_event() {
        assert_eq!(sent(0x7, false), ["DDDDR", "DR"]);
    }

    #[test]
    fn unanswered_events_travel_with_the_next_one() {
        assert_eq!(sent(0x7000, false), ["DCDHDMDR", "DR"]);
    }

    #[test]
    fn opted_in_domains_are_refused_without_tls_only() {
        for (tls, domain, expected) in [
            (false, 0, Answer::TlsRequired),
            (false, 1, Answer::Continue),
            (true, 0, Answer::Continue),
        ] {
            let (mut session, _) = a_session(tls, 1);
            session.put_rcpt(&mut Vec::new(), &terms(0), domain);
            assert_eq!(session.expected(), expected);
        }
    }
}
