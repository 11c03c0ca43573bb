//! The cookies of the portal.

use crate::app::App;
use crate::secret::Secret;
use axum::http::{HeaderMap, HeaderValue, header};

/// The cookies, as the settings have them: over HTTPS with the prefix that binds them to this host
/// (RFC 6265bis, section 4.1.3.2); on a portal of this machine alone, which has no HTTPS, without.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    https: bool,
}

impl Cookies {
    /// Those of this portal.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self { https: app.settings().is_https() }
    }

    fn name(self) -> &'static str {
        if self.https { "__Host-session" } else { "session" }
    }

    /// That of a sign-in at an OpenID provider.
    #[cfg(feature = "oidc")]
    fn attempt_name(self) -> &'static str {
        if self.https { "__Host-attempt" } else { "attempt" }
    }

    /// The key of the session in a request.
    pub(super) fn session(self, headers: &HeaderMap) -> Option<String> {
        Self::only(headers, self.name())
    }

    /// What the browser keeps of a sign-in at an OpenID provider.
    #[cfg(feature = "oidc")]
    pub(super) fn attempt(self, headers: &HeaderMap) -> Option<String> {
        Self::only(headers, self.attempt_name())
    }

    /// The one cookie of a name. Where there are two, somebody has planted one: then there is none.
    fn only(headers: &HeaderMap, cookie: &str) -> Option<String> {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut keys = all.flat_map(|text| text.split(';')).filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == cookie).then(|| value.to_owned())
        });
        let key = keys.next()?;
        keys.next().is_none().then_some(key)
    }

    /// The header that gives a session to a browser, until it is closed or the session ends.
    #[must_use]
    pub fn begin(self, key: &Secret) -> (header::HeaderName, HeaderValue) {
        self.header(self.name(), key.reveal(), "")
    }

    /// The header that takes it away.
    #[must_use]
    pub fn end(self) -> (header::HeaderName, HeaderValue) {
        self.header(self.name(), "", "; Max-Age=0")
    }

    /// The header that has a browser keep an attempt, for ten minutes; an empty one takes it away.
    #[cfg(feature = "oidc")]
    #[must_use]
    pub fn keep_attempt(self, attempt: &str) -> (header::HeaderName, HeaderValue) {
        let age = if attempt.is_empty() { "; Max-Age=0" } else { "; Max-Age=600" };
        self.header(self.attempt_name(), attempt, age)
    }

    fn header(self, name: &str, value: &str, more: &str) -> (header::HeaderName, HeaderValue) {
        let secure = if self.https { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
        // It has letters, digits and `-._` only.
        let value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        (header::SET_COOKIE, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_for_this_host_alone_and_for_no_script() {
        let secret = Secret::shown("key");
        for (https, begun) in [
            (true, "__Host-session=key; Path=/; HttpOnly; SameSite=Lax; Secure"),
            (false, "session=key; Path=/; HttpOnly; SameSite=Lax"),
        ] {
            let cookies = Cookies { https };
            assert_eq!(cookies.begin(&secret).1, begun);
            assert!(cookies.end().1.to_str().unwrap().ends_with("; Max-Age=0"));
        }
    }
}
