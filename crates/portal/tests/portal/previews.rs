//! What a preview says is what `mandatory-tls simulate` says of the policy's files with the change in them.

use crate::engines::Engine;
use crate::support::{Portal, at, to};
use config::policy_file;
use config::policy_file::WrittenEntry;
use ledger::simulation::{Trial, simulate};
use ledger::{Domains, Reader, Selection, day_of};
use policy::{Mode, OnUnknownTls, Policy};
use portal::file::write;
use portal::ops::domains::{self, DomainChange, OwnedDomain};
use portal::ops::insight;
use portal::ops::offer::{self, Offer};
use std::fs;
use std::sync::Arc;

const ROWS: &str = "INSERT INTO mail (day, source, domain, found, client, name, sender, tls_version, cipher,
     certificate, flags, verdict, reason, count, repeats, first, last)
     VALUES (?1, 'milter', ?2, 'recipient', ?3, '', ?4, ?5, ?6, '', 0, 'accept', 'not-opted-in', ?7, 0, ?8, ?8)";

/// A ledger in which mail came for all domains, encrypted and not, on several days; and some left.
fn write_ledger(portal: &Portal) {
    let path = portal.path("ledger.sqlite");
    drop(ledger::Store::open(&path, config::settings::ROOM).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let today = day_of(at(0).as_second());
    for (number, domain) in [
        "a.example",
        "xn--bcher-kva.example",
        "b.example",
        "x.b.example",
        "y.b.example",
        "other.example",
    ]
    .into_iter()
    .cycle()
    .take(60)
    .enumerate()
    {
        let day = today - (number as i32 % 40);
        let (version, cipher) = match number % 4 {
            0 => ("none", "none"),
            1 => ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"),
            2 => ("TLSv1.2", "AES256-SHA"),
            _ => ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        };
        let (client, sender) =
            (format!("192.0.2.{}", number % 7), format!("s{}.example", number % 5));
        let (count, when) = (1 + number as i64, i64::from(day) * 86_400 + 60);
        connection
            .execute(
                ROWS,
                rusqlite::params![day, domain, client, sender, version, cipher, count, when],
            )
            .unwrap();
        let sql = "INSERT OR REPLACE INTO delivery VALUES (?1, ?2, 'mx.host.example', '192.0.2.9', '', ?3, ?4, '', 'sent', '', '', ?5, 0, ?6, ?6)";
        connection
            .execute(sql, rusqlite::params![day, domain, version, cipher, count, when])
            .unwrap();
    }
}

fn loaded(portal: &Portal) -> Policy {
    policy_file::load(&portal.path("policy.yaml")).policy.unwrap()
}

#[test]
fn a_preview_says_what_simulate_says() {
    let portal = Portal::new(Engine::Sqlite);
    fs::write(
        portal.path("policy.yaml"),
        "include: policy/*.yaml\ndomains:\n  - { domain: y.b.example, mode: enforce, require: rfc9325 }\n",
    )
    .unwrap();
    write_ledger(&portal);
    let offer = Offer {
        requirements: vec!["rfc9325".into()],
        exceptions: true,
        deliver: true,
        ..Offer::default()
    };
    portal
        .write(|transaction| offer::set(transaction, &portal.operator, 0, &offer, at(0)))
        .unwrap();
    portal.change(&portal.b.administrator, "b.example", &to(Mode::Enforce)).unwrap();
    let gateway = portal.gateway();
    write(&portal.store, &gateway).unwrap();
    let mut differences = 0;
    for (domain, json) in [
        ("a.example", r#"{"mode": "enforce"}"#),
        ("a.example", r#"{"mode": "monitor"}"#),
        ("a.example", r#"{"mode": "enforce", "require": "rfc9325"}"#),
        (
            "a.example",
            r#"{"mode": "enforce", "exceptions": [{"client": "192.0.2.0/29", "reason": "x"}]}"#,
        ),
        ("a.example", r#"{"mode": "enforce", "deliver": {"level": "encrypt"}}"#),
        ("b.example", r#"{"mode": "off"}"#),
        ("*.b.example", r#"{"mode": "enforce"}"#),
        ("*.b.example", r#"{"mode": "enforce", "deliver": {"level": "secure"}}"#),
        ("bücher.example", r#"{"mode": "enforce"}"#),
    ] {
        let before = loaded(&portal);
        let change: DomainChange = serde_json::from_str(json).unwrap();
        let owned = portal
            .read(|transaction| OwnedDomain::check(transaction, portal.operator.actor(), domain))
            .unwrap();
        let record = portal.read(|transaction| domains::get(transaction, &owned)).unwrap();
        let entry: WrittenEntry = change.on(&record.entry);
        let shared = gateway.policy().unwrap();
        let preview = insight::preview(&gateway, &owned, &entry, 30, at(1)).unwrap();
        // The policy that all go by is the same as before, also where it was tried out with something else.
        assert!(Arc::ptr_eq(&shared, &gateway.policy().unwrap()), "the policy was read anew");
        assert_eq!(shared.domains.get(domain).is_some(), before.domains.get(domain).is_some());

        // The same change in the file, and both policies read from the files.
        let actor = if domain.ends_with("b.example") {
            &portal.b.administrator
        } else {
            &portal.a.administrator
        };
        portal.change(actor, domain, &change).unwrap();
        write(&portal.store, &gateway).unwrap();
        let after = loaded(&portal);
        let trial =
            Trial { old: &before, new: &after, now: at(1), on_unknown_tls: OnUnknownTls::Defer };
        let selection = Selection {
            since: day_of(at(1).as_second()) - 30,
            domains: Domains::from(&owned.name().pattern()),
        };
        let reader = Reader::open(&portal.path("ledger.sqlite")).unwrap();
        let simulated = simulate(&reader, &selection, trial, || ()).unwrap();
        differences += simulated.difference.newly_refused;
        let json_of = |simulation| serde_json::to_value(simulation).unwrap();
        assert_eq!(json_of(&preview.simulation), json_of(&simulated), "{domain} {json}");
    }
    assert!(differences > 100, "{differences}: nothing was compared");
}
