//! What one RCPT costs: to find the entry, to read the recipient and the cipher, to judge.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use policy::tls::cipher::{Cipher, suites};
use policy::{
    Case, Client, Directory, DomainName, Entry, EntryPlace, Mode, OnUnknownTls, Policy, Recipient,
    Sender, TlsState, judge,
};
use std::hint::black_box;

/// How many patterns a directory holds.
const SIZES: [u32; 3] = [1, 10_000, 1_000_000];
/// Names that are looked up in turn: more than a processor's caches hold the records of.
const LOOKED_UP: u32 = 50_000;

fn entry() -> Entry {
    Entry::bare(Mode::Enforce)
}

fn directory_of(patterns: impl Iterator<Item = String>) -> Directory {
    let mut directory = Directory::new();
    let number = directory.add_entry(entry());
    for (line, pattern) in (1..).zip(patterns) {
        directory.insert(&pattern.parse().unwrap(), number, EntryPlace { file: 0, line }).unwrap();
    }
    directory.shrink_to_fit();
    directory
}

/// Parents of two to six labels, all of them apart.
fn parent(number: u32) -> String {
    format!("{}w{number}.example", "x.".repeat(number as usize / 10 % 5))
}

/// Names out of `size`, spread so that no two that follow each other lie together.
fn spread(size: u32, name: impl Fn(u32) -> String) -> Vec<DomainName> {
    let number = |step: u32| u32::try_from(u64::from(step) * 7_368_787 % u64::from(size)).unwrap();
    (0..LOOKED_UP).map(|step| DomainName::parse(&name(number(step))).unwrap()).collect()
}

fn look_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("directory");
    for size in SIZES {
        let exact = directory_of((0..size).map(|n| format!("d{n}.example.net")));
        // Every tenth is a wildcard.
        let mixed = directory_of((0..size).map(|n| match n % 10 {
            0 => format!("*.{}", parent(n)),
            _ => format!("d{n}.example.net"),
        }));
        let mailboxes = directory_of((0..size).map(|n| format!("user@d{n}.example.net")));
        for (what, directory, found, names) in [
            ("a name", &exact, true, spread(size, |n| format!("d{n}.example.net"))),
            ("no name", &exact, false, spread(size, |n| format!("free{n}.example.net"))),
            (
                "a wildcard, among those of five depths",
                &mixed,
                true,
                spread(size, |n| format!("a.b.{}", parent(n / 10 * 10))),
            ),
            (
                "no name and no wildcard of five depths",
                &mixed,
                false,
                spread(size, |n| format!("a.b.x.x.x.free{n}.test")),
            ),
        ] {
            let mut names = names.iter().cycle();
            group.bench_function(BenchmarkId::new(what, size), |bencher| {
                bencher.iter(|| {
                    let matched = directory.find_domain(names.next().unwrap());
                    assert_eq!(matched.is_some(), found);
                });
            });
        }
        let names = spread(size, |n| format!("d{n}.example.net"));
        let mut names = names.iter().cycle();
        group.bench_function(BenchmarkId::new("a mailbox", size), |bencher| {
            bencher
                .iter(|| assert!(mailboxes.find_mailbox("user", names.next().unwrap()).is_some()));
        });
    }
    group.finish();
}

fn recipient(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recipient");
    let many_words = format!("<{}@example.com>", "%relay.example".repeat(15));
    // As many as are gone through, each of them a name with two readings, and in the macro others.
    let names = |letter| -> String {
        (0..23).map(|n| format!("{letter}{}\u{df}{n}.example%", "a.\u{df}".repeat(15))).collect()
    };
    let (costly, as_costly) = (names('x') + "x@y.test", names('y') + "y@x.test");
    for (what, argument, rcpt_addr) in [
        ("usual", "<user@example.com>", Some("user@example.com")),
        ("without macro", "<user@example.com>", None),
        ("quoted", "<\"john smith\"@example.com>", Some("john smith@example.com")),
        ("a source route", "<@relay.test,@other.test:user%far.test@example.com>", None),
        ("of many words", &many_words, None),
        ("as costly as can be", &costly, Some(&*as_costly)),
        ("of no octet that fits", "\u{0}\u{7f}\u{fffd}<<>>@@,;\u{85}", None),
    ] {
        group.bench_function(what, |bencher| {
            bencher.iter(|| {
                let macros = rcpt_addr.map(str::as_bytes);
                Recipient::new(black_box(argument.as_bytes()), black_box(macros), None)
            });
        });
    }
    group.finish();
}

fn suite(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cipher suite");
    let names: Vec<&str> = suites().map(|suite| suite.name).collect();
    let mut each = names.iter().cycle();
    group.bench_function("any of the catalogue", |bencher| {
        bencher.iter(|| Cipher::from_name(each.next().unwrap().as_bytes()));
    });
    group.bench_function("unknown", |bencher| {
        bencher.iter(|| Cipher::from_name(black_box(b"TLS_MADE_UP_WITH_NOTHING_SHA999")));
    });
    group.finish();
}

fn judgement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge");
    let mut policy = Policy { recipient_delimiter: "+".into(), ..Policy::default() };
    policy.domains = directory_of((0..10_000).map(|n| format!("d{n}.example.net")));
    let strong = TlsState::from_macros(Some(b"TLSv1.3"), Some(b"TLS_AES_256_GCM_SHA384"), None);
    let sender = Sender::new(b"<someone@example.org>", Some(b"someone@example.org"));
    for (what, rcpt, tls) in [
        ("over TLS", "user@d77.example.net", &strong),
        ("in plaintext, with the reply", "user@d77.example.net", &TlsState::Plaintext),
        ("of a domain that is not opted in", "user@free.example", &TlsState::Plaintext),
    ] {
        group.bench_function(what, |bencher| {
            bencher.iter(|| {
                let recipient = Recipient::new(rcpt.as_bytes(), Some(rcpt.as_bytes()), None);
                let case = Case {
                    tls,
                    client: Client::default(),
                    sender: &sender,
                    recipient: &recipient,
                    now: jiff::Timestamp::UNIX_EPOCH,
                    on_unknown_tls: OnUnknownTls::Defer,
                    require: None,
                };
                judge(&policy, &case).reply(&case)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, look_up, recipient, suite, judgement);
criterion_main!(benches);
