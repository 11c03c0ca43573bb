//! Domains, and what is told of them.

use super::{Gallery, choosable};
use crate::web::pages::domain::*;
use crate::web::pages::report::{Answer, PartnerPage, ReportPage, TrialPage};
use crate::web::pages::shell::Done;
use crate::web::pages::words::fill;
use askama::Template;
use policy::requirement::builtins;
use policy::{Language, Mode};

impl Gallery {
    pub(super) fn list(&self) -> ListPage {
        let row = |name: &str, mode, who: &str| self.domain_row(name, mode, who, "Example Ltd");
        let mut rows = vec![
            row("example.org", Mode::Enforce, "anna.muster@example.org"),
            row("praxis-am-see.example", Mode::Monitor, "anna.muster@example.org"),
            row("shop.example", Mode::Off, self.words().domain.never),
        ];
        let from = self.words().domain.from_date;
        rows[1].from = fill(from, &[("date", &"2026-12-15")]);
        ListPage {
            shell: self.admin("/"),
            is_all: false,
            rows,
            query: "".into(),
            mode: None,
            is_filtered: false,
            count: fill(
                self.words().domains.counts,
                &[
                    ("all", &self.words().domains.count.of(3)),
                    ("enforce", &1),
                    ("monitor", &1),
                    ("off", &1),
                ],
            ),
            pager: self.pager(""),
        }
    }

    pub(super) fn list_of_all(&self) -> ListPage {
        let rows = (0..50).map(|n| {
            let mode = [Mode::Enforce, Mode::Monitor, Mode::Off][n % 3];
            let (name, organisation) = (format!("customer-{n}.example"), format!("Customer {n}"));
            self.domain_row(&name, mode, "noc@gateway.example", &organisation)
        });
        ListPage {
            shell: self.operator("/"),
            is_all: true,
            rows: rows.collect(),
            query: self.text("customer"),
            mode: Some(Mode::Enforce),
            is_filtered: true,
            count: self.words().domains.count.of(100_000),
            pager: self.pager("/?q=customer&after=customer-99.example"),
        }
    }

    pub(super) fn overview(&self, mode: Mode, force: Force) -> OverviewPage {
        let words = self.words();
        let text = &words.domain;
        let contact =
            [("address", "it@example.org"), ("language", words.language_name(self.language))];
        OverviewPage {
            shell: self.admin("/domains/example.org"),
            domain: self.domain(),
            version: 7,
            overridden: None,
            mode: words.mode(mode),
            class: mode.name(),
            does: words.mode_does(mode),
            from: String::new(),
            since: self.fill(
                text.since_by,
                &[("when", "2026-11-03 09:14"), ("who", "anna.muster@example.org")],
            ),
            force,
            choices: [Mode::Enforce, Mode::Monitor, Mode::Off]
                .into_iter()
                .filter(|other| *other != mode)
                .map(|other| Choice {
                    link: format!("/domains/example.org/switch?mode={}", other.name()),
                    text: words.mode_choice(other),
                    is_main: other == Mode::Enforce,
                })
                .collect(),
            last_days: fill(text.last_days, &[("days", &30)]),
            recent: vec![
                fill(text.came, &[("count", &text.messages.of(1204)), ("share", &"99.0 %")]),
                text.refused.of(12),
            ],
            has_report: true,
            facts: vec![
                self.fact(
                    text.requirement,
                    &words.requirement(builtins().next().unwrap()),
                    "baseline",
                    Some("requirement"),
                ),
                self.fact(text.contact, &self.fill(text.contact_to, &contact), "", Some("contact")),
                self.fact(text.delivery, "encrypt", "TLS is demanded", Some("delivery")),
            ],
            exceptions: vec![
                ExceptionRow {
                    whose: self.text("192.0.2.0/24"),
                    reason: self.text("branch office scanner, replaced in spring"),
                    until: "2026-12-31".into(),
                    is_over: false,
                    remove: Some("/domains/example.org/exceptions/1/remove".into()),
                },
                ExceptionRow {
                    whose: self.text("scanner.example"),
                    reason: self.text("old"),
                    until: "2026-10-31".into(),
                    is_over: true,
                    remove: Some("/domains/example.org/exceptions/2/remove".into()),
                },
            ],
            may_except: true,
            act: None,
            operator: vec![],
        }
    }

