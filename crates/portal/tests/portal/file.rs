//! The policy's file: what the milter would make of it.

use crate::on_both_engines;
use crate::support::{Portal, to};
use config::policy_file;
use policy::{DomainName, Mode, Schedule};
use portal::file::{Written, write};
use portal::now;
use portal::ops::domains;
use std::fs;

fn schedule(portal: &Portal, domain: &str) -> Option<Schedule> {
    let policy = policy_file::load(&portal.path("policy.yaml")).policy.unwrap();
    let name = DomainName::parse(domain).unwrap();
    policy.domains.find_domain(&name).map(|found| found.entry.schedule)
}

on_both_engines! {
    fn what_was_chosen_is_what_the_policy_says(portal: Portal) {
        let gateway = portal.gateway();
        assert_eq!(write(&portal.store, &gateway).unwrap(), Written::UpToDate(0));
        assert_eq!(schedule(&portal, "a.example"), None);
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Enforce)).unwrap();
        portal.change(&portal.b.administrator, "*.b.example", &to(Mode::Monitor)).unwrap();
        portal.change(&portal.a.administrator, "bücher.example", &to(Mode::Monitor)).unwrap();
        portal.change(&portal.a.administrator, "bücher.example", &to(Mode::Off)).unwrap();
        assert_eq!(write(&portal.store, &gateway).unwrap(), Written::UpToDate(4));
        for (domain, expected) in [
            ("a.example", Some(Mode::Enforce)),
            ("x.b.example", Some(Mode::Monitor)),
            ("b.example", None),
            ("bücher.example", Some(Mode::Off)),
        ] {
            assert_eq!(schedule(&portal, domain), expected.map(Schedule::Always), "{domain}");
        }
        portal.write(|transaction| domains::remove(transaction, &portal.operator, "a.example", now())).unwrap();
        write(&portal.store, &gateway).unwrap();
        assert_eq!(schedule(&portal, "a.example"), None);
    }

    fn beside_a_broken_file_of_the_operators_nothing_is_written_and_afterwards_all_is(portal: Portal) {
        let gateway = portal.gateway();
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Monitor)).unwrap();
        write(&portal.store, &gateway).unwrap();
        let before = fs::read(portal.path("policy/portal.yaml")).unwrap();
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\ndomians: []\n").unwrap();
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Enforce)).unwrap();
        let Written::Refused(first) = write(&portal.store, &gateway).unwrap() else { panic!() };
        assert!(first.contains("domians") && first.contains("policy.yaml:2"), "{first}");
        assert_eq!(fs::read(portal.path("policy/portal.yaml")).unwrap(), before);
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\n").unwrap();
        assert_eq!(write(&portal.store, &gateway).unwrap(), Written::UpToDate(2));
        assert_eq!(schedule(&portal, "a.example"), Some(Schedule::Always(Mode::Enforce)));
    }

    fn where_the_operator_names_a_domain_himself_his_entry_decides(portal: Portal) {
        let gateway = portal.gateway();
        fs::write(portal.path("policy.yaml"), "include: policy/*.yaml\ndomains:\n  - { domain: a.example, mode: monitor }\n").unwrap();
        portal.change(&portal.a.administrator, "a.example", &to(Mode::Enforce)).unwrap();
        portal.change(&portal.a.administrator, "bücher.example", &to(Mode::Enforce)).unwrap();
        assert_eq!(write(&portal.store, &gateway).unwrap(), Written::UpToDate(2));
        assert_eq!(schedule(&portal, "a.example"), Some(Schedule::Always(Mode::Monitor)));
        assert_eq!(schedule(&portal, "bücher.example"), Some(Schedule::Always(Mode::Enforce)));
    }
}
