//! What became of the recipient: whether this milter judged it, what it was told, what it said.

use super::{Cover, End, FindingId, Seen, Speaks, Visit, Visits};
use crate::trial::TrialReport;
use smtp::Reply;

const SEE_CONFIGURATION: &str =
    "see what is said about the MTA's configuration; after a change, reload it";

/// Adds what is wrong; the verdicts in words, for where nothing is.
pub(super) fn words(visits: &Visits, runs: bool, seen: &mut Vec<Seen>) -> String {
    let plaintext = visits.plaintext.iter().map(|visit| (Cover::Plaintext, visit));
    let tls = visits.tls.iter().map(|(speaks, visit)| (Cover::Tls(*speaks), visit));
    let mut verdicts: Vec<String> = Vec::new();
    let mut found: Vec<Seen> = Vec::new();
    for (cover, visit) in plaintext.chain(tls) {
        match &visit.end {
            // It takes no plaintext from anybody (smtpd_tls_security_level = encrypt).
            End::Mail(reply) if reply.code == 530 && cover == Cover::Plaintext => {
                verdicts.push(format!("in plaintext: none, the MTA itself takes none ({reply})"));
            }
            End::Mail(reply) if reply.code >= 500 && !runs => found.push(refused_for_good(reply)),
            End::Mail(reply) if reply.code >= 500 => found.push(refused_before(reply)),
            End::Mail(reply) => found.push(put_off(reply, runs)),
            End::Recipients(_) => match outcome(visit) {
                Outcome::Judged(report) => {
                    found.extend(told(cover, report));
                    found.extend(only_postmaster(visit));
                    let verdict =
                        format!("{}: {} ({})", in_words(cover), report.verdict, report.reason);
                    verdicts.push(verdict);
                }
                Outcome::Taken(recipient) => found.push(not_asked(recipient, runs)),
                Outcome::Refused(reply) if is_milter_down(reply) => {
                    found.push(put_off(reply, runs))
                }
                Outcome::Refused(reply) if reply.code >= 500 && !runs => {
                    found.push(refused_for_good(reply));
                }
                Outcome::Refused(reply) => found.push(refused_before(reply)),
                Outcome::NotNamed => {}
            },
            End::Broken(at @ ("MAIL" | "RCPT"), error) => {
                found.push(broken(at, &error.to_string()))
            }
            _ => {}
        }
    }
    // The sessions differ in what does not matter here: one of a kind is enough.
    for one in found {
        if seen.iter().all(|other| other.id != one.id) {
            seen.push(one);
        }
    }
    match verdicts.is_empty() {
        true => "whether this milter judges does not show".into(),
        false => format!("this milter judges: {}", verdicts.join(", ")),
    }
}

fn in_words(cover: Cover) -> String {
    match cover {
        Cover::Plaintext => "in plaintext".into(),
        Cover::Tls(speaks) => format!("over {speaks}"),
    }
}

