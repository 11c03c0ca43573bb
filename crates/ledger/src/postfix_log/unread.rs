//! Why a line cannot be read: what can be done about it differs.

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has no time.
    NoTime,
    /// Its time is counted from the start of the system.
    Monotonic,
    /// Its month has a name of no language that is known.
    Month,
    /// Several zones have that abbreviation.
    Zone,
    /// It has a time, and goes on in a form that is not known.
    Form,
    /// An address in it holds what looks like the fields that follow it, and is not quoted: Postfix before 3.5,
    /// and `info_log_address_format = internal`. Or the line was cut within it.
    Ambiguous,
}
