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
    /// With the length of the value before it, so that the value can hold anything.
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
        // A value that cannot be shown is left as far as it came.
        self.put(field, |out| drop(write!(out, "{value:?}")));
    }
}

/// The journal's socket.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    /// Looked up for each datagram: the journal may begin anew.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::events::{Events, Form};
    use crate::logging::writer::Lines;
    use std::collections::BTreeMap;
    use std::time::Duration;

    /// A journal's end of its socket.
    struct Reader {
        socket: UnixDatagram,
        directory: tempfile::TempDir,
    }

    impl Reader {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let socket = UnixDatagram::bind(directory.path().join("socket")).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            Self { socket, directory }
        }

        fn journal(&self) -> Journal {
            let journal = Journal::at(&self.directory.path().join("socket")).unwrap();
            assert_eq!(self.read(), BTreeMap::new(), "the first datagram is empty");
            journal
        }

        /// The fields of the next datagram.
        fn read(&self) -> BTreeMap<String, String> {
            let mut octets = vec![0; 1 << 16];
            let length = self.socket.recv(&mut octets).unwrap();
            let mut rest = &octets[..length];
            let mut fields = BTreeMap::new();
            while !rest.is_empty() {
                let end = rest.iter().position(|octet| *octet == b'\n').unwrap();
                let line = str::from_utf8(&rest[..end]).unwrap();
                rest = &rest[end + 1..];
                let (name, value) = match line.split_once('=') {
                    Some((name, value)) => (name, value.to_owned()),
                    None => {
                        let (length, after) = rest.split_first_chunk().unwrap();
                        let (value, after) = after.split_at(u64::from_le_bytes(*length) as usize);
                        rest = after.strip_prefix(b"\n").unwrap();
                        (line, String::from_utf8(value.to_vec()).unwrap())
                    }
                };
                assert_eq!(fields.insert(name.to_owned(), value), None, "{name} comes twice");
            }
            fields
        }
    }

    #[test]
    fn an_event_reaches_the_journal_with_its_fields() {
        let reader = Reader::new();
        let (lines, _guard) = Lines::to(reader.journal(), |_| ()).unwrap();
        let log = Events::new(Level::INFO, Form::Journal, lines);
        tracing::subscriber::with_default(log, || {
            tracing::info!(
                tls_version = "TLSv1.3",
                port = 25,
                gone = None::<&str>,
                "it {}",
                "passed"
            );
            tracing::error!("two\nlines=1\n");
        });
        let fields = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(
            reader.read(),
            fields(&[
                ("PRIORITY", "5"),
                ("SYSLOG_IDENTIFIER", "mandatory-tls"),
                ("MESSAGE", "it passed"),
                ("MANDATORY_TLS_TLS_VERSION", "TLSv1.3"),
                ("MANDATORY_TLS_PORT", "25"),
            ])
        );
        assert_eq!(
            reader.read(),
            fields(&[
                ("PRIORITY", "3"),
                ("SYSLOG_IDENTIFIER", "mandatory-tls"),
                ("MESSAGE", "two\nlines=1\n"),
            ])
        );
    }

    #[test]
    fn a_journal_that_stands_still_holds_nobody_up() {
        const EVENTS: usize = 2000;
        let reader = Reader::new();
        let (lines, _guard) = Lines::to(reader.journal(), |_| ()).unwrap();
        let log = Events::new(Level::INFO, Form::Journal, lines);
        // More than the socket's queue holds (`net.unix.max_dgram_qlen`), and nobody reads.
        tracing::subscriber::with_default(log, || {
            (0..EVENTS).for_each(|number| tracing::info!(number, "event"));
        });
        for number in 0..EVENTS {
            assert_eq!(reader.read()["MANDATORY_TLS_NUMBER"], number.to_string());
        }
    }

    #[test]
    fn what_the_journal_does_not_take_is_counted() {
        let reader = Reader::new();
        let mut journal = reader.journal();
        let record = |octets: &[u8]| [&(octets.len() as u32).to_le_bytes(), octets].concat();
        let (small, huge) = (record(b"MESSAGE=x\n"), record(&[b'x'; 4 << 20]));
        assert_eq!(journal.write(&[&*small, &*huge, &*small].concat()), 1);
        assert_eq!((reader.read().len(), reader.read().len()), (1, 1));
        drop(reader);
        assert_eq!(journal.write(&[small.clone(), small].concat()), 2);
    }

    #[test]
    fn a_journal_that_is_not_there_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Journal::at(&directory.path().join("socket")).is_err());
    }
}
