//! The hop to the organisation's own server: which level it has, what a test of the connection finds, and what
//! another level would mean.

mod level;
mod switch;

#[cfg(test)]
pub(super) use {
    level::{HopRow, LevelOption, LevelPage, ServerRow},
    switch::LevelSwitchPage,
};

use crate::ops::domains::DomainRecord;
use crate::web::Route;
use config::policy_file::{WrittenDeliver, WrittenEntry};
use policy::hop::{Level, Matching};

pub(super) fn routes() -> Vec<Route> {
    [level::routes(), switch::routes()].into_iter().flatten().collect()
}

/// What somebody wants: a level, perhaps with the name that the certificate must have; no level: as the operator has
/// it for all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    level: Option<Level>,
    name: String,
}

/// What was sent is none of the choices.
enum NotWanted {
    Level,
    Name,
}

impl Wanted {
    fn of(level: &str, name: &str) -> Result<Self, NotWanted> {
        let level = match level {
            "" => None,
            // There are no digests to be chosen from.
            word => Some(
                word.parse()
                    .ok()
                    .filter(|level| *level != Level::Fingerprint)
                    .ok_or(NotWanted::Level)?,
            ),
        };
        let name = if level == Some(Level::Secure) { name.trim() } else { "" };
        if !name.is_empty() && Matching::name(name).is_err() {
            return Err(NotWanted::Name);
        }
        Ok(Self { level, name: name.to_owned() })
    }

    /// The `deliver` of an entry with this: what else it says of the hop stays.
    fn on(&self, record: &DomainRecord) -> Option<WrittenDeliver> {
        let level = self.level?;
        let before = record.entry.deliver.clone().unwrap_or_default();
        let matching = Some(self.name.clone()).filter(|name| !name.is_empty());
        let servername = before.servername.filter(|_| level.takes_servername());
        Some(WrittenDeliver {
            level: Some(level),
            matching: matching.into_iter().collect(),
            servername,
            ..before
        })
    }

    fn entry(&self, record: &DomainRecord) -> WrittenEntry {
        WrittenEntry { deliver: self.on(record), ..record.entry.clone() }
    }
}
