//! What the contacts of domains were told of.

use crate::digest::{Digest, ready_as};
use crate::history::Told;
use crate::sqlite::error::StoreError;
use crate::sqlite::store::Store;
use policy::Decision;
use rusqlite::params;

/// The word in the ledger.
fn word(refused: bool) -> &'static str {
    let verdict = if refused { Decision::Refuse } else { Decision::WouldRefuse };
    verdict.code()
}

/// The news that are of no client, as the table has them: in its place, what happened to which server of the second
/// hop, or which domain can be enforced.
fn others(digest: &Digest) -> impl Iterator<Item = (String, bool)> {
    let hops = digest.hops.iter().map(|news| news.told_as());
    let ready = digest.ready.iter().map(|news| ready_as(&news.domain));
    hops.chain(ready).map(|news| (news, false))
}

impl Store {
    /// Takes note that the contact of a digest is told of its peers and of the second hop, and leaves in the digest
    /// what it was not told of before. If two processes do this at the same time, each is
    /// told of by one of them.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; nothing is noted then.
    pub fn tell(&mut self, digest: &mut Digest, at: i64) -> Result<(), StoreError> {
        let told = self.at_once(|store| {
            let mut told = Told::new();
            let peers = digest.peers.iter().map(|news| (news.client.clone(), news.refused));
            for (client, refused) in peers.chain(others(digest)) {
                // Of one that goes on it is remembered that it was told.
                let known = store.connection.execute(
                    "UPDATE told SET at = ?4 WHERE entry = ?1 AND client = ?2 AND verdict = ?3",
                    params![digest.entry, client, word(refused), at],
                )?;
                if known > 0 {
                    told.insert((client, refused));
                } else {
                    store.connection.execute(
                        "INSERT INTO told VALUES (?1, ?2, ?3, ?4)",
                        params![digest.entry, client, word(refused), at],
                    )?;
                }
            }
            Ok(told)
        })?;
        digest.forget(&told);
        Ok(())
    }

    /// Takes back that a digest was told: it could not be sent.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn untell(&mut self, digest: &Digest) -> Result<usize, StoreError> {
        let mut taken_back = 0;
        let peers = digest.peers.iter().filter(|news| !news.told);
        let peers = peers.map(|news| (news.client.clone(), news.refused));
        for (client, refused) in peers.chain(others(digest)) {
            taken_back += self.connection.execute(
                "DELETE FROM told WHERE entry = ?1 AND client = ?2 AND verdict = ?3",
                params![digest.entry, client, word(refused)],
            )?;
        }
        Ok(taken_back)
    }
}
