//! Whether sessions count as encrypted, remembered: many rows have few pairs of version and cipher.

use std::collections::HashMap;

/// What was found of versions and ciphers before.
#[derive(Default)]
pub(crate) struct Baseline {
    known: HashMap<String, HashMap<String, bool>>,
}

impl Baseline {
    /// Whether a session with this version and cipher counts as encrypted; `judge` says it the first time.
    pub fn is_met(&mut self, version: &str, cipher: &str, judge: impl FnOnce() -> bool) -> bool {
        if let Some(known) = self.known.get(version).and_then(|ciphers| ciphers.get(cipher)) {
            return *known;
        }
        let met = judge();
        self.known.entry(version.to_owned()).or_default().insert(cipher.to_owned(), met);
        met
    }
}
