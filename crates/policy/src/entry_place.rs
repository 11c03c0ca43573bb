//! Where an entry of the policy stands.

/// Where an entry stands: a file of the policy (an index into [`super::Policy::files`]) and a
/// line, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryPlace {
    /// The file.
    pub file: u16,
    /// The line.
    pub line: u32,
}
