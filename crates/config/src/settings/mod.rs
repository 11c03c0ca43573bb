//! The settings: everything that needs a restart.
//!
//! They stand in a file of their own (`milter.yaml`), apart from the policy, which is reloaded
//! while mail flows.

mod common;
mod digest;
mod ledger;
mod limits;
mod log;
mod mail_from;
mod metrics;
mod portal;
mod sign_in;
mod socket;

pub use digest::DigestSettings;
pub use ledger::{ClientDetail, LedgerSettings, RETENTION_DAYS, ROOM, Room};
pub use limits::Limits;
pub use log::{LogFormat, LogLevel, LogSettings, LogTarget};
pub use mail_from::{MailFrom, MailFromError};
pub use metrics::MetricsSettings;
pub use portal::{Database, PortalSettings};
pub use sign_in::ProviderSettings;
pub use socket::{Listen, SocketError, SocketSpec};

use crate::finding::Accepted;
use crate::yaml::{Decoder, Fields, Node, Problems, Value};
use crate::{document, files};
use policy::OnUnknownTls;
use std::{
    io,
    path::{Path, PathBuf},
};

/// The settings of the milter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether to take the sockets that systemd passes.
    pub systemd: bool,
    /// The sockets to bind and listen on; at least one unless systemd passes some.
    pub listen: Vec<Listen>,
    /// The sockets to bind for Postfix's look-ups of next hops, besides one that systemd passes.
    pub socketmap: Vec<Listen>,
    /// The policy file.
    pub policy: PathBuf,
    /// What to do with mail for opted-in domains when the MTA does not tell of TLS.
    pub on_unknown_tls: OnUnknownTls,
    /// Where the running milter writes how it is, for `doctor`.
    pub status_file: Option<PathBuf>,
    /// Bounds.
    pub limits: Limits,
    /// The log.
    pub log: LogSettings,
    /// Where the program keeps what it writes.
    pub state_dir: Option<PathBuf>,
    /// The ledger; none: nothing is recorded.
    pub ledger: Option<LedgerSettings>,
    /// The endpoint for Prometheus; none: nothing is counted.
    pub metrics: Option<MetricsSettings>,
    /// How digests are sent; none: they are not.
    pub digest: Option<DigestSettings>,
    /// The findings of `check` and `doctor` that are known and lived with.
    pub accept: Accepted,
}

impl Settings {
    /// Reads the settings at `path`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file, with places.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::decode(path, files::read_limited(path))
    }

    /// Reads settings that lie at `path` from what came of reading that file.
    ///
    /// # Errors
    ///
    /// All that is wrong with them, with places.
    pub fn decode(path: &Path, octets: io::Result<Vec<u8>>) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let settings =
            document::read(path, octets, &mut problems, |decoder, root| read(decoder, root, path));
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }
}

fn read(decoder: &mut Decoder<'_>, root: Option<Node<'_>>, path: &Path) -> Option<Settings> {
    let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) else {
        decoder
            .problems
            .add_file("the settings are empty", "they name at least `listen` and `policy`");
        return None;
    };
    let mut fields = decoder.fields(root, "the settings")?;
    let (systemd, listen) = match fields.take("listen") {
        Some(node) => socket::read_all(decoder, node),
        None => missing(decoder, &fields, "listen", "listen: inet:127.0.0.1:8893"),
    };
    // Paths start at the directory of the settings.
    let base = path.parent().unwrap_or(Path::new(""));
    let policy = match fields.take("policy") {
        Some(node) => {
            decoder.text(node, "`policy`").map(|text| base.join(text)).unwrap_or_default()
        }
        None => missing(decoder, &fields, "policy", "policy: policy.yaml"),
    };
    let socketmap = fields.read(decoder, "socketmap", socket::read_bound).unwrap_or_default();
    let on_unknown_tls = fields.choice(decoder, "on_unknown_tls").unwrap_or_default();
    let status_file = fields.text(decoder, "status_file").map(|text| base.join(text));
    let limits = fields.read(decoder, "limits", Limits::read).unwrap_or_default();
    let log = fields.read(decoder, "log", LogSettings::read).unwrap_or_default();
    let state_dir = fields.text(decoder, "state_dir").map(|text| base.join(text));
    let ledger = ledger::read(decoder, &mut fields, state_dir.as_deref());
    let metrics = fields.read(decoder, "metrics", MetricsSettings::read);
    let digest = fields.read(decoder, "digest", DigestSettings::read);
    let accept = fields.read(decoder, "accept", Accepted::read).unwrap_or_default();
    decoder.finish(fields);
    Some(Settings {
        systemd,
        listen,
        socketmap,
        policy,
        on_unknown_tls,
        status_file,
        limits,
        log,
        state_dir,
        ledger,
        metrics,
        digest,
        accept,
    })
}

fn missing<T: Default>(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    name: &str,
    example: &str,
) -> T {
    if !decoder.problems.is_broken() {
        let message = format!("the settings do not say `{name}`");
        decoder.problems.add(fields.span(), message, format!("add `{example}`"));
    }
    T::default()
}
