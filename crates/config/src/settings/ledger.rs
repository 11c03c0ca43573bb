//! What the settings say of the ledger: plain data, which the ledger takes.

use crate::yaml::{Decoder, Fields, Node, Value};
use std::path::{Path, PathBuf};
use strum::{EnumIter, IntoStaticStr};

/// The longest time that the ledger can be told to keep.
const MOST_DAYS: u32 = 3660;

/// Days that are kept where the settings say nothing.
pub const RETENTION_DAYS: u32 = 90;
/// Bounds where the settings say nothing.
pub const ROOM: Room = Room { domain: 10_000, day: 500_000 };

/// Bounds on what a day may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Rows of a domain and day; the rest is counted in its row "others".
    pub domain: u32,
    /// Rows of a day.
    pub day: u32,
}

/// What the settings say of client addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum ClientDetail {
    /// Address and name.
    #[default]
    Full,
    /// The network: /24 of IPv4, /48 of IPv6. No name.
    Network,
    /// A keyed hash. No name.
    Hashed,
}

/// How the ledger is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The file.
    pub path: PathBuf,
    /// How many days are kept.
    pub retention_days: u32,
    /// Bounds on a day.
    pub room: Room,
    /// How much of a client is stored.
    pub clients: ClientDetail,
}

impl LedgerSettings {
    /// The usual ones, for a ledger in this directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            path: directory.join("ledger.sqlite"),
            retention_days: RETENTION_DAYS,
            room: ROOM,
            clients: ClientDetail::default(),
        }
    }

    /// Where the key lies that client addresses are hashed with.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path.with_extension("key")
    }
}

/// Reads `ledger`: there is one wherever there is a state directory, unless it says `off`.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    state_dir: Option<&Path>,
) -> Option<LedgerSettings> {
    let usual = state_dir.map(LedgerSettings::in_directory);
    let Some(node) = fields.take("ledger") else {
        return usual;
    };
    if matches!(node.value, Value::Scalar("off")) {
        return None;
    }
    if !matches!(node.value, Value::Map(_)) {
        return decoder.wrong(
            node,
            "`ledger` is either `off` or a mapping (`retention_days: 90`)",
            "leave it out for the usual ledger",
        );
    }
    let mut settings = usual.clone().unwrap_or_else(|| LedgerSettings::in_directory(Path::new("")));
    let taken = settings.take_in(decoder, node);
    if usual.is_none() && !fields.mentions(&["state_dir"]) {
        decoder.problems.add(
            node.span,
            "the ledger has no place",
            "add `state_dir: /var/lib/mandatory-tls`",
        );
    }
    taken.map(|()| settings)
}

impl LedgerSettings {
    /// Takes in what a mapping says; the rest stays.
    fn take_in(&mut self, decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<()> {
        let mut fields = decoder.fields(node, "`ledger`")?;
        for (name, most, target) in [
            ("retention_days", MOST_DAYS, &mut self.retention_days),
            ("rows_per_domain_and_day", 10_000_000, &mut self.room.domain),
            ("rows_per_day", 100_000_000, &mut self.room.day),
        ] {
            let read = fields.read(decoder, name, |decoder, node| {
                let help = "write `ledger: off` to record nothing";
                decoder.at_least_one(node, &format!("`{name}`"), most, help)
            });
            *target = read.unwrap_or(*target);
        }
        self.clients = fields.choice(decoder, "clients").unwrap_or(self.clients);
        decoder.finish(fields);
        Some(())
    }
}
