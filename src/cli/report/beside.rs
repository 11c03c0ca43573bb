//! The policy beside the ledger: it has the language that the contact of a domain reads, and what it demands
//! of next hops today.

use crate::cli::entry_name::deciding;
use crate::cli::ledger_file::LedgerFile;
use config::policy_file;
use jiff::Timestamp;
use ledger::readiness::{Inquiry, WINDOW, readiness};
use ledger::report::{Query, Report, trend};
use ledger::{Domains, Reader, StoreError, day_of};
use policy::{Language, Pattern, Policy, Schedule};
use std::cell::OnceCell;

/// The policy, read when it is first needed: one of a million domains takes its time.
pub(super) struct Beside<'p> {
    place: &'p LedgerFile,
    policy: OnceCell<Option<Policy>>,
}

impl<'p> Beside<'p> {
    pub fn new(place: &'p LedgerFile) -> Self {
        Self { place, policy: OnceCell::new() }
    }

    /// None where there are no settings beside the ledger.
    ///
    /// A policy that cannot be read stops no report: it says so, and goes on without.
    fn policy(&self) -> Option<&Policy> {
        let read = || {
            let settings = self.place.settings().ok()?;
            let policy = policy_file::load(&settings.policy).policy;
            if policy.is_err() {
                eprintln!(
                    "The policy cannot be read: a page is in English unless --language says otherwise, and \
                     neither what is demanded of next hops nor whether a domain can be enforced is said. \
                     `mandatory-tls check` says why."
                );
            }
            policy.ok()
        };
        self.policy.get_or_init(read).as_ref()
    }

    /// The language of the entry that decides for what has this name; English for all domains together,
    /// and for one without an entry.
    pub fn language(&self, name: Option<&Pattern>) -> Language {
        let entry = name.and_then(|name| deciding(self.policy()?, name));
        entry.map_or(Language::English, |entry| entry.language)
    }

    /// How it goes with the domains of a report.
    pub fn trend(report: &mut Report, query: &Query, ledger: &Reader) -> Result<(), StoreError> {
        if let Some(of) = &query.of {
            let today = day_of(Timestamp::now().as_second());
            report.trend = Some(trend(ledger, (0, query.since, today), &Domains::from(of))?);
        }
        Ok(())
    }

    /// From when on what has this name is enforced, where that is still to come, in seconds since 1970-01-01.
    pub fn enforced_from(&self, name: &Pattern) -> Option<i64> {
        match deciding(self.policy()?, name)?.schedule {
            Schedule::EnforceFrom(start) if start > Timestamp::now() => Some(start.as_second()),
            Schedule::EnforceFrom(_) | Schedule::Always(_) => None,
        }
    }

    /// Whether the domains of a report can be enforced, so far as the policy judges them.
    pub fn answer(
        &self,
        report: &mut Report,
        of: Option<&Pattern>,
        ledger: &Reader,
    ) -> Result<(), StoreError> {
        if let Some(of) = of
            && let Some(policy) = self.policy()
            && let Ok(settings) = self.place.settings()
        {
            let on_unknown_tls = settings.on_unknown_tls;
            let now = Timestamp::now();
            let since = day_of(now.as_second()) - WINDOW;
            let domains = Domains::from(of);
            let inquiry = Inquiry { policy, on_unknown_tls, now, since, domains };
            report.readiness = readiness(ledger, &inquiry)?;
        }
        Ok(())
    }

    /// Says of what left unencrypted, or waits, what is demanded of its hop now.
    pub fn compare(&self, report: &mut Report) {
        let mut exceptions = report.hops.domains.iter().flat_map(|hops| &hops.exceptions);
        if exceptions.any(|one| one.what.is_of_second_hop())
            && let Some(policy) = self.policy()
        {
            report.hops.compare(policy, Timestamp::now());
        }
    }
}
