//! What stands around each page.

use super::assets::Assets;
use super::shown::Shown;
use super::words::{Words, fill};
use policy::Language;

/// What each page needs besides its own content.
pub(super) struct Shell {
    pub(super) words: &'static Words,
    /// The language, as its tag.
    pub(super) tag: &'static str,
    pub(super) assets: &'static Assets,
    /// The path of this page, to come back to it in another language.
    pub(super) path: String,
    /// Whoever runs the gateway, or what they call it.
    pub(super) provider: Shown,
    /// Nobody, before they are signed in.
    pub(super) who: Option<Who>,
    /// What has just been done.
    pub(super) done: Option<Done>,
}

/// Who looks at it.
pub(super) struct Who {
    pub(super) login: Shown,
    /// The operator sees more sections.
    pub(super) is_operator: bool,
    /// On behalf of which organisation the operator acts.
    pub(super) behalf: Option<Shown>,
    /// Whether anything can be changed.
    pub(super) may_change: bool,
}

/// What has just been done, as the audit log has it.
pub(super) struct Done {
    pub(super) text: String,
    /// Where it can be taken back.
    pub(super) undo: Option<String>,
}

impl From<&str> for Done {
    fn from(text: &str) -> Self {
        Self { text: text.into(), undo: None }
    }
}

/// A part of the portal, for the head of pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    None,
    Domains,
    Organisations,
    Audit,
    Account,
}

impl Shell {
    /// The head's links: where to, what it says, whether this page is there.
    pub(super) fn sections(&self, here: Section) -> Vec<(&'static str, &'static str, bool)> {
        let words = &self.words.shell;
        let all = [
            (Section::Domains, "/", words.domains),
            (Section::Organisations, "/organisations", words.organisations),
            (Section::Audit, "/audit", words.audit),
        ];
        let operator = self.who.as_ref().is_some_and(|who| who.is_operator);
        let seen = all.into_iter().filter(|(section, ..)| operator || *section == Section::Domains);
        seen.map(|(section, to, name)| (to, name, section == here)).collect()
    }

    /// What says on each page on whose behalf something is done.
    pub(super) fn behalf(&self) -> Option<String> {
        let organisation = self.who.as_ref()?.behalf.as_ref()?;
        let text = self.words.shell.behalf;
        Some(fill(text, &[("organisation", &organisation.plain())]))
    }

    /// The other languages: tag, own name.
    pub(super) fn languages(&self) -> [(&'static str, &'static str, bool); 2] {
        [(Language::English, "English"), (Language::German, "Deutsch")]
            .map(|(language, name)| (language.into(), name, language == self.words.language))
    }

    pub(super) fn may_change(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.may_change)
    }
}