    pub(super) fn overviews(&self) -> Vec<(&'static str, String)> {
        let force = &self.words().force;
        let good = || Force {
            class: "good",
            text: fill(force.in_force, &[("when", &"2026-11-03 09:14")]),
            is_pending: false,
        };
        let mut done = self.overview(
            Mode::Enforce,
            Force {
                class: "warn",
                text: fill(force.pending, &[("when", &"2026-11-28 09:14")]),
                is_pending: true,
            },
        );
        let text = self.words().switch.done;
        done.shell.done = Some(Done {
            text: fill(text, &[("mode", &self.words().mode(Mode::Enforce))]),
            undo: Some("/domains/example.org/undo/17".into()),
        });
        let broken = Force { class: "bad", text: force.broken.into(), is_pending: true };
        let mut broken = self.overview(Mode::Monitor, broken);
        broken.operator = vec![self.fact(
            self.words().domains.mode,
            self.words().mode(Mode::Enforce),
            "policy.yaml, 12",
            None,
        )];
        broken.overridden =
            Some(self.fill(self.words().domain.operator_wins, &[("domain", "example.org")]));
        broken.exceptions.clear();
        let mut reader = self.overview(Mode::Off, good());
        let who = reader.shell.who.as_mut().unwrap();
        (who.may_change, who.is_operator, who.behalf) =
            (false, true, Some(self.text("Example Ltd")));
        reader.may_except = false;
        reader.recent = vec![self.words().domain.no_mail.into()];
        vec![
            ("domain", self.overview(Mode::Enforce, good()).render().unwrap()),
            ("domain-done", done.render().unwrap()),
            ("domain-broken", broken.render().unwrap()),
            ("domain-behalf", reader.render().unwrap()),
        ]
    }

    pub(super) fn peer(
        &self,
        host: &str,
        client: &str,
        count: &str,
        senders: &str,
        since: Option<&str>,
    ) -> PeerRow {
        let words = &self.words().switch;
        PeerRow {
            link: format!("/domains/example.org/partner?partner={client}"),
            client: self.text(client),
            host: self.text(host),
            messages: count.into(),
            senders: self.text(senders),
            why: self.text(match self.language {
                Language::English => "not encrypted",
                Language::German => "nicht verschlüsselt",
            }),
            last: "2026-11-26".into(),
            since_then: since
                .map_or(words.not_with_tls.into(), |when| fill(words.with_tls, &[("when", &when)])),
            is_better: since.is_some(),
        }
    }

    pub(super) fn switch(&self, has_evidence: bool) -> SwitchPage {
        let words = &self.words().switch;
        let text = &self.words().domain;
        let lead = if has_evidence {
            fill(
                words.lead,
                &[
                    ("days", &30),
                    ("count", &text.messages.of(12)),
                    ("servers", &words.servers.of(3)),
                    ("all", &"1\u{202f}204"),
                ],
            )
        } else {
            self.fill(words.lead_no_evidence, &[("domain", "example.org")])
        };
        let peers = if has_evidence {
            vec![
                self.peer(
                    "mail.lawyers.example",
                    "192.0.2.77",
                    "7",
                    "lawyers.example",
                    Some("2026-11-14"),
                ),
                self.peer(
                    "fax.copier.example",
                    "198.51.100.99",
                    "4",
                    "copier.example, accounting.copier.example +3",
                    None,
                ),
                self.peer("", "2001:db8:2::15", "1", "supplier.example", None),
            ]
        } else {
            vec![]
        };
        SwitchPage {
            shell: self.admin("/domains/example.org/switch?mode=enforce"),
            domain: self.domain(),
            title: fill(words.to_enforce, &[("domain", &"example.org")]),
            requirement: String::new(),
            lead,
            advice: (!has_evidence).then(|| Advice {
                text: words.no_evidence.into(),
                link: Some("/domains/example.org/switch?mode=monitor".into()),
            }),
            notes: vec![],
            letter: has_evidence.then(|| {
                fill(
                    words.letter,
                    &[
                        ("domain", &"example.org"),
                        ("date", &words.the_day),
                        ("last", &"2026-11-26"),
                    ],
                )
            }),
            more: has_evidence.then(|| words.more.of(2)),
            peers,
            has_explanation: true,
            action: "/domains/example.org/mode".into(),
            version: 7,
            hidden: vec![("mode", "enforce".into())],
            problem: None,
            day: Some(self.text("2026-12-15")),
            later: false,
            today: "2026-11-28".into(),
            submit: words.do_enforce,
        }
    }

