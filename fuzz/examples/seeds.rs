//! Makes the seeds of all targets, and the dictionaries: from the recordings of MTAs, the shipped
//! policy, and the policies that the tests read.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`; what is in `corpus` under names
//! that begin with `seed-` is replaced, what fuzzing has found stays.

use mandatory_tls_fuzz::wire::{pairs, split};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Forms of addresses beyond those in the recordings.
const ADDRESSES: &[&str] = &[
    "boss@box.example",
    "<Boss+news@box.example>",
    "<\"boss\"@box.example>",
    "<box.example!boss>",
    "<boss%box.example@other.test>",
    "<@a.test:boss@box.example>",
    "<clerk@box.example>",
    "<user@faß.example>",
    "<user@BU\u{308}CHER.example>",
    "<user@xn--bcher-kva.example>",
    "<user@ｏpted。example>",
    "<user@opted\u{200d}.example>",
    "<user@a.b.opted.example.>",
    "<user@opted(c).example>",
    "<user@opted example>",
    "<user@opted .example>",
    "<a@b><c@d>(e)\"f\"\\g,h;i:j[k]!l%m",
];

/// Conversations are cut after so many octets.
const LONGEST_CONVERSATION: usize = 1000;

fn main() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let product = fuzz.parent().unwrap();
    let recordings = recordings(&product.join("tests/fixtures/traces"));
    write(&fuzz.join("corpus/recipient"), recipients(&recordings));
    let tls = product.join("crates/policy/tests/fixtures/tls");
    write(&fuzz.join("corpus/macros"), macros(&recordings, &tls));
    write(&fuzz.join("corpus/policy_file"), policies(product));
    write(&fuzz.join("corpus/conversation"), conversations(&recordings));
    write(&fuzz.join("corpus/socketmap"), look_ups(&product.join("tests/fixtures/look-ups.jsonl")));
    write(&fuzz.join("corpus/log"), logs(product));
    let words = dictionary(&tls.join("names.csv"));
    fs::write(fuzz.join("dictionaries/macros.dict"), words).unwrap();
}

/// Requests that nobody should send, and next hops of each kind.
const LOOK_UPS: &[&str] = &[
    "",
    "QUERY",
    "QUERY ",
    "QUERY  a.example",
    "other A.EXAMPLE.",
    "QUERY a.example\n",
    "QUERY a b.example",
    "QUERY b.example",
    "QUERY .w.example",
    "QUERY x.y.w.example",
    "QUERY w.example",
    "QUERY [mx.a.example]:25",
    "QUERY [MX.A.example]:smtp",
    "QUERY [mx.a.example",
    "QUERY [mx.a.example]25",
    "QUERY [mx.a.example]:0",
    "QUERY a.example:65536",
    "QUERY [192.0.2.1]",
    "QUERY [ipv6:2001:db8::1]:25",
    "QUERY 2001:db8::1",
    "QUERY /run/dovecot/lmtp",
    "QUERY unix:/run/lmtp",
    "QUERY relay:[mx.a.example]:25",
    "QUERY faß.w.example",
    "QUERY xn--bcher-kva.w.example",
    "QUERY a\u{3002}example",
    "QUERY a..example",
    "QUERY .",
    "QUERY *.w.example",
    "QUERY \u{1b}[2J",
    "QUERY a.example\0",
];

/// Octets that are no netstring, or that end amid one.
const NO_NETSTRINGS: &[&str] = &[
    "15:QUERY a.example;",
    "015:QUERY a.example,",
    "15 :QUERY a.example,",
    "-1:,",
    ":,",
    "1234567890:a,",
    "999999999:a",
    "15:QUERY a.exa",
    "15",
    "GET / HTTP/1.1\r\n\r\n",
];

