//! One milter connection: whatever the MTA sends, nobody gets mail to an enforced domain through
//! without evidence that counts, every RCPT has one answer and one line in the log, and packets
//! may come in any pieces.
//!
//! Input: an octet of options (below), the size of the pieces in which the stream comes, and then
//! packets, in one of three forms.

#![no_main]

use arc_swap::ArcSwap;
use ledger::Ledger;
use libfuzzer_sys::fuzz_target;
use mandatory_tls::milter::{Context, Conversation, Log, Next, ProtocolError};
use mandatory_tls::trial::TrialKey;
use mandatory_tls_fuzz::evidence::{Grounds, Session};
use mandatory_tls_fuzz::wire::{self, Event, Packet};
use mandatory_tls_fuzz::{log, policy, route, said};
use policy::{OnUnknownTls, Policy, Requirement};
use std::sync::{Arc, LazyLock};

/// Packets each ended by the octet 255.
const PIECES: u8 = 0;
/// Packets made up from the octets.
const STEPS: u8 = 1;
/// A stream as it goes over the wire, after a negotiation.
const STREAM: u8 = 2;
/// A stream from its very beginning.
const BEGINNING: u8 = 3;

/// The MTA takes no lists of macros.
const NO_LISTS: u8 = 0x04;
/// The MTA offers none of the protocol's options.
const NO_OPTIONS: u8 = 0x08;
/// Where the MTA does not tell of TLS, mail passes.
const PASS_UNKNOWN: u8 = 0x10;
/// Who has authenticated is trusted.
const TRUST_AUTHENTICATED: u8 = 0x20;

/// Every recipient is enforced, those of one domain by a stricter requirement.
const EVERYBODY: &str = "\
requirements:
  strict: { extends: bsi-tr-02102-2, client_certificate: { subject: mx.partner.example } }
domains:
  - '*'
  - { domain: strict.example, require: strict }
local: { mode: enforce }
";

struct Policies {
    enforced: Arc<Policy>,
    trusting: Arc<Policy>,
    nobody: Arc<Policy>,
}

static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies {
    enforced: Arc::new(policy(EVERYBODY)),
    trusting: Arc::new(policy(&format!("{EVERYBODY}trusted: {{ authenticated: true }}\n"))),
    nobody: Arc::new(policy("domains: []\n")),
});

fuzz_target!(|data: &[u8]| {
    log::listen();
    let _ = log::verdicts();
    let [options, size, input @ ..] = data else {
        return;
    };
    let options = *options;
    let events = match options & 3 {
        PIECES => wire::events_of_pieces(input),
        STEPS => wire::events_of_steps(input),
        STREAM => {
            check_stream(input, options);
            let (packets, _) = wire::split(input);
            packets.into_iter().map(Event::Packet).collect()
        }
        BEGINNING.. => {
            check_beginning(input, options);
            return;
        }
    };
    let whole = converse(&events, options);
    assert_eq!(in_pieces(&events, options, usize::from(*size).max(1)), whole);
});

fn context(options: u8) -> Arc<Context> {
    Arc::new(Context {
        policy: Arc::new(ArcSwap::from(enforced(options))),
        on_unknown_tls: if options & PASS_UNKNOWN == 0 {
            OnUnknownTls::Defer
        } else {
            OnUnknownTls::Pass
        },
        log: Log { local_parts: true, facts: true },
        activity: Arc::default(),
        ledger: Ledger::off(),
        metrics: None,
        trial_key: TrialKey::new().unwrap(),
    })
}

fn enforced(options: u8) -> Arc<Policy> {
    Arc::clone(if options & TRUST_AUTHENTICATED == 0 {
        &POLICIES.enforced
    } else {
        &POLICIES.trusting
    })
}

/// A conversation after its negotiation.
fn begin(context: &Arc<Context>, options: u8) -> Conversation {
    let mut conversation = Conversation::new(Arc::clone(context));
    let offer = wire::negotiation(options & NO_LISTS == 0, options & NO_OPTIONS == 0);
    let mut out = Vec::new();
    let received = conversation.receive(&offer, &mut out);
    assert_eq!(received, Ok((offer.len(), Next::Read)));
    let (answers, broken) = wire::split(&out);
    assert!(matches!(&answers[..], [(b'O', _)]) && !broken);
    conversation
}

