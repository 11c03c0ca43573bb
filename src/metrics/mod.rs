//! What the milter counts, for Prometheus.
//!
//! Labels come from fixed sets: verdicts, reasons, modes, TLS versions. Domains become labels only
//! where the settings ask for it, and only as many as they say.

mod collector;
mod endpoint;
mod labels;
mod registry;

pub use collector::StateCollector;
pub use endpoint::serve;
pub use registry::{Metrics, OpenConnection};
