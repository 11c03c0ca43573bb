//! One line of a Postfix log.

use super::form::prefix::{after_message_id, after_stream, bare, is_facility, passes_on, syslog};
use super::time::{Clock, Moment};
use super::unread::Unread;
use policy::{DomainName, TlsState};
use std::net::IpAddr;

/// A line of one of Postfix's programs, or of one that has a part in what becomes of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'l> {
    /// When, in seconds since 1970-01-01.
    pub at: i64,
    /// Whether the time says its zone.
    pub zoned: bool,
    /// The host; the container where no host is named; or empty.
    pub host: &'l str,
    /// All that stands before the process number: `postfix/submission/smtpd`.
    pub service: &'l str,
    /// The program: the last part of the service.
    pub program: &'l str,
    /// The process number.
    pub process: u32,
    /// What it says.
    pub text: &'l str,
}

/// How often a line may hold another one.
const DEPTH: u8 = 3;

impl<'l> Line<'l> {
    /// Reads `TIME HOST SERVICE[PROCESS]: TEXT`, in the forms that syslogs, journalctl and container
    /// engines have for it; `None` for lines of other programs.
    ///
    /// # Errors
    ///
    /// When it is no line of a log.
    pub fn read(line: &'l str, clock: &Clock) -> Result<Option<Self>, Unread> {
        Self::nested(line, clock, DEPTH)
    }

    fn nested(line: &'l str, clock: &Clock, depth: u8) -> Result<Option<Self>, Unread> {
        let unread = match Self::timed(line, clock, depth) {
            Err(unread) => unread,
            read => return read,
        };
        let bare = bare(line);
        if bare.text.len() == line.len() && !line.starts_with("1 ") {
            return Err(unread);
        }
        // RFC 5424.
        if let Some(rest) = bare.text.strip_prefix("1 ")
            && let Ok((moment, rest)) = clock.read(rest)
        {
            let found = syslog(rest).ok_or(Unread::Form)?;
            let process = found.process.parse().ok();
            return match process {
                Some(process) => Self::tagged(
                    moment,
                    found.host,
                    found.program,
                    process,
                    found.text,
                    clock,
                    depth,
                ),
                None => Ok(None),
            };
        }
        let read = Self::timed(bare.text, clock, depth)?;
        Ok(read.map(|line| match (line.host, bare.container) {
            ("", Some(host)) => Self { host, ..line },
            _ => line,
        }))
    }

    /// A line that begins with its time.
    fn timed(line: &'l str, clock: &Clock, depth: u8) -> Result<Option<Self>, Unread> {
        let (moment, rest) = clock.read(line)?;
        let Some((host, tag, text)) = split(rest) else {
            // Another time: what an engine or its collector writes before each line.
            if depth > 0
                && let Ok(read) = Self::nested(after_stream(rest), clock, depth - 1)
            {
                return Ok(read.map(|line| line.at_the_latest(moment)));
            }
            let is_of_smtpd = rest.contains("smtpd[");
            return if is_of_smtpd { Err(Unread::Form) } else { Ok(None) };
        };
        let Some((service, process)) = tag.split_once('[') else { return Ok(None) };
        let Ok(process) = process.parse() else { return Ok(None) };
        Self::tagged(moment, host, service, process, text, clock, depth)
    }

    fn tagged(
        moment: Moment,
        host: &'l str,
        service: &'l str,
        process: u32,
        text: &'l str,
        clock: &Clock,
        depth: u8,
    ) -> Result<Option<Self>, Unread> {
        // `journalctl -o with-unit`: the unit stands before the program, or in its place.
        let service = match service.split_once(".service") {
            Some((_, program)) if program.starts_with('/') => program.get(1..).unwrap_or_default(),
            Some((unit, "")) if unit.starts_with("postfix") => "postfix",
            _ => service,
        };
        if depth > 0 && passes_on(service) {
            let inner = Self::nested(text, clock, depth - 1);
            return match inner {
                Ok(read) => Ok(read.map(|line| line.at_the_latest(moment))),
                // The engine's own lines, or a line without a time: that of the engine is as good.
                Err(_) => Ok(split(text).and_then(|(inside, tag, text)| {
                    let (service, process) = tag.split_once('[')?;
                    let host = if inside.is_empty() { host } else { inside };
                    Self::of(moment, host, service, process.parse().ok()?, text)
                })),
            };
        }
        // Some relays put before a line what stands there already.
        if depth > 0
            && text.split_once('[').is_some_and(|(before, _)| before.ends_with(service))
            && let Ok(Some(inner)) = Self::nested(text, clock, depth - 1)
            && (inner.service, inner.process) == (service, process)
        {
            return Ok(Some(inner.at_the_latest(moment)));
        }
        let read = Self::of(moment, host, service, process, text);
        if read.is_none() && text.contains("/smtpd[") && clock.read(text).is_ok() {
            return Err(Unread::Form);
        }
        Ok(read)
    }

