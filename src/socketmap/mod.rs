//! The second hop: Postfix's look-ups in `smtp_tls_policy_maps`, answered from the policy in force.
//!
//! smtp(8) asks for each delivery, before its session, what that session must be. The answer comes from
//! memory and is [`policy::deliver`]'s. The tasks here run on the runtime of the main thread, and share with the
//! milter nothing but the policy.

mod answer;
mod client;
mod netstring;
mod server;

pub use answer::{Kind, answer};
pub use client::ask;
pub use netstring::{LONGEST, Malformed, Request, Requests};
pub use server::{CONNECTIONS, Context, Server};
