//! The name of a domain here: `example.org`, or `*.example.org` for all that is below it.

use crate::ops::OpError;
use config::policy_file;
use policy::Pattern;
use std::fmt;

/// The name of a domain: lower case, A-labels, no dot at the end; perhaps `*.` before it. However
/// somebody writes it, it becomes this before anything is looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName {
    /// As it is written.
    name: String,
    /// Its domain's labels from the top, as in `org.example`.
    reversed: String,
}

impl DomainName {
    /// Reads a name of somebody who registers it: as the policy would read it, and without what the
    /// policy would warn of (public suffixes, mixed alphabets).
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub fn to_register(text: &str) -> Result<Self, OpError> {
        let pattern = policy_file::undoubted(text.trim())
            .map_err(|remark| OpError::invalid("domain", remark.message, remark.help))?;
        Self::of(&pattern).ok_or_else(|| {
            let help = "write example.org, or *.example.org for all that is below it";
            OpError::invalid("domain", "an organisation has whole domains", help)
        })
    }

    /// Reads a name to look up; none: there can be no such domain.
    #[must_use]
    pub fn to_find(text: &str) -> Option<Self> {
        Self::of(&text.parse().ok()?)
    }

    fn of(pattern: &Pattern) -> Option<Self> {
        let domain = match pattern {
            Pattern::Domain(domain) | Pattern::Below(domain) => domain,
            Pattern::Mailbox(..) | Pattern::Every => return None,
        };
        let labels: Vec<&str> = domain.as_str().rsplit('.').collect();
        Some(Self { name: pattern.to_string(), reversed: labels.join(".") })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The labels from the top, as in `org.example`: what is below it begins with this and a dot.
    #[must_use]
    pub fn reversed(&self) -> &str {
        &self.reversed
    }

    /// The domain and those above it, each from the top.
    pub(super) fn and_above(&self) -> impl Iterator<Item = &str> {
        let dots = self.reversed.match_indices('.').map(|(at, _)| at);
        let above = dots.filter_map(|at| self.reversed.get(..at));
        above.chain(std::iter::once(&*self.reversed))
    }

    /// As an entry of the policy names it.
    ///
    /// # Panics
    ///
    /// Never: it was made of one.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        self.name.parse().expect("it was made of a pattern")
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A name as people write it, in U-labels.
#[must_use]
pub fn shown(name: &str) -> String {
    let (star, domain) = match name.strip_prefix("*.") {
        Some(domain) => ("*.", domain),
        None => ("", name),
    };
    let (unicode, valid) = idna::domain_to_unicode(domain);
    if valid.is_ok() { format!("{star}{unicode}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_name_leads_to_the_same_domain() {
        for text in ["example.org", "EXAMPLE.org", "example.org.", "Example.Org."] {
            assert_eq!(DomainName::to_find(text).unwrap().as_str(), "example.org", "{text}");
        }
        for text in ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"] {
            let name = DomainName::to_find(text).unwrap();
            assert_eq!(name.as_str(), "xn--bcher-kva.example", "{text}");
            assert_eq!(shown(name.as_str()), "bücher.example");
        }
        let below = DomainName::to_find("*.Example.org").unwrap();
        assert_eq!((below.as_str(), below.reversed()), ("*.example.org", "org.example"));
        assert_eq!(below.and_above().collect::<Vec<_>>(), ["org", "org.example"]);
        for text in ["", ".", "*", "a@example.org", "a..b", "*.*.org", "a.*.org", "exa mple.org"] {
            assert_eq!(DomainName::to_find(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_organisations_domain_cannot_be_registered() {
        for text in
            ["org", "*.org", "co.uk", "*.co.uk", "localhost", "192.0.2.1", "a@example.org", "*"]
        {
            DomainName::to_register(text).expect_err(text);
        }
        DomainName::to_register(" example.org\t").unwrap();
    }
}
