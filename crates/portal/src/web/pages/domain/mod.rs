//! The domains: their list, one of them, and what is set for it.

mod exceptions;
mod list;
mod overview;
mod settings;
mod switch;

use super::shown::Shown;
use super::words::{Words, fill};
use crate::ops::domains::{self, DomainRecord, OwnedDomain};
use crate::web::Route;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use policy::Mode;

pub(super) use list::{DomainRow, row};
pub(super) use overview::{Force, force, whose};
pub(super) use switch::{change, since_then};
#[cfg(test)]
pub(super) use {
    exceptions::ExceptionPage,
    list::ListPage,
    overview::{Choice, ExceptionRow, OverviewPage},
    settings::{ContactPage, RequirementOption, RequirementPage},
    switch::{Advice, SwitchPage},
};

pub(super) fn routes() -> Vec<Route> {
    let all = [
        list::routes(),
        overview::routes(),
        switch::routes(),
        settings::routes(),
        exceptions::routes(),
    ];
    all.into_iter().flatten().collect()
}

/// A domain on its pages: as people read it, and where its page is.
pub(super) struct Named {
    pub shown: Shown,
    pub link: String,
}

impl Named {
    pub fn of(domain: &OwnedDomain) -> Self {
        let name = domain.name().as_str();
        Self { shown: domains::shown(name).into(), link: link(name) }
    }

    pub fn to(record: &DomainRecord) -> Self {
        Self { shown: record.shown.as_str().into(), link: link(&record.domain) }
    }

    /// Whether a path is that of this page of the domain.
    pub fn is_at(&self, path: &str, page: &str) -> bool {
        path.strip_prefix(&*self.link) == Some(page)
    }

    /// A text with the domain filled in.
    pub fn fill(&self, text: &str) -> String {
        fill(text, &[("domain", &self.shown.plain())])
    }
}

/// The pages of a domain: where, and what they are called.
pub(super) fn tabs(domain: &Named, words: &Words) -> Vec<(String, &'static str)> {
    let of = |page: &str| format!("{}{page}", domain.link);
    vec![
        (of(""), words.domain.overview),
        (of("/report"), words.domain.report),
        (of("/test"), words.domain.test),
        (of("/history"), words.domain.history),
    ]
}

/// The page of a domain.
pub(super) fn link(name: &str) -> String {
    format!("/domains/{name}")
}

/// A moment, to the minute. In UTC, as the foot of each page says.
pub(super) fn when(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A day.
pub(super) fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

/// The beginning of a day, in UTC.
pub(super) fn start_of(day: &str) -> Option<Timestamp> {
    let day: Date = day.trim().parse().ok()?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

/// How a domain is treated at this moment, and from when on it is enforced where that is to come.
fn mode_now(mode: Mode, enforce_from: Option<&str>, now: Timestamp) -> (Mode, Option<String>) {
    let Some(from) = enforce_from.filter(|_| mode == Mode::Enforce) else { return (mode, None) };
    let start = from.parse::<Timestamp>().ok().or_else(|| start_of(from));
    match start {
        Some(start) if start <= now => (mode, None),
        _ => (Mode::Monitor, Some(from.to_owned())),
    }
}

pub(super) fn mode_of(record: &DomainRecord, now: Timestamp) -> (Mode, Option<String>) {
    mode_now(record.mode(), record.entry.enforce_from.as_deref(), now)
}

/// Something that is set: its name, its value, and where it can be changed.
pub(super) struct Fact {
    pub name: &'static str,
    pub value: Shown,
    pub detail: Shown,
    pub link: Option<String>,
}

/// One of several, in a form.
pub(super) struct Choosable {
    pub value: &'static str,
    pub title: Shown,
    pub about: Shown,
    pub chosen: bool,
}

/// A server that would be, or was, refused.
pub(super) struct PeerRow {
    /// To its story.
    pub link: String,
    pub client: Shown,
    pub host: Shown,
    pub messages: String,
    pub senders: Shown,
    pub why: Shown,
    pub last: String,
    pub since_then: String,
    /// Whether it has come with TLS since.
    pub is_better: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_its_day_a_domain_is_monitored() {
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        for (mode, from, is, shown) in [
            (Mode::Off, None, Mode::Off, None),
            (Mode::Enforce, None, Mode::Enforce, None),
            (Mode::Enforce, Some("2026-11-28"), Mode::Enforce, None),
            (Mode::Enforce, Some("2026-11-29"), Mode::Monitor, Some("2026-11-29")),
            (Mode::Enforce, Some("2026-11-28T13:00:00+02:00"), Mode::Enforce, None),
            (
                Mode::Enforce,
                Some("2026-11-28T13:00:00Z"),
                Mode::Monitor,
                Some("2026-11-28T13:00:00Z"),
            ),
            (Mode::Monitor, Some("2026-11-29"), Mode::Monitor, None),
        ] {
            assert_eq!(
                mode_now(mode, from, now),
                (is, shown.map(str::to_owned)),
                "{mode:?} {from:?}"
            );
        }
    }
}
