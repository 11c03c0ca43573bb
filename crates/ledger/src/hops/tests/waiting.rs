//! What waited, waits or has left since.

use super::*;

/// Deliveries as a log tells of them, a minute after the other: to `a` and to `b` at example.com, with what
/// became of each attempt. `T`: no TLS is offered; `C`: no connection; `S`: sent; `B`: sent back.
fn logged(attempts: &[(char, char)]) -> Vec<Delivery> {
    let (mut joiner, clock) = (Joiner::new(), Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH));
    let mut at = i64::from(TODAY) * DAY;
    for (recipient, became) in attempts {
        let (relay, status) = match became {
            'T' => (
                "mx.example.com[192.0.2.25]:25",
                "deferred (TLS is required, but was not offered by host mx.example.com[192.0.2.25])",
            ),
            'C' => {
                ("none", "deferred (connect to mx.example.com[192.0.2.25]:25: Connection refused)")
            }
            'S' => ("mx.example.com[192.0.2.25]:25", "sent (250 ok)"),
            _ => (
                "mx.example.com[192.0.2.25]:25",
                "bounced (host mx.example.com[192.0.2.25] said: 550 5.1.1 no)",
            ),
        };
        let time = Timestamp::from_second(at).unwrap();
        let line = format!(
            "{time} mx postfix/smtp[2]: AAAAAA: to=<{recipient}@example.com>, relay={relay}, delay=1, delays=0/0/0/0, dsn=4.0.0, status={status}"
        );
        joiner.line(&line, &clock, 0).unwrap();
        at += 60;
    }
    let domain = DomainName::parse("example.com").unwrap();
    let row = |delivered: &Delivered| Delivery {
        key: DeliveryKey::new(&domain, &delivered.attempt),
        tally: delivered.attempt.tally(),
    };
    joiner.deliveries().iter().map(row).collect()
}

#[test]
fn whoever_waited_for_several_reasons_waits_for_the_last_one_alone_until_it_leaves_or_goes_back() {
    // All ways that `a` can go, beside `b`, which waits for a connection.
    let mut open = vec![String::new()];
    for _ in 0..5 {
        let mut longer = Vec::new();
        for way in &open {
            for became in "TCSB".chars() {
                let way = format!("{way}{became}");
                let mut attempts = vec![('b', 'C')];
                attempts.extend(way.chars().map(|became| ('a', became)));
                let found = one(good(), logged(&attempts));
                let of = |reason| {
                    let exceptions = waits(&found);
                    let found = exceptions.iter().find(|one| one.reason == Some(reason));
                    found.map_or((0, 0), |one| (one.recipients, one.waits))
                };
                let waits_for = |reason| u64::from(became == reason);
                let was = |reason| u64::from(way.contains(reason));
                assert_eq!(of(DeliveryReason::TlsNotOffered), (was('T'), waits_for('T')), "{way}");
                assert_eq!(
                    of(DeliveryReason::Connection),
                    (1 + was('C'), 1 + waits_for('C')),
                    "{way}"
                );
                assert_eq!(found.left.unwrap().waits, 1 + waits_for('T') + waits_for('C'), "{way}");
                if matches!(became, 'T' | 'C') {
                    longer.push(way);
                }
            }
        }
        open = longer;
    }
}

fn waits(found: &DomainHops) -> Vec<&Exception> {
    found.exceptions.iter().filter(|one| one.what == What::Waits).collect()
}

#[test]
fn what_was_put_off_and_has_left_since_does_not_wait_and_what_is_not_tried_any_more_neither() {
    let put_off = |at: i64, count: u64| {
        delivery(at, "mx.example.com", "none none deferred tls-not-offered", count)
    };
    let sent = |at: i64, reason: &str, count: u64| {
        delivery(at, "mx.example.com", &format!("TLSv1.3 trusted sent {reason}"), count)
    };
    let hour = 3600;
    for (deliveries, recipients, left, waiting) in [
        (vec![put_off(0, 3)], 3, 0, 3),
        (vec![put_off(0, 3), sent(hour, "tls-not-offered", 2)], 3, 2, 1),
        (vec![put_off(0, 3), sent(hour, "tls-not-offered", 3)], 3, 3, 0),
        (vec![put_off(0, 3), sent(hour, "none", 3)], 3, 0, 3),
        (vec![put_off(0, 3), sent(5 * hour, "none", 1)], 3, 0, 0),
        (vec![put_off(0, 3), put_off(5 * hour, 1), sent(6 * hour, "none", 1)], 4, 0, 4),
        (
            vec![
                put_off(0, 3),
                delivery(hour, "mx.example.com", "unknown none settled tls-not-offered", 2),
            ],
            3,
            0,
            1,
        ),
    ] {
        let found = one(good(), deliveries.clone());
        let [waits] = *waits(&found) else { panic!("{found:?}") };
        assert_eq!(
            (waits.recipients, waits.left_since, waits.waits),
            (recipients, left, waiting),
            "{deliveries:?}"
        );
        assert_eq!(found.left.unwrap().waits, waiting);
    }
    // It left to another server of the domain.
    let mut elsewhere = sent(hour, "tls-not-offered", 3);
    elsewhere.key.server = "mx2.example.com".into();
    let found = one(good(), vec![put_off(0, 3), elsewhere]);
    assert_eq!((waits(&found)[0].waits, &*waits(&found)[0].server), (0, "mx.example.com"));
    // Attempts that repeat those of an earlier day are of a message.
    let mut again = put_off(0, 9);
    again.tally.repeats = Some(9);
    assert_eq!(waits(&one(good(), vec![again]))[0].waits, 1);
    // It had waited before the first day that is asked for.
    let found = one(good(), vec![sent(0, "tls-not-offered", 2)]);
    assert!(waits(&found).is_empty() && found.is_clean());
}
