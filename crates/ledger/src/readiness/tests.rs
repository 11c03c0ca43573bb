//! What is said of domains whose correspondents are known.

use super::*;
use crate::fixtures::{TODAY, domain, key, tls};
use crate::model::clients::Clients;
use crate::model::key::{Key, SenderDomain};
use crate::model::logged_tls::LoggedTls;
use crate::model::row::{RowKey, Source};
use crate::model::tally::Tally;
use policy::{Decision, Entry, Pattern, ReasonKind, Schedule, TlsState};

/// Mail for example.com of `MX` `SENDER`, over `tls`, `clear`, `unknown` or, as a log tells it, `log` (with TLS)
/// and `log-clear`; `retried` is clear, refused, and tried again. `-` stands for no name.
fn mail(days_ago: i32, client: &str, name: &str, sender: &str, how: &str) -> Row {
    let good = tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256");
    let (state, source) = match how {
        "tls" => (good, Source::Milter),
        "clear" | "retried" => (TlsState::Plaintext, Source::Milter),
        "unknown" => (TlsState::Unknown, Source::Milter),
        "log" => (good, Source::Log),
        "log-clear" => (TlsState::Plaintext, Source::Log),
        how => panic!("{how}"),
    };
    let is_retried = how == "retried";
    let key = Key {
        day: TODAY - days_ago,
        client: client.parse().ok(),
        name: (name != "-").then(|| domain(name)),
        sender: match sender {
            "<>" => SenderDomain::Null,
            sender => SenderDomain::Of(domain(sender)),
        },
        tls: state.clone(),
        verdict: if is_retried { Decision::Refuse } else { Decision::Accept },
        reason: if is_retried { ReasonKind::Plaintext } else { ReasonKind::Off },
        ..key(client)
    };
    let row = match source {
        Source::Milter => RowKey::new(&key, Source::Milter, &Clients::Full),
        Source::Log => RowKey::from_log(&key, &LoggedTls::Told(state), &Clients::Full),
    };
    let at = i64::from(key.day) * DAY + DAY / 3;
    let (count, repeats) = if is_retried { (5, 4) } else { (1, 0) };
    Row { key: row, tally: Tally { count, repeats: Some(repeats), first: at, last: at } }
}

/// A large provider, which encrypts, on the working days of so many days. (20 780 is a Monday.)
fn provider(days: i32) -> Vec<Row> {
    let is_working = |ago: &i32| (TODAY - ago - 20_780).rem_euclid(7) < 5;
    let mail = |ago| mail(ago, "203.0.113.10", "out.bigmail.example", "bigmail.example", "tls");
    (0..days).filter(is_working).map(mail).collect()
}

fn policy(schedule: Schedule) -> Policy {
    let mut policy = Policy::default();
    let entry = Entry { schedule, ..Entry::bare(Mode::Monitor) };
    policy.domains.replace(&Pattern::Domain(domain("example.com")), entry);
    policy
}

fn asked(rows: &Vec<Row>, policy: &Policy) -> Readiness {
    let inquiry = Inquiry {
        policy,
        on_unknown_tls: OnUnknownTls::Defer,
        now: Timestamp::from_second(i64::from(TODAY) * DAY + DAY / 2).unwrap(),
        since: TODAY - WINDOW,
        domains: Domains::One(domain("example.com")),
    };
    let answers = readiness(rows, &inquiry).unwrap();
    let [answer] = &*answers else { panic!("{answers:?}") };
    answer.clone()
}

fn monitored(rows: &Vec<Row>) -> Readiness {
    asked(rows, &policy(Schedule::Always(Mode::Monitor)))
}

/// The state, and each correspondent with its standing.
fn told(answer: &Readiness) -> (State, Vec<(&str, Standing)>) {
    let all = answer.correspondents.iter();
    (answer.state, all.map(|one| (&*one.name, one.standing)).collect())
}

