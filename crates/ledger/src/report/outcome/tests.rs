//! Outcomes beside a naive model, which goes through single sessions and knows no rows.

use super::{Outcome, Outcomes};
use crate::fixtures::{TODAY, domain, key};
use crate::model::clients::Clients;
use crate::model::day::{DAY, day_of};
use crate::model::key::{Key, SenderDomain};
use crate::model::row::{Row, RowKey, Source};
use crate::model::tally::Tally;
use policy::{Decision, ReasonKind};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const CLIENTS: [&str; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
const SENDERS: [&str; 2] = ["one.example", "two.example"];
const DOMAINS: [&str; 2] = ["example.com", "example.org"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Adequate,
    Exception,
    WouldRefuse,
    Refused,
}

/// One RCPT: when, and client, sender and domain as places in the lists above.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    at: i64,
    client: usize,
    sender: usize,
    domain: usize,
    what: What,
}

/// The rows that a ledger makes of these, in the order of days.
fn rows(attempts: &[Attempt]) -> Vec<Row> {
    let mut tallies: BTreeMap<_, Tally> = BTreeMap::new();
    for one in attempts {
        let place = (day_of(one.at), one.domain, one.client, one.sender, one.what);
        let once = Tally::once(one.at);
        tallies.entry(place).and_modify(|tally| tally.add(once)).or_insert(once);
    }
    let row = |((day, to, client, sender, what), tally): (_, Tally)| {
        let (verdict, reason) = match what {
            What::Adequate => (Decision::Accept, ReasonKind::Adequate),
            What::Exception => (Decision::Accept, ReasonKind::Exception),
            What::WouldRefuse => (Decision::WouldRefuse, ReasonKind::Plaintext),
            What::Refused => (Decision::Refuse, ReasonKind::Plaintext),
        };
        let sender = SenderDomain::Of(domain(SENDERS[sender]));
        let domain = Some(domain(DOMAINS[to]));
        let key = Key { day, domain, sender, verdict, reason, ..key(CLIENTS[client]) };
        Row { key: RowKey::new(&key, Source::Milter, &Clients::Full), tally }
    };
    tallies.into_iter().map(row).collect()
}

/// What became of a client, or of a sender: `is_of` says which attempts are its own.
fn naive(all: &[Attempt], is_of: impl Fn(&Attempt) -> bool, until: i64) -> Option<&'static str> {
    let own: Vec<Attempt> = all.iter().copied().filter(|one| is_of(one)).collect();
    let ways: BTreeSet<_> = own.iter().map(|one| (one.client, one.sender, one.domain)).collect();
    let words = ["resolved", "other-server", "quiet", "not-back", "not-back-yet", "still-failing"];
    let worst = ways.into_iter().filter_map(|(client, sender, domain)| {
        let way = own
            .iter()
            .filter(|one| (one.client, one.sender, one.domain) == (client, sender, domain));
        let (good, bad): (Vec<&Attempt>, Vec<&Attempt>) = way
            .filter(|one| one.what != What::Exception)
            .partition(|one| one.what == What::Adequate);
        let first = bad.iter().map(|one| one.at).min()?;
        let last = bad.iter().map(|one| one.at).max()?;
        let refused = bad.iter().any(|one| one.what == What::Refused);
        let days_ago = |days: i64| until - last > days * DAY;
        let in_turns = good
            .iter()
            .any(|good| good.at > first && bad.iter().any(|bad| day_of(bad.at) > day_of(good.at)));
        let back = good.iter().any(|good| good.at > last);
        let other = all.iter().any(|one| {
            (one.sender, one.domain, one.what) == (sender, domain, What::Adequate) && one.at > last
        });
        Some(match () {
            () if back && (!in_turns || days_ago(5)) => 0,
            () if back => 5,
            () if other && days_ago(5) => 1,
            () if !refused && days_ago(5) => 2,
            () if !refused => 5,
            () if days_ago(5) => 3,
            () if days_ago(1) => 4,
            () => 5,
        })
    });
    worst.max().map(|worst: usize| words[worst])
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let what = prop_oneof![
        2 => Just(What::Adequate),
        1 => Just(What::Exception),
        2 => Just(What::WouldRefuse),
        3 => Just(What::Refused),
    ];
    // Some moments lie together, so that attempts come in one day, and days go without.
    let moment =
        (0..12i64, 0..24i64).prop_map(|(day, hour)| (i64::from(TODAY) + day) * DAY + hour * 3600);
    (moment, 0..CLIENTS.len(), 0..SENDERS.len(), 0..DOMAINS.len(), what)
        .prop_map(|(at, client, sender, domain, what)| Attempt { at, client, sender, domain, what })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_became_of_peers_and_senders_is_what_a_naive_model_says(
        attempts in prop::collection::vec(attempt(), 1..25),
        later in 0..8i64,
    ) {
        let until = attempts.iter().map(|one| one.at).max().unwrap() + later * DAY / 2;
        let mut outcomes = Outcomes::default();
        rows(&attempts).iter().for_each(|row| outcomes.add(row));
        let worst = outcomes.finish(until);
        for (place, name) in CLIENTS.into_iter().enumerate() {
            let found = worst.peers.get(name).copied();
            let expected = naive(&attempts, |one| one.client == place, until);
            prop_assert_eq!(found.map(Outcome::code), expected, "{}", name);
            let refused: Vec<&Attempt> = attempts
                .iter()
                .filter(|one| one.client == place && one.what == What::Refused)
                .collect();
            if let Some(Outcome::NotBack { attempts, days, .. } | Outcome::NotBackYet { attempts, days, .. }) = found {
                let all_days: BTreeSet<_> = refused.iter().map(|one| day_of(one.at)).collect();
                prop_assert_eq!(attempts, refused.len() as u64);
                prop_assert_eq!(days, all_days.len() as u64);
            }
            if let Some(Outcome::Resolved { at }) = found {
                prop_assert!(refused.iter().all(|one| one.at < at));
            }
        }
        for (place, name) in SENDERS.into_iter().enumerate() {
            let expected = naive(&attempts, |one| one.sender == place, until);
            prop_assert_eq!(worst.senders.get(name).copied().map(Outcome::code), expected, "{}", name);
        }
    }
}

