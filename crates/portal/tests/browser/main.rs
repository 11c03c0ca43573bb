//! The pages in a real browser: Chromium, driven by the WebDriver protocol, before a running portal.
//!
//! Needs Debian's `chromium` and `chromium-driver`, and npm for axe-core, which is fetched once and not
//! shipped. Some have a real milter and a real Postfix before them: root, and what tests/install has made.

mod accessibility;
mod gateway;
mod hostile;
mod in_force;
mod origins;
mod real;
mod site;
mod switching;
