//! The ledger's file: what goes in comes out, within bounds.

use super::*;
use crate::report::{By, Query, Report};
use config::settings::{ROOM, Room};
use policy::{Decision, DomainName, TlsState};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

const TODAY: Day = 20_780;

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

fn tls(version: &str, cipher: &str, bits: &str) -> TlsState {
    TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), Some(bits.as_bytes()))
}

/// A refused recipient of this client.
pub(crate) fn key(client: &str) -> Key {
    Key {
        day: TODAY,
        domain: Some(domain("example.com")),
        found: Found::Recipient,
        client: client.parse().ok(),
        name: Some(domain("mail.example.net")),
        sender: From::Domain(domain("example.net")),
        tls: TlsState::Plaintext,
        authenticated: false,
        local_submission: false,
        verdict: Decision::Refuse,
        reason: "plaintext",
    }
}

fn row(client: &str, day: Day, count: u64) -> Row {
    let key = RowKey::new(&Key { day, ..key(client) }, Source::Milter, &Clients::Full);
    let first = i64::from(day) * DAY + 10;
    Row { key, tally: Tally { count, first, last: first + 5 } }
}

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("state/ledger.sqlite")
    }

    fn store(&self, domain: u32, day: u32) -> Store {
        Store::open(&self.path(), Room { domain, day }).unwrap()
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let reader = Reader::open(&self.path()).unwrap();
        reader.each(&Selection::default(), |row| rows.push(row)).unwrap();
        rows
    }

    fn clients(&self) -> Vec<(String, String, u64)> {
        let shown = |row: Row| (row.key.domain, row.key.client, row.tally.count);
        self.rows().into_iter().map(shown).collect()
    }
}

#[test]
fn what_is_written_is_read_and_the_same_again_is_added_up() {
    let place = Place::new();
    let mut store = place.store(10, 10);
    let mut wanted = row("192.0.2.1", TODAY, 3);
    store.write_rows([&wanted].into_iter()).unwrap();
    let again = Row { tally: Tally { count: 2, first: 7, last: 9 }, ..wanted.clone() };
    place.store(10, 10).write_rows([&again].into_iter()).unwrap();
    wanted.tally.add(again.tally);
    assert_eq!(wanted.tally.count, 5);
    assert_eq!(place.rows(), [wanted]);
}

#[test]
fn in_memory_the_same_is_added_up_and_what_is_beyond_the_room_is_lost_and_counted() {
    use crate::recorder::batch::{Batch, MOST_ROWS};
    let mut batch = Batch::default();
    let most = u32::try_from(MOST_ROWS).unwrap();
    let client = |number: u32| key(&std::net::Ipv4Addr::from(number).to_string());
    let added = (0..most + 3).filter(|number| batch.add(&client(*number).seen(), 7)).count();
    assert_eq!((added, batch.rows.len()), (MOST_ROWS, MOST_ROWS));
    assert!(batch.add(&client(0).seen(), 9), "a row that is there needs no room");
    assert_eq!(batch.rows[&client(0)], Tally { count: 2, first: 7, last: 9 });
    assert_eq!(batch.lost, BTreeMap::from([(TODAY, 3)]));
}

#[test]
fn rows_that_differ_in_anything_are_counted_apart() {
    use crate::recorder::batch::Batch;
    let plain = key("192.0.2.1");
    let others = [
        Key { day: TODAY + 1, ..plain.clone() },
        Key { domain: None, ..plain.clone() },
        Key { found: Found::Sender, ..plain.clone() },
        Key { client: None, ..plain.clone() },
        Key { name: None, ..plain.clone() },
        Key { sender: From::Null, ..plain.clone() },
        Key { tls: TlsState::Unknown, ..plain.clone() },
        Key { authenticated: true, ..plain.clone() },
        Key { local_submission: true, ..plain.clone() },
        Key { verdict: Decision::WouldRefuse, ..plain.clone() },
        Key { reason: "weak", ..plain.clone() },
        plain,
    ];
    let mut batch = Batch::default();
    for key in others.iter().chain(&others) {
        batch.add(&key.seen(), 7);
    }
    assert_eq!(batch.rows.len(), others.len());
    assert!(others.iter().all(|key| batch.rows[key].count == 2));
}

