//! What signing in is made of: passwords, codes, and how often somebody may try.

pub mod password;
pub mod throttle;
pub mod totp;
