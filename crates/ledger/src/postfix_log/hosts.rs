//! Hosts and services by number. A host is named short by one daemon and in full by another, and two
//! hosts may share a short name.

use std::{collections::HashMap, net::IpAddr};

/// A process, by host, service and number.
pub(super) type Process = (u32, u32, u32);

/// Numbers for names.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    last: Option<(String, u32)>,
}

impl Names {
    /// The number of a name, and whether it is a new one.
    pub fn number(&mut self, name: &str) -> u32 {
        let next = self.next();
        self.known(name).unwrap_or_else(|| self.add(name, next))
    }

    fn next(&self) -> u32 {
        u32::try_from(self.numbers.len()).unwrap_or(u32::MAX)
    }

    /// Most lines are of the host and the service of the line before.
    fn known(&mut self, name: &str) -> Option<u32> {
        if let Some((last, number)) = &self.last
            && last == name
        {
            return Some(*number);
        }
        let number = *self.numbers.get(name)?;
        self.last = Some((name.to_owned(), number));
        Some(number)
    }

    fn add(&mut self, name: &str, number: u32) -> u32 {
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// Numbers for hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    names: Names,
    /// The hosts with a short name: those that were named in full, and the one that was not.
    full: HashMap<String, Vec<u32>>,
    short: HashMap<String, u32>,
}

impl Hosts {
    /// The number of the host that a log names so. A short name is that of the one host which has it,
    /// and a first full name that of the host which was named short.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.known(name) {
            return number;
        }
        let next = self.names.next();
        let is_address = name.parse::<IpAddr>().is_ok();
        let number = match name.split_once('.') {
            Some((short, _)) if !is_address => {
                let full = self.full.entry(short.to_owned()).or_default();
                let number = match self.short.get(short) {
                    Some(number) if full.is_empty() => *number,
                    _ => next,
                };
                full.push(number);
                number
            }
            _ => {
                let number = match self.full.get(name).map(Vec::as_slice) {
                    Some([only]) => *only,
                    _ => next,
                };
                self.short.insert(name.to_owned(), number);
                number
            }
        };
        self.names.add(name, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_named_short_and_in_full_is_one_and_two_full_names_are_two() {
        for (names, expected) in [
            (&["mx", "mx.a.test", "mx", "mx.b.test"][..], &[0, 0, 0, 2][..]),
            (&["mx.a.test", "mx", "mx.b.test", "mx"], &[0, 0, 2, 0]),
            (&["mx.a.test", "mx.b.test", "mx", "mx"], &[0, 1, 2, 2]),
            (&["192.0.2.1", "192", "192.0.2.2"], &[0, 1, 2]),
            (&["", "mx", ""], &[0, 1, 0]),
        ] {
            let mut hosts = Hosts::default();
            let found: Vec<_> = names.iter().map(|name| hosts.number(name)).collect();
            assert_eq!(found, expected, "{names:?}");
        }
    }
}
