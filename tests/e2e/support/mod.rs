//! What the tests stand on: private MTAs, the milter's process, an SMTP client that speaks every
//! protocol from SSL 3 to TLS 1.3, and a place where delivered mail arrives.
//!
//! Nothing here outlives the test: each MTA lives in a PID namespace that ends with its standard
//! input, the milter gets a signal when its parent dies, and directories go with their owner.

mod disk;
mod lines;
mod milter;
mod mta;
mod place;
mod ports;
mod postfix;
mod resolver;
mod sendmail;
mod sink;
mod smtp;
mod tls;
mod wire;

pub use disk::Disk;
pub use lines::Lines;
pub use milter::{Milter, MilterOptions, field};
pub use place::{PATIENCE, cache, open_directory, wait_until, wait_until_or};
pub use postfix::{Postfix, PostfixOptions, Service};
pub use resolver::{Resolver, Zone};
pub use sendmail::{Sendmail, SendmailOptions};
pub use sink::Sink;
pub use smtp::{Reply, SmtpClient};
pub use tls::{Tls, TlsState};
pub use wire::Wire;

use place::script;
