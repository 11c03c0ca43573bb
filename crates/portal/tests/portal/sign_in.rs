//! Signing in, and what comes of it.

use crate::engines::Engine;
use crate::on_both_engines;
use crate::support::{Portal, guess, is_denied, is_not_found, to};
use policy::Mode;
use portal::auth::totp;
use portal::ops::sessions::{self, Origin, Proof, Session};
use portal::ops::tokens::{self, NewToken};
use portal::ops::{Denied, OpError, Operator, Scope, accounts, audit};
use portal::{App, Secret, flow, now};
use std::future::Future;
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct horse battery";

/// A portal whose administrator of A has a password.
pub struct SignIn {
    app: App,
    runtime: Runtime,
    portal: Portal,
    login: String,
}

fn from(address: &str) -> Origin {
    Origin { address: address.into(), agent: "test".into() }
}

impl SignIn {
    fn new(engine: Engine) -> Self {
        let portal = Portal::new(engine);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        let it = Self {
            app: portal.app(),
            login: portal.a.administrator.login.clone(),
            runtime,
            portal,
        };
        let link = it.link();
        it.run(flow::use_link(&it.app, link, PASSWORD.into(), &from("192.0.2.1"))).unwrap();
        it
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn id(&self) -> String {
        self.portal.a.administrator.account.clone().unwrap()
    }

    fn link(&self) -> Secret {
        let id = self.id();
        self.portal
            .write(|transaction| {
                accounts::make_link(transaction, &self.portal.operator, &id, now())
            })
            .unwrap()
    }

    fn sign_in(
        &self,
        login: &str,
        password: &str,
        address: &str,
    ) -> Result<flow::SignedIn, OpError> {
        self.run(flow::sign_in(&self.app, login, password.into(), &from(address)))
    }

    fn session(&self, key: &Secret) -> Result<Session, OpError> {
        self.portal.read(|transaction| sessions::resolve(transaction, key, "192.0.2.1", now()))
    }

    fn signed_in(&self) -> Session {
        let key = self.sign_in(&self.login, PASSWORD, "192.0.2.1").unwrap().key;
        self.session(&key).unwrap()
    }

    /// Sets an authenticator up; its secret, and the recovery codes.
    fn with_totp(&self) -> (String, Vec<String>) {
        let session = self.signed_in();
        self.run(flow::begin_totp(&self.app, &session.actor)).unwrap();
        let secret = self
            .portal
            .read(|transaction| accounts::pending_totp(transaction, &session.actor))
            .unwrap();
        // The step before the present one, so that the present one is still to be used.
        let code = totp::code_at(&secret, now() - jiff::SignedDuration::from_secs(30)).unwrap();
        let codes =
            self.run(flow::set_totp(&self.app, &session, &code, &from("192.0.2.1"))).unwrap();
        (secret, codes)
    }
}

on_both_engines! {
    fn a_wrong_login_a_wrong_password_and_a_disabled_account_are_answered_alike(it: SignIn) {
        is_not_found(it.sign_in("nobody@a.example", PASSWORD, "192.0.2.1"));
        is_not_found(it.sign_in(&it.login, "wrong", "192.0.2.1"));
        is_not_found(it.sign_in(&it.login, "", "192.0.2.1"));
        is_not_found(it.sign_in("reader@a.example", "", "192.0.2.1"));
        assert!(!it.sign_in(" ADMIN@a.example ", PASSWORD, "192.0.2.1").unwrap().half);
        let id = it.id();
        it.portal.write(|transaction| accounts::change(transaction, &it.portal.operator, &id, None, accounts::AccountChange { disabled: Some(true), ..Default::default() }, now())).unwrap();
        is_not_found(it.sign_in(&it.login, PASSWORD, "192.0.2.1"));
    }

    fn whoever_guesses_is_slowed_down_and_locks_nobody_else_out(it: SignIn) {
        let mut throttled = 0;
        for _ in 0..20 {
            match it.sign_in(&it.login, "wrong", "198.51.100.7") {
                Err(OpError::Throttled(seconds)) => { assert!(seconds > 0); throttled += 1; }
                other => is_not_found(other),
            }
        }
        assert!(throttled >= 10, "{throttled}");
        // Also with the right password, and from beside it; but not from elsewhere, nor as somebody else.
        assert!(matches!(it.sign_in(&it.login, PASSWORD, "198.51.100.8"), Err(OpError::Throttled(_))));
        is_not_found(it.sign_in("reader@a.example", "wrong", "198.51.100.7"));
        it.sign_in(&it.login, PASSWORD, "192.0.2.1").unwrap();
        let log = it.portal.read(|transaction| audit::search(transaction, &it.portal.a.administrator, &audit::AuditQuery { action: Some(audit::Action::SignInFailed), ..Default::default() })).unwrap();
        assert!(log.rows.len() >= 5 && log.rows.iter().all(|row| row.address == "198.51.100.7"));
    }

    fn one_who_tries_one_password_with_all_logins_is_slowed_down(it: SignIn) {
        let tries = (0..80).map(|number| it.sign_in(&format!("user{number}"), "x", "198.51.100.7"));
        assert!(tries.filter(|tried| matches!(tried, Err(OpError::Throttled(_)))).count() > 0);
    }

    fn a_session_begins_under_a_new_key_and_ends_for_all(it: SignIn) {
        let first = it.sign_in(&it.login, PASSWORD, "192.0.2.1").unwrap().key;
        let second = it.sign_in(&it.login, PASSWORD, "192.0.2.1").unwrap().key;
        assert_ne!(first, second);
        is_not_found(it.session(&guess()));
        is_not_found(it.session(&Secret::shown("")));
        // The hash that the database keeps opens nothing.
        is_not_found(it.session(&Secret::shown(&first.hash())));
        let session = it.session(&first).unwrap();
        let confirmed = it.run(flow::confirm(&it.app, &session, PASSWORD.into(), None, &from("192.0.2.1"))).unwrap();
        is_not_found(it.session(&first));
        let session = it.session(&confirmed).unwrap();
        it.run(flow::set_own_password(&it.app, &session.actor, "another password".into(), false)).unwrap();
        is_not_found(it.session(&confirmed));
        is_not_found(it.session(&second));
        is_not_found(it.sign_in(&it.login, PASSWORD, "192.0.2.1"));
        it.sign_in(&it.login, "another password", "192.0.2.1").unwrap();
    }

    fn a_session_that_nobody_uses_ends(it: SignIn) {
        let key = it.sign_in(&it.login, PASSWORD, "192.0.2.1").unwrap().key;
        let hours = |hours: i64| now() + jiff::SignedDuration::from_hours(hours);
        let resolve = |at| it.portal.read(|transaction| sessions::resolve(transaction, &key, "", at));
        resolve(hours(1)).unwrap();
        is_not_found(resolve(hours(3)));
        let session = resolve(now()).unwrap();
        it.portal.write(|transaction| sessions::note_use(transaction, &session, hours(11))).unwrap();
        resolve(hours(11)).unwrap();
        is_not_found(resolve(hours(12)));
    }

    fn with_an_authenticator_the_password_alone_opens_nothing(it: SignIn) {
        let (secret, codes) = it.with_totp();
        assert_eq!(codes.len(), 10);
        let half = it.sign_in(&it.login, PASSWORD, "192.0.2.1").unwrap();
        let session = it.session(&half.key).unwrap();
        assert!(half.half && session.half);
        for wrong in ["", "000000", "abcdef", "0000-0000-0000-0000-0000"] {
            is_not_found(it.run(flow::give_code(&it.app, &session, wrong.into(), &from("192.0.2.1"))));
        }
        let code = totp::code_at(&secret, now()).unwrap();
        let key = it.run(flow::give_code(&it.app, &session, code.clone(), &from("192.0.2.1"))).unwrap();
        assert!(!it.session(&key).unwrap().half);
        is_not_found(it.session(&half.key));
        // The same code, seen over somebody's shoulder, opens nothing any more.
        let again = it.session(&it.sign_in(&it.login, PASSWORD, "203.0.113.1").unwrap().key).unwrap();
        is_not_found(it.run(flow::give_code(&it.app, &again, code, &from("203.0.113.1"))));
        // A recovery code does, once, however it is written.
        let recovery = codes[0].to_uppercase().replace('-', " ");
        it.run(flow::give_code(&it.app, &again, recovery.clone(), &from("203.0.113.1"))).unwrap();
        let third = it.session(&it.sign_in(&it.login, PASSWORD, "203.0.113.1").unwrap().key).unwrap();
        is_not_found(it.run(flow::give_code(&it.app, &third, recovery, &from("203.0.113.1"))));
        // Nor does a link for the password go round it.
        let link = it.link();
        it.run(flow::use_link(&it.app, link, "another password".into(), &from("192.0.2.1"))).unwrap();
        assert!(it.sign_in(&it.login, "another password", "203.0.113.2").unwrap().half);
    }

    fn of_one_code_that_comes_many_times_at_once_one_counts(it: SignIn) {
        let (secret, _) = it.with_totp();
        let step = totp::step_of(&secret, &totp::code_at(&secret, now()).unwrap(), now()).unwrap();
        let id = it.id();
        let used: usize = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..12)
                .map(|_| scope.spawn(|| it.portal.write(|transaction| sessions::use_proof(transaction, &id, Proof::Step(step))).is_ok()))
                .collect();
            tries.into_iter().map(|tried| usize::from(tried.join().unwrap())).sum()
        });
        assert_eq!(used, 1);
    }

    fn a_link_works_once_until_it_ends_and_its_address_is_that_of_the_settings(it: SignIn) {
        let first = it.link();
        let second = it.link();
        assert!(it.app.link(&second).starts_with("https://portal.example/link/"));
        let open = |link: &Secret, at| it.portal.read(|transaction| accounts::of_link(transaction, link, at));
        is_not_found(open(&first, now()));
        is_not_found(open(&guess(), now()));
        is_not_found(open(&Secret::shown(&second.hash()), now()));
        is_not_found(open(&second, now() + jiff::SignedDuration::from_hours(49)));
        assert_eq!(open(&second, now()).unwrap().login, it.login);
        let key = it.sign_in(&it.login, PASSWORD, "192.0.2.1").unwrap().key;
        let short = it.run(flow::use_link(&it.app, second.clone(), "short".into(), &from("192.0.2.1")));
        assert!(matches!(short, Err(OpError::Invalid(_))), "{short:?}");
        it.run(flow::use_link(&it.app, second.clone(), "another password".into(), &from("192.0.2.1"))).unwrap();
        is_not_found(it.session(&key));
        is_not_found(it.run(flow::use_link(&it.app, second, "a third password".into(), &from("192.0.2.1"))));
    }

    fn whoever_guesses_links_is_slowed_down(it: SignIn) {
        let tries = (0..80).map(|_| {
            it.run(flow::use_link(&it.app, guess(), "another password".into(), &from("198.51.100.7")))
        });
        assert!(tries.filter(|tried| matches!(tried, Err(OpError::Throttled(_)))).count() > 0);
    }

    fn what_is_dangerous_asks_for_the_password_again(it: SignIn) {
        let session = it.signed_in();
        let later = now() + jiff::SignedDuration::from_mins(11);
        let new = NewToken { name: "orders".into(), scopes: vec![Scope::Switch], days: 30 };
        is_denied(it.portal.write(|transaction| tokens::add(transaction, &session.actor, &new, later)), Denied::Unconfirmed);
        is_denied(it.portal.write(|transaction| accounts::set_own_password(transaction, &session.actor, "x", false, later)), Denied::Unconfirmed);
        is_denied(it.portal.write(|transaction| accounts::begin_totp(transaction, &session.actor, "x", later)), Denied::Unconfirmed);
        is_denied(it.portal.write(|transaction| accounts::remove_own_totp(transaction, &session.actor, later)), Denied::Unconfirmed);
        let (token, secret) = it.portal.write(|transaction| tokens::add(transaction, &session.actor, &new, now())).unwrap();
        assert_eq!(token.scopes, [Scope::Read, Scope::Switch]);
        // A token makes no other, and takes nothing of what protects the account.
        let (_, actor) = it.portal.read(|transaction| tokens::resolve(transaction, &secret, None, "", now())).unwrap();
        is_denied(it.portal.write(|transaction| tokens::add(transaction, &actor, &new, now())), Denied::PagesOnly);
        is_denied(it.portal.write(|transaction| accounts::set_own_password(transaction, &actor, "x", false, now())), Denied::PagesOnly);
        // It ends when its account does, and by itself.
        let resolve = |at| it.portal.read(|transaction| tokens::resolve(transaction, &secret, None, "", at));
        is_not_found(resolve(now() + jiff::SignedDuration::from_hours(24 * 30 + 1)));
        let id = it.id();
        it.portal.write(|transaction| accounts::change(transaction, &it.portal.operator, &id, None, accounts::AccountChange { disabled: Some(true), ..Default::default() }, now())).unwrap();
        is_not_found(resolve(now()));
    }

    fn nobody_revokes_anothers_token(it: SignIn) {
        let session = it.signed_in();
        let new = NewToken { name: "orders".into(), scopes: vec![Scope::Read], days: 30 };
        let (token, _) = it.portal.write(|transaction| tokens::add(transaction, &session.actor, &new, now())).unwrap();
        for other in [&it.portal.a.reader, &it.portal.b.administrator] {
            is_not_found(it.portal.write(|transaction| tokens::revoke(transaction, other, None, &token.id, now())));
            let seen = it.portal.read(|transaction| tokens::list(transaction, other, false)).unwrap();
            assert!(seen.is_empty());
            is_denied(it.portal.read(|transaction| tokens::list(transaction, other, true)), Denied::OperatorOnly);
        }
        // A token revokes itself, and none beside it unless it is there to manage.
        let (another, secret) = it.portal.write(|transaction| tokens::add(transaction, &session.actor, &new, now())).unwrap();
        let (own, actor) = it.portal.read(|transaction| tokens::resolve(transaction, &secret, None, "", now())).unwrap();
        assert_eq!(own, another.id);
        is_denied(it.portal.write(|transaction| tokens::revoke(transaction, &actor, Some(&own), &token.id, now())), Denied::Scope(Scope::Manage));
        it.portal.write(|transaction| tokens::revoke(transaction, &actor, Some(&own), &own, now())).unwrap();
        let operator = it.portal.operator_account();
        it.portal.write(|transaction| tokens::revoke(transaction, &operator, None, &token.id, now())).unwrap();
    }

    fn the_log_only_grows_and_holds_no_secret(it: SignIn) {
        let (secret, codes) = it.with_totp();
        it.portal.change(&it.portal.a.administrator, "a.example", &to(Mode::Monitor)).unwrap();
        for sql in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "INSERT INTO audit (id) SELECT id FROM audit"] {
            let refused = it.portal.write(|transaction| Ok(transaction.execute(sql, &[])?));
            assert!(matches!(refused, Err(OpError::Store(_))), "{sql}: {refused:?}");
        }
        let rows = it.portal.read(|transaction| audit::search(transaction, it.portal.operator.actor(), &audit::AuditQuery::default())).unwrap().rows;
        let text = audit::to_csv(&rows).unwrap();
        assert!(text.contains("totp-set") && text.contains("password-set") && text.contains("signed-in"), "{text}");
        for secret in [&secret, PASSWORD, "argon2", &codes[0]] {
            assert!(!text.contains(secret), "{secret}");
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]));
    }

    fn an_operator_who_became_an_administrator_acts_for_nobody(it: SignIn) {
        let operator = Operator::check(&it.portal.operator_account()).unwrap();
        let account = it.portal.read(|transaction| accounts::own(transaction, operator.actor())).unwrap();
        let key = it.portal.write(|transaction| { let known = sessions::credentials(transaction, &account.login)?.unwrap(); sessions::begin(transaction, &known, &Origin::default(), now()) }).unwrap().0;
        let session = it.session(&key).unwrap();
        it.portal.write(|transaction| sessions::act_for(transaction, &operator, &session, Some(&it.portal.b.id), now())).unwrap();
        let acting = it.session(&key).unwrap();
        assert_eq!((acting.actor.behalf.as_deref(), acting.behalf_name.as_deref()), (Some(&*it.portal.b.id), Some("B")));
        it.portal.change(&acting.actor, "b.example", &to(Mode::Monitor)).unwrap();
        is_not_found(it.portal.change(&acting.actor, "a.example", &to(Mode::Monitor)));
        is_not_found(it.portal.write(|transaction| sessions::act_for(transaction, &operator, &session, Some("nobody"), now())));
        it.portal.write(|transaction| sessions::act_for(transaction, &operator, &session, None, now())).unwrap();
        is_denied(it.portal.change(&it.session(&key).unwrap().actor, "b.example", &to(Mode::Off)), Denied::NoBehalf);
    }

    fn a_password_that_was_changed_while_it_was_checked_opens_nothing(it: SignIn) {
        let checked = it.portal.read(|transaction| sessions::credentials(transaction, &it.login)).unwrap().unwrap();
        let session = it.signed_in();
        let begin = || it.portal.write(|transaction| sessions::begin(transaction, &checked, &Origin::default(), now()));
        let confirm = |session: &Session| it.portal.write(|transaction| sessions::confirm(transaction, session, &checked, None, &Origin::default(), now()));
        let (key, _) = begin().unwrap();
        // A session that has ended meanwhile has no follower, though the password is the same.
        it.portal.write(|transaction| sessions::end(transaction, &session)).unwrap();
        is_not_found(confirm(&session));
        let session = it.session(&key).unwrap();
        it.run(flow::set_own_password(&it.app, &session.actor, "another password".into(), false)).unwrap();
        is_not_found(begin());
        is_not_found(confirm(&session));
    }

    fn an_authenticator_that_was_set_meanwhile_is_asked_for(it: SignIn) {
        let checked = it.portal.read(|transaction| sessions::credentials(transaction, &it.login)).unwrap().unwrap();
        it.with_totp();
        let (key, account) = it.portal.write(|transaction| sessions::begin(transaction, &checked, &Origin::default(), now())).unwrap();
        assert!(account.has_totp && it.session(&key).unwrap().half);
    }

    fn with_a_new_authenticator_all_sessions_begun_without_it_end(it: SignIn) {
        let stolen = it.sign_in(&it.login, PASSWORD, "203.0.113.1").unwrap().key;
        it.session(&stolen).unwrap();
        it.with_totp();
        is_not_found(it.session(&stolen));
    }

    fn of_two_authenticators_that_are_set_up_at_once_the_one_whose_code_was_given_counts(it: SignIn) {
        let session = it.signed_in();
        it.run(flow::begin_totp(&it.app, &session.actor)).unwrap();
        let first = it.portal.read(|transaction| accounts::pending_totp(transaction, &session.actor)).unwrap();
        it.run(flow::begin_totp(&it.app, &session.actor)).unwrap();
        is_not_found(it.portal.write(|transaction| accounts::set_totp(transaction, &session.actor, &session.hash, &first, 1, now())));
    }

    fn tokens_end_with_a_link_a_disabled_account_and_a_password_where_that_is_asked_for(it: SignIn) {
        let operator = &it.portal.operator;
        let id = it.id();
        let token = || {
            let session = it.signed_in();
            let new = NewToken { name: "orders".into(), scopes: vec![Scope::Read], days: 30 };
            it.portal.write(|transaction| tokens::add(transaction, &session.actor, &new, now())).unwrap().1
        };
        let resolve = |secret: &Secret| it.portal.read(|transaction| tokens::resolve(transaction, secret, None, "", now()));
        let disable = |disabled| it.portal.write(|transaction| accounts::change(transaction, operator, &id, None, accounts::AccountChange { disabled: Some(disabled), ..Default::default() }, now())).unwrap();
        let set = |tokens_too| it.run(flow::set_own_password(&it.app, &it.signed_in().actor, PASSWORD.into(), tokens_too)).unwrap();
        let secret = token();
        set(false);
        resolve(&secret).unwrap();
        set(true);
        is_not_found(resolve(&secret));
        let secret = token();
        it.run(flow::use_link(&it.app, it.link(), PASSWORD.into(), &from("192.0.2.1"))).unwrap();
        is_not_found(resolve(&secret));
        let secret = token();
        disable(true);
        disable(false);
        is_not_found(resolve(&secret));
    }

    fn an_operators_token_opens_no_account_and_makes_no_operator(it: SignIn) {
        let operator = it.portal.operator_account();
        let (of_operator, of_admin) = (operator.account.clone().unwrap(), it.id());
        let confirmed = portal::ops::Actor { confirmed: Some(now()), ..operator.clone() };
        let token = portal::ops::Actor { scopes: Some(vec![Scope::Read, Scope::Operator]), via: portal::ops::Via::Api, ..operator.clone() };
        let new = accounts::NewAccount { login: "op2@provider.example".into(), role: portal::ops::Role::Operator, organisation: None, language: policy::Language::English };
        for (actor, of_another, of_own) in [
            (&token, Some(Denied::PagesOnly), Denied::PagesOnly),
            (&operator, Some(Denied::Unconfirmed), Denied::Unconfirmed),
            (&confirmed, None, Denied::ShellOnly),
        ] {
            let operator = Operator::check(actor).unwrap();
            let link = |id: &str| it.portal.write(|transaction| accounts::make_link(transaction, &operator, id, now()).map(drop));
            let remove = |id: &str| it.portal.write(|transaction| accounts::remove_totp(transaction, &operator, id, now()));
            for done in [link(&of_admin), remove(&of_admin)] {
                match of_another {
                    Some(denied) => is_denied(done, denied),
                    None => done.unwrap(),
                }
            }
            is_denied(link(&of_operator), of_own);
            is_denied(remove(&of_operator), of_own);
            is_denied(it.portal.write(|transaction| accounts::add(transaction, &operator, &new, now()).map(drop)), Denied::ShellOnly);
        }
    }

    fn a_login_that_no_account_can_have_is_kept_nowhere(it: SignIn) {
        for _ in 0..100 {
            is_not_found(it.sign_in(&"x".repeat(100_000), PASSWORD, "198.51.100.7"));
        }
        is_not_found(it.sign_in(&"ö".repeat(200), PASSWORD, "198.51.100.7"));
    }

    fn colleagues_behind_one_address_keep_nobody_out(it: SignIn) {
        for _ in 0..70 {
            it.sign_in(&it.login, PASSWORD, "198.51.100.7").unwrap();
        }
    }

    fn whoever_has_the_password_does_not_guess_the_code_from_many_networks(it: SignIn) {
        it.with_totp();
        let half = it.session(&it.sign_in(&it.login, PASSWORD, "192.0.2.1").unwrap().key).unwrap();
        let tries = (0..30).map(|network| it.run(flow::give_code(&it.app, &half, "000000".into(), &from(&format!("198.51.{network}.1")))));
        assert_eq!(tries.filter(|tried| matches!(tried, Err(OpError::Throttled(_)))).count(), 10);
    }
}