enum Outcome<'a> {
    Judged(&'a TrialReport),
    Taken(&'a str),
    Refused(&'a Reply),
    NotNamed,
}

fn outcome(visit: &Visit) -> Outcome<'_> {
    let End::Recipients(answers) = &visit.end else { return Outcome::NotNamed };
    if let Some(report) = answers.iter().find_map(|answer| answer.report.as_ref()) {
        return Outcome::Judged(report);
    }
    if let Some(taken) = answers.iter().find(|answer| answer.reply.is_positive()) {
        return Outcome::Taken(&taken.recipient);
    }
    answers.last().map_or(Outcome::NotNamed, |last| Outcome::Refused(&last.reply))
}

/// Postfix's and Sendmail's words where a milter does not answer, by any default action.
fn is_milter_down(reply: &Reply) -> bool {
    let text = reply.lines.join(" ");
    matches!(reply.code, 421 | 451)
        && (text.contains("ervice unavailable") || text.contains("4.3.2"))
}

/// The MTA named the recipient to nobody, or to another milter.
fn not_asked(recipient: &str, runs: bool) -> Seen {
    let (why, remedy) = if runs {
        ("without asking this milter", SEE_CONFIGURATION)
    } else {
        (
            "though this milter does not run (a default action of `accept`, or it is not asked at all)",
            "start the milter; and have the MTA put mail off while it is down (default_action=tempfail)",
        )
    };
    let what = format!(
        "it takes the recipient <{recipient}> {why}: mail for opted-in domains passes unjudged"
    );
    Seen::error(FindingId::MailUnjudged, what, remedy)
}

/// The MTA does not reach the milter.
fn put_off(reply: &Reply, runs: bool) -> Seen {
    let what =
        format!("it puts ALL MAIL off ({reply}): it gets no answer from a milter that it asks");
    let remedy = if runs {
        "this milter runs, so: does the MTA reach its socket (see above), or is another milter down? The \
         MTA's log names it (`connect to Milter service`, journalctl -t postfix/smtpd)"
    } else {
        "systemctl start mandatory-tls; the MTA's log names the milter (journalctl -t postfix/smtpd)"
    };
    Seen::error(FindingId::MailPutOff, what, remedy)
}

/// The milter is down, and the MTA bounces mail; or it does so for reasons of its own.
fn refused_for_good(reply: &Reply) -> Seen {
    let what = format!(
        "it REFUSES mail FOR GOOD ({reply}) while this milter does not run: senders get it back"
    );
    let remedy = "start the milter, and have the MTA put mail off while it is down (default_action=tempfail); if \
                  it stays, the MTA has reasons of its own";
    Seen::error(FindingId::MailPutOff, what, remedy)
}

fn broken(at: &str, error: &str) -> Seen {
    let what = format!("the session ends at {at}: {error}; so no mail comes in, or not to the end");
    let remedy =
        "the MTA's log says why (journalctl -t postfix/smtpd); a milter that does not answer?";
    Seen::error(FindingId::MailPutOff, what, remedy)
}

/// The MTA itself refused all recipients, so that no milter was asked.
fn refused_before(reply: &Reply) -> Seen {
    let what = format!(
        "the MTA itself refuses each recipient that was tried ({reply}), so whether it asks this milter does \
         not show"
    );
    let remedy = "see to it that postmaster at an opted-in domain is known, and that this host is not held up \
                  (greylisting, postscreen, lists of clients): permit_mynetworks";
    Seen::warning(FindingId::RecipientsRefused, what, remedy)
}

/// The MTA refused the opted-in recipients by itself, and let the milter judge its own postmaster.
fn only_postmaster(visit: &Visit) -> Option<Seen> {
    let End::Recipients(answers) = &visit.end else { return None };
    let (last, before) = answers.split_last()?;
    let first = before.first().filter(|_| last.recipient == super::POSTMASTER)?;
    let what = format!(
        "the MTA itself refuses <{}> ({}), so the verdict is that on <{}>, its own",
        first.recipient, first.reply, last.recipient
    );
    Some(Seen::note(FindingId::RecipientsRefused, what))
}

/// Whether the milter was told the truth about TLS.
fn told(cover: Cover, report: &TrialReport) -> Option<Seen> {
    let truth = match cover {
        Cover::Plaintext => "none",
        Cover::Tls(Speaks::V1_2) => "TLSv1.2",
        Cover::Tls(Speaks::V1_3) => "TLSv1.3",
    };
    let told = &report.tls_version;
    if told == truth {
        return None;
    }
    let remedy = "does another milter or a proxy stand between, does milter_protocol hold the MTA to less than \
                  version 6, or does milter_macro_defaults make TLS up?";
    let what = if told == "unknown" {
        "the MTA does not tell this milter whether sessions are encrypted: mail for opted-in domains is put off, \
         or passes unjudged, as on_unknown_tls says"
            .to_owned()
    } else if truth == "none" {
        format!(
            "a session in plaintext is shown to this milter as {told}: mail in the clear passes as encrypted"
        )
    } else {
        format!(
            "a session over {truth} is shown to this milter as {told}: senders who encrypt are refused"
        )
    };
    Some(Seen::error(FindingId::MacrosNotTold, what, remedy))
}
