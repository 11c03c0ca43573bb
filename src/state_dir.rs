//! What is to be done where the state directory cannot be written to.

use nix::errno::Errno;
use std::{io, path::Path};

/// What to do about an error that came of writing there, to stand behind it in the same line; empty
/// where the error says it.
#[must_use]
pub fn write_help(directory: &Path, error: &io::Error) -> String {
    let directory = directory.display();
    match error.raw_os_error().map(Errno::from_raw) {
        // The unit's sandbox: ProtectSystem=strict.
        Some(Errno::EROFS) => format!(
            " (the service may write to /var/lib/mandatory-tls alone: systemctl edit mandatory-tls, and under \
             [Service] ReadWritePaths={directory})"
        ),
        Some(Errno::EACCES | Errno::EPERM) => format!(
            " (the milter's user must be able to write there: install -d -o USER -m 750 {directory})"
        ),
        _ => String::new(),
    }
}
