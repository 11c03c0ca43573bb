//! One domain: how it is, whether that is in force, and what is set.

use super::{Fact, Named, day, link, mode_of, when};
use crate::app::{App, now};
use crate::connection;
use crate::detail::{self, DomainDetail};
use crate::ops::audit::{self, Action, AuditQuery, AuditRow};
use crate::ops::domains::OwnedDomain;
use crate::ops::insight::{self, Standing};
use crate::ops::{OpError, Role};
use crate::web::pages::around::Around;
use crate::web::pages::page::{Result, answer};
use crate::web::pages::shell::{Done, Shell};
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use config::policy_file::WrittenException;
use jiff::{Timestamp, ToSpan};
use ledger::hops::DomainHops;
use ledger::report::{By, Report};
use pages::hops::sentence;
use pages::readiness;
use pages::text::tight_number;
use policy::Mode;
use policy::hop::Level;
use serde::Deserialize;
use std::time::Duration;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/domains/{domain}", Access::SignedIn, overview)]
}

/// How far back a page looks, in days.
const DAYS: u32 = 30;

/// One domain.
#[derive(Template)]
#[template(path = "web/pages/domain/overview.html")]
pub(in crate::web::pages) struct OverviewPage {
    pub shell: Shell,
    pub domain: Named,
    pub version: i64,
    /// Why what is set here has no effect.
    pub overridden: Option<String>,
    pub mode: &'static str,
    pub class: &'static str,
    pub does: &'static str,
    pub from: String,
    pub since: String,
    pub force: Force,
    pub choices: Vec<Choice>,
    /// What happened lately: over its title, in sentences.
    pub last_days: String,
    pub recent: Vec<String>,
    pub has_report: bool,
    pub facts: Vec<Fact>,
    pub exceptions: Vec<ExceptionRow>,
    pub may_except: bool,
    /// Where an operator begins to act for its organisation, and what that says.
    pub act: Option<(String, &'static str)>,
    /// What the operator's own files say.
    pub operator: Vec<Fact>,
}
section!(OverviewPage, Domains);

/// Whether the milter has it in force.
pub(in crate::web::pages) struct Force {
    pub class: &'static str,
    pub text: String,
    /// Whether it is worth to look again.
    pub is_pending: bool,
}

/// A button that leads to another mode.
pub(in crate::web::pages) struct Choice {
    pub link: String,
    pub text: &'static str,
    pub is_main: bool,
}

pub(in crate::web::pages) struct ExceptionRow {
    pub whose: Shown,
    pub reason: Shown,
    pub until: String,
    pub is_over: bool,
    /// Where it can be removed.
    pub remove: Option<String>,
}

#[derive(Deserialize)]
struct OverviewQuery {
    /// Whether somebody has just changed something.
    done: Option<String>,
}

async fn overview(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    domain: OwnedDomain,
    Query(asked): Query<OverviewQuery>,
) -> Result {
    let is_done = asked.done.is_some();
    let detail = settled(&app, &domain, is_done).await?;
    let of = domain.clone();
    let report = app
        .look_long(domain.actor(), move |gateway| {
            insight::report(gateway, &of, DAYS, By::Version, now())
        })
        .await;
    let report = match report {
        Ok(report) => Some(report),
        Err(OpError::Unavailable(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let mut page = page(&around, &signed_in, &detail, report.as_ref());
    if detail.record.entry.require.is_none() {
        let pattern = domain.name().pattern();
        let asked = app.look(move |gateway| {
            let policy = gateway.policy()?;
            Ok(policy.domains.named(&pattern).map(|found| found.entry.requirement.clone()))
        });
        // Without a policy that can be read, there stands that it is the operator's.
        if let (Ok(Some(asked)), Some(fact)) = (asked.await, page.facts.first_mut()) {
            fact.detail = fact.value.value().into();
            fact.value = around.words.requirement(&asked).into();
        }
    }
    if is_done {
        page.shell.done =
            latest(&app, &signed_in, &detail).await?.map(|row| done(&row, around.words));
    }
    Ok(answer(StatusCode::OK, &page))
}

/// The domain, and after a change as soon as the milter has that in force, which takes it a moment.
async fn settled(app: &App, domain: &OwnedDomain, is_done: bool) -> Result<DomainDetail> {
    const LOOKS: usize = 15;
    let mut detail = detail::domain(app, domain).await?;
    for _ in 0..LOOKS {
        if !is_done || !matches!(detail.standing, Standing::OnItsWay { .. }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        detail = detail::domain(app, domain).await?;
    }
    Ok(detail)
}

/// What this account has changed last, if that is not long ago: from the log, so that no link can say
/// what was not done.
async fn latest(app: &App, who: &SignedIn, detail: &DomainDetail) -> Result<Option<AuditRow>> {
    let actor = who.actor();
    let query = AuditQuery {
        subject: Some(detail.record.domain.clone()),
        actor: Some(actor.login.clone()),
        since: Some(now() - 10.minutes()),
        limit: Some(1),
        ..AuditQuery::default()
    };
    let found = app.read(move |transaction| audit::search(transaction, &actor, &query)).await?;
    Ok(found.rows.into_iter().next())
}

fn done(row: &AuditRow, words: &Words) -> Done {
    let after = row.after.as_ref().and_then(|after| after.get("mode")?.as_str());
    let mode = words.mode(after.and_then(|mode| mode.parse().ok()).unwrap_or(Mode::Off));
    let text = match (row.action, row.undoes) {
        (Action::DomainSwitched, None) => fill(words.switch.done, &[("mode", &mode)]),
        (Action::DomainSwitched, Some(_)) => fill(words.switch.undone, &[("mode", &mode)]),
        (_, None) => words.switch.done_other.into(),
        (_, Some(_)) => words.switch.undone_other.into(),
    };
    let undo = row.is_undoable() && row.undoes.is_none();
    Done { text, undo: undo.then(|| format!("/audit/{}/undo", row.id)) }
}

fn page(
    around: &Around,
    signed_in: &SignedIn,
    detail: &DomainDetail,
    report: Option<&Report>,
) -> OverviewPage {
    let (words, shell, now) = (around.words, around.shell(), now());
    let record = &detail.record;
    let (mode, from) = mode_of(record, now);
    let may_change = shell.may_change();
    let is_operator = signed_in.actor.role == Role::Operator;
    let from_date = |from| fill(words.domain.from_date, &[("date", &from)]);
    let decides = detail.operators.as_ref().filter(|entry| entry.decides);
    let act = (is_operator && !may_change).then(|| {
        let to =
            format!("/organisations/{}/act?next={}", record.organisation, link(&record.domain));
        (to, words.organisation.act)
    });
    OverviewPage {
        domain: Named::to(record),
        version: record.version,
        overridden: decides.map(|_| {
            fill(words.domain.operator_wins, &[("domain", &Shown::new(&record.shown).plain())])
        }),
        mode: words.mode(mode),
        class: mode.name(),
        does: words.mode_does(mode),
        from: from.clone().map(from_date).unwrap_or_default(),
        since: since(detail, words),
        force: force(&detail.standing, words, is_operator),
        choices: choices(detail, mode, from.is_some(), words),
        last_days: fill(words.domain.last_days, &[("days", &DAYS)]),
        recent: recent(report, words),
        has_report: report.is_some(),
        facts: facts(detail, words, may_change),
        exceptions: exceptions(detail, may_change, now),
        may_except: may_change && detail.offer.exceptions,
        act,
        operator: operators(detail, words, is_operator),
        shell,
    }
}

fn since(detail: &DomainDetail, words: &Words) -> String {
    let record = &detail.record;
    let Some(moment) = record.switched else { return words.domain.never_long.into() };
    let who = Shown::new(record.switched_by.as_deref().unwrap_or_default()).plain();
    fill(words.domain.since_by, &[("when", &when(moment)), ("who", &who)])
}

/// Whether it is in force, as the milter has it.
pub(in crate::web::pages) fn force(standing: &Standing, words: &Words, is_operator: bool) -> Force {
    let text = &words.force;
    let at = |text: &str, moment: Timestamp| fill(text, &[("when", &when(moment))]);
    let (class, text, is_pending) = match standing {
        Standing::NothingChosen => ("plain", text.nothing.to_owned(), false),
        Standing::InForce { since } => ("good", at(text.in_force, *since), false),
        Standing::OnItsWay { since } => ("warn", at(text.pending, *since), true),
        Standing::Operators => ("warn", text.overridden.to_owned(), false),
        Standing::LeftOut { message } => {
            let why = Shown::new(message).plain();
            ("bad", fill(text.left_out, &[("why", &why)]), false)
        }
        Standing::PolicyBroken { first, .. } => {
            // What stands in the operator's files is for operators.
            let first = first.as_deref().filter(|_| is_operator).unwrap_or_default();
            let first = Shown::new(first).plain();
            ("bad", format!("{} {first}", text.broken).trim_end().to_owned(), true)
        }
        Standing::MilterDown { since: Some(since) } => ("bad", at(text.down, *since), true),
        Standing::MilterDown { since: None } => ("bad", text.not_running.to_owned(), true),
        Standing::Unknown => ("warn", text.unknown.to_owned(), false),
    };
    Force { class, text, is_pending }
}

/// The other modes, as far as they are on offer; the most wanted first.
fn choices(detail: &DomainDetail, mode: Mode, is_dated: bool, words: &Words) -> Vec<Choice> {
    let others = [Mode::Enforce, Mode::Monitor, Mode::Off].into_iter();
    let others = others.filter(|other| {
        // Where a date is set, enforce at once and another date are still to choose.
        detail.offer.has_mode(*other) && (*other != mode || is_dated)
    });
    others
        .map(|other| Choice {
            link: format!("{}/switch?mode={}", link(&detail.record.domain), other.name()),
            text: words.mode_choice(other),
            is_main: other == Mode::Enforce,
        })
        .collect()
}

/// What happened lately, in sentences.
fn recent(report: Option<&Report>, words: &Words) -> Vec<String> {
    let text = &words.domain;
    let Some(report) = report else { return vec![words.report.no_ledger_hint.into()] };
    let totals = report.totals;
    if totals.judged == 0 {
        return vec![text.no_mail.into()];
    }
    let share = words.share(totals.share());
    let mut sentences =
        vec![fill(text.came, &[("count", &text.messages.of(totals.judged)), ("share", &share)])];
    if totals.refused > 0 {
        sentences.push(text.refused.of(totals.refused));
    }
    if totals.would_refuse > 0 {
        sentences.push(text.would_refuse.of(totals.would_refuse));
    }
    if totals.refused == 0 && totals.would_refuse == 0 {
        sentences.push(text.none_refused.into());
    }
    // Of a wildcard, what is said of the worst; the report has them all.
    if let Some(worst) = report.readiness.first() {
        let said = readiness::answer(worst, words.language, tight_number);
        sentences.push(match report.readiness.len() {
            1 => said,
            _ => format!("{}: {said}", Shown::new(&worst.domain).plain()),
        });
        sentences.extend(readiness::because(worst, words.language, tight_number));
    }
    sentences.extend(both_hops(&report.hops.domains, words));
    sentences
}

/// How many domains are told of: of a wildcard, there can be many.
const TOLD: usize = 3;

/// What can be said of both hops, where something is recorded of the second one.
fn both_hops(domains: &[DomainHops], words: &Words) -> Vec<String> {
    let known: Vec<&DomainHops> = domains.iter().filter(|hops| hops.left.is_some()).collect();
    let told = known.iter().take(TOLD);
    let mut sentences: Vec<String> =
        told.map(|hops| Shown::new(&sentence(hops, words.language)).plain()).collect();
    let more = known.len().saturating_sub(TOLD) as u64;
    if more > 0 {
        sentences.push(words.domain.more_hops.of(more));
    }
    sentences
}

fn facts(detail: &DomainDetail, words: &Words, may_change: bool) -> Vec<Fact> {
    let (text, entry) = (&words.domain, &detail.record.entry);
    let to = |page: &str, may: bool| {
        (may_change && may).then(|| format!("{}/{page}", link(&detail.record.domain)))
    };
    let chosen = entry.require.as_deref();
    let asked = detail.requirements.iter().find(|one| Some(&*one.name) == chosen);
    let requirement = match (asked, chosen) {
        (Some(asked), _) => words.requirement_text(asked),
        (None, Some(name)) => name.to_owned(),
        (None, None) => words.change.as_default.to_owned(),
    };
    let contact = match &entry.contact {
        Some(address) => {
            let language = words.language_name(entry.language.unwrap_or_default());
            let address = Shown::new(address).plain();
            fill(text.contact_to, &[("address", &address), ("language", &language)])
        }
        None => text.nobody.into(),
    };
    let mut facts = vec![
        Fact {
            name: text.requirement,
            value: requirement.into(),
            detail: chosen.unwrap_or_default().into(),
            link: to("requirement", !detail.offer.requirements.is_empty()),
        },
        Fact {
            name: text.contact,
            value: contact.into(),
            detail: "".into(),
            link: to("contact", true),
        },
    ];
    let level = entry.deliver.as_ref().and_then(|deliver| deliver.level);
    // Where there is no choice, there is nothing to say, unless it was chosen before.
    if detail.offer.deliver || level.is_some() {
        let title = level.map(|level| connection::words::level(words.language, level));
        facts.push(Fact {
            name: text.delivery,
            value: title.unwrap_or(words.change.as_default).into(),
            detail: level.map_or("", Level::name).into(),
            link: to("delivery", true),
        });
    }
    facts
}

fn exceptions(detail: &DomainDetail, may_change: bool, now: Timestamp) -> Vec<ExceptionRow> {
    let today = day(now);
    let rows = detail.record.entry.exceptions.iter().enumerate().map(|(place, exception)| {
        let until = exception.until.clone().unwrap_or_default();
        ExceptionRow {
            whose: whose(exception).into(),
            reason: exception.reason.as_str().into(),
            // A day counts to its end.
            is_over: !until.is_empty() && until < today,
            until,
            remove: may_change
                .then(|| format!("{}/exceptions/{place}/remove", link(&detail.record.domain))),
        }
    });
    rows.collect()
}

/// Whose mail an exception is for, in a line.
pub(in crate::web::pages) fn whose(exception: &WrittenException) -> String {
    let mut parts: Vec<String> = exception.client.clone();
    parts.extend(exception.sender.as_ref().map(|sender| format!("@{sender}")));
    let names = exception.client_certificate.iter();
    let names = names.flat_map(|names| [&names.subject, &names.issuer]).flatten();
    parts.extend(names.map(|name| format!("CN={name}")));
    parts.join(", ")
}

fn operators(detail: &DomainDetail, words: &Words, is_operator: bool) -> Vec<Fact> {
    let Some(entry) = &detail.operators else { return Vec::new() };
    let fact =
        |name, value: &str| Fact { name, value: value.into(), detail: "".into(), link: None };
    let mut facts = vec![
        fact(words.trial.entry, &entry.pattern),
        fact(words.domains.mode, &entry.schedule),
        fact(words.domain.requirement, &entry.requirement),
    ];
    if is_operator {
        facts.push(fact(words.domain.place, &entry.place));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::hops::{Came, First, Left, Second};
    use policy::Language;

    fn hops(domain: &str, left: Option<Left>) -> DomainHops {
        DomainHops {
            domain: domain.into(),
            first: First::AllEncrypted,
            second: if left.is_some() { Second::AllEncrypted } else { Second::NothingKnown },
            came: Came { encrypted: 5, ..Came::default() },
            left,
            came_between: None,
            left_between: None,
            is_whole: true,
            exceptions: Vec::new(),
        }
    }

    #[test]
    fn the_overview_tells_of_both_hops_of_the_first_few_domains_where_something_is_recorded() {
        let left = Some(Left { encrypted: 5, ..Left::default() });
        let many: Vec<_> =
            (0..5).map(|number| hops(&format!("d{number}.example.org"), left)).collect();
        for (domains, count, first, last) in [
            (vec![], 0, "", ""),
            (vec![hops("example.org", None)], 0, "", ""),
            (
                vec![hops("example.org", left)],
                1,
                "example.org came encrypted and left",
                "did not come",
            ),
            (many, 4, "d0.example.org", "2 more domains below it"),
        ] {
            for language in [Language::English, Language::German] {
                let told = both_hops(&domains, Words::of(language));
                assert_eq!(told.len(), count, "{told:?}");
                if language == Language::English && count > 0 {
                    assert!(told[0].contains(first) && told[count - 1].contains(last), "{told:?}");
                }
            }
        }
    }
}