/// What became of the first client, some days after the last of these.
fn outcome(attempts: &[(i64, usize, usize, What)], later: i64) -> Option<Outcome> {
    let noon = |day: i64| (i64::from(TODAY) + day) * DAY + DAY / 2;
    let attempts: Vec<Attempt> = attempts
        .iter()
        .map(|(day, client, sender, what)| Attempt {
            at: noon(*day),
            client: *client,
            sender: *sender,
            domain: 0,
            what: *what,
        })
        .collect();
    let mut outcomes = Outcomes::default();
    rows(&attempts).iter().for_each(|row| outcomes.add(row));
    let last = attempts.iter().map(|one| one.at).max().unwrap();
    outcomes.finish(last + later * DAY).peers.get(CLIENTS[0]).copied()
}

#[test]
fn a_server_that_is_refused_each_day_is_not_resolved_by_another_of_its_sender_nor_by_itself() {
    use What::{Adequate, Refused};
    // Another server of the sender comes with TLS each day, and last of all.
    let mut each_day: Vec<_> = (0..30).map(|day| (day, 0, 0, Refused)).collect();
    each_day.extend((0..=30).map(|day| (day, 1, 0, Adequate)));
    each_day.sort_by_key(|(day, ..)| *day);
    let code = |attempts: &[_], later| outcome(attempts, later).map(Outcome::code);
    assert_eq!(code(&each_day, 0), Some("still-failing"));
    // It comes with TLS itself, in turns.
    let turns: Vec<_> =
        (0..30).map(|day| (day, 0, 0, if day % 2 == 0 { Refused } else { Adequate })).collect();
    assert_eq!(code(&turns, 0), Some("still-failing"));
    assert_eq!(code(&turns, 3), Some("still-failing"));
    // The last of the days with TLS stays the last word.
    assert_eq!(code(&turns, 5), Some("resolved"));
    // With TLS for another sender: of this one nothing has come.
    assert_eq!(code(&[(0, 0, 0, Refused), (3, 0, 1, Adequate)], 0), Some("not-back-yet"));
    // Before, without, and with again.
    let mended = [(0, 0, 0, Adequate), (1, 0, 0, Refused), (2, 0, 0, Refused), (3, 0, 0, Adequate)];
    assert_eq!(code(&mended, 0), Some("resolved"));
}

#[test]
fn a_server_that_was_refused_on_friday_has_not_given_up_on_monday() {
    let friday = [(0, 0, 0, What::Refused), (0, 0, 0, What::Refused)];
    let noon = i64::from(TODAY) * DAY + DAY / 2;
    let (since, attempts, days) = (noon, 2, 1);
    assert_eq!(outcome(&friday, 1).unwrap(), Outcome::StillFailing { since });
    for later in 2..=5 {
        assert_eq!(outcome(&friday, later).unwrap(), Outcome::NotBackYet { since, attempts, days });
    }
    assert_eq!(outcome(&friday, 6).unwrap(), Outcome::NotBack { since, attempts, days });
}
