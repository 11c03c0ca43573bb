//! The judging of one RCPT: the strictest entry in sight decides.

use super::address::{Mailbox, Recipient, Sighting};
use super::case::{Case, OnUnknownTls};
use super::directory::{Directory, Match};
use super::entry::{self, Entry, Exception, Mode};
use super::fault::Fault;
use super::reason::{Decision, Reason};
use super::requirement::{self, Requirement};
use super::tls::TlsState;
use super::verdict::{Finding, Subject, Verdict};
use ipnet::IpNet;
use std::{cmp::Ordering, collections::BTreeMap, path::PathBuf, sync::Arc};

/// Whom the whole gateway trusts: their mail is never judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    /// Client networks.
    pub clients: Vec<IpNet>,
    /// Whether a client that has authenticated (SMTP AUTH) is trusted.
    pub authenticated: bool,
}

/// All that decides about mail and can be reloaded.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Opted-in domains and mailboxes.
    pub domains: Directory,
    /// Partners: sender domains whose mail must arrive over TLS whoever receives it.
    pub senders: Directory,
    /// Recipients that the MTA delivers itself: without a domain, at an address literal, or at a
    /// domain that no entry names.
    pub local: Option<Entry>,
    /// Whom the gateway trusts.
    pub trusted: Trusted,
    /// The policy's own requirements, by name.
    pub requirements: BTreeMap<String, Arc<Requirement>>,
    /// What may separate a mailbox's name from an extension (`user+news@example.org`).
    pub recipient_delimiter: String,
    /// The files that the policy was read from, in order; [`super::EntryPlace`] points here.
    pub files: Vec<PathBuf>,
}

/// Judges one RCPT: of all that the entries in sight say, the strictest stands.
///
/// Pure: the same policy and case give the same verdict.
pub fn judge<'a>(policy: &'a Policy, case: &Case<'a>) -> Verdict<'a> {
    let mut strictest: Option<Finding<'a>> = None;
    policy.each_finding(case, |finding| {
        let stricter = strictest.as_ref().is_none_or(|old| {
            let by_strictness =
                (finding.decision, rank(&finding.reason)).cmp(&(old.decision, rank(&old.reason)));
            match by_strictness {
                Ordering::Equal => {
                    finding.subject == Subject::Unreadable && old.is_of_a_mere_word()
                }
                order => order == Ordering::Greater,
            }
        });
        if stricter {
            strictest = Some(finding);
        }
    });
    Verdict { finding: strictest }
}

/// How much a reason tells, to choose between findings that all accept: that mail was let through
/// by a rule tells more than that an entry is switched off.
fn rank(reason: &Reason<'_>) -> u8 {
    match reason {
        Reason::NotOptedIn | Reason::Off => 0,
        Reason::Adequate => 1,
        Reason::LocalSubmission
        | Reason::TrustedClient
        | Reason::TrustedAuthenticated
        | Reason::Exception(_)
        | Reason::UnknownTlsPassed => 2,
        Reason::Fault(_) => 3,
    }
}

impl Policy {
    /// The requirement of this name: one of the policy's own, or a built-in one.
    #[must_use]
    pub fn requirement(&self, name: &str) -> Option<&Arc<Requirement>> {
        requirement::named(name, &self.requirements)
    }

    /// Where an entry stands: `FILE:LINE`.
    #[must_use]
    pub fn place_of(&self, matched: &Match<'_>) -> String {
        let place = matched.place();
        let file = self.files.get(usize::from(place.file)).map(|path| path.display().to_string());
        format!("{}:{}", file.unwrap_or_default(), place.line)
    }

    /// All that the entries in sight say of a case, in the order of sight. [`judge`] takes the
    /// strictest; `explain` shows them all.
    #[must_use]
    pub fn findings<'a>(&'a self, case: &Case<'a>) -> Vec<Finding<'a>> {
        let mut findings = Vec::new();
        self.each_finding(case, |finding| findings.push(finding));
        findings
    }

