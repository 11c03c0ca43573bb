//! What a hostile or broken MTA sends: recordings of real ones with something wrong in them, packets
//! made up, and octets that are no packets at all.

use super::model::{LONGEST, LONGEST_CONTENT};
use crate::random::Random;
use crate::recordings::Recording;
use crate::support::{ALL_OPTIONS, batch, frame};
use std::{collections::BTreeMap, fmt};

/// The packets of one recorded milter connection, each with its length.
pub type Recorded = Vec<Vec<u8>>;

/// The milter connections of a recording.
pub fn connections(recording: &Recording) -> Vec<Recorded> {
    let mut connections = BTreeMap::<u32, Recorded>::new();
    for (connection, packet) in &recording.packets {
        connections.entry(*connection).or_default().push(packet.clone());
    }
    connections.into_values().collect()
}

/// How the MTA goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Sends all, reads all answers, and ends the connection.
    Whole,
    /// The same, in small pieces.
    Pieces,
    /// Sends all and is gone, without a look at the answers.
    Gone,
    /// Sends all, reads all answers, and then says nothing for a long time.
    Silent,
    /// Reads no answers before nothing more can be sent, and then all of them.
    Slow,
    /// Reads no answers before nothing more can be sent, and is gone then.
    Deaf,
}

/// One connection of a hostile MTA.
#[derive(Debug)]
pub struct Attack {
    pub manner: Manner,
    /// Over TCP; else over the Unix socket.
    pub tcp: bool,
    pub octets: Vec<u8>,
}

/// Words that MTAs say, and that they do not.
const WORDS: &[&[u8]] = &[
    b"{tls_version}\0TLSv1.3\0{cipher}\0TLS_AES_256_GCM_SHA384\0{cipher_bits}\x00256\0",
    b"{tls_version}\0TLSv1.2\0{cipher}\0RC4-SHA\0{cipher_bits}\x00128\0",
    b"{tls_version}\0\0{cipher}\0\0",
    b"TLSv1.3",
    b"SSLv3",
    b"TLS_AES_256_GCM_SHA384",
    b"j\0mx.test\0",
    b"j\0\0",
    b"{daemon_port}\x000\0",
    b"{auth_authen}\0somebody\0",
    b"<u@zz.test>\0",
    b"{rcpt_addr}\0u@zz.test\0",
    b"{rcpt_host}\0zz.test\0",
    b"\r\n2026-11-24T00:00:00.000000Z  INFO recipient accepted verdict=accept reason=adequate\r\n",
    b"\" verdict=accept \"",
    b"\"verdict\":\"accept\"",
    b"%s%n%%",
    b"\x1b[2J\x9b\x07",
    b"\xff\xfe\xc0\x80",
    "\u{202e}\u{fffd}\u{e4}\u{2028}".as_bytes(),
    b"\0",
    b"\0\0\0\0",
    b"<>",
    b"@",
    b"\t \x0b\x0c\x7f",
];

/// Arguments of RCPT and MAIL.
const ADDRESSES: &[&[u8]] = &[
    b"<u@example.com>",
    b"<u@zz.test>",
    b"<u@zm.test>",
    b"<u@kk.test>",
    b"<a@zz.test>,<b@example.com>",
    b"<@zz.test:u@example.com>",
    b"<u%example.com@zz.test>",
    b"<example.com!u@zz.test>",
    b"<\"u\r\n verdict=accept\"@example.com>",
    b"<u@[192.0.2.1]>",
    b"<postmaster>",
    b"<>",
    b"",
    b"<u@zz.test",
    b"<u@\xffexample.com>",
    "<u@\u{ff45}xample.com>".as_bytes(),
];

/// Clients, as they are announced.
const CLIENTS: &[&[u8]] = &[
    b"client\x004\x30\x39203.0.113.9\0",
    b"localhost\x004\0\x00127.0.0.1\0",
    b"client\x006\x30\x39IPv6:2001:db8:0:0:0:0:0:1\0",
    b"client\x004\x30\x39\xff\xfe\0",
    b"\xff\x004\x30\x39203.0.113.9 verdict=accept\0",
    b"client\0L\0\0/run/socket\0",
    b"client\0U",
    b"client\x004",
    b"client",
];

/// What speaks another protocol, or none.
const OTHERS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: mx.test\r\n\r\n",
    b"EHLO client.test\r\nMAIL FROM:<a@b.test>\r\n",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    b"\0\0\0",
    b"\0\0\0\x0dO\0\0\0\x01\0\0\x01\xff\0\x1f\xff\xff",
    b"",
];

const LETTERS: &[u8] = b"CDHMRRRTLNBEAKUDDMRO";

