//! By whom people can sign in to the portal, besides its own passwords: OpenID providers.

use super::common::{is_loopback, required, scheme_and_rest};
use crate::yaml::{Decoder, Node};
use std::path::{Path, PathBuf};

/// An OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Its word in addresses, also in the one that is registered with it: `BASE_URL/sign-in/with/ID`.
    pub id: String,
    /// How its button calls it.
    pub name: String,
    /// Its issuer identifier, as it writes it itself: `https://`, or `http://` with a loopback address.
    pub issuer: String,
    /// How it calls the portal.
    pub client_id: String,
    /// The file with the secret that the portal shows it; none: it asks for none.
    pub client_secret_file: Option<PathBuf>,
}

/// One provider, or several.
pub(super) fn read_all(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    base: &Path,
) -> Vec<ProviderSettings> {
    let mut all: Vec<ProviderSettings> = Vec::new();
    for node in decoder.one_or_more(node).iter() {
        let Some(provider) = read(decoder, node, base) else { continue };
        if all.iter().any(|other| other.id == provider.id) {
            let message = format!("there are two providers with the id `{}`", provider.id);
            decoder.problems.add(node.span, message, "give each an `id` of its own");
        } else if all.iter().any(|other| other.issuer == provider.issuer) {
            decoder.problems.add(node.span, "there are two providers with this issuer", "");
        } else {
            all.push(provider);
        }
    }
    all
}

fn read(decoder: &mut Decoder<'_>, node: Node<'_>, base: &Path) -> Option<ProviderSettings> {
    let mut fields = decoder.fields(node, "a provider")?;
    let issuer = fields.take("issuer");
    let issuer = match issuer {
        Some(node) => decoder.parsed(node, "`issuer`", checked_issuer),
        None => {
            required(decoder, &fields, "issuer", "issuer: https://sso.example.org/realms/staff")
        }
    };
    let client_id = match fields.text(decoder, "client_id") {
        Some(text) => Some(text.to_owned()),
        None => required(decoder, &fields, "client_id", "client_id: portal"),
    };
    let id = match fields.take("id") {
        Some(node) => decoder.parsed(node, "`id`", checked_id)?,
        None => "oidc".into(),
    };
    let name = fields.text(decoder, "name").unwrap_or("Single sign-on").to_owned();
    let client_secret_file = fields.text(decoder, "client_secret_file").map(|path| base.join(path));
    decoder.finish(fields);
    Some(ProviderSettings { id, name, issuer: issuer?, client_id: client_id?, client_secret_file })
}

fn checked_id(text: &str) -> Result<String, &'static str> {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty() || text.len() > 40 || !text.bytes().all(is_word) {
        return Err("`id` is a word of lower-case letters, digits and `-`: it stands in addresses");
    }
    Ok(text.to_owned())
}

/// OpenID Connect Discovery, section 3: a URL without query and fragment. It is compared as it is
/// written, so it stays so.
fn checked_issuer(text: &str) -> Result<String, &'static str> {
    let Some((https, rest)) = scheme_and_rest(text) else {
        return Err("`issuer` is written as https://sso.example.org/realms/staff");
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty()
        || rest.contains(['?', '#', '@', '\\'])
        || !rest.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err("`issuer` is a scheme, a host and perhaps a path, as the provider writes it");
    }
    if rest.contains("/.well-known/") {
        return Err("`issuer` ends before `/.well-known/openid-configuration`");
    }
    if !https && !is_loopback(authority) {
        return Err("over http:// anybody in between could sign in as anybody: write https://");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_https_address_or_one_of_this_machine_and_stays_as_it_is_written() {
        for text in [
            "https://sso.example.org",
            "https://sso.example.org/",
            "https://sso.example.org/realms/Staff",
            "https://sso.example.org:8443/x/v2.0",
            "http://127.0.0.1:8080/realms/staff",
            "http://localhost:8080",
            "http://[::1]:8080",
        ] {
            assert_eq!(checked_issuer(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "sso.example.org",
            "http://sso.example.org",
            "http://127.0.0.1.example.org",
            "http://127.0.0.1@example.org",
            "https://",
            "https:///realms",
            "https://sso.example.org?x=1",
            "https://sso.example.org/#x",
            "https://user@sso.example.org",
            "https://sso.example.org/.well-known/openid-configuration",
            "https://sso.example.org/a b",
            "https://sso.example.org/\u{fc}",
            "file:///etc/passwd",
        ] {
            checked_issuer(text).expect_err(text);
        }
        for text in ["", "A", "a/b", "a.b", "..", "a b", &"a".repeat(41)] {
            checked_id(text).expect_err(text);
        }
    }
}
