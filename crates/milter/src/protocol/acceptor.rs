//! A socket that MTAs connect to, as the loop has it.

use super::connection::Socket;
use config::settings::SocketSpec;
use mio::event::Source;
use mio::{Interest, Registry, Token};
use service::net::{self, BoundAddress};
use std::{io, time::Instant};

/// A listening socket whose connections the loop accepts.
#[derive(Debug)]
pub(super) struct Acceptor {
    // Dropped first: the file of a Unix socket is removed while the socket is still open.
    address: BoundAddress,
    socket: MioListener,
    /// Whether connections may be waiting.
    pub readable: bool,
    /// After a failure, when to try again.
    pub retry_at: Option<Instant>,
}

#[derive(Debug)]
enum MioListener {
    Tcp(mio::net::TcpListener),
    Unix(mio::net::UnixListener),
}

impl Acceptor {
    /// Takes a listener, and asks to be told when connections come.
    pub(super) fn new(
        listener: net::Listener,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let (address, socket) = listener.into_parts();
        let mut socket = match socket {
            net::ListeningSocket::Tcp(socket) => {
                MioListener::Tcp(mio::net::TcpListener::from_std(socket))
            }
            net::ListeningSocket::Unix(socket) => {
                MioListener::Unix(mio::net::UnixListener::from_std(socket))
            }
        };
        registry.register(socket.source(), token, Interest::READABLE)?;
        Ok(Self { address, socket, readable: false, retry_at: None })
    }

    /// Asks not to be told any more.
    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(self.socket.source())
    }

    /// The address that is listened on.
    pub(super) fn address(&self) -> &SocketSpec {
        self.address.spec()
    }

    /// The next connection; [`io::ErrorKind::WouldBlock`] where none is waiting.
    pub(super) fn accept(&self) -> io::Result<Socket> {
        match &self.socket {
            MioListener::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
            MioListener::Unix(listener) => Ok(Socket::Unix(listener.accept()?.0)),
        }
    }
}

impl MioListener {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(listener) => listener,
            Self::Unix(listener) => listener,
        }
    }
}
