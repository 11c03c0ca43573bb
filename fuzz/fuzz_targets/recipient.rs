//! Envelope addresses, as a client writes them and as an MTA gives them: whatever leads to an
//! opted-in domain is refused in the clear, and nothing that the MTA adds hides what was seen.
//!
//! Input: the argument of RCPT, `{rcpt_addr}`, `{rcpt_host}`, the argument of MAIL, `{mail_addr}`,
//! each ended by NUL; `-` for a macro that is not there.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mandatory_tls_fuzz::{policy, route, said};
use policy::{
    Case, Client, Decision, OnUnknownTls, Policy, Reason, Recipient, Sender, Sighting, TlsState,
    judge,
};
use std::sync::LazyLock;

/// What one RCPT may show at most: of two addresses, each with 24 words that may be domains by
/// two readings; and two for the host.
const MOST_SEEN: usize = 2 * (24 * 2) + 2;

static RECIPIENTS: LazyLock<Policy> = LazyLock::new(|| policy(route::POLICY));
static SENDERS: LazyLock<Policy> =
    LazyLock::new(|| policy(&route::POLICY.replace("domains", "senders")));
static EXCEPTION: LazyLock<Policy> = LazyLock::new(|| {
    policy("domains: [{ domain: '*', exceptions: [{ sender: lax.example, reason: old }] }]\n")
});

/// What came with a RCPT.
struct Input<'i> {
    argument: &'i [u8],
    rcpt_addr: Option<&'i [u8]>,
    rcpt_host: Option<&'i [u8]>,
    mail: &'i [u8],
    mail_addr: Option<&'i [u8]>,
}

impl<'i> Input<'i> {
    fn read(data: &'i [u8]) -> Self {
        let mut fields = data.split(|octet| *octet == 0);
        let mut next = || fields.next().unwrap_or(b"-");
        let some = |field: &'i [u8]| (field != b"-").then_some(field);
        Self {
            argument: next(),
            rcpt_addr: some(next()),
            rcpt_host: some(next()),
            mail: next(),
            mail_addr: some(next()),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let input = Input::read(data);
    let recipient = Recipient::new(input.argument, input.rcpt_addr, input.rcpt_host);
    let sender = Sender::new(input.mail, input.mail_addr);
    check_bounds(&recipient, &sender);
    check_recipient(&input, &recipient, &sender);
    check_sender(&input, &sender);
    check_exception(&input, &sender);
});

fn check_bounds(recipient: &Recipient, sender: &Sender) {
    assert!(recipient.seen().len() <= MOST_SEEN);
    assert!(sender.seen().len() <= MOST_SEEN);
    // Of every recipient something is known, if only that it is not understood.
    assert!(!recipient.seen().is_empty() || recipient.is_local() || recipient.is_unreadable());
    for seen in recipient.seen().iter().chain(sender.seen()) {
        let name = seen.domain.as_str();
        assert!(!name.is_empty() && name.len() <= 253);
        assert!(!name.bytes().any(|octet| octet.is_ascii_uppercase()));
    }
}

fn check_recipient(input: &Input<'_>, recipient: &Recipient, sender: &Sender) {
    let readable = [Some(input.argument), understood(input.rcpt_addr)];
    let texts: Vec<_> = readable.into_iter().flatten().map(str::from_utf8).collect();
    let host = input.rcpt_host.map(str::from_utf8);
    let may_hide = texts.iter().all(Result::is_ok)
        && route::may_hide_its_route(
            str::from_utf8(input.argument).unwrap_or_default(),
            understood(input.rcpt_addr).and_then(|text| str::from_utf8(text).ok()),
        );
    let is_opted_in =
        texts.iter().any(|text| text.is_err() || text.is_ok_and(route::may_be_opted_in))
            || may_hide && host.is_some_and(|host| host.is_ok_and(names_opted_in));
    for tls in [TlsState::Plaintext, TlsState::Unknown] {
        let decision = decide(&RECIPIENTS, recipient, sender, &tls);
        assert!(!is_opted_in || decision == Decision::Refuse, "{recipient:?}");
    }
    // Few are refused that lead elsewhere: none whose form leaves no doubt, wherever it is routed.
    // (No MTA puts what it has understood into brackets or blanks.)
    let is_bare = |text: &[u8]| !text.contains(&b'<') && text.trim_ascii() == text;
    let is_bare = input.rcpt_addr.is_none_or(is_bare);
    if is_bare && texts.iter().all(|text| text.is_ok_and(is_plain_elsewhere)) {
        let decision = decide(&RECIPIENTS, recipient, sender, &TlsState::Plaintext);
        assert_eq!(decision, Decision::Accept, "{recipient:?}");
    }
    // What the client wrote stays in sight whatever the MTA says.
    let alone = Recipient::new(input.argument, None, None);
    let hidden =
        alone.seen().iter().find(|seen| !recipient.seen().iter().any(|other| is_same(seen, other)));
    assert!(hidden.is_none(), "{hidden:?} {recipient:?}");
    // That the MTA has understood it can only be known where it says so.
    if may_hide || texts.len() < 2 {
        assert!(!alone.is_local() || recipient.is_local());
        let is_empty = matches!(input.argument.trim_ascii(), b"" | b"<>");
        assert!(is_empty || !alone.is_unreadable() || recipient.is_unreadable());
    }
    // Delivered by the MTA itself, it is what it was, and no more lenient.
    let here = recipient.clone().delivered_here();
    assert_eq!(here.seen(), recipient.seen());
    assert!(here.is_local() == recipient.is_local() && here.is_local() != here.is_delivered_here());
}

/// A partner is held to its requirement in every form that its address can be read in. One that
/// cannot be read is nobody's: a client that hides its sender could as well name another one.
fn check_sender(input: &Input<'_>, sender: &Sender) {
    let is_null = matches!(input.mail.trim_ascii(), b"" | b"<>");
    let is_unreadable = Recipient::new(input.mail, input.mail_addr, None).is_unreadable();
    let of_partner = [Some(input.mail), understood(input.mail_addr)]
        .into_iter()
        .flatten()
        .any(|text| str::from_utf8(text).is_ok_and(route::may_be_opted_in));
    let recipient = Recipient::new(b"<user@free.example>", None, None);
    let decision = decide(&SENDERS, &recipient, sender, &TlsState::Plaintext);
    if of_partner && !is_null && !is_unreadable {
        assert_eq!(decision, Decision::Refuse, "{sender:?}");
    }
}

/// An exception for a sender holds for plain addresses only: what could be read in another way
/// gets none.
fn check_exception(input: &Input<'_>, sender: &Sender) {
    let recipient = Recipient::new(b"<user@free.example>", None, None);
    let tls = TlsState::Plaintext;
    let case = case(&recipient, sender, &tls);
    let verdict = judge(&EXCEPTION, &case);
    let lax = |name: &str| name == "lax.example";
    let is_plain =
        |text: &[u8]| str::from_utf8(text).is_ok_and(|text| route::is_plainly_at(text, &lax));
    if let Reason::Exception(_) = verdict.reason() {
        assert!(is_plain(input.mail), "{sender:?}");
        assert!(understood(input.mail_addr).is_none_or(is_plain), "{sender:?}");
    }
}

/// A macro that holds an address: not one that is empty or holds the MTA's refusal.
fn understood(value: Option<&[u8]>) -> Option<&[u8]> {
    let is_refusal =
        |text: &[u8]| matches!(text, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..]);
    value.filter(|text| !text.is_empty() && !is_refusal(text))
}