    fn of(
        moment: Moment,
        host: &'l str,
        service: &'l str,
        process: u32,
        text: &'l str,
    ) -> Option<Self> {
        let text = after_message_id(text);
        let text = after_repetition(text).unwrap_or(text);
        let program = match service.rsplit_once('/') {
            // postfix/smtpd, postfix-out/smtpd, postfix/submission/smtpd
            Some((_, program)) => program,
            None if service == "MailScanner" => service,
            // What Debian calls Sendmail's processes, but for the one that only feeds the others.
            None if matches!(service, "sendmail" | "sm-mta" | "sm-mta-in" | "sm-mta-out") => {
                "sendmail"
            }
            // Some templates of rsyslog cut the name off at its slash.
            None if service == "postfix" => guessed(text),
            None => return None,
        };
        let Moment { at, zoned } = moment;
        Some(Self { at, zoned, host, service, program, process, text })
    }

    /// The same line, at this time, unless its own says a zone or this one does not.
    fn at_the_latest(self, outer: Moment) -> Self {
        if outer.zoned && !self.zoned { Self { at: outer.at, zoned: true, ..self } } else { self }
    }

    /// A queue id, with the instance of Postfix where that has another name: several on one host have a
    /// queue each.
    pub(super) fn id_of(&self, queue_id: &str) -> String {
        match self.service.split('/').next() {
            Some(instance) if instance != "postfix" => format!("{instance}/{queue_id}"),
            _ => queue_id.to_owned(),
        }
    }

    /// The queue id, and what is said of the message.
    #[must_use]
    pub fn queue_id(&self) -> Option<(&'l str, &'l str)> {
        let (id, rest) = self.text.split_once(": ")?;
        let plain = id.len() >= 5 && id.bytes().all(|octet| octet.is_ascii_alphanumeric());
        (plain && id != "NOQUEUE" && id != "warning" && id != "fatal" && id != "panic")
            .then_some((id, rest))
    }

    /// Client and session of a line of smtpd: `tls_summary`.
    #[must_use]
    pub fn tls_session(&self) -> Option<(&'l str, TlsState)> {
        let summary = tls_summary(self.text)?;
        (summary.usage == Usage::From).then_some((summary.peer, summary.state))
    }
}

/// What Postfix logs of a TLS session.
pub(super) struct Summary<'l> {
    pub usage: Usage,
    /// What was found of the other side's certificate: `Anonymous`, `Untrusted`, `Trusted`, `Verified`.
    pub trust: &'l str,
    /// The other side, with its port where the log has it.
    pub peer: &'l str,
    pub state: TlsState,
}

/// Who began a TLS session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// The other side, a client.
    From,
    /// Postfix itself, with a server; or it goes on with one that it had begun.
    To,
}

/// Reads `Anonymous TLS connection established from mx.test[192.0.2.1]: TLSv1.3 with cipher
/// TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange ...`.
pub(super) fn tls_summary(text: &str) -> Option<Summary<'_>> {
    // Only at the beginning: smtpd also logs what clients write.
    let (trust, rest) = text.split_once(' ')?;
    if !matches!(trust, "Anonymous" | "Untrusted" | "Trusted" | "Verified") {
        return None;
    }
    let (usage, rest) = rest.strip_prefix("TLS connection ")?.split_once(' ')?;
    let (direction, peer) = rest.split_once(' ')?;
    let usage = match (usage, direction) {
        ("established", "from") => Usage::From,
        ("established" | "reused", "to") => Usage::To,
        _ => return None,
    };
    // A port follows where smtpd_client_port_logging is on; a name where the client sent SNI.
    let (before, rest) = peer.split_once("]")?;
    let (between, rest) = rest.split_once(": ")?;
    let port = between.split(' ').next().unwrap_or_default();
    let peer = peer.get(..before.len() + 1 + port.len())?;
    let (version, rest) = rest.split_once(" with cipher ")?;
    let mut words = rest.split(' ');
    let cipher = words.next()?;
    let bits = words.next()?.trim_start_matches('(').split('/').next();
    let version = version.rsplit(' ').next().unwrap_or(version);
    let state = TlsState::from_macros(
        Some(version.as_bytes()),
        Some(cipher.as_bytes()),
        bits.map(str::as_bytes),
    );
    Some(Summary { usage, trust, peer, state })
}

/// Host, `SERVICE[PROCESS` and text of what stands behind the time. The host is empty where there is
/// none.
fn split(rest: &str) -> Option<(&str, &str, &str)> {
    usual(rest).or_else(|| unusual(rest))
}

/// The same of `mx postfix/smtpd[17]: text`.
fn usual(rest: &str) -> Option<(&str, &str, &str)> {
    let (host, rest) = rest.split_once(' ')?;
    let (tag, _) = rest.split_once(']')?;
    let text = rest.get(tag.len()..)?.strip_prefix("]: ")?;
    let is_host = !host.contains(':') && !is_facility(host);
    (is_host && !tag.contains(' ')).then_some((host, tag, text))
}

