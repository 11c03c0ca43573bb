//! A requirement, and the check of a session against it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::property::Property;
use super::shortfall::Shortfall;
use crate::tls::catalogue;
use crate::tls::certificate::CertificateNames;
use crate::tls::cipher::Cipher;
use crate::tls::suite::Suite;
use crate::tls::version::Version;
use crate::tls::{Encryption, SeenVersion};

/// What no requirement ever takes, in the order in which a refusal looks for its reason.
pub(super) const NEVER: [Property; 5] =
    [Property::Null, Property::Rc4, Property::Export, Property::Des, Property::Rc2];

/// The oldest version that any requirement takes.
pub(super) const OLDEST: Version = Version::Tlsv1;

/// The fewest bits that any requirement takes.
pub(super) const FEWEST_BITS: u16 = 112;

/// A named set of conditions on a TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub(super) name: Cow<'static, str>,
    pub(super) title: Cow<'static, str>,
    pub(super) source: &'static str,
    pub(super) unseen: Vec<&'static str>,
    pub(super) notes: Vec<&'static str>,
    pub(super) min_version: Version,
    pub(super) min_bits: u16,
    pub(super) forward_secrecy: bool,
    pub(super) aead: bool,
    /// Beyond what is never taken.
    pub(super) properties: BTreeSet<Property>,
    /// By their place in the catalogue, as are those allowed.
    pub(super) suites: BTreeSet<u16>,
    pub(super) allowed: Option<BTreeSet<u16>>,
    /// Each of them is asked for.
    pub(super) certificates: Vec<CertificateNames>,
}

impl Requirement {
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

    /// Whether some session can pass.
    pub(super) fn is_satisfiable(&self) -> bool {
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

    /// The ciphers that its list allows, but that another of its conditions refuses: worth a
    /// warning.
    pub fn allowed_in_vain(&self) -> impl Iterator<Item = &'static Suite> {
        self.allowed_suites().into_iter().flatten().filter(|suite| !self.takes(suite))
    }
}
