//! Words for what the ledger knows as enums.

use super::Words;
use ledger::report::{By, Outcome, date_text};
use policy::Language;

impl Words {
    /// What became of a peer or a sender that was or would be refused.
    pub fn outcome(&self, outcome: Outcome) -> String {
        let [english, german] = match outcome {
            Outcome::Resolved { .. } => ["resolved, with TLS on {}", "behoben, mit TLS am {}"],
            Outcome::Quiet { .. } => ["quiet since {}", "still seit {}"],
            Outcome::GaveUp { .. } => ["gave up on {}", "gab auf am {}"],
            Outcome::StillFailing { .. } => {
                ["still failing since {}", "scheitert weiterhin, seit {}"]
            }
        };
        self.pick(english, german).replace("{}", &date_text(outcome.moment()))
    }

    /// The same without its date.
    pub fn outcome_kind(&self, outcome: Outcome) -> &'static str {
        let [english, german] = match outcome {
            Outcome::Resolved { .. } => ["resolved", "behoben"],
            Outcome::Quiet { .. } => ["quiet", "still"],
            Outcome::GaveUp { .. } => ["gave up", "gaben auf"],
            Outcome::StillFailing { .. } => ["still failing", "scheitern weiterhin"],
        };
        self.pick(english, german)
    }

    /// What the groups are, as the head of their column.
    pub fn by(&self, by: By) -> &'static str {
        let [english, german] = match by {
            By::Peer => ["Sending server", "Sendender Server"],
            By::Sender => ["Sender domain", "Absender-Domain"],
            By::Domain => ["Recipient domain", "Empfänger-Domain"],
            By::Version => ["TLS version", "TLS-Version"],
            By::Cipher => ["Cipher suite", "Cipher-Suite"],
            By::Day => ["Day", "Tag"],
        };
        self.pick(english, german)
    }

    /// The title of the groups.
    pub fn by_title(&self, by: By) -> &'static str {
        let [english, german] = match by {
            By::Peer => ["Sending servers", "Sendende Server"],
            By::Sender => ["Sender domains", "Absender-Domains"],
            By::Domain => ["Recipient domains", "Empfänger-Domains"],
            By::Version => ["TLS versions", "TLS-Versionen"],
            By::Cipher => ["Cipher suites", "Cipher-Suites"],
            By::Day => ["Days", "Tage"],
        };
        self.pick(english, german)
    }

    fn pick(&self, english: &'static str, german: &'static str) -> &'static str {
        match self.language {
            Language::English => english,
            Language::German => german,
        }
    }
}