/// Whether a host is an opted-in domain. A relay host has brackets or a port.
fn names_opted_in(host: &str) -> bool {
    let host = host.to_lowercase();
    let name = host.trim_end_matches('.');
    let is_label = |label: &str| {
        let octets = label.as_bytes();
        let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        (1..=63).contains(&octets.len()) && octets.iter().all(plain)
    };
    name.len() <= 253 && name.split('.').all(is_label) && route::is_opted_in(name)
}

fn is_plain_elsewhere(address: &str) -> bool {
    let meant = |name: &str| {
        let labels: Vec<&str> = name.split('.').collect();
        let plain = |label: &&str| {
            let octets = label.as_bytes();
            (1..=20).contains(&octets.len()) && octets.iter().all(u8::is_ascii_lowercase)
        };
        labels.len() >= 2
            && labels.len() <= 8
            && labels.iter().all(plain)
            && !route::is_opted_in(name)
            && name != "box.example"
    };
    let local = address.trim_ascii().trim_start_matches('<');
    // A control character that the client sent around its address is trimmed; the MTA sends none.
    !address.bytes().any(|octet| octet.is_ascii_control())
        && local.starts_with(|c: char| c.is_ascii_lowercase())
        && local
            .split('@')
            .next()
            .is_some_and(|local| local.bytes().all(|octet| octet.is_ascii_lowercase()))
        && address.is_ascii()
        && route::is_plainly_at(address, &meant)
}

fn is_same(one: &Sighting, other: &Sighting) -> bool {
    one.domain == other.domain && one.mailbox == other.mailbox
}

fn decide(policy: &Policy, recipient: &Recipient, sender: &Sender, tls: &TlsState) -> Decision {
    let case = case(recipient, sender, tls);
    let verdict = judge(policy, &case);
    let reply = verdict.reply(&case);
    assert_eq!(reply.is_some(), verdict.decision() == Decision::Refuse);
    if let Some(reply) = reply {
        said::check_reply(&reply.to_milter());
    }
    verdict.decision()
}

fn case<'c>(recipient: &'c Recipient, sender: &'c Sender, tls: &'c TlsState) -> Case<'c> {
    Case {
        tls,
        client: Client::default(),
        sender,
        recipient,
        now: Timestamp::UNIX_EPOCH,
        on_unknown_tls: OnUnknownTls::Defer,
        require: None,
    }
}
