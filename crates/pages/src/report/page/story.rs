//! One partner's story: who runs its servers, how mail came, what changed, and who else brings such mail.

use crate::story::{change, session};
use crate::text::{blank_zero, tight_number, unbroken, visible};
use ledger::report::date_text;
use ledger::story::{House, Server, Story};
use policy::Language;

pub(super) struct StoryTables {
    pub houses: Vec<HouseLine>,
    pub sessions: Vec<(String, String)>,
    /// The day, the server, and what changed.
    pub changes: Vec<(String, String, String)>,
    pub elsewhere: Vec<HouseLine>,
}

pub(super) struct HouseLine {
    pub name: String,
    pub servers: String,
    pub recipients: String,
    pub at_fault: String,
    /// Its servers, each with when it came first and last.
    pub named: Vec<(String, String)>,
}

impl StoryTables {
    pub fn new(story: &Story, language: Language) -> Self {
        let changes = story.changes.iter().map(|one| {
            let day = unbroken(date_text(one.at));
            (day, named(&one.host, &one.client), visible(&change(one, language)))
        });
        let sessions = story.sessions.iter();
        Self {
            houses: story.houses.iter().map(HouseLine::new).collect(),
            sessions: sessions
                .map(|one| (visible(&session(one, language)), tight_number(one.recipients)))
                .collect(),
            changes: changes.collect(),
            elsewhere: story.elsewhere.iter().map(HouseLine::new).collect(),
        }
    }
}

impl HouseLine {
    fn new(house: &House) -> Self {
        let line = |server: &Server| {
            let days = [server.first, server.last].map(|at| unbroken(date_text(at)));
            (named(&server.host, &server.client), days.join(" – "))
        };
        Self {
            name: visible(&house.name),
            servers: tight_number(house.servers_count),
            recipients: tight_number(house.recipients),
            at_fault: blank_zero(house.at_fault),
            named: house.servers.iter().map(line).collect(),
        }
    }
}

/// A server by its name, with its address.
fn named(host: &str, client: &str) -> String {
    visible(&if host.is_empty() { client.to_owned() } else { format!("{host} [{client}]") })
}
