//! Sign-in at an OpenID provider: the authorization code flow with PKCE (OpenID Connect Core 1.0, section
//! 3.1; RFC 7636; RFC 9700). What comes of it is the issuer and the subject; nothing else of a token is
//! read, and mail addresses are not even asked for.
//!
//! - `http`: what the provider is asked, within bounds.
//! - `token`: whether an ID token is believed.

mod http;
mod token;

use crate::secret::Secret;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use config::settings::ProviderSettings;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use token::{Expected, Refused};
use url::{Host, Url};

/// How long what a provider said of itself is taken for true.
const FRESH: Duration = Duration::from_secs(3600);
/// How long it is asked no more after that failed, where it was known before.
const AGAIN: Duration = Duration::from_secs(60);

/// Why a provider told nothing that counts. The texts are for the log.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be reached, or is not set up as it should be.
    #[error("{}", line(.0))]
    Unavailable(String),
    /// What it said is not believed.
    #[error("{}", line(.0))]
    NotBelieved(String),
}

/// A line for the log: what a provider wrote may be a part of it.
fn line(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(300).map(shown).collect()
}

/// What one attempt to sign in hangs on: a secret that only the browser holds in which it began. State, nonce
/// and challenge are hashes of it, so none of them tells it, nor one the others (Core, section 15.5.2).
#[derive(Clone, Debug)]
pub struct Attempt(Secret);

impl Attempt {
    /// The attempt of a secret.
    #[must_use]
    pub fn of(secret: Secret) -> Self {
        Self(secret)
    }

    /// What comes back with the browser.
    #[must_use]
    pub fn state(&self) -> String {
        Secret::shown(&format!("state {}", self.0.reveal())).hash()
    }

    /// What comes back in the token.
    #[must_use]
    pub fn nonce(&self) -> String {
        Secret::shown(&format!("nonce {}", self.0.reveal())).hash()
    }

    /// What only the secret answers (RFC 7636, section 4.2).
    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.reveal().as_bytes()))
    }
}

/// What a browser brings back from a provider.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Back {
    /// What is exchanged for the token.
    #[serde(default)]
    pub code: String,
    /// That of the attempt.
    #[serde(default)]
    pub state: String,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// Whom a provider knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How it calls them, for ever.
    pub subject: String,
    /// When they last showed it who they are; none: it does not say.
    pub authenticated: Option<Timestamp>,
}

/// What a provider says of itself (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Its keys. One that cannot be read is as one that is not there (RFC 7517, section 5).
#[derive(Deserialize)]
struct Keys {
    keys: Vec<serde_json::Value>,
}

#[derive(Debug)]
struct Known {
    metadata: Metadata,
    keys: Vec<Jwk>,
}

/// An OpenID provider, with what it was last heard to say of itself. To ask it waits for the network: not for a
/// thread of tokio's.
#[derive(Debug)]
pub struct Provider {
    settings: ProviderSettings,
    client: http::Client,
    /// And until when that is taken for true.
    known: Mutex<Option<(Arc<Known>, Instant)>>,
}

impl Provider {
    /// The provider of these settings. It is asked when somebody wants to sign in.
    #[must_use]
    pub fn new(settings: ProviderSettings) -> Self {
        let client = http::Client::new(settings.issuer.starts_with("http://"));
        Self { settings, client, known: Mutex::default() }
    }

    /// What the settings say of it.
    #[must_use]
    pub fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// Where a browser goes to sign in there; with `anew`, it is to ask who they are, whoever is signed in there
    /// already.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Unavailable`].
    pub fn address(
        &self,
        attempt: &Attempt,
        redirect: &str,
        anew: bool,
    ) -> Result<String, ProviderError> {
        let known = self.known()?;
        let mut address = self.checked(&known.metadata.authorization_endpoint)?;
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", "openid")
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        if anew {
            address.query_pairs_mut().append_pair("max_age", "0");
        }
        Ok(address.into())
    }

    /// Whom it knows, by what a browser brought back; its state has been compared.
    ///
    /// # Errors
    ///
    /// [`ProviderError`].
    pub fn told(
        &self,
        attempt: &Attempt,
        redirect: &str,
        back: &Back,
    ) -> Result<Told, ProviderError> {
        let known = self.known()?;
        let issuer = &*self.settings.issuer;
        let must_say = known.metadata.authorization_response_iss_parameter_supported;
        // Else a code of one provider would be sent to another.
        if back.iss.as_deref().map_or(must_say, |iss| iss != issuer) {
            return Err(ProviderError::NotBelieved("another provider has answered".into()));
        }
        let token = self.exchange(&known.metadata, attempt, redirect, &back.code)?;
        let nonce = attempt.nonce();
        let expected = Expected { issuer, client_id: &self.settings.client_id, nonce: &nonce };
        let checked = match token::check(&token, &known.keys, &expected) {
            // It has a new key. The token came from the provider itself, so nobody else can have it asked for this.
            Err(Refused::UnknownKey) => token::check(&token, &self.learn()?.keys, &expected),
            checked => checked,
        };
        checked.map_err(|refused| ProviderError::NotBelieved(refused.to_string()))
    }

