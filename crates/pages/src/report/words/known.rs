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
            Outcome::OtherServer { .. } => [
                "another server of the sender came with TLS on {}",
                "ein anderer Server des Absenders kam mit TLS am {}",
            ],
            Outcome::NotBack { .. } => [
                "not back: last seen {}, {attempts} on {days}",
                "nicht wiedergekommen: zuletzt {}, {attempts} an {days}",
            ],
            Outcome::NotBackYet { .. } => [
                "not back yet: last seen {}, {attempts} on {days}",
                "noch nicht wiedergekommen: zuletzt {}, {attempts} an {days}",
            ],
            Outcome::StillFailing { .. } => {
                ["still failing since {}", "scheitert weiterhin, seit {}"]
            }
        };
        let text = self.pick(english, german).replace("{}", &date_text(outcome.moment()));
        let (Outcome::NotBack { attempts, days, .. } | Outcome::NotBackYet { attempts, days, .. }) =
            outcome
        else {
            return text;
        };
        let attempts = self.statuses.attempts.of(attempts);
        text.replace("{attempts}", &attempts).replace("{days}", &self.statuses.days.of(days))
    }

    /// The same without its date.
    pub fn outcome_kind(&self, outcome: Outcome) -> &'static str {
        let [english, german] = match outcome {
            Outcome::Resolved { .. } => ["resolved", "behoben"],
            Outcome::Quiet { .. } => ["quiet", "still"],
            Outcome::OtherServer { .. } => ["by another server", "über andere Server"],
            Outcome::NotBack { .. } => ["not back", "nicht wiedergekommen"],
            Outcome::NotBackYet { .. } => ["not back yet", "noch nicht wiedergekommen"],
            Outcome::StillFailing { .. } => ["still failing", "scheitern weiterhin"],
        };
        self.pick(english, german)
    }

    /// What the groups are, as the head of their column.
    pub fn by(&self, by: By) -> &'static str {
        let [english, german] = match by {
            By::Peer => ["Sending server", "Sendender Server"],
            By::Correspondent => ["Runs the servers", "Betreibt die Server"],
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
            By::Correspondent => ["Correspondents", "Betreiber der sendenden Server"],
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
