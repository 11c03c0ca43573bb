//! Lists of domains: thousands at once, all of them or none.

use crate::engines::Engine;
use crate::on_both_engines;
use crate::support::{Portal, at};
use portal::ops::OpError;
use portal::ops::domains::bulk::{self, BulkOutcome};
use portal::ops::domains::{self, DomainRecord};

fn run(portal: &Portal, list: &str) -> BulkOutcome {
    let lines = bulk::read(list).unwrap();
    let previewed = bulk::preview(&portal.store, &portal.operator, &lines, at(5)).unwrap();
    let before = state(portal);
    let done = bulk::import(&portal.store, &portal.operator, &lines, at(5)).unwrap();
    assert_eq!(previewed, done, "what was previewed is not what was done");
    if !done.problems.is_empty() {
        assert_eq!(state(portal), before, "something was done although a line is wrong");
    }
    done
}

/// How many domains and rows of the audit log there are, and the version of the file.
fn state(portal: &Portal) -> [i64; 3] {
    portal
        .read(|transaction| {
            let mut number = |sql: &str| transaction.number(sql, &[]);
            Ok([
                number("SELECT count(*) FROM domain")?,
                number("SELECT count(*) FROM audit")?,
                number("SELECT number FROM generation WHERE id = 1")?,
            ])
        })
        .unwrap()
}

fn problems(outcome: &BulkOutcome) -> Vec<String> {
    let text = |problem: &bulk::BulkProblem| format!("{}: {}", problem.line, problem.message);
    outcome.problems.iter().map(text).collect()
}

/// A list of many lines, with one that is wrong at its end if that is asked for.
fn many(count: usize, is_wrong: bool) -> String {
    let mut list = String::from("organisation,domain,mode,contact\n");
    for number in 1..count {
        let mode = ["off", "monitor", "enforce"][number % 3];
        list.push_str(&format!("A,d{number}.example.net,{mode},c{number}@example.net\n"));
    }
    list.push_str(if is_wrong {
        "A,last.example.net,monitor,nobody\n"
    } else {
        "A,last.example.net,,\n"
    });
    list
}

/// On SQLite, as many as a list may have.
#[test]
fn a_list_of_a_hundred_thousand_lines_is_done_whole_or_not_at_all() {
    is_whole_or_nothing(&Portal::new(Engine::Sqlite), 100_000);
}

#[test]
fn so_is_a_long_one_on_postgresql() {
    is_whole_or_nothing(&Portal::new(Engine::Postgres), 3_000);
}

fn is_whole_or_nothing(portal: &Portal, count: usize) {
    let [domains, rows, version] = state(portal);
    let lines = |is_wrong| bulk::read(&many(count, is_wrong)).unwrap();
    let import =
        |is_wrong| bulk::import(&portal.store, &portal.operator, &lines(is_wrong), at(5)).unwrap();
    let wrong = problems(&import(true));
    assert!(wrong.len() == 1 && wrong[0].starts_with(&format!("{}: ", count + 1)), "{wrong:?}");
    assert_eq!(state(portal), [domains, rows, version]);
    let done = import(false);
    assert_eq!((done.added.len(), done.problems.len()), (count, 0));
    // Each is in the audit log as new and, but for the last, as switched; the file is written once.
    let all = count as i64;
    let expected = [domains + all, rows + 2 * all - 1, version + 1];
    assert_eq!(state(portal), expected);
    let DomainRecord { entry, version: own, file_version, .. } = portal.domain("d7.example.net");
    assert_eq!(entry.contact.as_deref(), Some("c7@example.net"));
    assert_eq!((own, file_version), (2, version + 1));
    let again = bulk::preview(&portal.store, &portal.operator, &lines(false), at(5)).unwrap();
    assert_eq!((again.added.len(), again.changed.len(), again.same), (0, 0, all as u64));
    assert_eq!(state(portal), expected);
}

on_both_engines! {
    fn what_is_wrong_with_a_list_is_told_with_its_line(portal: Portal) {
        portal.write(|transaction| domains::add(transaction, &portal.operator, &portal.b.id, "sub.deep.example", at(0))).unwrap();
        let taken = |one: &str, other: &str, whose: &str| {
            format!("{one} and {other} lie below each other, and {other} is registered for {whose}")
        };
        for (lines, expected) in [
            // Of somebody else: by its name, below, above, through a wildcard, in another spelling.
            ("A,b.example,\n", vec!["2: b.example is registered for B".to_owned()]),
            ("A,B.Example.,\n", vec!["2: b.example is registered for B".to_owned()]),
            ("A,mail.b.example,\n", vec![format!("2: {}", taken("mail.b.example", "*.b.example", "B"))]),
            ("A,*.deep.example,\n", vec![format!("2: {}", taken("*.deep.example", "sub.deep.example", "B"))]),
            ("A,deep.example,\n", vec![format!("2: {}", taken("deep.example", "sub.deep.example", "B"))]),
            ("A,notb.example,\nA,b.example.net,\n", vec![]),
            // What the list itself gives to somebody, in either order.
            ("A,new.example,\nB,x.new.example,\n", vec![format!("3: {}", taken("x.new.example", "new.example", "A"))]),
            ("A,x.newer.example,\nB,newer.example,\n", vec![format!("3: {}", taken("newer.example", "x.newer.example", "A"))]),
            ("A,same.example,\nB,same.example,\n", vec!["3: same.example is registered for A".to_owned()]),
            ("C,c.example,\n", vec!["2: there is no organisation `C`".to_owned()]),
            ("A,a.example,nobody\nA,co.uk,\n", vec!["2".into(), "3".into()]),
            ("A,one.example,\nA,a.example,nobody\nA,two.example,x@y\nA,three.example,nobody\n", vec!["3".into(), "5".into()]),
            // The second line of a domain goes on from the first.
            ("A,a.example,first@example.net\nA,a.example,nobody\n", vec!["3".into()]),
        ] {
            let outcome = run(&portal, &format!("organisation,domain,contact\n{lines}"));
            let found = problems(&outcome);
            assert_eq!(found.len(), expected.len(), "{lines}: {found:?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!(found == expected || found.starts_with(&format!("{expected}: ")), "{lines}: {found} is not {expected}");
            }
        }
        let all: String = (0..200).map(|number| format!("A,d{number}.example.net,nobody\n")).collect();
        assert_eq!(problems(&run(&portal, &format!("organisation,domain,contact\n{all}"))).len(), 50);
    }

    fn lines_of_one_domain_follow_each_other(portal: Portal) {
        let list = "organisation,domain,mode,contact\nA,new.example,monitor,one@example.net\nA,new.example,enforce,\nA,a.example,off,\n";
        let done = run(&portal, list);
        assert_eq!((done.added, done.changed.len()), (vec!["new.example".to_owned()], 2));
        let record = portal.domain("new.example");
        assert_eq!((record.version, record.entry.contact, record.switched_by.as_deref()), (3, None, Some("root")));
        let rows: i64 = portal.read(|transaction| {
            Ok::<_, OpError>(transaction.number("SELECT count(*) FROM audit WHERE subject = 'new.example'", &[])?)
        }).unwrap();
        assert_eq!(rows, 3);
    }
}
