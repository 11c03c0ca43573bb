//! Next hops that several entries speak of: what one of them can do to the mail of another.

use super::deliver::now;
use config::policy_file;
use policy::hop::{Demand, Level};
use policy::{Policy, deliver};
use proptest::prelude::*;
use std::fs;

const HOP: &str = "mx.v.example";

/// A policy of the operator's entries, and of those of a program, whose file gives way.
fn read(operators: &[String], programs: &[String]) -> Policy {
    let directory = tempfile::tempdir().unwrap();
    let list = |rows: &[String]| match rows {
        [] => " []\n".to_owned(),
        rows => format!("\n{}", rows.concat()),
    };
    fs::write(
        directory.path().join("program.yaml"),
        format!("gives_way: true\ndomains:{}", list(programs)),
    )
    .unwrap();
    let path = directory.path().join("policy.yaml");
    let yaml = format!("include: [program.yaml]\nsenders: []\ndomains:{}", list(operators));
    fs::write(&path, yaml).unwrap();
    policy_file::load(&path).policy.unwrap_or_else(|problems| panic!("{problems}"))
}

fn row(domain: &str, terms: &str) -> String {
    let terms = terms.strip_suffix('}').unwrap_or(terms);
    format!("- {{ domain: '{domain}', deliver: {terms}, nexthop: '[{HOP}]' }} }}\n")
}

fn answer(policy: &Policy) -> Option<Demand> {
    let hop = format!("[{HOP}]").parse().unwrap();
    deliver(policy, &hop, now()).demand.map(std::borrow::Cow::into_owned)
}

const EVILS: &str = "00:11:22:33:44:55:66:77:88:99:00:11:22:33:44:55:66:77:88:99";

#[test]
fn no_entry_of_another_replaces_what_is_asked_of_a_next_hop() {
    let print = format!("{{ level: fingerprint, match: '{EVILS}' }}");
    let prints = format!("fingerprint match={EVILS}");
    let secure = "{ level: secure, match: mx.v.example }";
    let verified = "secure match=mx.v.example";
    for (own, others, expected) in [
        (secure, &*print, verified),
        (secure, "{ level: secure, match: mx.evil.example }", verified),
        (secure, "{ level: secure }", verified),
        (secure, "{ level: dane-only }", verified),
        (secure, "{ level: encrypt, servername: evil.example }", verified),
        ("{ level: secure }", "{ level: secure, match: mx.evil.example }", "secure"),
        ("{ level: verify }", "{ level: secure }", "secure"),
        ("{ level: dane-only }", &print, "dane-only"),
        ("{ level: dane }", &print, "dane-only"),
        ("{ level: dane }", "{ level: encrypt }", "dane-only"),
        ("{ level: encrypt }", "{ level: dane }", "encrypt"),
        // Where nothing was asked of the certificate, nothing is replaced: the mail may have to wait.
        ("{ level: encrypt, servername: v.example }", &print, &prints),
        (
            "{ level: may }",
            "{ level: encrypt, servername: a.example }",
            "encrypt servername=a.example",
        ),
        ("{ level: encrypt }", "{ level: encrypt, protocols: TLSv1 }", "encrypt"),
        (
            "{ level: encrypt }",
            "{ level: encrypt, protocols: '!TLSv1.2' }",
            "encrypt protocols=!SSLv2:!SSLv3",
        ),
        (
            "{ level: encrypt }",
            "{ level: encrypt, protocols: '>=TLSv1.2' }",
            "encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1",
        ),
        (
            "{ level: encrypt, protocols: '>=TLSv1.2' }",
            "{ level: may, protocols: TLSv1 }",
            "encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1",
        ),
    ] {
        let (v, evil) = (row("v.example", own), row("evil.example", others));
        let both = [evil.clone(), v.clone()];
        for (operators, programs) in [
            // The host lies below the domain of one of the two: that one comes first.
            (&both[..], &[][..]),
            (&[], &both),
            // The operator's own come before those of files that give way.
            (&[row("other.example", own)], &[evil.clone(), v.clone()]),
            (&[row("other.example", own)], &[row("*.v.example", others)]),
        ] {
            let told = answer(&read(operators, programs)).unwrap().to_string();
            assert_eq!(told, expected, "{operators:?} {programs:?}");
        }
    }
}

/// What a session to the next hop is like.
#[derive(Debug, Clone)]
struct Session {
    /// The number of its version in `VERSIONS`; none: it is in the clear.
    version: Option<usize>,
    /// For whom the certificate is; none: no authority stands behind it.
    name: Option<&'static str>,
    /// Whether TLSA records are for it; none: there are no such records.
    tlsa: Option<bool>,
}

