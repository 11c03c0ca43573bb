//! A domain with all that is known of it in the database.

use super::name::shown;
use super::owned::OwnedDomain;
use crate::bind;
use crate::ops::OpError;
use crate::store::{Row, StoreError, Transaction};
use config::policy_file::WrittenEntry;
use jiff::Timestamp;
use policy::Mode;
use serde::{Deserialize, Serialize};

/// A domain with what was chosen for it. It is also what the API gives, and what the audit log keeps
/// of before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DomainRecord {
    /// `example.org` or `*.example.org`.
    pub domain: String,
    /// The same as people write it, in U-labels.
    pub shown: String,
    /// The organisation's id.
    pub organisation: String,
    /// And its name.
    pub organisation_name: String,
    /// What was chosen, in the keys of the policy. Without a mode nothing was chosen yet, and the
    /// domain is not in the portal's file.
    #[schema(value_type = crate::schema::Entry)]
    pub entry: WrittenEntry,
    /// When the mode was last chosen; none: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub switched: Option<Timestamp>,
    /// By whom.
    pub switched_by: Option<String>,
    /// Counts changes, from 1.
    pub version: i64,
    /// The first version of the policy's file that has the entry as it is.
    #[serde(skip)]
    pub file_version: i64,
}

impl DomainRecord {
    /// The mode; off where nothing was chosen.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.entry.mode.unwrap_or(Mode::Off)
    }

    /// The row's value to compare with: `If-Match` and forms have it.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}

/// The columns that [`read`] takes, of `domain d` joined with `organisation o`.
pub(super) const SELECT: &str =
    "SELECT d.name, d.organisation, o.name, d.entry, d.switched, d.switched_by, d.version,
     d.file_version
     FROM domain d JOIN organisation o ON o.id = d.organisation";

pub(super) fn read(row: &Row) -> Result<DomainRecord, OpError> {
    let (domain, entry): (String, String) = (row.get(0)?, row.get(3)?);
    let entry = serde_json::from_str(&entry)
        .map_err(|error| StoreError::Foreign(format!("an entry that cannot be read: {error}")))?;
    Ok(DomainRecord {
        shown: shown(&domain),
        domain,
        organisation: row.get(1)?,
        organisation_name: row.get(2)?,
        entry,
        switched: row.get(4)?,
        switched_by: row.get(5)?,
        version: row.get(6)?,
        file_version: row.get(7)?,
    })
}

/// A domain with what was chosen for it.
///
/// # Errors
///
/// [`OpError::NotFound`] where it has gone, or to another organisation, since the right was checked.
pub fn get(
    transaction: &mut Transaction<'_>,
    domain: &OwnedDomain,
) -> Result<DomainRecord, OpError> {
    let sql = format!("{SELECT} WHERE d.name = $1 AND d.organisation = $2");
    let row = transaction.first(&sql, bind![domain.name().as_str(), domain.organisation()])?;
    read(&row.ok_or(OpError::NotFound)?)
}

/// The domains of these names, whosever they are: for operations that are an operator's.
pub(super) fn named<'n>(
    transaction: &mut Transaction<'_>,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Vec<DomainRecord>, OpError> {
    let sql = format!("{SELECT} WHERE d.name IN ({{values}})");
    let rows = transaction.query_many(&sql, names.into_iter().map(Into::into))?;
    rows.iter().map(read).collect()
}
