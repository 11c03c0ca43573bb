//! Entries as the reader of policies takes them, alone: what is wrong with them, and what they demand.

use crate::ops::error::{Invalid, OpError};
use config::policy_file::{self, Snapshot, WrittenEntry, to_yaml};
use policy::{Entry, Pattern, Policy};
use std::path::Path;

/// Has the reader of policies read entries, of which no two name the same. Requirements of the operator's
/// own are looked up in the offer, since his policy is not at hand here.
pub(super) fn read<'e>(
    entries: impl IntoIterator<Item = &'e WrittenEntry>,
) -> Result<Policy, OpError> {
    let alone = entries.into_iter().map(|entry| WrittenEntry { require: None, ..entry.clone() });
    let alone: Vec<WrittenEntry> = alone.collect();
    let list = to_yaml(&alone).map_err(|error| OpError::invalid("", error.to_string(), ""))?;
    let path = Path::new("/entry/policy.yaml");
    let mut files = Snapshot::default();
    files.add(path, b"include: entry.yaml\n".to_vec());
    files.add(Path::new("/entry/entry.yaml"), list.into_bytes());
    policy_file::load_snapshot(path, &files).policy.map_err(|problems| {
        let invalid = problems.shown().into_iter().map(|problem| Invalid {
            field: field_of(problem.line.as_deref().unwrap_or_default()),
            message: problem.message.clone(),
            help: problem.help.clone(),
        });
        OpError::Invalid(invalid.collect())
    })
}

/// Reads an entry as if the policy held nothing else.
pub(super) fn read_alone(entry: &WrittenEntry) -> Result<Option<Entry>, OpError> {
    let policy = read([entry])?;
    let pattern: Option<Pattern> = entry.domain.parse().ok();
    Ok(pattern.and_then(|it| policy.domains.named(&it).map(|it| it.entry.clone())))
}

/// The field that a line of the entry is about, as far as it tells.
pub(crate) fn field_of(line: &str) -> String {
    let key = line.trim_start_matches([' ', '-']).split(':').next().unwrap_or_default();
    match key {
        "client" | "sender" | "until" | "reason" | "client_certificate" | "subject" | "issuer" => {
            "exceptions".into()
        }
        "level" | "match" | "protocols" | "min_version" | "ciphers" | "servername" | "nexthop" => {
            "deliver".into()
        }
        key => key.into(),
    }
}