    fn each_finding<'a>(&'a self, case: &Case<'a>, mut found: impl FnMut(Finding<'a>)) {
        for seen in case.recipient.seen() {
            let subject = Subject::Recipient(&seen.domain, seen.origin);
            self.each_match(&self.domains, seen, |matched| {
                found(matched_finding(self, case, subject, matched));
            });
        }
        if let Some(local) = self.local.as_ref().filter(|_| self.falls_under_local(case.recipient))
        {
            found(finding(self, case, Subject::Local, None, local));
        }
        if case.recipient.is_unreadable() {
            for entry in self.domains.strictest().chain(&self.local) {
                found(finding(self, case, Subject::Unreadable, None, entry));
            }
        }
        for seen in case.sender.seen() {
            let subject = Subject::Sender(&seen.domain);
            self.each_match(&self.senders, seen, |matched| {
                found(matched_finding(self, case, subject, matched));
            });
        }
    }

    /// Whether `local`, if there is one, decides about a recipient: it has no domain, or the MTA delivers it itself
    /// and nothing names the domain that was written. All names of an MTA lead to the same mailboxes.
    pub(crate) fn falls_under_local(&self, recipient: &Recipient) -> bool {
        recipient.is_local()
            || recipient.is_delivered_here()
                && (recipient.seen().is_empty()
                    || recipient.seen().iter().any(|seen| !self.is_named(seen)))
    }

    /// Whether an entry names what was seen: its mailbox, its domain, or a domain above it. `*`
    /// names none.
    fn is_named(&self, seen: &Sighting) -> bool {
        let by_mailbox = || match &seen.mailbox {
            Mailbox::Exact(local) => self.domains.find_mailbox(local, &seen.domain),
            Mailbox::None | Mailbox::Perhaps(_) => None,
        };
        let by_domain = || self.domains.find_domain(&seen.domain).filter(|own| own.pattern != "*");
        by_mailbox().or_else(by_domain).is_some()
    }

    /// The entries for what was seen: the most specific one, and beside it those for a mailbox
    /// that the address may lead to all the same.
    fn each_match<'p>(
        &self,
        directory: &'p Directory,
        seen: &Sighting,
        found: impl FnMut(Match<'p>),
    ) {
        let domain = &seen.domain;
        let mailbox = |local: &str| directory.find_mailbox(local, domain);
        // A mailbox by its name before an extension.
        let base = |local: &str| {
            if !directory.has_mailboxes() {
                return None;
            }
            let end = local.find(|c| self.recipient_delimiter.contains(c))?;
            mailbox(local.get(..end)?)
        };
        let own = || directory.find_domain(domain);
        match &seen.mailbox {
            Mailbox::None => own().into_iter().for_each(found),
            Mailbox::Exact(local) => {
                mailbox(local).or_else(own).into_iter().chain(base(local)).for_each(found);
            }
            Mailbox::Perhaps(words) => {
                let each = words.iter().flat_map(|word| [mailbox(word), base(word)]);
                each.chain([own()]).flatten().for_each(found);
            }
        }
    }
}

fn matched_finding<'a>(
    policy: &Policy,
    case: &Case<'_>,
    subject: Subject<'a>,
    matched: Match<'a>,
) -> Finding<'a> {
    let entry = matched.entry;
    finding(policy, case, subject, Some(matched), entry)
}

fn finding<'a>(
    policy: &Policy,
    case: &Case<'_>,
    subject: Subject<'a>,
    matched: Option<Match<'a>>,
    entry: &'a Entry,
) -> Finding<'a> {
    let mode = entry.schedule.mode_at(case.now);
    let mut reason = reason(policy, case, entry, mode);
    if matches!(reason, Reason::Fault(_))
        && subject != Subject::Unreadable
        && let Some(exception) = exception(case, entry)
    {
        reason = Reason::Exception(exception);
    }
    let decision = match (&reason, mode) {
        (Reason::Fault(_), Mode::Enforce) => Decision::Refuse,
        (Reason::Fault(_), Mode::Monitor) => Decision::WouldRefuse,
        _ => Decision::Accept,
    };
    Finding { subject, matched, entry, mode, reason, decision }
}

fn reason<'p>(policy: &Policy, case: &Case<'_>, entry: &Entry, mode: Mode) -> Reason<'p> {
    if mode == Mode::Off {
        return Reason::Off;
    }
    if case.client.local_submission {
        return Reason::LocalSubmission;
    }
    if case.client.address.is_some_and(|ip| entry::contains(&policy.trusted.clients, ip)) {
        return Reason::TrustedClient;
    }
    if policy.trusted.authenticated && case.client.authenticated {
        return Reason::TrustedAuthenticated;
    }
    let fault = match case.tls {
        TlsState::Plaintext => Fault::Plaintext,
        TlsState::Unknown if case.on_unknown_tls == OnUnknownTls::Pass => {
            return Reason::UnknownTlsPassed;
        }
        TlsState::Unknown => Fault::UnknownTls,
        TlsState::Encrypted(encryption) => {
            match case.require.unwrap_or(&entry.requirement).check(encryption) {
                Ok(()) => return Reason::Adequate,
                Err(shortfall) => Fault::Inadequate(shortfall),
            }
        }
    };
    Reason::Fault(fault)
}

/// The exception that holds for a case. It is looked for only where the mail would be refused, so
/// that the log shows which exceptions are in use. A recipient that cannot be understood belongs
/// to no entry, so no exception holds for it.
fn exception<'p>(case: &Case<'_>, entry: &'p Entry) -> Option<&'p Exception> {
    entry
        .exceptions
        .iter()
        .find(|exception| exception.applies(case.client.address, case.sender, case.tls, case.now))
}
