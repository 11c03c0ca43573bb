//! What is known of one RCPT.

use super::address::{Recipient, Sender};
use super::requirement::Requirement;
use super::tls::TlsState;
use jiff::Timestamp;
use std::net::IpAddr;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// The client of the SMTP session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address, if it comes over IP.
    pub address: Option<IpAddr>,
    /// Whether it has authenticated.
    pub authenticated: bool,
    /// Whether it is the MTA itself that takes mail from local programs (Postfix's
    /// `non_smtpd_milters`): there is no SMTP session then, and nothing to judge.
    pub local_submission: bool,
}

/// What to do with opted-in mail when the MTA does not tell of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum OnUnknownTls {
    /// Refuse for now.
    #[default]
    Defer,
    /// Let it pass unjudged.
    Pass,
}

/// All that is known of one RCPT.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// What is known of the session's encryption.
    pub tls: &'a TlsState,
    /// The client.
    pub client: Client,
    /// The envelope sender.
    pub sender: &'a Sender,
    /// The recipient.
    pub recipient: &'a Recipient,
    /// The time of the judgement.
    pub now: Timestamp,
    /// What to do where TLS is unknown.
    pub on_unknown_tls: OnUnknownTls,
    /// A requirement to judge by in place of each entry's own; for `explain`.
    pub require: Option<&'a Requirement>,
}
