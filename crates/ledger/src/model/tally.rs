//! How often a row was seen.

/// How often, from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Recipients.
    pub count: u64,
    /// The first of them, in seconds since 1970-01-01.
    pub first: i64,
    /// The last of them, in seconds since 1970-01-01.
    pub last: i64,
}

impl Tally {
    /// One recipient, at this time.
    #[must_use]
    pub fn once(at: i64) -> Self {
        Self { count: 1, first: at, last: at }
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}
