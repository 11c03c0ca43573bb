//! The pages of operators, and logs.

use super::{Gallery, choosable};
use crate::web::pages::domain::Named;
use crate::web::pages::operator::*;
use crate::web::pages::words::fill;
use askama::Template;

impl Gallery {
    pub(super) fn audit(&self, domain: Option<Named>) -> AuditPage {
        let words = &self.words().audit;
        let is_history = domain.is_some();
        let row = |id: &str, what: &str, before: &str, after: &str| AuditRow {
            id: format!("change-{id}"),
            day: "2026-11-28".into(),
            time: "09:14:03".into(),
            who: self.text("anna.muster@example.org"),
            behalf: self.fill(words.behalf, &[("organisation", "Example Ltd")]),
            whence: self.text("203.0.113.9"),
            about: self.text("example.org"),
            link: Some("/domains/example.org".into()),
            what: self.text(what),
            before: before.lines().map(|line| self.text(line)).collect(),
            after: after.lines().map(|line| self.text(line)).collect(),
            undo: Some(format!("/audit/{id}/undo")),
        };
        AuditPage {
            shell: if is_history {
                self.admin("/domains/example.org/history")
            } else {
                self.operator("/audit")
            },
            title: if is_history {
                fill(words.title_of, &[("domain", &"example.org")])
            } else {
                words.title.into()
            },
            domain,
            is_filtered: false,
            about: self.text("example.org"),
            who: self.text(""),
            actions: vec![("domain-switched".into(), "domain-switched".into(), false)],
            from: "".into(),
            to: "".into(),
            rows: vec![
                row("17", "domain.set", "mode: monitor", "mode: enforce"),
                row("16", "domain.set", "contact: none", "contact: it@example.org"),
                row("15", "domain.set", "", "mode: monitor\nrequire: baseline"),
            ],
            pager: self.pager("/audit?before=15"),
            csv: "/audit.csv".into(),
        }
    }

    pub(super) fn operators(&self) -> Vec<(&'static str, String)> {
        let words = self.words();
        let organisations = OrganisationsPage {
            shell: self.operator("/organisations"),
            query: self.text(""),
            rows: ["Example Ltd", "Praxis am See", "Bank of Examples"]
                .map(|name| OrganisationRow {
                    link: "/organisations/1".into(),
                    name: self.text(name),
                    domains: "3".into(),
                    accounts: "2".into(),
                })
                .into(),
        };
        let new = NewOrganisationPage {
            shell: self.operator("/organisations/new"),
            problem: self.wrong("domains", "«example,org»"),
            name: self.text("Example Ltd"),
            domains: self.text("example,org").value().into(),
        };
        let offered = |name, value: &str, chosen| Offered {
            name,
            value: value.into(),
            title: self.text(value),
            about: String::new(),
            chosen,
        };
        let organisation = OrganisationPage {
            shell: self.operator("/organisations/1"),
            problem: None,
            link: "/organisations/1".into(),
            name: self.text("Example Ltd"),
            domains: self.list().rows,
            count: words.domains.count.of(3),
            people: vec![PersonRow {
                link: "/accounts/1".into(),
                login: self.text("anna.muster@example.org"),
                role: "administrator",
                state: words.person.active,
                last: "2026-11-28 09:00".into(),
            }],
            version: 1,
            all_domains: Some("/?organisation=1".into()),
        };
        let offer = OfferPage {
            shell: self.operator("/offer"),
            problem: None,
            version: 1,
            offers: vec![
                (
                    words.offer.modes,
                    vec![offered("mode", "monitor", true), offered("mode", "enforce", true)],
                ),
                (words.offer.more, vec![offered("exceptions", "yes", false)]),
            ],
        };
        let person = |is_new: bool| PersonPage {
            shell: self.operator("/accounts/1"),
            problem: None,
            title: self.fill(words.person.new, &[("organisation", "Example Ltd")]),
            organisation: self.text("Example Ltd"),
            organisation_link: "/organisations/1".into(),
            is_new,
            login: self.text("anna.muster@example.org"),
            roles: vec![
                choosable("admin", self.text("administrator"), true),
                choosable("reader", self.text("read only"), false),
            ],
            facts: vec![self.fact(words.person.login, "anna.muster@example.org", "", None)],
            version: 1,
            has_second: true,
            identities: self.joined(),
            can_open: true,
            is_disabled: false,
            link: "/accounts/1".into(),
            made: (!is_new).then(|| {
                let hint = fill(words.person.link_hint, &[("until", &"2026-11-29 09:00")]);
                ("https://portal.example/link/9aD1fG0h5c1Yt0Z3kQ7u8xJ2nR4vB6wE".into(), hint)
            }),
        };
        let sheet = |preview| SheetPage {
            shell: self.operator("/sheet"),
            problem: None,
            hint: fill(words.sheet.hint, &[("columns", &"domain, organisation, mode")]),
            csv: self.text("domain,organisation,mode").value().into(),
            preview,
        };
        let preview = Preview {
            sums: vec![
                words.sheet.adds.of(1),
                words.sheet.changes.of(2),
                words.sheet.same.of(4017),
                words.sheet.wrong.of(1),
            ],
            has_errors: true,
            can_apply: false,
            lines: vec![SheetLine {
                number: String::new(),
                domain: self.text("example.org"),
                before: vec![self.text("monitor")],
                after: vec![self.text("enforce")],
            }],
            more: Some(words.sheet.more.of(12)),
        };
        vec![
            ("organisations", organisations.render().unwrap()),
            ("organisation-new", new.render().unwrap()),
            ("organisation", organisation.render().unwrap()),
            ("offer", offer.render().unwrap()),
            ("person-new", person(true).render().unwrap()),
            ("person", person(false).render().unwrap()),
            ("audit", self.audit(None).render().unwrap()),
            ("sheet", sheet(None).render().unwrap()),
            ("sheet-preview", sheet(Some(preview)).render().unwrap()),
        ]
    }
}
