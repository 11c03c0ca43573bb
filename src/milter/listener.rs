//! Sockets to listen on: bind, accept, remove.

use super::connection::Socket;
use crate::systemd::PassedSocket;
use config::settings::{Listen, SocketSpec};
use mio::event::Source;
use mio::{Interest, Registry, Token};
use nix::unistd::Group;
use socket2::{Domain, SockAddr, Socket as RawSocket, Type};
use std::net::ToSocketAddrs;
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::Path,
};

/// A socket that is bound and listening.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    /// The address in force, with the real port.
    address: SocketSpec,
    /// Device and inode of the file of a Unix socket that was made here.
    file: Option<(u64, u64)>,
}

#[derive(Debug)]
enum Kind {
    Tcp(mio::net::TcpListener),
    Unix(mio::net::UnixListener),
}

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}{}", help(.remedy))]
pub struct BindError {
    address: SocketSpec,
    error: io::Error,
    remedy: &'static str,
}

fn help(remedy: &str) -> String {
    if remedy.is_empty() { String::new() } else { format!(" ({remedy})") }
}

impl Listener {
    /// Binds a socket and listens on it.
    ///
    /// A Unix socket that a process left behind is replaced; one on which somebody still listens
    /// is not.
    ///
    /// # Errors
    ///
    /// When the socket cannot be bound, with a remedy where there is one.
    pub fn bind(listen: &Listen) -> Result<Self, BindError> {
        let bound = match &listen.socket {
            SocketSpec::Inet(host, port) => bind_tcp(host, *port),
            SocketSpec::Unix(path) => bind_unix(path, listen),
        };
        bound.map_err(|error| BindError {
            address: listen.socket.clone(),
            remedy: remedy(&listen.socket, &error),
            error,
        })
    }

    /// Takes over a socket that systemd has bound, and keeps: connections that nobody accepts any
    /// more wait there for the next process.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn passed(socket: PassedSocket) -> io::Result<Self> {
        let (kind, address) = match socket {
            PassedSocket::Unix(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                let path = address.as_pathname().unwrap_or(Path::new("(unnamed)"));
                let kind = Kind::Unix(mio::net::UnixListener::from_std(listener));
                (kind, SocketSpec::Unix(path.into()))
            }
            PassedSocket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                let kind = Kind::Tcp(mio::net::TcpListener::from_std(listener));
                (kind, SocketSpec::Inet(address.ip().to_string(), address.port()))
            }
        };
        Ok(Self { kind, address, file: None })
    }

    /// The address in force, with the real port where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> &SocketSpec {
        &self.address
    }

    /// Asks to be told when connections come.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(self.source(), token, Interest::READABLE)
    }

    /// Asks not to be told any more.
    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(self.source())
    }

    fn source(&mut self) -> &mut dyn Source {
        match &mut self.kind {
            Kind::Tcp(listener) => listener,
            Kind::Unix(listener) => listener,
        }
    }

    /// The next connection; [`io::ErrorKind::WouldBlock`] where none is waiting.
    pub(super) fn accept(&self) -> io::Result<Socket> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
            Kind::Unix(listener) => Ok(Socket::Unix(listener.accept()?.0)),
        }
    }
}

/// Removes the file of a Unix socket, so that MTAs see at once that nobody listens. One that has
/// become another process's is left alone.
impl Drop for Listener {
    fn drop(&mut self) {
        if let (Some(mine), SocketSpec::Unix(path)) = (self.file, &self.address)
            && identity(path) == Some(mine)
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// Device and inode of a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn bind_tcp(host: &str, port: u16) -> io::Result<Listener> {
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in (host, port).to_socket_addrs()? {
        result = mio::net::TcpListener::bind(address);
        if result.is_ok() {
            break;
        }
    }
    let listener = result?;
    let address = SocketSpec::Inet(host.to_owned(), listener.local_addr()?.port());
    Ok(Listener { kind: Kind::Tcp(listener), address, file: None })
}

fn bind_unix(path: &Path, listen: &Listen) -> io::Result<Listener> {
    let group = listen.group.as_deref().map(find_group).transpose()?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        // One that has a crowd waiting would otherwise keep us waiting, too.
        let socket = RawSocket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        match socket.connect(&SockAddr::unix(path)?) {
            // Only this says that nobody listens; a lack of rights or a crowd does not.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?
            }
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let listener = mio::net::UnixListener::bind(path)?;
    let bound = Listener {
        kind: Kind::Unix(listener),
        address: SocketSpec::Unix(path.into()),
        file: identity(path),
    };
    if let Some(group) = group {
        std::os::unix::fs::chown(path, None, Some(group.gid.as_raw()))?;
    }
    if let Some(mode) = listen.mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(bound)
}

fn find_group(name: &str) -> io::Result<Group> {
    Group::from_name(name)?.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no group `{name}`"))
    })
}

fn remedy(socket: &SocketSpec, error: &io::Error) -> &'static str {
    match (socket, error.kind()) {
        (_, io::ErrorKind::AddrInUse) => {
            "another process listens there; stop it, or choose another socket"
        }
        (SocketSpec::Unix(path), io::ErrorKind::NotFound)
            if !path.parent().is_some_and(Path::is_dir) =>
        {
            "create the directory, and let the milter's user write to it"
        }
        (SocketSpec::Unix(_), io::ErrorKind::PermissionDenied) => {
            "let the milter's user write to the directory; for `group`, make it a member of the group"
        }
        (SocketSpec::Inet(..), io::ErrorKind::PermissionDenied) => "choose a port above 1023",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A Unix socket on which somebody listens and takes no connections, and one that waits.
    fn crowded(path: &Path) -> (RawSocket, RawSocket) {
        let address = SockAddr::unix(path).unwrap();
        let listening = RawSocket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listening.bind(&address).unwrap();
        listening.listen(0).unwrap();
        let waiting = RawSocket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        waiting.connect(&address).unwrap();
        (listening, waiting)
    }

    #[test]
    fn a_socket_with_a_crowd_waiting_is_in_use_and_keeps_nobody_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("milter.sock");
        let _crowd = crowded(&path);
        let listen = Listen { socket: SocketSpec::Unix(path.clone()), mode: None, group: None };
        let error = Listener::bind(&listen).unwrap_err();
        assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
        let error = super::super::probe::connect(&path, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
