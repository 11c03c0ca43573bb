//! Would this message be taken? What `mandatory-tls explain` tells, for one domain.

use super::gateway::Gateway;
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use jiff::Timestamp;
use policy::explanation::Explanation;
use policy::{Case, Client, Recipient, Sender, TlsState};
use serde::Deserialize;

/// A message, as somebody imagines it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The sender's address; empty: a bounce.
    #[serde(default)]
    pub sender: String,
    /// The address of the sending server.
    #[serde(default)]
    pub client: Option<String>,
    /// The version of TLS, as in `TLSv1.2`; none or empty: plaintext.
    #[serde(default)]
    pub tls_version: Option<String>,
    /// The cipher suite.
    #[serde(default)]
    pub cipher: Option<String>,
    /// Its secret bits.
    #[serde(default)]
    pub cipher_bits: Option<u16>,
}

/// Judges it, as the policy's files are now.
///
/// # Errors
///
/// [`OpError::Invalid`] for an address that is none; [`OpError::Unavailable`].
pub fn explain(
    gateway: &Gateway,
    domain: &OwnedDomain,
    question: &Question,
    now: Timestamp,
) -> Result<Explanation, OpError> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let address = match text(&question.client) {
        None => None,
        Some(client) => Some(client.trim().parse().map_err(|_| {
            let message = format!("`{}` is no IP address", client.escape_debug());
            OpError::invalid("client", message, "write 192.0.2.1 or 2001:db8::1")
        })?),
    };
    let (version, cipher) = (text(&question.tls_version), text(&question.cipher));
    let bits = question.cipher_bits.map(|bits| bits.to_string());
    let octets = |text: &Option<String>| text.clone().map(String::into_bytes);
    let tls = TlsState::from_macros(
        octets(&version).as_deref(),
        octets(&cipher).as_deref(),
        octets(&bits).as_deref(),
    );
    // Nobody's mailbox: what is asked about is the domain. Of a wildcard, any name below it.
    let name = domain.name().as_str();
    let recipient = match name.strip_prefix("*.") {
        Some(parent) => format!("postmaster@any.{parent}"),
        None => format!("postmaster@{name}"),
    };
    let policy = gateway.policy()?;
    let case = Case {
        tls: &tls,
        client: Client { address, authenticated: false, local_submission: false },
        sender: &Sender::new(question.sender.trim().as_bytes(), None),
        recipient: &Recipient::new(recipient.as_bytes(), None, None),
        now,
        on_unknown_tls: gateway.on_unknown_tls(),
        require: None,
    };
    Ok(Explanation::new(&policy, &case))
}
