//! Whatever is delivered and however processes mingle, the rows are those of a naive model; and whatever is
//! read again, nothing is counted twice.

use super::*;
use crate::history::{Domains, History, Selection};
use crate::model::delivery::{Delivery, DeliveryReason, DeliveryStatus, HopKind};
use crate::model::handshake::Handshake;
use crate::sqlite::reader::Reader;
use config::settings::ROOM;
use jiff::tz::TimeZone;
use policy::{Entry, Mode, Pattern};
use proptest::prelude::*;
use std::path::Path;

fn policy() -> Policy {
    let mut policy = Policy::default();
    for name in ["d0.example", "d1.example"] {
        let domain = DomainName::parse(name).unwrap();
        policy.domains.replace(&Pattern::Domain(domain), Entry::bare(Mode::Enforce));
    }
    policy
}

/// How a delivery goes, and the server to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Tls,
    Plain,
    /// The handshake fails, and the mail leaves in the clear.
    Fallback,
    NotOffered,
    Refused,
    Greylisted,
}

/// An attempt to deliver one message to its recipients.
#[derive(Clone, Debug)]
struct Job {
    process: u32,
    message: usize,
    server: u8,
    way: Way,
    recipients: Vec<usize>,
}

fn job() -> impl Strategy<Value = Job> {
    let way = prop::sample::select(vec![
        Way::Tls,
        Way::Plain,
        Way::Fallback,
        Way::NotOffered,
        Way::Refused,
        Way::Greylisted,
    ]);
    (1..4u32, 0..5usize, 1..3u8, way, prop::collection::btree_set(0..4usize, 1..4)).prop_map(
        |(process, message, server, way, recipients)| Job {
            process,
            message,
            server,
            way,
            recipients: recipients.into_iter().collect(),
        },
    )
}

/// One of the four recipients: of two domains that are opted in, and one that is not.
fn recipient(number: usize) -> String {
    format!("user@d{}.example", [0, 0, 1, 2][number]).replace("user", ["a", "b", "c", "d"][number])
}

impl Job {
    fn lines(&self, place: usize) -> Vec<String> {
        let Self { process, message, server, way, recipients } = self;
        let peer = format!("mx{server}.test[192.0.2.{server}]:25");
        let bare = peer.trim_end_matches(":25");
        let mut lines = Vec::new();
        let mut line = |text: String| lines.push(format!("smtp[{process}]: {text}"));
        match way {
            Way::Tls => line(format!(
                "Trusted TLS connection established to {peer}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
            )),
            Way::Fallback => line(format!("SSL_connect error to {peer}: -1")),
            Way::Plain | Way::NotOffered | Way::Refused | Way::Greylisted => {}
        }
        let (relay, dsn, status) = match way {
            Way::Tls | Way::Plain | Way::Fallback => (&*peer, "2.0.0", "sent (250 ok)".to_owned()),
            Way::NotOffered => (
                &*peer,
                "4.7.4",
                format!("deferred (TLS is required, but was not offered by host {bare})"),
            ),
            Way::Refused => {
                ("none", "4.4.1", format!("deferred (connect to {peer}: Connection refused)"))
            }
            Way::Greylisted => {
                (&*peer, "4.2.0", format!("deferred (host {bare} said: 450 4.2.0 no)"))
            }
        };
        for number in recipients {
            line(format!(
                "Q{message}AAAA: to=<{}>, relay={relay}, delay=1, delays={place}/0/1/0, dsn={dsn}, status={status}",
                recipient(*number)
            ));
        }
        lines
    }

    fn outcome(&self) -> (HopKind, DeliveryStatus, DeliveryReason) {
        let (kind, reason) = match self.way {
            Way::Tls => (HopKind::Encrypted, DeliveryReason::None),
            Way::Plain => (HopKind::Plaintext, DeliveryReason::None),
            Way::Fallback => (HopKind::Failed, DeliveryReason::None),
            Way::NotOffered => (HopKind::Plaintext, DeliveryReason::TlsNotOffered),
            Way::Refused => (HopKind::Unknown, DeliveryReason::Connection),
            Way::Greylisted => (HopKind::Plaintext, DeliveryReason::Reply),
        };
        let is_sent = reason == DeliveryReason::None;
        (kind, if is_sent { DeliveryStatus::Sent } else { DeliveryStatus::Deferred }, reason)
    }
}

/// A line, with the job and its recipient that it is about.
type Written = (String, Option<(usize, usize)>);

