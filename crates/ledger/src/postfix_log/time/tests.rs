use super::*;

/// The time at the beginning of a line, whether it says its zone, and the rest.
fn read(line: &str, zone: &str) -> Result<(String, bool, String), Unread> {
    let zone = match zone {
        "" => TimeZone::UTC,
        rule => TimeZone::posix(rule).unwrap(),
    };
    let clock = Clock::new(zone, "2026-11-27T23:00:00Z".parse().unwrap());
    let (moment, rest) = clock.read(line)?;
    let at = Timestamp::from_second(moment.at).unwrap().to_string();
    Ok((at, moment.zoned, rest.to_owned()))
}

/// The rules of Zurich and Chicago.
const ZURICH: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const CHICAGO: &str = "CST6CDT,M3.2.0,M11.1.0";

#[test]
fn times_are_read_in_the_forms_that_daemons_and_journalctl_write() {
    for (line, zone, at, zoned) in [
        // syslog, and with fractions
        ("Nov 20 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        ("Nov  1 20:18:10 mx", "", "2026-11-01T20:18:10Z", false),
        ("Nov 20 20:18:10.123456 mx", "", "2026-11-20T20:18:10Z", false),
        ("Nov 20 20:18:60 mx", "", "2026-11-20T20:19:00Z", false),
        // Not after the log was written, but for a day.
        ("Dec 31 23:59:59 mx", "", "2025-12-31T23:59:59Z", false),
        ("Nov 28 22:00:00 mx", "", "2026-11-28T22:00:00Z", false),
        ("Feb 29 00:00:00 mx", "", "2024-02-29T00:00:00Z", false),
        // short-iso in its ages, short-iso-precise, rsyslog, docker
        ("2026-11-20T20:18:10+0100 mx", "", "2026-11-20T19:18:10Z", true),
        ("2026-11-20T20:18:10+01:00 mx", "", "2026-11-20T19:18:10Z", true),
        ("2026-11-20T20:18:10.123456-03:30 mx", "", "2026-11-20T23:48:10Z", true),
        ("2026-11-20T20:18:10,123+01 mx", "", "2026-11-20T19:18:10Z", true),
        ("2026-11-20T20:18:10.130405545Z mx", "", "2026-11-20T20:18:10Z", true),
        // without a zone, and with one behind a blank
        ("2026-11-20T20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        ("2026-11-20 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        ("2026/11/20 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        ("2026-11-20 20:18:10.5+01:00 mx", "", "2026-11-20T19:18:10Z", true),
        ("2026-11-20 20:18:10 +0100 mx", "", "2026-11-20T19:18:10Z", true),
        // short-full, verbose
        ("Fri 2026-11-20 20:18:10 UTC mx", "", "2026-11-20T20:18:10Z", true),
        ("Fri 2026-11-20 20:18:10 CET mx", "", "2026-11-20T19:18:10Z", true),
        ("Fri 2026-07-20 20:18:10 CEST mx", "", "2026-07-20T18:18:10Z", true),
        ("Fri 2026-11-20 20:18:10.123456 +07 mx", "", "2026-11-20T13:18:10Z", true),
        ("Fri 2026-11-20 20:18:10 CST mx", CHICAGO, "2026-11-21T02:18:10Z", true),
        // short-unix
        ("1795205890.123456 mx", "", "2026-11-20T20:18:10Z", true),
        ("1795205890 mx", "", "2026-11-20T20:18:10Z", true),
        // with a year
        ("2026 Nov 20 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        ("Nov 20 2025 20:18:10 mx", "", "2025-11-20T20:18:10Z", false),
        ("Fri Nov 20 20:18:10 2026 mx", "", "2026-11-20T20:18:10Z", false),
        ("Fri, 20 Nov 2026 20:18:10 +0100 mx", "", "2026-11-20T19:18:10Z", true),
        ("20 Nov 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        // in other languages
        ("Dez 01 10:00:00 mx", "", "2025-12-01T10:00:00Z", false),
        ("Mär 01 10:00:00 mx", "", "2026-03-01T10:00:00Z", false),
        ("Απρ 15 12:20:28 mx", "", "2026-04-15T12:20:28Z", false),
        ("déc. 13 10:43:10 mx", "", "2025-12-13T10:43:10Z", false),
        ("11月 20 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        (" 1月 20 20:18:10 mx", "", "2026-01-20T20:18:10Z", false),
        ("11-р сар 20 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        // November in Polish, October in Croatian: the one next to when the log was written.
        ("lis 20 20:18:10 mx", "", "2026-11-20T20:18:10Z", false),
        // summer and winter
        ("Jul 20 20:18:10 mx", ZURICH, "2026-07-20T18:18:10Z", false),
        ("Nov 20 20:18:10 mx", ZURICH, "2026-11-20T19:18:10Z", false),
        ("2026-03-29 02:30:00 mx", ZURICH, "2026-03-29T01:30:00Z", false),
    ] {
        let expected = (at.to_owned(), zoned, "mx".to_owned());
        assert_eq!(read(line, zone), Ok(expected), "{line}");
    }
}

#[test]
fn what_is_no_time_says_why() {
    for (line, why) in [
        ("postfix/smtpd[17]: connect from x", Unread::NoTime),
        ("[ 1234.103456] mx", Unread::Monotonic),
        ("[1234.103456 <    0.010000 >] mx", Unread::Monotonic),
        ("[pod/x] 12:00:00", Unread::NoTime),
        ("Xyz 20 20:18:10 mx", Unread::Month),
        ("Fri 2026-11-20 20:18:10 CST mx", Unread::Zone),
        ("Nov 31 20:18:10 mx", Unread::NoTime),
        ("Nov 20 25:18:10 mx", Unread::NoTime),
        ("2026-13-20T20:18:10Z mx", Unread::NoTime),
        ("99999999999999 mx", Unread::NoTime),
        ("", Unread::NoTime),
        ("é:é:é", Unread::NoTime),
    ] {
        assert_eq!(read(line, ""), Err(why), "{line}");
    }
}

#[test]
fn the_hour_that_comes_twice_in_autumn_is_told_apart_by_what_came_before() {
    let zone = TimeZone::posix(ZURICH).unwrap();
    let clock = Clock::new(zone, "2026-11-27T23:00:00Z".parse().unwrap());
    for (time, at) in [
        ("01:59:00", "2026-10-24T23:59:00Z"),
        ("02:00:00", "2026-10-25T00:00:00Z"),
        ("02:59:59", "2026-10-25T00:59:59Z"),
        ("02:00:01", "2026-10-25T01:00:01Z"),
        ("02:30:00", "2026-10-25T01:30:00Z"),
        ("03:00:00", "2026-10-25T02:00:00Z"),
    ] {
        let (moment, _) = clock.read(&format!("Oct 25 {time} mx")).unwrap();
        assert_eq!(Timestamp::from_second(moment.at).unwrap().to_string(), at, "{time}");
    }
}