#[test]
fn nobody_at_fault_for_long_enough_is_ready_and_too_little_evidence_says_what_it_lacks() {
    let with = |how: &str, ago: i32| mail(ago, "192.0.2.1", "mx.city.example", "city.example", how);
    let log = |days: i32| (0..days).map(|ago| with("log", ago)).collect::<Vec<_>>();
    let old: Vec<_> = provider(60).into_iter().filter(|row| row.key.day < TODAY - 5).collect();
    let gone = [old, vec![]].concat();
    for (rows, lacks) in [
        (provider(30), &[][..]),
        // Ten working days of two weeks are enough, five of one are not.
        (provider(14), &[]),
        (provider(13), &[Lack::FewDays]),
        (provider(7), &[Lack::FewDays]),
        (vec![], &[Lack::NoMail]),
        (log(40), &[Lack::LogOnly]),
        // A log before the milter's own days makes no more of them.
        ([log(40), provider(5)].concat(), &[Lack::FewDays]),
        (
            [provider(30), (0..2).map(|ago| with("unknown", ago)).collect()].concat(),
            &[Lack::UnknownSessions],
        ),
        ([provider(30), vec![with("unknown", 3)]].concat(), &[]),
        (gone, &[Lack::Ended]),
    ] {
        let answer = monitored(&rows);
        let state = if lacks.is_empty() { State::Ready } else { State::NotEnough };
        assert_eq!((answer.state, &*answer.lacks), (state, lacks), "{:?}", answer.evidence);
        assert_eq!((answer.start, answer.correspondents.len()), (None, 0));
    }
    // When to look again: as soon as there can be two weeks.
    let days = |answer: Readiness| answer.look_again.map(|at| day_of_answer(at) - TODAY);
    assert_eq!(days(monitored(&vec![])), Some(14));
    assert_eq!(days(monitored(&provider(5))), Some(9));
    assert_eq!(days(monitored(&provider(30))), None);
}

fn day_of_answer(at: i64) -> Day {
    crate::model::day::day_of(at)
}

#[test]
fn holidays_are_no_evidence_and_a_domain_with_little_mail_needs_two_months_of_it() {
    let on = |days: &[i32]| {
        let mail = |ago: &i32| mail(*ago, "192.0.2.1", "mx.city.example", "city.example", "tls");
        days.iter().map(mail).collect::<Vec<_>>()
    };
    // Two weeks about the turn of the year, with mail on four days.
    assert_eq!(monitored(&on(&[0, 1, 12, 13])).lacks, [Lack::FewDays]);
    // Ten messages a month: enough after a month, on as many days.
    let month: Vec<i32> = (0..10).map(|n| n * 3).collect();
    assert_eq!(monitored(&on(&month)).state, State::Ready);
    // One a week: only after eight weeks.
    let weeks = |n: i32| (0..n).map(|n| n * 7).collect::<Vec<_>>();
    assert_eq!(monitored(&on(&weeks(7))).lacks, [Lack::FewDays]);
    assert_eq!(monitored(&on(&weeks(9))).state, State::Ready);
}

#[test]
fn each_kind_of_correspondent_is_told_from_the_others() {
    use Standing::{Fails, Mended, Silent, Stray};
    let own = "example.com";
    for (what, rows, standing) in [
        ("a partner of every day", vec![(0, "clear"), (1, "clear"), (4, "clear")], Fails),
        ("one that has TLS since yesterday", vec![(9, "clear"), (2, "clear"), (1, "tls")], Mended),
        (
            "one that comes in turns",
            vec![(9, "clear"), (5, "tls"), (2, "clear"), (1, "tls")],
            Fails,
        ),
        ("one that wrote a month ago", vec![(30, "clear")], Fails),
        ("one that wrote once, long ago", vec![(50, "clear")], Silent),
        ("one that writes each month", vec![(85, "clear"), (55, "clear"), (25, "clear")], Fails),
        ("the same, a month late", vec![(88, "clear"), (66, "clear"), (44, "clear")], Fails),
        ("one of each day that stopped", vec![(60, "clear"), (59, "clear"), (58, "clear")], Silent),
    ] {
        let mail =
            |(ago, how)| mail(ago, "192.0.2.7", "mail.lawyers.example", "lawyers.example", how);
        let rows = [provider(60), rows.into_iter().map(mail).collect()].concat();
        let found = monitored(&rows);
        assert_eq!(told(&found).1, [("lawyers.example", standing)], "{what}");
        let state = if standing == Fails { State::NotYet } else { State::Ready };
        assert_eq!((found.state, found.start.is_some()), (state, standing == Fails), "{what}");
    }
    for (what, name, sender, rows, standing) in [
        ("a scanner of the internet", "-", "probe.example", &[(3, "clear")][..], Stray),
        ("one that probes with bounces", "-", "<>", &[(3, "clear")], Stray),
        ("a verifier of senders", "verify.example", "<>", &[(3, "clear")], Stray),
        ("a forger of the domain", "-", own, &[(3, "clear")], Stray),
        ("a forger with a name", "dsl-1.isp.example", own, &[(3, "clear")], Stray),
        (
            "a forger of a name below it",
            "dsl-1.isp.example",
            "mail.example.com",
            &[(3, "clear")],
            Stray,
        ),
        ("a device of its own", "-", own, &[(3, "clear"), (4, "clear")], Fails),
        ("a partner without a name", "-", "small.example", &[(3, "clear"), (9, "clear")], Fails),
        ("one that is refused and tries again", "-", "small.example", &[(3, "retried")], Fails),
        ("one that once knew TLS", "-", "small.example", &[(8, "tls"), (3, "clear")], Fails),
        ("a partner that wrote once", "mx.hoster.example", "small.example", &[(3, "clear")], Fails),
    ] {
        let mail = |(ago, how): &(i32, &str)| mail(*ago, "192.0.2.7", name, sender, how);
        let rows = [provider(60), rows.iter().map(mail).collect()].concat();
        let found = monitored(&rows);
        let [one] = &*found.correspondents else { panic!("{what}: {found:?}") };
        assert_eq!(one.standing, standing, "{what}");
        assert_eq!(one.is_own, matches!(sender, "example.com" | "mail.example.com"), "{what}");
    }
}