    pub(super) fn forms(&self) -> Vec<(&'static str, String)> {
        let words = &self.words().change;
        let title = |text: &str| fill(text, &[("domain", &"example.org")]);
        let action = |page: &str| format!("/domains/example.org/{page}");
        let requirement = RequirementPage {
            shell: self.admin("/domains/example.org/requirement"),
            domain: self.domain(),
            title: title(words.requirement),
            problem: None,
            action: action("switch"),
            options: builtins()
                .take(4)
                .enumerate()
                .map(|(place, requirement)| RequirementOption {
                    value: requirement.name().into(),
                    title: self.text(requirement.name()),
                    about: self.words().requirement(requirement),
                    chosen: place == 0,
                })
                .collect(),
        };
        let contact = ContactPage {
            shell: self.admin("/domains/example.org/contact"),
            domain: self.domain(),
            title: title(words.contact),
            problem: None,
            action: action("contact"),
            version: 7,
            contact: self.text("it@example.org"),
            languages: [Language::English, Language::German]
                .map(|language| {
                    let title = self.text(self.words().language_name(language));
                    choosable(language.into(), title, language == self.language)
                })
                .into(),
        };
        let exception = ExceptionPage {
            shell: self.admin("/domains/example.org/exceptions/new"),
            domain: self.domain(),
            title: title(words.exception),
            problem: self.wrong("client", "192.0.2.300: not an address"),
            action: action("exceptions/new"),
            version: 7,
            client: self.text("192.0.2.300"),
            sender: self.text("scanner.example"),
            until: self.text("2027-03-31"),
            reason: self.text("branch office scanner"),
        };
        vec![
            ("requirement", requirement.render().unwrap()),
            ("contact", contact.render().unwrap()),
            ("exception", exception.render().unwrap()),
        ]
    }

    pub(super) fn reports(&self) -> Vec<(&'static str, String)> {
        let words = self.words();
        let days =
            [7_u64, 30, 90].map(|days| (days.to_string(), words.report.days.of(days), days == 30));
        let none = ReportPage {
            shell: self.admin("/domains/example.org/report"),
            domain: self.domain(),
            report: None,
            has_table: false,
            days: days.into(),
            by: vec![("peer".into(), words.report.by_peer.into(), true)],
            partner: "/domains/example.org/partner".into(),
            csv: "/domains/example.org/report.csv?days=30".into(),
        };
        let partner = PartnerPage {
            shell: self.admin("/domains/example.org/partner?partner=192.0.2.77"),
            domain: self.domain(),
            partner: self.text("mail.lawyers.example"),
            hint: self.fill(
                words.partner.hint,
                &[("partner", "192.0.2.77"), ("domain", "example.org"), ("days", "120")],
            ),
            report: None,
            letter: None,
            to: self.text("postmaster@lawyers.example"),
            first: vec![self.text("The fault may be here: tell whoever runs this gateway.")],
        };
        let trial = TrialPage {
            shell: self.admin("/domains/example.org/test"),
            domain: self.domain(),
            problem: None,
            answer: Some(Answer {
                class: "enforce",
                verdict: words.trial.refuse,
                because: self.text("the session is not encrypted"),
                reply: self.text("450 4.7.0 Mail for example.org is accepted only over an adequately encrypted connection"),
                entry: self.text("example.org"),
                requirement: self.text("baseline"),
            }),
            sender: self.text("copier.example"),
            client: self.text("198.51.100.99"),
            sessions: vec![("none".into(), words.trial.plaintext.into(), true)],
            cipher: self.text(""),
        };
        vec![
            ("report-none", none.render().unwrap()),
            ("partner", partner.render().unwrap()),
            ("trial", trial.render().unwrap()),
            ("history", self.audit(Some(self.domain())).render().unwrap()),
        ]
    }
}
