//! Both hops of rows in memory, with known answers.

mod waiting;

use super::{DomainHops, Exception, First, Hops, Left, Second, What};
use crate::fixtures::{Recorded, TODAY, delivery, key, row, tls};
use crate::model::day::DAY;
use crate::model::delivery::{Delivery, DeliveryKey, DeliveryReason};
use crate::model::key::{Key, SubjectKind};
use crate::model::row::Row;
use crate::postfix_log::{Clock, Delivered, Joiner};
use crate::report::{By, Query, Report};
use jiff::{Timestamp, tz::TimeZone};
use policy::hop::{Deliver, Demand, Level};
use policy::{Decision, DomainName, Entry, Mode, Pattern, Policy, ReasonKind, TlsState};

fn hops(rows: Vec<Row>, deliveries: Vec<Delivery>) -> Hops {
    let query = Query { since: TODAY, of: None, by: By::Peer, verdict: None };
    let recorded = Recorded { rows, deliveries, ..Recorded::default() };
    Report::new(&recorded, &query).unwrap().hops
}

/// Those of the one domain that there is.
fn one(rows: Vec<Row>, deliveries: Vec<Delivery>) -> DomainHops {
    let mut hops = hops(rows, deliveries);
    assert_eq!(hops.domains.len(), 1, "{hops:?}");
    hops.domains.remove(0)
}

/// Mail that came, as `encrypted adequate`, `plaintext plaintext would-refuse`.
fn came(words: &str, count: u64) -> Row {
    let words: Vec<&str> = words.split(' ').collect();
    let session = match words[0] {
        "encrypted" => tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256"),
        "rc4" => tls("TLSv1", "RC4-SHA", "128"),
        "plaintext" => TlsState::Plaintext,
        _ => TlsState::Unknown,
    };
    let verdict = match words.get(2) {
        Some(&"refuse") => Decision::Refuse,
        Some(&"would-refuse") => Decision::WouldRefuse,
        _ => Decision::Accept,
    };
    row(
        &Key { tls: session, verdict, reason: words[1].parse().unwrap(), ..key("192.0.2.1") },
        count,
    )
}

fn good() -> Vec<Row> {
    vec![came("encrypted adequate", 5), came("plaintext plaintext refuse", 2)]
}

#[test]
fn what_can_be_said_of_a_domain_is_never_more_than_is_known() {
    let sent = |words: &str| delivery(100, "mx.example.com", words, 5);
    let encrypted = || sent("TLSv1.3 trusted sent none");
    for (rows, deliveries, first, second, clean) in [
        (good(), vec![encrypted()], First::AllEncrypted, Second::AllEncrypted, true),
        (
            good(),
            vec![sent("TLSv1.3 verified sent none")],
            First::AllEncrypted,
            Second::AllEncrypted,
            true,
        ),
        (
            good(),
            vec![sent("encrypted none sent none")],
            First::AllEncrypted,
            Second::AllEncrypted,
            true,
        ),
        (good(), vec![], First::AllEncrypted, Second::NothingKnown, false),
        (
            good(),
            vec![sent("unknown none sent none")],
            First::AllEncrypted,
            Second::NotKnown,
            false,
        ),
        (good(), vec![sent("none none sent none")], First::AllEncrypted, Second::NotAll, false),
        (
            good(),
            vec![encrypted(), sent("failed none sent none")],
            First::AllEncrypted,
            Second::NotAll,
            false,
        ),
        // A broken cipher is none, on both hops.
        (
            good(),
            vec![sent("TLSv1 untrusted sent none")],
            First::AllEncrypted,
            Second::NotAll,
            false,
        ),
        (
            vec![came("rc4 cipher would-refuse", 1)],
            vec![encrypted()],
            First::NotAll,
            Second::AllEncrypted,
            false,
        ),
        (good(), vec![sent("local none sent none")], First::AllEncrypted, Second::Stayed, true),
        (
            good(),
            vec![encrypted(), sent("local none sent none")],
            First::AllEncrypted,
            Second::AllEncrypted,
            true,
        ),
        // What waits has not left.
        (
            good(),
            vec![encrypted(), sent("unknown none deferred connection")],
            First::AllEncrypted,
            Second::AllEncrypted,
            true,
        ),
        (
            good(),
            vec![encrypted(), sent("none none deferred tls-not-offered")],
            First::AllEncrypted,
            Second::AllEncrypted,
            false,
        ),
        (
            good(),
            vec![sent("none none deferred tls-not-offered")],
            First::AllEncrypted,
            Second::NothingLeft,
            false,
        ),
        (
            good(),
            vec![encrypted(), sent("none none bounced require-tls")],
            First::AllEncrypted,
            Second::AllEncrypted,
            false,
        ),
        (
            good(),
            vec![encrypted(), sent("TLSv1.3 trusted bounced reply")],
            First::AllEncrypted,
            Second::AllEncrypted,
            true,
        ),
        // The first hop.
        (
            vec![came("plaintext plaintext refuse", 2)],
            vec![],
            First::NothingCame,
            Second::NothingKnown,
            true,
        ),
        (
            vec![came("plaintext plaintext would-refuse", 2)],
            vec![encrypted()],
            First::NotAll,
            Second::AllEncrypted,
            false,
        ),
        (
            vec![came("plaintext exception", 2)],
            vec![encrypted()],
            First::NotAll,
            Second::AllEncrypted,
            false,
        ),
        (
            vec![came("plaintext trusted-client", 2)],
            vec![encrypted()],
            First::NotAll,
            Second::AllEncrypted,
            false,
        ),
        (
            vec![came("encrypted exception", 2)],
            vec![encrypted()],
            First::AllEncrypted,
            Second::AllEncrypted,
            true,
        ),
        (
            vec![came("encrypted protocol-version would-refuse", 2)],
            vec![encrypted()],
            First::AllEncrypted,
            Second::AllEncrypted,
            true,
        ),
        (
            vec![came("unknown unknown-tls-passed", 2)],
            vec![encrypted()],
            First::NotKnown,
            Second::AllEncrypted,
            false,
        ),
        (vec![], vec![encrypted()], First::NothingCame, Second::AllEncrypted, true),
    ] {
        let case = format!("{rows:?} {deliveries:?}");
        let found = one(rows, deliveries);
        assert_eq!((found.first, found.second, found.is_clean()), (first, second, clean), "{case}");
        // What is not as it should be is listed.
        assert!(clean || second == Second::NothingKnown || !found.exceptions.is_empty(), "{case}");
    }
}

