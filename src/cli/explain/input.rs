//! A case as people write it, from arguments or JSON, and what the milter would know of it.

use super::CaseArgs;
use config::policy_file;
use jiff::Timestamp;
use policy::tls::certificate::Certificate;
use policy::{Case, Client, OnUnknownTls, Policy, Recipient, Requirement, Sender, TlsState};
use serde::Deserialize;
use std::sync::Arc;

/// A case as it was typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    rcpt: String,
    sender: Option<String>,
    client: Option<String>,
    #[serde(default)]
    authenticated: bool,
    tls_version: Option<String>,
    cipher: Option<String>,
    cipher_bits: Option<NumberOrText>,
    cert_subject: Option<String>,
    cert_issuer: Option<String>,
    #[serde(default)]
    unknown_tls: bool,
    require: Option<String>,
    at: Option<String>,
}

/// Bits are a number, but a macro could hold anything.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl NumberOrText {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

impl From<&CaseArgs> for Input {
    fn from(args: &CaseArgs) -> Self {
        Self {
            rcpt: args.rcpt.clone().unwrap_or_default(),
            sender: args.sender.clone(),
            client: args.client.clone(),
            authenticated: args.authenticated,
            tls_version: args.tls_version.clone(),
            cipher: args.cipher.clone(),
            cipher_bits: args.bits.clone().map(NumberOrText::Text),
            cert_subject: args.cert_subject.clone(),
            cert_issuer: args.cert_issuer.clone(),
            unknown_tls: args.unknown_tls,
            require: args.require.clone(),
            at: args.at.clone(),
        }
    }
}

/// The case that is asked about, with all that the milter would know of it.
#[derive(Debug)]
pub(super) struct Question {
    /// The recipient as it was typed.
    pub rcpt: String,
    /// The sender as it was typed.
    pub sender_text: String,
    tls: TlsState,
    client: Client,
    sender: Sender,
    recipient: Recipient,
    now: Timestamp,
    require: Option<Arc<Requirement>>,
}

impl Input {
    /// Reads the case; the error is a sentence.
    pub(super) fn read(self, policy: &Policy) -> Result<Question, String> {
        let octets = |text: &Option<String>| text.clone().map(String::into_bytes);
        let (version, cipher) = (octets(&self.tls_version), octets(&self.cipher));
        let bits = self.cipher_bits.map(|bits| bits.into_text().into_bytes());
        let tls = if self.unknown_tls {
            TlsState::Unknown
        } else {
            let (subject, issuer) = (octets(&self.cert_subject), octets(&self.cert_issuer));
            TlsState::from_macros(version.as_deref(), cipher.as_deref(), bits.as_deref())
                .with_certificate(Certificate::from_macros(
                    subject.as_deref(),
                    issuer.as_deref(),
                    None,
                ))
        };
        let address = match self.client {
            Some(text) => Some(text.parse().map_err(|_| format!("`{text}` is not an IP address"))?),
            None => None,
        };
        let sender_text = self.sender.unwrap_or_default();
        let require = match self.require {
            Some(name) => Some(
                policy
                    .requirement(&name)
                    .cloned()
                    .ok_or_else(|| format!("there is no requirement `{name}`"))?,
            ),
            None => None,
        };
        Ok(Question {
            tls,
            client: Client { address, authenticated: self.authenticated, local_submission: false },
            sender: Sender::new(sender_text.as_bytes(), None),
            recipient: Recipient::new(self.rcpt.as_bytes(), None, None),
            now: time_or_now(self.at.as_deref())?,
            rcpt: self.rcpt,
            sender_text,
            require,
        })
    }
}

impl CaseArgs {
    /// The time of the judgement; the error is a sentence.
    pub(super) fn time(&self) -> Result<Timestamp, String> {
        time_or_now(self.at.as_deref())
    }
}

fn time_or_now(at: Option<&str>) -> Result<Timestamp, String> {
    at.map_or_else(|| Ok(this_second()), time)
}

/// Now, in whole seconds.
fn this_second() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// A time, as the policy writes dates.
fn time(text: &str) -> Result<Timestamp, String> {
    policy_file::moment(text).ok_or_else(|| {
        format!("`{text}` is not a time; write 2027-01-01 or 2027-01-01T08:00:00+01:00")
    })
}

impl Question {
    /// The case to judge.
    pub(super) fn case(&self) -> Case<'_> {
        Case {
            tls: &self.tls,
            client: self.client,
            sender: &self.sender,
            recipient: &self.recipient,
            now: self.now,
            on_unknown_tls: OnUnknownTls::Defer,
            require: self.require.as_deref(),
        }
    }
}
