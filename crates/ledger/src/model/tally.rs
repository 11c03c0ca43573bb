//! How often a row was seen.

/// How often, from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Attempts: each RCPT that was judged.
    pub count: u64,
    /// Of these, the ones that repeat an attempt that was refused before, so that `count - repeats`
    /// are recipients of messages. Not known of what an earlier release recorded.
    pub repeats: Option<u64>,
    /// The first of them, in seconds since 1970-01-01.
    pub first: i64,
    /// The last of them, in seconds since 1970-01-01.
    pub last: i64,
}

impl Tally {
    /// One recipient, at this time, not tried before.
    #[must_use]
    pub fn once(at: i64) -> Self {
        Self { count: 1, repeats: Some(0), first: at, last: at }
    }

    /// The same recipient of the same message once more, at this time.
    #[must_use]
    pub fn again(at: i64) -> Self {
        Self { repeats: Some(1), ..Self::once(at) }
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.repeats = self.repeats.zip(other.repeats).map(|(mine, theirs)| mine + theirs);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// Widens a time, in seconds since 1970-01-01, so that it holds the first and the last.
    pub(crate) fn widen(&self, between: &mut Option<(i64, i64)>) {
        let (first, last) = between.unwrap_or((self.first, self.last));
        *between = Some((first.min(self.first), last.max(self.last)));
    }

    /// Recipients of messages, each counted once however often it was tried. Where that is not known,
    /// each attempt counts as one.
    #[must_use]
    pub fn recipients(&self) -> u64 {
        self.count.saturating_sub(self.repeats.unwrap_or_default())
    }
}
