//! The policy's file: all that was chosen, as the milter reads it.
//!
//! One task writes it ([`keep`]). Changes do not queue up: however many come while it writes, it writes
//! once more with all of them. It is written only where the whole policy with it can be used; until
//! then the file of before stays.

use crate::app::App;
use crate::bind;
use crate::ops::OpError;
use crate::ops::insight::{Gateway, WRITTEN_BY};
use crate::store::{Store, StoreError, Transaction};
use config::policy_file::{self, Loaded, WrittenEntry, WrittenFile};
use std::time::Duration;
use tokio::{select, time};

/// How often it is looked whether somebody else (another portal, the shell) has changed something, or
/// has mended the policy.
const LOOK: Duration = Duration::from_secs(1);

/// What became of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It holds all up to this version.
    UpToDate(u64),
    /// The policy as a whole could not be used with it; the first error.
    Refused(String),
}

/// Keeps the file as the database says, for ever.
pub async fn keep(app: App) {
    let mut written = None;
    let mut refused = None;
    loop {
        let (before, known) = (written, refused.clone());
        let store = std::sync::Arc::clone(app.store());
        let done = app.look(move |gateway| look(&store, gateway, before, known.as_ref())).await;
        match done {
            Ok(Some(Written::UpToDate(version))) => {
                if refused.take().is_some() {
                    tracing::info!(
                        version,
                        "the policy can be used again, and the portal's file is written"
                    );
                }
                written = Some(version);
            }
            Ok(Some(Written::Refused(first))) => {
                if refused.as_ref() != Some(&first) {
                    tracing::error!(
                        "the portal's file is not written, since the policy has errors: {first}"
                    );
                }
                refused = Some(first);
            }
            Ok(None) => {}
            Err(error) => tracing::error!("the portal's file cannot be written: {error}"),
        }
        select! {
            () = app.changed() => {}
            () = time::sleep(LOOK) => {}
        }
    }
}

/// Writes the file if it is not up to date; none: it is, or nothing has changed about why it cannot be.
fn look(
    store: &Store,
    gateway: &Gateway,
    written: Option<u64>,
    _refused: Option<&String>,
) -> Result<Option<Written>, OpError> {
    let number: i64 = store.read(|transaction| {
        transaction.number("SELECT number FROM generation WHERE id = 1", &[])
    })?;
    let version = u64::try_from(number).unwrap_or_default();
    if written == Some(version) && gateway.own_path().exists() {
        return Ok(None);
    }
    write(store, gateway).map(Some)
}

/// Writes the file, if the policy can be used with it.
///
/// # Errors
///
/// Where the database cannot be read, or the file not be written.
pub fn write(store: &Store, gateway: &Gateway) -> Result<Written, OpError> {
    let file = store.read(contents)?;
    let unwritable = |error: &dyn std::fmt::Display| {
        OpError::Unavailable(format!("{} cannot be written: {error}", gateway.own_path().display()))
    };
    let candidate = file.candidate(gateway.own_path()).map_err(|error| unwritable(&error))?;
    let Loaded { policy, .. } = policy_file::load_candidate(gateway.policy_path(), &candidate);
    if let Err(problems) = policy {
        let first = problems.shown().first().map(ToString::to_string).unwrap_or_default();
        return Ok(Written::Refused(first));
    }
    candidate.write(0o644).map_err(|error| unwritable(&error))?;
    Ok(Written::UpToDate(file.version))
}

/// All that was chosen.
fn contents(transaction: &mut Transaction<'_>) -> Result<WrittenFile, StoreError> {
    let number = transaction.number("SELECT number FROM generation WHERE id = 1", &[])?;
    let sql = "SELECT entry FROM domain WHERE switched IS NOT NULL ORDER BY name";
    let rows = transaction.query(sql, bind![])?;
    let mut entries: Vec<WrittenEntry> = Vec::with_capacity(rows.len());
    for row in rows {
        let text: String = row.get(0)?;
        entries.push(serde_json::from_str(&text).map_err(|error| {
            StoreError::Foreign(format!("an entry that cannot be read: {error}"))
        })?);
    }
    let version = u64::try_from(number).unwrap_or_default();
    Ok(WrittenFile { written_by: WRITTEN_BY.into(), version, entries })
}
