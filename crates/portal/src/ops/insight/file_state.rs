//! How the portal's own file is: what the task that writes it says.

use std::collections::BTreeMap;

/// How the portal's own file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It holds all that was chosen.
    Written {
        /// But for what the policy does not take: domains, and why. Each is judged by the default
        /// requirement instead of its own, or not at all.
        left_out: BTreeMap<String, String>,
    },
    /// The policy with it could not be used; the file of before stays.
    Refused {
        /// The first error.
        first: String,
    },
}
