//! Names of months in the languages that systems speak: journalctl and some daemons write those of
//! their locale.

use std::{collections::HashMap, sync::LazyLock};

/// What months a name stands for: several where languages differ.
static MONTHS: LazyLock<HashMap<&'static str, Vec<i8>>> = LazyLock::new(|| {
    let lines = include_str!("months.csv").lines().filter(|line| !line.starts_with('#'));
    let named = lines.filter_map(|line| line.split_once(','));
    named
        .map(|(name, months)| (name, months.split('/').filter_map(|m| m.parse().ok()).collect()))
        .collect()
});

/// The months, 1 to 12, of a name, in any case.
pub(super) fn months(name: &str) -> &'static [i8] {
    MONTHS.get(&*name.trim().to_lowercase()).map(Vec::as_slice).unwrap_or_default()
}

/// The month of an English name, as syslog writes it.
pub(super) fn english(name: &str) -> Option<i8> {
    const ENGLISH: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let index = ENGLISH.iter().position(|month| *month == name)?;
    i8::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_in_the_languages_of_the_system() {
        for (name, expected) in [
            ("Dez", &[12][..]),
            ("mär", &[3]),
            ("ÎÎ¿Îµ", &[]),
            ("Νοε", &[11]),
            ("Απρ", &[4]),
            ("déc.", &[12]),
            ("11月", &[11]),
            ("lis", &[10, 11]),
            ("May", &[5]),
            ("1", &[]),
            ("", &[]),
            ("kernel:", &[]),
        ] {
            assert_eq!(months(name), expected, "{name}");
        }
        assert!(MONTHS.values().all(|months| !months.is_empty()));
    }
}