#[test]
fn a_scanner_that_comes_from_ever_other_addresses_never_holds_up_a_domain() {
    let scans = (0..60).map(|ago| {
        let client = format!("198.51.100.{}", ago + 1);
        mail(ago, &client, "-", &format!("s{ago}.example"), "clear")
    });
    let found = monitored(&[provider(60), scans.collect()].concat());
    assert_eq!(found.state, State::Ready);
    let [scanner] = &*found.correspondents else { panic!("{found:?}") };
    assert_eq!((&*scanner.name, scanner.standing), ("198.51.100.0/24", Standing::Stray));
    assert_eq!((scanner.failing_count, scanner.failing.len(), scanner.recipients), (60, 20, 60));
}

#[test]
fn of_two_servers_of_a_partner_one_that_fails_stands_in_the_way_as_long_as_it_comes() {
    let good = |ago| mail(ago, "192.0.2.7", "mx1.firm.example", "firm.example", "tls");
    let bad = |ago| mail(ago, "198.51.100.8", "mx2.firm.example", "firm.example", "clear");
    let daily = (0..60).map(good).collect::<Vec<_>>();
    for (what, days, standing) in [
        ("yesterday", &[1][..], Standing::Fails),
        ("a week ago, once", &[7], Standing::Mended),
        // Between two of its days it is not gone.
        ("each ten days", &[37, 27, 17, 7], Standing::Fails),
        ("each ten days, until a month ago", &[60, 50, 40, 30], Standing::Mended),
    ] {
        let found =
            monitored(&[daily.clone(), days.iter().map(|ago| bad(*ago)).collect()].concat());
        let [firm] = &*found.correspondents else { panic!("{found:?}") };
        assert_eq!((&*firm.name, firm.standing), ("firm.example", standing), "{what}");
        assert_eq!((firm.servers, firm.failing_count), (2, 1));
        assert_eq!(firm.failing[0].host, "mx2.firm.example");
    }
}

#[test]
fn a_mailing_list_is_one_correspondent_whoever_wrote_to_it() {
    let list = (0..30).map(|ago| {
        mail(ago, "192.0.2.7", "lists.club.example", &format!("member{ago}.example"), "clear")
    });
    let found = monitored(&[provider(60), list.collect()].concat());
    assert_eq!(told(&found), (State::NotYet, vec![("club.example", Standing::Fails)]));
    let club = &found.correspondents[0];
    assert_eq!((club.recipients, club.senders.len(), club.every), (30, 20, Some(1)));
}

#[test]
fn who_does_not_write_at_weekends_is_not_mended_on_monday() {
    // TODAY is a Monday.
    let weekdays = [3, 4, 5, 6, 7]
        .map(|ago| mail(ago, "192.0.2.7", "mx.office.example", "office.example", "clear"));
    let found = monitored(&[provider(60), weekdays.to_vec()].concat());
    assert_eq!(told(&found), (State::NotYet, vec![("office.example", Standing::Fails)]));
    // Two weeks from a Monday is a Monday; the proposal is the day after.
    assert_eq!(found.start.map(date_text).as_deref(), Some("2026-12-08"));
}

