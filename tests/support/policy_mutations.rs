//! Policy files with something wrong in them: what editors, shells, transfers and people do to a
//! file.

use crate::random::Random;

/// A policy that uses every key there is.
pub const RICH: &str = r#"# All keys.
defaults:
  mode: enforce
  require: baseline
  language: en
  reply:
    code: 450
    text: "{domain} needs TLS: {reason} ({tls_version}, {cipher}, {client}). {remedy} {url}"
    url: https://www.example.org/tls
requirements:
  modern:
    extends: baseline
    min_version: TLSv1.2
    min_bits: 128
    forward_secrecy: true
    aead: true
  partner:
    extends: modern
    forbid: [3DES, anonymous]
    client_certificate: { subject: mx.bank.example, issuer: "Bank CA" }
  one-suite:
    allow: [TLS_AES_256_GCM_SHA384]
trusted:
  clients: [127.0.0.0/8, "::1/128"]
  authenticated: true
local:
  mode: monitor
  reply: { code: 550 }
recipient_delimiter: "+"
domains:
  - example.com
  - "*.example.com"
  - boss@free.example
  - { domain: postmaster@example.com, mode: off }
  - domain: example.org
    enforce_from: 2027-01-01
    require: modern
    contact: postmaster@example.org
    language: de
    exceptions:
      - { client: 192.0.2.0/24, until: 2026-12-31, reason: "branch office scanner" }
      - sender: scanner.example
        client: [198.51.100.7, "2001:db8::/48"]
        reason: "replaced in spring"
      - { client_certificate: { subject: mx.old.example }, reason: "old ciphers" }
  - domain: bücher.example
    mode: monitor
    reply: { text: "no", url: "https://b.example" }
senders:
  - domain: bank.example
    require: partner
  - one.example
tests:
  - { rcpt: u@nobody.test, client: 203.0.113.9, verdict: accept, reason: not-opted-in }
include: [domains.d/*.yaml]
"#;

/// The file that [`RICH`] and the shipped policy include.
pub const INCLUDED: (&str, &str) = ("domains.d/more.yaml", "- more.example\n");

/// What is put in place of a value, or anywhere.
const ODD: &[&str] = &[
    "",
    "~",
    "null",
    "yes",
    "-1",
    "0x7f",
    "1e999",
    "99999999999999999999999999",
    "2027-02-30",
    "2027-13-01",
    "99999-01-01",
    "-9999-01-01",
    "9999-12-31",
    "2027-01-01T25:00:00Z",
    "2027-01-31T08:00:00+99:99",
    "0.0.0.0/0",
    "10.0.0.0/33",
    "::/0",
    "999.1.2.3",
    "*",
    "*.*.example",
    "*anchor",
    "&anchor",
    "&anchor x",
    "!!binary aGVsbG8=",
    "!tag x",
    "<<: *anchor",
    "? complex",
    "|",
    ">-",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "[]",
    "'",
    "\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "%YAML 1.2",
    "---",
    "...",
    "@",
    "`",
    "#",
    ":",
    ": :",
    ",",
    "-",
    "- - - -",
    "\t",
    "\0",
    "\r",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "\u{85}",
    "ﬀ.example",
    "xn--a",
    "xn--bcher-kva.example",
    "user@example.com",
    "a..b",
    "example.com",
    "TLSv1.3",
    "RC4",
    "baseline",
    "partner",
    "{domain}{domain}",
    "%n",
    "../../../../../../dev/zero",
    "/dev/stdin",
    "*.yaml",
];

/// The text with one to three things wrong.
pub fn mutated(random: &mut Random, text: &str) -> Vec<u8> {
    let mut octets = text.as_bytes().to_vec();
    for _ in 0..1 + random.below(3) {
        match random.below(5) {
            0 | 1 => change_lines(random, &mut octets),
            2 => change_value(random, &mut octets),
            3 => change_octets(random, &mut octets),
            _ => change_all(random, &mut octets),
        }
    }
    octets
}

/// Lines dropped, doubled, swapped, moved to another depth.
fn change_lines(random: &mut Random, octets: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> =
        octets.split_inclusive(|c| *c == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (at, other) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(7) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => lines.insert(other, lines[at].clone()),
        3 => lines.swap(at, other),
        4 => drop(lines[at].splice(..0, vec![b' '; 1 + random.below(4)])),
        5 => drop(lines[at].splice(..0, *b"\t")),
        _ => {
            let blanks = lines[at].iter().take_while(|c| **c == b' ').count();
            drop(lines[at].drain(..random.below(blanks + 1)));
        }
    }
    *octets = lines.concat();
}

/// A word replaced by an odd one, or by many.
fn change_value(random: &mut Random, octets: &mut Vec<u8>) {
    let is_word = |c: &u8| !c.is_ascii_whitespace() && !b"[]{},:\"".contains(c);
    let starts: Vec<usize> = (0..octets.len())
        .filter(|at| is_word(&octets[*at]) && (*at == 0 || !is_word(&octets[*at - 1])))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = random.pick(&starts);
    let length = octets[start..].iter().take_while(|c| is_word(c)).count();
    let times = if random.one_in(20) { 3000 } else { 1 };
    let odd = random.pick(ODD).repeat(times);
    drop(octets.splice(start..start + length, odd.bytes()));
}

/// Octets flipped, put in, cut off.
fn change_octets(random: &mut Random, octets: &mut Vec<u8>) {
    let at = random.below(octets.len() + 1);
    match random.below(4) {
        0 if at < octets.len() => octets[at] ^= 1 << random.below(8),
        1 => octets.truncate(at),
        2 => drop(octets.splice(at..at, random.pick(ODD).bytes())),
        _ => drop(octets.drain(..at)),
    }
}

/// The whole file in another form.
fn change_all(random: &mut Random, octets: &mut Vec<u8>) {
    let with = |octets: &[u8], from: u8, to: &[u8]| -> Vec<u8> {
        octets.iter().flat_map(|c| if *c == from { to.to_vec() } else { vec![*c] }).collect()
    };
    *octets = match random.below(8) {
        0 => with(octets, b'\n', b"\r\n"),
        1 => with(octets, b'\n', b"\r"),
        2 => with(octets, b' ', b"\t"),
        3 => with(octets, b' ', "\u{a0}".as_bytes()),
        4 => [b"\xef\xbb\xbf", &octets[..]].concat(),
        5 => octets.iter().flat_map(|c| [*c, 0]).collect(),
        6 => octets.repeat(2),
        _ => [&octets[..], b"\n---\n", &octets[..]].concat(),
    };
}
