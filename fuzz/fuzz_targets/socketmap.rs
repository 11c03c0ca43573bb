//! Look-ups of next hops: whatever comes, in whatever pieces, is answered as a whole reading of it is.
//!
//! The first octet says how large the pieces are. The model reads all octets at once, the simplest way. What
//! it finds no demand for by a search through all entries is NOTFOUND; what it does not understand is TEMP.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mandatory_tls::socketmap::{Kind, LONGEST, Malformed, Request, Requests, answer};
use mandatory_tls_fuzz::policy;
use policy::Policy;
use std::sync::LazyLock;

const POLICY: &str = "
domains:
- { domain: a.example, deliver: { level: secure, match: nexthop, nexthop: '[mx.a.example]:25' } }
- { domain: b.example, mode: monitor, deliver: encrypt }
- { domain: '*.w.example', deliver: encrypt }
";

static IN_FORCE: LazyLock<Policy> = LazyLock::new(|| policy(POLICY));

/// A request, as the model has it: none is one that is too long.
type Found = Option<Vec<u8>>;

/// All requests, and whether something malformed follows.
fn model(mut octets: &[u8]) -> (Vec<Found>, bool) {
    let mut found = Vec::new();
    loop {
        let digits = octets.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let text = std::str::from_utf8(&octets[..digits]).unwrap();
        let is_odd = digits > 9 || digits > 1 && text.starts_with('0');
        if octets.len() == digits {
            return (found, digits > 0 && is_odd);
        }
        if octets[digits] != b':' || digits == 0 || is_odd {
            return (found, true);
        }
        let length: usize = text.parse().unwrap();
        let rest = &octets[digits + 1..];
        if rest.len() <= length {
            return (found, false);
        }
        if rest[length] != b',' {
            return (found, true);
        }
        found.push((length <= LONGEST).then(|| rest[..length].to_vec()));
        octets = &rest[length + 1..];
    }
}

/// The answer's first word.
fn word(request: &Found) -> &'static str {
    let Some(text) = request.as_ref().and_then(|octets| std::str::from_utf8(octets).ok()) else {
        return "TEMP";
    };
    let Some((_, key)) = text.split_once(' ') else { return "TEMP" };
    match key.to_ascii_lowercase().as_str() {
        "a.example" | "[mx.a.example]:25" | "a.example." => "OK",
        ".w.example" => "OK",
        // A Unix socket, whatever its path ends in.
        socket if socket.starts_with('/') => "NOTFOUND",
        plain if plain.ends_with(".w.example") && plain.parse::<policy::hop::NextHop>().is_ok() => {
            "OK"
        }
        _ if key.parse::<policy::hop::NextHop>().is_err() => "TEMP",
        _ => "",
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&size, octets)) = data.split_first() else { return };
    let (expected, malformed) = model(octets);
    let mut requests = Requests::default();
    let mut answers: Vec<(Found, Kind, Vec<u8>)> = Vec::new();
    let mut end = false;
    'pieces: for piece in octets.chunks(usize::from(size) + 1) {
        requests.push(piece);
        loop {
            match requests.take() {
                Ok(Some(request)) => {
                    let found = match request {
                        Request::Whole(octets) => Some(octets.to_vec()),
                        Request::TooLong => None,
                    };
                    let mut to = Vec::new();
                    let kind = answer(&IN_FORCE, request, Timestamp::UNIX_EPOCH, &mut to);
                    answers.push((found, kind, to));
                }
                Ok(None) => break,
                Err(Malformed) => {
                    end = true;
                    break 'pieces;
                }
            }
        }
        requests.rest();
    }
    assert_eq!(end, malformed);
    assert_eq!(answers.iter().map(|(found, ..)| found.clone()).collect::<Vec<_>>(), expected);
    for (found, kind, reply) in answers {
        // One netstring, and one of socketmap_table(5)'s words in it.
        let (replies, malformed) = model(&reply);
        assert!(replies.len() == 1 && !malformed);
        let text = String::from_utf8(replies[0].clone().unwrap()).unwrap();
        assert!(text.len() < 1000 && text.is_ascii() && !text.contains(char::is_control), "{text}");
        let expected = word(&found);
        match kind {
            Kind::Demanded => assert!(text.starts_with("OK secure ") || text == "OK encrypt"),
            Kind::Monitored | Kind::NotFound => assert_eq!(text, "NOTFOUND "),
            Kind::Fault => assert!(text.starts_with("TEMP ")),
        }
        if !expected.is_empty() {
            assert_eq!(text.split(' ').next(), Some(expected), "{found:?}");
        }
    }
});
