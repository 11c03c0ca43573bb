//! Servers as organisations have them, each with something else wrong, on loopback; and a resolver.

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype, ToName};
use domain::rdata::{A, Mx, Soa, Tlsa};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

/// An authority that is trusted in a test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate with its chain and key.
#[derive(Clone)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_until(names, 2096)
    }

    pub fn issue_until(&self, names: &[&str], year: i32) -> Identity {
        let (params, key) = leaf(names, year);
        let own = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![own.der().clone(), self.certificate.clone()];
        Identity { chain, key: key.serialize_der() }
    }
}

fn leaf(names: &[&str], year: i32) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "<b>server\u{202e}</b>");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    (params, KeyPair::generate().unwrap())
}

pub fn self_signed(names: &[&str]) -> Identity {
    let (params, key) = leaf(names, 2096);
    let own = params.self_signed(&key).unwrap();
    Identity { chain: vec![own.der().clone()], key: key.serialize_der() }
}

/// What a server does.
#[derive(Clone)]
pub enum Kind {
    /// It takes TLS, with this certificate.
    Tls(Identity),
    /// The same, TLS 1.2 at most.
    OldTls(Identity),
    NoStarttls,
    StarttlsRefused,
    /// It says yes to STARTTLS, and then this.
    After(&'static [u8]),
    TurnsAway,
    /// It says this at once, and nothing more.
    Says(Vec<u8>),
    /// It says an octet each second.
    Slow,
    Silent,
    HangsUp,
}

/// Starts a server; its port.
pub fn serve(kind: Kind) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, kind) = (stream.unwrap(), kind.clone());
            // Whoever tests hangs up when it has seen enough.
            thread::spawn(move || drop(talk(stream, &kind)));
        }
    });
    port
}

fn talk(mut stream: TcpStream, kind: &Kind) -> std::io::Result<()> {
    match kind {
        Kind::HangsUp => return Ok(()),
        Kind::Silent => return stream.read_to_end(&mut Vec::new()).map(drop),
        Kind::Says(what) => {
            stream.write_all(what)?;
            return stream.read_to_end(&mut Vec::new()).map(drop);
        }
        Kind::Slow => loop {
            stream.write_all(b"2")?;
            thread::sleep(std::time::Duration::from_secs(1));
        },
        Kind::TurnsAway => stream.write_all(b"554 5.7.1 <script>not you</script>\r\n")?,
        _ => stream.write_all(b"220 mx.example ESMTP\r\n")?,
    }
    let mut lines = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match (line.get(..4).unwrap_or_default(), kind) {
            ("EHLO", Kind::NoStarttls) => {
                stream.write_all(b"250-mx.example\r\n250 8BITMIME\r\n")?
            }
            ("EHLO", _) => {
                stream.write_all(b"250-mx.example\r\n250-8BITMIME\r\n250 STARTTLS\r\n")?
            }
            ("STAR", Kind::StarttlsRefused) => stream.write_all(b"454 4.7.0 not now\r\n")?,
            ("STAR", kind) => {
                stream.write_all(b"220 go ahead\r\n")?;
                return encrypt(stream, kind);
            }
            _ => return stream.write_all(b"221 bye\r\n"),
        }
    }
}

fn encrypt(mut stream: TcpStream, kind: &Kind) -> std::io::Result<()> {
    let (identity, versions) = match kind {
        Kind::Tls(identity) => (identity, rustls::ALL_VERSIONS),
        Kind::OldTls(identity) => (identity, &[&rustls::version::TLS12][..]),
        Kind::After(octets) => {
            stream.write_all(octets)?;
            return stream.read_to_end(&mut Vec::new()).map(drop);
        }
        _ => return Ok(()),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            identity.chain.clone(),
            PrivateKeyDer::try_from(identity.key.clone()).unwrap(),
        )
        .unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    // QUIT.
    stream.read_exact(&mut [0; 6])?;
    stream.write_all(b"221 bye\r\n")
}

/// What a resolver knows.
#[derive(Clone, Default)]
pub struct Zone {
    /// Whether it validates, and all of this is signed.
    pub is_signed: bool,
    /// Domain, preference, host.
    pub mx: Vec<(&'static str, u16, &'static str)>,
    /// Host, address.
    pub a: Vec<(&'static str, Ipv4Addr)>,
    /// Name, usage, digest (of the whole certificate, SHA-256).
    pub tlsa: Vec<(String, u8, Vec<u8>)>,
}

impl Zone {
    /// Starts a resolver that knows this; where.
    pub fn serve(self) -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut octets = [0; 1500];
            loop {
                let (count, from) = socket.recv_from(&mut octets).unwrap();
                let query = Message::from_octets(octets[..count].to_vec()).unwrap();
                socket.send_to(&self.answer(&query), from).unwrap();
            }
        });
        address
    }

    fn answer(&self, query: &Message<Vec<u8>>) -> Vec<u8> {
        let question = query.sole_question().unwrap();
        let name = question.qname().to_string().to_lowercase();
        let known = name.is_empty()
            || name == "."
            || self.mx.iter().any(|(of, ..)| *of == name)
            || self.a.iter().any(|(of, _)| *of == name)
            || self.tlsa.iter().any(|(of, ..)| *of == name);
        let rcode = if known { Rcode::NOERROR } else { Rcode::NXDOMAIN };
        let mut message = MessageBuilder::new_vec().start_answer(query, rcode).unwrap();
        message.header_mut().set_ad(self.is_signed);
        let owner: Name<Vec<u8>> = question.qname().to_name();
        let to = |name: &str| name.parse::<Name<Vec<u8>>>().unwrap();
        match question.qtype() {
            Rtype::SOA => {
                let soa = Soa::new(to("."), to("."), 1.into(), ttl(), ttl(), ttl(), ttl());
                message.push((owner, 60, soa)).unwrap();
            }
            Rtype::MX => {
                for (_, preference, host) in self.mx.iter().filter(|(of, ..)| *of == name) {
                    message.push((&owner, 60, Mx::new(*preference, to(host)))).unwrap();
                }
            }
            Rtype::A => {
                for (_, address) in self.a.iter().filter(|(of, _)| *of == name) {
                    message.push((&owner, 60, A::new(*address))).unwrap();
                }
            }
            Rtype::TLSA => {
                for (_, usage, digest) in self.tlsa.iter().filter(|(of, ..)| *of == name) {
                    let tlsa = Tlsa::new((*usage).into(), 0.into(), 1.into(), digest.clone());
                    message.push((&owner, 60, tlsa)).unwrap();
                }
            }
            _ => {}
        }
        message.finish()
    }
}

fn ttl() -> domain::base::Ttl {
    domain::base::Ttl::from_secs(60)
}

/// The moment of the tests.
pub fn today() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}
