//! The packets of the milter protocol: four octets of length, a letter, a payload.
//!
//! Letters and stages are indymilter's. Its parsers of payloads are not used: they copy, take no
//! `IPv6:` before an address (as Sendmail writes it), and no empty batch of macros (as Postfix
//! sends it). The letters of address families are written out here, since indymilter keeps its own
//! to itself.

use crate::session::{ConnectionInfo, Stage};
use indymilter::MacroStage;
use indymilter::message::command::CommandKind;
use policy::DomainName;
use std::net::IpAddr;

/// A longer packet is refused: SMTP commands are at most 2 KiB in Postfix and Sendmail, and all
/// macros together a few KiB.
pub(super) const MAX_PACKET: usize = 32 * 1024;
/// The same for header lines and pieces of the body, where an MTA sends them unasked: they are
/// not kept.
pub(super) const MAX_CONTENT: usize = 1024 * 1024;

/// The first packet in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First<'b> {
    /// Not all of it is there yet.
    Incomplete,
    /// Its length is 0, or more than is taken.
    BadLength(usize),
    /// A header line or a piece of the body: its letter, and how many octets are still to come.
    Content(u8, usize),
    /// Its letter, its payload, and what comes after it.
    Packet(u8, &'b [u8], &'b [u8]),
}

/// Splits the first packet off a buffer.
pub(super) fn split(buffer: &[u8]) -> First<'_> {
    let Some((length, rest)) = buffer.split_first_chunk::<4>() else {
        return First::Incomplete;
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_CONTENT {
        return First::BadLength(length);
    }
    let Some(letter) = rest.first() else {
        return First::Incomplete;
    };
    let command = CommandKind::try_from(*letter);
    let is_content = matches!(command, Ok(CommandKind::Header | CommandKind::BodyChunk));
    if length > MAX_PACKET && !is_content {
        return First::BadLength(length);
    }
    match rest.split_at_checked(length) {
        Some(([letter, payload @ ..], rest)) => First::Packet(*letter, payload, rest),
        _ if is_content => First::Content(*letter, length - rest.len()),
        _ => First::Incomplete,
    }
}

/// Appends a packet.
pub(super) fn write(out: &mut Vec<u8>, kind: impl Into<u8>, payload: &[u8]) {
    write_with(out, kind, |out| out.extend_from_slice(payload));
}

