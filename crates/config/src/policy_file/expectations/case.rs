//! A case as people write it, in `tests`, as arguments or as JSON, and what the milter would know of it.

use super::super::values::parse_moment;
use jiff::Timestamp;
use policy::tls::certificate::Certificate;
use policy::{Case, Client, OnUnknownTls, Recipient, Requirement, Sender, TlsState};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A case as it is written: a recipient and what is known of the session, all as text, in the keys of
/// `explain --batch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCase {
    /// The recipient, as the argument of RCPT TO.
    pub rcpt: String,
    /// The envelope sender; none: the null sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Whether the client has authenticated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
    /// As the macro `{tls_version}`; without this and `cipher`, the session is plaintext.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// As the macro `{cipher}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// As the macro `{cipher_bits}`, which could hold anything.
    #[serde(default, deserialize_with = "number_or_text", skip_serializing_if = "Option::is_none")]
    pub cipher_bits: Option<String>,
    /// The common name in the client's certificate, verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_subject: Option<String>,
    /// The common name of its issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_issuer: Option<String>,
    /// Whether the MTA does not tell of TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown_tls: bool,
    /// The name of a requirement to judge by in place of each entry's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// The time of the judgement, as the policy writes dates; none: that of asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// What of a case cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CaseError {
    /// The key.
    pub key: &'static str,
    /// A sentence.
    pub message: String,
}

impl CaseError {
    fn new(key: &'static str, message: String) -> Self {
        Self { key, message }
    }
}

/// The case that is asked about, with all that the milter would know of it.
#[derive(Clone, Debug)]
pub struct Question {
    tls: TlsState,
    client: Client,
    sender: Sender,
    recipient: Recipient,
    now: Timestamp,
    require: Option<Arc<Requirement>>,
}

impl WrittenCase {
    /// Reads the case. `requirement` finds one by its name; without `at`, the case is judged at `now`.
    ///
    /// # Errors
    ///
    /// Which key holds what cannot be meant.
    pub fn question(
        &self,
        requirement: impl FnOnce(&str) -> Option<Arc<Requirement>>,
        now: Timestamp,
    ) -> Result<Question, CaseError> {
        fn octets(text: &Option<String>) -> Option<&[u8]> {
            text.as_deref().map(str::as_bytes)
        }
        let tls = if self.unknown_tls {
            TlsState::Unknown
        } else {
            let (version, cipher) = (octets(&self.tls_version), octets(&self.cipher));
            let (subject, issuer) = (octets(&self.cert_subject), octets(&self.cert_issuer));
            TlsState::from_macros(version, cipher, octets(&self.cipher_bits))
                .with_certificate(Certificate::from_macros(subject, issuer, None))
        };
        let address = |text: &String| {
            let wrong = || format!("`{}` is not an IP address", text.escape_debug());
            text.parse().map_err(|_| CaseError::new("client", wrong()))
        };
        let named = |name: &String| {
            let wrong = || format!("there is no requirement `{}`", name.escape_debug());
            requirement(name).ok_or_else(|| CaseError::new("require", wrong()))
        };
        Ok(Question {
            tls,
            client: Client {
                address: self.client.as_ref().map(address).transpose()?,
                authenticated: self.authenticated,
                local_submission: false,
            },
            sender: Sender::new(self.sender.as_deref().unwrap_or_default().as_bytes(), None),
            recipient: Recipient::new(self.rcpt.as_bytes(), None, None),
            require: self.require.as_ref().map(named).transpose()?,
            now: match &self.at {
                Some(text) => time(text).map_err(|message| CaseError::new("at", message))?,
                None => now,
            },
        })
    }
}

/// A time, as the policy writes dates: `2027-01-01`, or `2027-01-01T08:00:00+01:00`.
///
/// # Errors
///
/// A sentence.
pub fn time(text: &str) -> Result<Timestamp, String> {
    parse_moment(text, Some).ok_or_else(|| {
        let text = text.escape_debug();
        format!("`{text}` is not a time; write 2027-01-01 or 2027-01-01T08:00:00+01:00")
    })
}

impl Question {
    /// The case to judge.
    #[must_use]
    pub fn case(&self) -> Case<'_> {
        self.case_at(self.now)
    }

    /// The case to judge at another time.
    #[must_use]
    pub fn case_at(&self, now: Timestamp) -> Case<'_> {
        Case {
            tls: &self.tls,
            client: self.client,
            sender: &self.sender,
            recipient: &self.recipient,
            now,
            on_unknown_tls: OnUnknownTls::Defer,
            require: self.require.as_deref(),
        }
    }
}

/// Bits are a number, but a macro could hold anything.
fn number_or_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrText {
        Number(u64),
        Text(String),
    }
    Ok(Option::deserialize(from)?.map(|bits| match bits {
        NumberOrText::Number(number) => number.to_string(),
        NumberOrText::Text(text) => text,
    }))
}
