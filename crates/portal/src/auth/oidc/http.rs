//! What a provider is asked: three kinds of requests, each of which takes a bounded time and gives a bounded
//! answer. Redirects are not followed.

use super::ProviderError;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy, http::Response};
use url::{Url, form_urlencoded::byte_serialize};

/// How long an answer may take, from the look-up of the name to its last octet.
const LONGEST: Duration = Duration::from_secs(5);
/// The most octets of it.
const MOST: u64 = 512 * 1024;

/// A client of HTTPS. The authorities that the system trusts are read when it is first used.
#[derive(Debug)]
pub(super) struct Client {
    is_local: bool,
    agent: OnceLock<Agent>,
}

/// What a token endpoint answers (RFC 6749, sections 5.1 and 5.2).
#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    error: Option<String>,
}

impl Client {
    pub fn new(is_local: bool) -> Self {
        Self { is_local, agent: OnceLock::new() }
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            let trusted = rustls_native_certs::load_native_certs().certs.into_iter();
            let trusted = trusted.map(|certificate| Certificate::from_der(&certificate).to_owned());
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::from(trusted))
                .unversioned_rustls_crypto_provider(Arc::new(
                    rustls::crypto::ring::default_provider(),
                ))
                .build();
            // A proxy of the environment's is for what is elsewhere.
            let proxy = if self.is_local { None } else { Proxy::try_from_env() };
            let config = Agent::config_builder()
                .tls_config(tls)
                .proxy(proxy)
                .timeout_global(Some(LONGEST))
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .user_agent("mandatory-tls-portal");
            config.build().new_agent()
        })
    }

    /// What stands at an address, as JSON.
    pub fn get<T: DeserializeOwned>(&self, address: &Url) -> Result<T, ProviderError> {
        let answer = self.agent().get(address.as_str()).header("accept", "application/json").call();
        let (status, octets) = read(address, answer)?;
        if status != 200 {
            return Err(unavailable(address, format!("answers {status}")));
        }
        serde_json::from_slice(&octets)
            .map_err(|error| unavailable(address, format!("answers what is none: {error}")))
    }

    /// The ID token for a code; `basic`: id and secret of the portal (RFC 6749, section 2.3.1).
    pub fn exchange(
        &self,
        address: &Url,
        basic: Option<(&str, &str)>,
        form: &[(&str, &str)],
    ) -> Result<String, ProviderError> {
        let mut request = self.agent().post(address.as_str()).header("accept", "application/json");
        if let Some((id, secret)) = basic {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let both = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
            request = request.header("authorization", format!("Basic {both}"));
        }
        let (status, octets) = read(address, request.send_form(form.iter().copied()))?;
        let answer: Result<Answer, _> = serde_json::from_slice(&octets);
        match (status, answer) {
            (200, Ok(Answer { id_token: Some(token), .. })) => Ok(token),
            (200, _) => Err(ProviderError::NotBelieved(format!("{address} gives no ID token"))),
            // The code was used before, is too old, or another's.
            (400, Ok(Answer { error: Some(error), .. })) if error == "invalid_grant" => {
                Err(ProviderError::NotBelieved(format!("{address} does not take the code")))
            }
            (status, Ok(Answer { error: Some(error), .. })) => {
                let error: String = error.chars().take(100).collect();
                Err(unavailable(address, format!("answers {status}, {error:?}")))
            }
            (status, _) => Err(unavailable(address, format!("answers {status}"))),
        }
    }
}

fn read(
    address: &Url,
    answer: Result<Response<Body>, ureq::Error>,
) -> Result<(u16, Vec<u8>), ProviderError> {
    let mut answer = answer.map_err(|error| unavailable(address, error))?;
    let octets = answer.body_mut().with_config().limit(MOST).read_to_vec();
    Ok((answer.status().as_u16(), octets.map_err(|error| unavailable(address, error))?))
}

fn unavailable(address: &Url, why: impl std::fmt::Display) -> ProviderError {
    ProviderError::Unavailable(format!("{address}: {why}"))
}
