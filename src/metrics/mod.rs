//! What Prometheus is told: what the milter counts (`milter::metrics`), and what others keep.

mod collector;
mod endpoint;
mod process;
mod text_format;

pub use collector::StateCollector;
pub use endpoint::serve;
pub use milter::metrics::Metrics;
pub(crate) use process::ProcessCollector;
pub(crate) use text_format::TextFormat;
