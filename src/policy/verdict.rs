//! What to do with one RCPT, and why.

use super::entry::Exception;
use super::judge::{Case, Finding};
use super::reply::Reply;
use super::requirement::Shortfall;
use super::tls::TlsState;
use std::fmt;

/// What to do with the RCPT; the later is the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub enum Decision {
    /// Let it pass.
    Accept,
    /// Let it pass; in mode enforce it would be refused.
    WouldRefuse,
    /// Answer with the reply.
    Refuse,
}

impl Decision {
    /// The word for logs and JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::WouldRefuse => "would-refuse",
            Self::Refuse => "refuse",
        }
    }
}

/// What is wrong with a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It is not encrypted.
    Plaintext,
    /// The MTA did not tell whether it is encrypted.
    UnknownTls,
    /// It is encrypted, but not adequately.
    Inadequate(Shortfall),
}

impl Fault {
    /// A stable name for logs and JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::UnknownTls => "unknown-tls",
            Self::Inadequate(shortfall) => shortfall.code(),
        }
    }

    /// What the sender's postmaster can do, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Plaintext => "Enable TLS (STARTTLS) for outgoing mail on the sending server.",
            Self::UnknownTls => {
                "This is a fault of the receiving server; its postmaster has to mend it."
            }
            Self::Inadequate(Shortfall::ClientCertificate { .. }) => {
                "Let the sending server present its client certificate."
            }
            Self::Inadequate(_) => {
                "Update TLS versions and ciphers for outgoing mail on the sending server."
            }
        }
    }
}

/// A clause for the reply and for people.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plaintext => f.write_str("this connection is not encrypted"),
            Self::UnknownTls => {
                f.write_str("this server cannot tell whether the connection is encrypted")
            }
            Self::Inadequate(shortfall) => shortfall.fmt(f),
        }
    }
}

/// Why the decision is what it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason<'p> {
    /// Nothing that was seen is opted in.
    NotOptedIn,
    /// The entry says `off`.
    Off,
    /// A local program hands mail to the MTA; there is no SMTP session.
    LocalSubmission,
    /// The client is in a trusted network.
    TrustedClient,
    /// The client has authenticated, and the policy trusts that.
    TrustedAuthenticated,
    /// An exception lets it through.
    Exception(&'p Exception),
    /// The session satisfies the requirement.
    Adequate,
    /// The MTA did not tell of TLS, and the settings let that pass.
    UnknownTlsPassed,
    /// The session is not good enough.
    Fault(Fault),
}

impl Reason<'_> {
    /// A stable name for logs and JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOptedIn => "not-opted-in",
            Self::Off => "off",
            Self::LocalSubmission => "local-submission",
            Self::TrustedClient => "trusted-client",
            Self::TrustedAuthenticated => "trusted-authenticated",
            Self::Exception(_) => "exception",
            Self::Adequate => "adequate",
            Self::UnknownTlsPassed => "unknown-tls-passed",
            Self::Fault(fault) => fault.code(),
        }
    }
}

/// A sentence part for people.
impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOptedIn => f.write_str("no domain in sight is opted in"),
            Self::Off => f.write_str("the entry is switched off"),
            Self::LocalSubmission => f.write_str(
                "a local program submits the mail: list the milter in smtpd_milters only",
            ),
            Self::TrustedClient => f.write_str("the client is in a trusted network"),
            Self::TrustedAuthenticated => f.write_str("the client has authenticated"),
            Self::Exception(exception) => write!(f, "an exception holds ({})", exception.reason),
            Self::Adequate => f.write_str("the session satisfies the requirement"),
            Self::UnknownTlsPassed => {
                f.write_str("the MTA does not tell of TLS, and on_unknown_tls lets that pass")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

/// What to do with one RCPT, and why. Log line, reply and all reports derive from it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Verdict<'p> {
    /// The finding that decided; none where nothing in sight is opted in.
    pub finding: Option<Finding<'p>>,
}

impl<'p> Verdict<'p> {
    /// What to do.
    pub fn decision(&self) -> Decision {
        self.finding.as_ref().map_or(Decision::Accept, |finding| finding.decision)
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason<'p> {
        self.finding.as_ref().map_or(Reason::NotOptedIn, |finding| finding.reason.clone())
    }

    /// The answer to the RCPT, where it is refused.
    #[must_use]
    pub fn reply(&self, case: &Case<'_>) -> Option<Reply> {
        let finding = self.finding.as_ref()?;
        let Reason::Fault(fault) = &finding.reason else {
            return None;
        };
        if finding.decision != Decision::Refuse {
            return None;
        }
        Some(finding.entry.reply.fill(|name| match name {
            "domain" => finding.subject.for_reply(),
            "reason" => fault.to_string(),
            "remedy" => fault.remedy().to_owned(),
            "client" => case.client.address.map_or_else(|| "unknown".into(), |ip| ip.to_string()),
            "tls_version" => tls_version(case.tls),
            "cipher" => cipher(case.tls),
            _ => String::new(),
        }))
    }
}

/// The TLS version as the log and replies give it: `TLSv1.3`, `none`, `unknown`.
#[must_use]
pub fn tls_version(tls: &TlsState) -> String {
    match tls {
        TlsState::Plaintext => "none".into(),
        TlsState::Unknown => "unknown".into(),
        TlsState::Encrypted(encryption) => encryption.version().to_string(),
    }
}

/// The cipher suite as the log and replies give it: its name, `none`, `unknown`.
#[must_use]
pub fn cipher(tls: &TlsState) -> String {
    match tls {
        TlsState::Plaintext => "none".into(),
        TlsState::Unknown => "unknown".into(),
        TlsState::Encrypted(encryption) => encryption.cipher().to_string(),
    }
}
