//! Failed handshakes joined with mail in memory.

use super::{Failure, HandshakeFault};
use crate::fixtures::{Recorded, TODAY, domain, handshake, key, row, tls};
use crate::model::handshake::Afterwards;
use crate::model::key::Key;
use crate::model::row::Row;
use crate::report::{By, Query, Report};
use policy::{Decision, Pattern, ReasonKind};

fn report(recorded: &Recorded, of: Option<&str>) -> Report {
    let of = of.map(|name| Pattern::Domain(domain(name)));
    Report::new(recorded, &Query { since: TODAY, of, by: By::Peer, verdict: None }).unwrap()
}

/// Mail of 192.0.2.1, which came last so many seconds after the beginning of the day.
fn mail(words: &str, at: i64) -> Row {
    let session = tls("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "256");
    let one = key("192.0.2.1");
    let key = match words {
        "tls" => {
            Key { tls: session, verdict: Decision::Accept, reason: ReasonKind::Adequate, ..one }
        }
        "refused" => one,
        _ => Key { verdict: Decision::Accept, reason: ReasonKind::Exception, ..one },
    };
    let mut row = row(&key, 1);
    row.tally.last = i64::from(TODAY) * crate::DAY + at;
    row
}

#[test]
fn what_a_client_did_then_is_told_from_the_log_and_from_the_mail_that_came() {
    use Afterwards::{Away, Refused, Taken, Tls};
    for (logged, mails, expected) in [
        (Away, vec![], Away),
        (Away, vec![mail("refused", 200)], Refused),
        (Away, vec![mail("taken", 200)], Taken),
        (Away, vec![mail("tls", 200)], Tls),
        (Away, vec![mail("tls", 50)], Away),
        (Away, vec![mail("refused", 50)], Away),
        (Refused, vec![], Refused),
        (Refused, vec![mail("refused", 150), mail("tls", 200)], Tls),
        (Refused, vec![mail("tls", 50)], Refused),
        (Taken, vec![mail("refused", 200)], Taken),
    ] {
        let recorded = Recorded {
            handshakes: vec![handshake(100, ("192.0.2.1", ""), "no shared cipher", logged, 2)],
            rows: mails.clone(),
            ..Recorded::default()
        };
        let report = report(&recorded, None);
        let [client] = &*report.handshakes else { panic!("{:?}", report.handshakes) };
        assert_eq!(client.then, expected, "{logged:?} {mails:?}");
        // It stands with the peer as well, unless it was mended.
        for group in &report.groups {
            let shared = HandshakeFault::NothingShared;
            let failure = Failure { fault: shared, words: "no shared cipher".into(), attempts: 2 };
            let told = if expected == Tls { vec![] } else { vec![failure] };
            assert_eq!(group.handshakes, told);
        }
    }
}

#[test]
fn of_a_domain_only_those_are_told_that_then_wrote_to_it_and_no_handshake_counts_twice() {
    let failed = |client: &str, domain: &str, count: u64| {
        handshake(0, (client, domain), "unsupported protocol", Afterwards::Refused, count)
    };
    let recorded = Recorded {
        handshakes: vec![
            failed("192.0.2.1", "", 3),
            failed("192.0.2.2", "", 4),
            failed("192.0.2.1", "example.com", 3),
            failed("192.0.2.1", "a.example.org", 3),
            failed("192.0.2.1", "b.example.org", 2),
        ],
        ..Recorded::default()
    };
    let told = |of: Option<Pattern>| -> Vec<(String, u64)> {
        let query = Query { since: TODAY, of, by: By::Peer, verdict: None };
        let report = Report::new(&recorded, &query).unwrap();
        report.handshakes.into_iter().map(|client| (client.client, client.attempts)).collect()
    };
    let all = [("192.0.2.2".to_owned(), 4), ("192.0.2.1".to_owned(), 3)];
    assert_eq!(told(None), all);
    let one = [("192.0.2.1".to_owned(), 3)];
    assert_eq!(told(Some(Pattern::Domain(domain("example.com")))), one);
    assert_eq!(told(Some(Pattern::Below(domain("example.org")))), one);
    assert!(told(Some(Pattern::Domain(domain("other.example")))).is_empty());
}

#[test]
fn those_that_came_in_the_clear_come_first_and_the_most_frequent_cause_leads() {
    let failed = |client: &str, cause: &str, then: Afterwards, count: u64| {
        handshake(0, (client, ""), cause, then, count)
    };
    let recorded = Recorded {
        handshakes: vec![
            failed("192.0.2.1", "no shared cipher", Afterwards::Away, 90),
            failed("192.0.2.2", "no shared cipher", Afterwards::Tls, 99),
            failed("192.0.2.3", "no shared cipher", Afterwards::Refused, 1),
            failed("192.0.2.3", "unsupported protocol", Afterwards::Refused, 5),
            failed("192.0.2.4", "lost connection", Afterwards::Taken, 2),
        ],
        ..Recorded::default()
    };
    let report = report(&recorded, None);
    let clients: Vec<_> = report.handshakes.iter().map(|client| &*client.client).collect();
    assert_eq!(clients, ["192.0.2.3", "192.0.2.4", "192.0.2.1", "192.0.2.2"]);
    let faults: Vec<_> = report.handshakes[0].failures.iter().map(|one| one.fault).collect();
    assert_eq!(faults, [HandshakeFault::Version, HandshakeFault::NothingShared]);
}
