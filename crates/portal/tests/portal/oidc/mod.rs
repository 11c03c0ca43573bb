//! Signing in at an OpenID provider.

mod attacks;
mod faults;
mod flows;
mod provider;
mod site;