#[test]
fn each_exception_of_the_first_hop_is_listed_with_its_clients() {
    let rows = vec![
        came("encrypted adequate", 5),
        came("plaintext plaintext would-refuse", 1),
        came("plaintext exception", 2),
        came("plaintext trusted-client", 3),
        came("unknown unknown-tls-passed", 4),
        came("plaintext adequate", 6),
    ];
    let found = one(rows, vec![]);
    let listed: Vec<_> = found.exceptions.iter().map(|one| (one.what, one.recipients)).collect();
    let expected = [
        (What::CameNotEnforced, 1),
        (What::CameExcepted, 2),
        (What::CameTrusted, 3),
        (What::CameLetThrough, 6),
        (What::CameUnknown, 4),
    ];
    assert_eq!(listed, expected);
    assert!(found.exceptions.iter().all(|one| one.clients == ["mail.example.net"]));
    assert_eq!((found.came.let_in(), found.came.unencrypted(), found.came.total()), (21, 12, 21));
}

#[test]
fn tls_that_does_not_count_is_told_from_none_with_its_version_and_cipher() {
    let sent = |words: &str| delivery(0, "mx.example.com", words, 2);
    for (words, what, said) in [
        ("TLSv1 untrusted sent none", What::LeftWeak, "TLSv1, RC4-SHA"),
        ("none none sent none", What::LeftUnencrypted, ""),
        ("failed none sent none", What::LeftUnencrypted, ""),
    ] {
        let found = one(good(), vec![sent(words)]);
        let exception = found.exceptions.iter().find(|one| one.what.is_of_second_hop()).unwrap();
        assert_eq!((exception.what, &*exception.words), (what, said));
        assert_eq!(found.left.unwrap().unencrypted, 2);
    }
}

#[test]
fn deliveries_are_added_up_by_how_they_left() {
    let all = [
        ("TLSv1.3 verified sent none", 1),
        ("TLSv1.3 trusted sent none", 2),
        ("TLSv1.3 untrusted sent connection", 3),
        ("none none sent none", 4),
        ("local none sent none", 5),
        ("unknown none sent none", 6),
        ("TLSv1.3 trusted bounced reply", 7),
    ];
    let deliveries = all.map(|(words, count)| delivery(0, "mx.example.com", words, count));
    let found = one(good(), deliveries.to_vec());
    let left = Left {
        verified: 1,
        encrypted: 5,
        unencrypted: 4,
        local: 5,
        unknown: 6,
        waits: 0,
        went_back: 7,
    };
    assert_eq!(found.left, Some(left));
    assert_eq!(left.sent(), 21);
}

#[test]
fn a_domain_of_which_only_mail_of_partners_is_recorded_has_no_line() {
    let partner = Key { found: SubjectKind::Sender, ..key("192.0.2.1") };
    assert!(hops(vec![row(&partner, 1)], vec![]).domains.is_empty());
    assert_eq!(one(vec![row(&partner, 1), came("encrypted adequate", 1)], vec![]).came.total(), 2);
}

#[test]
fn where_mail_was_not_told_apart_nothing_is_said_of_every_message() {
    assert!(one(good(), vec![]).is_whole);
    let mut other = came("encrypted adequate", 1);
    other.key = other.key.others().of_any_domain();
    let mut rows = good();
    rows.push(other);
    assert!(!one(rows, vec![]).is_whole);
}

