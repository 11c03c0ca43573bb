//! Where the milter listens: the sockets of the settings, and those that systemd keeps for it.

use crate::command;
use config::settings::{Listen, Settings, SocketSpec};
use std::{ffi::OsStr, path::Path};

/// The unit of the socket for Postfix.
pub(super) const POSTFIX_UNIT: &str = "mandatory-tls-postfix.socket";
/// The unit of the socket for look-ups of next hops, and where it listens as it is shipped.
pub(super) const DELIVER_UNIT: &str = "mandatory-tls-deliver.socket";
const DELIVER: &str = "unix:/var/spool/postfix/mandatory-tls/deliver.sock";
/// The units of all sockets that the package brings for the milter.
const UNITS: [&str; 2] = [POSTFIX_UNIT, "mandatory-tls.socket"];
/// Where these listen as they are shipped.
const SHIPPED: [&str; 2] =
    ["unix:/var/spool/postfix/mandatory-tls/milter.sock", "unix:/run/mandatory-tls/milter.sock"];

/// Whether systemd runs this system.
pub(super) fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The settings with the sockets that systemd passes among those of `listen`, so that an MTA's
/// configuration can be held against all of them.
pub(super) fn with_systemd(mut settings: Settings) -> Settings {
    if settings.systemd {
        let passed = passed_by_systemd().into_iter();
        settings
            .listen
            .splice(0..0, passed.map(|socket| Listen { socket, mode: None, group: None }));
        let socket = DELIVER.parse().ok();
        settings.socketmap.extend(socket.map(|socket| Listen { socket, mode: None, group: None }));
    }
    settings
}

/// What the socket units say, as systemd has them; where it cannot be asked, as they are shipped.
fn passed_by_systemd() -> Vec<SocketSpec> {
    let mut arguments = vec!["show".into(), "--property=Listen".into()];
    arguments.extend(UNITS.iter().map(Into::into));
    let shown = command::run(OsStr::new("systemctl"), &arguments);
    let found: Vec<SocketSpec> = shown
        .iter()
        .flat_map(|written| written.output.lines())
        .filter_map(|line| line.strip_prefix("Listen=")?.strip_suffix(" (Stream)"))
        .filter_map(parse)
        .collect();
    if found.is_empty() {
        return SHIPPED.iter().filter_map(|socket| socket.parse().ok()).collect();
    }
    found
}

/// `ListenStream=` as systemctl shows it: a path, or an address and port.
fn parse(address: &str) -> Option<SocketSpec> {
    let kind = if address.starts_with('/') { "unix" } else { "inet" };
    format!("{kind}:{address}").parse().ok()
}