fn unusual(rest: &str) -> Option<(&str, &str, &str)> {
    let (tag, text) = rest.split_once("]:")?;
    let text = text.strip_prefix(' ').unwrap_or(text);
    let mut words = tag.split(' ').filter(|word| !word.is_empty());
    let parts = (words.next()?, words.next(), words.next(), words.next());
    match parts {
        (tag, None, ..) => Some(("", tag, text)),
        // Of times alone, engines write two before a line that names no host.
        (host, Some(_), None, _) if host.contains(':') && host.contains('T') => None,
        (host, Some(tag), None, _) => Some((host, tag, text)),
        (first, Some(second), Some(tag), None) if is_facility(first) => Some((second, tag, text)),
        (host, Some(second), Some(tag), None) if is_facility(second) || second == host => {
            Some((host, tag, text))
        }
        _ => None,
    }
}

/// The line in rsyslog's `message repeated 2 times: [ connect from ..]`.
fn after_repetition(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("message repeated ")?;
    let (number, rest) = rest.split_once(" times: [ ")?;
    number.bytes().all(|octet| octet.is_ascii_digit()).then(|| rest.strip_suffix(']')).flatten()
}

/// What program writes such a text.
fn guessed(text: &str) -> &'static str {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is_id = word.ends_with(':');
    match word {
        "connect" | "disconnect" if rest.starts_with("from ") => "smtpd",
        "SSL_accept" => "smtpd",
        "SSL_connect" => "smtp",
        _ if rest.starts_with("TLS connection established from ") => "smtpd",
        _ if rest.starts_with("TLS connection ") => "smtp",
        _ if is_id && rest.starts_with("client=") => "smtpd",
        _ if is_id && (rest.starts_with("from=<") || rest == "removed") => "qmgr",
        _ if is_id && rest.starts_with("message-id=") => "cleanup",
        _ if is_id && rest.starts_with("uid=") => "pickup",
        _ if is_id && rest.starts_with("to=<") => "smtp",
        _ => "master",
    }
}

/// The address behind `key` at the beginning of the text, without its angle brackets, and what
/// follows them. None where there is none, and where the line was cut within it.
pub(super) fn address<'l>(text: &'l str, key: &str) -> Option<(&'l str, &'l str)> {
    let text = text.strip_prefix(key)?.strip_prefix('<')?;
    // A quoted local part can hold anything, also what looks like the next field. What follows an
    // address is always a comma.
    let quoted = quoted(text)?;
    let rest = text.get(quoted..)?;
    let end = quoted + rest.find(">,").or_else(|| rest.find('>'))?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Whether an address begins behind `key` at the beginning of the text, and its end is not there: Postfix cuts
/// its lines at 2000 octets, and some syslog daemons at 1024. All that follows may be of the address.
pub(super) fn is_cut_within(text: &str, key: &str) -> bool {
    let begins = text.strip_prefix(key).is_some_and(|rest| rest.starts_with('<'));
    begins && address(text, key).is_none()
}

/// Octets of a line that syslog daemons pass on at least (RFC 5424, section 6.1), without what stands before.
const SHORTEST_CUT: usize = 400;
/// Octets from which on Postfix itself may have cut a line (at 2000).
const LONGEST: usize = 1900;

/// Whether the end of a line, which is this character, may be missing: what follows the first address may be of the
/// address then, where Postfix does not quote it, and where that really ends is cut off.
pub(super) fn may_be_cut(text: &str, end: char) -> bool {
    text.len() >= LONGEST || text.len() >= SHORTEST_CUT && !text.ends_with(end)
}

/// The length of the quoted local part at the beginning, with its quotes and the `@`; 0 where there is none.
/// None where it does not end.
pub(super) fn quoted(text: &str) -> Option<usize> {
    let Some(inside) = text.strip_prefix('"') else { return Some(0) };
    let mut escaped = false;
    let closing = inside.find(|character| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes
    })?;
    let end = closing + "\"\"@".len();
    let is_of_address = text.get(..end).is_some_and(|quoted| quoted.ends_with('@'));
    Some(if is_of_address { end } else { 0 })
}

/// Name and address of `mx.test[192.0.2.1]`.
pub(super) fn client(text: &str) -> (Option<DomainName>, Option<IpAddr>) {
    let Some((name, rest)) = text.split_once('[') else {
        return (None, None);
    };
    // The end of a line that was cut is another address.
    let address = rest.split_once(']').map_or("", |(address, _)| address);
    let name = Some(name).filter(|name| *name != "unknown");
    let name = name.and_then(|name| DomainName::parse(name).ok());
    (name, address.parse().ok().map(|address: IpAddr| address.to_canonical()))
}

/// Whether journald or rsyslog says that it did not take lines in.
pub(super) fn tells_of_loss(line: &str) -> bool {
    let journald = || line.contains(" systemd-journald") && line.contains(": Suppressed ");
    let rsyslog = || line.contains(" rsyslogd") && line.contains("rate-limiting");
    journald() || rsyslog()
}
