//! The policy's file: what the milter would make of it.

use crate::on_both_engines;
use crate::support::{Portal, to};
use config::policy_file;
use policy::{DomainName, Mode, Schedule};
use portal::file::write;
use portal::now;
use portal::ops::domains::{self, DomainChange};
use portal::ops::insight::FileState;
use portal::ops::offer::{self, Offer};
use std::fs;

/// Writes the file; the version that it has now.
fn written(portal: &Portal) -> u64 {
    let written = write(&portal.store, &portal.gateway()).unwrap();
    assert_eq!(written.state, FileState::Written { left_out: Default::default() });
    written.version
}

fn schedule(portal: &Portal, domain: &str) -> Option<Schedule> {
    let policy = policy_file::load(&portal.path("policy.yaml")).policy.unwrap();
    let name = DomainName::parse(domain).unwrap();
    policy.domains.find_domain(&name).map(|found| found.entry.schedule)
}

on_both_engines! {
    fn what_was_chosen_is_what_the_policy_says(portal: Portal) {
        assert_eq!(written(&portal), 0);
        assert_eq!(schedule(&portal, "a.example"), None);
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Enforce)).unwrap();
        portal.change(&portal.b.administrator, "*.b.example", &to(Mode::Monitor)).unwrap();
        portal.change(&portal.a.administrator, "bücher.example", &to(Mode::Monitor)).unwrap();
        portal.change(&portal.a.administrator, "bücher.example", &to(Mode::Off)).unwrap();
        assert_eq!(written(&portal), 4);
        for (domain, expected) in [
            ("a.example", Some(Mode::Enforce)),
            ("x.b.example", Some(Mode::Monitor)),
            ("b.example", None),
            ("bücher.example", Some(Mode::Off)),
        ] {
            assert_eq!(schedule(&portal, domain), expected.map(Schedule::Always), "{domain}");
        }
        portal.write(|transaction| domains::remove(transaction, &portal.operator, "a.example", now())).unwrap();
        written(&portal);
        assert_eq!(schedule(&portal, "a.example"), None);
    }

    fn a_file_that_the_policy_does_not_include_is_told_of_and_not_written(portal: Portal) {
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Enforce)).unwrap();
        fs::write(portal.path("policy.yaml"), "domains: []\n").unwrap();
        let FileState::Refused { first } = write(&portal.store, &portal.gateway()).unwrap().state else { panic!() };
        assert!(first.contains("does not include") && first.contains("portal.yaml: add it under `include`"), "{first}");
        // Once it does, also by a link that leads to nothing so far.
        fs::create_dir(portal.path("domains.d")).unwrap();
        let _ = fs::remove_file(portal.path("policy/portal.yaml"));
        std::os::unix::fs::symlink("../policy/portal.yaml", portal.path("domains.d/ours.yaml")).unwrap();
        fs::write(portal.path("policy.yaml"), "include: domains.d/*.yaml\n").unwrap();
        written(&portal);
        assert_eq!(schedule(&portal, "a.example"), Some(Schedule::Always(Mode::Enforce)));
    }

    fn beside_a_broken_file_of_the_operators_nothing_is_written_and_afterwards_all_is(portal: Portal) {
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Monitor)).unwrap();
        written(&portal);
        let before = fs::read(portal.path("policy/portal.yaml")).unwrap();
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\ndomians: []\n").unwrap();
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Enforce)).unwrap();
        let FileState::Refused { first } = write(&portal.store, &portal.gateway()).unwrap().state else { panic!() };
        assert!(first.contains("domians") && first.contains("policy.yaml:2"), "{first}");
        assert_eq!(fs::read(portal.path("policy/portal.yaml")).unwrap(), before);
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\n").unwrap();
        assert_eq!(written(&portal), 2);
        assert_eq!(schedule(&portal, "a.example"), Some(Schedule::Always(Mode::Enforce)));
    }

    fn where_the_operator_names_a_domain_himself_his_entry_decides(portal: Portal) {
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\ndomains:\n  - { domain: a.example, mode: monitor }\n").unwrap();
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Enforce)).unwrap();
        portal.change(&portal.a.administrator, "bücher.example", &to(Mode::Enforce)).unwrap();
        assert_eq!(written(&portal), 2);
        assert_eq!(schedule(&portal, "a.example"), Some(Schedule::Always(Mode::Monitor)));
        assert_eq!(schedule(&portal, "bücher.example"), Some(Schedule::Always(Mode::Enforce)));
    }

    fn what_the_policy_does_not_take_of_one_domain_keeps_no_other_out(portal: Portal) {
        let own = "include: policy/*.yaml\nrequirements:\n  ours: { min_version: TLSv1.3 }\n";
        fs::write(portal.path("policy.yaml"), own).unwrap();
        let offer = Offer { requirements: vec!["ours".into()], ..Offer::default() };
        portal.write(|transaction| offer::set(transaction, &portal.operator, 0, &offer, now())).unwrap();
        let with = DomainChange { require: Some(Some("ours".into())), ..to(Mode::Enforce) };
        portal.change(&portal.a.administrator, "a.example", &with).unwrap();
        portal.change(&portal.b.administrator, "b.example", &to(Mode::Enforce)).unwrap();
        written(&portal);
        // The operator removes the requirement: the domain goes on to enforce, by his default.
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\n").unwrap();
        portal.change(&portal.a.administrator, "bücher.example", &to(Mode::Enforce)).unwrap();
        let FileState::Written { left_out } = write(&portal.store, &portal.gateway()).unwrap().state else { panic!() };
        assert_eq!(left_out.into_iter().collect::<Vec<_>>(), [("a.example".into(), "there is no requirement `ours`".into())]);
        for domain in ["a.example", "b.example", "bücher.example"] {
            assert_eq!(schedule(&portal, domain), Some(Schedule::Always(Mode::Enforce)), "{domain}");
        }
    }

    fn what_the_policy_does_not_take_of_an_entry_takes_nothing_else_with_it(portal: Portal) {
        let all = Offer { requirements: vec!["own".into()], exceptions: true, deliver: true, ..Offer::default() };
        portal.write(|transaction| offer::set(transaction, &portal.operator, 0, &all, now())).unwrap();
        let requirement = "requirements:\n  own:\n    min_version: TLSv1.3\ninclude: policy/*.yaml\n";
        fs::write(portal.path("policy.yaml"), requirement).unwrap();
        let json = |text: &str| serde_json::from_str::<DomainChange>(text).unwrap();
        portal.change(&portal.a.administrator, "a.example", &json(r#"{"mode": "enforce", "require": "own"}"#)).unwrap();
        // More than are told at a time.
        portal.write(|transaction| {
            for number in 0..300 {
                let name = format!("d{number}.example");
                domains::add(transaction, &portal.operator, &portal.a.id, &name, now())?;
                let domain = domains::ChangeableDomain::check(transaction, &portal.a.administrator, &name)?;
                domains::change(transaction, &domain, None, &json(r#"{"mode": "enforce", "require": "own"}"#), now())?;
            }
            Ok(())
        }).unwrap();
        written(&portal);
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\n").unwrap();
        let FileState::Written { left_out } = write(&portal.store, &portal.gateway()).unwrap().state else { panic!() };
        assert_eq!(left_out.len(), 301);
        for domain in ["a.example", "d0.example", "d299.example"] {
            assert_eq!(schedule(&portal, domain), Some(Schedule::Always(Mode::Enforce)), "{domain}");
        }
    }
}
