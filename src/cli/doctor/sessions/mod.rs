//! Sessions with the MTA, as its senders have them: what this server offers is tried, not inferred.
//!
//! At each address where the MTA takes mail from outside there are three: in the clear, over TLS 1.2 and
//! over TLS 1.3. Each ends at a recipient ([`crate::trial`]); there is never a message. `tls` makes words
//! of what was offered, `certificate` of what was presented and of the files behind it, `recipients` of what
//! became of the recipient.

mod certificate;
mod places;
mod recipients;
mod sendmail;
mod tls;

use super::{Answer, Health, Patient};
use crate::trial::TrialKey;
use crate::visit::{self, Cover, Door, End, Trial, Visit, ask_old, visit};
use config::finding::FindingId;
use jiff::Timestamp;
use places::Place;
use policy::{Mode, Policy};
use smtp::{HelloAnswer, OldVersion, Speaks};
use std::{fmt, thread};

/// At how many places sessions are had at a time.
const AT_A_TIME: usize = 8;
/// How many opted-in domains are named at most: the first may have no postmaster.
const DOMAINS: usize = 3;
/// The recipient that every server has to know (RFC 5321, section 4.5.1).
const POSTMASTER: &str = "postmaster";
/// What this is about, in a word.
const SUBJECT: &str = "mail";

/// What the sessions at one place were like.
struct Visits {
    /// In the clear; none where TLS comes first.
    plaintext: Option<Visit>,
    /// The newest first.
    tls: Vec<(Speaks, Visit)>,
    /// What an older TLS would get; asked where no handshake came about.
    old: Vec<(OldVersion, Result<HelloAnswer, String>)>,
}

/// What was seen at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    /// None: all is right.
    id: Option<FindingId>,
    health: Health,
    what: String,
    remedy: String,
}

impl Seen {
    fn right(what: impl Into<String>) -> Self {
        Self { id: None, health: Health::Right, what: what.into(), remedy: String::new() }
    }

    fn new(
        id: FindingId,
        health: Health,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { id: Some(id), health, what: what.into(), remedy: remedy.into() }
    }

    fn error(id: FindingId, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(id, Health::Error, what, remedy)
    }

    fn warning(id: FindingId, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(id, Health::Warning, what, remedy)
    }

    fn note(id: FindingId, what: impl Into<String>) -> Self {
        Self::new(id, Health::Note, what, "")
    }
}

/// Whether recipients can be named so that it shows who judges them, and nothing is counted.
enum Key {
    /// They can.
    Known(TrialKey),
    /// No milter of this host runs: nobody would count them.
    NoMilter,
    /// They cannot: why, and what to do.
    Missing(Answer),
}

/// Tries what the senders of mail get.
pub(super) fn sessions(patient: &Patient) -> Vec<Answer> {
    let policy = patient.valid_policy();
    let (places, mut answers) = places::all(patient.postfix.as_deref());
    let key = key(patient);
    let recipients = match &key {
        Key::Missing(_) => Vec::new(),
        Key::Known(_) | Key::NoMilter => recipients_of(policy),
    };
    let trial_key = match key {
        Key::Known(key) => Some(key),
        Key::NoMilter => None,
        Key::Missing(answer) => {
            answers.extend((!places.is_empty()).then_some(answer));
            None
        }
    };
    let runs = patient.status.is_some();
    let look = |place: &Place| {
        let visits = try_out(&place.door, place.is_postscreen, trial_key.as_ref(), &recipients);
        words(place, &visits, policy, runs)
    };
    let mut all: Vec<(&Place, Vec<Seen>)> = Vec::new();
    for some in places.chunks(AT_A_TIME) {
        thread::scope(|scope| {
            let threads: Vec<_> =
                some.iter().map(|place| (place, scope.spawn(|| look(place)))).collect();
            for (place, thread) in threads {
                all.push((place, thread.join().unwrap_or_default()));
            }
        });
    }
    answers.extend(together(&all));
    answers
}

/// The key of the running milter.
fn key(patient: &Patient) -> Key {
    let Some(status_file) = &patient.settings.status_file else {
        // That the settings name no file was said.
        return Key::Missing(Answer::new(
            FindingId::TrialNotPossible,
            Health::Note,
            SUBJECT,
            "whether the MTA asks this milter is not tried: without `status_file` in the settings, such a \
             trial would be counted as mail",
            "",
        ));
    };
    if patient.status.is_none() && !patient.is_status_unseen {
        return Key::NoMilter;
    }
    let path = TrialKey::beside(status_file);
    match TrialKey::read(&path) {
        Ok(key) => Key::Known(key),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let what = "whether the MTA asks this milter: the trial needs a key that this user cannot read";
            Key::Missing(Answer::unseen(SUBJECT, what))
        }
        Err(error) => Key::Missing(Answer::new(
            FindingId::TrialNotPossible,
            Health::Warning,
            SUBJECT,
            format!("whether the MTA asks this milter is not tried: {}: {error}", path.display()),
            "systemctl restart mandatory-tls; the milter makes the key when it starts",
        )),
    }
}