/// The lines of all processes, each in its order, mingled as `turns` say; with the jobs in the order in which
/// their recipients were logged.
fn mingled(jobs: &[Job], turns: &[usize]) -> (Vec<String>, Vec<(usize, usize)>) {
    let mut processes: BTreeMap<u32, Vec<Written>> = BTreeMap::new();
    for (place, job) in jobs.iter().enumerate() {
        let lines = job.lines(place);
        let first = lines.len() - job.recipients.len();
        let queue = processes.entry(job.process).or_default();
        for (number, line) in lines.into_iter().enumerate() {
            let recipient = number.checked_sub(first).map(|number| (place, job.recipients[number]));
            queue.push((line, recipient));
        }
    }
    let mut queues: Vec<_> =
        processes.into_values().map(|queue| queue.into_iter().peekable()).collect();
    let (mut lines, mut order) = (Vec::new(), Vec::new());
    // That the service logs its sessions is known from the first line on.
    lines.push("smtp[9]: Untrusted TLS connection established to x[192.0.2.9]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)".to_owned());
    let mut turns = turns.iter().cycle();
    while !queues.is_empty() {
        let turn = turns.next().unwrap() % queues.len();
        match queues[turn].next() {
            Some((line, recipient)) => {
                lines.push(line);
                order.extend(recipient);
            }
            None => drop(queues.remove(turn)),
        }
    }
    // A line a minute, so that no two attempts are the same.
    let stamped = lines.iter().enumerate().map(|(minute, line)| {
        let (hour, minute) = (minute / 60, minute % 60);
        format!("2026-11-27T{hour:02}:{minute:02}:00+00:00 mx postfix/{line}")
    });
    (stamped.collect(), order)
}

/// Rows as numbers by what they count: attempts and recipients.
type Rows = BTreeMap<(String, HopKind, &'static str, &'static str), (u64, u64)>;

fn naive(jobs: &[Job], order: &[(usize, usize)]) -> Rows {
    let mut rows = Rows::new();
    let mut before: HashMap<(usize, usize), Vec<DeliveryReason>> = HashMap::new();
    for (job, number) in order {
        let job = &jobs[*job];
        let (kind, status, mut reason) = job.outcome();
        let before = before.entry((job.message, *number)).or_default();
        let domain = recipient(*number).split('@').nth(1).unwrap().to_owned();
        let mut add = |kind, status: DeliveryStatus, reason: DeliveryReason, is_again: bool| {
            if domain != "d2.example" {
                let row = (domain.clone(), kind, status.code(), reason.code());
                let row = rows.entry(row).or_default();
                row.0 += 1;
                row.1 += u64::from(!is_again);
            }
        };
        let mut is_again = false;
        if status == DeliveryStatus::Sent {
            reason = before.pop().unwrap_or(DeliveryReason::None);
            before.clear();
        } else {
            is_again = before.contains(&reason);
            if let Some(other) = before.last().filter(|other| **other != reason) {
                add(HopKind::Unknown, DeliveryStatus::Settled, *other, false);
                if is_again {
                    add(HopKind::Unknown, DeliveryStatus::Resumed, reason, false);
                }
            }
            before.retain(|known| *known != reason);
            before.push(reason);
        }
        add(kind, status, reason, is_again);
    }
    rows
}

fn intake() -> Intake {
    Intake::new(Clients::Full, OnUnknownTls::Defer, Wanted::NotMail, 0)
}

fn read(lines: &[String], store: &mut Store) {
    let mut intake = intake();
    let clock = Clock::new(TimeZone::UTC, Timestamp::from_second(1_800_000_000).unwrap());
    for line in lines {
        intake.line(line, &clock, 0).unwrap();
    }
    intake.end();
    intake.judge(&policy(), store, |_, _| ()).unwrap();
    store.import(&intake.take()).unwrap();
}

fn deliveries(path: &Path) -> Vec<Delivery> {
    let mut found = Vec::new();
    let reader = Reader::open(path).unwrap();
    reader.deliveries(&Selection::default(), |row| found.push(row)).unwrap();
    found
}

fn handshakes(path: &Path, domains: Domains) -> Vec<Handshake> {
    let mut found = Vec::new();
    let selection = Selection { domains, ..Selection::default() };
    Reader::open(path).unwrap().handshakes(&selection, |row| found.push(row)).unwrap();
    found
}

fn rows(deliveries: &[Delivery]) -> Rows {
    let mut rows = Rows::new();
    for Delivery { key, tally } in deliveries {
        let place = (key.domain.clone(), key.kind(), key.status.code(), key.reason.code());
        let row = rows.entry(place).or_default();
        row.0 += tally.count;
        row.1 += tally.recipients();
    }
    rows
}

