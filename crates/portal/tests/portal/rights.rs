//! Who may do what to whose: the bugs that portals of the field had, each tried here.

use crate::on_both_engines;
use crate::support::{Portal, actor, at, is_denied, is_not_found, to};
use policy::{Language, Mode};
use portal::ops::accounts::{self, AccountChange, NewAccount};
use portal::ops::domains::{
    self, ChangeableDomain, DomainChange, DomainQuery, OwnedDomain, Registered,
};
use portal::ops::tokens::{self, NewToken};
use portal::ops::{Actor, Denied, OpError, Operator, Role, Scope, audit, organisations, sessions};

on_both_engines! {
    fn nobody_sees_or_changes_what_is_anothers_and_is_told_no_more_than_of_what_is_not_there(portal: Portal) {
        let before = portal.domain("b.example");
        for (actor, names) in [
            (&portal.a.administrator, ["b.example", "*.b.example"]),
            (&portal.a.reader, ["b.example", "*.b.example"]),
            (&portal.b.administrator, ["a.example", "bücher.example"]),
        ] {
            for name in names {
                is_not_found(portal.read(|transaction| OwnedDomain::check(transaction, actor, name)));
                is_not_found(portal.change(actor, name, &to(Mode::Enforce)));
            }
            is_not_found(portal.read(|transaction| OwnedDomain::check(transaction, actor, "none.example")));
        }
        assert_eq!(portal.domain("b.example"), before);
        // Rows of the audit log, tokens and accounts go by ids.
        let row = portal
            .read(|transaction| audit::search(transaction, &portal.b.administrator, &audit::AuditQuery::default()))
            .unwrap()
            .rows[0]
            .id;
        for id in [row, row + 100_000] {
            is_not_found(portal.read(|transaction| audit::get(transaction, &portal.a.administrator, id)));
        }
    }

    fn a_reader_changes_nothing(portal: Portal) {
        is_denied(portal.change(&portal.a.reader, "a.example", &to(Mode::Off)), Denied::ReadOnly);
        let new = NewToken { name: "x".into(), scopes: vec![Scope::Switch], days: 1 };
        let reader = Actor { confirmed: Some(at(0)), ..portal.a.reader.clone() };
        let made = portal.write(|transaction| tokens::add(transaction, &reader, &new, at(0)));
        assert!(matches!(made, Err(OpError::Invalid(_))), "{made:?}");
    }

    fn however_a_name_is_written_the_same_check_is_made(portal: Portal) {
        let admin = &portal.a.administrator;
        for own in ["a.example", "A.EXAMPLE", "a.example.", "bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"] {
            portal.read(|transaction| OwnedDomain::check(transaction, admin, own)).expect(own);
        }
        for other in [
            "", ".", "*", " ", "B.example", "b.example.", "*.B.Example.", "c.b.example", "*.a.example", "x.a.example",
            "nota.example", "a.example.evil.example", "example", "a.example\0", "a.example\n", "a.example ",
            "a.example' OR '1'='1", "a%", "%", "a_example", "admin@a.example", "../a.example",
            &format!("{}a.example", "a.".repeat(200)), "xn--\u{fc}", "\u{202e}elpmaxe.a",
        ] {
            is_not_found(portal.read(|transaction| OwnedDomain::check(transaction, admin, other)));
        }
    }

    fn what_lies_below_or_above_anothers_domain_cannot_be_claimed_in_either_order(portal: Portal) {
        let add = |id: &str, name: &str| {
            portal.write(|transaction| domains::add(transaction, &portal.operator, id, name, at(0)))
        };
        let (a, b) = (&portal.a.id, &portal.b.id);
        for name in
            ["a.example", "A.example.", "*.a.example", "webmail.a.example", "*.x.a.example", "x.y.a.example", "XN--BCHER-KVA.example", "www.bücher.example"]
        {
            let refused = add(b, name);
            assert!(matches!(refused, Err(OpError::Taken(_))), "{name}: {refused:?}");
        }
        // The other way round: what is above.
        assert!(matches!(add(a, "deep.c.example"), Ok(Registered::New(_))));
        for name in ["c.example", "*.c.example", "*.deep.c.example", "deep.c.example"] {
            let refused = add(b, name);
            assert!(matches!(refused, Err(OpError::Taken(_))), "{name}: {refused:?}");
        }
        // Names that only look alike are nobody's.
        for name in ["nota.example", "a.example.org", "aa.example", "xdeep.c.example", "a-example.com"] {
            assert!(matches!(add(b, name), Ok(Registered::New(_))), "{name}");
        }
        // Whose it is may have more of it.
        assert!(matches!(add(a, "www.a.example"), Ok(Registered::New(_))));
        assert!(matches!(add(a, "a.example"), Ok(Registered::Already(_))));
        is_not_found(add("0123456789abcdef0123456789abcdef", "d.example"));
    }

    fn only_operators_do_what_operators_do(portal: Portal) {
        for actor in [&portal.a.administrator, &portal.a.reader] {
            assert!(matches!(Operator::check(actor), Err(OpError::Denied(Denied::OperatorOnly))));
        }
        // A token of an operator's without the scope is none.
        let token = Actor { scopes: Some(vec![Scope::Read, Scope::Manage]), ..portal.operator_account() };
        assert!(matches!(Operator::check(&token), Err(OpError::Denied(Denied::Scope(Scope::Operator)))));
        is_denied(
            portal.read(|transaction| domains::list(transaction, &token, &DomainQuery::default())),
            Denied::Scope(Scope::Operator),
        );
    }

    fn whose_rows_are_listed_is_not_for_the_asker_to_say(portal: Portal) {
        let query = DomainQuery { organisation: Some(portal.b.id.clone()), ..DomainQuery::default() };
        let list = portal.read(|transaction| domains::list(transaction, &portal.a.administrator, &query)).unwrap();
        let names: Vec<&str> = list.domains.iter().map(|domain| &*domain.domain).collect();
        assert_eq!(names, ["a.example", "xn--bcher-kva.example"]);
        assert_eq!(list.counts.all(), 2);
        for search in ["b.example", "%", "_", "' OR 1=1 --", "example"] {
            let query = DomainQuery { search: Some(search.into()), ..query.clone() };
            let list = portal.read(|transaction| domains::list(transaction, &portal.a.administrator, &query)).unwrap();
            assert!(list.domains.iter().all(|domain| domain.organisation == portal.a.id), "{search}");
            assert_eq!(list.domains.len(), if search == "example" { 2 } else { 0 }, "{search}");
        }
        let query = audit::AuditQuery { organisation: Some(portal.b.id.clone()), ..audit::AuditQuery::default() };
        let log = portal.read(|transaction| audit::search(transaction, &portal.a.administrator, &query)).unwrap();
        assert!(!log.rows.is_empty());
        assert!(log.rows.iter().all(|row| row.organisation.as_deref() == Some(&*portal.a.id)));
    }

    fn an_operator_changes_an_organisations_domain_only_on_its_behalf_and_the_log_says_so(portal: Portal) {
        let operator = portal.operator_account();
        is_denied(portal.change(&operator, "a.example", &to(Mode::Monitor)), Denied::NoBehalf);
        let for_b = Actor { behalf: Some(portal.b.id.clone()), ..operator.clone() };
        is_not_found(portal.change(&for_b, "a.example", &to(Mode::Monitor)));
        let for_a = Actor { behalf: Some(portal.a.id.clone()), ..operator.clone() };
        portal.change(&for_a, "a.example", &to(Mode::Monitor)).unwrap();
        let log = portal
            .read(|transaction| audit::search(transaction, &portal.a.administrator, &audit::AuditQuery::default()))
            .unwrap();
        let row = &log.rows[0];
        assert_eq!((&*row.actor, row.behalf.as_deref()), ("op@provider.example", Some("A")));
        // An account of an organisation acts for no other, whatever its session says.
        let forged = Actor { behalf: Some(portal.b.id.clone()), ..portal.a.administrator.clone() };
        is_not_found(portal.change(&forged, "b.example", &to(Mode::Monitor)));
    }

    fn a_login_in_anothers_domain_gains_and_gives_nothing(portal: Portal) {
        let new = NewAccount {
            login: "Boss@B.example".into(),
            role: Role::Administrator,
            organisation: Some(portal.a.id.clone()),
            language: Language::German,
        };
        let (account, _) = portal.write(|transaction| accounts::add(transaction, &portal.operator, &new, at(0))).unwrap();
        assert_eq!(account.login, "boss@b.example");
        is_not_found(portal.change(&actor(&account), "b.example", &to(Mode::Enforce)));
        portal.change(&actor(&account), "a.example", &to(Mode::Monitor)).unwrap();
        // Nor does whoever has that domain see or reset the account.
        is_denied(
            portal.read(|transaction| { let operator = Operator::check(&portal.b.administrator)?; accounts::get(transaction, &operator, &account.id) }),
            Denied::OperatorOnly,
        );
        let log = portal.read(|transaction| audit::search(transaction, &portal.b.administrator, &audit::AuditQuery::default())).unwrap();
        assert!(log.rows.iter().all(|row| row.subject_name != "boss@b.example"));
    }

    fn a_change_of_role_or_organisation_holds_at_the_next_request(portal: Portal) {
        let admin = portal.a.administrator.account.clone().unwrap();
        let key = portal
            .write(|transaction| {
                let account = accounts::own(transaction, &portal.a.administrator)?;
                let known = sessions::credentials(transaction, &account.login)?.unwrap();
                sessions::begin(transaction, &known, &sessions::Origin::default(), at(0))
            })
            .unwrap()
            .0;
        let resolve = || portal.read(|transaction| sessions::resolve(transaction, &key, "", at(1)));
        assert_eq!(resolve().unwrap().actor.role, Role::Administrator);
        let change = |change| portal.write(|transaction| accounts::change(transaction, &portal.operator, &admin, None, change, at(1)));
        change(AccountChange { role: Some(Role::Reader), ..AccountChange::default() }).unwrap();
        assert_eq!(resolve().unwrap().actor.role, Role::Reader);
        // An account of an organisation does not become an operator.
        let refused = change(AccountChange { role: Some(Role::Operator), ..AccountChange::default() });
        assert!(matches!(refused, Err(OpError::Invalid(_))), "{refused:?}");
        change(AccountChange { disabled: Some(true), ..AccountChange::default() }).unwrap();
        is_not_found(resolve());
        change(AccountChange { disabled: Some(false), ..AccountChange::default() }).unwrap();
        is_not_found(resolve());
    }

    fn an_operator_does_not_lock_himself_out(portal: Portal) {
        let me = portal.operator_account();
        let operator = Operator::check(&me).unwrap();
        let id = me.account.clone().unwrap();
        for change in [
            AccountChange { disabled: Some(true), ..AccountChange::default() },
            AccountChange { role: Some(Role::Reader), ..AccountChange::default() },
        ] {
            let refused = portal.write(|transaction| accounts::change(transaction, &operator, &id, None, change, at(1)));
            assert!(matches!(refused, Err(OpError::Invalid(_))), "{refused:?}");
        }
    }

    fn hostile_text_is_kept_as_it_is_and_does_nothing(portal: Portal) {
        let hostile = [
            "'; DROP TABLE account; --",
            "<script>alert(1)</script>",
            "\u{202e}gro.elpmaxe",
            "$1 ?1 {} %s \\",
            "=HYPERLINK(\"http://evil\")",
        ];
        for text in hostile {
            let made = portal.write(|transaction| organisations::add(transaction, &portal.operator, text, at(0))).unwrap();
            assert_eq!(made.name, text);
            let found = portal.read(|transaction| organisations::find(transaction, &portal.operator, text)).unwrap();
            assert_eq!(found.id, made.id);
            portal.write(|transaction| organisations::remove(transaction, &portal.operator, &made.id, at(0))).unwrap();
        }
        for text in ["", " ", "a\nb", "a\0b", &"x".repeat(101)] {
            let refused = portal.write(|transaction| organisations::add(transaction, &portal.operator, text, at(0)));
            assert!(matches!(refused, Err(OpError::Invalid(_))), "{text:?}");
        }
        assert_eq!(portal.read(|transaction| organisations::list(transaction, &portal.operator)).unwrap().len(), 2);
    }

    fn an_organisation_without_domains_sees_an_empty_list(portal: Portal) {
        portal
            .write(|transaction| {
                for name in ["b.example", "*.b.example"] {
                    domains::remove(transaction, &portal.operator, name, at(1))?;
                }
                Ok(())
            })
            .unwrap();
        let list = portal.read(|transaction| domains::list(transaction, &portal.b.administrator, &DomainQuery::default())).unwrap();
        assert_eq!((list.domains.len(), list.counts.all(), list.next), (0, 0, None));
    }

    fn a_domain_that_went_to_another_organisation_is_not_changed_by_a_right_of_before(portal: Portal) {
        let right = portal
            .read(|transaction| ChangeableDomain::check(transaction, &portal.a.administrator, "a.example"))
            .unwrap();
        portal
            .write(|transaction| {
                domains::remove(transaction, &portal.operator, "a.example", at(1))?;
                domains::add(transaction, &portal.operator, &portal.b.id, "a.example", at(1))
            })
            .unwrap();
        is_not_found(portal.write(|transaction| domains::change(transaction, &right, None, &to(Mode::Off), at(2))));
        assert_eq!(portal.domain("a.example").entry.mode, None);
    }

    fn of_a_domain_that_was_anothers_before_nobody_sees_the_mail_of_then(portal: Portal) {
        let since = |actor: &Actor| portal.read(|transaction| OwnedDomain::check(transaction, actor, "a.example")).unwrap().since();
        assert_eq!(since(&portal.a.administrator), None);
        portal.write(|transaction| {
            domains::remove(transaction, &portal.operator, "a.example", at(5))?;
            domains::add(transaction, &portal.operator, &portal.a.id, "a.example", at(6))
        }).unwrap();
        // Back to whose it was: their own mail.
        assert_eq!(since(&portal.a.administrator), None);
        portal.write(|transaction| {
            domains::remove(transaction, &portal.operator, "a.example", at(7))?;
            domains::add(transaction, &portal.operator, &portal.b.id, "a.example", at(8))
        }).unwrap();
        assert_eq!(since(&portal.b.administrator), Some(at(7)));
    }

    fn what_is_not_on_offer_cannot_be_chosen(portal: Portal) {
        use portal::ops::offer::{self, Offer};
        let admin = &portal.a.administrator;
        let json = |text: &str| serde_json::from_str::<DomainChange>(text).unwrap();
        is_denied(portal.change(admin, "a.example", &json(r#"{"deliver": {"level": "encrypt"}}"#)), Denied::NotOffered);
        is_denied(portal.change(admin, "a.example", &json(r#"{"require": "pci-dss"}"#)), Denied::NotOffered);
        portal.change(admin, "a.example", &json(r#"{"require": "rfc9325", "mode": "enforce"}"#)).unwrap();
        let small = Offer { modes: vec!["monitor".into()], requirements: vec![], exceptions: false, deliver: true };
        portal.write(|transaction| offer::set(transaction, &portal.operator, 0, &small, at(1))).unwrap();
        is_denied(portal.change(admin, "a.example", &json(r#"{"exceptions": [{"sender": "x.example", "reason": "r"}]}"#)), Denied::NotOffered);
        is_denied(portal.change(admin, "bücher.example", &to(Mode::Enforce)), Denied::NotOffered);
        // What was chosen before stays, and all else can change beside it; off can always be chosen.
        let changed = portal.change(admin, "a.example", &json(r#"{"contact": "tls@a.example"}"#)).unwrap();
        assert_eq!(changed.after.entry.require.as_deref(), Some("rfc9325"));
        portal.passed("a.example");
        portal.change(admin, "a.example", &json(r#"{"deliver": {"level": "encrypt"}}"#)).unwrap();
        portal.change(admin, "a.example", &to(Mode::Off)).unwrap();
    }

    fn an_organisation_names_no_next_hop_and_keeps_those_that_the_operator_has_named(portal: Portal) {
        use portal::ops::offer::{self, Offer};
        let admin = &portal.a.administrator;
        let operator = Actor { behalf: Some(portal.a.id.clone()), ..portal.operator_account() };
        let all = Offer { deliver: true, ..Offer::default() };
        portal.write(|transaction| offer::set(transaction, &portal.operator, 0, &all, at(1))).unwrap();
        let change = |actor: &Actor, deliver: &str| {
            let change: DomainChange = serde_json::from_str(&format!(r#"{{"deliver": {deliver}}}"#)).unwrap();
            portal.passed("a.example");
            portal.change(actor, "a.example", &change).map(|changed| changed.after.entry.deliver)
        };
        let hops = |actor: &Actor, deliver: &str| change(actor, deliver).unwrap().unwrap_or_default().nexthop;
        for hop in [r#"["[mx.b.example]:25"]"#, r#"["b.example"]"#, r#"["a.example", "b.example"]"#, r#""mx.a.example""#] {
            let refused = change(admin, &format!(r#"{{"level": "secure", "match": ["mx.evil.example"], "nexthop": {hop}}}"#));
            assert!(matches!(refused, Err(OpError::Invalid(_))), "{hop}: {refused:?}");
        }
        assert!(hops(admin, r#"{"level": "encrypt"}"#).is_empty());
        assert_eq!(hops(&operator, r#"{"level": "encrypt", "nexthop": ["[mx.a.example]"]}"#), ["[mx.a.example]"]);
        assert_eq!(hops(admin, r#"{"level": "secure", "match": ["mx.a.example"]}"#), ["[mx.a.example]"]);
        // Nor by undoing what an operator has taken away.
        assert!(hops(&operator, "null").is_empty());
        let row = portal.read(|transaction| audit::search(transaction, admin, &audit::AuditQuery::default())).unwrap().rows[0].id;
        let undone = portal.write(|transaction| domains::undo(transaction, admin, row, at(3)));
        assert!(matches!(undone, Err(OpError::Invalid(_))), "{undone:?}");
        portal.write(|transaction| domains::undo(transaction, &operator, row, at(3))).unwrap();
    }

    fn one_domains_exceptions_have_bounds(portal: Portal) {
        use config::policy_file::WrittenException;
        let exception = |client: usize, reason: usize| WrittenException {
            client: (0..client).map(|number| format!("192.0.{number}.0/24")).collect(),
            sender: Some("partner.example".into()),
            reason: "ö".repeat(reason),
            ..WrittenException::default()
        };
        for (exceptions, is_taken) in [
            (vec![exception(1, 1); 100], true),
            (vec![exception(0, 1); 101], false),
            (vec![exception(100, 1)], true),
            (vec![exception(101, 1)], false),
            (vec![exception(51, 1); 2], false),
            (vec![exception(1, 200)], true),
            (vec![exception(1, 201)], false),
            (vec![exception(1, 150); 100], false),
        ] {
            let change = DomainChange { exceptions: Some(exceptions), ..DomainChange::default() };
            let done = portal.change(&portal.a.administrator, "a.example", &change);
            match is_taken {
                true => drop(done.unwrap()),
                false => assert!(matches!(done, Err(OpError::Invalid(_))), "{done:?}"),
            }
        }
    }

    fn what_is_not_on_offer_any_more_does_not_come_back_by_undoing(portal: Portal) {
        use portal::ops::offer::{self, Offer};
        let admin = &portal.a.administrator;
        let operator = Actor { behalf: Some(portal.a.id.clone()), ..portal.operator_account() };
        let json = |text: &str| serde_json::from_str::<DomainChange>(text).unwrap();
        let all = Offer { exceptions: true, deliver: true, ..Offer::default() };
        let none = Offer { modes: vec!["monitor".into()], requirements: vec![], exceptions: false, deliver: false };
        for (number, (there, gone)) in [
            (r#"{"deliver": {"level": "encrypt"}}"#, r#"{"deliver": null}"#),
            (r#"{"exceptions": [{"sender": "x.example", "reason": "r"}]}"#, r#"{"exceptions": []}"#),
            (r#"{"require": "rfc9325"}"#, r#"{"require": null}"#),
            (r#"{"mode": "enforce"}"#, r#"{"mode": "off"}"#),
        ].into_iter().enumerate() {
            let version = 2 * number as i64;
            portal.write(|transaction| offer::set(transaction, &portal.operator, version, &all, at(1))).unwrap();
            portal.passed("a.example");
            portal.change(admin, "a.example", &json(there)).unwrap();
            portal.change(&operator, "a.example", &json(gone)).unwrap();
            portal.write(|transaction| offer::set(transaction, &portal.operator, version + 1, &none, at(1))).unwrap();
            let rows = portal.read(|transaction| audit::search(transaction, admin, &audit::AuditQuery::default())).unwrap().rows;
            let row = rows.iter().find(|row| row.subject == "a.example").unwrap().id;
            is_denied(portal.write(|transaction| domains::undo(transaction, admin, row, at(2))), Denied::NotOffered);
            portal.write(|transaction| domains::undo(transaction, &operator, row, at(2))).unwrap();
            portal.change(&operator, "a.example", &json(gone)).unwrap();
        }
    }
}
