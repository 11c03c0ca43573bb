//! Whether it is this milter that answers where its metrics are to be.

use super::{Answer, Health, Patient};
use config::finding::FindingId;
use config::settings::SocketSpec;
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that is read of it, in octets.
const MOST: u64 = 1024 * 1024;
/// What every answer of this milter has.
const OURS: &str = "mandatory_tls_build";

/// Asks as Prometheus does.
pub(super) fn endpoint(patient: &Patient) -> Vec<Answer> {
    let (Some(metrics), Some(_)) = (&patient.settings.metrics, &patient.status) else {
        return Vec::new();
    };
    let (host, port) = &metrics.listen;
    let socket = SocketSpec::Inet(host.clone(), *port);
    // A port that the system has chosen is known to the log alone.
    if *port == 0 {
        return Vec::new();
    }
    let subject = "metrics";
    let (what, remedy) = match ask(host, *port) {
        Ok(text) if text.contains(OURS) => {
            return vec![Answer::right(subject, format!("{socket} answers"))];
        }
        Ok(_) => (
            format!(
                "{socket} is answered by another program: Prometheus hears nothing of this milter"
            ),
            "ss -ltnp says which; give one of the two another port (`metrics` in the settings)",
        ),
        Err(error) => (
            format!("{socket} does not answer: {error}"),
            "the milter's log says why it does not listen there (journalctl -u mandatory-tls)",
        ),
    };
    vec![Answer::new(FindingId::MetricsNotOurs, Health::Warning, subject, what, remedy)]
}

fn ask(host: &str, port: u16) -> io::Result<String> {
    let address = (host, port).to_socket_addrs()?.next();
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut octets = Vec::new();
    // Another program may hang up, or never end: what it said till then is enough.
    match stream.take(MOST).read_to_end(&mut octets) {
        Err(error) if octets.is_empty() && error.kind() != io::ErrorKind::ConnectionReset => {
            Err(error)
        }
        _ => Ok(String::from_utf8_lossy(&octets).into_owned()),
    }
}
