//! systemd's journal: an event as a datagram with its fields, and the socket that takes it.
//!
//! The form is that of the [native protocol](https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). On its way to
//! the thread that sends it, a datagram has its length before it.

use super::writer::Sink;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Where the journal takes datagrams.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// What journalctl calls the program (`-t`).
const IDENTIFIER: &str = "mandatory-tls";
/// Before the names of fields that are the program's own.
const PREFIX: &[u8] = b"MANDATORY_TLS_";

/// Octets of a datagram's length.
const LENGTH: usize = size_of::<u32>();

/// Appends an event as a datagram.
pub(super) fn write(event: &Event<'_>, record: &mut Vec<u8>) {
    let start = record.len();
    record.extend_from_slice(&[0; LENGTH]);
    // Writing to a vector cannot fail.
    let _ = write!(
        record,
        "PRIORITY={}\nSYSLOG_IDENTIFIER={IDENTIFIER}\n",
        priority(*event.metadata().level())
    );
    event.record(&mut Fields(record));
    let length = u32::try_from(record.len() - start - LENGTH).unwrap_or(u32::MAX);
    if let Some(place) = record.get_mut(start..start + LENGTH) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// A level as syslog(3) has it, so that each has a priority of its own and what is normal is a notice.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 5,
        Level::DEBUG => 6,
        Level::TRACE => 7,
    }
}

struct Fields<'r>(&'r mut Vec<u8>);

impl Fields<'_> {
    /// Writes the value's length before it, so that the value can hold anything.
    fn put(&mut self, field: &Field, value: impl FnOnce(&mut Vec<u8>)) {
        if field.name() == "message" {
            self.0.extend_from_slice(b"MESSAGE");
        } else {
            self.0.extend_from_slice(PREFIX);
            self.0.extend(field.name().bytes().map(|octet| octet.to_ascii_uppercase()));
        }
        self.0.push(b'\n');
        let start = self.0.len();
        self.0.extend_from_slice(&[0; size_of::<u64>()]);
        value(self.0);
        let length = (self.0.len() - start - size_of::<u64>()) as u64;
        if let Some(place) = self.0.get_mut(start..start + size_of::<u64>()) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.0.push(b'\n');
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, |out| out.extend_from_slice(value.as_bytes()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A value whose formatting fails is cut off there.
        self.put(field, |out| drop(write!(out, "{value:?}")));
    }
}

/// The journal's socket.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    /// Looked up for each datagram: the journal may be restarted.
    path: PathBuf,
}

impl Journal {
    /// The journal behind this socket.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let journal = Self { socket: UnixDatagram::unbound()?, path: path.to_owned() };
        // The journal drops what is empty.
        journal.send(b"")?;
        Ok(journal)
    }

    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        loop {
            match self.socket.send_to(datagram, &self.path) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }
}

impl Sink for Journal {
    /// Sends datagrams, and waits while the journal takes none.
    fn write(&mut self, records: &[u8]) -> u64 {
        let mut rest = records;
        let mut lost = 0;
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let Some((datagram, after)) = after.split_at_checked(length) else { break };
            lost += u64::from(self.send(datagram).is_err());
            rest = after;
        }
        lost
    }
}
