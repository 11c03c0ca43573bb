//! What an entry of the policy can name: a mailbox, a domain, all that is below a domain.

use super::domain::{DomainError, DomainName};
use std::{fmt, str::FromStr};

/// What an entry of the policy names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// `user@example.org`: one mailbox. The local part is lower case.
    Mailbox(Box<str>, DomainName),
    /// `example.org`: the domain itself, not what is below it.
    Domain(DomainName),
    /// `*.example.org`: all that is below the domain, at any depth, not the domain itself.
    Below(DomainName),
    /// `*`: every domain.
    Every,
}

/// Why a text cannot be the name of an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The domain part is not a domain name.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// A `*` anywhere but as the first label.
    #[error("`*` can only stand alone or as the first part, as in \"*.example.org\"")]
    Star,
    /// A local part that needs quotes, or is empty.
    #[error("the part before `@` must be a plain local part, without quotes, blanks, `%` or `!`")]
    LocalPart,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if let Some((local, domain)) = text.rsplit_once('@') {
            let plain = |c: char| c.is_alphanumeric() || "#$&'+-/=?^_`{|}~.".contains(c);
            if local.is_empty() || !local.chars().all(plain) {
                return Err(PatternError::LocalPart);
            }
            let domain = DomainName::parse(domain)?;
            return Ok(Self::Mailbox(local.to_lowercase().into(), domain));
        }
        if text == "*" {
            return Ok(Self::Every);
        }
        match text.strip_prefix("*.") {
            Some(rest) if !rest.contains('*') => Ok(Self::Below(DomainName::parse(rest)?)),
            None if !text.contains('*') => Ok(Self::Domain(DomainName::parse(text)?)),
            _ => Err(PatternError::Star),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(local, domain) => write!(f, "{local}@{domain}"),
            Self::Domain(domain) => write!(f, "{domain}"),
            Self::Below(domain) => write!(f, "*.{domain}"),
            Self::Every => f.write_str("*"),
        }
    }
}
