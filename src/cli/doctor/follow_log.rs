//! Whether the MTA's log is followed, and how far.

use super::{Answer, Health, Patient};
use crate::wording::{age, counted};
use config::finding::FindingId;
use jiff::Timestamp;
use ledger::{Followed, Reader, StoreError, followed_beside};
use std::io;

/// So old its last sign of life may be, in seconds; it gives one each half minute.
const SIGN: i64 = 180;
/// So many octets of the log may not be read yet.
const BEHIND: u64 = 16 * 1024 * 1024;

const SUBJECT: &str = "follow-log";
const LOOK: &str =
    "systemctl status mandatory-tls-follow-log and journalctl -u mandatory-tls-follow-log say why";

/// Looks at what it leaves beside the ledger.
pub(super) fn follow_log(patient: &Patient) -> Vec<Answer> {
    let Some(settings) = &patient.settings.ledger else { return Vec::new() };
    let beside = followed_beside(&settings.path);
    let denied = |error: &StoreError| matches!(error, StoreError::File(error) if error.kind() == io::ErrorKind::PermissionDenied);
    let answer = match Reader::open(&beside).and_then(|reader| reader.own_followed()) {
        Ok(Some(followed)) => how(&followed, Timestamp::now()),
        Err(StoreError::File(error)) if error.kind() != io::ErrorKind::NotFound => {
            Answer::unseen(SUBJECT, format!("{}: {error}", beside.display()))
        }
        Err(error) if !denied(&error) && beside.exists() => Answer::new(
            FindingId::FollowLogFailing,
            Health::Warning,
            SUBJECT,
            format!("{} cannot be read: {error}", beside.display()),
            LOOK,
        ),
        Ok(None) | Err(_) => Answer::new(
            FindingId::FollowLogOff,
            Health::Note,
            SUBJECT,
            "the MTA's log is not followed: deliveries to organisations' servers and failed TLS handshakes are \
             not recorded",
            "systemctl enable --now mandatory-tls-follow-log, if you want them to be",
        ),
    };
    vec![answer]
}

fn how(followed: &Followed, now: Timestamp) -> Answer {
    let Followed { log, at, last, behind, counts, problem, .. } = followed;
    let ago = |second: i64| {
        Timestamp::from_second(second).map_or_else(|_| "?".into(), |then| age(then, now))
    };
    let warning =
        |finding, message: String| Answer::new(finding, Health::Warning, SUBJECT, message, LOOK);
    if now.as_second().saturating_sub(*at) > SIGN {
        let message = format!(
            "the log ({log}) is not followed any more: the last sign is {} old. What is logged meanwhile is read at \
             the next start, as long as its files are there",
            ago(*at)
        );
        return warning(FindingId::FollowLogDown, message);
    }
    if let Some(problem) = problem {
        return warning(FindingId::FollowLogFailing, problem.clone());
    }
    if let Some(behind) = behind.filter(|behind| *behind > BEHIND) {
        let message = format!(
            "{} MiB of {log} are not read yet; the last line is {} old",
            behind / 1024 / 1024,
            ago(*last)
        );
        return warning(FindingId::FollowLogBehind, message);
    }
    let lines = counted(counts.lines, "line");
    if counts.of_mta == 0 && counts.lines >= 100 {
        let message = format!("of the {lines} of {log} so far, none is of an MTA");
        let remedy = "name the log that the MTA writes to (postconf maillog_file) with --file, or --journal: systemctl edit mandatory-tls-follow-log";
        return Answer::new(FindingId::FollowLogFailing, Health::Warning, SUBJECT, message, remedy);
    }
    let mut message = format!("{log} is followed: {lines}, the last {} ago", ago(*last));
    if counts.unread > 0 {
        message.push_str(&format!("; {} of them of an MTA and not to be read", counts.unread));
    }
    if counts.gaps > 0 {
        message.push_str(&format!(
            "; {} where a file was gone before it was read",
            counted(counts.gaps, "gap")
        ));
    }
    Answer::right(SUBJECT, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_says_whether_the_log_is_followed_and_how_far() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let followed = |change: fn(&mut Followed)| {
            let at = 1_700_000_000;
            let mut followed = Followed {
                log: "/var/log/mail.log".into(),
                at,
                last: at - 60,
                ..Followed::default()
            };
            (followed.counts.lines, followed.counts.of_mta) = (1200, 900);
            change(&mut followed);
            how(&followed, now)
        };
        let right = followed(|_| {});
        assert_eq!(
            right.message,
            "/var/log/mail.log is followed: 1200 lines, the last 1 minute ago"
        );
        assert_eq!(followed(|followed| followed.behind = Some(1000)), right);
        type Change = fn(&mut Followed);
        let cases: [(Change, FindingId, &str); 5] = [
            // Whoever writes it is another user.
            (|followed| followed.at = i64::MIN, FindingId::FollowLogDown, "the last sign is ? old"),
            (
                |followed| followed.at -= 7200,
                FindingId::FollowLogDown,
                "the last sign is 2 hours old",
            ),
            (
                |followed| followed.problem = Some("journalctl: no".into()),
                FindingId::FollowLogFailing,
                "journalctl: no",
            ),
            (
                |followed| followed.counts.of_mta = 0,
                FindingId::FollowLogFailing,
                "of the 1200 lines of /var/log/mail.log so far, none is of an MTA",
            ),
            (
                |followed| followed.behind = Some(20 * 1024 * 1024),
                FindingId::FollowLogBehind,
                "20 MiB of /var/log/mail.log are not read yet; the last line is 1 minute old",
            ),
        ];
        for (change, finding, text) in cases {
            let answer = followed(change);
            assert_eq!((answer.finding, answer.health), (Some(finding), Health::Warning));
            assert!(answer.message.contains(text), "{}", answer.message);
        }
        let found = followed(|followed| (followed.counts.unread, followed.counts.gaps) = (1, 2));
        assert!(found.message.ends_with(
            "; 1 of them of an MTA and not to be read; 2 gaps where a file was gone before it was read"
        ), "{}", found.message);
    }
}
