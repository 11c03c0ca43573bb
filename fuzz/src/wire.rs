//! The milter protocol as an MTA speaks it, and conversations made up from fuzzing input.

use arbitrary::{Arbitrary, Unstructured};

/// The longest packet that is answered; a longer one ends the conversation.
const LONGEST: usize = 32 * 1024;
/// The same for headers and pieces of the body.
const LONGEST_CONTENT: usize = 1024 * 1024;

/// A letter and what comes after it.
pub type Packet = (u8, Vec<u8>);

/// What happens to a conversation.
#[derive(Clone, Debug)]
pub enum Event {
    /// The MTA sends a packet.
    Packet(Packet),
    /// Another policy comes into force.
    Reload,
}

/// Stands in place of a packet's letter for [`Event::Reload`].
const RELOAD: u8 = b'~';

/// A packet as it goes over the wire.
#[must_use]
pub fn frame((letter, payload): &Packet) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).unwrap();
    let mut frame = length.to_be_bytes().to_vec();
    frame.push(*letter);
    frame.extend_from_slice(payload);
    frame
}

/// The whole packets at the beginning of a stream, and whether a length that is none comes next.
#[must_use]
pub fn split(mut stream: &[u8]) -> (Vec<Packet>, bool) {
    let mut packets = Vec::new();
    while stream.len() >= 4 {
        let length = u32::from_be_bytes([stream[0], stream[1], stream[2], stream[3]]) as usize;
        let is_content = matches!(stream.get(4), None | Some(b'L' | b'B'));
        if length == 0 || length > if is_content { LONGEST_CONTENT } else { LONGEST } {
            return (packets, true);
        }
        if stream.len() < 4 + length {
            break;
        }
        packets.push((stream[4], stream[5..4 + length].to_vec()));
        stream = &stream[4 + length..];
    }
    (packets, false)
}

/// The macros of a batch: names without braces, and values.
#[must_use]
pub fn pairs(batch: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let texts: Vec<&[u8]> = batch.split(|octet| *octet == 0).collect();
    texts.chunks_exact(2).map(|pair| (without_braces(pair[0]).to_vec(), pair[1].to_vec())).collect()
}

fn without_braces(name: &[u8]) -> &[u8] {
    match name {
        [b'{', inner @ .., b'}'] => inner,
        _ => name,
    }
}

/// What an MTA that offers all, or the least, begins with.
#[must_use]
pub fn negotiation(lists: bool, options: bool) -> Vec<u8> {
    let actions: u32 = if lists { 0x1ff } else { 0xff };
    let options: u32 = if options { 0x1f_ffff } else { 0 };
    frame(&(b'O', [6, actions, options].map(u32::to_be_bytes).concat()))
}

/// Packets from a text in which each ends with the octet 255, which no MTA has been seen to send.
/// An octet that is put in or left out anywhere then changes one packet only.
#[must_use]
pub fn events_of_pieces(text: &[u8]) -> Vec<Event> {
    text.split(|octet| *octet == 0xff)
        .filter_map(|piece| piece.split_first())
        .map(|(letter, payload)| match *letter {
            RELOAD => Event::Reload,
            letter => Event::Packet((letter, payload.to_vec())),
        })
        .collect()
}

/// Packets that a confused or hostile MTA could send, in any order.
#[must_use]
pub fn events_of_steps(input: &[u8]) -> Vec<Event> {
    let mut input = Unstructured::new(input);
    let mut events = Vec::new();
    while !input.is_empty() && events.len() < 200 {
        let Ok(step) = Step::arbitrary(&mut input) else {
            break;
        };
        events.push(step.into_event());
    }
    events
}

