//! What signing in is made of: passwords, codes, OpenID providers, and how often somebody may try.

#[cfg(feature = "oidc")]
pub mod oidc;
pub mod password;
pub mod throttle;
pub mod totp;
