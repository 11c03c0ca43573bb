//! What the encryption of a session must satisfy.
//!
//! Every requirement includes the [baseline](self#baseline): it is the floor under whatever a
//! policy asks for, and what a policy adds can only refuse more. So a requirement that builds
//! on another is never laxer than that one, and no combination of settings lets a session
//! through that is not encrypted.
//!
//! # Baseline
//!
//! No SSL 2 (RFC 6176) and no SSL 3 (RFC 7568); no RC4 (RFC 7465); no cipher that encrypts
//! nothing or was weakened for export, no single DES, no RC2; nothing below 112 bits. Anonymous
//! ciphers pass: nobody can read along, and without MTA-STS or DANE an SMTP client does not
//! check certificates anyway.
//!
//! A cipher or a version that is not known satisfies nothing, except that a version need not be
//! known where all versions of the cipher would do.

use std::borrow::Cow;
use std::collections::BTreeSet;

use thiserror::Error;

mod builtin;
mod builtin_suites;
pub mod forbidden;
pub mod shortfall;

use crate::tls::catalogue;
use crate::tls::certificate::CertificateNames;
use crate::tls::cipher::Cipher;
use crate::tls::suite::Suite;
use crate::tls::version::Version;
use crate::tls::{Encryption, SeenVersion};
pub use builtin::builtins;
pub use forbidden::{CipherName, Forbidden, Property, UnknownCipherName, UnknownForbidden};
pub use shortfall::Shortfall;

/// What no requirement ever takes, in the order in which a refusal looks for its reason.
const NEVER: [Property; 5] =
    [Property::Null, Property::Rc4, Property::Export, Property::Des, Property::Rc2];

/// The oldest version that any requirement takes.
const OLDEST: Version = Version::Tlsv1;

/// The fewest bits that any requirement takes.
const FEWEST_BITS: u16 = 112;

/// A named set of conditions on a TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    name: Cow<'static, str>,
    title: Cow<'static, str>,
    source: &'static str,
    unseen: Vec<&'static str>,
    notes: Vec<&'static str>,
    min_version: Version,
    min_bits: u16,
    forward_secrecy: bool,
    aead: bool,
    /// Beyond what is never taken.
    properties: BTreeSet<Property>,
    /// By their place in the catalogue, as are those allowed.
    suites: BTreeSet<u16>,
    allowed: Option<BTreeSet<u16>>,
    /// Each of them is asked for.
    certificates: Vec<CertificateNames>,
}