#[test]
fn a_time_of_which_no_deliveries_are_known_is_told_apart() {
    let mut rows = good();
    let mut earlier = came("encrypted adequate", 1);
    earlier.tally.first -= 3 * DAY;
    rows.push(earlier);
    let sent = delivery(100, "mx.example.com", "TLSv1.3 trusted sent none", 1);
    let moment = sent.tally.first;
    assert_eq!(one(good(), vec![sent.clone()]).known_between(), None);
    assert_eq!(one(rows, vec![sent]).known_between(), Some((moment, moment)));
}

#[test]
fn what_the_policy_demands_of_the_next_hop_is_said_of_exceptions_of_the_second_hop() {
    let mut policy = Policy::default();
    let mut entry = Entry::bare(Mode::Enforce);
    entry.deliver =
        Some(Deliver { demand: Demand::of_level(Level::Encrypt), next_hops: Vec::new() }.into());
    policy.domains.replace(&Pattern::Every, entry);
    let rows = vec![came("plaintext exception", 2)];
    let mut hops = hops(rows, vec![delivery(0, "mx.example.com", "none none sent none", 1)]);
    let demanded = |hops: &Hops| -> Vec<_> {
        let exceptions = hops.domains[0].exceptions.iter();
        exceptions.map(|one| one.demanded.clone().zip(one.encryption_demanded)).collect()
    };
    assert_eq!(demanded(&hops), [None, None]);
    hops.compare(&policy, Timestamp::UNIX_EPOCH);
    assert_eq!(demanded(&hops), [None, Some(("encrypt".into(), true))]);
    hops.compare(&Policy::default(), Timestamp::UNIX_EPOCH);
    assert_eq!(demanded(&hops), [None, Some((String::new(), false))]);
    let mut lax = Entry::bare(Mode::Enforce);
    lax.deliver =
        Some(Deliver { demand: Demand::of_level(Level::May), next_hops: Vec::new() }.into());
    policy.domains.replace(&Pattern::Every, lax);
    hops.compare(&policy, Timestamp::UNIX_EPOCH);
    assert_eq!(demanded(&hops), [None, Some(("may".into(), false))]);
    let monitored = |hops: &Hops| hops.domains[0].exceptions[1].encryption_monitored;
    assert!(!monitored(&hops));
    let mut watched = Entry::bare(Mode::Monitor);
    watched.deliver =
        Some(Deliver { demand: Demand::of_level(Level::Encrypt), next_hops: Vec::new() }.into());
    policy.domains.replace(&Pattern::Every, watched);
    hops.compare(&policy, Timestamp::UNIX_EPOCH);
    assert_eq!(demanded(&hops), [None, Some((String::new(), false))]);
    assert!(monitored(&hops));
}

#[test]
fn what_waited_for_several_servers_is_not_said_of_the_last_one_alone() {
    let waits = |servers: &[&str]| {
        let deliveries = servers
            .iter()
            .map(|server| delivery(0, server, "none none deferred tls-not-offered", 1))
            .collect();
        let exceptions = one(vec![], deliveries).exceptions;
        let [waits] = <[_; 1]>::try_from(exceptions).unwrap();
        (waits.server, waits.other_servers)
    };
    assert_eq!(waits(&["mx1.example.com"; 2]), ("mx1.example.com".into(), false));
    let several = ["mx1.example.com", "mx2.example.com"];
    assert_eq!(waits(&several), ("mx2.example.com".into(), true));
}

#[test]
fn the_worst_comes_first_and_many_servers_are_told_of_together() {
    let of = |domain: &str, delivery: Delivery| Delivery {
        key: DeliveryKey { domain: domain.into(), ..delivery.key },
        ..delivery
    };
    let sent = |server: &str, words: &str| delivery(0, server, words, 1);
    let mut deliveries = vec![
        of("a.example", sent("mx", "TLSv1.3 trusted sent none")),
        of("b.example", sent("mx", "unknown none sent none")),
        of("d.example", sent("mx", "none none deferred tls-not-offered")),
    ];
    deliveries.extend(
        (0..50).map(|n| of("c.example", sent(&format!("mx{n}.c.example"), "none none sent none"))),
    );
    let hops = hops(vec![], deliveries);
    let names: Vec<_> = hops.domains.iter().map(|hops| &*hops.domain).collect();
    assert_eq!(names, ["c.example", "d.example", "b.example", "a.example"]);
    let exceptions = &hops.domains[0].exceptions;
    assert_eq!((exceptions.len(), &*exceptions[0].server), (21, "*"));
    assert_eq!(exceptions.iter().map(|one| one.recipients).sum::<u64>(), 50);
}

#[test]
fn reasons_that_are_no_fault_of_encryption_hold_nothing_up() {
    for (reason, held) in
        [("connection", false), ("reply", false), ("certificate-not-matched", true)]
    {
        let words = format!("TLSv1.3 trusted deferred {reason}");
        let found = one(good(), vec![delivery(0, "mx.example.com", &words, 1)]);
        assert_eq!(found.exceptions[0].is_held_up(), held, "{reason}");
        assert_eq!(found.exceptions[0].reason.unwrap().code(), reason);
    }
    assert_eq!(came("plaintext exception", 1).key.reason, ReasonKind::Exception.into());
}
