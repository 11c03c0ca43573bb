//! Sessions that begin with a sign-in at an OpenID provider.

use super::{New, Origin, Session, insert, note, prune, replace};
use crate::ops::OpError;
use crate::ops::accounts::{self, Account, Proven};
use crate::ops::audit::Action;
use crate::secret::Secret;
use crate::store::Transaction;
use jiff::Timestamp;

/// Begins a session for whoever has signed in at a provider: its key, and the account. With an authenticator,
/// only half of a session: what the provider has asked for is not known. In place of `session`, where that goes
/// on under another key; it must be of the same account.
///
/// # Errors
///
/// [`OpError::NotFound`] where no account has the identity, it is disabled, or another's than `session`.
pub fn begin_by_identity(
    transaction: &mut Transaction<'_>,
    proven: &Proven,
    session: Option<&Session>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(Secret, Account), OpError> {
    prune(transaction, now)?;
    let account = accounts::by_identity(transaction, proven, now)?;
    if account.disabled.is_some() || session.is_some_and(|session| session.account.id != account.id)
    {
        return Err(OpError::NotFound);
    }
    if let Some(session) = session {
        replace(transaction, session)?;
    }
    let half = account.has_totp;
    if !half {
        let by = accounts::identity_json(&proven.issuer, &proven.subject);
        note(transaction, &account, origin, Action::SignedIn, Some(by), now)?;
    }
    let new = New {
        account: &account.id,
        half,
        // A provider may know them since this morning: then nothing is confirmed.
        confirmed: proven.at.unwrap_or(Timestamp::UNIX_EPOCH).min(now),
        behalf: session.and_then(|session| session.actor.behalf.clone()),
    };
    Ok((insert(transaction, new, origin, now)?, account))
}
