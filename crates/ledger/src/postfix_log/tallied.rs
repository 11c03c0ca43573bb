//! What was found in the lines of a log.

/// What was found in the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// All lines.
    pub lines: u64,
    /// Those of a Postfix.
    pub postfix: u64,
    /// Those of a Sendmail.
    pub sendmail: u64,
    /// How many of both have a time that does not say its zone.
    pub without_zone: u64,
    /// Lines of smtpd that cannot be read.
    pub unread: u64,
    /// Sessions of smtpd whose beginning is there.
    pub sessions: u64,
    /// TLS sessions of smtpd.
    pub tls: u64,
    /// Messages that came over SMTP.
    pub messages: u64,
    /// Messages that a filter brought back, or whose lines are there twice.
    pub again: u64,
    /// Recipients of messages that began before the log did.
    pub without_message: u64,
}

impl Tallied {
    /// Lines of a Postfix or a Sendmail.
    #[must_use]
    pub fn of_mta(&self) -> u64 {
        self.postfix + self.sendmail
    }

    /// What was found here and there.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            lines: self.lines + other.lines,
            postfix: self.postfix + other.postfix,
            sendmail: self.sendmail + other.sendmail,
            without_zone: self.without_zone + other.without_zone,
            unread: self.unread + other.unread,
            sessions: self.sessions + other.sessions,
            tls: self.tls + other.tls,
            messages: self.messages + other.messages,
            again: self.again + other.again,
            without_message: self.without_message + other.without_message,
        }
    }

    /// What was found since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            lines: self.lines.saturating_sub(earlier.lines),
            postfix: self.postfix.saturating_sub(earlier.postfix),
            sendmail: self.sendmail.saturating_sub(earlier.sendmail),
            without_zone: self.without_zone.saturating_sub(earlier.without_zone),
            unread: self.unread.saturating_sub(earlier.unread),
            sessions: self.sessions.saturating_sub(earlier.sessions),
            tls: self.tls.saturating_sub(earlier.tls),
            messages: self.messages.saturating_sub(earlier.messages),
            again: self.again.saturating_sub(earlier.again),
            without_message: self.without_message.saturating_sub(earlier.without_message),
        }
    }
}
