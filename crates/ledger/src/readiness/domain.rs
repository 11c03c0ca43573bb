//! The mail of one domain, judged anew and added up.

use super::correspondents::{Building, Correspondent};
use super::start::start;
use super::{ENOUGH_SPAN, Evidence, Inquiry, Lack, Readiness, Standing, State};
use crate::correspondent::runs;
use crate::model::case::OwnedCase;
use crate::model::day::{DAY, Day, day_of};
use crate::model::key::SubjectKind;
use crate::model::reason::RecordedReason;
use crate::model::row::{Row, Source};
use crate::report::Outcomes;
use policy::{
    Case, Decision, DomainName, Finding, Mode, Policy, ReasonKind, Schedule, Subject, judge,
};
use std::collections::{BTreeMap, HashMap};

/// A domain under way. Rows come in the order of days.
pub(super) struct Draft {
    mode: Mode,
    planned: Option<i64>,
    evidence: Evidence,
    /// The first and the last day on which the milter judged mail.
    judged_between: Option<(Day, Day)>,
    outcomes: Outcomes,
    correspondents: BTreeMap<String, Building>,
    /// Who runs each server, as it was first told.
    runs: HashMap<String, String>,
}

impl Draft {
    /// None of a domain that the policy does not judge.
    pub fn new(domain: &str, inquiry: &Inquiry<'_>) -> Option<Self> {
        let domain = DomainName::parse(domain).ok()?;
        let entry = inquiry.policy.domains.find_domain(&domain)?.entry;
        let mode = entry.schedule.mode_at(inquiry.now);
        let planned = match entry.schedule {
            Schedule::EnforceFrom(start) if start > inquiry.now => Some(start.as_second()),
            Schedule::EnforceFrom(_) | Schedule::Always(_) => None,
        };
        (mode != Mode::Off).then(|| Self {
            mode,
            planned,
            evidence: Evidence::default(),
            judged_between: None,
            outcomes: Outcomes::default(),
            correspondents: BTreeMap::new(),
            runs: HashMap::new(),
        })
    }

    pub fn add(&mut self, mut row: Row, inquiry: &Inquiry<'_>) {
        if !matches!(row.key.found, SubjectKind::Recipient | SubjectKind::Sender) {
            return;
        }
        let recorded = (row.key.verdict, row.key.reason.clone());
        // Whom the milter trusted then stays so where the ledger does not tell whom.
        if row.key.is_trusted() && row.key.is_coarse() {
            return;
        }
        let case = OwnedCase::from(&row.key);
        let case = case.at(inquiry.now, inquiry.on_unknown_tls);
        let Some((decision, kind)) = own_verdict(inquiry.policy, &case) else { return };
        use ReasonKind as Kind;
        match kind {
            Kind::TrustedClient
            | Kind::TrustedAuthenticated
            | Kind::LocalSubmission
            | Kind::Off
            | Kind::NotOptedIn => return,
            _ => {}
        }
        self.count(&row);
        if matches!(kind, Kind::UnknownTls | Kind::UnknownTlsPassed) {
            self.evidence.unknown += row.tally.recipients();
            return;
        }
        if kind == Kind::Exception {
            self.evidence.excepted += row.tally.recipients();
        }
        row.key.verdict = decision;
        // A log may tell more of plaintext.
        row.key.reason = match (kind, recorded.1) {
            (Kind::Plaintext, failed @ RecordedReason::TlsFailed(_)) => failed,
            (kind, _) => kind.into(),
        };
        self.outcomes.add(&row);
        self.take(&row, recorded.0);
    }

    /// Counts what is known, well or not.
    fn count(&mut self, row: &Row) {
        let evidence = &mut self.evidence;
        evidence.recipients += row.tally.recipients();
        let (first, last) = (row.tally.first, row.tally.last);
        evidence.first = Some(evidence.first.unwrap_or(first).min(first));
        evidence.last = evidence.last.max(Some(last));
        if row.key.source == Source::Log {
            evidence.from_log += row.tally.recipients();
            return;
        }
        let day = row.key.day;
        let (first, last) = self.judged_between.unwrap_or((day, Day::MIN));
        if last != day {
            evidence.days += 1;
        }
        self.judged_between = Some((first, day));
    }

