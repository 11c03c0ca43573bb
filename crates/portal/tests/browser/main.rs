//! The pages in a real browser: Chromium, driven by the WebDriver protocol, before a running portal.
//!
//! Needs Debian's `chromium` and `chromium-driver`, and npm for axe-core, which is fetched once and not
//! shipped.

mod accessibility;
mod gateway;
mod hostile;
mod site;
mod switching;