const VERSIONS: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// Whether mail leaves by a session, as Postfix documents the levels. `hostname` stands for a name that only
/// a forged answer of DNS has led to, and `nexthop` for the one of the next hop itself.
fn leaves(demand: &Demand, session: &Session) -> bool {
    let Some(version) = session.version else {
        return demand.level < Level::Dane || demand.level == Level::Dane && session.tlsa.is_none();
    };
    if demand.level == Level::None {
        return true;
    }
    // Those that are not taken are told: `!TLSv1:!TLSv1.1`.
    let protocols = demand.protocols.map(|protocols| protocols.to_string()).unwrap_or_default();
    if protocols.split(':').any(|word| word.strip_prefix('!') == Some(VERSIONS[version])) {
        return demand.level == Level::May;
    }
    let listed = |defaults: &[&str]| {
        let Some(name) = session.name else { return false };
        match &*demand.matching {
            [] => defaults.contains(&name),
            list => list.iter().any(|one| one.as_str() == name),
        }
    };
    match demand.level {
        Level::None | Level::May | Level::Encrypt => true,
        Level::Dane => session.tlsa != Some(false),
        Level::DaneOnly => session.tlsa == Some(true),
        Level::Verify => listed(&["nexthop", "hostname"]),
        Level::Secure => listed(&["nexthop"]),
        Level::Fingerprint => {
            session.name == Some("evil.example") && demand.matching[0].as_str() == EVILS
        }
    }
}

fn sessions() -> Vec<Session> {
    let mut all = Vec::new();
    for version in [None, Some(0), Some(1), Some(2), Some(3)] {
        for name in
            [None, Some("nexthop"), Some("hostname"), Some("a.example"), Some("evil.example")]
        {
            for tlsa in [None, Some(false), Some(true)] {
                all.push(Session { version, name, tlsa });
            }
        }
    }
    all
}

/// One entry: its domain, whether its file gives way, and what it demands.
type Row = (&'static str, bool, String);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let domains =
        ["v.example", "*.v.example", "*.example", "a.example", "evil.example", "mx.v.example"];
    let level = prop::sample::select(vec![
        "level: none".to_owned(),
        "level: may".into(),
        "level: dane".into(),
        "level: encrypt".into(),
        "level: verify".into(),
        "level: verify, match: [a.example, evil.example]".into(),
        "level: secure".into(),
        "level: secure, match: [a.example, nexthop]".into(),
        "level: secure, match: evil.example".into(),
        "level: dane-only".into(),
        format!("level: fingerprint, match: '{EVILS}'"),
    ]);
    let protocols =
        prop::sample::select(vec!["", "", ">=TLSv1.2", "TLSv1", "!TLSv1.3", ">=TLSv1.3"]);
    let terms = (level, protocols).prop_map(|(level, protocols)| match protocols {
        _ if level.ends_with("none") => format!("{{ {level} }}"),
        "" => format!("{{ {level} }}"),
        some => format!("{{ {level}, protocols: '{some}' }}"),
    });
    let row = (prop::sample::select(domains.to_vec()), any::<bool>(), terms);
    prop::collection::vec(row, 1..4).prop_map(|mut rows| {
        let mut seen = std::collections::BTreeSet::new();
        rows.retain(|row| seen.insert(row.0));
        rows
    })
}

fn policy_of(rows: &[Row]) -> Policy {
    let (programs, operators): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.1);
    let text = |rows: Vec<&Row>| -> Vec<String> {
        rows.into_iter().map(|(domain, _, terms)| row(domain, terms)).collect()
    };
    read(&text(operators), &text(programs))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_another_entry_adds_lets_no_mail_leave_that_waited_before(mut rows in rows()) {
        let with = policy_of(&rows);
        rows.pop();
        let without = policy_of(&rows);
        let demands: Vec<Demand> = with
            .domains
            .iter()
            .map(|(_, entry)| entry.deliver.as_ref().unwrap().demand.clone())
            .collect();
        let contradict = demands.iter().any(|one| demands.iter().any(|other| one.contradicts(other)));
        let (before, after) = (answer(&without), answer(&with).unwrap());
        for session in sessions() {
            let left = before.as_ref().is_none_or(|before| leaves(before, &session));
            prop_assert!(
                contradict || left || !leaves(&after, &session),
                "{before:?}, then {after:?}: {session:?}"
            );
            // Whoever contradicts whom: nothing leaves in the clear that one of them keeps back.
            if session.version.is_none() && session.tlsa.is_some() {
                let all = demands.iter().all(|one| leaves(one, &session));
                prop_assert!(all || !leaves(&after, &session), "{after:?}: {session:?}");
            }
        }
    }
}