#[test]
fn a_domain_that_is_enforced_or_will_be_is_not_given_another_day() {
    let bad =
        [0, 1].map(|ago| mail(ago, "192.0.2.7", "mx.firm.example", "firm.example", "retried"));
    let rows = [provider(60), bad.to_vec()].concat();
    let enforced = asked(&rows, &policy(Schedule::Always(Mode::Enforce)));
    assert_eq!(told(&enforced), (State::Enforced, vec![("firm.example", Standing::Fails)]));
    assert_eq!((enforced.start, enforced.planned), (None, None));
    let day = Timestamp::from_second(i64::from(TODAY + 3) * DAY).unwrap();
    let planned = asked(&rows, &policy(Schedule::EnforceFrom(day)));
    assert_eq!((planned.state, planned.mode), (State::NotYet, Mode::Monitor));
    assert_eq!((planned.start, planned.planned), (None, Some(day.as_second())));
    let off = policy(Schedule::Always(Mode::Off));
    let inquiry = Inquiry {
        policy: &off,
        on_unknown_tls: OnUnknownTls::Defer,
        now: day,
        since: 0,
        domains: Domains::All,
    };
    assert!(readiness(&rows, &inquiry).unwrap().is_empty());
}

#[test]
fn exceptions_and_requirements_count_as_they_are_now() {
    let old = tls("TLSv1", "AES128-SHA", "128");
    let rows: Vec<_> = (0..30)
        .map(|ago| {
            let mut row = mail(ago, "192.0.2.7", "mx.firm.example", "firm.example", "tls");
            let key = Key { day: row.key.day, tls: old.clone(), ..key("192.0.2.7") };
            row.key = RowKey::new(&key, Source::Milter, &Clients::Full);
            row
        })
        .collect();
    assert_eq!(monitored(&rows).state, State::Ready, "the baseline takes TLS 1.0");
    let mut strict = policy(Schedule::Always(Mode::Monitor));
    let mut entry = Entry::bare(Mode::Monitor);
    entry.requirement = std::sync::Arc::clone(policy::Requirement::builtin("rfc9325").unwrap());
    let pattern = Pattern::Domain(domain("example.com"));
    strict.domains.replace(&pattern, entry.clone());
    assert_eq!(asked(&rows, &strict).state, State::NotYet);
    entry.exceptions.push(policy::Exception {
        clients: vec!["192.0.2.0/24".parse().unwrap()],
        sender: None,
        certificate: None,
        end: None,
        reason: "until spring".into(),
    });
    strict.domains.replace(&pattern, entry);
    let excepted = asked(&rows, &strict);
    assert_eq!((excepted.state, excepted.evidence.excepted), (State::Ready, 30));
}

#[test]
fn others_without_a_row_of_their_own_stand_in_the_way_together() {
    let mut row = mail(1, "192.0.2.7", "-", "firm.example", "retried");
    row.key = row.key.others();
    let found = monitored(&[provider(60), vec![row]].concat());
    assert_eq!(told(&found), (State::NotYet, vec![("*", Standing::Fails)]));
}

#[test]
fn the_worst_domain_comes_first() {
    let mut policy = Policy::default();
    policy.domains.replace(&Pattern::Every, Entry::bare(Mode::Monitor));
    let enforced = Pattern::Domain(domain("d.example"));
    policy.domains.replace(&enforced, Entry::bare(Mode::Enforce));
    let to = |domain: &str, mut rows: Vec<Row>| {
        rows.iter_mut().for_each(|row| row.key.domain = domain.into());
        rows
    };
    let bad = |ago| mail(ago, "192.0.2.7", "mx.firm.example", "firm.example", "clear");
    let rows = [
        to("a.example", provider(30)),
        to("b.example", provider(3)),
        to("c.example", [provider(30), vec![bad(1)]].concat()),
        to("d.example", provider(30)),
        to("e.example", [provider(30), vec![bad(1), bad(2)]].concat()),
    ];
    let inquiry = Inquiry {
        policy: &policy,
        on_unknown_tls: OnUnknownTls::Defer,
        now: Timestamp::from_second(i64::from(TODAY) * DAY + DAY / 2).unwrap(),
        since: 0,
        domains: Domains::All,
    };
    let answers = readiness(&rows.concat(), &inquiry).unwrap();
    let order: Vec<_> = answers.iter().map(|one| (&*one.domain, one.state.code())).collect();
    let expected = [
        ("e.example", "not-yet"),
        ("c.example", "not-yet"),
        ("b.example", "not-enough"),
        ("a.example", "ready"),
        ("d.example", "enforced"),
    ];
    assert_eq!(order, expected);
}
