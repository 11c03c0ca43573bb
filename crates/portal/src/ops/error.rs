//! Why an operation was not done.

use super::words::Scope;
use crate::store::{MayCross, StoreError};
use serde::Serialize;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// There is no such thing, or it is somebody else's: who asks is not told which.
    #[error("there is nothing of this name")]
    NotFound,
    /// It is there, and who asks may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// What was asked for is not valid.
    #[error("{}", .0.first().map_or("this is not valid", |invalid| invalid.message.as_str()))]
    Invalid(Vec<Invalid>),
    /// Somebody else has changed it meanwhile.
    #[error("it was changed meanwhile: look at it again, then decide")]
    Changed {
        /// What there is now, as JSON.
        current: serde_json::Value,
        /// The version of that.
        version: i64,
    },
    /// There is one of this name already, or one that this would take something from.
    #[error("{0}")]
    Taken(String),
    /// A test of the connection is missing, or did not pass: why.
    #[error("{0}")]
    Untested(String),
    /// Too many tries: wait so many seconds.
    #[error("too many tries: wait {0} seconds")]
    Throttled(u64),
    /// Others are being served: come back in so many seconds.
    #[error("too much is asked for at once: wait {0} seconds")]
    Busy(u64),
    /// Something that it needs cannot be used at present: the ledger, the policy, the file.
    #[error("{0}")]
    Unavailable(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What who asks may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The account may only read.
    #[error("this account may only read")]
    ReadOnly,
    /// Only operators may.
    #[error("only operators may do this")]
    OperatorOnly,
    /// An operator has not said on behalf of whom.
    #[error("say first on behalf of which organisation you act")]
    NoBehalf,
    /// The token is not for that.
    #[error("this token has not the scope `{}`", <&str>::from(.0))]
    Scope(Scope),
    /// The password was not given for a while.
    #[error("confirm your password first")]
    Unconfirmed,
    /// What was asked for is not on offer.
    #[error("this is not on offer")]
    NotOffered,
    /// People sign in at OpenID providers alone.
    #[error("passwords are switched off in the settings")]
    NoPasswords,
    /// Only whoever has the shell may.
    #[error("this is done in the shell of the machine: mandatory-tls-portal account")]
    ShellOnly,
    /// A token cannot do this, whatever its scopes.
    #[error("this is done in the portal's pages, not with a token")]
    PagesOnly,
}

/// Something in a request that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Invalid {
    /// The field; empty: the whole.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
}

impl OpError {
    /// One thing that is not valid.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid {
            field: field.into(),
            message: message.into(),
            help: help.into(),
        }])
    }
}

impl MayCross for OpError {
    fn is_crossed(&self) -> bool {
        // Of two that make the same row at once, the second one sees the first one's when it is tried again.
        matches!(self, Self::Store(error) if error.is_crossed() || matches!(error, StoreError::Taken))
    }
}
