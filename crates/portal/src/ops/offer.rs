//! What operators offer to organisations: modes, requirements, exceptions, the second hop.

use super::audit::{self, Action, Subject};
use super::{OpError, Operator};
use crate::bind;
use crate::store::{StoreError, Transaction};
use jiff::Timestamp;
use policy::Mode;
use serde::{Deserialize, Serialize};

/// What is on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The words of the modes that an organisation can choose; off is always one.
    pub modes: Vec<String>,
    /// The names of the requirements that it can choose, besides that of the policy's defaults.
    pub requirements: Vec<String>,
    /// Whether it can make exceptions.
    pub exceptions: bool,
    /// Whether it can choose a level for the hop to its own server.
    pub deliver: bool,
}

impl Default for Offer {
    fn default() -> Self {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            modes: text(&["off", "monitor", "enforce"]),
            requirements: text(&["baseline", "rfc9325", "bsi-tr-02102-2"]),
            exceptions: true,
            deliver: false,
        }
    }
}

impl Offer {
    /// Whether a mode can be chosen.
    #[must_use]
    pub fn has_mode(&self, mode: Mode) -> bool {
        mode == Mode::Off || self.modes.iter().any(|word| word == mode.name())
    }
}

/// The offer, and the version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionedOffer {
    /// What is on offer.
    pub offer: Offer,
    /// Counts its changes; 0: nobody has changed it.
    pub version: i64,
}

/// What is on offer.
///
/// # Errors
///
/// Those of the database.
pub fn get(transaction: &mut Transaction<'_>) -> Result<VersionedOffer, OpError> {
    let Some(row) = transaction.first("SELECT offer, version FROM offer WHERE id = 1", &[])? else {
        return Ok(VersionedOffer { offer: Offer::default(), version: 0 });
    };
    let text: String = row.get(0)?;
    let offer = serde_json::from_str(&text)
        .map_err(|error| StoreError::Foreign(format!("an offer that cannot be read: {error}")))?;
    Ok(VersionedOffer { offer, version: row.get(1)? })
}

/// Changes what is on offer. What was chosen before stays.
///
/// # Errors
///
/// [`OpError::Changed`]; [`OpError::Invalid`] for a word that is no mode.
pub fn set(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    version: i64,
    offer: &Offer,
    now: Timestamp,
) -> Result<VersionedOffer, OpError> {
    let before = get(transaction)?;
    if before.version != version {
        let current = audit::json(&before.offer);
        return Err(OpError::Changed { current, version: before.version });
    }
    if let Some(word) = offer.modes.iter().find(|word| word.parse::<Mode>().is_err()) {
        let message = format!("`{}` is no mode", word.escape_debug());
        return Err(OpError::invalid("modes", message, "there are: off, monitor, enforce"));
    }
    let after = VersionedOffer { offer: offer.clone(), version: version + 1 };
    let text = audit::json(&after.offer).to_string();
    let sql = "INSERT INTO offer (id, offer, version) VALUES (1, $1, $2)
         ON CONFLICT (id) DO UPDATE SET offer = excluded.offer, version = excluded.version";
    transaction.execute(sql, bind![text, after.version])?;
    let entry = audit::Entry {
        action: Action::OfferChanged,
        subject: Subject::Offer,
        organisation: None,
        before: Some(audit::json(&before.offer)),
        after: Some(audit::json(&after.offer)),
        undoes: None,
    };
    audit::write(transaction, operator.actor(), now, entry)?;
    Ok(after)
}