/// Whom to name: the postmasters of some domains that are opted in, and at last this server's own.
fn recipients_of(policy: Option<&Policy>) -> Vec<String> {
    let now = Timestamp::now();
    let is_enforced = |pattern: &&str| -> bool {
        policy
            .and_then(|policy| policy.domains.get(pattern))
            .is_some_and(|entry| entry.schedule.mode_at(now) == Mode::Enforce)
    };
    let patterns = policy.into_iter().flat_map(|policy| policy.domains.iter());
    let names = patterns.map(|(pattern, _)| pattern).filter(|pattern| !pattern.contains('*'));
    let address = |pattern: &str| match pattern.contains('@') {
        true => pattern.to_owned(),
        false => format!("{POSTMASTER}@{pattern}"),
    };
    let mut recipients: Vec<String> =
        names.filter(is_enforced).take(DOMAINS).map(address).collect();
    recipients.push(POSTMASTER.to_owned());
    recipients
}

/// Has all sessions at a place.
fn try_out(
    door: &Door,
    is_postscreen: bool,
    key: Option<&TrialKey>,
    recipients: &[String],
) -> Visits {
    let once = |cover| {
        // Each session has a token of its own.
        let token = key.and_then(|key| key.token(Timestamp::now()).ok());
        let trial = token.map(|(id, token)| Trial { id, token });
        // Without a key, nobody is named to a milter that would count it.
        let recipients = if key.is_some() && trial.is_none() { &[] } else { recipients };
        visit(door, cover, trial.as_ref(), recipients)
    };
    let session = |cover| {
        let first = once(cover);
        // After its deep tests, postscreen takes nothing in the session in which it made them.
        if is_postscreen && was_only_tested(&first) { once(cover) } else { first }
    };
    let plaintext = (!door.wrapped).then(|| session(Cover::Plaintext));
    let mut visits = Visits { plaintext, tls: Vec::new(), old: Vec::new() };
    if visits.plaintext.as_ref().is_some_and(|visit| !visit.end.is_answered()) {
        return visits;
    }
    for speaks in [Speaks::V1_3, Speaks::V1_2] {
        let visit = session(Cover::Tls(speaks));
        let goes_on = visit.end.is_answered();
        visits.tls.push((speaks, visit));
        if !goes_on {
            break;
        }
    }
    let failed = |(_, visit): &(Speaks, Visit)| matches!(visit.end, End::Handshake(_));
    if visits.tls.iter().all(failed) {
        visits.old = ask_old(door);
    }
    visits
}

fn was_only_tested(visit: &Visit) -> bool {
    let End::Recipients(answers) = &visit.end else { return false };
    answers.iter().all(|answer| {
        answer.report.is_none()
            && answer.reply.code == 450
            && answer.reply.lines.iter().any(|line| line.starts_with("4.3.2 "))
    }) && !answers.is_empty()
}

/// What is to be said about a place.
fn words(place: &Place, visits: &Visits, policy: Option<&Policy>, runs: bool) -> Vec<Seen> {
    if let Some(seen) = tls::unreachable(visits, runs) {
        return vec![seen];
    }
    let mut seen = Vec::new();
    let judged = recipients::words(visits, runs, &mut seen);
    tls::words(place, visits, policy, &mut seen);
    let best = visits.tls.iter().find_map(|(_, visit)| visit.handshake.as_ref());
    if let Some(handshake) = best {
        match visit::certificate(handshake, &place.door.name) {
            Ok(view) => {
                certificate::words(&view, handshake.is_signed, &place.door.name, &mut seen);
            }
            Err(why) => seen.push(certificate::unreadable(&why)),
        }
    }
    let spoken: Vec<String> = visits
        .tls
        .iter()
        .filter(|(_, visit)| visit.handshake.is_some())
        .map(|(speaks, _)| speaks.to_string())
        .collect();
    if !spoken.is_empty() && seen.iter().all(|seen| seen.health < Health::Error) {
        seen.push(Seen::right(format!("{}; {judged}", spoken.join(" and "))));
    }
    seen
}

/// The same thing at several places is said once.
fn together(all: &[(&Place, Vec<Seen>)]) -> Vec<Answer> {
    let mut different: Vec<(&Seen, Vec<&Place>)> = Vec::new();
    for (place, seen) in all {
        for one in seen {
            match different.iter_mut().find(|(other, _)| *other == one) {
                Some((_, places)) => places.push(place),
                None => different.push((one, vec![place])),
            }
        }
    }
    // The worst first.
    different.sort_by_key(|(seen, _)| std::cmp::Reverse(seen.health));
    let answer = |(seen, places): (&Seen, Vec<&Place>)| {
        let names: Vec<String> = places.iter().map(ToString::to_string).collect();
        let what = format!("{}: {}", names.join(", "), seen.what);
        let answer = match seen.id {
            None => Answer::right(SUBJECT, what),
            Some(id) => Answer::new(id, seen.health, SUBJECT, what, seen.remedy.clone()),
        };
        answer.about(places.first().map_or("", |place| &place.label))
    };
    different.into_iter().map(answer).collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.door.address, self.label)
    }
}
