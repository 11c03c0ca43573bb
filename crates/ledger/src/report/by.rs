//! The ways to add up a report.

/// By what recipients are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The sending server.
    Peer,
    /// Who runs the sending server.
    Correspondent,
    /// The sender's domain.
    Sender,
    /// The recipient's domain.
    Domain,
    /// The TLS version.
    Version,
    /// The cipher suite.
    Cipher,
    /// The day.
    Day,
}

impl By {
    /// The heading of its column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Correspondent => "correspondent",
            Self::Sender => "sender",
            Self::Domain => "domain",
            Self::Version => "version",
            Self::Cipher => "cipher",
            Self::Day => "day",
        }
    }
}
