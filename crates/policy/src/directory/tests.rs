use super::*;
use crate::entry::Mode;

#[test]
fn a_domain_of_a_million_takes_at_most_32_octets() {
    let mut directory = Directory::new();
    let entry = directory.add_entry(Entry::bare(Mode::Enforce));
    // The table is as full as that of a million, which is sixteen times as large.
    let count = 1_000_000 / 16;
    for number in 0..count {
        let pattern: Pattern = format!("d{:06}.example.net", number * 16).parse().unwrap();
        let line = 2 + u32::try_from(number).unwrap();
        directory.insert(&pattern, entry, EntryPlace { file: 0, line }).unwrap();
    }
    directory.shrink_to_fit();
    let octets = directory.patterns.allocated() + directory.domains.allocation_size();
    assert_eq!(directory.len(), count);
    assert!(octets <= 32 * count, "{}", octets as f64 / count as f64);
}

#[test]
fn a_change_is_tried_out_on_a_copy_that_shares_its_entries() {
    let pattern = |text: &str| text.parse::<Pattern>().unwrap();
    let entry = |mode, contact: &str| Entry { contact: Some(contact.into()), ..Entry::bare(mode) };
    let mut original = Directory::new();
    for (line, name) in (1..).zip(["a.example", "b.example", "*.b.example", "*"]) {
        let number = original.add_entry(entry(Mode::Monitor, name));
        original.insert(&pattern(name), number, EntryPlace { file: 0, line }).unwrap();
    }
    original.shrink_to_fit();
    let contact = |directory: &Directory, name: &str| {
        let found = directory.find_domain(&DomainName::parse(name).unwrap());
        found.and_then(|found| found.entry.contact.clone()).unwrap_or_default()
    };
    let mut copy = original.clone();
    copy.replace(&pattern("a.example"), entry(Mode::Enforce, "first"));
    copy.replace(&pattern("*.b.example"), entry(Mode::Off, "second"));
    copy.replace(&pattern("new.example"), entry(Mode::Enforce, "third"));
    copy.replace(&pattern("a.example"), entry(Mode::Enforce, "fourth"));
    assert!(Arc::ptr_eq(&original.entries, &copy.entries));
    // A copy of a copy, too.
    let mut third = copy.clone();
    third.replace(&pattern("b.example"), entry(Mode::Off, "fifth"));
    for (name, of_original, of_copy, of_third) in [
        ("a.example", "a.example", "fourth", "fourth"),
        ("b.example", "b.example", "b.example", "fifth"),
        ("x.b.example", "*.b.example", "second", "second"),
        ("new.example", "*", "third", "third"),
        ("other.example", "*", "*", "*"),
    ] {
        let found = [&original, &copy, &third].map(|directory| contact(directory, name));
        assert_eq!(found, [of_original, of_copy, of_third], "{name}");
    }
    assert_eq!((original.len(), copy.len(), third.len()), (4, 5, 5));
    let strictest = |directory: &Directory| {
        directory.strictest().map(|entry| entry.schedule.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (strictest(&original), strictest(&copy)),
        (vec!["monitor".into()], vec!["enforce".into()])
    );
}
