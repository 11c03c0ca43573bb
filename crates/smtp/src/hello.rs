//! What would a server take with which a TLS of today cannot agree? It is offered an older version, or old
//! cipher suites, and its first answer tells. There is no handshake behind it, and so no cryptography: a
//! library that still has these is what nobody should link (RFC 5246, sections 6.2.1, 7.2 and 7.4.1).

use std::{
    fmt,
    io::{self, Read, Write},
};

/// A version before TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OldVersion {
    /// SSL 3.
    Ssl3,
    /// TLS 1.0.
    V1_0,
    /// TLS 1.1.
    V1_1,
    /// TLS 1.2.
    V1_2,
}

impl OldVersion {
    fn octets(self) -> [u8; 2] {
        match self {
            Self::Ssl3 => [3, 0],
            Self::V1_0 => [3, 1],
            Self::V1_1 => [3, 2],
            Self::V1_2 => [3, 3],
        }
    }

    fn of(octets: [u8; 2]) -> Option<Self> {
        [Self::Ssl3, Self::V1_0, Self::V1_1, Self::V1_2]
            .into_iter()
            .find(|version| version.octets() == octets)
    }
}

impl fmt::Display for OldVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssl3 => "SSL 3",
            Self::V1_0 => "TLS 1.0",
            Self::V1_1 => "TLS 1.1",
            Self::V1_2 => "TLS 1.2",
        })
    }
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelloAnswer {
    /// It would take this.
    Takes(OldVersion, &'static str),
    /// It would not.
    Refuses,
}

/// The suites that are offered: all that servers may still have, in OpenSSL's words.
const SUITES: [(u16, &str); 40] = [
    (0xc030, "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xc02f, "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xcca8, "ECDHE-RSA-CHACHA20-POLY1305"),
    (0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (0x009f, "DHE-RSA-AES256-GCM-SHA384"),
    (0x009e, "DHE-RSA-AES128-GCM-SHA256"),
    (0xccaa, "DHE-RSA-CHACHA20-POLY1305"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xc027, "ECDHE-RSA-AES128-SHA256"),
    (0xc024, "ECDHE-ECDSA-AES256-SHA384"),
    (0xc023, "ECDHE-ECDSA-AES128-SHA256"),
    (0x006b, "DHE-RSA-AES256-SHA256"),
    (0x0067, "DHE-RSA-AES128-SHA256"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc013, "ECDHE-RSA-AES128-SHA"),
    (0xc00a, "ECDHE-ECDSA-AES256-SHA"),
    (0xc009, "ECDHE-ECDSA-AES128-SHA"),
    (0x0039, "DHE-RSA-AES256-SHA"),
    (0x0033, "DHE-RSA-AES128-SHA"),
    (0x0088, "DHE-RSA-CAMELLIA256-SHA"),
    (0x0045, "DHE-RSA-CAMELLIA128-SHA"),
    (0x009d, "AES256-GCM-SHA384"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x003d, "AES256-SHA256"),
    (0x003c, "AES128-SHA256"),
    (0x0035, "AES256-SHA"),
    (0x002f, "AES128-SHA"),
    (0x0084, "CAMELLIA256-SHA"),
    (0x0041, "CAMELLIA128-SHA"),
    (0xc012, "ECDHE-RSA-DES-CBC3-SHA"),
    (0x0016, "DHE-RSA-DES-CBC3-SHA"),
    (0x000a, "DES-CBC3-SHA"),
    (0xc019, "AECDH-AES256-SHA"),
    (0x00a7, "ADH-AES256-GCM-SHA384"),
    (0x00a6, "ADH-AES128-GCM-SHA256"),
    (0x003a, "ADH-AES256-SHA"),
    (0x0005, "RC4-SHA"),
    (0x0004, "RC4-MD5"),
];

/// Offers all suites in a version, on a connection on which the server waits for a handshake.
///
/// # Errors
///
/// When the server answers nothing that belongs there.
pub fn ask_old(mut stream: impl Read + Write, version: OldVersion) -> io::Result<HelloAnswer> {
    stream.write_all(&client_hello(version))?;
    let mut header = [0; 5];
    match stream.read_exact(&mut header) {
        // Some say nothing and hang up.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(HelloAnswer::Refuses);
        }
        result => result?,
    }
    let [kind, _, _, high, low] = header;
    let mut fragment = vec![0; usize::from(u16::from_be_bytes([high, low])).min(MOST_FRAGMENT)];
    stream.read_exact(&mut fragment)?;
    match kind {
        ALERT => Ok(HelloAnswer::Refuses),
        HANDSHAKE => server_hello(&fragment)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not speak TLS")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak TLS")),
    }
}

