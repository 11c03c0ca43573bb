//! The case that a row counts, to be judged once more.

use crate::model::key::SubjectKind;
use crate::model::row::{AUTHENTICATED, LOCAL_SUBMISSION, NULL_SENDER, OTHERS, RowKey};
use jiff::Timestamp;
use policy::{Case, Client, OnUnknownTls, Recipient, Sender, TlsState};

/// What a [`Case`] refers to, owned.
#[derive(Clone, Debug)]
pub(crate) struct OwnedCase {
    tls: TlsState,
    client: Client,
    sender: Sender,
    recipient: Recipient,
}

impl OwnedCase {
    /// The case, to be judged at this time.
    pub fn at(&self, now: Timestamp, on_unknown_tls: OnUnknownTls) -> Case<'_> {
        Case {
            tls: &self.tls,
            client: self.client,
            sender: &self.sender,
            recipient: &self.recipient,
            now,
            on_unknown_tls,
            require: None,
        }
    }
}

/// Local parts are not in the ledger: recipient and sender are some mailbox of the domain.
impl From<&RowKey> for OwnedCase {
    fn from(key: &RowKey) -> Self {
        let address = |domain: &str| format!("<someone@{domain}>");
        let recipient = match key.found {
            SubjectKind::Local => Recipient::new(b"<someone>", None, None),
            SubjectKind::Unreadable => Recipient::new(b"", None, None),
            SubjectKind::Recipient | SubjectKind::Sender if key.domain.is_empty() => {
                Recipient::new(b"<someone>", None, None)
            }
            SubjectKind::Recipient | SubjectKind::Sender => {
                Recipient::new(address(&key.domain).as_bytes(), None, None)
            }
        };
        let sender = match &*key.sender {
            NULL_SENDER | OTHERS | "" => Sender::default(),
            domain => Sender::new(address(domain).as_bytes(), None),
        };
        Self { tls: key.tls(), client: client(key), sender, recipient }
    }
}

fn client(key: &RowKey) -> Client {
    // Of a network, the first address stands for all of it.
    let address = key.client.split('/').next().unwrap_or_default();
    Client {
        address: address.parse().ok(),
        authenticated: key.flags & AUTHENTICATED != 0,
        local_submission: key.flags & LOCAL_SUBMISSION != 0,
    }
}
