//! The name of an entry as an argument: a domain, `*.example.org` for those below one, a mailbox.

use policy::{DomainName, Entry, Pattern, PatternError, Policy};
use std::iter;

/// The name of an entry, whether there is one or not.
#[derive(Clone, Debug)]
pub(super) struct EntryName(pub Pattern);

impl std::str::FromStr for EntryName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The entry that decides for what has this name: its own, or a less specific one.
pub(super) fn deciding<'p>(policy: &'p Policy, name: &Pattern) -> Option<&'p Entry> {
    let domains = &policy.domains;
    let of_domain = |domain: &DomainName| domains.find_domain(domain).map(|found| found.entry);
    match name {
        Pattern::Mailbox(local, domain) => {
            let own = domains.find_mailbox(local, domain).map(|found| found.entry);
            own.or_else(|| of_domain(domain))
        }
        Pattern::Domain(domain) => of_domain(domain),
        Pattern::Below(domain) => iter::once(domain.as_str())
            .chain(domain.parents())
            .find_map(|parent| domains.get(&format!("*.{parent}")))
            .or_else(|| domains.get("*")),
        Pattern::Every => domains.get("*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::Mode;

    #[test]
    fn the_entry_of_a_name_is_its_own_or_the_next_less_specific_one() {
        let mut policy = Policy::default();
        for (number, name) in
            ["*", "*.example.org", "*.a.example.org", "a.example.org", "me@a.example.org"]
                .into_iter()
                .enumerate()
        {
            let mut entry = Entry::bare(Mode::Enforce);
            entry.contact = Some(number.to_string());
            policy.domains.replace(&name.parse().unwrap(), entry);
        }
        for (name, number) in [
            ("*", "0"),
            ("example.org", "0"),
            ("*.com", "0"),
            ("*.example.org", "1"),
            ("*.b.example.org", "1"),
            ("b.example.org", "1"),
            ("*.a.example.org", "2"),
            ("*.x.a.example.org", "2"),
            ("a.example.org", "3"),
            ("you@a.example.org", "3"),
            ("ME@a.example.org", "4"),
        ] {
            let found = deciding(&policy, &name.parse().unwrap()).unwrap();
            assert_eq!(found.contact.as_deref(), Some(number), "{name}");
        }
        assert_eq!(deciding(&Policy::default(), &Pattern::Every), None);
    }
}