/// Recorded look-ups of Postfix, each case in pieces of another size; what nobody should send; and all at once.
fn look_ups(recorded: &Path) -> BTreeSet<Vec<u8>> {
    let netstring = |text: &str| format!("{}:{text},", text.len());
    let mut seeds = BTreeSet::new();
    for (number, line) in fs::read_to_string(recorded).unwrap().lines().enumerate() {
        let case: Value = serde_json::from_str(line).unwrap();
        let pairs = case["look_ups"].as_array().unwrap();
        let requests: String = pairs.iter().map(|pair| pair[0].as_str().unwrap()).collect();
        seeds.insert([&[u8::try_from(number).unwrap()], requests.as_bytes()].concat());
    }
    for text in LOOK_UPS {
        seeds.insert([&[255], netstring(text).as_bytes()].concat());
    }
    let good = netstring("QUERY a.example");
    for text in NO_NETSTRINGS {
        seeds.insert([&[0], good.as_bytes(), text.as_bytes()].concat());
    }
    let all: String = LOOK_UPS.iter().map(|text| netstring(text)).collect();
    seeds.insert([&[6], all.as_bytes()].concat());
    let longest = netstring(&format!("QUERY {}", "a.".repeat(4997)));
    let too_long = netstring(&"x".repeat(10_001));
    for text in [longest, too_long.clone() + &good, too_long[..10_007].to_owned() + ";"] {
        seeds.insert([&[255], text.as_bytes()].concat());
    }
    // No text.
    seeds.insert(b"\xff14:QUERY \xff.example,".to_vec());
    seeds
}

/// Logs of real MTAs and those in the tests, as they are; and things that happen, one for each MTA, from octets
/// without pattern.
fn logs(product: &Path) -> BTreeSet<Vec<u8>> {
    const LONGEST: usize = 4000;
    let tests = product.join("crates/ledger/src/postfix_log/tests");
    let mut texts = Vec::new();
    for name in ["second-hop-3.7.log", "handshakes-3.7.log"] {
        texts.push(fs::read_to_string(tests.join(name)).unwrap());
    }
    for name in ["deliveries.rs", "handshakes.rs", "repetition.rs", "sendmail.rs", "mod.rs"] {
        let source = fs::read_to_string(tests.join(name)).unwrap();
        let lines = literals(&source).into_iter().filter_map(|text| String::from_utf8(text).ok());
        let is_line = |text: &String| text.contains(": ") && text.contains('=');
        let begin = "Jan  1 00:00:00 mx postfix/";
        texts.push(lines.filter(is_line).map(|line| format!("{begin}{line}\n")).collect());
    }
    let mut seeds = BTreeSet::new();
    for text in texts {
        let mut seed = vec![1];
        for line in text.lines() {
            if seed.len() + line.len() >= LONGEST {
                seeds.insert(std::mem::replace(&mut seed, vec![1]));
            }
            seed.extend_from_slice(line.as_bytes());
            seed.push(b'\n');
        }
        seeds.insert(seed);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for kind in (0..=u8::MAX).step_by(5) {
        let octets = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        });
        seeds.insert([0, kind].into_iter().chain(octets.take(250)).collect());
    }
    seeds
}

/// Replaces the seeds in a directory.
fn write(directory: &Path, seeds: BTreeSet<Vec<u8>>) {
    fs::create_dir_all(directory).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("seed-") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("seed-{number:03}")), seed).unwrap();
    }
    let octets: usize = seeds.iter().map(Vec::len).sum();
    println!("{}: {} seeds, {octets} octets", directory.display(), seeds.len());
}

/// One connection of a recording: its packets.
struct Recording {
    name: String,
    lists: bool,
    packets: Vec<(u8, Vec<u8>)>,
}

fn recordings(directory: &Path) -> Vec<Recording> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    paths.sort();
    paths.iter().map(|path| recording(path)).collect()
}

