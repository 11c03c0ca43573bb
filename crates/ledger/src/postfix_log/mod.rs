//! Mail that a Postfix took, told from its log: the lines of an smtpd process on a session, joined with
//! those of the messages that came over it.
//!
//! ```text
//! smtpd[17]: connect from mx.test[192.0.2.1]              the process, from here on
//! smtpd[17]: Anonymous TLS connection established from .. TLSv1.3 with cipher .. (smtpd_tls_loglevel = 1)
//! smtpd[17]: 4dBr..: client=mx.test[192.0.2.1]            the queue id, over this session
//! qmgr[9]:   4dBr..: from=<a@b.test>, size=..
//! smtp[20]:  4dBr..: to=<c@d.test>, orig_to=<..>, ..      a recipient
//! qmgr[9]:   4dBr..: removed
//! smtpd[17]: disconnect from mx.test[192.0.2.1] ehlo=2 starttls=1 mail=1 rcpt=1 .. commands=6
//! ```
//!
//! A session without a line of TLS is not plaintext for that: the line may not be logged, or be lost.
//! Its end tells: Postfix counts the commands there. So recipients over such a session wait for it.
//!
//! A message is told of once, though a filter may bring it back under another queue id, before the
//! queue or behind it, though it may be put into the queue anew, and though lines may be there twice.
//!
//! - `form`, `time`, [`Line`]: what is a line, in all the forms that there are.
//! - `session`: what the lines of a session prove.
//! - `message`, `joiner`: lines become messages and recipients.
//! - `handshakes`: those that failed, and what the client did then.
//! - `hop`: what smtp(8) and lmtp(8) make of them.
//! - `sendmail`: the same of a Sendmail.
//!
//! Nothing here reads files: lines go in, recipients come out.

mod form;
mod handshakes;
mod hop;
mod hosts;
mod joiner;
mod line;
mod message;
mod sendmail;
mod session;
mod tallied;
mod time;
mod unread;

pub use form::Form;
pub use handshakes::FailedHandshake;
pub use joiner::Joiner;
pub use line::Line;
pub use tallied::Tallied;
pub use time::{Clock, offset};
pub use unread::Unread;

use crate::model::delivery::Attempt;
use crate::model::logged_tls::LoggedTls;
use policy::DomainName;
use std::net::IpAddr;

/// How the milter's answer to a recipient in a trial begins, by which a log tells the sessions of `doctor` and
/// `setup` from those of others. A refusal for now: no message comes of a trial.
pub const TRIAL_ANSWER: &str = "450 4.7.1 mandatory-tls trial";

/// One recipient of a message that came over SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When the message began, in seconds since 1970-01-01.
    pub at: i64,
    /// When the recipient was first logged: at the first attempt to deliver, in seconds since
    /// 1970-01-01.
    pub told: i64,
    /// The host that logged it, as it is named there.
    pub host: String,
    /// The file with the message's first line: its number, as given to [`Joiner::line`].
    pub file: u32,
    /// The message's first queue id, with the instance of Postfix where that has another name.
    pub id: String,
    /// The process of smtpd that took it.
    pub process: u32,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Its name, where Postfix vouches for it.
    pub name: Option<DomainName>,
    /// Whether it had authenticated.
    pub authenticated: bool,
    /// What the log tells of the session.
    pub tls: LoggedTls,
    /// The sender, without angle brackets: the null sender is empty. None where the log does not
    /// tell it.
    pub sender: Option<String>,
    /// The recipient, as the client wrote it.
    pub recipient: String,
}

/// An attempt to deliver a message, however it came, to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The message's queue id, with the instance of Postfix where that has another name.
    pub id: String,
    /// The process that delivered it.
    pub process: u32,
    /// The recipient, as the client wrote it.
    pub recipient: String,
    /// The recipient, as it was routed.
    pub routed: String,
    /// What came of it.
    pub attempt: Attempt,
}

#[cfg(test)]
mod tests;
