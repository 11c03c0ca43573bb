//! What others could try, each beside what works.

use super::provider::{Signed, Ways, now};
use super::site::{Browser, Site, attempt_of, is_refused, to};
use crate::engines::Engine;
use crate::on_both_engines;
use portal::now as moment;
use portal::ops::accounts::{self, NewAccount};
use portal::ops::{Operator, Role};
use serde_json::{Value, json};
use std::sync::Arc;

const INVALID: &str = "The answer of The staff is not valid";
const LOST: &str = "did not begin in this browser";
const STRANGER: &str = "no account here is joined to that";

fn claims(alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Ways {
    Ways { claims: Arc::new(alter), ..Ways::default() }
}

fn claim(name: &'static str, value: impl Into<Value>) -> Ways {
    let value = value.into();
    claims(move |claims| claims[name] = value.clone())
}

fn without(name: &'static str) -> Ways {
    claims(move |claims| drop(claims.as_object_mut().unwrap().remove(name)))
}

fn header(name: &'static str, value: impl Into<Value>, signed: Signed) -> Ways {
    let value = value.into();
    Ways { header: Arc::new(move |header| header[name] = value.clone()), signed, ..Ways::default() }
}

#[test]
fn a_token_counts_if_all_of_it_is_right_and_else_it_is_none() {
    let site = Site::new(Engine::Sqlite);
    site.join("anna");
    let issuer = site.provider.issuer().to_owned();
    for (what, ways) in [
        ("as it should be", Ways::default()),
        ("ES256", Ways { signed: Signed::Es256, ..Ways::default() }),
        ("a list of one audience", claim("aud", json!(["portal"]))),
        (
            "several audiences, and the portal was meant",
            claims(|claims| {
                claims["aud"] = json!(["portal", "mail"]);
                claims["azp"] = "portal".into();
            }),
        ),
        ("no key named, and one that fits", header("kid", Value::Null, Signed::Rs256)),
        (
            "clocks apart by less than a minute",
            claims(|claims| {
                claims["iat"] = (now() + 40).into();
                claims["exp"] = (now() - 40).into();
            }),
        ),
        ("times with fractions", claims(|claims| claims["iat"] = json!(now() as f64 + 0.25))),
    ] {
        site.provider.set(ways);
        let mut browser = Browser::default();
        assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/", "{what}");
        assert!(site.is_signed_in(&browser), "{what}");
    }
    for (what, ways) in [
        ("wrong nonce", claim("nonce", "x")),
        ("no nonce", without("nonce")),
        ("another issuer", claim("iss", site.other.issuer())),
        ("another issuer by a slash", claim("iss", format!("{issuer}/"))),
        ("two issuers", claim("iss", json!([issuer, "https://evil.example"]))),
        ("no issuer", without("iss")),
        ("another audience", claim("aud", "mail")),
        ("no audience", without("aud")),
        ("an empty list of audiences", claim("aud", json!([]))),
        (
            "several audiences, and nobody says which was meant",
            claim("aud", json!(["portal", "mail"])),
        ),
        ("given to another", claim("azp", "mail")),
        (
            "several audiences, given to another",
            claims(|claims| {
                claims["aud"] = json!(["portal", "mail"]);
                claims["azp"] = "mail".into();
            }),
        ),
        ("not signed", Ways { signed: Signed::None, ..Ways::default() }),
        ("not signed, and called otherwise", header("alg", "nOnE", Signed::None)),
        ("not signed, and called RS256", header("alg", "RS256", Signed::None)),
        ("HS256 with the public key", Ways { signed: Signed::Hs256, ..Ways::default() }),
        ("HS256 with the public key, called RS256", header("alg", "RS256", Signed::Hs256)),
        ("RS512", header("alg", "RS512", Signed::Rs256)),
        ("PS256", header("alg", "PS256", Signed::Rs256)),
        ("signed by somebody else", Ways { signed: Signed::Foreign, ..Ways::default() }),
        ("a key of its own", header("jwk", json!({ "kty": "oct", "k": "AAAA" }), Signed::Foreign)),
        ("a key from elsewhere", header("jku", "https://evil.example/keys", Signed::Foreign)),
        ("a key that there is not", header("kid", "../../dev/null", Signed::Rs256)),
        ("another kind of key", header("kid", "rsa", Signed::Es256)),
        ("what must be understood and is not", header("crit", json!(["exp"]), Signed::Rs256)),
        ("ended", claim("exp", now() - 120)),
        ("no end", without("exp")),
        ("an end in words", claim("exp", "tomorrow")),
        ("not yet", claim("nbf", now() + 120)),
        ("from the future", claim("iat", now() + 120)),
        ("made long ago", claim("iat", now() - 3600)),
        ("made at no time", without("iat")),
        ("no subject", without("sub")),
        ("an empty subject", claim("sub", "")),
        ("a subject with a NUL", claim("sub", "anna\0")),
        ("a subject of another kind", claim("sub", 7)),
        ("a subject of many octets", claim("sub", "a".repeat(256))),
        ("no token", claims(|claims| *claims = Value::Null)),
    ] {
        site.provider.set(ways);
        let mut browser = Browser::default();
        is_refused(&site.sign_in(&mut browser, "anna"), 422, INVALID, what);
        assert!(!site.is_signed_in(&browser), "{what}");
    }
    site.provider.set(Ways::default());
    assert_eq!(to(&site.sign_in(&mut Browser::default(), "anna")), "/");
}

on_both_engines! {
    fn an_identity_is_issuer_and_subject_and_no_mail_address_ever(site: Site) {
        let shell = Operator::check(site.portal.operator.actor()).unwrap();
        let new = NewAccount { login: "boss@a.example".into(), role: Role::Operator, organisation: None, language: policy::Language::English };
        site.portal.write(|transaction| accounts::add(transaction, &shell, &new, moment())).unwrap();
        site.join("anna");
        let stranger = |ways: Ways, subject: &str, what: &str| {
            site.provider.set(ways);
            is_refused(&site.sign_in(&mut Browser::default(), subject), 422, STRANGER, what);
        };
        for (what, verified) in [("a verified address", true), ("one that is not", false)] {
            for mail in ["boss@a.example", "admin@a.example", "op@provider.example"] {
                stranger(claims(move |claims| {
                    claims["email"] = mail.into();
                    claims["email_verified"] = verified.into();
                    claims["preferred_username"] = mail.into();
                    claims["upn"] = mail.into();
                }), "mallory", what);
            }
        }
        for subject in ["boss@a.example", "admin@a.example", "Anna", "anna ", " anna", "\u{430}nna", "anna%", "%", "' OR 1=1 --"] {
            stranger(Ways::default(), subject, subject);
        }
        // The same subject, of another provider.
        let mut browser = Browser::default();
        let address = site.begin(&mut browser, "/sign-in/with/guests", &[]);
        let answer = site.end(&mut browser, &site.other.authorize(&address, "anna"));
        is_refused(&answer, 422, STRANGER, "another issuer");
        assert!(answer.text.contains(&format!("issuer {}, subject anna", site.other.issuer())), "{}", answer.text);
        site.provider.set(Ways::default());
        assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/");
        assert!(site.get(&mut browser, "/account").text.contains("admin@a.example"));
    }

    fn what_did_not_begin_in_this_browser_does_not_end_in_it(site: Site) {
        site.join("anna");
        site.join("mallory");
        let begin = |browser: &mut Browser| site.begin(browser, "/sign-in/with/staff", &[]);
        // Somebody has a victim's browser end what he began: it would be signed in as him.
        let (mut mallory, mut victim) = (Browser::default(), Browser::default());
        let his = site.provider.authorize(&begin(&mut mallory), "mallory");
        is_refused(&site.end(&mut victim, &his), 422, LOST, "nothing began here");
        let hers = site.provider.authorize(&begin(&mut victim), "anna");
        is_refused(&site.end(&mut victim, &his), 422, LOST, "something else began here");
        // That was the end of hers as well: what comes back comes once.
        is_refused(&site.end(&mut victim, &hers), 422, LOST, "over");
        // He puts her code beside his state.
        let hers = site.provider.authorize(&begin(&mut victim), "anna");
        let (mut mallory, code) = (Browser::default(), hers.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned());
        let mut his = site.provider.authorize(&begin(&mut mallory), "mallory");
        let state = his.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        his.query_pairs_mut().clear().append_pair("code", &code).append_pair("state", &state).append_pair("iss", site.provider.issuer());
        is_refused(&site.end(&mut mallory, &his), 422, INVALID, "another's code");
        // Without a state, with an empty one, with two.
        let mut browser = Browser::default();
        for query in ["code=x", "code=x&state=", "state=&code=", "", "code=a&code=b&state=x&state=y", "error=access_denied"] {
            begin(&mut browser);
            let answer = site.get(&mut browser, &format!("/sign-in/with/staff?{query}"));
            assert!(answer.status.is_client_error() && !site.is_signed_in(&browser), "{query}: {}", answer.status);
        }
    }

    fn an_answer_counts_once(site: Site) {
        site.join("anna");
        let mut browser = Browser::default();
        let address = site.begin(&mut browser, "/sign-in/with/staff", &[]);
        let mut copy = attempt_of(&browser);
        let back = site.provider.authorize(&address, "anna");
        assert_eq!(to(&site.end(&mut browser, &back)), "/");
        is_refused(&site.end(&mut browser, &back), 422, LOST, "the cookie has gone");
        is_refused(&site.end(&mut copy, &back), 422, INVALID, "the code was used");
        assert!(site.is_signed_in(&browser) && !site.is_signed_in(&copy));
    }

    fn the_answer_of_one_provider_is_not_taken_for_that_of_another(site: Site) {
        site.join("anna");
        // The browser began at the one, and the other has it come back in its place.
        let mut browser = Browser::default();
        let address = site.begin(&mut browser, "/sign-in/with/guests", &[]);
        let path_of_staff = address.replace(site.other.issuer(), site.provider.issuer()).replace("with%2Fguests", "with%2Fstaff");
        let back = site.provider.authorize(&path_of_staff, "anna");
        is_refused(&site.end(&mut browser, &back), 422, LOST, "at the address of the one");
        assert_eq!(site.provider.asked("/token") + site.other.asked("/token"), 0);
        let address = site.begin(&mut browser, "/sign-in/with/guests", &[]);
        let back = site.provider.authorize(&address.replace(site.other.issuer(), site.provider.issuer()), "anna");
        is_refused(&site.end(&mut browser, &back), 422, "The answer of The guests is not valid", "at the address of the other");
        // With no word of who answers, though it promised one.
        let address = site.begin(&mut browser, "/sign-in/with/staff", &[]);
        let mut back = site.provider.authorize(&address, "anna");
        let silent: Vec<_> = back.query_pairs().filter(|(name, _)| name != "iss").map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        back.query_pairs_mut().clear().extend_pairs(silent);
        is_refused(&site.end(&mut browser, &back), 422, INVALID, "it does not say who it is");
        assert_eq!(site.provider.asked("/token") + site.other.asked("/token"), 0);
    }

    fn after_a_sign_in_elsewhere_a_browser_goes_to_pages_of_this_portal_alone(site: Site) {
        site.join("anna");
        for (next, then) in [
            ("/domains/a.example/report", "/domains/a.example/report"),
            ("https://evil.example/", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
        ] {
            let mut browser = Browser::default();
            let address = site.begin(&mut browser, "/sign-in/with/staff", &[("next", next)]);
            assert!(!address.contains("evil") && !address.contains("next"), "{address}");
            assert_eq!(to(&site.end(&mut browser, &site.provider.authorize(&address, "anna"))), then, "{next}");
        }
    }
}
