//! What was recorded while the log was followed, for whoever takes in the same log once more.

use crate::model::followed::Followed;
use crate::sqlite::error::StoreError;
use crate::sqlite::followed::followed_beside;
use crate::sqlite::reader::Reader;
use std::{collections::HashMap, path::Path};

/// What was recorded while the log was followed.
#[derive(Debug)]
pub struct FollowedBefore {
    reader: Reader,
    followed: Followed,
    /// When the first delivery to a domain was recorded, of domains that were asked for.
    first: HashMap<String, Option<i64>>,
}

impl FollowedBefore {
    /// That of whoever followed the log beside the ledger at `path`; none where nobody did.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn beside(path: &Path) -> Result<Option<Self>, StoreError> {
        let path = followed_beside(path);
        if !path.try_exists()? {
            return Ok(None);
        }
        let reader = Reader::open(&path)?;
        let followed = reader.own_followed()?;
        Ok(followed.map(|followed| Self { reader, followed, first: HashMap::new() }))
    }

    /// Whether a delivery at this time, in seconds since 1970-01-01, was recorded. Whether the domain was
    /// opted in by then, its first delivery tells.
    pub(crate) fn has_delivery(&mut self, domain: &str, at: i64) -> Result<bool, StoreError> {
        if !self.followed.knows(at) {
            return Ok(false);
        }
        let first = match self.first.get(domain) {
            Some(first) => *first,
            None => {
                let first = self.reader.first_delivery(domain)?;
                self.first.insert(domain.to_owned(), first);
                first
            }
        };
        Ok(first.is_some_and(|first| at >= first))
    }

    /// Whether a handshake that failed then was.
    pub(crate) fn has_handshake(&self, at: i64) -> bool {
        self.followed.knows(at)
    }
}
