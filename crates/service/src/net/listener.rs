//! A socket that is bound: by what the settings say, or by systemd.

use config::settings::{Listen, SocketSpec};
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, Gid, Group, faccessat, getegid, geteuid, getgroups};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    fs, io,
    net::TcpListener,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::Path,
};

/// A socket that is bound and listening. It does not block.
#[derive(Debug)]
pub struct Listener {
    // Dropped first: the file is removed while the socket is still open.
    address: BoundAddress,
    socket: ListeningSocket,
    /// What systemd calls it.
    name: String,
}

/// A listening socket of either kind, as the standard library has it.
#[derive(Debug)]
pub enum ListeningSocket {
    /// `inet:HOST:PORT`, or `ListenStream=address:port`.
    Tcp(TcpListener),
    /// `unix:PATH`, or `ListenStream=/path`.
    Unix(UnixListener),
}

/// The address of a socket that is bound. To be kept as long as the socket.
///
/// When it is dropped, the file of a Unix socket that was made here is removed, so that clients see at
/// once that nobody listens. A file that has become another process's is left alone.
#[derive(Debug)]
pub struct BoundAddress {
    spec: SocketSpec,
    /// Device and inode of the file of a Unix socket that was made here.
    file: Option<(u64, u64)>,
}

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", help(.remedy))]
pub struct BindError {
    address: SocketSpec,
    source: io::Error,
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
            SocketSpec::Inet(host, port) => tcp_listener(host, *port),
            SocketSpec::Unix(path) => unix_listener(path, listen),
        };
        bound.map_err(|source| BindError {
            address: listen.socket.clone(),
            remedy: remedy(&listen.socket, &source),
            source,
        })
    }

    /// Takes over a socket that systemd has bound.
    pub(super) fn passed(socket: ListeningSocket, name: &str) -> io::Result<Self> {
        let spec = match &socket {
            ListeningSocket::Unix(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                SocketSpec::Unix(address.as_pathname().unwrap_or(Path::new("(unnamed)")).into())
            }
            ListeningSocket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                SocketSpec::Inet(address.ip().to_string(), address.port())
            }
        };
        Ok(Self { address: BoundAddress { spec, file: None }, socket, name: name.to_owned() })
    }

    /// What systemd calls it (`FileDescriptorName=` of its unit); empty for one that was bound here.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same socket once more.
    pub(super) fn another(&self) -> io::Result<ListeningSocket> {
        match &self.socket {
            ListeningSocket::Tcp(socket) => socket.try_clone().map(ListeningSocket::Tcp),
            ListeningSocket::Unix(socket) => socket.try_clone().map(ListeningSocket::Unix),
        }
    }

    /// The address in force, with the real port where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> &SocketSpec {
        self.address.spec()
    }

    /// The socket, to be served, and its address, to be kept as long.
    #[must_use]
    pub fn into_parts(self) -> (BoundAddress, ListeningSocket) {
        (self.address, self.socket)
    }
}

impl BoundAddress {
    /// The address in force, with the real port where 0 was asked for.
    #[must_use]
    pub fn spec(&self) -> &SocketSpec {
        &self.spec
    }
}

impl Drop for BoundAddress {
    fn drop(&mut self) {
        if let (Some(mine), SocketSpec::Unix(path)) = (self.file, &self.spec)
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

/// Binds a TCP socket and listens on it, without blocking, on the first address of the host that can be had.
///
/// # Errors
///
/// When none can be had.
pub fn bind_tcp(host: &str, port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((host, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn tcp_listener(host: &str, port: u16) -> io::Result<Listener> {
    let socket = bind_tcp(host, port)?;
    let spec = SocketSpec::Inet(host.to_owned(), socket.local_addr()?.port());
    Ok(Listener {
        address: BoundAddress { spec, file: None },
        socket: ListeningSocket::Tcp(socket),
        name: String::new(),
    })
}

fn unix_listener(path: &Path, listen: &Listen) -> io::Result<Listener> {
    let group = listen.group.as_deref().map(find_group).transpose()?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        // One that has a crowd waiting would otherwise keep us waiting, too.
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        match socket.connect(&SockAddr::unix(path)?) {
            // Only this says that nobody listens; a lack of rights or a crowd does not.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?
            }
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let listener = UnixListener::bind(path)?;
    let address = BoundAddress { spec: SocketSpec::Unix(path.into()), file: identity(path) };
    listener.set_nonblocking(true)?;
    if let Some(group) = group {
        std::os::unix::fs::chown(path, None, Some(group.gid.as_raw()))?;
    }
    if let Some(mode) = listen.mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(Listener { address, socket: ListeningSocket::Unix(listener), name: String::new() })
}

/// Why a socket could not be bound as things are; found without binding it, by the rights of this user if
/// `with_rights` says so.
///
/// A directory below /run need not be there before the service is started, which makes it.
#[must_use]
pub fn obstacle(listen: &Listen, with_rights: bool) -> Option<BindError> {
    let SocketSpec::Unix(path) = &listen.socket else { return None };
    let found = foresee(path, listen, with_rights);
    found.err().map(|source| BindError {
        address: listen.socket.clone(),
        remedy: remedy(&listen.socket, &source),
        source,
    })
}

fn foresee(path: &Path, listen: &Listen, with_rights: bool) -> io::Result<()> {
    let group = listen.group.as_deref().map(find_group).transpose()?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    match fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => return Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory.starts_with("/run") => {
            return Ok(());
        }
        // Whether it is there, this user need not be let see.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !with_rights => {}
        found => {
            found?;
        }
    }
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.file_type().is_socket()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "what lies there is no socket"));
    }
    if !with_rights {
        return Ok(());
    }
    let may_make = AccessFlags::W_OK | AccessFlags::X_OK;
    faccessat(AT_FDCWD, directory, may_make, AtFlags::AT_EACCESS)?;
    let gid = group.map(|group| group.gid);
    let is_member = |gid: Gid| {
        geteuid().is_root()
            || getegid() == gid
            || getgroups().is_ok_and(|groups| groups.contains(&gid))
    };
    if gid.is_some_and(|gid| !is_member(gid)) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
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
        (SocketSpec::Unix(path), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            if !path.parent().is_some_and(Path::is_dir) =>
        {
            "create the directory, and let the milter's user write to it"
        }
        (_, io::ErrorKind::AlreadyExists) => "move it away, or choose another path",
        (SocketSpec::Unix(_), io::ErrorKind::PermissionDenied) => {
            "let the milter's user write to the directory; for `group`, make it a member of the group, or let \
             systemd make the socket (the package's service may not change groups)"
        }
        (SocketSpec::Inet(..), io::ErrorKind::PermissionDenied) => "choose a port above 1023",
        _ => "",
    }
}
