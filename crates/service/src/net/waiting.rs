//! Connections that wait for a milter that does not start.

use super::{Listener, ListeningSocket};
use std::{
    io, thread,
    time::{Duration, Instant},
};

/// How long a start that has failed turns connections away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks for them.
const LOOK: Duration = Duration::from_millis(100);

/// The sockets that systemd has passed, for the case that the milter does not start.
///
/// systemd starts the service for each connection that waits. One that fails at once would be started
/// again and again, until systemd gives the sockets up, and then nothing comes back without a hand. So a
/// start that has failed stays for some seconds in which it turns connections away: MTAs know at once
/// that there is no milter, and put mail off.
#[derive(Debug)]
pub struct Waiting(Vec<ListeningSocket>);

impl Waiting {
    /// Those who connect to these sockets.
    ///
    /// # Errors
    ///
    /// When the system is out of file descriptors.
    pub fn at(listeners: &[Listener]) -> io::Result<Self> {
        listeners.iter().map(Listener::another).collect::<io::Result<_>>().map(Self)
    }

    /// Turns connections away, until it is worth to start again: the milter is `mended`, or some
    /// seconds are over.
    pub fn turn_away(&self, mended: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !self.0.is_empty() && Instant::now() < end && !mended() {
            for socket in &self.0 {
                while socket.accept_and_close() {}
            }
            thread::sleep(LOOK);
        }
    }
}

impl ListeningSocket {
    /// Whether there was a connection, which is closed now.
    fn accept_and_close(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener.accept().is_ok(),
            Self::Unix(listener) => listener.accept().is_ok(),
        }
    }
}