    /// Takes note of the server.
    fn take(&mut self, row: &Row, recorded: Decision) {
        let (client, name) = (&row.key.client, &row.key.name);
        let runs = match self.runs.get(client) {
            Some(known) => known.clone(),
            None => {
                let found = runs(client, name);
                self.runs.insert(client.clone(), found.clone());
                found
            }
        };
        let correspondent = self.correspondents.entry(runs).or_default();
        correspondent.rhythm.add(row.key.day);
        let server = correspondent.servers.entry(client.clone()).or_default();
        if server.host.is_empty() {
            server.host.clone_from(name);
        }
        server.is_adequate |= row.key.is_adequate();
        if row.key.verdict != Decision::Accept {
            self.evidence.at_fault += row.tally.recipients();
            server.failing.get_or_insert_default().add(row, recorded);
        }
    }

    pub fn finish(self, domain: String, ends: Option<i64>, now: i64, lost: u64) -> Readiness {
        let until = ends.unwrap_or(now);
        let span = self.judged_between.map_or(0, |(first, last)| {
            u64::from((day_of(until).max(last) - first).unsigned_abs()) + 1
        });
        let evidence = Evidence { span, lost, ends, ..self.evidence };
        let lacks = evidence.lacks(now);
        let worst = self.outcomes.finish(until).peers;
        let found = self.correspondents.into_iter().filter_map(|(name, building)| {
            building.finish(name, &domain, |client| worst.get(client).copied(), until)
        });
        let mut correspondents: Vec<Correspondent> = found.collect();
        correspondents.sort_by(|one, other| {
            let rank = |one: &Correspondent| (one.standing, std::cmp::Reverse(one.recipients));
            rank(one).cmp(&rank(other)).then_with(|| one.name.cmp(&other.name))
        });
        let mut in_the_way =
            correspondents.iter().filter(|one| one.standing == Standing::Fails).peekable();
        let state = match () {
            () if self.mode == Mode::Enforce => State::Enforced,
            () if in_the_way.peek().is_some() => State::NotYet,
            () if !lacks.is_empty() => State::NotEnough,
            () => State::Ready,
        };
        let today = day_of(now);
        let proposed = (state == State::NotYet && self.planned.is_none())
            .then(|| i64::from(start(today, in_the_way.map(|one| one.every))) * DAY);
        let look_again =
            (state == State::NotEnough).then(|| look_again(&evidence, &lacks, today)).flatten();
        Readiness {
            domain,
            state,
            mode: self.mode,
            planned: self.planned,
            lacks,
            evidence,
            correspondents,
            start: proposed,
            look_again,
        }
    }
}

/// When there can be enough days; none where more days alone do not help.
fn look_again(evidence: &Evidence, lacks: &[Lack], today: Day) -> Option<i64> {
    let helps = |lack: &Lack| matches!(lack, Lack::NoMail | Lack::FewDays | Lack::LogOnly);
    let days = Day::try_from(ENOUGH_SPAN.saturating_sub(evidence.span).max(1)).unwrap_or(1);
    lacks.iter().all(helps).then(|| i64::from(today.saturating_add(days)) * DAY)
}

/// What the entry of the recipient's domain says: what is asked of a sender is asked whatever the domain does.
fn own_verdict(policy: &Policy, case: &Case<'_>) -> Option<(Decision, ReasonKind)> {
    let of = |finding: &Finding<'_>| (finding.decision, finding.reason.kind());
    let finding = judge(policy, case).finding?;
    if !matches!(finding.subject, Subject::Sender(_)) {
        return Some(of(&finding));
    }
    let findings = policy.findings(case);
    let own = findings.iter().filter(|one| matches!(one.subject, Subject::Recipient(..)));
    own.max_by_key(|one| one.decision).map(of)
}