impl Attack {
    /// The attack of this number.
    pub fn new(random: &mut Random, recorded: &[Recorded]) -> Self {
        let manner = match random.below(1000) {
            0..750 => Manner::Whole,
            750..850 => Manner::Pieces,
            850..940 => Manner::Gone,
            940..990 => Manner::Silent,
            990..995 => Manner::Slow,
            _ => Manner::Deaf,
        };
        let octets = match manner {
            Manner::Slow | Manner::Deaf => flood(random),
            _ => octets(random, recorded),
        };
        Self { manner, tcp: random.one_in(8), octets }
    }

    /// Sends this over TCP, and is gone by a reset.
    pub fn gone(octets: &[u8]) -> Self {
        Self { manner: Manner::Gone, tcp: true, octets: octets.to_vec() }
    }

    /// Whether all answers are read, so that all of it has been judged.
    pub fn is_read(&self) -> bool {
        !matches!(self.manner, Manner::Gone | Manner::Deaf)
    }
}

/// The beginning is enough to know it by.
impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manner, tcp, octets } = self;
        let begin = octets[..octets.len().min(4000)].escape_ascii();
        write!(f, "{manner:?}, tcp: {tcp}, {} octets: {begin}", octets.len())
    }
}

/// A session and a message as they should be.
pub fn clean_stream() -> Vec<u8> {
    [clean_session(), clean_message()].concat().concat()
}

fn octets(random: &mut Random, recorded: &[Recorded]) -> Vec<u8> {
    let mut packets = match random.below(1000) {
        0..800 => random.pick(recorded),
        800..960 => made_up(random),
        960..965 => crowd(random),
        _ => {
            let length = random.below(200);
            return [random.pick(OTHERS), &noise(random, length)].concat();
        }
    };
    for _ in 0..random.below(6) {
        mutate(random, &mut packets);
    }
    if random.one_in(2) {
        packets.extend(bare_message());
        packets.extend(clean_message());
    }
    let mut octets = packets.concat();
    if random.one_in(6) {
        octets.truncate(random.below(octets.len() + 1));
    }
    octets
}

fn noise(random: &mut Random, length: usize) -> Vec<u8> {
    (0..=u8::MAX)
        .map(|octet| octet.rotate_left(3))
        .cycle()
        .skip(random.below(256))
        .step_by(1 + random.below(100))
        .take(length)
        .collect()
}

/// Packets of all kinds, after a negotiation.
fn made_up(random: &mut Random) -> Vec<Vec<u8>> {
    let actions = random.pick(&[0x1ff, 0xff, 0, u32::MAX]);
    let options = random.pick(&[ALL_OPTIONS, 0, 0x7f, u32::MAX]);
    let offer = [random.pick(&[2, 3, 6, 7, u32::MAX]), actions, options];
    let mut packets = vec![frame(b'O', &offer.map(u32::to_be_bytes).concat())];
    packets.extend((0..random.below(40)).map(|_| any_packet(random)));
    packets
}

fn any_packet(random: &mut Random) -> Vec<u8> {
    let letter = if random.one_in(300) { noise(random, 1)[0] } else { random.pick(LETTERS) };
    let payload = match letter {
        b'D' => any_macros(random),
        b'M' | b'R' => [random.pick(ADDRESSES), b"\0"].concat(),
        b'C' => random.pick(CLIENTS).to_vec(),
        b'O' if !random.one_in(50) => return frame(b'A', b""),
        _ => {
            let most = if random.one_in(50) { LONGEST - 1 } else { 40 };
            let length = random.below(most);
            noise(random, length)
        }
    };
    frame(letter, &payload)
}

fn any_macros(random: &mut Random) -> Vec<u8> {
    let mut payload = vec![random.pick(b"RRRRMHCT\0")];
    if !random.one_in(3) {
        payload.extend_from_slice(b"j\0mx.test\0");
    }
    for _ in 0..random.below(4) {
        payload.extend_from_slice(random.pick(WORDS));
    }
    if random.one_in(30) {
        let room = LONGEST - 1 - payload.len();
        payload.extend(b"{cipher}\0x\0".iter().cycle().take(random.below(room)));
    }
    payload
}

/// A message to thousands of recipients, with macros of their own or without.
fn crowd(random: &mut Random) -> Vec<Vec<u8>> {
    let mut packets = clean_session();
    let macros = random.one_in(2).then(|| frame(b'D', &any_macros(random)));
    for _ in 0..500 + random.below(2500) {
        packets.extend(macros.clone());
        packets.push(frame(b'R', &[random.pick(ADDRESSES), b"\0"].concat()));
    }
    packets
}

/// More than the buffers of a socket hold, and all of it to be answered.
fn flood(random: &mut Random) -> Vec<u8> {
    let mut octets = clean_session().concat();
    let packet = frame(b'R', &[random.pick(ADDRESSES), b"\0"].concat());
    octets.extend(packet.repeat(1000 + random.below(4000)));
    octets.extend(clean_message().concat());
    octets
}

