//! What can be decided about a RCPT, and the reasons for it.

use super::entry::Exception;
use super::fault::Fault;
use super::reason_kind::ReasonKind;
use std::fmt;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What to do with the RCPT; the later is the stricter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
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
        self.into()
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
    /// Which of all reasons it is.
    #[must_use]
    pub fn kind(&self) -> ReasonKind {
        match self {
            Self::NotOptedIn => ReasonKind::NotOptedIn,
            Self::Off => ReasonKind::Off,
            Self::LocalSubmission => ReasonKind::LocalSubmission,
            Self::TrustedClient => ReasonKind::TrustedClient,
            Self::TrustedAuthenticated => ReasonKind::TrustedAuthenticated,
            Self::Exception(_) => ReasonKind::Exception,
            Self::Adequate => ReasonKind::Adequate,
            Self::UnknownTlsPassed => ReasonKind::UnknownTlsPassed,
            Self::Fault(fault) => fault.kind(),
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
