//! What an identity opens, and how it is joined.

use super::provider::{Ways, now as seconds};
use super::site::{Browser, PASSWORD, Site, is_refused, session_of, to};
use crate::engines::Engine;
use crate::on_both_engines;
use portal::auth::totp;
use portal::now;
use portal::ops::accounts::{self, AccountChange};
use portal::ops::audit::Action;
use portal::ops::{Denied, OpError, Operator};
use serde_json::json;
use std::sync::Arc;

fn authenticated(ago: i64) -> Ways {
    Ways {
        claims: Arc::new(move |claims| claims["auth_time"] = (seconds() - ago).into()),
        ..Ways::default()
    }
}

on_both_engines! {
    fn an_identity_that_is_joined_signs_in_under_a_new_key_and_the_log_says_by_what(site: Site) {
        let mut browser = Browser::default();
        let shown = site.get(&mut browser, "/sign-in").text;
        assert!(shown.contains("action=\"/sign-in/with/staff\"") && shown.contains("Sign in with The guests"));
        is_refused(&site.sign_in(&mut browser, "anna"), 422, "subject anna", "not joined yet");
        site.join("anna");
        assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/");
        let first = session_of(&browser).to_owned();
        assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/");
        assert_ne!(first, session_of(&browser));
        let row = &site.log(Action::SignedIn)[0];
        assert_eq!((&*row.actor, row.after.as_ref().unwrap()), ("admin@a.example", &json!({ "issuer": site.provider.issuer(), "subject": "anna" })));
        assert_eq!(site.log(Action::IdentityJoined).len(), 1);
        assert!(site.identities()[0].used.is_some());
        assert_eq!(to(&site.post(&mut browser, "/sign-out", &[])), "/sign-in");
        assert!(!site.is_signed_in(&browser));
        // What has a cookie of it, and no more, is signed in nowhere.
        let id = site.id();
        let disable = AccountChange { disabled: Some(true), ..AccountChange::default() };
        site.portal.write(|transaction| accounts::change(transaction, &site.portal.operator, &id, None, disable, now())).unwrap();
        is_refused(&site.sign_in(&mut browser, "anna"), 422, "no account here", "locked");
    }

    fn an_authenticator_is_asked_for_whoever_knows_the_first_step(site: Site) {
        let mut browser = site.with_password();
        let actor = site.portal.a.administrator.clone();
        let confirmed = portal::ops::Actor { confirmed: Some(now()), ..actor };
        let secret = totp::new_secret();
        site.portal.write(|transaction| {
            accounts::begin_totp(transaction, &confirmed, &secret, now())?;
            accounts::set_totp(transaction, &confirmed, "", &secret, 1, now())
        }).unwrap();
        site.join("anna");
        let address = site.begin(&mut browser, "/sign-in/with/staff", &[("next", "/account")]);
        assert_eq!(to(&site.end(&mut browser, &site.provider.authorize(&address, "anna"))), "/sign-in/code?next=%2Faccount");
        assert!(!site.is_signed_in(&browser));
        assert_eq!(site.post(&mut browser, "/sign-in/code", &[("code", "000000")]).status, 422);
        let code = totp::code_at(&secret, now()).unwrap();
        assert_eq!(to(&site.post(&mut browser, "/sign-in/code", &[("code", &code), ("next", "/account")])), "/account");
        assert!(site.is_signed_in(&browser));
        // The code says nothing of when the provider asked.
        assert_eq!(to(&site.get(&mut browser, "/account/password")), "/confirm?next=/account/password");
    }

    fn what_is_dangerous_asks_the_provider_to_ask_anew(site: Site) {
        site.join("anna");
        let mut browser = Browser::default();
        let is_confirmed = |browser: &Browser| site.get(&mut browser.clone(), "/account/tokens").status == 200 && site.get(&mut browser.clone(), "/account/password").status == 200;
        // Whom it has known since this morning, or does not say since when, has confirmed nothing.
        for ways in [Ways::default(), authenticated(3600)] {
            site.provider.set(ways);
            assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/");
            assert!(!is_confirmed(&browser));
        }
        let confirm = |browser: &mut Browser, subject: &str| {
            let address = site.begin(browser, "/confirm/with/staff", &[("next", "/account/password")]);
            assert!(address.contains("&max_age=0"), "{address}");
            site.end(browser, &site.provider.authorize(&address, subject))
        };
        let page = site.get(&mut browser, "/confirm?next=/account/password").text;
        assert!(page.contains("Confirm with The staff") && !page.contains("type=\"password\""), "{page}");
        let why = "has not asked you again who you are";
        is_refused(&confirm(&mut browser, "anna"), 422, why, "it did not ask anew");
        site.provider.set(Ways { claims: Arc::new(|claims| drop(claims.as_object_mut().unwrap().remove("auth_time"))), ..Ways::default() });
        is_refused(&confirm(&mut browser, "anna"), 422, why, "it does not say");
        site.provider.set(Ways::default());
        is_refused(&confirm(&mut browser, "mallory"), 422, why, "somebody else");
        assert!(!is_confirmed(&browser));
        let before = session_of(&browser).to_owned();
        assert_eq!(to(&confirm(&mut browser, "anna")), "/account/password");
        assert!(is_confirmed(&browser) && before != session_of(&browser));
        // Another session of the account is not confirmed by that, nor one that there is not.
        let mut nobody = Browser::default();
        assert_eq!(to(&site.post(&mut nobody, "/confirm/with/staff", &[])), "/sign-in");
    }

    fn one_joins_an_identity_to_the_own_account_and_keeps_a_way_in(site: Site) {
        let mut browser = site.with_password();
        let join = |browser: &mut Browser, subject: &str| {
            let address = site.begin(browser, "/account/identities/with/staff", &[]);
            assert!(address.contains("&max_age=0"), "{address}");
            site.end(browser, &site.provider.authorize(&address, subject))
        };
        assert_eq!(to(&join(&mut browser, "anna")), "/account?said=joined");
        let page = site.get(&mut browser, "/account?said=joined").text;
        assert!(page.contains("Your sign-in is joined.") && page.contains("anna"), "{page}");
        is_refused(&join(&mut browser, "anna"), 422, "joined to an account already", "twice");
        // Nobody takes another's.
        let mut other = Browser::default();
        assert_eq!(to(&site.sign_in(&mut other, "anna")), "/");
        let path = format!("/account/identities/{}/remove", site.identities()[0].id);
        assert_eq!(to(&site.post(&mut other, &path, &[])), "/confirm?next=/account");
        let reader = site.portal.a.reader.clone();
        let reader = portal::ops::Actor { confirmed: Some(now()), ..reader };
        let id = site.identities()[0].id.clone();
        let ways = site.app.ways();
        let removed = site.portal.write(|transaction| accounts::remove_own_identity(transaction, &reader, "", &id, &ways, now()));
        assert!(matches!(removed, Err(OpError::NotFound)), "{removed:?}");
        // With the identity gone, what it has opened ends.
        assert_eq!(to(&site.post(&mut browser, &path, &[])), "/account");
        assert!(site.is_signed_in(&browser) && !site.is_signed_in(&other));
        assert_eq!((site.identities().len(), site.log(Action::IdentityRemoved).len()), (0, 1));
        is_refused(&site.sign_in(&mut other, "anna"), 422, "no account here", "it has gone");
    }

    fn the_last_way_in_stays(site: Site) {
        site.join("anna");
        let admin = portal::ops::Actor { confirmed: Some(now()), ..site.portal.a.administrator.clone() };
        let ways = site.app.ways();
        let remove = |id: &str, ways: &accounts::Ways| site.portal.write(|transaction| accounts::remove_own_identity(transaction, &admin, "", id, ways, now()));
        let first = site.identities()[0].id.clone();
        assert!(matches!(remove(&first, &ways), Err(OpError::Invalid(_))));
        // Another one counts if its provider is there.
        let (operator, id) = (&site.portal.operator, site.id());
        site.portal.write(|transaction| accounts::add_identity(transaction, operator, &id, ("https://gone.example", "anna"), now())).unwrap();
        assert!(matches!(remove(&first, &ways), Err(OpError::Invalid(_))));
        site.join("anna too");
        remove(&first, &ways).unwrap();
        // A password counts if passwords do.
        site.with_password();
        site.join("anna");
        let last = site.identities().pop().unwrap().id;
        let alone = accounts::Ways { passwords: false, ..ways.clone() };
        assert!(matches!(remove(&last, &alone), Err(OpError::Invalid(_))));
        remove(&last, &ways).unwrap();
    }

    fn a_one_time_link_joins_an_identity_once_and_ends_what_opened_the_account_before(site: Site) {
        let before = site.with_password();
        site.join("mallory");
        let link = site.link(&site.portal.a.administrator);
        let path = format!("/link/{}", link.reveal());
        let mut browser = Browser::default();
        assert!(site.get(&mut browser, &path).text.contains(&format!("action=\"{path}/with/staff\"")));
        let address = site.begin(&mut browser, &format!("{path}/with/staff"), &[]);
        assert!(!address.contains(link.reveal()) && address.contains("&max_age=0"), "{address}");
        let mut copy = browser.clone();
        let back = site.provider.authorize(&address, "anna");
        assert_eq!(to(&site.end(&mut browser, &back)), "/sign-in?said=joined");
        // Nobody is signed in by it, and what was there before has ended.
        assert!(!site.is_signed_in(&browser) && !site.is_signed_in(&before));
        let identities = site.identities();
        let subjects: Vec<&str> = identities.iter().map(|one| &*one.subject).collect();
        assert_eq!(subjects, ["anna"]);
        assert_eq!(site.sign_in_by_password(&mut Browser::default()).status, 422);
        assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/");
        // It works once.
        let again = site.provider.authorize(&address, "mallory");
        assert_eq!(site.end(&mut copy, &again).status, 404);
        assert_eq!(site.post(&mut copy, &format!("{path}/with/staff"), &[]).status, 404);
        // One that sets a password ends the identity.
        let mut browser = site.with_password();
        assert_eq!(site.identities().len(), 0);
        is_refused(&site.sign_in(&mut browser, "anna"), 422, "no account here", "ended");
    }

    fn an_identity_that_is_anothers_is_not_joined_and_costs_the_link_nothing(site: Site) {
        site.join("anna");
        let link = site.link(&site.portal.a.reader);
        let path = format!("/link/{}/with/staff", link.reveal());
        for (subject, status) in [("anna", 422), ("bert", 303), ("bert", 404)] {
            let mut browser = Browser::default();
            let answer = site.post(&mut browser, &path, &[]);
            if answer.status == 404 {
                assert_eq!(status, 404);
                continue;
            }
            let address = site.begin(&mut browser, &path, &[]);
            assert_eq!(site.end(&mut browser, &site.provider.authorize(&address, subject)).status, status);
        }
        assert_eq!(site.identities().len(), 1);
    }

    fn an_operator_takes_anothers_identity_away_and_gives_operators_none_but_in_the_shell(site: Site) {
        site.join("anna");
        let mut browser = Browser::default();
        assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/");
        let of_operator = site.portal.operator_account();
        let confirmed = Operator::check(&portal::ops::Actor { confirmed: Some(now()), ..of_operator.clone() }).unwrap();
        let token = Operator::check(&portal::ops::Actor { scopes: Some(vec![portal::ops::Scope::Operator]), ..of_operator.clone() }).unwrap();
        let add = |operator: &Operator, id: &str| site.portal.write(|transaction| accounts::add_identity(transaction, operator, id, (site.provider.issuer(), "op"), now()));
        let own = of_operator.account.clone().unwrap();
        crate::support::is_denied(add(&confirmed, &own), Denied::ShellOnly);
        crate::support::is_denied(add(&token, &site.id()), Denied::PagesOnly);
        let remove = |operator: &Operator, id: &str| site.portal.write(|transaction| accounts::remove_identity(transaction, operator, &site.id(), id, now()));
        let id = site.identities()[0].id.clone();
        crate::support::is_denied(remove(&token, &id), Denied::PagesOnly);
        crate::support::is_not_found(remove(&confirmed, "0"));
        let link = site.link(&site.portal.a.administrator);
        remove(&confirmed, &id).unwrap();
        assert!(!site.is_signed_in(&browser));
        assert_eq!(site.get(&mut browser, &format!("/link/{}", link.reveal())).status, 200);
    }

    fn no_other_site_begins_or_joins_anything(site: Site) {
        let mut browser = site.with_password();
        for path in ["/sign-in/with/staff", "/confirm/with/staff", "/account/identities/with/staff", "/account/identities/0/remove"] {
            for from in ["cross-site", "same-site"] {
                assert_eq!(site.post_from(&mut browser, path, &[], from).status, 403, "{path} {from}");
            }
            // Not by a link or a picture either.
            let got = site.get(&mut browser, path);
            assert!(got.status.is_client_error() && got.headers.get("refresh").is_none(), "{path}: {}", got.status);
        }
        assert_eq!(site.provider.asked(""), 0);
    }
}

