//! The MTA's side of a milter connection, just enough to see whether the milter answers.

use super::packet;
use config::settings::SocketSpec;
use indymilter::message::{PROTOCOL_VERSION, command::CommandKind, reply::ReplyKind};
use indymilter::{Actions, ProtoOpts};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    path::Path,
    time::Duration,
};

/// How long to wait for an answer: a milter that runs answers at once, one that starts takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);
/// All actions and options, as Postfix offers them.
const OFFER: [u32; 3] = [PROTOCOL_VERSION, Actions::all().bits(), ProtoOpts::all().bits()];

/// Connects to a milter and negotiates with it, as an MTA does.
///
/// # Errors
///
/// When it cannot be reached, or does not answer as a milter does.
pub fn probe(socket: &SocketSpec) -> io::Result<()> {
    match socket {
        SocketSpec::Unix(path) => {
            let stream = connect(path, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            negotiate(stream)
        }
        SocketSpec::Inet(host, port) => {
            let address = (host.as_str(), *port).to_socket_addrs()?.next();
            let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            negotiate(stream)
        }
    }
}

/// Connects to a Unix socket. Where many connections wait there, the time to write counts for
/// connecting as well (unix(7) does not say so).
fn connect(path: &Path, patience: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(patience))?;
    socket.connect(&SockAddr::unix(path)?).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(
            io::ErrorKind::TimedOut,
            "many connections wait there, and it does not take them",
        ),
        _ => error,
    })?;
    Ok(socket)
}

fn negotiate(mut stream: impl Read + Write) -> io::Result<()> {
    let mut packets = Vec::new();
    packet::write(&mut packets, CommandKind::OptNeg, &OFFER.map(u32::to_be_bytes).concat());
    stream.write_all(&packets)?;
    // Length and letter of the answer.
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "it takes the connection and does not answer")
        }
        _ => error,
    })?;
    if answer[4] != u8::from(ReplyKind::OptNeg) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not answer as a milter"));
    }
    packets.clear();
    packet::write(&mut packets, CommandKind::Quit, b"");
    stream.write_all(&packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_milter_with_a_crowd_waiting_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("milter.sock");
        let _crowd = crate::net::tests::crowded(&path);
        let error = connect(&path, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
