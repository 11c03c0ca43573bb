//! Logs of MTAs, made up from fuzzing input: what happened, and the lines that a Postfix or a Sendmail writes of it.
//!
//! ```text
//! octets --scene--> what happens --postfix, sendmail--> lines --course--> a log, damaged or whole
//!                       '--truth--> what may be counted, and what has to be
//! ```
//!
//! What others can fill (names, addresses, replies) holds whatever the octets say where the scene is hostile,
//! after what the MTA itself does to such text. The forms are those of Postfix's and Sendmail's sources and of
//! the logs in the tests.

pub mod choice;
pub mod course;
pub mod postfix;
pub mod reader;
pub mod scene;
pub mod sendmail;
pub mod text;
pub mod truth;

/// A line of an MTA, before a syslog has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The program, as syslog names it: `postfix/smtpd`.
    pub service: &'static str,
    /// The process.
    pub process: u32,
    /// What it says.
    pub text: String,
    /// Seconds that pass before it.
    pub pause: u32,
}