/// Lets another policy come into force: by turns one that enforces nothing, and the first.
fn reload(context: &Context, options: u8) -> bool {
    let now_enforced = context.policy.load().domains.is_empty();
    context.policy.store(if now_enforced {
        enforced(options)
    } else {
        Arc::clone(&POLICIES.nobody)
    });
    now_enforced
}

/// How a conversation ended, and all its answers.
#[derive(Debug, PartialEq)]
struct Course {
    out: Vec<u8>,
    end: Result<Next, ProtocolError>,
    verdicts: Vec<String>,
}

/// Holds a conversation packet by packet, and checks every answer against the model.
fn converse(events: &[Event], options: u8) -> Course {
    let context = context(options);
    let mut conversation = begin(&context, options);
    let mut model = Model {
        options,
        session: Session::new(options & NO_LISTS == 0),
        in_force: true,
        held: None,
    };
    let mut course = Course { out: Vec::new(), end: Ok(Next::Read), verdicts: Vec::new() };
    for event in events {
        let packet = match event {
            Event::Packet(packet) => packet,
            Event::Reload => {
                model.in_force = reload(&context, options);
                continue;
            }
        };
        let frame = wire::frame(packet);
        let mut out = Vec::new();
        match conversation.receive(&frame, &mut out) {
            Ok((used, next)) => {
                assert_eq!(used, frame.len());
                let lines = log::verdicts();
                model.check(packet, &out, next, &lines);
                course.verdicts.extend(lines);
                course.out.extend(out);
                course.end = Ok(next);
            }
            Err(error) => {
                check_error(packet, error);
                assert!(out.is_empty());
                course.end = Err(error);
            }
        }
        if course.end != Ok(Next::Read) {
            break;
        }
    }
    course
}

fn check_error((letter, payload): &Packet, error: ProtocolError) {
    assert!(error.to_string().chars().all(said::is_printable), "{error}");
    match error {
        ProtocolError::Length(_) => panic!("{error}"),
        ProtocolError::Command(_) => assert!(!b"ABCDEHKLMNOQRTU".contains(letter), "{error}"),
        ProtocolError::Malformed(_) => match letter {
            b'M' | b'R' => assert!(!payload.contains(&0), "{error}"),
            _ => panic!("{error}"),
        },
        ProtocolError::Order(_) => assert_eq!(*letter, b'O', "{error}"),
    }
}

/// What the MTA has told, and which policy counts.
struct Model {
    options: u8,
    session: Session,
    /// Whether the policy in force enforces.
    in_force: bool,
    /// Whether the policy of the message does.
    held: Option<bool>,
}

impl Model {
    fn check(&mut self, (letter, payload): &Packet, out: &[u8], next: Next, lines: &[String]) {
        let (answers, broken) = wire::split(out);
        assert!(!broken);
        let answer = match &answers[..] {
            [] => None,
            [answer] => Some(answer),
            _ => panic!("{answers:?}"),
        };
        let noreply = self.options & NO_OPTIONS == 0;
        let is_answered = match letter {
            b'C' | b'M' => !noreply,
            b'D' | b'A' | b'K' | b'Q' => false,
            _ => true,
        };
        assert_eq!(answer.is_some(), is_answered, "{}", char::from(*letter));
        assert_eq!(next == Next::Close, *letter == b'Q');
        assert_eq!(lines.len(), usize::from(*letter == b'R'));
        if let Some(answer) = answer
            && *letter != b'R'
        {
            assert_eq!(*answer, (b'c', Vec::new()));
        }
        match letter {
            b'D' => self.session.macros(payload),
            b'C' => self.session.connected(payload),
            b'M' => {
                self.session.forget_rcpt();
                self.held = Some(self.in_force);
            }
            b'R' => {
                let (letter, text) = answer.unwrap();
                self.check_rcpt(payload, *letter, text, &lines[0]);
            }
            b'A' | b'E' => {
                self.session.forget_message();
                self.held = None;
            }
            b'K' => {
                self.session = Session::new(self.options & NO_LISTS == 0);
                self.held = None;
            }
            _ => {}
        }
    }

