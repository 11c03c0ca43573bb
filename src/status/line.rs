//! The status in a line, for `systemctl status`.

use crate::wording::{age, counted};
use config::status::{Keeping, LastGoodStart, PolicyStatus, Status};
use jiff::Timestamp;

/// How the milter is.
pub(super) fn line(status: &Status, now: Timestamp) -> String {
    let PolicyStatus { domains, senders, since, problem, last_good, .. } = &status.policy;
    let age_of_policy = age(*since, now);
    let holds = format!("{}, {}", counted(*domains, "domain"), counted(*senders, "sender"));
    let mut line = match problem {
        None => format!("{holds}; policy in force for {age_of_policy}"),
        Some(problem) if *last_good => format!(
            "PROBLEM: the policy's files have errors: {}; in force is the last good policy, of {age_of_policy} \
                 ago, with {holds}",
            problem.first
        ),
        Some(problem) => format!(
            "PROBLEM: policy not reloaded: {}; in force for {age_of_policy} is the one before, with \
                 {holds}",
            problem.first
        ),
    };
    if let Some(LastGoodStart { since, problem }) = &status.settings.last_good {
        line.push_str(&format!(
                "; PROBLEM: at the start, the settings could not be used: {problem}; in force are the last good \
                 settings, of {} ago, until they are mended and the milter is restarted",
                age(*since, now)
            ));
    }
    for missing in &status.missing {
        line.push_str(&format!("; PROBLEM: {missing}"));
    }
    if status.settings.keeping == Keeping::Failing {
        line.push_str("; PROBLEM: the last good settings cannot be kept, see the log");
    }
    if status.policy.keeping == Keeping::Failing {
        line.push_str("; PROBLEM: the last good policy cannot be kept, see the log");
    }
    if status.recipients.unknown_tls > 0 {
        line.push_str("; PROBLEM: the MTA does not always tell of TLS, see the log");
    }
    if status.last_hour.nothing_encrypted() {
        line.push_str(
            "; PROBLEM: no mail of the last hour was encrypted, run mandatory-tls doctor",
        );
    }
    if status.ledger.as_ref().is_some_and(|ledger| ledger.failing) {
        line.push_str("; PROBLEM: the ledger cannot be written, see the log");
    }
    line
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use config::status::{HourCounts, LedgerStatus, ProblemStatus};

    pub fn status() -> Status {
        let policy = PolicyStatus { domains: 4, senders: 1, ..PolicyStatus::default() };
        Status { policy, ..Status::default() }
    }

    #[test]
    fn the_line_for_systemd_says_what_is_in_force_for_how_long_and_what_is_wrong() {
        let mut status = status();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (now, age) in [
            (0, "less than a minute"),
            (59, "less than a minute"),
            (60, "1 minute"),
            (7200, "2 hours"),
            (3 * 86400, "3 days"),
        ] {
            assert_eq!(
                line(&status, at(now)),
                format!("4 domains, 1 sender; policy in force for {age}")
            );
        }
        status.policy.problem = Some(ProblemStatus {
            since: at(100),
            errors: 2,
            first: "policy.yaml:3: there is no key `mod` here".into(),
            files: vec![],
        });
        status.settings.last_good =
            Some(LastGoodStart { since: at(0), problem: "milter.yaml: empty".into() });
        assert!(line(&status, at(7200)).ends_with(
            "; PROBLEM: at the start, the settings could not be used: milter.yaml: empty; in force are the last \
             good settings, of 2 hours ago, until they are mended and the milter is restarted"
        ));
        status.settings.last_good = None;
        status.recipients.unknown_tls = 1;
        status.last_hour = HourCounts { encrypted: 0, plaintext: 20, is_telling: true };
        status.ledger = Some(LedgerStatus { written: 1, lost: 0, failing: true });
        assert_eq!(
            line(&status, at(120)),
            "PROBLEM: policy not reloaded: policy.yaml:3: there is no key `mod` here; in force for \
             2 minutes is the one before, with 4 domains, 1 sender; PROBLEM: the MTA does not \
             always tell of TLS, see the log; PROBLEM: no mail of the last hour was encrypted, run \
             mandatory-tls doctor; PROBLEM: the ledger cannot be written, see the log"
        );
    }
}