#[test]
fn rows_that_differ_in_what_others_choose_do_not_meet_in_one_place_of_a_table() {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let tls = |cipher: String, bits: u32| {
        let bits = bits.to_string();
        TlsState::from_macros(Some(b"TLSv1.2"), Some(cipher.as_bytes()), Some(bits.as_bytes()))
    };
    let keys = (0..1000).flat_map(|number| {
        let name = DomainName::parse(&format!("client{number}.example")).ok();
        [
            Key { tls: tls("AES128-SHA".into(), number), ..key("192.0.2.1") },
            Key { tls: tls(format!("MADE-UP-{number}"), 1), ..key("192.0.2.1") },
            Key { name, ..key("192.0.2.1") },
        ]
    });
    let hashes: BTreeSet<u64> = keys
        .map(|key| {
            let mut hasher = DefaultHasher::new();
            key.seen().hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    assert_eq!(hashes.len(), 3000);
}

#[test]
fn a_flood_of_clients_ends_up_in_one_row_and_is_counted_to_the_last() {
    let place = Place::new();
    let mut store = place.store(3, 100);
    let flood: Vec<Row> = (0..50).map(|n| row(&format!("192.0.2.{n}"), TODAY, 1)).collect();
    store.write_rows(flood.iter()).unwrap();
    // Again, as if the program had been started anew: no more room for the same.
    place.store(3, 100).write_rows(flood.iter()).unwrap();
    let clients = place.clients();
    assert_eq!(clients.len(), 4, "{clients:?}");
    assert_eq!(clients[0], ("example.com".into(), OTHERS.into(), 94));
    assert_eq!(clients.iter().map(|(_, _, count)| count).sum::<u64>(), 100);
}

#[test]
fn a_flood_of_domains_ends_up_in_one_row_too() {
    let place = Place::new();
    let mut store = place.store(100, 5);
    let flood: Vec<Row> = (0..50)
        .map(|number| {
            let mut row = row("192.0.2.1", TODAY, 1);
            row.key.domain = format!("d{number}.example");
            row
        })
        .collect();
    store.write_rows(flood.iter()).unwrap();
    let clients = place.clients();
    assert_eq!(clients.len(), 6, "{clients:?}");
    assert!(clients.contains(&(OTHERS.into(), OTHERS.into(), 45)), "{clients:?}");
    // Five domains and the others are remembered, not the flood.
    assert_eq!(store.rows_of_domain.len(), 6);
}

#[test]
fn what_is_too_old_is_deleted_and_its_space_given_back() {
    let place = Place::new();
    let mut store = place.store(100_000, 100_000);
    let old: Vec<Row> =
        (0..20_000).map(|n| row(&format!("10.0.{}.{}", n / 250, n % 250), TODAY - 91, 1)).collect();
    store.write_rows(old.iter()).unwrap();
    store.write_rows([row("192.0.2.1", TODAY - 90, 1)].iter()).unwrap();
    let lost = BTreeMap::from([(TODAY - 91, 4), (TODAY, 2)]);
    store.write([].into_iter(), &lost).unwrap();
    assert_eq!(store.keep(&(TODAY - 90..=TODAY)).unwrap(), 20_000);
    drop(store);
    assert_eq!(place.clients().len(), 1);
    assert_eq!(Reader::open(&place.path()).unwrap().lost(0).unwrap(), 2);
    let size = std::fs::metadata(place.path()).unwrap().len();
    assert!(size < 200_000, "{size} octets");
}

#[test]
fn a_clock_that_was_wrong_for_a_while_deletes_nothing_and_leaves_nothing_for_ever() {
    let place = Place::new();
    let mut store = place.store(10, 10);
    let days = || place.rows().iter().map(|row| row.key.day).collect::<Vec<_>>();
    let record = |day| {
        place.store(10, 10).write_rows([row("192.0.2.1", day, 1)].iter()).unwrap();
        days()
    };
    let mut look = |day: Day, hour: i64| {
        let pruned = store.prune(90, i64::from(day) * DAY + hour * 3600).unwrap();
        matches!(pruned, Pruned::Done { .. })
    };
    record(TODAY - 91);
    record(TODAY - 90);
    // A ledger of which nothing is known is pruned after a day.
    assert!(!look(TODAY - 1, 12) && look(TODAY, 12));
    assert_eq!(record(TODAY), [TODAY - 90, TODAY]);
    // Each day begins ten years ahead.
    let wrong = TODAY + 3650;
    for day in TODAY + 1..=TODAY + 90 {
        assert!(!look(day + 3650, 0), "{day}");
        record(wrong + 1);
        assert!(look(day, 1), "{day}");
    }
    assert_eq!(days(), [TODAY, wrong + 1]);
    // What was written at a wrong time is kept no longer than the rest.
    assert!(look(TODAY + 92, 0));
    assert_eq!(days(), [] as [Day; 0]);
}

#[test]
fn the_file_is_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let _store = place.store(1, 1);
    for path in [place.path(), place.path().with_extension("sqlite-wal")] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{}", path.display());
    }
    let directory = place.path().parent().unwrap().metadata().unwrap();
    assert_eq!(directory.permissions().mode() & 0o007, 0);
}