/// Appends a packet with the payload that `payload` appends.
pub(super) fn write_with(
    out: &mut Vec<u8>,
    kind: impl Into<u8>,
    payload: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind.into()]);
    payload(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// The first of the strings in a payload, each ended by NUL: the argument of MAIL and RCPT.
pub(super) fn argument(payload: &[u8]) -> Option<&[u8]> {
    let end = payload.iter().position(|octet| *octet == 0)?;
    payload.get(..end)
}

/// The size of the message in octets, where the parameters of MAIL announce one (RFC 1870, section 6).
pub(super) fn size(payload: &[u8]) -> Option<u64> {
    let parameters = payload.split(|octet| *octet == 0).skip(1);
    parameters
        .filter_map(|parameter| parameter.split_at_checked(b"SIZE=".len()))
        .find(|(name, _)| name.eq_ignore_ascii_case(b"SIZE="))
        .and_then(|(_, digits)| str::from_utf8(digits).ok()?.parse().ok())
}

/// A batch of macros: the stage it belongs to, and names and values. `None` for stages whose macros
/// are not read.
pub(super) fn macros(payload: &[u8]) -> Option<(Stage, &[u8])> {
    let (letter, batch) = payload.split_first()?;
    let stage = match MacroStage::try_from(*letter).ok()? {
        MacroStage::Connect => Stage::Connect,
        MacroStage::Helo => Stage::Helo,
        MacroStage::Mail => Stage::Mail,
        MacroStage::Rcpt => Stage::Rcpt,
        MacroStage::Data | MacroStage::Eoh | MacroStage::Eom => return None,
    };
    Some((stage, batch))
}

/// The client of a connection: host name, family, port, address. `None` if that cannot be read.
///
/// Sendmail writes IPv6 addresses with `IPv6:` before them.
pub(super) fn connection_info(payload: &[u8]) -> Option<ConnectionInfo> {
    let (name, rest) = payload.split_at_checked(payload.iter().position(|octet| *octet == 0)?)?;
    let name = client_name(name);
    match rest.get(1..)? {
        [b'4' | b'6', high, low, address @ ..] => {
            let text = str::from_utf8(argument(address)?).ok()?;
            let address: IpAddr = text.strip_prefix("IPv6:").unwrap_or(text).parse().ok()?;
            let port = u16::from_be_bytes([*high, *low]);
            Some(ConnectionInfo { name, address: Some(address.to_canonical()), port })
        }
        // A Unix socket (L), or a family that the MTA does not know (U).
        [b'L' | b'U', ..] => Some(ConnectionInfo { name, address: None, port: u16::MAX }),
        _ => None,
    }
}

/// The client's name, where the MTA knows one: Postfix says `unknown` and Sendmail gives the address
/// in brackets where the name and the address do not lead to each other.
fn client_name(octets: &[u8]) -> Option<DomainName> {
    let name = str::from_utf8(octets).ok().filter(|name| *name != "unknown")?;
    DomainName::parse(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_split_off_one_by_one() {
        let mut buffer = Vec::new();
        write(&mut buffer, b'R', b"<a@b.test>\0");
        write(&mut buffer, b'A', b"");
        let First::Packet(b'R', b"<a@b.test>\0", rest) = split(&buffer) else {
            panic!("{buffer:?}")
        };
        assert_eq!(split(rest), First::Packet(b'A', b"", b""));
        for cut in 0..buffer.len() - rest.len() {
            assert_eq!(split(&buffer[..cut]), First::Incomplete, "{cut}");
        }
    }

    #[test]
    fn packets_without_a_letter_or_too_long_are_refused() {
        assert_eq!(split(b"\0\0\0\0A"), First::BadLength(0));
        assert_eq!(split(b"\xff\xff\xff\xffA"), First::BadLength(0xffff_ffff));
        assert_eq!(split(b"\0\0\x80\x01R"), First::BadLength(MAX_PACKET + 1));
        assert_eq!(split(b"\0\0\x80\0R"), First::Incomplete);
        assert_eq!(split(b"\0\x10\0\x01B"), First::BadLength(MAX_CONTENT + 1));
        assert_eq!(split(b"\0\x10\0\0Bbody"), First::Content(b'B', MAX_CONTENT - 5));
    }

    #[test]
    fn clients_are_read_as_postfix_and_sendmail_give_them() {
        for (payload, address, port) in [
            (&b"localhost\x004\xd6R127.0.0.1\0"[..], Some("127.0.0.1"), 54866),
            (b"[::1]\x006\xcdV::1\0", Some("::1"), 52566),
            (b"localhost\x006\xac\x94IPv6:0:0:0:0:0:0:0:1\0", Some("::1"), 44180),
            (b"x\x006\0\x01::ffff:192.0.2.1\0", Some("192.0.2.1"), 1),
            (b"localhost\0L\0\0/run/socket\0", None, u16::MAX),
            (b"localhost\0U", None, u16::MAX),
        ] {
            let info = connection_info(payload).unwrap();
            assert_eq!(info.address, address.map(|text| text.parse().unwrap()), "{payload:?}");
            assert_eq!(info.port, port);
        }
        for (name, shown) in [
            ("mail.Example.NET", Some("mail.example.net")),
            ("unknown", None),
            ("[192.0.2.1]", None),
            ("a b", None),
            ("", None),
        ] {
            let info = connection_info(format!("{name}\x004\0\x01192.0.2.1\0").as_bytes()).unwrap();
            assert_eq!(info.name.as_ref().map(DomainName::as_str), shown, "{name}");
        }
        for payload in [
            &b""[..],
            b"host",
            b"host\0",
            b"host\x004",
            b"host\x004\0\0nonsense\0",
            b"host\x004\0\x001.2.3.4",
            b"host\0X",
        ] {
            assert_eq!(connection_info(payload), None, "{payload:?}");
        }
    }
}
