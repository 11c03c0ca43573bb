use super::*;
use config::settings::{Listen, SocketSpec};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{error::Error, io, path::Path};

/// A Unix socket on which somebody listens and takes no connections, and one that waits.
pub(crate) fn crowded(path: &Path) -> (Socket, Socket) {
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
