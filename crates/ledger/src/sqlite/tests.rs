//! The ledger's file: what goes in comes out, within bounds.

use crate::fixtures::{TODAY, key, row};
use crate::model::key::Key;
use crate::{Day, Domains, History, OTHERS, Reader, Row, Selection, Store, StoreError, Tally};
use config::settings::{ROOM, Room};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A row of this day and client.
fn on(day: Day, client: &str, count: u64) -> Row {
    row(&Key { day, ..key(client) }, count)
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
    let mut wanted = on(TODAY, "192.0.2.1", 3);
    store.write_rows([&wanted].into_iter()).unwrap();
    let again =
        Row { tally: Tally { count: 2, repeats: Some(1), first: 7, last: 9 }, ..wanted.clone() };
    place.store(10, 10).write_rows([&again].into_iter()).unwrap();
    wanted.tally.add(again.tally);
    assert_eq!(wanted.tally.count, 5);
    assert_eq!(place.rows(), [wanted]);
}

#[test]
fn a_flood_of_clients_ends_up_in_one_row_and_is_counted_to_the_last() {
    let place = Place::new();
    let mut store = place.store(3, 100);
    let flood: Vec<Row> = (0..50).map(|n| on(TODAY, &format!("192.0.2.{n}"), 1)).collect();
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
            let mut row = on(TODAY, "192.0.2.1", 1);
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
        (0..20_000).map(|n| on(TODAY - 91, &format!("10.0.{}.{}", n / 250, n % 250), 1)).collect();
    store.write_rows(old.iter()).unwrap();
    store.write_rows([on(TODAY - 90, "192.0.2.1", 1)].iter()).unwrap();
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
fn the_file_is_not_for_everybody() {
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
fn a_reader_that_comes_while_the_ledger_is_made_waits_for_it() {
    // Often: whatever lies between two looks of the reader.
    for _ in 0..50 {
        let place = Place::new();
        std::fs::create_dir(place.path().parent().unwrap()).unwrap();
        // A file of SQLite's without tables, as there is one before the first row is written.
        let connection = Connection::open(place.path()).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| place.rows());
            let mut store = place.store(10, 10);
            store.write_rows([&on(TODAY, "192.0.2.1", 3)].into_iter()).unwrap();
            assert!(reader.join().unwrap().len() <= 1);
        });
    }
    let empty = Place::new();
    std::fs::create_dir(empty.path().parent().unwrap()).unwrap();
    std::fs::write(empty.path(), "").unwrap();
    assert!(matches!(Reader::open(&empty.path()), Err(StoreError::Foreign)));
}

#[test]
fn a_word_that_means_something_else_than_all_known_ones_is_not_guessed_at() {
    let place = Place::new();
    place.store(10, 10).write_rows([on(TODAY, "192.0.2.1", 1)].iter()).unwrap();
    let set = |column: &str, word: &str| {
        let sql = format!("UPDATE mail SET {column} = '{word}'");
        Connection::open(place.path()).unwrap().execute_batch(&sql).unwrap();
        let reader = Reader::open(&place.path()).unwrap();
        reader.each(&Selection::default(), drop).map_err(|error| error.to_string())
    };
    for (column, known) in [("verdict", "refuse"), ("source", "log"), ("found", "local")] {
        let said = set(column, "post-quantum").unwrap_err();
        assert!(said.contains("`post-quantum`") && said.contains(column), "{said}");
        set(column, known).unwrap();
    }
    // A reason changes nothing of what the row means.
    set("reason", "post-quantum").unwrap();
    assert_eq!(place.rows()[0].key.reason.word(), "post-quantum");
}

#[test]
fn the_rows_of_one_domain_are_found_on_each_of_its_days_and_no_other_are() {
    let place = Place::new();
    let mut store = place.store(1000, 10_000);
    let mut all = Vec::new();
    for (number, name) in ["a.example", "b.example", "sub.a.example", "a.example.net"]
        .into_iter()
        .cycle()
        .take(120)
        .enumerate()
    {
        // Some days have none of a domain, some have no rows at all.
        let day = TODAY - Day::try_from(number * number % 45).unwrap();
        let domain = Some(crate::fixtures::domain(name));
        let key = Key { day, domain, ..key(&format!("192.0.2.{}", number % 9)) };
        let first = i64::from(day) * crate::DAY + number as i64;
        let tally = Tally { count: 1, repeats: Some(0), first, last: first + 60 };
        all.push(Row { tally, ..row(&key, 1) });
    }
    store.write_rows(all.iter()).unwrap();
    let reader = Reader::open(&place.path()).unwrap();
    for since in [0, TODAY - 40, TODAY - 7, TODAY, TODAY + 1] {
        for domains in [
            Domains::One(crate::fixtures::domain("a.example")),
            Domains::One(crate::fixtures::domain("none.example")),
            Domains::Below(crate::fixtures::domain("a.example")),
            Domains::All,
        ] {
            let selection = Selection { since, domains };
            let (mut found, mut wanted) = (Vec::new(), Vec::new());
            reader.each(&selection, |row| found.push(row)).unwrap();
            // What is held in memory is looked through row by row.
            place.rows().each(&selection, |row| wanted.push(row)).unwrap();
            assert_eq!(found, wanted, "{selection:?}");
            assert_eq!(reader.count(&selection).unwrap(), wanted.len() as u64, "{selection:?}");
        }
    }
    assert_eq!(reader.span().unwrap(), place.rows().span().unwrap());
}