#[test]
fn whoever_brings_back_one_answer_after_the_other_is_slowed_down() {
    let site = Site::new(Engine::Sqlite);
    let come_back =
        || site.get(&mut Browser::default(), "/sign-in/with/staff?state=x&code=x").status.as_u16();
    // There is one more try each two seconds, however slow the machine is.
    let statuses: Vec<u16> =
        std::iter::repeat_with(come_back).take(500).take_while(|status| *status == 422).collect();
    assert!((60..500).contains(&statuses.len()), "{}", statuses.len());
    assert_eq!(come_back(), 429);
    // Those who are known there share an address with colleagues.
    let site = Site::new(Engine::Sqlite);
    site.join("anna");
    for _ in 0..70 {
        assert_eq!(to(&site.sign_in(&mut Browser::default(), "anna")), "/");
    }
}

#[test]
fn where_passwords_are_off_they_open_and_set_nothing() {
    let site = Site::with(Engine::Sqlite, "passwords: false\n");
    let (operator, id) = (&site.portal.operator, site.id());
    let hash = portal::auth::password::hash(PASSWORD).unwrap();
    site.portal
        .write(|transaction| accounts::set_password(transaction, operator, &id, &hash, now()))
        .unwrap();
    site.join("anna");
    let mut browser = Browser::default();
    assert!(!site.get(&mut browser, "/sign-in").text.contains("type=\"password\""));
    assert_eq!(site.sign_in_by_password(&mut browser).status, 403);
    let path = format!("/link/{}", site.link(&site.portal.a.reader).reveal());
    let page = site.get(&mut browser, &path).text;
    assert!(
        page.contains("Choose how you sign in") && !page.contains("type=\"password\""),
        "{page}"
    );
    let form = [("password", PASSWORD), ("repeat", PASSWORD)];
    assert_eq!(site.post(&mut browser, &path, &form).status, 403);
    site.provider.set(authenticated(1));
    assert_eq!(to(&site.sign_in(&mut browser, "anna")), "/");
    assert!(!site.get(&mut browser, "/confirm").text.contains("type=\"password\""));
    assert_eq!(site.post(&mut browser, "/confirm", &[("password", PASSWORD)]).status, 403);
    assert_eq!(site.post(&mut browser, "/account/password", &form).status, 403);
    assert!(!site.get(&mut browser, "/account").text.contains("/account/password"));
}
