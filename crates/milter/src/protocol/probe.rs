//! The MTA's side of a milter connection, just enough to see whether the milter answers.

use super::{negotiation, packet};
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
/// How the error begins where a program answers that is not this milter.
pub const ANOTHER: &str = "another program answers there";
/// All actions and options, as Postfix offers them.
const OFFER: [u32; 3] = [PROTOCOL_VERSION, Actions::all().bits(), ProtoOpts::all().bits()];

/// Connects to a milter and negotiates with it, as an MTA does.
///
/// # Errors
///
/// When it cannot be reached, or does not answer as this milter does: what a milter asks for is as good as
/// a name.
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
    let offer = OFFER.map(u32::to_be_bytes).concat();
    packet::write(&mut packets, CommandKind::OptNeg, &offer);
    stream.write_all(&packets)?;
    let mut expected = Vec::new();
    negotiation::negotiate(&offer, &mut expected);
    let mut answer = vec![0; expected.len()];
    let another =
        |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{ANOTHER}: {what}"));
    // Length and letter first: another answer is shorter or longer.
    let (head, rest) = answer.split_at_mut(5.min(expected.len()));
    stream.read_exact(head).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "it takes the connection and does not answer")
        }
        io::ErrorKind::UnexpectedEof => another("it says nothing that a milter says"),
        _ => error,
    })?;
    if head.last() != Some(&u8::from(ReplyKind::OptNeg)) {
        return Err(another("it does not speak as a milter"));
    }
    let is_same_length = expected.starts_with(head);
    if !is_same_length || stream.read_exact(rest).is_err() || answer != expected {
        return Err(another(
            "a milter that asks for other things than this one (or another version of it)",
        ));
    }
    packets.clear();
    packet::write(&mut packets, CommandKind::Quit, b"");
    stream.write_all(&packets)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_milter_with_a_crowd_waiting_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("milter.sock");
        let _crowd = crowded(&path);
        let error = connect(&path, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
