//! Each page with made-up content: to be tested with what mail could bring, and to be looked at.

mod delivery;
mod domains;
mod operators;
mod own;
mod tests;

use super::assets::Assets;
use super::domain::{Choosable, DomainRow, Fact, Named};
use super::page::{Pager, Problem};
use super::shell::{Shell, Who};
use super::shown::Shown;
use super::words::{Words, fill};
use askama::Template;
use policy::{Language, Mode};

/// What somebody could write into any field, instead of nothing.
pub(super) const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u{202e}\u{2066}\u{200b}\0\u{1b}[2J\r\n=1+1";

/// The gallery in a language, with such texts or without.
pub(super) struct Gallery {
    pub language: Language,
    pub evil: bool,
}

impl Gallery {
    fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    fn text(&self, text: &str) -> Shown {
        if self.evil && !text.is_empty() {
            Shown::new(&format!("{text}{EVIL}"))
        } else {
            text.into()
        }
    }

    /// A domain is a name that was checked, and cannot be anything.
    fn domain(&self) -> Named {
        Named { shown: "example.org".into(), link: "/domains/example.org".into() }
    }

    fn fill(&self, text: &str, values: &[(&str, &str)]) -> String {
        let shown: Vec<(&str, String)> =
            values.iter().map(|(place, value)| (*place, self.text(value).plain())).collect();
        let values: Vec<(&str, &dyn std::fmt::Display)> =
            shown.iter().map(|(place, value)| (*place, value as &dyn std::fmt::Display)).collect();
        fill(text, &values)
    }

    fn shell(&self, path: &str, who: Option<Who>) -> Shell {
        Shell {
            words: self.words(),
            tag: self.language.into(),
            assets: Assets::get(),
            path: path.into(),
            provider: self.text("Gateway of Example"),
            who,
            done: None,
        }
    }

    fn nobody(&self, path: &str) -> Shell {
        self.shell(path, None)
    }

    fn admin(&self, path: &str) -> Shell {
        let login = self.text("anna.muster@example.org");
        self.shell(path, Some(Who { login, is_operator: false, behalf: None, may_change: true }))
    }

    fn operator(&self, path: &str) -> Shell {
        let login = self.text("noc@gateway.example");
        self.shell(path, Some(Who { login, is_operator: true, behalf: None, may_change: true }))
    }

    fn wrong(&self, field: &'static str, text: &str) -> Option<Problem> {
        Some(Problem::new(field, self.fill(text, &[("least", "12")])))
    }

    fn pager(&self, next: &str) -> Pager {
        let next = (!next.is_empty()).then(|| next.to_owned());
        Pager { first: next.as_ref().map(|_| "/".into()), next }
    }

    fn domain_row(&self, name: &str, mode: Mode, who: &str, organisation: &str) -> DomainRow {
        DomainRow {
            link: format!("/domains/{name}"),
            name: self.text(name),
            organisation: self.text(organisation),
            mode: self.words().mode(mode),
            class: mode.name(),
            from: String::new(),
            since: "2026-11-03".into(),
            who: self.text(who),
        }
    }

    fn fact(&self, name: &'static str, value: &str, detail: &str, link: Option<&str>) -> Fact {
        Fact {
            name,
            value: self.text(value),
            detail: self.text(detail),
            link: link.map(|link| format!("/domains/example.org/{link}")),
        }
    }

    /// All pages with their names.
    pub fn pages(&self) -> Vec<(&'static str, String)> {
        let mut pages = self.sign_in();
        pages.push(("domains", self.list().render().unwrap()));
        pages.push(("domains-all", self.list_of_all().render().unwrap()));
        pages.extend(self.overviews());
        pages.push(("switch", self.switch(true).render().unwrap()));
        pages.push(("switch-no-evidence", self.switch(false).render().unwrap()));
        pages.extend(self.delivery());
        pages.extend(self.forms());
        pages.extend(self.reports());
        pages.extend(self.account());
        pages.extend(self.operators());
        pages
    }
}

fn choosable(value: &'static str, title: Shown, chosen: bool) -> Choosable {
    Choosable { value, title, about: "".into(), chosen }
}
