//! What to do with one RCPT, and why.

use super::address::Origin;
use super::case::Case;
use super::directory::Match;
use super::domain::DomainName;
use super::entry::{Entry, Mode};
use super::language::Language;
use super::reason::{Decision, Reason};
use super::reply::Reply;
use super::tls::TlsState;

/// What an entry was found for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A domain that the recipient may lead to.
    Recipient(DomainName, Origin),
    /// The MTA's own recipients.
    Local,
    /// A recipient that cannot be understood.
    Unreadable,
    /// A partner's domain.
    Sender(DomainName),
}

impl Subject {
    /// The domain, where there is one.
    #[must_use]
    pub fn domain(&self) -> Option<&DomainName> {
        match self {
            Self::Recipient(domain, _) | Self::Sender(domain) => Some(domain),
            Self::Local | Self::Unreadable => None,
        }
    }

    /// Where it was seen, as the log and `explain` give it.
    #[must_use]
    pub fn seen_in(&self) -> &'static str {
        match self {
            Self::Recipient(_, origin) => origin.name(),
            Self::Local => "local",
            Self::Unreadable => "unreadable",
            Self::Sender(_) => "sender",
        }
    }

    /// How a reply calls it.
    pub(super) fn for_reply(&self, language: Language) -> String {
        self.domain().map_or_else(|| language.this_recipient().into(), DomainName::to_string)
    }
}

/// What one entry in sight says of the case.
#[derive(Clone, Debug)]
pub struct Finding<'p> {
    /// What the entry was found for.
    pub subject: Subject,
    /// The pattern that named it; none for `local` and for recipients that cannot be understood.
    pub matched: Option<Match<'p>>,
    /// The entry.
    pub entry: &'p Entry,
    /// Its mode at the time of the case.
    pub mode: Mode,
    /// Why it decides as it does.
    pub reason: Reason<'p>,
    /// What it decides.
    pub decision: Decision,
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
        let language = finding.entry.language;
        Some(finding.entry.reply.fill(|name| match name {
            "domain" => finding.subject.for_reply(language),
            "reason" => language.fault(fault),
            "remedy" => language.remedy(fault).to_owned(),
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
