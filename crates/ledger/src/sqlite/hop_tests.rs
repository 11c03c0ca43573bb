//! What logs tell of deliveries and of failed handshakes goes in and comes out, by domain and day.

use crate::fixtures::{TODAY, domain, tls};
use crate::model::day::DAY;
use crate::{
    Afterwards, Attempt, Day, Delivery, DeliveryKey, DeliveryReason, DeliveryStatus, Domains,
    FromLog, Handshake, HandshakeKey, History, HopKind, HopTls, LoggedTls, Print, Reader,
    Selection, Store, Tally, TlsFailure, Trust,
};
use config::Room;
use config::settings::ROOM;
use policy::TlsState;
use std::path::PathBuf;
use strum::IntoEnumIterator;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("ledger.sqlite")
    }

    fn store(&self) -> Store {
        Store::open(&self.path(), ROOM).unwrap()
    }

    fn deliveries(&self, selection: &Selection) -> Vec<Delivery> {
        let mut rows = Vec::new();
        let reader = Reader::open(&self.path()).unwrap();
        reader.deliveries(selection, |row| rows.push(row)).unwrap();
        rows
    }

    fn handshakes(&self, selection: &Selection) -> Vec<Handshake> {
        let mut rows = Vec::new();
        let reader = Reader::open(&self.path()).unwrap();
        reader.handshakes(selection, |row| rows.push(row)).unwrap();
        rows
    }
}

fn at(day: Day) -> i64 {
    i64::from(day) * DAY + 60
}