impl Requirement {
    /// A built-in requirement by its name, in lower case.
    #[must_use]
    pub fn builtin(name: &str) -> Option<&'static Self> {
        builtins().find(|requirement| requirement.name == name)
    }

    /// Starts a requirement of a policy's own. As it is, it is the baseline.
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

    /// Judges a session. Allocates nothing when it passes.
    ///
    /// # Errors
    ///
    /// The first thing found that the session lacks.
    #[must_use = "a session that falls short must not pass"]
    pub fn check(&self, session: &Encryption) -> Result<(), Shortfall> {
        let required = self.min_version;
        if let SeenVersion::Known(version) = session.version()
            && version < required
        {
            return Err(Shortfall::ProtocolVersion { version, required });
        }
        let suites = || session.cipher().suites();
        match session.cipher() {
            Cipher::Suite(_) | Cipher::TwoSuites { .. } => {}
            cipher @ (Cipher::Unlisted(_) | Cipher::Missing) => {
                return Err(Shortfall::UnknownCipher { cipher: cipher.clone() });
            }
        }
        suites().try_for_each(|suite| self.check_forbidden(suite))?;
        if let Some(contradiction) = session.contradiction()
            && let Some(suite) = suites().next()
        {
            return Err(Shortfall::Contradiction { suite, contradiction });
        }
        match session.version() {
            SeenVersion::Known(_) => {}
            SeenVersion::Between { oldest, .. } if oldest >= required => {}
            SeenVersion::Between { .. } | SeenVersion::Unknown => {
                return Err(Shortfall::UnknownVersion { required });
            }
        }
        suites().try_for_each(|suite| self.check_demands(suite))?;
        let mut missing = self
            .certificates
            .iter()
            .filter(|wanted| !wanted.match_certificate(session.certificate()));
        match missing.next() {
            Some(wanted) => Err(Shortfall::ClientCertificate { wanted: wanted.clone() }),
            None => Ok(()),
        }
    }

    fn check_forbidden(&self, suite: &'static Suite) -> Result<(), Shortfall> {
        let mut forbidden = NEVER.iter().chain(&self.properties);
        match forbidden.find(|property| property.holds_for(suite)) {
            Some(Property::Null) => Err(Shortfall::NullCipher { suite }),
            Some(&property) => Err(Shortfall::Cipher { suite, property }),
            None if self.suites.contains(&suite.index()) => {
                Err(Shortfall::CipherNotAllowed { suite })
            }
            None => Ok(()),
        }
    }

    fn check_demands(&self, suite: &'static Suite) -> Result<(), Shortfall> {
        if self.forward_secrecy && !suite.forward_secrecy() {
            return Err(Shortfall::ForwardSecrecy { suite });
        }
        if self.aead && !suite.is_aead() {
            return Err(Shortfall::Aead { suite });
        }
        if suite.strength_bits < self.min_bits {
            return Err(Shortfall::KeyLength { suite, required: self.min_bits });
        }
        match &self.allowed {
            Some(allowed) if !allowed.contains(&suite.index()) => {
                Err(Shortfall::CipherNotAllowed { suite })
            }
            _ => Ok(()),
        }
    }

    /// Whether any session at all would pass.
    fn is_satisfiable(&self) -> bool {
        catalogue::suites().any(|suite| self.takes(suite))
    }

    /// Whether a session with this suite passes, whatever the client's certificate.
    fn takes(&self, suite: &'static Suite) -> bool {
        matches!(
            self.check(&Encryption::new(suite.last, suite)),
            Ok(()) | Err(Shortfall::ClientCertificate { .. })
        )
    }

    /// The client certificates that it demands, all of them.
    #[must_use]
    pub fn client_certificates(&self) -> &[CertificateNames] {
        &self.certificates
    }

    /// The name by which a policy asks for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a few words; empty for a policy's own.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The published document behind it, with sections; empty for a policy's own.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// What the document asks for as well, but no macro of an MTA shows: a sentence each.
    pub fn unseen(&self) -> impl Iterator<Item = &'static str> {
        self.unseen.iter().copied()
    }

    /// What else to know of it: a sentence or two each.
    pub fn notes(&self) -> impl Iterator<Item = &'static str> {
        self.notes.iter().copied()
    }

    /// The oldest version that it takes.
    #[must_use]
    pub fn min_version(&self) -> Version {
        self.min_version
    }

    /// The fewest bits that it takes.
    #[must_use]
    pub fn min_bits(&self) -> u16 {
        self.min_bits
    }

    /// Whether it demands forward secrecy.
    #[must_use]
    pub fn forward_secrecy(&self) -> bool {
        self.forward_secrecy
    }

    /// Whether it demands authenticated encryption.
    #[must_use]
    pub fn aead(&self) -> bool {
        self.aead
    }

    /// The properties that it forbids, those of the baseline first.
    pub fn forbidden_properties(&self) -> impl Iterator<Item = Property> {
        NEVER.into_iter().chain(self.properties.iter().copied())
    }

    /// The ciphers that it forbids by name.
    pub fn forbidden_suites(&self) -> impl Iterator<Item = &'static Suite> {
        self.suites.iter().copied().filter_map(catalogue::suite_at)
    }

    /// The only ciphers that it takes, if it lists them.
    #[must_use]
    pub fn allowed_suites(&self) -> Option<impl Iterator<Item = &'static Suite>> {
        let allowed = self.allowed.as_ref()?;
        Some(allowed.iter().copied().filter_map(catalogue::suite_at))
    }

    /// The ciphers that are on its own list of those allowed, but that another condition
    /// refuses all the same: worth a warning.
    pub fn allowed_in_vain(&self) -> impl Iterator<Item = &'static Suite> {
        self.allowed_suites().into_iter().flatten().filter(|suite| !self.takes(suite))
    }
}

/// Builds a requirement, condition by condition. Each one only adds: none takes anything back.
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
    /// If no session at all would satisfy it.
    pub fn build(self) -> Result<Requirement, Unsatisfiable> {
        if self.0.is_satisfiable() { Ok(self.0) } else { Err(Unsatisfiable) }
    }
}

/// Conditions that exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no cipher satisfies all conditions of this requirement, so it would refuse all mail")]
pub struct Unsatisfiable;

#[cfg(test)]
mod tests;