#[derive(Arbitrary, Debug)]
enum Step {
    Macros(Stage, Vec<(Name, Value)>),
    RcptMacros(Tls, Vec<(Name, Value)>),
    Mail(Text),
    Rcpt(Text),
    Connect(Client),
    Helo,
    EndOfBody,
    Abort,
    NewConnection,
    Reload,
    Letter(Letter, Vec<u8>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Stage {
    Connect,
    Helo,
    Mail,
    Rcpt,
    Data,
}

/// The macros of TLS as they are in most sessions.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Tls {
    None,
    Empty,
    Modern,
    Certified,
    Static,
    Old,
    Broken,
}

#[derive(Arbitrary, Debug)]
enum Name {
    J,
    Version,
    Cipher,
    Bits,
    Address,
    Host,
    AuthType,
    Authenticated,
    DaemonPort,
    QueueId,
    Subject,
    Verify,
    Other(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Value {
    Empty,
    Zero,
    Host,
    Modern,
    ModernCipher,
    StaticCipher,
    OldCipher,
    Address,
    Strict,
    Partner,
    Other(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Text {
    Plain,
    Strict,
    Local,
    Null,
    Other(Vec<u8>),
    Cut,
}

#[derive(Arbitrary, Debug)]
enum Client {
    Inet4(u16),
    Loopback(u16),
    Inet6,
    Unix,
    Unknown,
    Other(Vec<u8>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Letter {
    Data,
    Header,
    EndOfHeaders,
    Body,
    Unknown,
    Quit,
    Negotiate,
    Other(u8),
}

impl Step {
    fn into_event(self) -> Event {
        let batch = |stage: u8, pairs: Vec<(Name, Value)>| {
            let mut batch = vec![stage];
            for (name, value) in pairs {
                batch.extend(name.octets());
                batch.push(0);
                batch.extend(value.octets());
                batch.push(0);
            }
            batch
        };
        Event::Packet(match self {
            Self::Macros(stage, pairs) => {
                let stage = match stage {
                    Stage::Connect => b'C',
                    Stage::Helo => b'H',
                    Stage::Mail => b'M',
                    Stage::Rcpt => b'R',
                    Stage::Data => b'T',
                };
                (b'D', batch(stage, pairs))
            }
            Self::RcptMacros(tls, pairs) => {
                let mut before = batch(b'R', vec![(Name::J, Value::Host)]);
                before.extend(tls.octets());
                before.extend(batch(b'R', pairs).split_off(1));
                (b'D', before)
            }
            Self::Mail(text) => (b'M', text.octets()),
            Self::Rcpt(text) => (b'R', text.octets()),
            Self::Connect(client) => (b'C', client.octets()),
            Self::Helo => (b'H', b"client.test\0".to_vec()),
            Self::EndOfBody => (b'E', Vec::new()),
            Self::Abort => (b'A', Vec::new()),
            Self::NewConnection => (b'K', Vec::new()),
            Self::Reload => return Event::Reload,
            Self::Letter(letter, payload) => {
                let letter = match letter {
                    Letter::Data => b'T',
                    Letter::Header => b'L',
                    Letter::EndOfHeaders => b'N',
                    Letter::Body => b'B',
                    Letter::Unknown => b'U',
                    Letter::Quit => b'Q',
                    Letter::Negotiate => b'O',
                    Letter::Other(letter) => letter,
                };
                (letter, payload)
            }
        })
    }
}

impl Tls {
    fn octets(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Empty => b"{tls_version}\0\0{cipher}\0\0",
            Self::Modern => {
                b"{tls_version}\0TLSv1.3\0{cipher}\0TLS_AES_256_GCM_SHA384\0{cipher_bits}\x00256\0"
            }
            Self::Certified => {
                b"{tls_version}\0TLSv1.3\0{cipher}\0TLS_AES_256_GCM_SHA384\0\
                  {cert_subject}\0mx.partner.example\0{cert_issuer}\0Example CA\0"
            }
            Self::Static => b"{tls_version}\0TLSv1.2\0{cipher}\0AES256-SHA\0",
            Self::Old => b"{tls_version}\0SSLv3\0{cipher}\0RC4-SHA\0{cipher_bits}\x00128\0",
            Self::Broken => b"{cipher}\0TLS_AES_256_GCM_SHA384\0{tls_version}\0TLSv1\0",
        }
    }
}

impl Name {
    fn octets(self) -> Vec<u8> {
        match self {
            Self::J => b"j".to_vec(),
            Self::Version => b"{tls_version}".to_vec(),
            Self::Cipher => b"{cipher}".to_vec(),
            Self::Bits => b"{cipher_bits}".to_vec(),
            Self::Address => b"{rcpt_addr}".to_vec(),
            Self::Host => b"{rcpt_host}".to_vec(),
            Self::AuthType => b"{auth_type}".to_vec(),
            Self::Authenticated => b"{auth_authen}".to_vec(),
            Self::DaemonPort => b"{daemon_port}".to_vec(),
            Self::QueueId => b"i".to_vec(),
            Self::Subject => b"{cert_subject}".to_vec(),
            Self::Verify => b"{verify}".to_vec(),
            Self::Other(octets) => octets,
        }
    }
}

impl Value {
    fn octets(self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Zero => b"0".to_vec(),
            Self::Host => b"mx.test".to_vec(),
            Self::Modern => b"TLSv1.3".to_vec(),
            Self::ModernCipher => b"TLS_AES_128_GCM_SHA256".to_vec(),
            Self::StaticCipher => b"AES256-SHA".to_vec(),
            Self::OldCipher => b"RC4-MD5".to_vec(),
            Self::Address => b"user@free.example".to_vec(),
            Self::Strict => b"user@strict.example".to_vec(),
            Self::Partner => b"mx.partner.example".to_vec(),
            Self::Other(octets) => octets,
        }
    }
}

impl Text {
    /// With the NUL at the end, where it is not cut off.
    fn octets(self) -> Vec<u8> {
        match self {
            Self::Plain => b"<user@free.example>\0".to_vec(),
            Self::Strict => b"<user@strict.example>\0".to_vec(),
            Self::Local => b"<postmaster>\0".to_vec(),
            Self::Null => b"<>\0".to_vec(),
            Self::Other(mut octets) => {
                octets.push(0);
                octets
            }
            Self::Cut => b"<user@free.example>".to_vec(),
        }
    }
}

impl Client {
    fn octets(self) -> Vec<u8> {
        let inet = |family: u8, port: u16, address: &[u8]| {
            let port = port.to_be_bytes();
            [&b"client.test\0"[..], &[family], &port, address, b"\0"].concat()
        };
        match self {
            Self::Inet4(port) => inet(b'4', port, b"203.0.113.9"),
            Self::Loopback(port) => inet(b'4', port, b"127.0.0.1"),
            Self::Inet6 => inet(b'6', 12345, b"IPv6:2001:db8:0:0:0:0:0:1"),
            Self::Unix => b"localhost\0L\0\0/run/socket\0".to_vec(),
            Self::Unknown => b"localhost\0U".to_vec(),
            Self::Other(octets) => octets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_split_as_it_was_framed() {
        let packets = [(b'A', Vec::new()), (b'R', b"<a@b.test>\0".to_vec())];
        let mut stream: Vec<u8> = packets.iter().flat_map(frame).collect();
        assert_eq!(split(&stream), (packets.to_vec(), false));
        stream.truncate(stream.len() - 1);
        assert_eq!(split(&stream), (packets[..1].to_vec(), false));
        assert_eq!(split(b"\0\0\0\0"), (Vec::new(), true));
    }

    #[test]
    fn a_batch_is_names_and_values() {
        let text = |text: &str| text.as_bytes().to_vec();
        assert_eq!(
            pairs(b"j\0mx\0{cipher}\0\0"),
            [(text("j"), text("mx")), (text("cipher"), text(""))]
        );
        assert_eq!(pairs(b""), []);
    }
}