fn recording(path: &Path) -> Recording {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = lines.next().unwrap();
    let packets: Vec<Value> = lines.collect();
    let first = packets.first().map(|packet| packet["conn"].clone());
    let stream: Vec<u8> = packets
        .iter()
        .filter(|packet| Some(&packet["conn"]) == first.as_ref())
        .flat_map(|packet| octets(packet["hex"].as_str().unwrap()))
        .collect();
    Recording {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        lists: header["negotiation"] != "default" && header["negotiation"] != "v2",
        packets: split(&stream).0,
    }
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The recorded domain, made into the one that the target's policy names.
fn opted_in(octets: &[u8]) -> Vec<u8> {
    let (from, to) = (b"example.com", b"opted.example");
    let mut done = Vec::new();
    let mut rest = octets;
    while let Some((first, after)) = rest.split_first() {
        if rest.len() >= from.len() && rest[..from.len()].eq_ignore_ascii_case(from) {
            done.extend_from_slice(to);
            rest = &rest[from.len()..];
        } else {
            done.push(*first);
            rest = after;
        }
    }
    done
}

/// Every RCPT with its macros and its MAIL.
fn recipients(recordings: &[Recording]) -> BTreeSet<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    for recording in recordings {
        let (mut mail, mut mail_addr) = (Vec::new(), b"-".to_vec());
        let mut batch = Vec::new();
        for (letter, payload) in &recording.packets {
            let argument = || payload.split(|octet| *octet == 0).next().unwrap().to_vec();
            let value = |batch: &[u8], name: &[u8]| {
                let found = pairs(batch).into_iter().find(|(key, _)| key == name);
                found.map_or_else(|| b"-".to_vec(), |(_, value)| value)
            };
            match (letter, payload.first()) {
                (b'D', Some(b'M')) => mail_addr = value(&payload[1..], b"mail_addr"),
                (b'D', Some(b'R')) => batch = payload[1..].to_vec(),
                (b'M', _) => mail = argument(),
                (b'R', _) => {
                    let address = value(&batch, b"rcpt_addr");
                    let host = value(&batch, b"rcpt_host");
                    let fields = [&argument()[..], &address, &host, &mail, &mail_addr];
                    if fields.concat().len() < 400 {
                        seeds.insert(opted_in(&fields.join(&0)));
                    }
                    batch.clear();
                }
                _ => {}
            }
        }
    }
    for address in ADDRESSES {
        seeds.insert(address.as_bytes().to_vec());
        let mail = format!("<user@free.example>\0-\0-\0{address}\0-");
        seeds.insert(mail.into_bytes());
    }
    seeds.insert(b"<u@free.example>\0u@free.example\0free.example\0<a@lax.example>".to_vec());
    seeds.insert(b"<u@free.example>\0-\0opted.example.\0<>\0".to_vec());
    seeds
}

/// The TLS macros of the recordings, and the values that MTAs and libraries are known to have.
fn macros(recordings: &[Recording], tls: &Path) -> BTreeSet<Vec<u8>> {
    const NAMES: [&str; 6] =
        ["tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer", "verify"];
    let batch = |values: [Option<&[u8]>; 6]| {
        let mut batch = b"j\0mx\0".to_vec();
        for (name, value) in NAMES.iter().zip(values) {
            if let Some(value) = value {
                batch.extend(format!("{{{name}}}\0").into_bytes());
                batch.extend(value);
                batch.push(0);
            }
        }
        batch
    };
    let mut seeds = BTreeSet::new();
    for recording in recordings {
        for (_, payload) in recording.packets.iter().filter(|(letter, _)| *letter == b'D') {
            let pairs = pairs(payload.get(1..).unwrap_or_default());
            let value = |name: &str| {
                let found = pairs.iter().find(|(key, _)| key == name.as_bytes());
                found.map(|(_, value)| &**value)
            };
            seeds.insert(batch(NAMES.map(value)));
        }
    }
    let edge_cases = fs::read_to_string(tls.join("edge_cases.csv")).unwrap();
    for line in edge_cases.lines().skip(1) {
        let mut fields = line.split(',').skip(1);
        let mut value = || {
            let field = fields.next().unwrap();
            (field != "<absent>").then_some(field.as_bytes())
        };
        seeds.insert(batch([value(), value(), value(), None, None, None]));
    }
    for (subject, verify) in [
        ("mx.partner.example", None),
        ("/O=Example+20Lab/CN=mx.partner.example", Some(&b"OK"[..])),
        ("/O=Example+20Lab/CN=mx.partner.example", Some(b"FAIL")),
    ] {
        let (version, cipher) = (&b"TLSv1.3"[..], &b"TLS_AES_256_GCM_SHA384"[..]);
        let subject = subject.as_bytes();
        seeds.insert(batch([Some(version), Some(cipher), None, Some(subject), None, verify]));
    }
    seeds
}

