//! The hop to the organisation's own server.

use super::Gallery;
use crate::web::pages::delivery::*;
use crate::web::pages::domain::Force;
use crate::web::pages::words::fill;
use askama::Template;

impl Gallery {
    pub(super) fn delivery(&self) -> Vec<(&'static str, String)> {
        let never = LevelPage { hops: vec![], told: vec![], ..self.level(0) };
        vec![
            ("delivery", self.level(1).render().unwrap()),
            ("delivery-many", self.level(12).render().unwrap()),
            ("delivery-never", never.render().unwrap()),
            ("delivery-switch", self.level_switch(None).render().unwrap()),
            ("delivery-untested", self.level_switch(Some("450 <not today>")).render().unwrap()),
        ]
    }

    fn level(&self, servers: usize) -> LevelPage {
        let words = self.words();
        let text = &words.delivery;
        let server = |number: usize| ServerRow {
            host: self.text(&format!("mx{number}.example.org")),
            place: self.text("192.0.2.25, port 25"),
            lines: vec![
                self.text("Encrypted with TLS 1.3, TLS_AES_256_GCM_SHA384."),
                self.text("554 5.7.1 <script>not you</script>"),
            ],
        };
        LevelPage {
            shell: self.admin("/domains/example.org/delivery"),
            domain: self.domain(),
            title: fill(text.title, &[("domain", &"example.org")]),
            problem: self.wrong("name", text.name_wrong),
            level: text.as_operator.into(),
            level_word: self.text("encrypt"),
            notes: vec![text.monitored, text.not_asked],
            told: vec![self.fill(text.told, &[("hop", "example.org"), ("answer", "encrypt")])],
            force: Force {
                class: "good",
                text: fill(words.force.in_force, &[("when", &"2026-11-03 09:14")]),
                is_pending: false,
            },
            tested: self.fill(
                text.tested,
                &[("when", "2026-11-28 09:14"), ("who", "anna.muster@example.org")],
            ),
            hops: vec![HopRow {
                name: self.text("[mx.example.org]:25"),
                problem: (servers == 0).then_some(text.never),
                servers: (1..=servers).map(server).collect(),
            }],
            options: vec![
                LevelOption {
                    value: "",
                    title: text.as_operator,
                    about: text.as_operator_about,
                    chosen: false,
                    holds: String::new(),
                    is_good: false,
                },
                LevelOption {
                    value: "encrypt",
                    title: "encrypt",
                    about: text.hint,
                    chosen: true,
                    holds: "yes".into(),
                    is_good: true,
                },
            ],
            name: self.text("mail.example.org"),
            may_choose: true,
        }
    }

    fn level_switch(&self, missing: Option<&str>) -> LevelSwitchPage {
        let text = &self.words().delivery;
        let values = [("days", "30"), ("count", "7"), ("all", "1,204"), ("date", "2026-11-27")];
        LevelSwitchPage {
            shell: self.admin("/domains/example.org/delivery/switch?level=secure"),
            domain: self.domain(),
            title: fill(text.to, &[("domain", &"example.org")]),
            to_level: self.fill(text.with_name, &[("name", "mail.example.org")]),
            problem: None,
            lead: self.fill(text.would_wait, &values),
            lacks: vec![text.lack_plaintext.of(7)],
            notes: vec![text.not_known.of(3)],
            missing: missing.map(|missing| self.text(missing).plain()),
            may_override: missing.is_some(),
            version: 7,
            level: "secure",
            name: self.text("mail.example.org"),
        }
    }
}
