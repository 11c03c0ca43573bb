//! The answers that a stream of octets deserves, by the milter protocol: how many, which, and
//! whether the milter then closes the connection.

use super::evidence::{Right, Session};

/// The longest packet that is taken, and the longest one with a header line or piece of the body.
pub const LONGEST: usize = 32 * 1024;
pub const LONGEST_CONTENT: usize = 1024 * 1024;

/// A milter's list of macros for each stage (SETSYMLIST), as an action that an MTA offers.
const SET_LISTS: u32 = 0x100;
/// Options by which CONNECT and MAIL are not answered.
const NO_REPLY_CONNECT: u32 = 0x1000;
const NO_REPLY_MAIL: u32 = 0x4000;

/// An answer of the milter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To an offer of this version, with these actions and options.
    Negotiated([u32; 3]),
    /// To whatever needs an answer and no decision.
    Continue,
    /// To a RCPT.
    Rcpt(Right),
}

/// What comes of a stream.
#[derive(Debug, Default)]
pub struct Course {
    /// All answers, in order.
    pub answers: Vec<Answer>,
    /// Whether the milter closes the connection by itself: the MTA is done, or out of order.
    pub is_closed: bool,
    /// How many packets were looked at, one that is none included.
    pub packets: usize,
}

impl Course {
    /// How many of the answers are to RCPT.
    pub fn rcpts(&self) -> usize {
        self.answers.iter().filter(|answer| matches!(answer, Answer::Rcpt(_))).count()
    }
}

/// What has to come of a stream.
pub fn course(mut stream: &[u8]) -> Course {
    let mut course = Course::default();
    let mut session = Session::default();
    let mut agreed = None;
    loop {
        let (letter, payload) = match first(stream, agreed.is_some()) {
            First::Nothing => return course,
            First::Broken => break,
            First::Packet(packet, rest) => {
                stream = rest;
                (packet[0], &packet[1..])
            }
        };
        course.packets += 1;
        let Some((options, lists)) = agreed else {
            let Some(offer) = (letter == b'O').then(|| offer(payload)).flatten() else {
                break;
            };
            let [_, actions, options] = offer;
            let lists = actions & SET_LISTS != 0;
            agreed = Some((options, lists));
            session = Session::new(lists);
            course.answers.push(Answer::Negotiated(offer));
            continue;
        };
        match (letter, argument(payload)) {
            (b'D', _) => session.macros(payload),
            (b'C', _) if options & NO_REPLY_CONNECT == 0 => course.answers.push(Answer::Continue),
            (b'C', _) => {}
            (b'M', Some(argument)) => {
                session.mail(argument);
                if options & NO_REPLY_MAIL == 0 {
                    course.answers.push(Answer::Continue);
                }
            }
            (b'R', Some(argument)) => course.answers.push(Answer::Rcpt(session.rcpt(argument))),
            (b'H' | b'T' | b'L' | b'N' | b'B' | b'U', _) => course.answers.push(Answer::Continue),
            (b'E', _) => {
                session.end_message();
                course.answers.push(Answer::Continue);
            }
            (b'A', _) => session.end_message(),
            (b'K', _) => session = Session::new(lists),
            _ => break,
        }
    }
    course.is_closed = true;
    course
}

enum First<'s> {
    /// Not all of it is there.
    Nothing,
    /// It is none.
    Broken,
    /// Letter and payload, and what comes after them.
    Packet(&'s [u8], &'s [u8]),
}

fn first(stream: &[u8], is_negotiated: bool) -> First<'_> {
    let Some((length, rest)) = stream.split_first_chunk::<4>() else { return First::Nothing };
    let length = u32::from_be_bytes(*length) as usize;
    let is_content = matches!(rest.first(), Some(b'L' | b'B'));
    if length == 0
        || length > LONGEST_CONTENT
        || length > LONGEST && !rest.is_empty() && !is_content
    {
        return First::Broken;
    }
    match rest.split_at_checked(length) {
        Some((packet, rest)) => First::Packet(packet, rest),
        // Content is not waited for before it is known to be out of order.
        None if is_content && !is_negotiated => First::Broken,
        None => First::Nothing,
    }
}

/// Version, actions and options that an MTA offers.
fn offer(payload: &[u8]) -> Option<[u32; 3]> {
    let word = |at: usize| Some(u32::from_be_bytes(payload.get(at..at + 4)?.try_into().unwrap()));
    let offer = [word(0)?, word(4)?, word(8)?];
    (offer[0] >= 2).then_some(offer)
}

/// The first of the texts, each ended by NUL.
fn argument(payload: &[u8]) -> Option<&[u8]> {
    payload.iter().position(|octet| *octet == 0).map(|end| &payload[..end])
}
