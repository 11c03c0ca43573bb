//! The policy and the judging of one RCPT: pure code.
//!
//! What comes in is values (a policy, what is known of a session, a recipient, the time); what
//! goes out is a [`Verdict`] with its reason. Nothing here reads a file, a clock or a socket, and
//! nothing here knows how the milter protocol or the policy file look. The milter, `explain` and
//! everything else that speaks of verdicts calls [`judge`].

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

mod address;
mod case;
mod deliver;
mod directory;
mod domain;
mod entry;
mod entry_place;
pub mod explanation;
mod fault;
pub mod hop;
mod judge;
mod language;
mod next_hops;
mod packed_patterns;
mod pattern;
mod reason;
mod reason_kind;
mod reply;
pub mod requirement;
mod suggest;
pub mod tls;
mod verdict;

pub use address::{Mailbox, Origin, Recipient, Sender, Sighting};
pub use case::{Case, Client, OnUnknownTls};
pub use deliver::{Delivery, deliver, next_hop_of};
pub use directory::{Directory, Match, Refused};
pub use domain::{DomainError, DomainName};
pub use entry::{Entry, Exception, Mode, Schedule};
pub use entry_place::EntryPlace;
pub use fault::{Fault, Remedy};
pub use judge::{Policy, Trusted, judge};
pub use language::Language;
pub use next_hops::Nearness;
pub use pattern::{Pattern, PatternError};
pub use reason::{Decision, Reason};
pub use reason_kind::ReasonKind;
pub use reply::{Placeholder, Reply, ReplyError, ReplyTemplate, check_url, is_refusal};
pub use requirement::{Requirement, shortfall::Shortfall};
pub use suggest::nearest;
pub use tls::TlsState;
pub use verdict::{Finding, Subject, Verdict};