fn clean_session() -> Vec<Vec<u8>> {
    vec![
        frame(b'O', &[6, 0x1ff, ALL_OPTIONS].map(u32::to_be_bytes).concat()),
        frame(b'C', b"client\x004\x30\x39203.0.113.9\0"),
        frame(b'M', b"<a@b.test>\0"),
    ]
}

/// A message of which the MTA tells nothing, whatever it has told of the one before.
fn bare_message() -> [Vec<u8>; 4] {
    let told = [&b"M"[..], WORDS[0]].concat();
    [
        frame(b'D', &told),
        frame(b'E', b""),
        frame(b'M', b"<a@b.test>\0"),
        frame(b'R', b"<u@example.com>\0"),
    ]
}

/// A message as it should be, after whatever was before: refused, taken, not judged, and refused
/// because the MTA tells nothing.
fn clean_message() -> Vec<Vec<u8>> {
    let j = ("j", "mx.test");
    let tls = [
        j,
        ("{tls_version}", "TLSv1.3"),
        ("{cipher}", "TLS_AES_256_GCM_SHA384"),
        ("{cipher_bits}", "256"),
    ];
    vec![
        frame(b'A', b""),
        frame(b'D', &batch(b'M', &[j, ("{mail_addr}", "a@b.test")])),
        frame(b'M', b"<a@b.test>\0"),
        frame(b'D', &batch(b'R', &[j])),
        frame(b'R', b"<u@example.com>\0"),
        frame(b'D', &batch(b'R', &tls)),
        frame(b'R', b"<u@example.com>\0"),
        frame(b'D', &batch(b'R', &[j])),
        frame(b'R', b"<u@zz.test>\0"),
        frame(b'R', b"<u@example.com>\0"),
    ]
}

/// Makes one thing wrong.
fn mutate(random: &mut Random, packets: &mut Vec<Vec<u8>>) {
    if packets.is_empty() {
        return;
    }
    let at = random.below(packets.len());
    let other = random.below(packets.len());
    match random.below(20) {
        0 => drop(packets.remove(at)),
        1 => packets.swap(at, other),
        2 => {
            let most = if random.one_in(20) { 1000 } else { 10 };
            let copies = 1 + random.below(most);
            let packet = packets[at].clone();
            packets.splice(at..at, std::iter::repeat_n(packet, copies));
        }
        3..7 => packets.insert(at, any_packet(random)),
        7 => packets[at] = frame(random.pick(LETTERS), &packets[at][5..]),
        8 => lie_about_length(random, &mut packets[at]),
        9 => packets.push(content(random)),
        10 => redirect(random, packets),
        // Macros of another stage.
        11 if packets[at].len() > 5 => packets[at][5] = random.pick(b"CHMRT"),
        _ => {
            let mut payload = packets[at].split_off(5);
            mutate_payload(random, &mut payload);
            packets[at] = frame(packets[at][4], &payload);
        }
    }
}

fn mutate_payload(random: &mut Random, payload: &mut Vec<u8>) {
    let at = random.below(payload.len() + 1);
    match random.below(6) {
        0 if at < payload.len() => payload[at] ^= 1 << random.below(8),
        1 => payload.truncate(at),
        2 => drop(payload.drain(at..(at + random.below(8)).min(payload.len()))),
        3 => payload.extend_from_slice(random.pick(WORDS)),
        4 => {
            let long = random.pick(WORDS).repeat(1 + random.below(300));
            payload.splice(at..at, long.into_iter().take(LONGEST / 2));
        }
        _ => drop(payload.splice(at..at, random.pick(WORDS).iter().copied())),
    }
    payload.truncate(LONGEST - 1);
}

/// The length in front no longer is that of the packet.
fn lie_about_length(random: &mut Random, packet: &mut [u8]) {
    let length = packet.len() - 4;
    let edges = [LONGEST, LONGEST + 1, LONGEST_CONTENT, LONGEST_CONTENT + 1, usize::MAX, 1 << 31];
    let lie = match random.below(6) {
        0 => 0,
        1 => 1,
        2 => length + 1,
        3 => length - 1,
        4 => random.pick(&edges),
        _ => random.below(1 << 16),
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is wrong may be cut off")]
    packet[..4].copy_from_slice(&(lie as u32).to_be_bytes());
}

/// A piece of a body, or the beginning of a header line that never ends.
fn content(random: &mut Random) -> Vec<u8> {
    let most = if random.one_in(10) { LONGEST_CONTENT } else { LONGEST };
    let length = random.below(most);
    frame(random.pick(b"LB"), &vec![b'x'; length])
}

/// All recipients of the connection become one that is not enforced, or that is odd.
fn redirect(random: &mut Random, packets: &mut [Vec<u8>]) {
    let address = random.pick(ADDRESSES);
    for packet in packets.iter_mut().filter(|packet| packet.get(4) == Some(&b'R')) {
        *packet = frame(b'R', &[address, b"\0"].concat());
    }
}