    /// Gets the ID token for a code.
    fn exchange(
        &self,
        metadata: &Metadata,
        attempt: &Attempt,
        redirect: &str,
        code: &str,
    ) -> Result<String, ProviderError> {
        let address = self.checked(&metadata.token_endpoint)?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", attempt.0.reveal()),
        ];
        let secret = self.secret()?;
        let id = &*self.settings.client_id;
        // What is meant where nothing is said (Discovery, section 3).
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let basic = methods.is_none_or(|all| all.iter().any(|one| one == "client_secret_basic"));
        let basic = secret.as_deref().filter(|_| basic).map(|secret| (id, secret));
        if basic.is_none() {
            form.push(("client_id", id));
            form.extend(secret.as_deref().map(|secret| ("client_secret", secret)));
        }
        self.client.exchange(&address, basic, &form)
    }

    /// The secret as the file has it now: it can be changed without a restart.
    fn secret(&self) -> Result<Option<String>, ProviderError> {
        let Some(path) = &self.settings.client_secret_file else { return Ok(None) };
        let text = std::fs::read_to_string(path).map_err(|error| {
            ProviderError::Unavailable(format!("{} cannot be read: {error}", path.display()))
        })?;
        let secret = text.trim();
        if secret.is_empty() {
            let message = format!("{} is empty", path.display());
            return Err(ProviderError::Unavailable(message));
        }
        Ok(Some(secret.to_owned()))
    }

    /// What it says of itself, not long ago.
    fn known(&self) -> Result<Arc<Known>, ProviderError> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept {
            Some((known, until)) if Instant::now() < until => Ok(known),
            Some((known, _)) => self.learn().or_else(|error| {
                tracing::warn!("{}: {error}", self.settings.issuer);
                self.keep(&known, AGAIN);
                Ok(known)
            }),
            None => self.learn(),
        }
    }

    /// Asks it.
    fn learn(&self) -> Result<Arc<Known>, ProviderError> {
        let issuer = &*self.settings.issuer;
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = self.client.get(&self.checked(&place)?)?;
        if metadata.issuer != issuer {
            return Err(ProviderError::Unavailable(format!(
                "{place} is of another issuer, {:?}: write it so in the settings, if it is yours",
                metadata.issuer
            )));
        }
        let keys: Keys = self.client.get(&self.checked(&metadata.jwks_uri)?)?;
        let keys = keys.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let known = Arc::new(Known { keys: keys.collect(), metadata });
        self.keep(&known, FRESH);
        Ok(known)
    }

    fn keep(&self, known: &Arc<Known>, time: Duration) {
        let kept = Some((Arc::clone(known), Instant::now() + time));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// An address of the provider's: over HTTPS, but on this machine where the issuer is.
    fn checked(&self, text: &str) -> Result<Url, ProviderError> {
        let is_local = |host: Option<Host<&str>>| match host {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let may_be_local = self.settings.issuer.starts_with("http://");
        let url = Url::parse(text).ok().filter(|url| match url.scheme() {
            "https" => true,
            "http" => may_be_local && is_local(url.host()),
            _ => false,
        });
        url.ok_or_else(|| {
            ProviderError::Unavailable(format!(
                "the provider names {text:?}, which is not https://"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_writes_is_one_line_of_the_log() {
        let long = "x".repeat(100_000);
        for text in ["a\nforged", "a\r\n2026-11-28 INFO forged\u{1b}[2J", &long] {
            for error in
                [ProviderError::Unavailable(text.into()), ProviderError::NotBelieved(text.into())]
            {
                let line = error.to_string();
                assert!(line.len() <= 900 && !line.contains(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn of_an_attempt_nothing_that_others_see_tells_the_secret_or_something_else_of_it() {
        // RFC 7636, appendix B.
        let attempt = Attempt::of(Secret::shown("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let all = [attempt.state(), attempt.nonce(), attempt.challenge(), attempt.0.hash()];
        for (place, one) in all.iter().enumerate() {
            assert!(all.iter().skip(place + 1).all(|other| other != one), "{all:?}");
        }
    }
}
