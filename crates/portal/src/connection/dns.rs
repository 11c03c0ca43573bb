//! Questions to the resolver of this host, which smtp(8) asks as well.
//!
//! Whether an answer is signed, the resolver says (the bit AD: RFC 4035, section 3.2.3), as it does to smtp(8):
//! where it does not validate, neither of the two knows of any TLSA record.

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, ParseRecordData, Rtype};
use domain::rdata::{A, Aaaa, AllRecordData, Mx};
use policy::DomainName;
use smtp::Tlsa;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use std::{fs, str};

/// How long a server may take for an answer before the next one is asked.
const ANSWER: Duration = Duration::from_secs(2);
/// How often the servers are asked.
const ROUNDS: usize = 2;
/// The servers that resolv.conf(5) takes.
const SERVERS: usize = 3;
/// The longest answer by UDP (RFC 9715).
const DATAGRAM: u16 = 1232;

/// The resolver.
#[derive(Clone, Debug)]
pub struct Dns {
    servers: Vec<SocketAddr>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    /// The records; none: the name has none of the kind.
    pub records: Vec<T>,
    /// Whether the resolver has seen that they are signed.
    pub is_secure: bool,
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsError {
    /// There is no such name.
    NoSuchName,
    /// The resolver did not answer, or says that it could not find out.
    NotAnswered,
}

/// An MX record; no host: the domain takes no mail (RFC 7505).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    /// The lower, the sooner it is tried.
    pub preference: u16,
    /// The server.
    pub host: Option<DomainName>,
}

