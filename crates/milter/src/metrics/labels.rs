//! The labels of what is counted, from fixed sets; only a domain is free.

use policy::tls::{SeenVersion, Version};
use policy::{Decision, Mode, ReasonKind, TlsState, Verdict};
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use std::fmt;
use strum::IntoStaticStr;

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RecipientLabels {
    decision: Decision,
    reason: ReasonKind,
    /// None where no entry decided.
    mode: Option<Mode>,
    tls: TlsLabel,
}

/// What became of a recipient of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DomainLabels {
    pub domain: String,
    pub decision: Decision,
}

/// What was answered for a next hop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct NextHopLabels {
    /// A word of a fixed set.
    pub answer: &'static str,
}

impl EncodeLabelSet for NextHopLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        [("answer", self.answer)].encode(encoder)
    }
}

/// The label of a TLS state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
enum TlsLabel {
    /// Plaintext.
    #[strum(serialize = "none")]
    Plaintext,
    /// Of which the MTA tells nothing, or not the version.
    #[strum(serialize = "unknown")]
    Unknown,
    #[strum(serialize = "SSLv2")]
    Sslv2,
    #[strum(serialize = "SSLv3")]
    Sslv3,
    #[strum(serialize = "TLSv1")]
    Tlsv1,
    #[strum(serialize = "TLSv1.1")]
    Tlsv1_1,
    #[strum(serialize = "TLSv1.2")]
    Tlsv1_2,
    #[strum(serialize = "TLSv1.3")]
    Tlsv1_3,
    /// A version that did not exist when this was written.
    #[strum(serialize = "newer")]
    Newer,
}

impl RecipientLabels {
    /// The labels of a verdict on a session with this TLS state.
    pub(super) fn new(tls: &TlsState, verdict: &Verdict<'_>) -> Self {
        Self {
            decision: verdict.decision(),
            reason: verdict.reason().kind(),
            mode: verdict.finding.as_ref().map(|finding| finding.mode),
            tls: tls.into(),
        }
    }

    /// The refusals that come in numbers: without TLS, with a version that is too old, and those due
    /// to an MTA that does not tell.
    pub(super) fn usual_refusals() -> impl Iterator<Item = Self> {
        [
            (ReasonKind::Plaintext, TlsLabel::Plaintext),
            (ReasonKind::UnknownTls, TlsLabel::Unknown),
            (ReasonKind::ProtocolVersion, TlsLabel::Sslv3),
            (ReasonKind::ProtocolVersion, TlsLabel::Tlsv1),
            (ReasonKind::ProtocolVersion, TlsLabel::Tlsv1_1),
        ]
        .into_iter()
        .map(|(reason, tls)| Self {
            decision: Decision::Refuse,
            reason,
            mode: Some(Mode::Enforce),
            tls,
        })
    }
}

impl EncodeLabelSet for RecipientLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let labels = [
            ("verdict", self.decision.code()),
            ("reason", self.reason.code()),
            ("mode", self.mode.map_or("none", Mode::name)),
            ("tls_version", self.tls.into()),
        ];
        labels.encode(encoder)
    }
}

impl EncodeLabelSet for DomainLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        [("domain", self.domain.as_str()), ("verdict", self.decision.code())].encode(encoder)
    }
}

impl From<&TlsState> for TlsLabel {
    fn from(state: &TlsState) -> Self {
        let encryption = match state {
            TlsState::Plaintext => return Self::Plaintext,
            TlsState::Unknown => return Self::Unknown,
            TlsState::Encrypted(encryption) => encryption,
        };
        match encryption.version() {
            SeenVersion::Known(version) => match version {
                Version::Sslv2 => Self::Sslv2,
                Version::Sslv3 => Self::Sslv3,
                Version::Tlsv1 => Self::Tlsv1,
                Version::Tlsv1_1 => Self::Tlsv1_1,
                Version::Tlsv1_2 => Self::Tlsv1_2,
                Version::Tlsv1_3 => Self::Tlsv1_3,
                Version::Newer { .. } => Self::Newer,
            },
            SeenVersion::Between { .. } | SeenVersion::Unknown => Self::Unknown,
        }
    }
}
