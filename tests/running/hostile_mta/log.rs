//! The milter's log, line by line: each is one of those that it writes, and no part of what an MTA
//! sent looks like a line or a field.

use serde_json::Value;
use std::{collections::BTreeMap, net::IpAddr};

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// What was found in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Lines of judged recipients.
    pub verdicts: usize,
    /// Lines that the milter says are missing.
    pub lost: usize,
}

type Fields = BTreeMap<String, String>;

const VERDICTS: [(&str, &str); 3] = [
    ("recipient accepted", "accept"),
    ("recipient would be refused", "would-refuse"),
    ("recipient refused", "refuse"),
];
const REASONS: &str = "plaintext protocol-version cipher null-cipher key-length forward-secrecy aead \
    cipher-not-allowed client-certificate unknown-cipher unknown-version contradiction unknown-tls \
    adequate local-submission off not-opted-in";
const BROKE_OFF: &str = "a milter connection broke off; the MTA applies its default action";
const LOST: &str =
    "lines of the log were lost: they could not be written, or not as fast as they came";
/// What the milter says of itself, up to what differs.
const OWN: &[&str] = &[
    "policy loaded from ",
    "the policy in force is kept in ",
    "the settings in force are kept in ",
    "no last good policy is kept",
    "the ledger ",
    "metrics on http://127.0.0.1:",
    "listening on inet:127.0.0.1:",
    "listening on unix:/",
    "stopping: ",
    "stopped",
];

/// Reads a log to its end.
///
/// # Panics
///
/// At a line that is none of the milter's.
pub fn read(lines: impl Iterator<Item = String>, form: Form) -> Counts {
    let mut counts = Counts::default();
    for line in lines {
        let fit = |c: char| c.is_ascii_graphic() || c == ' ';
        assert!(line.chars().all(fit) && line.len() < 4096, "{line:?}");
        let (message, fields) = match form {
            Form::Text => of_text(&line).unwrap_or_else(|| panic!("{line}")),
            Form::Json => of_json(&line).unwrap_or_else(|| panic!("{line}")),
        };
        if VERDICTS.iter().any(|(words, _)| *words == message) {
            assert!(is_verdict(&message, &fields), "{line}");
            counts.verdicts += 1;
        } else if message == LOST {
            counts.lost += fields["lines"].parse::<usize>().unwrap();
        } else if message == BROKE_OFF {
            assert!(fields.len() == 1 && is_error(&fields["error"]), "{line}");
        } else {
            assert!(OWN.iter().any(|own| message.starts_with(own)), "{line}");
        }
    }
    counts
}

fn of_json(line: &str) -> Option<(String, Fields)> {
    let object: BTreeMap<String, Value> = serde_json::from_str(line).ok()?;
    let mut fields: Fields = object
        .into_iter()
        .map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (key, text)
        })
        .collect();
    is_time(&fields.remove("timestamp")?).then_some(())?;
    is_level(&fields.remove("level")?).then_some(())?;
    Some((fields.remove("message")?, fields))
}

/// Time, level, message, and `name=value` as often as it comes.
fn of_text(line: &str) -> Option<(String, Fields)> {
    let (time, rest) = line.split_at_checked(27)?;
    let (level, rest) = rest.strip_prefix(' ')?.split_at_checked(5)?;
    (is_time(time) && is_level(level.trim_start())).then_some(())?;
    let rest = rest.strip_prefix(' ')?;
    if let Some(error) = rest.strip_prefix(BROKE_OFF) {
        let error = error.strip_prefix(" error=")?.to_owned();
        return Some((BROKE_OFF.into(), [("error".into(), error)].into()));
    }
    let Some((before, _)) = rest.split_once('=') else {
        return Some((rest.into(), Fields::new()));
    };
    let (message, _) = before.rsplit_once(' ')?;
    let mut fields = Fields::new();
    let mut rest = &rest[message.len()..];
    while !rest.is_empty() {
        let (name, after) = rest.strip_prefix(' ')?.split_once('=')?;
        let end = value_end(after)?;
        let known = fields.insert(name.to_owned(), after[..end].trim_matches('"').to_owned());
        known.is_none().then_some(())?;
        rest = &after[end..];
    }
    Some((message.into(), fields))
}

/// Where a value ends that is a word, or stands in quotes.
fn value_end(text: &str) -> Option<usize> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return (!text[..end].contains(['"', '='])).then_some(end);
    };
    let mut escaped = false;
    let end = quoted.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some(end + 2)
}

fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000000Z"
}

fn is_level(text: &str) -> bool {
    matches!(text, "ERROR" | "WARN" | "INFO" | "DEBUG")
}

fn is_verdict(message: &str, fields: &Fields) -> bool {
    let always =
        ["verdict", "reason", "domain", "client", "sender", "tls_version", "cipher", "queue_id"];
    let at_times = ["entry", "seen", "detail", "rcpt", "from"];
    let is_word = |text: &str| !text.contains([' ', '"', '=']);
    always.iter().all(|name| fields.contains_key(*name))
        && fields.iter().all(|(name, value)| {
            (always.contains(&&**name) || at_times.contains(&&**name))
                && (name == "detail" || is_word(value))
        })
        && VERDICTS.contains(&(message, &fields["verdict"]))
        && REASONS.split_whitespace().any(|reason| reason == fields["reason"])
        && (fields["client"] == "-" || fields["client"].parse::<IpAddr>().is_ok())
}

/// Whether this is why a connection ends.
fn is_error(text: &str) -> bool {
    ["a packet with a length of ", "an unknown command `", "a malformed packet `", "a packet `"]
        .iter()
        .any(|words| text.starts_with(words))
        || text == "timed out"
}
