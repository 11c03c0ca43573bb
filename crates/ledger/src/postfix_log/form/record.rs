//! A record of journald, of a container engine or of a collector of logs: names with values.

use serde_json::{Map, Value};
use std::fmt::Write;

/// The fields of a record that make a line.
#[derive(Debug, Default)]
pub(super) struct Record {
    kind: Kind,
    /// `journalctl -o json-pretty`, as far as it was read.
    json: String,
    fields: Map<String, Value>,
    /// Whether the next line is a text of octets.
    is_binary: bool,
}

/// What a record of several lines looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// An object of JSON over several lines.
    #[default]
    Json,
    /// `journalctl -o export`: `NAME=value`, up to an empty line.
    Export,
    /// `journalctl -o verbose`: a line with the time, and fields that are moved in.
    Verbose,
}

/// Longest record of several lines, in octets.
const LONGEST: usize = 1024 * 1024;

/// The names of what makes a line, the most exact first: in the journal, in what Docker writes, and in
/// what rsyslog, Fluentd and Logstash do.
const TIME: [&str; 7] = [
    "_SOURCE_REALTIME_TIMESTAMP",
    "__REALTIME_TIMESTAMP",
    "@timestamp",
    "timestamp",
    "time",
    "timegenerated",
    "date",
];
const HOST: [&str; 5] = ["_HOSTNAME", "hostname", "host", "HOSTNAME", "fromhost"];
const PROGRAM: [&str; 9] = [
    "SYSLOG_IDENTIFIER",
    "syslogtag",
    "app-name",
    "programname",
    "program",
    "PROGRAM",
    "ident",
    "appname",
    "_COMM",
];
const PROCESS: [&str; 5] = ["SYSLOG_PID", "_PID", "procid", "pid", "PID"];
const TEXT: [&str; 5] = ["MESSAGE", "log", "message", "msg", "short_message"];

impl Record {
    /// The record of an object on one line.
    pub fn json(line: &str) -> Option<Self> {
        Some(Self { fields: serde_json::from_str(line).ok()?, ..Self::default() })
    }

    /// The record that begins with this line, if one does.
    pub fn begin(line: &str) -> Option<Self> {
        let mut record = Self::default();
        if line == "{" {
            record.json.push('{');
        } else if line.starts_with("__CURSOR=") || line.starts_with("__REALTIME_TIMESTAMP=") {
            record.kind = Kind::Export;
            record.field(line);
        } else if let Some(time) = verbose(line) {
            record.kind = Kind::Verbose;
            record.fields.insert("time".into(), time.into());
        } else {
            return None;
        }
        Some(record)
    }

    /// Whether a line may be the next one of the record. An object of JSON has its lines moved in.
    pub fn goes_on(&self, line: &str) -> bool {
        self.kind != Kind::Json || line.starts_with([' ', '\t', '"', '}', ']', '{'])
    }

    /// Takes in the next line. Returns whether the record is complete.
    pub fn take(&mut self, line: &str) -> bool {
        match self.kind {
            Kind::Json => {
                self.json.push_str(line);
                let is_complete = line.starts_with('}');
                if is_complete {
                    self.fields = serde_json::from_str(&self.json).unwrap_or_default();
                }
                is_complete || self.json.len() > LONGEST
            }
            Kind::Export => {
                self.field(line);
                line.is_empty()
            }
            Kind::Verbose => match line.strip_prefix("    ") {
                Some(field) => {
                    self.field(field);
                    false
                }
                None => true,
            },
        }
    }

    fn field(&mut self, line: &str) {
        // `MESSAGE` alone: eight octets of its length follow, and a text that is not plain.
        if self.is_binary {
            self.is_binary = false;
            self.fields.insert("MESSAGE".into(), line.chars().skip(8).collect::<String>().into());
        } else if let Some((name, value)) = line.split_once('=') {
            if self.fields.len() < 1000 {
                self.fields.insert(name.into(), value.into());
            }
        } else {
            self.is_binary = line == "MESSAGE";
        }
    }

    /// Writes the record as a line of a log. Returns whether there is enough for one.
    pub fn write(&self, line: &mut String) -> bool {
        line.clear();
        let Some(text) = self.first(&TEXT) else { return false };
        let text = text.trim();
        if let Some(time) = self.first(&TIME) {
            match time.parse::<u64>() {
                // The journal counts microseconds.
                Ok(number) if time.len() > 13 => {
                    let _ = write!(line, "{}.{:06} ", number / 1_000_000, number % 1_000_000);
                }
                _ => {
                    line.push_str(&time);
                    line.push(' ');
                }
            }
        }
        if let Some(program) = self.first(&PROGRAM)
            && !program.is_empty()
        {
            line.push_str(&self.first(&HOST).unwrap_or_default());
            line.push(' ');
            let program = program.trim_end_matches([':', ' ']);
            line.push_str(program);
            if !program.ends_with(']') {
                let _ = write!(line, "[{}]", self.first(&PROCESS).unwrap_or_default());
            }
            line.push_str(": ");
        }
        // One record, one line.
        line.extend(text.chars().map(|character| if character == '\n' { ' ' } else { character }));
        true
    }

    /// The first of these fields that is there.
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.fields.get(*name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            // Journald: octets of a text that is not plain, or a field that is there several times.
            Value::Array(values) => {
                octets(values).or_else(|| values.first().and_then(Value::as_str).map(str::to_owned))
            }
            Value::Object(inner) => inner.get("name").and_then(Value::as_str).map(str::to_owned),
            Value::Null | Value::Bool(_) => None,
        })
    }
}

/// The time in `Fri 2026-11-20 20:18:10.123456 UTC [s=0f;i=2a;b=..]`. A client may write what looks like the end of it
/// into a line of a log, where the process stands in brackets before.
fn verbose(line: &str) -> Option<&str> {
    let (time, cursor) = line.strip_suffix(']')?.split_once(" [s=")?;
    let is_of_cursor = |octet: u8| octet.is_ascii_alphanumeric() || b"=;-_".contains(&octet);
    (cursor.bytes().all(is_of_cursor) && !time.contains('[')).then_some(time)
}

fn octets(values: &[Value]) -> Option<String> {
    let octet = |value: &Value| value.as_u64().and_then(|number| u8::try_from(number).ok());
    let octets: Vec<u8> = values.iter().map(octet).collect::<Option<_>>()?;
    Some(String::from_utf8_lossy(&octets).into_owned())
}