/// Kinds of records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// A record's longest fragment.
const MOST_FRAGMENT: usize = 16 * 1024 + 2048;

/// A list with its length before it, in two octets.
fn list(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend(u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(octets);
}

fn client_hello(version: OldVersion) -> Vec<u8> {
    let mut suites: Vec<u8> = SUITES.iter().flat_map(|(id, _)| id.to_be_bytes()).collect();
    // That renegotiation is secure (RFC 5746, section 3.3); without it some servers refuse.
    suites.extend([0x00, 0xff]);
    let mut body = version.octets().to_vec();
    // The random octets, which nothing depends on here; and no session that is resumed.
    body.extend([0x5a; 32]);
    body.push(0);
    list(&mut body, &suites);
    // No compression.
    body.extend([1, 0]);
    if version > OldVersion::Ssl3 {
        list(&mut body, &extensions());
    }
    let mut fragment = vec![1, 0];
    list(&mut fragment, &body);
    let mut record = vec![HANDSHAKE, 3, if version == OldVersion::Ssl3 { 0 } else { 1 }];
    list(&mut record, &fragment);
    record
}

/// Groups, forms of points and signatures (RFC 8422, section 5.1; RFC 5246, section 7.4.1.4.1).
fn extensions() -> Vec<u8> {
    let groups = [0, 29, 0, 23, 0, 24, 0, 25];
    let signatures =
        [[8, 4], [8, 5], [8, 6], [4, 1], [5, 1], [6, 1], [4, 3], [5, 3], [6, 3], [2, 1], [2, 3]];
    let mut extensions = Vec::new();
    for (kind, value) in [(10_u16, &groups[..]), (13, signatures.as_flattened())] {
        extensions.extend(kind.to_be_bytes());
        let mut inner = Vec::new();
        list(&mut inner, value);
        list(&mut extensions, &inner);
    }
    extensions.extend([0, 11, 0, 2, 1, 0]);
    extensions
}

/// Reads the ServerHello at the head of a fragment.
fn server_hello(fragment: &[u8]) -> Option<HelloAnswer> {
    let (head, rest) = fragment.split_at_checked(6)?;
    let [2, _, _, _, major, minor] = *head else { return None };
    let version = OldVersion::of([major, minor])?;
    let (session, rest) = rest.get(32..)?.split_first()?;
    let (suite, _) = rest.get(usize::from(*session)..)?.split_first_chunk::<2>()?;
    let suite = u16::from_be_bytes(*suite);
    let (_, name) = SUITES.iter().find(|(id, _)| *id == suite)?;
    Some(HelloAnswer::Takes(version, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of an answer, whatever was asked.
    fn answer(octets: &[u8]) -> io::Result<HelloAnswer> {
        struct Server<'a>(&'a [u8]);
        impl Read for Server<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0.read(into)
            }
        }
        impl Write for Server<'_> {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                Ok(octets.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        ask_old(Server(octets), OldVersion::V1_2)
    }

    #[test]
    fn the_first_answer_of_a_server_tells_what_it_would_take() {
        let mut hello = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
        hello.extend([7; 32]);
        hello.extend([0, 0, 0x2f, 0]);
        assert_eq!(answer(&hello).unwrap(), HelloAnswer::Takes(OldVersion::V1_0, "AES128-SHA"));
        assert_eq!(answer(&[21, 3, 1, 0, 2, 2, 40]).unwrap(), HelloAnswer::Refuses);
        assert_eq!(answer(b"").unwrap(), HelloAnswer::Refuses);
        for cut in 1..hello.len() - 1 {
            assert!(answer(&hello[..cut]).is_err() || cut < 5, "{cut}");
        }
        for nonsense in [&b"454 TLS not available\r\n"[..], &[22, 3, 1, 0, 0], &[23, 3, 1, 0, 1, 0]]
        {
            assert!(answer(nonsense).is_err(), "{nonsense:?}");
        }
    }

    #[test]
    fn no_suite_is_offered_twice_and_each_is_one_that_the_policy_knows() {
        for (number, (id, name)) in SUITES.iter().enumerate() {
            assert!(SUITES.iter().take(number).all(|(other, _)| other != id), "{name}");
            let known = policy::tls::cipher::Cipher::from_name(name.as_bytes());
            assert!(known.suites().next().is_some(), "{name}");
        }
    }
}
