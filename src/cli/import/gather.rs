//! Logs, line by line, into the rows of the ledger; with an account of each file.

use super::account::Account;
use ledger::postfix_log::{Clock, Tallied};
use ledger::{FromLine, FromLog, Intake, Store, StoreError};
use policy::Policy;
use std::{collections::BTreeMap, path::Path};

/// What comes of the logs.
pub(super) struct Gathered {
    pub told: FromLog,
    /// What became of each file.
    pub accounts: Vec<Account>,
    /// Why handshakes failed, and how often.
    pub failures: BTreeMap<String, u64>,
}

/// Judges what logs tell of.
pub(super) struct Gatherer<'g> {
    policy: &'g Policy,
    ledger: &'g Store,
    intake: Intake,
    /// What had been found before the present file.
    before: Tallied,
    accounts: Vec<Account>,
}

impl<'g> Gatherer<'g> {
    pub fn new(policy: &'g Policy, ledger: &'g Store, intake: Intake) -> Self {
        Self { policy, ledger, intake, before: Tallied::default(), accounts: Vec::new() }
    }

    /// A file begins.
    pub fn file(&mut self, path: &Path) {
        self.before = self.intake.tallied();
        self.accounts.push(Account::new(path));
    }

    /// Takes in a line of the present file. Returns whether its time says its zone, if it has one.
    pub fn line(&mut self, line: &str, clock: &Clock) -> Result<bool, StoreError> {
        let file = u32::try_from(self.accounts.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let found = self.intake.line(line, clock, file);
        let tallied = self.intake.tallied();
        if let Some(account) = self.accounts.last_mut() {
            account.tallied = tallied.since(self.before);
            if let (Err(why), None) = (found, &account.unread) {
                account.unread = Some((account.tallied.lines, why, line.to_owned()));
            }
        }
        self.judge()?;
        Ok(tallied.without_zone == 0)
    }

    /// What came of all files.
    pub fn finish(mut self) -> Result<Gathered, StoreError> {
        self.intake.end();
        self.judge()?;
        Ok(Gathered {
            told: self.intake.take(),
            accounts: self.accounts,
            failures: self.intake.failures(),
        })
    }

    fn judge(&mut self) -> Result<(), StoreError> {
        let accounts = &mut self.accounts;
        self.intake.judge(self.policy, self.ledger, |told, fate| {
            // Mail is of the file in which it came, the rest of the file that tells what came of it.
            let account = match told {
                FromLine::Mail(logged) => {
                    accounts.get_mut(usize::try_from(logged.file).unwrap_or_default())
                }
                FromLine::Delivery(_) | FromLine::Handshake(_) => accounts.last_mut(),
            };
            if let Some(account) = account {
                account.add(told, fate);
            }
        })
    }
}
