//! The zone of times that are logged without one.

use jiff::tz::TimeZone;

/// Reads the name of a zone; `local` is that of this host.
pub(super) fn time_zone(text: &str) -> Result<TimeZone, String> {
    let found = match text {
        "local" => TimeZone::try_system(),
        name => TimeZone::get(name),
    };
    found.map_err(|_| {
        "there is no such zone here; they are named as in /usr/share/zoneinfo (Debian's package tzdata)".to_owned()
    })
}
