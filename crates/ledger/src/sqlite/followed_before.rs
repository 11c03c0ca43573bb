//! What was recorded while the log was followed, for whoever takes in the same log once more.

use crate::model::followed::Followed;
use crate::model::row::OTHERS;
use crate::sqlite::error::StoreError;
use crate::sqlite::followed::followed_beside;
use crate::sqlite::reader::Reader;
use std::{collections::HashMap, path::Path};

/// What was recorded while the log was followed.
#[derive(Debug)]
pub struct FollowedBefore {
    followed: Followed,
    /// When the first delivery to each domain was recorded.
    first: HashMap<String, i64>,
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
        let Some(followed) = reader.own_followed()? else { return Ok(None) };
        Ok(Some(Self { followed, first: reader.first_deliveries()? }))
    }

    /// Whether a delivery at this time, in seconds since 1970-01-01, was recorded. Whether the domain was
    /// opted in by then, its first delivery tells.
    pub(crate) fn has_delivery(&self, domain: &str, at: i64) -> bool {
        // A row of all domains for which there was no room may count it, too.
        let first = |domain: &str| self.first.get(domain).is_some_and(|first| at >= *first);
        self.followed.knows(at) && (first(domain) || first(OTHERS))
    }

    /// Whether a handshake that failed then was.
    pub(crate) fn has_handshake(&self, at: i64) -> bool {
        self.followed.knows(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DAY;
    use crate::fixtures::{TODAY, delivery};
    use crate::model::imports::FromLog;
    use crate::sqlite::store::Store;
    use config::settings::ROOM;

    #[test]
    fn a_delivery_was_recorded_from_the_first_one_to_its_domain_on_while_the_log_was_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/ledger.sqlite");
        assert!(FollowedBefore::beside(&path).unwrap().is_none());
        let mut store = Store::open(&followed_beside(&path), ROOM).unwrap();
        assert!(FollowedBefore::beside(&path).unwrap().is_none());
        let first = delivery(100, "mx.test", "TLSv1.3 verified sent none", 1);
        let domain = first.key.domain.clone();
        let told =
            FromLog { deliveries: HashMap::from([(first.key, first.tally)]), ..FromLog::default() };
        let mut followed = Followed::default();
        let start = i64::from(TODAY) * DAY;
        followed.begins(start);
        followed.reached(start + 200);
        store.follow(&told, &followed).unwrap();
        let before = FollowedBefore::beside(&path).unwrap().unwrap();
        for (at, delivery, handshake) in [
            (-1, false, false),
            (0, false, true),
            (99, false, true),
            (100, true, true),
            (200, true, true),
            (201, false, false),
        ] {
            let at = start + at;
            assert_eq!(before.has_delivery(&domain, at), delivery, "{at}");
            assert_eq!(before.has_handshake(at), handshake, "{at}");
            assert!(!before.has_delivery("another.example", at), "{at}");
        }
    }
}
