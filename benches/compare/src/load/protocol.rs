//! The parts of the milter protocol that an MTA needs: packets, negotiation, lists of macros.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Commands of the MTA.
pub mod command {
    /// The offer, and the milter's answer to it.
    pub const NEGOTIATE: u8 = b'O';
    /// Macros of the event that follows.
    pub const MACROS: u8 = b'D';
    /// The message is at its end.
    pub const ABORT: u8 = b'A';
    /// The connection is at its end.
    pub const QUIT: u8 = b'Q';
}

/// Answers of the milter.
pub mod reply {
    /// Go on.
    pub const CONTINUE: u8 = b'c';
    /// An SMTP reply, as text.
    pub const SMTP: u8 = b'y';
    /// The milter needs more time.
    pub const PROGRESS: u8 = b'p';
}

const VERSION: u32 = 6;
/// All that Postfix offers: SMFIF_* and SMFIP_* of the protocol's version 6.
const OFFERED_ACTIONS: u32 = 0x1ff;
const OFFERED_OPTIONS: u32 = 0x1f_ffff;
const LONGEST_PACKET: usize = 64 * 1024;

/// An event that can have macros. Its number is that of its list of macros, and gives its options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// The client has connected.
    Connect,
    /// HELO or EHLO.
    Helo,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Connect, Self::Helo, Self::Mail, Self::Rcpt];

    /// The letter of its command.
    pub fn command(self) -> u8 {
        match self {
            Self::Connect => b'C',
            Self::Helo => b'H',
            Self::Mail => b'M',
            Self::Rcpt => b'R',
        }
    }

    /// SMFIP_NOCONNECT to SMFIP_NORCPT.
    fn unwanted(self) -> u32 {
        1 << self as u32
    }

    /// SMFIP_NR_CONN to SMFIP_NR_RCPT.
    fn unanswered(self) -> u32 {
        0x1000 << self as u32
    }

    /// What Postfix sends to a milter that asks for no macros.
    fn default_macros(self) -> &'static str {
        match self {
            Self::Connect => "j {daemon_name} {daemon_addr} v _",
            Self::Helo => "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
            Self::Mail => {
                "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}"
            }
            Self::Rcpt => "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
        }
    }
}

/// What the milter asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    options: u32,
    macros: [Vec<String>; 4],
}

impl Terms {
    /// The milter's answer to the offer: version, actions, options, lists of macros. `None` where
    /// Postfix would give the milter up.
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let (words, mut rest) = answer.split_at_checked(12)?;
        let mut words = words.chunks_exact(4).map(number);
        let (version, _actions, options) = (words.next()?, words.next()?, words.next()?);
        if !(2..=VERSION).contains(&version) || options & !OFFERED_OPTIONS != 0 {
            return None;
        }
        let split = |list: &str| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let defaults = Stage::ALL.map(|stage| split(stage.default_macros()));
        if rest.is_empty() {
            return Some(Self { options, macros: defaults });
        }
        // Once there is any list, Postfix sends nothing at the stages that have none.
        let mut macros: [Vec<String>; 4] = Default::default();
        while let Some((stage, list)) = rest.split_first_chunk::<4>() {
            let stage = number(stage) as usize;
            let end = list.iter().position(|octet| *octet == 0)?;
            let (names, after) = list.split_at(end);
            if let (Some(slot), Some(default)) = (macros.get_mut(stage), defaults.get(stage)) {
                let names = split(&String::from_utf8_lossy(names));
                // An empty list stands for the defaults.
                *slot = if names.is_empty() { default.clone() } else { names };
            }
            rest = after.get(1..)?;
        }
        Some(Self { options, macros })
    }

    /// Whether the milter wants to be told of the event.
    pub fn wants(&self, stage: Stage) -> bool {
        self.options & stage.unwanted() == 0
    }

    /// Whether the milter answers the event.
    pub fn answers(&self, stage: Stage) -> bool {
        self.options & stage.unanswered() == 0
    }

    /// The names of the macros that the milter wants with the event.
    pub fn macros(&self, stage: Stage) -> &[String] {
        &self.macros[stage as usize]
    }
}

fn number(octets: impl AsRef<[u8]>) -> u32 {
    octets.as_ref().iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
}

