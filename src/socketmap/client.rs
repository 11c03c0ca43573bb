//! One look-up, as smtp(8) makes it: for `setup` and `doctor`, to try what Postfix will ask.

use super::netstring;
use config::settings::SocketSpec;
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

/// How long to wait. It takes some microseconds, or a restart of the program.
const PATIENCE: Duration = Duration::from_secs(10);
/// No reply of ours is longer.
const LONGEST: u64 = 100_000;

/// The reply to a look-up: `OK encrypt`, `NOTFOUND `.
///
/// # Errors
///
/// Those of the system ([`io::ErrorKind::WouldBlock`]: there is no reply in time); [`io::ErrorKind::InvalidData`] for
/// what is no reply of a socketmap.
pub fn ask(socket: &SocketSpec, key: &str) -> io::Result<String> {
    match socket {
        SocketSpec::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            ask_on(stream, key)
        }
        SocketSpec::Inet(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            ask_on(stream, key)
        }
    }
}

fn ask_on(mut stream: impl Read + Write, key: &str) -> io::Result<String> {
    let mut request = Vec::new();
    netstring::write(&mut request, &[b"QUERY ", key.as_bytes()]);
    stream.write_all(&request)?;
    let mut length = String::new();
    let mut octet = [0];
    while length.len() < 7 {
        stream.read_exact(&mut octet)?;
        match octet {
            [b':'] => break,
            [digit] => length.push(char::from(digit)),
        }
    }
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "what answers is no socketmap");
    let length: u64 = length.parse().map_err(|_| odd())?;
    let mut reply = String::new();
    let read = Read::by_ref(&mut stream).take(length.min(LONGEST)).read_to_string(&mut reply)?;
    stream.read_exact(&mut octet)?;
    if u64::try_from(read) == Ok(length) && octet == *b"," { Ok(reply) } else { Err(odd()) }
}
