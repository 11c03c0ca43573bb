use crate::logging::events::{Events, Form};
use crate::logging::journal::Journal;
use crate::logging::writer::{Lines, Sink};
use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tracing::Level;

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
        tracing::info!(tls_version = "TLSv1.3", port = 25, gone = None::<&str>, "it {}", "passed");
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
