//! How requirements are made.

use std::borrow::Cow;
use std::collections::BTreeSet;

use thiserror::Error;

use super::check::{FEWEST_BITS, NEVER, OLDEST, Requirement};
use super::forbidden::{CipherName, Forbidden};
use crate::tls::certificate::CertificateNames;
use crate::tls::suite::Suite;
use crate::tls::version::Version;

impl Requirement {
    /// Starts a requirement of a policy's own: the baseline, until conditions are added.
    pub fn builder(name: impl Into<Cow<'static, str>>) -> RequirementBuilder {
        RequirementBuilder(Self {
            name: name.into(),
            title: Cow::Borrowed(""),
            source: "",
            unseen: Vec::new(),
            notes: Vec::new(),
            min_version: OLDEST,
            min_bits: FEWEST_BITS,
            forward_secrecy: false,
            aead: false,
            properties: BTreeSet::new(),
            suites: BTreeSet::new(),
            allowed: None,
            certificates: Vec::new(),
        })
    }
}

/// Builds a requirement, condition by condition. Each one can only refuse more.
#[derive(Clone, Debug)]
#[must_use]
pub struct RequirementBuilder(Requirement);

impl RequirementBuilder {
    /// Takes all conditions of another requirement in.
    pub fn extends(mut self, other: &Requirement) -> Self {
        let Requirement {
            name: _,
            title: _,
            source: _,
            unseen,
            notes: _,
            min_version,
            min_bits,
            forward_secrecy,
            aead,
            properties,
            suites,
            allowed,
            certificates,
        } = other;
        for sentence in unseen {
            if !self.0.unseen.contains(sentence) {
                self.0.unseen.push(sentence);
            }
        }
        self.0.properties.extend(properties);
        self.0.suites.extend(suites);
        if let Some(allowed) = allowed {
            self = self.only(allowed.clone());
        }
        for names in certificates {
            self = self.client_certificate(names.clone());
        }
        self.min_version(*min_version)
            .min_bits(*min_bits)
            .forward_secrecy(*forward_secrecy)
            .aead(*aead)
    }

    /// Says what it is.
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// Says which document it comes from, what of that no macro shows, and what else to know.
    pub(crate) fn documented(
        mut self,
        source: &'static str,
        unseen: &[&'static str],
        notes: &[&'static str],
    ) -> Self {
        self.0.source = source;
        self.0.unseen.extend_from_slice(unseen);
        self.0.notes.extend_from_slice(notes);
        self
    }

    /// Refuses older versions. One that the baseline refuses anyway changes nothing.
    pub fn min_version(mut self, version: Version) -> Self {
        self.0.min_version = self.0.min_version.max(version);
        self
    }

    /// Refuses weaker ciphers. A number below that of the baseline changes nothing.
    pub fn min_bits(mut self, bits: u16) -> Self {
        self.0.min_bits = self.0.min_bits.max(bits);
        self
    }

    /// Demands forward secrecy; `false` changes nothing.
    pub fn forward_secrecy(mut self, demanded: bool) -> Self {
        self.0.forward_secrecy |= demanded;
        self
    }

    /// Demands authenticated encryption; `false` changes nothing.
    pub fn aead(mut self, demanded: bool) -> Self {
        self.0.aead |= demanded;
        self
    }

    /// Demands a client certificate, beside those that are demanded already.
    pub fn client_certificate(mut self, names: CertificateNames) -> Self {
        if !self.0.certificates.contains(&names) {
            self.0.certificates.push(names);
        }
        self
    }

    /// Refuses ciphers by a property or by name.
    pub fn forbid(mut self, forbidden: impl IntoIterator<Item = Forbidden>) -> Self {
        for item in forbidden {
            match item {
                Forbidden::Property(property) => {
                    if !NEVER.contains(&property) {
                        self.0.properties.insert(property);
                    }
                }
                Forbidden::Cipher(cipher) => {
                    self.0.suites.extend(cipher.suites().map(Suite::index));
                }
            }
        }
        self
    }

    /// Refuses all ciphers but these. Of two lists, only what is on both remains; an empty list
    /// refuses everything.
    pub fn allow(self, ciphers: impl IntoIterator<Item = CipherName>) -> Self {
        self.only(ciphers.into_iter().flat_map(CipherName::suites).map(Suite::index).collect())
    }

    fn only(mut self, suites: BTreeSet<u16>) -> Self {
        self.0.allowed = Some(match self.0.allowed.take() {
            Some(before) => before.intersection(&suites).copied().collect(),
            None => suites,
        });
        self
    }

    /// The requirement.
    ///
    /// # Errors
    ///
    /// If no session could satisfy it.
    pub fn build(self) -> Result<Requirement, Unsatisfiable> {
        if self.0.is_satisfiable() { Ok(self.0) } else { Err(Unsatisfiable) }
    }
}

/// Conditions that exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no cipher satisfies all conditions of this requirement, so it would refuse all mail")]
pub struct Unsatisfiable;