    fn check_rcpt(&mut self, payload: &[u8], letter: u8, text: &[u8], line: &str) {
        let argument = payload.split(|octet| *octet == 0).next().unwrap();
        let enforced = *self.held.get_or_insert(self.in_force);
        let passes = |requirement: &Requirement| {
            let grounds = self.session.grounds(requirement);
            grounds.contains(&Grounds::Encrypted)
                || grounds.contains(&Grounds::LocalSubmission)
                || grounds.contains(&Grounds::Unknown) && self.options & PASS_UNKNOWN != 0
                || grounds.contains(&Grounds::Authenticated)
                    && self.options & TRUST_AUTHENTICATED != 0
        };
        let baseline = passes(Requirement::builtin("baseline").unwrap());
        let seen = [Some(argument), self.session.of_rcpt("rcpt_addr")];
        let strict = |name: &str| name == "strict.example";
        let is_strict = seen
            .iter()
            .flatten()
            .any(|text| str::from_utf8(text).is_ok_and(|text| route::leads_to(text, &strict)));
        match letter {
            b'c' => {
                assert!(text.is_empty());
                assert_eq!(line, "accept");
                assert!(!enforced || baseline, "{:?}", self.session);
                let strict = &POLICIES.enforced.requirements["strict"];
                assert!(!enforced || !is_strict || passes(strict), "{:?}", self.session);
            }
            b'y' => {
                assert_eq!(line, "refuse");
                assert!(enforced);
                let (end, text) = text.split_last().unwrap();
                assert_eq!(*end, 0);
                said::check_reply(str::from_utf8(text).unwrap());
                let harmless = argument == b"<user@free.example>"
                    && self.session.of_rcpt("rcpt_addr").is_none()
                    && self.session.of_rcpt("rcpt_host").is_none();
                assert!(!harmless || !baseline, "{:?}", self.session);
            }
            _ => panic!("{}", char::from(letter)),
        }
        self.session.forget_rcpt();
    }
}

/// The same conversation, its stream in pieces of this size, read as a socket is.
fn in_pieces(events: &[Event], options: u8, size: usize) -> Course {
    let context = context(options);
    let mut conversation = begin(&context, options);
    let mut course = Course { out: Vec::new(), end: Ok(Next::Read), verdicts: Vec::new() };
    let mut stretches = vec![Vec::new()];
    for event in events {
        match event {
            Event::Packet(packet) => stretches.last_mut().unwrap().extend(wire::frame(packet)),
            Event::Reload => stretches.push(Vec::new()),
        }
    }
    for (number, stretch) in stretches.iter().enumerate() {
        if number > 0 {
            reload(&context, options);
        }
        let mut input = Vec::new();
        for piece in stretch.chunks(size) {
            input.extend_from_slice(piece);
            let received = conversation.receive(&input, &mut course.out);
            course.end = received.map(|(used, next)| {
                input.drain(..used);
                next
            });
            if course.end != Ok(Next::Read) {
                course.verdicts = log::verdicts();
                return course;
            }
        }
        assert!(input.is_empty());
    }
    course.verdicts = log::verdicts();
    course
}

/// A stream in one go: what is cut off is waited for, a length that is none is an error.
fn check_stream(stream: &[u8], options: u8) {
    let mut conversation = begin(&context(options), options);
    let (packets, broken) = wire::split(stream);
    let whole: usize = packets.iter().map(|packet| wire::frame(packet).len()).sum();
    let mut out = Vec::new();
    match conversation.receive(stream, &mut out) {
        // A piece of the content is not waited for.
        Ok((used, Next::Read)) => {
            let is_content = matches!(stream.get(whole + 4), Some(b'L' | b'B'));
            assert!(!broken && used == if is_content { stream.len() } else { whole });
        }
        Ok((used, Next::Close)) => assert!(used <= whole),
        Err(ProtocolError::Length(_)) => assert!(broken),
        Err(_) => {}
    }
    check_size(&out, packets.len());
    let _ = log::verdicts();
}

/// The first packets may be anything.
fn check_beginning(stream: &[u8], options: u8) {
    let mut conversation = Conversation::new(context(options));
    let mut out = Vec::new();
    let received = conversation.receive(stream, &mut out);
    let (packets, _) = wire::split(stream);
    check_size(&out, packets.len());
    let (answers, broken) = wire::split(&out);
    assert!(!broken);
    assert!(answers.iter().skip(1).all(|(letter, _)| *letter != b'O'));
    match packets.first() {
        Some((b'O', offer)) if offer.len() >= 12 => {}
        Some((b'Q', _)) => assert!(out.is_empty() && received.is_ok()),
        Some(_) => assert!(out.is_empty() && received.is_err()),
        None => assert!(out.is_empty()),
    }
}

/// No packet has more than one answer, and no answer is longer than a reply can be.
fn check_size(out: &[u8], packets: usize) {
    assert!(out.len() <= packets * 4096, "{} octets", out.len());
}
