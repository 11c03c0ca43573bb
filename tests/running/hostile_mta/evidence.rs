//! What the octets of a session say of its encryption and its recipients: naive, and apart from
//! the product's code. Where the model knows what is right it says so, else it claims nothing.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

/// The policy that the model knows. Whoever is not named is opted in, so that a recipient or
/// sender with none of the letters `z` and `k` in it, however odd, is bound to be judged.
pub const POLICY: &str = r#"
domains:
  - "*"
  - { domain: zz.test, mode: off }
  - { domain: zm.test, mode: monitor }
local: { mode: enforce }
senders: [kk.test]
defaults:
  reply: { text: "{domain}: {reason} ({client}, {tls_version}, {cipher}). {remedy}" }
"#;

/// What is right for a RCPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// It must be taken.
    Taken,
    /// It must be refused.
    Refused,
    /// The model cannot tell.
    Either,
}

/// What the MTA has told of TLS for a RCPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The words of a session that every MTA and milter takes for a good one.
    Good,
    /// Nothing that could be one.
    NotGood,
    /// Words that may be those of a good one.
    Perhaps,
}

/// What the MTA has sent that a verdict can rest on.
#[derive(Debug, Default)]
pub struct Session<'s> {
    /// Whether the MTA takes lists of macros.
    lists: bool,
    /// The last batch of macros of each stage that still counts.
    connect: &'s [u8],
    helo: &'s [u8],
    mail: &'s [u8],
    rcpt: &'s [u8],
    /// The argument of MAIL and `{mail_addr}`, while the message lasts.
    sender: Option<[&'s [u8]; 2]>,
}

impl<'s> Session<'s> {
    /// Nothing is known yet.
    pub fn new(lists: bool) -> Self {
        Self { lists, ..Self::default() }
    }

    pub fn macros(&mut self, payload: &'s [u8]) {
        match payload {
            [b'C', batch @ ..] => self.connect = batch,
            [b'H', batch @ ..] => self.helo = batch,
            [b'M', batch @ ..] => self.mail = batch,
            [b'R', batch @ ..] => self.rcpt = batch,
            _ => {}
        }
    }

    pub fn mail(&mut self, argument: &'s [u8]) {
        self.rcpt = b"";
        self.sender = Some([argument, value(self.mail, "mail_addr")]);
    }

    pub fn end_message(&mut self) {
        self.mail = b"";
        self.rcpt = b"";
        self.sender = None;
    }

    /// What is right for this RCPT. Its macros prove nothing for the next one.
    pub fn rcpt(&mut self, argument: &[u8]) -> Right {
        let told = self.told();
        let recipient = [argument, value(self.rcpt, "rcpt_addr"), value(self.rcpt, "rcpt_host")];
        self.rcpt = b"";
        let [written, understood, host] = recipient;
        let plainly_enforced = |address| plain_domain(address).is_some_and(|name| !is_free(&name));
        let is_enforced = plainly_enforced(written)
            || plainly_enforced(understood)
            || recipient.iter().all(|text| is_without(text, b'z'));
        let plainly_free =
            |address: &[u8]| plain_domain(address).is_some_and(|name| is_free(&name));
        let is_free = plainly_free(written)
            && (understood.is_empty() || plainly_free(understood))
            && matches!(host, b"" | b"zz.test" | b"zm.test");
        let [sender, _] = self.sender.unwrap_or_default();
        let of_partner = plain_domain(sender).is_some_and(|name| name == "kk.test");
        let of_nobody =
            self.sender.unwrap_or_default().iter().all(|address| is_without(address, b'k'));
        match told {
            Told::Good => Right::Taken,
            Told::NotGood if is_enforced || of_partner => Right::Refused,
            Told::NotGood | Told::Perhaps if is_free && of_nobody => Right::Taken,
            Told::NotGood | Told::Perhaps => Right::Either,
        }
    }

    fn told(&self) -> Told {
        let honoured = self.lists && !value(self.rcpt, "j").is_empty();
        // Postfix for mail from local programs; there is more to it, of which nothing is claimed.
        if honoured && value(self.connect, "daemon_port") == b"0" {
            return Told::Perhaps;
        }
        let tells = |batch| has(batch, "tls_version") || has(batch, "cipher");
        let stages = [self.rcpt, self.mail, self.helo, self.connect];
        let batch = if honoured {
            self.rcpt
        } else {
            stages.into_iter().find(|batch| tells(batch)).unwrap_or_default()
        };
        told(["tls_version", "cipher", "cipher_bits"].map(|name| value(batch, name)))
    }
}

fn told([version, cipher, bits]: [&[u8]; 3]) -> Told {
    if version == b"TLSv1.3" && cipher == b"TLS_AES_256_GCM_SHA384" && matches!(bits, b"" | b"256")
    {
        return Told::Good;
    }
    let [version, cipher] = [version, cipher].map(|text| text.to_ascii_uppercase());
    let is_version = version.is_empty() || version.starts_with(b"TLS") || version == b"UNKNOWN";
    let no_bits = !bits.is_empty() && bits.iter().all(|digit| *digit == b'0');
    if is_version && !no_bits && CIPHERS.contains(&cipher) { Told::Perhaps } else { Told::NotGood }
}

/// All names of ciphers in upper case, but for those that show themselves to be weak.
static CIPHERS: LazyLock<BTreeSet<Vec<u8>>> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/policy/tests/fixtures/tls");
    let mut names = BTreeSet::new();
    for (file, columns) in [("names.csv", &[0][..]), ("ciphers_other.csv", &[0, 2])] {
        let text = fs::read_to_string(directory.join(file)).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            names.extend(columns.iter().map(|column| fields[*column].to_ascii_uppercase()));
        }
    }
    let is_weak = |name: &String| ["NULL", "RC4", "EXP", "RC2"].iter().any(|w| name.contains(w));
    names.retain(|name| !name.is_empty() && !is_weak(name));
    names.into_iter().map(String::into_bytes).collect()
});

/// The value of a macro, whose name comes with braces or without; the first one counts.
fn find<'b>(batch: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let texts: Vec<&[u8]> = batch.split(|octet| *octet == 0).collect();
    let braced = format!("{{{name}}}");
    let is_meant = |key: &[u8]| key == name.as_bytes() || key == braced.as_bytes();
    texts.chunks_exact(2).find(|pair| is_meant(pair[0])).map(|pair| pair[1])
}

fn value<'b>(batch: &'b [u8], name: &str) -> &'b [u8] {
    find(batch, name).unwrap_or_default()
}

fn has(batch: &[u8], name: &str) -> bool {
    find(batch, name).is_some()
}

/// Whether a letter is nowhere in a text, nor anything that could fold to it.
fn is_without(text: &[u8], letter: u8) -> bool {
    text.iter().all(|octet| octet.is_ascii() && !octet.eq_ignore_ascii_case(&letter))
}

/// The domain, in lower case, of an address that can be read in one way only.
fn plain_domain(address: &[u8]) -> Option<String> {
    let text = str::from_utf8(address).ok()?;
    let bare = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text);
    let (local, domain) = bare.split_once('@')?;
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric());
    let domain = domain.to_ascii_lowercase();
    let is_domain = domain.contains('.') && domain.split('.').all(is_word);
    (is_word(local) && is_domain && domain.len() < 200).then_some(domain)
}

fn is_free(domain: &str) -> bool {
    matches!(domain, "zz.test" | "zm.test")
}
