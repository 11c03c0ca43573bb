//! A provider that does not answer as it should, and one that changes.

use super::provider::{Fault, Signed, Ways};
use super::site::{Browser, Site, is_refused, to};
use crate::engines::Engine;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

const UNAVAILABLE: &str = "The staff cannot be asked at present. Please try again later. A password of this portal works meanwhile.";
const INVALID: &str = "The answer of The staff is not valid";

fn metadata(name: &'static str, value: impl Into<Value>) -> Ways {
    let value = value.into();
    Ways { metadata: Arc::new(move |all| all[name] = value.clone()), ..Ways::default() }
}

#[test]
fn beside_a_provider_that_is_away_a_page_says_so_and_passwords_work() {
    let faults = [Fault::Broken, Fault::Endless, Fault::Page, Fault::Redirect, Fault::Silent];
    for (fault_at, fault) in ["/.well-known/openid-configuration", "/keys"]
        .into_iter()
        .flat_map(|path| faults.map(|fault| (path, fault)))
        // One that does not answer takes seconds: one is enough.
        .filter(|one| *one != ("/.well-known/openid-configuration", Fault::Silent))
    {
        let site = Site::new(Engine::Sqlite);
        let what = format!("{fault:?} {fault_at}");
        site.provider.set(Ways { fault, fault_at, ..Ways::default() });
        let mut browser = Browser::default();
        let answer = site.post(&mut browser, "/sign-in/with/staff", &[]);
        is_refused(&answer, 503, UNAVAILABLE, &what);
        assert!(site.is_signed_in(&site.with_password()), "{what}");
        // What failed is not remembered.
        site.provider.set(Ways::default());
        site.join("anna");
        assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/", "{what}");
    }
}

#[test]
fn an_exchange_that_fails_signs_nobody_in() {
    let site = Site::new(Engine::Sqlite);
    site.join("anna");
    for (fault, status, why) in [
        (Fault::Broken, 503, UNAVAILABLE),
        (Fault::Endless, 503, UNAVAILABLE),
        (Fault::Redirect, 503, UNAVAILABLE),
        (Fault::Page, 422, INVALID),
        (Fault::Silent, 503, UNAVAILABLE),
    ] {
        site.provider.set(Ways { fault, fault_at: "/token", ..Ways::default() });
        let answer = site.sign_in(&mut Browser::default(), "anna");
        is_refused(&answer, status, why, &format!("{fault:?}"));
    }
    for (error, status, why) in [
        ("access_denied", 422, "The staff did not sign you in."),
        ("login_required", 422, "The staff did not sign you in."),
        ("<script>\r\nforged line", 422, "The staff did not sign you in."),
        ("temporarily_unavailable", 503, UNAVAILABLE),
        ("server_error", 503, UNAVAILABLE),
    ] {
        let mut browser = Browser::default();
        let address = site.begin(&mut browser, "/sign-in/with/staff", &[]);
        let mut back = site.provider.authorize(&address, "anna");
        let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        back.query_pairs_mut().clear().append_pair("state", &state).append_pair("error", error);
        is_refused(&site.end(&mut browser, &back), status, why, error);
    }
}

#[test]
fn what_a_provider_says_of_itself_is_believed_of_itself_alone() {
    let elsewhere = "http://203.0.113.1/keys";
    for (what, ways) in [
        ("another issuer", metadata("issuer", "https://evil.example")),
        ("an issuer of all tenants", metadata("issuer", "https://sso.example/{tenantid}")),
        ("no issuer", metadata("issuer", Value::Null)),
        ("keys in the clear", metadata("jwks_uri", elsewhere)),
        ("a file", metadata("jwks_uri", "file:///etc/passwd")),
        ("pages in the clear", metadata("authorization_endpoint", "http://sso.example/auth")),
        ("a page that is code", metadata("authorization_endpoint", "javascript:alert(1)")),
        ("no page", metadata("authorization_endpoint", "")),
        ("no keys", Ways { keys: Arc::new(|keys| *keys = json!([])), ..Ways::default() }),
    ] {
        let site = Site::new(Engine::Sqlite);
        site.provider.set(ways);
        let answer = site.post(&mut Browser::default(), "/sign-in/with/staff", &[]);
        is_refused(&answer, 503, UNAVAILABLE, what);
    }
    let site = Site::new(Engine::Sqlite);
    site.provider.set(metadata("token_endpoint", "http://sso.example/token"));
    is_refused(
        &site.sign_in(&mut Browser::default(), "anna"),
        503,
        UNAVAILABLE,
        "codes in the clear",
    );
}

#[test]
fn a_provider_is_asked_once_for_its_keys_and_again_when_it_has_a_new_one() {
    let site = Site::new(Engine::Sqlite);
    site.join("anna");
    let sign_in = || site.sign_in(&mut Browser::default(), "anna");
    let asked =
        || ["/.well-known/openid-configuration", "/keys"].map(|path| site.provider.asked(path));
    let es256 = || Ways { signed: Signed::Es256, ..Ways::default() };
    site.provider.set(es256());
    for _ in 0..3 {
        assert_eq!(to(&sign_in()), "/");
    }
    assert_eq!(asked(), [1, 1]);
    site.provider.rotate();
    assert_eq!(to(&sign_in()), "/");
    assert_eq!(asked(), [2, 2]);
    // One that nobody has published is looked for, and not found; nothing else changes by it.
    site.provider.set(Ways { signed: Signed::Foreign, ..Ways::default() });
    is_refused(&sign_in(), 422, INVALID, "a foreign key");
    assert_eq!(asked(), [3, 3]);
    // Where it cannot be asked for the new key, what was known stays known.
    site.provider.rotate();
    site.provider.set(Ways { fault: Fault::Broken, fault_at: "/keys", ..es256() });
    is_refused(&sign_in(), 503, UNAVAILABLE, "the new key is not to be had");
    site.provider.set(Ways { fault: Fault::Broken, fault_at: "/keys", ..Ways::default() });
    assert_eq!(to(&sign_in()), "/");
}

#[test]
fn the_portal_shows_the_provider_its_secret_as_it_wants_it_and_as_the_file_has_it() {
    let site = Site::new(Engine::Sqlite);
    site.join("anna");
    let post = json!(["client_secret_post", "private_key_jwt"]);
    site.provider.set(metadata("token_endpoint_auth_methods_supported", post));
    assert_eq!(to(&site.sign_in(&mut Browser::default(), "anna")), "/");
    // The wrong one, none, and the right one again, without a restart.
    let path = site.portal.path("secret");
    let right = fs::read_to_string(&path).unwrap();
    for wrong in ["wrong", "", "\n"] {
        fs::write(&path, wrong).unwrap();
        is_refused(&site.sign_in(&mut Browser::default(), "anna"), 503, UNAVAILABLE, wrong);
    }
    fs::remove_file(&path).unwrap();
    is_refused(&site.sign_in(&mut Browser::default(), "anna"), 503, UNAVAILABLE, "no file");
    fs::write(&path, right).unwrap();
    assert_eq!(to(&site.sign_in(&mut Browser::default(), "anna")), "/");
}

#[test]
fn a_provider_that_there_is_not_is_none() {
    let site = Site::new(Engine::Sqlite);
    for id in ["x", "STAFF", "staff%2f", "%00", "oidc"] {
        let answer = site.post(&mut Browser::default(), &format!("/sign-in/with/{id}"), &[]);
        assert!(answer.status.is_client_error(), "{id}: {}", answer.status);
    }
    assert_eq!(site.provider.asked("") + site.other.asked(""), 0);
}
