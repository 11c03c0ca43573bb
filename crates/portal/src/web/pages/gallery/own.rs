//! The way in, and the own account.

use super::{Gallery, choosable};
use crate::web::pages::account::{AccountPage, PasswordPage, SessionRow, TokenRow, TokensPage};
use crate::web::pages::page::ErrorPage;
use crate::web::pages::sign_in::*;
use crate::web::pages::ways::{Joined, Way};
use askama::Template;

impl Gallery {
    fn ways(&self, text: &str) -> Vec<Way> {
        let label = self.fill(text, &[("provider", "Example SSO")]);
        vec![Way { label, action: "/sign-in/with/oidc".into() }]
    }

    /// Identities of an account.
    pub(super) fn joined(&self) -> Vec<Joined> {
        vec![Joined {
            name: self.text("Example SSO"),
            subject: self.text("f3c9a2d0-5a2e-4f0e-9d1c-0b7f6f1d2c3e"),
            since: "2026-11-28 08:02".into(),
            used: "2026-11-28 09:14".into(),
            remove: "/account/identities/1/remove".into(),
        }]
    }

    pub(super) fn sign_in(&self) -> Vec<(&'static str, String)> {
        let words = self.words();
        let failed = words.sign_in.failed;
        let sign_in = |problem, passwords| SignInPage {
            shell: self.nobody("/sign-in"),
            problem,
            login: self.text("anna.muster@example.org"),
            next: "/".into(),
            passwords,
            ways: self.ways(words.provider.sign_in),
        };
        let code = |is_recovery| CodePage {
            shell: self.nobody("/sign-in/code"),
            problem: self
                .wrong(if is_recovery { "recovery" } else { "code" }, words.sign_in.code_failed),
            is_recovery,
            next: "/".into(),
        };
        let again = AgainPage {
            shell: self.admin("/confirm"),
            problem: None,
            next: "/account/tokens".into(),
            has_code: true,
            passwords: true,
            ways: self.ways(words.provider.confirm),
        };
        #[cfg(feature = "oidc")]
        let going = GoingPage {
            shell: self.nobody("/sign-in/with/oidc"),
            title: self.fill(words.provider.going, &[("provider", "Example SSO")]),
            address: "https://sso.example.org/auth?a=1&b=2".into(),
        };
        let stranger =
            [("provider", "Example SSO"), ("issuer", "https://sso.example.org"), ("subject", "42")];
        let stranger = ErrorPage {
            shell: self.nobody("/sign-in/with/oidc"),
            title: words.provider.failed,
            text: self.fill(words.provider.stranger, &stranger),
            onwards: ("/".into(), words.errors.to_start),
        };
        let forgotten = ForgottenPage {
            shell: self.nobody("/forgotten"),
            support: Some(self.text("noc@gateway.example")),
        };
        let hint = words.link.welcome_hint;
        let link = LinkPage {
            shell: self.nobody("/link/abc"),
            problem: self.wrong("password", words.link.short),
            login: self.text("anna.muster@example.org"),
            hint: self.fill(hint, &[("login", "anna.muster@example.org"), ("least", "12")]),
            passwords: true,
            ways: self.ways(words.provider.join),
        };
        let totp = |key: &str| TotpPage {
            shell: self.admin("/account/second-step"),
            problem: None,
            picture: "/account/second-step/picture?abc".into(),
            key: key.into(),
            may_wait: true,
        };
        let key = "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP";
        let codes = CodesPage {
            shell: self.admin("/account/codes"),
            codes: (0..10).map(|n| format!("7k3f-9q2{n}-mx")).collect(),
        };
        let error = ErrorPage {
            shell: self.admin("/domains/example.org/mode"),
            title: words.errors.conflict,
            text: words.errors.conflict_hint.into(),
            onwards: ("/domains/example.org".into(), words.errors.conflict_other),
        };
        vec![
            ("sign-in", sign_in(None, true).render().unwrap()),
            ("sign-in-elsewhere", sign_in(None, false).render().unwrap()),
            #[cfg(feature = "oidc")]
            ("going", going.render().unwrap()),
            ("stranger", stranger.render().unwrap()),
            ("sign-in-wrong", sign_in(self.wrong("login", failed), true).render().unwrap()),
            ("code", code(false).render().unwrap()),
            ("code-recovery", code(true).render().unwrap()),
            ("again", again.render().unwrap()),
            ("forgotten", forgotten.render().unwrap()),
            ("link", link.render().unwrap()),
            ("second-step", totp("").render().unwrap()),
            ("second-step-begun", totp(key).render().unwrap()),
            ("codes", codes.render().unwrap()),
            ("conflict", error.render().unwrap()),
        ]
    }

    pub(super) fn account(&self) -> Vec<(&'static str, String)> {
        let words = self.words();
        let session = |with: &str, is_this| SessionRow {
            with: self.text(with),
            from: self.text("203.0.113.9"),
            since: "2026-11-28 08:02".into(),
            seen: "2026-11-28 09:14".into(),
            is_this,
        };
        let account = AccountPage {
            shell: self.admin("/account"),
            facts: vec![
                self.fact(words.account.login, "anna.muster@example.org", "", None),
                self.fact(words.account.organisation, "Example Ltd", "", None),
            ],
            second: words.account.second_on.into(),
            has_second: true,
            problem: None,
            identities: self.joined(),
            ways: self.ways(words.provider.join),
            sessions: vec![session("Firefox, Linux", true), session("Chrome, Android", false)],
        };
        let tokens = TokensPage {
            shell: self.admin("/account/tokens"),
            problem: None,
            made: Some("mtls_5c1Yt0Z3kQ7u8xJ2nR4vB6wE9aD1fG0h".into()),
            tokens: vec![TokenRow {
                name: self.text("order system"),
                scopes: "domains:write".into(),
                expires: "2027-11-30".into(),
                used: "2026-11-27".into(),
                revoke: Some("/account/tokens/1/revoke".into()),
            }],
            name: self.text("order system"),
            scopes: vec![
                choosable("read", self.text("read"), true),
                choosable("write", self.text("change"), false),
            ],
            lasts: vec![("90".into(), words.tokens.days.of(90), true)],
        };
        let password = PasswordPage {
            shell: self.admin("/account/password"),
            problem: self.wrong("password", words.link.short),
            login: self.text("anna.muster@example.org"),
        };
        vec![
            ("account", account.render().unwrap()),
            ("password", password.render().unwrap()),
            ("tokens", tokens.render().unwrap()),
        ]
    }
}