impl Dns {
    /// That of the system (resolv.conf(5)).
    #[must_use]
    pub fn of_system() -> Self {
        let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let named = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok())?
        });
        let mut servers: Vec<SocketAddr> =
            named.take(SERVERS).map(|address| SocketAddr::new(address, 53)).collect();
        if servers.is_empty() {
            servers.push((Ipv4Addr::LOCALHOST, 53).into());
        }
        Self::at(servers)
    }

    /// These servers, the first one first.
    #[must_use]
    pub fn at(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// Whether the resolver validates: the root is signed.
    #[must_use]
    pub fn validates(&self, until: Instant) -> bool {
        self.ask(".", Rtype::SOA, until).is_ok_and(|answer| answer.header().ad())
    }

    /// Where mail for a domain goes, in the order of preference.
    ///
    /// # Errors
    ///
    /// When there was no answer.
    pub fn mx(&self, domain: &DomainName, until: Instant) -> Result<Answered<Exchange>, DnsError> {
        let answer = self.ask(domain.as_str(), Rtype::MX, until)?;
        let mut found = answered(&answer, |mx: Mx<_>| {
            let exchange = mx.exchange().to_string();
            let host = match &*exchange {
                "." | "" => None,
                // A name that is none is no server.
                exchange => Some(DomainName::parse(exchange).ok()?),
            };
            Some(Exchange { preference: mx.preference(), host })
        });
        found.records.sort();
        Ok(found)
    }

    /// The addresses of a host, of IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// When there was no answer to either.
    pub fn addresses(
        &self,
        host: &DomainName,
        until: Instant,
    ) -> Result<Answered<IpAddr>, DnsError> {
        let v4 = self.ask(host.as_str(), Rtype::A, until);
        let v4 = v4.map(|answer| answered(&answer, |a: A| Some(IpAddr::from(a.addr()))));
        let v6 = self.ask(host.as_str(), Rtype::AAAA, until);
        let v6 = v6.map(|answer| answered(&answer, |a: Aaaa| Some(IpAddr::from(a.addr()))));
        match (v4, v6) {
            (Ok(mut v4), Ok(v6)) => {
                v4.records.extend(v6.records);
                v4.is_secure &= v6.is_secure;
                Ok(v4)
            }
            // What one of the two tells is enough to go there.
            (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.records.is_empty() => {
                Ok(Answered { is_secure: false, ..found })
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// What is published of the certificate at a port of a host (RFC 7672).
    ///
    /// # Errors
    ///
    /// When there was no answer.
    pub fn tlsa(
        &self,
        host: &DomainName,
        port: u16,
        until: Instant,
    ) -> Result<Answered<Tlsa>, DnsError> {
        let answer = self.ask(&format!("_{port}._tcp.{host}"), Rtype::TLSA, until);
        let answer = match answer {
            Err(DnsError::NoSuchName) => {
                return Ok(Answered { records: Vec::new(), is_secure: false });
            }
            answer => answer?,
        };
        Ok(answered(&answer, |data: AllRecordData<_, _>| {
            let AllRecordData::Tlsa(record) = data else { return None };
            Some(Tlsa {
                usage: record.usage().to_int(),
                selector: record.selector().to_int(),
                matching: record.matching_type().to_int(),
                data: record.data().to_vec(),
            })
        }))
    }

    fn ask(&self, name: &str, kind: Rtype, until: Instant) -> Result<Message<Vec<u8>>, DnsError> {
        let query = query(name, kind).ok_or(DnsError::NoSuchName)?;
        for _ in 0..ROUNDS {
            for server in &self.servers {
                let answer = match exchange(*server, &query, until) {
                    Ok(answer) => answer,
                    Err(error) => {
                        tracing::warn!("the resolver {server} gives no answer: {error}");
                        continue;
                    }
                };
                match answer.header().rcode() {
                    Rcode::NOERROR => return Ok(answer),
                    Rcode::NXDOMAIN => return Err(DnsError::NoSuchName),
                    // Another server may know more.
                    _ => {}
                }
            }
        }
        Err(DnsError::NotAnswered)
    }
}

/// A question; none: the name is none.
fn query(name: &str, kind: Rtype) -> Option<Message<Vec<u8>>> {
    let name = Name::vec_from_str(name).ok()?;
    let mut id = [0; 2];
    getrandom::fill(&mut id).ok()?;
    let mut message = MessageBuilder::new_vec();
    let header = message.header_mut();
    header.set_id(u16::from_be_bytes(id));
    header.set_rd(true);
    header.set_ad(true);
    let mut message = message.question();
    message.push((name, kind)).ok()?;
    let mut message = message.additional();
    message
        .opt(|opt| {
            opt.set_udp_payload_size(DATAGRAM);
            opt.set_dnssec_ok(true);
            Ok(())
        })
        .ok()?;
    Some(message.into_message())
}

/// The records of an answer, also behind aliases, which the resolver has followed.
fn answered<'a, D: ParseRecordData<'a, Vec<u8>>, T>(
    answer: &'a Message<Vec<u8>>,
    read: impl Fn(D) -> Option<T>,
) -> Answered<T> {
    let section = answer.answer().into_iter();
    let records = section
        .flat_map(|section| section.limit_to_in::<D>())
        .filter_map(|record| read(record.ok()?.into_data()));
    Answered { records: records.collect(), is_secure: answer.header().ad() }
}

fn exchange(
    server: SocketAddr,
    query: &Message<Vec<u8>>,
    until: Instant,
) -> io::Result<Message<Vec<u8>>> {
    let end = until.min(Instant::now() + ANSWER);
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.send(query.as_slice())?;
    let mut octets = [0; DATAGRAM as usize];
    loop {
        socket.set_read_timeout(Some(left(end)?))?;
        let count = socket.recv(&mut octets)?;
        let received = octets.get(..count).unwrap_or_default().to_vec();
        // What is no answer to this came from elsewhere, or too late.
        let Ok(answer) = Message::from_octets(received) else { continue };
        if !answer.is_answer(query) {
            continue;
        }
        return if answer.header().tc() { by_tcp(server, query, end) } else { Ok(answer) };
    }
}

/// The whole of an answer that is too long for a datagram.
fn by_tcp(
    server: SocketAddr,
    query: &Message<Vec<u8>>,
    end: Instant,
) -> io::Result<Message<Vec<u8>>> {
    let mut stream = TcpStream::connect_timeout(&server, left(end)?)?;
    stream.set_write_timeout(Some(left(end)?))?;
    let length = u16::try_from(query.as_slice().len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query.as_slice()].concat())?;
    let mut read = |count: usize| -> io::Result<Vec<u8>> {
        let mut octets = Vec::with_capacity(count);
        while octets.len() < count {
            stream.set_read_timeout(Some(left(end)?))?;
            let mut part = [0; 4096];
            let most = part.len().min(count - octets.len());
            let got = stream.read(part.get_mut(..most).unwrap_or_default())?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            octets.extend(part.iter().take(got));
        }
        Ok(octets)
    };
    let length = match read(2)?.as_slice() {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    let answer = Message::from_octets(read(length.into())?).map_err(io::Error::other)?;
    if answer.is_answer(query) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