/// Appends a packet; `payload` appends what follows the command.
pub fn put_packet(out: &mut Vec<u8>, command: u8, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, command]);
    payload(out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends a string and its NUL.
pub fn put_string(out: &mut Vec<u8>, string: &str) {
    out.extend_from_slice(string.as_bytes());
    out.push(0);
}

/// Appends the offer that begins a connection.
pub fn put_offer(out: &mut Vec<u8>) {
    put_packet(out, command::NEGOTIATE, |out| {
        for word in [VERSION, OFFERED_ACTIONS, OFFERED_OPTIONS] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    });
}

/// What stands at the head of received octets.
pub enum Packet<'a> {
    /// More has to be read.
    Incomplete,
    /// Its length is out of all bounds.
    Invalid,
    /// A whole packet.
    Complete {
        /// Its first octet.
        command: u8,
        /// What follows that.
        payload: &'a [u8],
        /// What follows the packet.
        rest: &'a [u8],
    },
}

/// Takes the packet at the head of `octets`.
pub fn take_packet(octets: &[u8]) -> Packet<'_> {
    let Some((length, rest)) = octets.split_first_chunk::<4>() else { return Packet::Incomplete };
    let length = number(length) as usize;
    if length == 0 || length > LONGEST_PACKET {
        return Packet::Invalid;
    }
    match rest.split_at_checked(length) {
        Some(([command, payload @ ..], rest)) => {
            Packet::Complete { command: *command, payload, rest }
        }
        _ => Packet::Incomplete,
    }
}

/// Whether a milter negotiates at this socket.
pub fn is_served(socket: &Path) -> bool {
    let negotiate = || -> io::Result<()> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut packets = Vec::new();
        put_offer(&mut packets);
        stream.write_all(&packets)?;
        stream.read_exact(&mut [0; 5])?;
        packets.clear();
        put_packet(&mut packets, command::QUIT, |_| ());
        stream.write_all(&packets)
    };
    negotiate().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(options: u32, macros: &[(u32, &str)]) -> Vec<u8> {
        let mut answer: Vec<u8> =
            [VERSION, 0x100, options].into_iter().flat_map(u32::to_be_bytes).collect();
        for (stage, list) in macros {
            answer.extend_from_slice(&stage.to_be_bytes());
            put_string(&mut answer, list);
        }
        answer
    }

    #[test]
    fn the_terms_hold_unwanted_and_unanswered_events() {
        let terms = Terms::parse(&answer(0x1 | 0x2000, &[])).unwrap();
        assert!(!terms.wants(Stage::Connect) && terms.wants(Stage::Helo));
        assert!(!terms.answers(Stage::Helo) && terms.answers(Stage::Mail));
    }

    #[test]
    fn a_milter_that_asks_for_no_macros_gets_the_defaults() {
        let terms = Terms::parse(&answer(0, &[])).unwrap();
        assert_eq!(terms.macros(Stage::Rcpt).join(" "), Stage::Rcpt.default_macros());
    }

    #[test]
    fn once_any_list_is_sent_there_is_nothing_at_the_stages_without() {
        let terms = Terms::parse(&answer(0, &[(1, ""), (2, "i {auth_type}")])).unwrap();
        assert_eq!(terms.macros(Stage::Helo).join(" "), Stage::Helo.default_macros());
        assert_eq!(terms.macros(Stage::Mail), ["i", "{auth_type}"]);
        assert!(terms.macros(Stage::Connect).is_empty() && terms.macros(Stage::Rcpt).is_empty());
    }

    #[test]
    fn terms_beyond_the_offer_are_refused() {
        assert_eq!(Terms::parse(&answer(1 << 30, &[])), None);
        assert_eq!(Terms::parse(&answer(0, &[])[..11]), None);
    }

    #[test]
    fn packets_are_taken_only_when_they_are_whole() {
        let mut out = Vec::new();
        put_packet(&mut out, reply::CONTINUE, |_| ());
        assert!(matches!(
            take_packet(&out),
            Packet::Complete { command: reply::CONTINUE, payload: [], rest: [] }
        ));
        assert!(matches!(take_packet(&out[..4]), Packet::Incomplete));
        assert!(matches!(take_packet(&[0, 0, 0, 0, 0]), Packet::Invalid));
    }
}
