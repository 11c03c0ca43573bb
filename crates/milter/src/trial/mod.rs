//! Trials: how the milter knows a session that `doctor` or `setup` has with the MTA, and what it answers.
//!
//! Such a session names a recipient to the MTA, to see whether the MTA asks *this* milter, what it tells it
//! of TLS, and what the verdict is. It must leave nothing in the figures, and must be of no use to anybody
//! else. So the milter makes a key when it starts, and puts it beside the status file, where root and its
//! own user can read it. The session's MAIL carries a token made with the key: the time, a number of its
//! own, and a keyed hash of the two. (In `ENVID`, RFC 3461, which changes nothing about a message that is
//! never sent; as the sender where the MTA has no such parameter.) It holds for five minutes.
//!
//! Whoever had a token would gain nothing: **a recipient in a trial is always refused**, with the verdict
//! in the words of the refusal, as a stranger would have got it. No message can come of it, and nothing is
//! counted or recorded.

mod key;
mod report;

pub use key::{TrialId, TrialKey};
pub use report::TrialReport;