#[test]
fn a_ledger_of_a_later_release_and_a_file_of_others_stay_as_they_are() {
    use rusqlite::Connection;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.sqlite");
    for sql in ["PRAGMA user_version = 99", "CREATE TABLE theirs (x)"] {
        let theirs = Connection::open(&path).unwrap();
        theirs.execute_batch("PRAGMA auto_vacuum = FULL").unwrap();
        theirs.execute_batch(sql).unwrap();
        drop(theirs);
        let before = std::fs::read(&path).unwrap();
        let opened = Store::open(&path, ROOM);
        assert!(matches!(opened, Err(StoreError::Newer { .. } | StoreError::Foreign)), "{sql}");
        assert!(std::fs::read(&path).unwrap() == before, "{sql}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_ledger_that_is_not_there_is_not_made_by_reading_it() {
    let place = Place::new();
    assert!(matches!(Reader::open(&place.path()), Err(StoreError::File(_))));
    assert!(!place.path().exists());
}

#[test]
fn what_the_ledger_holds_of_a_session_makes_the_same_session_again() {
    use policy::tls::certificate::Certificate;
    let certificate =
        Certificate::from_macros(Some(b"/O=Bank/CN=mx.bank.test"), Some(b"/CN=CA"), Some(b"OK"));
    for state in [
        TlsState::Plaintext,
        TlsState::Unknown,
        tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256"),
        tls("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "256").with_certificate(certificate),
        tls("SSLv3", "RC4-SHA", "128"),
        tls("", "AES256-SHA", "256"),
        tls("DTLSv1.2", "AES256-SHA", "256"),
        tls("TLSv1.2", "a cipher\nof evil", "256"),
        tls("TLSv1.2", "AES256-SHA", "0"),
        tls("TLSv1.4", "", ""),
    ] {
        let key = Key { tls: state.clone(), ..key("192.0.2.1") };
        let again = RowKey::new(&key, Source::Milter, &Clients::Full).tls();
        let (TlsState::Encrypted(old), TlsState::Encrypted(new)) = (&state, &again) else {
            assert_eq!(again, state);
            continue;
        };
        assert_eq!((new.version(), new.contradiction()), (old.version(), old.contradiction()));
        assert_eq!(new.certificate(), old.certificate());
        assert_eq!(new.cipher().suites().count(), old.cipher().suites().count());
        assert!(old.cipher().suites().zip(new.cipher().suites()).all(|(old, new)| old == new));
    }
}

#[test]
fn hashed_and_truncated_clients_leave_nothing_else_of_the_client() {
    use policy::tls::certificate::Certificate;
    let certificate = Certificate::from_macros(Some(b"mail.example.net"), Some(b"CA"), None);
    let tls = tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256").with_certificate(certificate);
    let key = Key { tls, ..key("192.0.2.77") };
    for (clients, shown) in
        [(Clients::Network, "192.0.2.0/24"), (Clients::Hashed(Box::new([7; 32])), "hash:")]
    {
        let row = RowKey::new(&key, Source::Milter, &clients);
        assert!(row.client.starts_with(shown) && row.is_coarse());
        assert_eq!((&*row.name, &*row.certificate), ("", ""));
        assert!(!format!("{row:?}").contains("mail.example.net"));
    }
    assert!(RowKey::new(&key, Source::Milter, &Clients::Full).certificate.contains("mail.example"));
}

#[test]
fn a_certificate_that_lost_a_mail_address_counts_as_not_known_in_full() {
    use policy::tls::certificate::Certificate;
    let certificate = Certificate::from_macros(Some(b"alice@example.org"), Some(b"CA"), None);
    let tls = tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256").with_certificate(certificate);
    let row = RowKey::new(&Key { tls, ..key("192.0.2.77") }, Source::Milter, &Clients::Full);
    assert!(row.is_coarse() && !format!("{row:?}").contains("alice"));
}

#[test]
fn a_cipher_without_bits_is_not_counted_with_the_same_cipher_that_has_some() {
    let place = Place::new();
    let mut store = place.store(10, 10);
    let with_bits = |client: &str, bits: &str| {
        let tls = tls("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", bits);
        let key = RowKey::new(&Key { tls, ..key(client) }, Source::Milter, &Clients::Full);
        Row { key, ..row(client, TODAY, 1) }
    };
    // Whichever is read first.
    let clients = [("192.0.2.1", "0"), ("192.0.2.2", "256"), ("192.0.2.3", "0")];
    let rows = clients.map(|(client, bits)| with_bits(client, bits));
    store.write_rows(rows.iter()).unwrap();
    let query = Query { since: TODAY, domain: None, by: By::Peer, verdict: None };
    let report = Report::new(&Reader::open(&place.path()).unwrap(), &query).unwrap();
    assert_eq!((report.totals.judged, report.totals.encrypted), (3, 1));
}