/// A session of a client in which something happens, one a minute.
fn session(client: u8, what: u8) -> Vec<String> {
    let client = format!("mx.test[192.0.2.{client}]");
    let (process, counts, texts) = match what {
        0 => (1, "ehlo=1 starttls=0/1 commands=1/2", vec![
            format!("SSL_accept error from {client}: -1"),
            "warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:x.c:1:".into(),
        ]),
        1 => (2, "ehlo=1 mail=1 rcpt=0/1 commands=2/3", vec![format!(
            "NOQUEUE: milter-reject: RCPT from {client}: 450 4.7.1 no TLS; from=<a@b.test> to=<u@d0.example> proto=ESMTP helo=<x>"
        )]),
        2 => (3, "ehlo=2 starttls=1 commands=3", vec![format!(
            "Anonymous TLS connection established from {client}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
        )]),
        _ => (4, "ehlo=1 quit=1 commands=2", vec![]),
    };
    let mut lines = vec![format!("smtpd[{process}]: connect from {client}")];
    lines.extend(texts.into_iter().map(|text| format!("smtpd[{process}]: {text}")));
    lines.push(format!("smtpd[{process}]: disconnect from {client} {counts}"));
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deliveries_are_those_of_a_naive_model_however_processes_mingle_and_however_often_they_are_read(
        jobs in prop::collection::vec(job(), 1..20),
        turns in prop::collection::vec(0..3usize, 1..40),
        cut in 0..80usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        let mut store = Store::open(&path, ROOM).unwrap();
        let (lines, order) = mingled(&jobs, &turns);
        // A part of it first, as the log stood then; and all of it twice.
        read(&lines[..cut.min(lines.len())], &mut store);
        read(&lines, &mut store);
        read(&lines, &mut store);
        prop_assert_eq!(rows(&deliveries(&path)), naive(&jobs, &order));
    }

    #[test]
    fn failed_handshakes_are_those_of_a_naive_model_however_often_they_are_read(
        sessions in prop::collection::vec((1..4u8, 0..4u8), 1..30),
        cut in 0..100usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        let mut store = Store::open(&path, ROOM).unwrap();
        let mut lines = Vec::new();
        for (minute, (client, what)) in sessions.iter().enumerate() {
            lines.extend(session(*client, *what).into_iter().map(|line| {
                format!("2026-11-27T00:{minute:02}:00+00:00 mx postfix/{line}")
            }));
        }
        read(&lines[..cut.min(lines.len())], &mut store);
        read(&lines, &mut store);
        read(&lines, &mut store);
        // What each client does next, if that is anything.
        let mut expected: BTreeMap<(u8, &str), u64> = BTreeMap::new();
        for (place, (client, what)) in sessions.iter().enumerate() {
            if *what == 0 {
                let next = sessions[place..].iter().find(|(other, what)| other == client && matches!(what, 1 | 2));
                let then = next.map_or("away", |(_, what)| if *what == 1 { "refused" } else { "tls" });
                *expected.entry((*client, then)).or_default() += 1;
            }
        }
        let mut found: BTreeMap<(u8, &str), u64> = BTreeMap::new();
        for Handshake { key, tally } in handshakes(&path, Domains::All) {
            if key.is_of_no_domain() {
                let client = key.client.rsplit('.').next().unwrap().parse().unwrap();
                *found.entry((client, key.afterwards.code())).or_default() += tally.count;
            }
        }
        prop_assert_eq!(&found, &expected);
        let refused: u64 = expected.iter().filter(|((_, then), _)| *then == "refused").map(|(_, count)| count).sum();
        let domain = Domains::One(DomainName::parse("d0.example").unwrap());
        let of_domain = handshakes(&path, domain);
        prop_assert_eq!(of_domain.iter().map(|row| row.tally.count).sum::<u64>(), refused);
    }
}

#[test]
fn clients_are_held_as_the_settings_say_and_servers_in_full() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.sqlite");
    let mut store = Store::open(&path, ROOM).unwrap();
    let clock = Clock::new(TimeZone::UTC, Timestamp::from_second(1_800_000_000).unwrap());
    let key = Clients::Hashed(Box::new([7; 32]));
    let mut intake = Intake::new(key, OnUnknownTls::Defer, Wanted::NotMail, 0);
    let mut lines = session(1, 0);
    lines.push("smtp[5]: AAAAAA: to=<secret@d0.example>, relay=mx.test[192.0.2.25]:25, delay=1, dsn=5.1.1, status=bounced (host mx.test[192.0.2.25] said: 550 5.1.1 <secret@d0.example> no)".into());
    for line in lines {
        intake.line(&format!("2026-11-27T00:00:00+00:00 mx postfix/{line}"), &clock, 0).unwrap();
    }
    intake.end();
    intake.judge(&policy(), &store, |_, _| ()).unwrap();
    store.import(&intake.take()).unwrap();
    let handshakes = handshakes(&path, Domains::All);
    assert!(handshakes[0].key.client.starts_with("hash:") && handshakes[0].key.name.is_empty());
    let deliveries = deliveries(&path);
    assert_eq!(
        (&*deliveries[0].key.server, &*deliveries[0].key.address),
        ("mx.test", "192.0.2.25")
    );
    let held = format!("{handshakes:?} {deliveries:?}");
    assert!(!held.contains("secret") && !held.contains("192.0.2.1\""), "{held}");
}
