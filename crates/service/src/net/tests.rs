use super::*;
use config::settings::{Listen, SocketSpec};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    error::Error,
    fs, io,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

/// A Unix socket on which somebody listens and takes no connections, and one that waits.
fn crowded(path: &Path) -> (Socket, Socket) {
    let address = SockAddr::unix(path).unwrap();
    let listening = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listening.bind(&address).unwrap();
    listening.listen(0).unwrap();
    let waiting = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    waiting.connect(&address).unwrap();
    (listening, waiting)
}

#[test]
fn a_socket_with_a_crowd_waiting_is_in_use_and_keeps_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("milter.sock");
    let _crowd = crowded(&path);
    let listen = Listen { socket: SocketSpec::Unix(path), mode: None, group: None };
    let error = Listener::bind(&listen).unwrap_err();
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_socket_on_which_nobody_listens_is_replaced_and_one_in_use_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("milter.sock");
    let listen = Listen { socket: SocketSpec::Unix(path.clone()), mode: Some(0o640), group: None };
    // Left behind by a process that was killed.
    drop(UnixListener::bind(&path).unwrap());
    let listener = Listener::bind(&listen).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let error = Listener::bind(&listen).unwrap_err();
    assert!(error.to_string().contains("another process listens there"), "{error}");
    UnixStream::connect(&path).unwrap();
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn the_file_of_a_socket_that_has_become_anothers_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("milter.sock");
    let listen = Listen { socket: SocketSpec::Unix(path.clone()), mode: None, group: None };
    let listener = Listener::bind(&listen).unwrap();
    fs::rename(&path, directory.path().join("moved.sock")).unwrap();
    let _another = UnixListener::bind(&path).unwrap();
    drop(listener);
    UnixStream::connect(&path).unwrap();
}
