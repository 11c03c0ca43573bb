//! Entries as they are written: for programs that make a file of the policy, or take an entry from
//! a form or an API.
//!
//! This is the form only, in the keys of the policy file. Whether a domain, a date or a reply is
//! valid is told by the one reader of policies, by way of a [`Candidate`].

use super::Candidate;
use policy::hop::{CipherGrade, Level};
use policy::{Language, Mode};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::Path;

/// A file that a program writes, for a policy to include. It gives way: where another file names a domain,
/// that one is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// The program that writes it: ASCII without blanks.
    pub written_by: String,
    /// Which state of the program's data it holds. The status file of the milter says which is in force.
    pub version: u64,
    /// Its entries.
    pub entries: Vec<WrittenEntry>,
}

/// An entry that only names something is written as a name: a million of these are read in half the time.
#[derive(Serialize)]
#[serde(untagged)]
enum Item<'f> {
    Name(&'f str),
    Entry(&'f WrittenEntry),
}

impl<'f> Item<'f> {
    fn new(entry: &'f WrittenEntry) -> Self {
        // Named one by one, so that none is forgotten.
        match entry {
            WrittenEntry {
                domain,
                mode: None,
                enforce_from: None,
                require: None,
                language: None,
                reply: None,
                contact: None,
                deliver: None,
                exceptions,
            } if exceptions.is_empty() => Self::Name(domain),
            entry => Self::Entry(entry),
        }
    }
}

/// What stands first in such a file.
const NOTICE: &str = "# A program writes this file; what is changed here by hand is lost. Entries that are to stay go
# into a file of your own: this one gives way to it.
";

/// What stands in such a file before its entries.
#[derive(Serialize)]
struct Head<'f> {
    gives_way: bool,
    written_by: &'f str,
    version: u64,
}

impl WrittenFile {
    /// What the file holds.
    ///
    /// # Errors
    ///
    /// When a text has a character in it that cannot be written.
    pub fn to_yaml(&self) -> Result<String, WriteError> {
        let mut text = Vec::new();
        let mut writer = FileWriter::new(&mut text, &self.written_by, self.version)?;
        self.entries.iter().try_for_each(|entry| writer.entry(entry))?;
        writer.finish()?;
        String::from_utf8(text).map_err(|error| WriteError::System(io::Error::other(error)))
    }

    /// The file as it would lie at `path`, so that it is known beforehand what becomes of the policy.
    /// [`Candidate::write`] then puts the same octets there.
    ///
    /// # Errors
    ///
    /// When a text has a character in it that cannot be written.
    pub fn candidate(&self, path: &Path) -> Result<Candidate, WriteError> {
        Ok(Candidate { path: path.to_path_buf(), contents: Some(self.to_yaml()?.into_bytes()) })
    }
}

/// Writes a [`WrittenFile`] entry by entry, for whoever has more of them than shall be in memory at once.
#[derive(Debug)]
pub struct FileWriter<W: Write> {
    to: W,
    is_empty: bool,
}

impl<W: Write> FileWriter<W> {
    /// Begins the file; see [`WrittenFile`].
    ///
    /// # Errors
    ///
    /// Those of where it is written to; [`WriteError::Character`].
    pub fn new(mut to: W, written_by: &str, version: u64) -> Result<Self, WriteError> {
        let head = Head { gives_way: true, written_by, version };
        write!(to, "{NOTICE}{}domains:", checked(serde_yaml::to_string(&head)?)?)?;
        Ok(Self { to, is_empty: true })
    }

    /// Writes an entry.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn entry(&mut self, entry: &WrittenEntry) -> Result<(), WriteError> {
        let item = checked(serde_yaml::to_string(&[Item::new(entry)])?)?;
        if self.is_empty {
            writeln!(self.to)?;
        }
        self.is_empty = false;
        Ok(self.to.write_all(item.as_bytes())?)
    }

    /// Ends the file, and gives what it was written to.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        if self.is_empty {
            writeln!(self.to, " []")?;
        }
        self.to.flush()?;
        Ok(self.to)
    }
}

/// An entry under `domains`, `senders` or in an included file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenEntry {
    /// What it names: a domain, `*.` and a domain, a mailbox, `*`.
    pub domain: String,
    /// The mode; none, here and below: as the defaults of the policy have it.
    #[serde(default, with = "word", skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// A day (`2027-01-31`) or a moment (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_from: Option<String>,
    /// The name of a requirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// The language.
    #[serde(default, with = "word", skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<WrittenReply>,
    /// A mail address; none: nobody is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What the hop to the organisation's own server must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver: Option<WrittenDeliver>,
    /// Whose mail is accepted although the session is not adequate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<WrittenException>,
}

/// What the hop to the organisation's own server must be; what it does not say is inherited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenDeliver {
    /// How much is asked of the session, in Postfix's words.
    #[serde(default, with = "word", skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Which certificates: names, or fingerprints at that level.
    #[serde(
        default,
        rename = "match",
        deserialize_with = "one_or_more",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub matching: Vec<String>,
    /// Which versions of TLS, in Postfix's words. One of this and the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocols: Option<String>,
    /// The oldest version of TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// How strong ciphers must be.
    #[serde(default, with = "word", skip_serializing_if = "Option::is_none")]
    pub ciphers: Option<CipherGrade>,
    /// The name that is sent as SNI: `hostname`, `nexthop`, or a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servername: Option<String>,
    /// The next hops besides the domain itself.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub nexthop: Vec<String>,
}

/// The reply to a refused recipient; what it does not say is inherited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenReply {
    /// The code of SMTP, 450 to 459 or 550 to 559.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The text, with placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What stands for `{url}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// An exception.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenException {
    /// Networks of clients; none: any client. One may be read without a list.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<String>,
    /// The sender's domain, or `*.` and a domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The client's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<WrittenCertificate>,
    /// The last day, or the moment at which it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why it was made.
    pub reason: String,
}

/// The names in a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCertificate {
    /// The common name of whom it was issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The common name of its issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// Characters that YAML 1.1, in which the file is written, takes for the end of a line, and YAML 1.2,
/// in which it is read, does not (YAML 1.2.2, section 5.4).
const ENDS_OF_LINES: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Why entries cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A text has a character that would not be read as it was written.
    #[error("a text has the character U+{:04X}, which ends a line", u32::from(*.0))]
    Character(char),
    /// The writer of YAML has its reasons; none is known.
    #[error(transparent)]
    Yaml(#[from] serde_yaml::Error),
    /// Where it is written to.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A list of entries as a file that a policy can include.
///
/// # Errors
///
/// When a text has a character in it that cannot be written.
pub fn to_yaml(entries: &[WrittenEntry]) -> Result<String, WriteError> {
    checked(serde_yaml::to_string(entries)?)
}

/// That nothing is in a text that would not be read as it was written.
pub(super) fn checked(yaml: String) -> Result<String, WriteError> {
    match yaml.chars().find(|c| ENDS_OF_LINES.contains(c)) {
        Some(c) => Err(WriteError::Character(c)),
        None => Ok(yaml),
    }
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(from)? {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    })
}

/// A variant of an enum by its word.
mod word {
    use crate::yaml::Word;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Word, S: Serializer>(
        variant: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match variant {
            Some(variant) => to.serialize_str((*variant).into()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T: Word, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let found = T::iter().find(|variant| (*variant).into() == text);
        found.map(Some).ok_or_else(|| {
            let words: Vec<&str> = T::iter().map(Into::into).collect();
            D::Error::custom(format_args!("`{text}` is none of {}", words.join(", ")))
        })
    }
}
