//! Sockets: bind, accept, limit, drain.

use super::connection::{Socket, converse};
use super::conversation::Context;
use crate::settings::{Limits, Listen, SocketSpec};
use nix::unistd::Group;
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long to wait before the next try when accepting fails (out of file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often it was asked to stop: once to let sessions end, twice to end now. The sender is held
/// by whoever stops the milter.
pub type Shutdown = watch::Receiver<u32>;

/// A socket that is bound and listening.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    /// The address in force, with the real port.
    address: SocketSpec,
    /// Device and inode of the file of a Unix socket.
    file: Option<(u64, u64)>,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
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
    pub async fn bind(listen: &Listen) -> Result<Self, BindError> {
        let bound = match &listen.socket {
            SocketSpec::Inet(host, port) => bind_tcp(host, *port).await,
            SocketSpec::Unix(path) => bind_unix(path, listen).await,
        };
        bound.map_err(|error| BindError {
            address: listen.socket.clone(),
            remedy: remedy(&listen.socket, &error),
            error,
        })
    }

    /// The address in force, with the real port where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> &SocketSpec {
        &self.address
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream))
            }
            Kind::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
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

enum Accepted {
    Tcp(tokio::net::TcpStream),
    Unix(UnixStream),
}

async fn bind_tcp(host: &str, port: u16) -> io::Result<Listener> {
    let listener = TcpListener::bind((host, port)).await?;
    let address = SocketSpec::Inet(host.to_owned(), listener.local_addr()?.port());
    Ok(Listener { kind: Kind::Tcp(listener), address, file: None })
}

async fn bind_unix(path: &Path, listen: &Listen) -> io::Result<Listener> {
    let group = listen.group.as_deref().map(find_group).transpose()?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        match UnixStream::connect(path).await {
            // Only this says that nobody listens; a lack of rights or a crowd does not.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?
            }
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let listener = UnixListener::bind(path)?;
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

/// Serves connections on all sockets until told to stop; then no more are accepted, and those
/// that are open may go on for the drain time. Returns how many were cut off after it.
pub async fn serve(
    listeners: Vec<Listener>,
    context: Arc<Context>,
    limits: Limits,
    mut shutdown: Shutdown,
) -> usize {
    let places = Arc::new(Semaphore::new(limits.connections as usize));
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            tokio::spawn(accept_all(
                listener,
                Arc::clone(&context),
                Arc::clone(&places),
                shutdown.clone(),
            ))
        })
        .collect();
    for task in accepting {
        let _ = task.await;
    }
    tokio::select! {
        _ = places.acquire_many(limits.connections) => {}
        () = tokio::time::sleep(limits.drain) => {}
        () = asked(&mut shutdown, 2) => {}
    }
    limits.connections as usize - places.available_permits()
}

async fn accept_all(
    listener: Listener,
    context: Arc<Context>,
    places: Arc<Semaphore>,
    mut shutdown: Shutdown,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = asked(&mut shutdown, 1) => return,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection on {}; will try again", listener.address);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = free_place(&places) => place,
            () = asked(&mut shutdown, 1) => return,
        };
        match accepted {
            Accepted::Tcp(socket) => start(socket, Arc::clone(&context), place),
            Accepted::Unix(socket) => start(socket, Arc::clone(&context), place),
        }
    }
}

/// Waits until it was asked so often to stop.
async fn asked(shutdown: &mut Shutdown, times: u32) {
    // An error means that nobody is left to ask: stop then, too.
    let _ = shutdown.wait_for(|asked| *asked >= times).await;
}

/// A place among the connections. Waits, and says so, when all are taken.
async fn free_place(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        return Some(place);
    }
    tracing::warn!("all connections that `limits` allows are in use; MTAs have to wait");
    Arc::clone(places).acquire_owned().await.ok()
}

fn start(socket: impl Socket, context: Arc<Context>, place: Option<OwnedSemaphorePermit>) {
    let open = context.metrics.as_ref().map(|metrics| metrics.connected());
    tokio::spawn(async move {
        let result = converse(socket, context).await;
        if let Err(error) = result
            && !matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        {
            tracing::warn!(%error, "a milter connection broke off; the MTA applies its default action");
        }
        drop((place, open));
    });
}
