//! What several of the portal's settings need: keys that must be there, addresses of the web.

use crate::yaml::{Decoder, Fields};
use std::net::IpAddr;

/// Says that a key is missing, with an example.
pub(super) fn required<T: Default>(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    name: &str,
    example: &str,
) -> T {
    if !decoder.problems.is_broken() {
        let message = format!("the settings do not say `{name}`");
        decoder.problems.add(fields.span(), message, format!("add `{example}`"));
    }
    T::default()
}

/// Whether it is `https://` (else `http://`), and what stands behind that. None: it is neither.
pub(super) fn scheme_and_rest(text: &str) -> Option<(bool, &str)> {
    let https = text.strip_prefix("https://").map(|rest| (true, rest));
    https.or_else(|| text.strip_prefix("http://").map(|rest| (false, rest)))
}

/// Whether what is sent to this host, with or without a port, stays on this machine.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
