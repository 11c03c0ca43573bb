//! What is asked of the MTA when a connection begins.
//!
//! The milter asks for the least that judging needs: the client, MAIL and RCPT, and an answer only to
//! RCPT. It does without all that the MTA does not offer: Sendmail gives up a milter that asks for an
//! option which Sendmail does not know.

use super::packet;
use indymilter::message::{PROTOCOL_VERSION, Version, reply::ReplyKind};
use indymilter::{Actions, MacroStage, ProtoOpts};

/// The newest version of the protocol; Postfix gives up a milter that answers with a newer one.
const NEWEST: Version = PROTOCOL_VERSION;
/// The oldest version that MTAs in use speak.
const OLDEST: Version = 2;

/// Events that are not read, and events that need no answer.
const WANTED: ProtoOpts = ProtoOpts::NO_HELO
    .union(ProtoOpts::NO_DATA)
    .union(ProtoOpts::NO_HEADER)
    .union(ProtoOpts::NO_EOH)
    .union(ProtoOpts::NO_BODY)
    .union(ProtoOpts::NO_UNKNOWN)
    .union(ProtoOpts::NOREPLY_CONNECT)
    .union(ProtoOpts::NOREPLY_MAIL);

/// Macros by stage, each list ended by NUL. `j` stands first in each: it is always defined, so
/// that its presence shows that the list was honoured. Names need their braces. Once any list is
/// sent, Postfix sends nothing at the stages that have none.
const MACROS: [(MacroStage, &[u8]); 3] = [
    (MacroStage::Connect, b"j {daemon_port}\0"),
    (MacroStage::Mail, b"j {mail_addr} i\0"),
    (
        MacroStage::Rcpt,
        b"j {tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer} {verify} {auth_type} {auth_authen} {rcpt_addr} {rcpt_host} {rcpt_mailer} i\0",
    ),
];

/// What was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// The options in force.
    pub options: ProtoOpts,
    /// Whether the MTA takes lists of macros.
    pub lists: bool,
}

/// Answers the MTA's offer: appends the answer to `out`, and returns what holds from now on.
/// `None` if the offer cannot be read or is too old; nothing is appended then.
///
/// Offer and answer have three words: version, actions, options; in the answer, lists of macros
/// follow.
pub(super) fn negotiate(offer: &[u8], out: &mut Vec<u8>) -> Option<Agreed> {
    let mut words = offer.chunks_exact(4).map(|word| word.try_into().map(u32::from_be_bytes));
    let mut word = || words.next()?.ok();
    let (version, actions, options) = (word()?, word()?, word()?);
    if version < OLDEST {
        return None;
    }
    // SETSYMLIST; the message itself is never changed.
    let actions = Actions::REQUEST_MACROS & Actions::from_bits_truncate(actions);
    let options = WANTED & ProtoOpts::from_bits_truncate(options);
    let agreed = Agreed { options, lists: !actions.is_empty() };
    let lists = if agreed.lists { &MACROS[..] } else { &[] };
    packet::write_with(out, ReplyKind::OptNeg, |out| {
        for word in [version.min(NEWEST), actions.bits(), options.bits()] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        for (stage, names) in lists {
            out.extend_from_slice(&i32::from(*stage).to_be_bytes());
            out.extend_from_slice(names);
        }
    });
    Some(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{MacroValues, Macros, Stage};

    fn offer(version: u32, actions: u32, options: u32) -> Vec<u8> {
        [version, actions, options].into_iter().flat_map(u32::to_be_bytes).collect()
    }

    /// The payload of the answer, and what was agreed.
    fn negotiate(offer: &[u8]) -> Option<(Vec<u8>, Agreed)> {
        let mut out = Vec::new();
        let agreed = super::negotiate(offer, &mut out)?;
        let packet::First::Packet(b'O', payload, []) = packet::split(&out) else {
            panic!("{out:?}")
        };
        Some((payload.to_vec(), agreed))
    }

    fn words(payload: &[u8]) -> [u32; 3] {
        [0, 4, 8].map(|at| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap()))
    }

    #[test]
    fn only_what_is_read_is_asked_for() {
        let (payload, agreed) = negotiate(&offer(6, 0x1ff, 0x1f_ffff)).unwrap();
        assert_eq!(words(&payload), [6, 0x100, 0x5372]);
        assert!(agreed.lists);
        let lists = String::from_utf8_lossy(&payload[12..]);
        assert!(lists.contains("j {tls_version} {cipher} {cipher_bits}"), "{lists}");
    }

    #[test]
    fn macros_that_are_asked_for_are_read() {
        for (_, names) in MACROS {
            let names = names.strip_suffix(b"\0").unwrap();
            for name in names.split(|octet| *octet == b' ') {
                let mut macros = Macros::default();
                macros.replace(Stage::Rcpt, &[name, b"\0value\0"].concat());
                let values = macros.read(Stage::Rcpt);
                assert_ne!(values, MacroValues::default(), "{}", name.escape_ascii());
            }
        }
    }

    #[test]
    fn nothing_is_asked_for_that_was_not_offered() {
        for options in [0, 0x7f, 0xff, 0x1f_ffff] {
            for actions in [0, 0xff, 0x1ff] {
                for version in [2, 3, 4, 6, 7] {
                    let (payload, agreed) = negotiate(&offer(version, actions, options)).unwrap();
                    let [answered, used, agreed_options] = words(&payload);
                    assert!(answered <= version && answered <= 6);
                    assert_eq!(used & !actions, 0);
                    assert_eq!(agreed_options & !options, 0);
                    assert_eq!(agreed_options, agreed.options.bits());
                    assert_eq!(payload.len() > 12, actions & 0x100 != 0);
                }
            }
        }
    }

    #[test]
    fn an_offer_that_is_too_old_or_cut_short_is_declined() {
        assert_eq!(negotiate(&offer(1, 0, 0)), None);
        assert_eq!(negotiate(b"\0\0\0\x06"), None);
        assert_eq!(negotiate(b""), None);
    }
}
