//! Sign-ins at OpenID providers, as several pages have them: buttons that lead there, and those that are joined.

use super::domain::when;
use super::shown::Shown;
use super::words::{Words, fill};
use crate::app::App;
use crate::ops::accounts::Identity;
use config::settings::ProviderSettings;

/// A button that leads to a provider.
pub(super) struct Way {
    pub label: String,
    /// Where its form goes.
    pub action: String,
}

/// Buttons for all providers; `text` has the place `{provider}`, `path` is what stands before an id.
pub(super) fn ways(app: &App, text: &str, path: &str) -> Vec<Way> {
    let way = |provider: &ProviderSettings| Way {
        label: fill(text, &[("provider", &Shown::new(&provider.name).plain())]),
        action: format!("{path}/with/{}", provider.id),
    };
    app.settings().sign_in.iter().map(way).collect()
}

/// An identity that is joined to an account.
pub(super) struct Joined {
    /// The provider's name, where it is one of the settings'; else its issuer.
    pub name: Shown,
    pub subject: Shown,
    pub since: String,
    pub used: String,
    /// Where the form goes that takes it away.
    pub remove: String,
}

/// Those of an account; `path` is that of the account's page.
pub(super) fn joined(app: &App, words: &Words, all: &[Identity], path: &str) -> Vec<Joined> {
    let name = |issuer: &str| {
        let known = app.settings().sign_in.iter().find(|provider| provider.issuer == issuer);
        Shown::new(known.map_or(issuer, |provider| &provider.name))
    };
    let joined = |identity: &Identity| Joined {
        name: name(&identity.issuer),
        subject: Shown::new(&identity.subject),
        since: when(identity.created),
        used: identity.used.map_or(words.person.never.into(), when),
        remove: format!("{path}/identities/{}/remove", identity.id),
    };
    all.iter().map(joined).collect()
}
