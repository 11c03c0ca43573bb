//! A milter as smtpd_milters names it, read as smtpd reads it (Postfix 3.7, `milter_new` in
//! src/milter/milter.c and `attr_override` in src/global).

use super::syntax::{elements, separates, time};
use std::{fmt, num::IntErrorKind};

/// A milter as smtpd_milters names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MilterEntry<'a> {
    /// `inet:HOST:PORT`, `unix:PATH` or `local:PATH`.
    pub address: &'a str,
    /// `default_action=` for this milter alone.
    pub default_action: Option<&'a str>,
    /// `protocol=` for this milter alone.
    pub protocol: Option<&'a str>,
    /// `connect_timeout=` for this milter alone.
    pub connect_timeout: Option<&'a str>,
    /// Why Postfix cannot use it.
    pub fault: Option<Fault<'a>>,
}

/// What Postfix does at an entry that it cannot use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// smtpd ends as soon as a client connects.
    Ends,
    /// It answers 451 4.3.5 to all mail.
    PutsOff,
}

/// Why Postfix cannot use an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault<'a> {
    /// A brace that never ends.
    Unclosed,
    /// Something stands behind the closing brace.
    AfterBrace,
    /// Nothing stands in the braces.
    Empty,
    /// No `name=value`; perhaps with blanks around the sign.
    NotASetting(&'a str),
    /// There is no such setting.
    Unknown(&'a str),
    /// A setting without a value.
    NoValue(&'a str),
    /// A time that is none, or 0.
    Time(&'a str),
    /// A host and port that are none.
    HostAndPort(&'a str),
    /// No transport, or no place.
    Incomplete,
    /// Another transport than there are.
    Transport(&'a str),
    /// A version of the milter protocol that Postfix does not speak.
    Protocol(&'a str),
}

impl Fault<'_> {
    /// What comes of it.
    pub fn effect(self) -> Effect {
        match self {
            Self::Incomplete | Self::Transport(_) | Self::Protocol(_) => Effect::PutsOff,
            _ => Effect::Ends,
        }
    }

    /// What to do.
    pub fn remedy(self) -> String {
        match self {
            Self::Unclosed => "close the brace".into(),
            Self::AfterBrace => "put a comma or a blank behind the brace".into(),
            Self::Empty => "take the empty braces away".into(),
            Self::NotASetting(_) => {
                "write it without blanks, `name=value`, or in braces of its own, `{ name = value }`"
                    .into()
            }
            Self::Unknown(_) => {
                format!("there are: {}; in lower case", SETTINGS.join(", "))
            }
            Self::NoValue(name) => format!("give {name} a value, or take it away"),
            Self::Time(_) => "write a number and a unit, as in 30s".into(),
            Self::HostAndPort(_) => "write inet:HOST:PORT, an IPv6 address in brackets".into(),
            Self::Incomplete | Self::Transport(_) => {
                "write inet:HOST:PORT or unix:PATH, in lower case".into()
            }
            Self::Protocol(_) => "set it to 6, the default".into(),
        }
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => f.write_str("its brace is not closed"),
            Self::AfterBrace => f.write_str("something stands behind its closing brace"),
            Self::Empty => f.write_str("it names no milter"),
            Self::NotASetting(text) => write!(f, "`{text}` is not of the form name=value"),
            Self::Unknown(name) => write!(f, "there is no setting `{name}`"),
            Self::NoValue(name) => write!(f, "{name} has no value"),
            Self::Time(name) => write!(f, "{name} is not a time"),
            Self::HostAndPort(text) => write!(f, "`{text}` is not HOST:PORT"),
            Self::Incomplete => f.write_str("it is not of the form TRANSPORT:PLACE"),
            Self::Transport(name) => write!(f, "there is no transport `{name}`"),
            Self::Protocol(value) => write!(f, "protocol {value} is none that Postfix speaks"),
        }
    }
}

/// The settings that an entry may have of its own.
const SETTINGS: [&str; 5] =
    ["default_action", "protocol", "connect_timeout", "command_timeout", "content_timeout"];
/// What `protocol` and milter_protocol may hold.
const PROTOCOLS: [&str; 5] = ["2", "3", "4", "6", "no_header_reply"];

/// The milters of a list, with their own settings, as in
/// `{ inet:127.0.0.1:8893, default_action=accept }`.
pub(crate) fn milters(list: &str) -> impl Iterator<Item = MilterEntry<'_>> {
    elements(list).map(entry)
}

fn entry(element: &str) -> MilterEntry<'_> {
    let mut milter = MilterEntry::default();
    let (inside, fault) = unbraced(element);
    milter.fault = fault;
    // The address ends at the first blank, whatever braces there are; the settings do not.
    let (address, settings) = match inside {
        Some(inside) => inside.split_once(separates).unwrap_or((inside, "")),
        None => (element, ""),
    };
    milter.address = address;
    for setting in elements(settings) {
        milter.fault = milter.fault.or(milter.take(setting));
    }
    if milter.address.is_empty() {
        milter.fault = milter.fault.or(Some(Fault::Empty));
    }
    // smtpd reads all of the entry before it connects.
    milter.fault = milter.fault.or(address_fault(milter.address));
    let protocol = milter.protocol.filter(|value| !is_protocol(value));
    milter.fault = milter.fault.or(protocol.map(Fault::Protocol));
    milter
}

/// Whether milter_protocol may be this.
pub(super) fn is_protocol(value: &str) -> bool {
    elements(value).all(|word| PROTOCOLS.contains(&word))
}

/// What stands in the braces of an element; nothing where there are none.
fn unbraced(element: &str) -> (Option<&str>, Option<Fault<'_>>) {
    let Some(rest) = element.strip_prefix('{') else { return (None, None) };
    let mut depth = 1_usize;
    let end = rest.find(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    match end.and_then(|end| rest.split_at_checked(end)) {
        None => (Some(rest), Some(Fault::Unclosed)),
        Some((inside, "}")) => (Some(inside.trim()), None),
        Some((inside, _)) => (Some(inside.trim()), Some(Fault::AfterBrace)),
    }
}

impl<'a> MilterEntry<'a> {
    /// Takes a setting of its own. Of two for the same, the later one holds.
    fn take(&mut self, part: &'a str) -> Option<Fault<'a>> {
        let (inside, fault) = unbraced(part);
        if fault.is_some() {
            return fault;
        }
        // Without braces it ends at the first blank: `name`, `=` and `value` are three.
        let setting = inside.unwrap_or(part).split_once('=');
        let Some((name, value)) = setting.map(|(name, value)| (name.trim(), value.trim())) else {
            return Some(Fault::NotASetting(part));
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Some(Fault::NotASetting(part));
        }
        match name {
            "default_action" => self.default_action = Some(value),
            "protocol" => self.protocol = Some(value),
            "connect_timeout" => self.connect_timeout = Some(value),
            name if SETTINGS.contains(&name) => {}
            _ => return Some(Fault::Unknown(name)),
        }
        if value.is_empty() {
            return Some(Fault::NoValue(name));
        }
        let is_time = time(value).is_some_and(|time| !time.is_zero());
        (name.ends_with("_timeout") && !is_time).then_some(Fault::Time(name))
    }
}

fn address_fault(address: &str) -> Option<Fault<'_>> {
    match address.split_once(':') {
        Some((kind, place)) if kind.is_empty() || place.is_empty() => Some(Fault::Incomplete),
        Some(("inet", place)) => (!is_host_and_port(place)).then_some(Fault::HostAndPort(place)),
        Some(("unix" | "local", _)) => None,
        Some((kind, _)) => Some(Fault::Transport(kind)),
        None => Some(Fault::Incomplete),
    }
}

/// Whether smtpd can tell host and port. A name of a host or a service that nobody knows is another
/// matter: it counts as a milter that is down.
fn is_host_and_port(place: &str) -> bool {
    let port = match place.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:").map(|(_, port)| port),
        None => Some(place.rsplit_once(':').map_or(place, |(_, port)| port)),
    };
    port.is_some_and(|port| {
        // One that begins as a number has to be one.
        !port.starts_with(|c: char| c.is_ascii_digit())
            || match port.parse::<u32>() {
                Ok(_) => true,
                Err(error) => *error.kind() == IntErrorKind::PosOverflow,
            }
    }) && host_is_possible(place)
}

/// More than one colon is for IPv6 addresses alone.
fn host_is_possible(place: &str) -> bool {
    place.starts_with('[') || {
        let host = place.rsplit_once(':').map_or("", |(host, _)| host);
        !host.contains(':') || host.parse::<std::net::Ipv6Addr>().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Postfix 3.7.11 did with each, seen on a live one.
    #[test]
    fn an_entry_is_read_as_smtpd_reads_it() {
        use Effect::{Ends, PutsOff};
        for (entry, effect) in [
            ("inet:127.0.0.1:8893", None),
            ("inet:[127.0.0.1]:8893", None),
            ("inet:[::1]:8893", None),
            ("inet:::1:8893", None),
            ("inet:8893", None),
            ("inet:127.0.0.1:milter-port", None),
            ("unix:/m", None),
            ("local:m", None),
            ("{inet:127.0.0.1:8893}", None),
            ("{ inet:127.0.0.1:8893 default_action=accept }", None),
            ("{inet:127.0.0.1:8893,default_action=accept}", None),
            ("{ inet:127.0.0.1:8893, { default_action = accept } }", None),
            ("{ inet:127.0.0.1:8893, {default_action=accept}, command_timeout=5s }", None),
            ("{ inet:127.0.0.1:8893, default_action=nonsense }", None),
            ("{ inet:127.0.0.1:8893, default_action = accept }", Some(Ends)),
            ("{ { inet:127.0.0.1:8893 }, default_action=accept }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, DEFAULT_ACTION=accept }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, default_action= }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, connect_timeout=x }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, connect_timeout=0 }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, protocol= }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, =accept }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, tls=yes }", Some(Ends)),
            ("{ inet:127.0.0.1:8893, { default_action = accept }x }", Some(Ends)),
            ("{ inet:127.0.0.1:8893", Some(Ends)),
            ("{ inet:127.0.0.1:8893 }x", Some(Ends)),
            ("{}", Some(Ends)),
            ("inet:8893@127.0.0.1", Some(Ends)),
            ("inet:localhost:8893:x", Some(Ends)),
            ("inet:127.0.0.1:8893;", Some(Ends)),
            ("{ inet:127.0.0.1:8893, protocol=7 }", Some(PutsOff)),
            ("tcp:127.0.0.1:8893", Some(PutsOff)),
            ("INET:127.0.0.1:8893", Some(PutsOff)),
            ("127.0.0.1:8893", Some(PutsOff)),
            ("<inet:127.0.0.1:8893>", Some(PutsOff)),
            ("inet:", Some(PutsOff)),
            (":8893", Some(PutsOff)),
            ("unix:", Some(PutsOff)),
            ("}", Some(PutsOff)),
        ] {
            let found: Vec<_> = milters(entry).collect();
            assert_eq!(found.len(), 1, "{entry}: {found:?}");
            assert_eq!(found[0].fault.map(Fault::effect), effect, "{entry}: {found:?}");
        }
    }

    #[test]
    fn a_milter_can_have_settings_of_its_own_and_the_last_one_holds() {
        let list = "{ inet:h:1, default_action=reject, default_action=accept, { protocol = 2 } } unix:/m, \
                    {unix:x}";
        let plain = |address| MilterEntry { address, ..MilterEntry::default() };
        assert_eq!(
            milters(list).collect::<Vec<_>>(),
            [
                MilterEntry {
                    default_action: Some("accept"),
                    protocol: Some("2"),
                    ..plain("inet:h:1")
                },
                plain("unix:/m"),
                plain("unix:x"),
            ]
        );
    }
}
