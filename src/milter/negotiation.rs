//! What is asked of the MTA when a connection begins.
//!
//! Asked for is the least that judging needs: the client, MAIL and RCPT, and an answer only to
//! RCPT. All that is not offered is done without: an option that the MTA does not know makes
//! Sendmail give the milter up.

use bytes::Bytes;
use indymilter::{
    Actions, MacroStage, ProtoOpts, message::command::OptNegPayload, message::reply::Reply,
};
use std::{collections::HashMap, ffi::CString};

/// The newest version of the protocol; Postfix gives a milter up that answers with a newer one.
const VERSION: u32 = indymilter::message::PROTOCOL_VERSION;
/// The oldest version that MTAs in use speak.
const OLDEST: u32 = 2;

/// Events that are not read, and events that need no answer.
const WANTED: ProtoOpts = ProtoOpts::NO_HELO
    .union(ProtoOpts::NO_DATA)
    .union(ProtoOpts::NO_HEADER)
    .union(ProtoOpts::NO_EOH)
    .union(ProtoOpts::NO_BODY)
    .union(ProtoOpts::NO_UNKNOWN)
    .union(ProtoOpts::NOREPLY_CONNECT)
    .union(ProtoOpts::NOREPLY_MAIL);

/// Macros by stage. `j` stands first in each list: it is always defined, so that its presence
/// shows that the list was honoured. Names need their braces. Once any list is sent, Postfix
/// sends nothing at the stages that have none.
const MACROS: [(MacroStage, &std::ffi::CStr); 3] = [
    (MacroStage::Connect, c"j {daemon_port}"),
    (MacroStage::Mail, c"j {mail_addr} i"),
    (
        MacroStage::Rcpt,
        c"j {tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer} {verify} {auth_type} {auth_authen} {rcpt_addr} {rcpt_host} i",
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

/// Answers the MTA's offer: the payload of the answer, and what holds from now on. `None` if the
/// offer cannot be read or is too old.
pub(super) fn negotiate(offer: &[u8]) -> Option<(Bytes, Agreed)> {
    let offer = OptNegPayload::parse_buffer(Bytes::copy_from_slice(offer)).ok()?;
    if offer.version < OLDEST {
        return None;
    }
    let agreed = Agreed {
        options: WANTED & offer.opts,
        lists: offer.actions.contains(Actions::REQUEST_MACROS),
    };
    let macros = if agreed.lists {
        MACROS.into_iter().map(|(stage, names)| (stage, CString::from(names))).collect()
    } else {
        HashMap::new()
    };
    let reply = Reply::OptNeg {
        version: offer.version.min(VERSION),
        // SETSYMLIST; the message itself is never changed.
        actions: Actions::REQUEST_MACROS & offer.actions,
        opts: agreed.options,
        macros,
    };
    Some((reply.into_message().buffer, agreed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(version: u32, actions: u32, options: u32) -> Vec<u8> {
        [version, actions, options].into_iter().flat_map(u32::to_be_bytes).collect()
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
