//! The sockets that systemd has bound, and keeps: connections to them wait while nobody accepts.

use super::listener::{Listener, ListeningSocket};
use std::{env, io};

/// Takes the sockets that systemd has passed (`sd_listen_fds(3)`); without systemd there are none.
///
/// To be called once, before there are threads: it takes the variables out of the environment.
///
/// # Errors
///
/// When one of them is no stream socket, or the system refuses.
pub fn passed_by_systemd() -> io::Result<Vec<Listener>> {
    // Before the other variables go.
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut passed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let socket = if let Ok(Some(socket)) = passed.take_unix_listener(index) {
            ListeningSocket::Unix(socket)
        } else if let Some(socket) = passed.take_tcp_listener(index)? {
            ListeningSocket::Tcp(socket)
        } else {
            continue;
        };
        let name = names.split(':').nth(index).unwrap_or_default();
        listeners.push(Listener::passed(socket, name)?);
    }
    Ok(listeners)
}