/// The names of ciphers and versions, as libFuzzer reads them.
fn dictionary(names: &Path) -> String {
    let text = fs::read_to_string(names).unwrap();
    let mut words: BTreeSet<&str> = text
        .lines()
        .skip(1)
        .filter(|line| line.contains(",openssl,") || line.contains(",iana,"))
        .filter_map(|line| line.split(',').next())
        .collect();
    words.extend([
        "{tls_version}",
        "{cipher}",
        "{cipher_bits}",
        "{cert_subject}",
        "{verify}",
        "mx.partner.example",
        "/CN=",
        "+2FCN=",
        "SSLv2",
        "SSLv3",
        "TLSv1",
        "TLSv1.0",
        "TLSv1.1",
        "TLSv1.2",
        "TLSv1.3",
        "TLS1.2",
        "TLSv1_3",
        "TLSv1.4",
        "TLSv1/SSLv3",
        "UNKNOWN",
        "(NONE)",
    ]);
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"\n")).collect();
    quoted.concat()
}

/// The shipped policy, and every literal in the tests that looks like a policy.
fn policies(product: &Path) -> BTreeSet<Vec<u8>> {
    let shipped = fs::read_to_string(product.join("conf/policy.yaml")).unwrap();
    let uncommented: String = shipped
        .lines()
        .map(|line| format!("{}\n", line.replacen("# ", "", 1)))
        .filter(|line| line.contains(": ") || line.contains("- ") || line.ends_with(":\n"))
        .collect();
    let mut seeds = BTreeSet::from([shipped.into_bytes(), uncommented.into_bytes()]);
    let mut paths = Vec::new();
    sources(&product.join("tests"), &mut paths);
    paths.sort();
    for path in paths {
        let source = fs::read_to_string(path).unwrap();
        seeds.extend(literals(&source).into_iter().filter(|text| is_policy(text)));
    }
    seeds
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn is_policy(text: &[u8]) -> bool {
    const KEYS: [&str; 9] = [
        "domains:",
        "senders:",
        "defaults:",
        "requirements:",
        "trusted:",
        "include:",
        "gives_way:",
        "tests:",
        "- ",
    ];
    let text = String::from_utf8_lossy(text);
    text.len() < 4000
        && KEYS.iter().any(|key| text.starts_with(key) || text.contains(&format!("\n{key}")))
}

/// The string literals of a Rust source, as far as a look at the quotes finds them.
fn literals(source: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('"') {
        let raw = rest[..at].ends_with("r#");
        let after = &rest[at + 1..];
        if raw {
            let Some((text, end)) = after.split_once("\"#") else {
                break;
            };
            found.push(text.as_bytes().to_vec());
            rest = end;
        } else {
            let mut escaped = false;
            let Some(end) = after.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            }) else {
                break;
            };
            let text = after[..end]
                .replace("\\n", "\n")
                .replace("\\t", "\t")
                .replace("\\\"", "\"")
                .replace("\\\n", "");
            found.push(text.into_bytes());
            rest = &after[end + 1..];
        }
    }
    found
}

/// The packets of each recording after its negotiation, each ended by the octet 255; of those of
/// address forms, which have no more to them than their addresses, only one.
fn conversations(recordings: &[Recording]) -> BTreeSet<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    for recording in recordings {
        if recording.name.contains("-addr-") && !recording.name.ends_with("-addr-aliases") {
            continue;
        }
        let options = if recording.lists { 0 } else { 0x04 };
        let mut seed = vec![options, 7];
        for (letter, payload) in &recording.packets {
            let is_read = matches!(letter, b'D' | b'C' | b'H' | b'M' | b'R' | b'E' | b'A' | b'K');
            let full = seed.len() + payload.len() > LONGEST_CONVERSATION;
            if !is_read || full || payload.contains(&0xff) {
                continue;
            }
            seed.push(*letter);
            seed.extend_from_slice(payload);
            seed.push(0xff);
        }
        seeds.insert(seed);
    }
    seeds
}
