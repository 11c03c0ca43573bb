//! What the text of a reply may hold in braces.

use strum::{EnumString, IntoStaticStr, VariantNames};

/// A placeholder in the text of a reply, written as its name in braces: `{tls_version}`.
///
/// A new one is a variant here, and its value in [`Verdict::reply`](crate::verdict::Verdict::reply).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Placeholder {
    /// The domain that was looked up: the recipient's, or the partner's.
    Domain,
    /// What is wrong with the session.
    Reason,
    /// What the sender's postmaster can do.
    Remedy,
    /// The address of a page that says more, from the policy.
    Url,
    /// The address of the client.
    Client,
    /// The TLS version of the session.
    TlsVersion,
    /// Its cipher suite.
    Cipher,
}

impl Placeholder {
    /// The names of all placeholders, without braces.
    pub const NAMES: &[&str] = <Self as VariantNames>::VARIANTS;

    /// The name, without braces.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
