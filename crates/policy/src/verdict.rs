//! What to do with one RCPT, and why.

use super::address::Origin;
use super::case::Case;
use super::directory::Match;
use super::domain::DomainName;
use super::entry::{Entry, Mode};
use super::language::Language;
use super::reason::{Decision, Reason};
use super::reply::{Placeholder, Reply};
use std::borrow::Cow;

/// What an entry was found for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A domain that the recipient may lead to.
    Recipient(&'a DomainName, Origin),
    /// The MTA's own recipients.
    Local,
    /// A recipient that cannot be understood.
    Unreadable,
    /// A partner's domain.
    Sender(&'a DomainName),
}

impl<'a> Subject<'a> {
    /// The domain, where there is one.
    #[must_use]
    pub fn domain(self) -> Option<&'a DomainName> {
        match self {
            Self::Recipient(domain, _) | Self::Sender(domain) => Some(domain),
            Self::Local | Self::Unreadable => None,
        }
    }

    /// Where it was seen, as the log and `explain` give it.
    #[must_use]
    pub fn seen_in(self) -> &'static str {
        match self {
            Self::Recipient(_, origin) => origin.name(),
            Self::Local => "local",
            Self::Unreadable => "unreadable",
            Self::Sender(_) => "sender",
        }
    }

    /// How a reply calls it.
    pub(super) fn for_reply(self, language: Language) -> &'a str {
        self.domain().map_or(language.this_recipient(), DomainName::as_str)
    }
}

/// What one entry in sight says of the case.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// What the entry was found for.
    pub subject: Subject<'a>,
    /// The pattern that named it. `local` and recipients that cannot be understood have no pattern.
    pub matched: Option<Match<'a>>,
    /// The entry.
    pub entry: &'a Entry,
    /// Its mode at the time of the case.
    pub mode: Mode,
    /// Why it decides as it does.
    pub reason: Reason<'a>,
    /// What it decides.
    pub decision: Decision,
}

impl Finding<'_> {
    /// Whether it is for a word of the address that `*` names as it does everything, and that is hardly a
    /// domain: nobody would know whom a reply means by it.
    pub(crate) fn is_of_a_mere_word(&self) -> bool {
        let is_word = |domain: &DomainName| !domain.as_str().contains('.');
        matches!(self.subject, Subject::Recipient(domain, _) if is_word(domain))
            && self.matched.is_some_and(|matched| matched.pattern == "*")
    }
}

/// What to do with one RCPT, and why. Log line, reply and all reports derive from it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Verdict<'a> {
    /// The finding that decided, if anything in sight is opted in.
    pub finding: Option<Finding<'a>>,
}

impl<'a> Verdict<'a> {
    /// What to do.
    pub fn decision(&self) -> Decision {
        self.finding.as_ref().map_or(Decision::Accept, |finding| finding.decision)
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &Reason<'a> {
        self.finding.as_ref().map_or(&Reason::NotOptedIn, |finding| &finding.reason)
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
        let template = &finding.entry.reply;
        Some(template.fill(|placeholder| -> Cow<'_, str> {
            match placeholder {
                Placeholder::Domain => finding.subject.for_reply(language).into(),
                Placeholder::Reason => language.fault(fault).into(),
                Placeholder::Remedy => language.remedy(fault.remedy()).into(),
                Placeholder::Url => template.url().unwrap_or_default().into(),
                Placeholder::Client => match case.client.address {
                    Some(address) => address.to_string().into(),
                    None => "unknown".into(),
                },
                Placeholder::TlsVersion => case.tls.version(),
                Placeholder::Cipher => case.tls.cipher().into(),
            }
        }))
    }
}