fn attempt(day: Day, server: &str) -> Attempt {
    Attempt {
        at: at(day),
        server: server.into(),
        address: "192.0.2.25".parse().ok(),
        level: "encrypt".into(),
        tls: HopTls::Told(LoggedTls::Told(tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256"))),
        trust: Trust::Verified,
        status: DeliveryStatus::Sent,
        reason: DeliveryReason::None,
        words: String::new(),
        is_again: false,
    }
}

fn handshake(day: Day, domain: &str, client: &str, afterwards: Afterwards) -> HandshakeKey {
    HandshakeKey {
        day,
        domain: domain.into(),
        client: client.into(),
        name: "mx.example.net".into(),
        failure: TlsFailure::new("no shared cipher"),
        afterwards,
    }
}

fn of(domains: Domains, since: Day) -> Selection {
    Selection { since, domains }
}

#[test]
fn deliveries_are_read_as_they_were_written_by_domain_and_day() {
    let place = Place::new();
    let mut told = FromLog::default();
    for (name, day) in [
        ("a.example", TODAY),
        ("b.example", TODAY),
        ("a.example", TODAY - 1),
        ("x.a.example", TODAY),
    ] {
        let attempt = attempt(day, "mx.a.example");
        told.deliveries.insert(DeliveryKey::new(&domain(name), &attempt), attempt.tally());
    }
    place.store().import(&told).unwrap();
    place.store().import(&told).unwrap();
    let shown = |selection: Selection| -> Vec<_> {
        let rows = place.deliveries(&selection).into_iter();
        rows.map(|row| (row.key.day - TODAY, row.key.domain, row.tally.count)).collect()
    };
    let row = |day, name: &str| (day, name.to_owned(), 2);
    let all =
        [row(-1, "a.example"), row(0, "a.example"), row(0, "b.example"), row(0, "x.a.example")];
    assert_eq!(shown(of(Domains::All, 0)), all);
    let one = Domains::One(domain("a.example"));
    assert_eq!(shown(of(one.clone(), 0)), [row(-1, "a.example"), row(0, "a.example")]);
    assert_eq!(shown(of(one, TODAY)), [row(0, "a.example")]);
    assert_eq!(shown(of(Domains::Below(domain("a.example")), 0)), [row(0, "x.a.example")]);
    let rows = place.deliveries(&Selection::default());
    assert!(rows.iter().all(|row| told.deliveries.contains_key(&row.key)));
}

#[test]
fn every_outcome_and_session_comes_out_as_it_went_in() {
    let place = Place::new();
    let mut told = FromLog::default();
    let failed = || LoggedTls::Failed(TlsFailure::new("no shared cipher"));
    let sessions = [
        (HopTls::Told(LoggedTls::Told(TlsState::Plaintext)), HopKind::Plaintext),
        (HopTls::Told(LoggedTls::Encrypted), HopKind::Encrypted),
        (HopTls::Told(failed()), HopKind::Failed),
        (HopTls::Told(LoggedTls::Unknown), HopKind::Unknown),
        (HopTls::Told(LoggedTls::Told(tls("TLSv1.2", "AES256-SHA", "256"))), HopKind::Encrypted),
        (HopTls::Local, HopKind::Local),
    ];
    for (tls, kind) in &sessions {
        for (status, (reason, trust)) in DeliveryStatus::iter()
            .flat_map(|status| DeliveryReason::iter().map(move |reason| (status, reason)))
            .flat_map(|(status, reason)| Trust::iter().map(move |trust| (status, (reason, trust))))
        {
            let attempt =
                Attempt { tls: tls.clone(), status, reason, trust, ..attempt(TODAY, "mx.example") };
            let key = DeliveryKey::new(&domain("example.com"), &attempt);
            assert_eq!((key.kind(), tls.kind()), (*kind, *kind), "{key:?}");
            told.deliveries.insert(key, Tally { count: 3, repeats: Some(2), first: 1, last: 9 });
        }
    }
    for afterwards in Afterwards::iter() {
        let key = handshake(TODAY, "", "192.0.2.1", afterwards);
        told.handshakes.insert(key, Tally::once(5));
    }
    place.store().import(&told).unwrap();
    let deliveries = place.deliveries(&Selection::default());
    assert_eq!(deliveries.len(), told.deliveries.len());
    assert!(deliveries.iter().all(|row| told.deliveries.get(&row.key) == Some(&row.tally)));
    assert!(deliveries.iter().all(|row| row.tally.recipients() == 1));
    let handshakes = place.handshakes(&Selection::default());
    assert_eq!(handshakes.len(), told.handshakes.len());
    assert!(handshakes.iter().all(|row| told.handshakes.get(&row.key) == Some(&row.tally)));
}

#[test]
fn a_domain_sees_the_failed_handshakes_of_those_who_wrote_to_it_and_no_others() {
    let place = Place::new();
    let mut told = FromLog::default();
    for key in [
        handshake(TODAY, "", "192.0.2.1", Afterwards::Refused),
        handshake(TODAY, "a.example", "192.0.2.1", Afterwards::Refused),
        handshake(TODAY, "", "192.0.2.2", Afterwards::Taken),
        handshake(TODAY, "b.example", "192.0.2.2", Afterwards::Taken),
        handshake(TODAY, "", "192.0.2.3", Afterwards::Away),
    ] {
        told.handshakes.insert(key, Tally::once(at(TODAY)));
    }
    place.store().import(&told).unwrap();
    let rows = place.handshakes(&of(Domains::One(domain("a.example")), 0));
    let clients: Vec<_> = rows.iter().map(|row| &*row.key.client).collect();
    assert_eq!(clients, ["192.0.2.1"]);
    let all = place.handshakes(&Selection::default());
    let once = all.iter().filter(|row| row.key.is_of_no_domain());
    assert_eq!((all.len(), once.map(|row| row.tally.count).sum::<u64>()), (5, 3));
}

#[test]
fn a_client_that_came_back_later_did_not_stay_away() {
    let place = Place::new();
    let away = handshake(TODAY, "", "192.0.2.1", Afterwards::Away);
    let back = handshake(TODAY, "", "192.0.2.1", Afterwards::Tls);
    let one = Tally::once(at(TODAY));
    let two = Tally { count: 2, ..one };
    let first = FromLog { handshakes: [(away.clone(), two)].into(), ..FromLog::default() };
    place.store().import(&first).unwrap();
    let then = FromLog {
        handshakes: [(back.clone(), one)].into(),
        returned: [(away.clone(), one)].into(),
        ..FromLog::default()
    };
    place.store().import(&then).unwrap();
    let row = |key: &HandshakeKey, tally| Handshake { key: key.clone(), tally };
    assert_eq!(place.handshakes(&Selection::default()), [row(&away, one), row(&back, one)]);
    // The last of them leaves no row.
    place.store().import(&then).unwrap();
    assert_eq!(place.handshakes(&Selection::default()), [row(&back, two)]);
}

#[test]
fn rows_of_deliveries_and_handshakes_are_bounded_as_those_of_mail_are() {
    let place = Place::new();
    let mut store = Store::open(&place.path(), Room { domain: 3, day: 5 }).unwrap();
    let mut told = FromLog::default();
    for number in 0..20 {
        let attempt = attempt(TODAY, &format!("mx{number}.example"));
        told.deliveries.insert(DeliveryKey::new(&domain("a.example"), &attempt), attempt.tally());
        let key = handshake(TODAY, "", &format!("192.0.2.{number}"), Afterwards::Away);
        told.handshakes.insert(key, Tally::once(at(TODAY)));
    }
    store.import(&told).unwrap();
    let deliveries = place.deliveries(&Selection::default());
    assert_eq!(deliveries.len(), 4);
    assert_eq!(deliveries.iter().map(|row| row.tally.count).sum::<u64>(), 20);
    assert!(deliveries.iter().any(|row| row.key.server == "*" && row.tally.count == 17));
    let handshakes = place.handshakes(&Selection::default());
    assert_eq!(handshakes.len(), 4);
    assert_eq!(handshakes.iter().map(|row| row.tally.count).sum::<u64>(), 20);
    // Those that were counted among others are taken back from there.
    let returned: Vec<_> = told.handshakes.into_iter().collect();
    let back = FromLog { returned: returned.into_iter().collect(), ..FromLog::default() };
    store.import(&back).unwrap();
    assert_eq!(place.handshakes(&Selection::default()), []);
}

#[test]
fn what_is_too_old_goes_with_what_it_was_counted_by() {
    let place = Place::new();
    let mut store = place.store();
    let mut told = FromLog::default();
    for day in [TODAY - 90, TODAY] {
        let attempt = attempt(day, "mx.example");
        told.deliveries.insert(DeliveryKey::new(&domain("a.example"), &attempt), attempt.tally());
        let key = handshake(day, "", "192.0.2.1", Afterwards::Away);
        told.handshakes.insert(key, Tally::once(at(day)));
        told.prints.push(Print::new(at(day), "id", 1, "a@a.example"));
    }
    store.import(&told).unwrap();
    assert!(store.has_rows_after(TODAY - 1).unwrap() && !store.has_rows_after(TODAY).unwrap());
    assert_eq!(store.keep(&(TODAY - 10..=TODAY)).unwrap(), 2);
    let days: Vec<_> =
        place.deliveries(&Selection::default()).iter().map(|row| row.key.day).collect();
    assert_eq!(days, [TODAY]);
    assert_eq!(place.handshakes(&Selection::default()).len(), 1);
    assert_eq!(
        (store.prints(TODAY - 90).unwrap().len(), store.prints(TODAY).unwrap().len()),
        (0, 1)
    );
}

#[test]
fn whatever_figures_another_user_writes_can_be_added_up() {
    let place = Place::new();
    let mut store = place.store();
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let key = handshake(TODAY, "", client, Afterwards::Away);
        let told =
            FromLog { handshakes: [(key, Tally::once(at(TODAY)))].into(), ..FromLog::default() };
        store.import(&told).unwrap();
    }
    for (value, count) in [(i64::MAX, 1 << 40), (i64::MIN, 0)] {
        let sql = "UPDATE handshake SET count = ?1, repeats = ?1, first = ?1, last = ?1";
        store.connection.execute(sql, [value]).unwrap();
        let rows = place.handshakes(&Selection::default());
        assert_eq!(rows.len(), 3);
        for Handshake { tally, .. } in rows {
            let bounded = i64::try_from(count).unwrap();
            let expected = Tally { count, repeats: Some(count), first: bounded, last: bounded };
            assert_eq!(tally, expected);
        }
    }
}
