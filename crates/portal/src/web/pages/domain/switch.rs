//! Before the switch: what it would mean. And the switch.

use super::{Named, PeerRow, day, link, mode_of};
use crate::app::{App, now};
use crate::ops::OpError;
use crate::ops::domains::{self, ChangeableDomain, DomainChange, DomainRecord};
use crate::ops::insight::{self, Advice as Advised, Preview, PreviewPeer};
use crate::web::pages::around::Around;
use crate::web::pages::page::{Problem, Result, answer, query, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route};
use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use jiff::{Timestamp, ToSpan};
use ledger::report::{Outcome, date_text};
use pages::readiness;
use pages::text::{few, tight_number, unbroken};
use policy::Mode;
use serde::Deserialize;
use std::iter;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/domains/{domain}/switch", Access::MayChange, preview),
        Route::post("/domains/{domain}/mode", Access::MayChange, switching),
        Route::post("/domains/{domain}/requirement", Access::MayChange, requiring),
    ]
}

/// How far back is looked, in days.
const DAYS: u32 = 30;
/// How many servers are named. All of them are in the report.
const PEERS: usize = 10;

/// Before a change: what it would mean.
#[derive(Template)]
#[template(path = "web/pages/domain/switch.html")]
pub(in crate::web::pages) struct SwitchPage {
    pub shell: Shell,
    pub domain: Named,
    pub title: String,
    /// What then counts as encrypted, where that changes; else empty.
    pub requirement: String,
    pub lead: String,
    pub advice: Option<Advice>,
    pub notes: Vec<String>,
    pub peers: Vec<PeerRow>,
    pub more: Option<String>,
    pub has_explanation: bool,
    pub letter: Option<String>,
    /// Where the change is sent, and what goes with it.
    pub action: String,
    pub version: i64,
    pub hidden: Vec<(&'static str, Shown)>,
    pub problem: Option<Problem>,
    /// The day that is proposed, where one can be chosen.
    pub day: Option<Shown>,
    /// Whether that is chosen.
    pub later: bool,
    pub today: String,
    pub submit: &'static str,
}
section!(SwitchPage, Domains);

impl SwitchPage {
    /// Whether something else is to be done first.
    fn is_discouraged(&self) -> bool {
        self.advice.as_ref().is_some_and(|advice| advice.link.is_some())
    }
}

/// What to do first, and where.
pub(in crate::web::pages) struct Advice {
    pub text: String,
    pub link: Option<String>,
}

/// What is to be different.
enum Wanted {
    Mode(Mode),
    /// The name of a requirement; none: that of the operator's defaults.
    Requirement(Option<String>),
}

#[derive(Deserialize)]
struct SwitchQuery {
    mode: Option<String>,
    require: Option<String>,
}

async fn preview(
    State(app): State<App>,
    around: Around,
    domain: ChangeableDomain,
    Query(asked): Query<SwitchQuery>,
) -> Result {
    let wanted = match (asked.mode.and_then(|mode| mode.parse().ok()), asked.require) {
        (Some(mode), _) => Wanted::Mode(mode),
        (None, Some(name)) => Wanted::Requirement(Some(name).filter(|name| !name.is_empty())),
        (None, None) => return Err(OpError::NotFound.into()),
    };
    let owned = domain.domain().clone();
    let record = app.read(move |transaction| domains::get(transaction, &owned)).await?;
    // Beside what is so already, nothing would be refused that is not refused now.
    if matches!(wanted, Wanted::Mode(mode) if mode_of(&record, now()) == (mode, None)) {
        return Ok(see(&link(&record.domain)));
    }
    let page = page(&app, &around, &domain, &wanted).await?;
    Ok(answer(StatusCode::OK, &page))
}

async fn page(
    app: &App,
    around: &Around,
    domain: &ChangeableDomain,
    wanted: &Wanted,
) -> Result<SwitchPage> {
    let owned = domain.domain().clone();
    let of = owned.clone();
    let record = app.read(move |transaction| domains::get(transaction, &of)).await?;
    let mut entry = record.entry.clone();
    match wanted {
        Wanted::Mode(mode) => (entry.mode, entry.enforce_from) = (Some(*mode), None),
        Wanted::Requirement(name) => entry.require.clone_from(name),
    }
    let of = owned.clone();
    let seen = app
        .look_long(owned.actor(), move |gateway| {
            insight::preview(gateway, &of, &entry, DAYS, now())
        })
        .await;
    let seen = match seen {
        Ok(seen) => Some(seen),
        // The switch is not held up by a record that is not there.
        Err(OpError::Unavailable(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let words = around.words;
    let mut page = bare(around, &record, Named::of(&owned), wanted);
    let (lead, advice) = told(words, seen.as_ref(), &page.domain, wanted);
    page.lead = lead;
    // Whoever is to be told first needs some days.
    page.later = seen.as_ref().is_some_and(|seen| matches!(seen.advice, Advised::TellFirst));
    page.advice = advice;
    if let Some(seen) = &seen {
        evidence(&mut page, seen, words);
    }
    if let Wanted::Requirement(Some(name)) = wanted {
        let of = name.clone();
        let all = app.look(|gateway| gateway.requirements()).await.unwrap_or_default();
        let text = all.iter().find(|one| one.name == of).map(|one| words.requirement_text(one));
        let text = text.unwrap_or_else(|| Shown::new(&of).plain());
        page.requirement = fill(words.switch.require_to, &[("requirement", &text)]);
    }
    Ok(page)
}

/// The page without what the ledger says.
fn bare(around: &Around, record: &DomainRecord, domain: Named, wanted: &Wanted) -> SwitchPage {
    let (words, now) = (&around.words.switch, now());
    let (title, submit, action, hidden) = match wanted {
        Wanted::Mode(mode) => {
            let (title, submit) = match mode {
                Mode::Off => (words.to_off, words.do_off),
                Mode::Monitor => (words.to_monitor, words.do_monitor),
                Mode::Enforce => (words.to_enforce, words.do_enforce),
            };
            (title, submit, "mode", vec![("mode", mode.name().into())])
        }
        Wanted::Requirement(name) => {
            let name = name.clone().unwrap_or_default();
            (words.require, words.do_require, "requirement", vec![("require", name.into())])
        }
    };
    let enforces = matches!(wanted, Wanted::Mode(Mode::Enforce));
    let proposed =
        record.entry.enforce_from.clone().unwrap_or_else(|| day(now + (14 * 24).hours()));
    SwitchPage {
        shell: around.shell(),
        title: domain.fill(title),
        requirement: String::new(),
        lead: String::new(),
        advice: None,
        notes: Vec::new(),
        peers: Vec::new(),
        more: None,
        has_explanation: enforces,
        letter: None,
        action: format!("{}/{action}", domain.link),
        version: record.version,
        hidden,
        problem: None,
        day: enforces.then(|| proposed.into()),
        later: false,
        today: day(now),
        submit,
        domain,
    }
}

/// What it means in a sentence, and what to do first.
fn told(
    words: &Words,
    seen: Option<&Preview>,
    domain: &Named,
    wanted: &Wanted,
) -> (String, Option<Advice>) {
    let (text, messages) = (&words.switch, &words.domain.messages);
    let days = ("days", &DAYS as &dyn std::fmt::Display);
    if let Wanted::Mode(mode @ (Mode::Off | Mode::Monitor)) = wanted {
        let mut lead =
            if *mode == Mode::Off { text.lead_off } else { text.lead_monitor }.to_owned();
        if let Some(seen) = seen.filter(|seen| seen.let_through > 0) {
            let count = messages.of(seen.let_through);
            let more = fill(text.let_in, &[days, ("count", &count)]);
            lead = format!("{lead} {more}");
        }
        return (lead, None);
    }
    let monitor = || Some(format!("{}/switch?mode=monitor", domain.link));
    let Some(seen) = seen else {
        let advice = Advice { text: text.no_evidence.into(), link: monitor() };
        return (domain.fill(text.lead_no_record), Some(advice));
    };
    if seen.judged == 0 {
        let advice = Advice { text: text.no_evidence.into(), link: monitor() };
        return (domain.fill(text.lead_no_evidence), Some(advice));
    }
    let lead = if seen.refused == 0 {
        fill(text.lead_none, &[days, ("all", &messages.of(seen.judged))])
    } else {
        let (count, servers) =
            (messages.of(seen.refused), text.servers.of(seen.peers.len() as u64));
        let all = tight_number(seen.judged);
        fill(text.lead, &[days, ("count", &count), ("servers", &servers), ("all", &all)])
    };
    let advice = match seen.advice {
        Advised::MonitorFirst => {
            let lacks = seen
                .readiness
                .first()
                .and_then(|one| readiness::lacks(one, words.language, tight_number));
            let text = format!("{} {}", lacks.unwrap_or_default(), text.no_evidence);
            Some(Advice { text, link: matches!(wanted, Wanted::Mode(_)).then(monitor).flatten() })
        }
        Advised::TellFirst => Some(Advice { text: text.tell_first.into(), link: None }),
        Advised::Ready | Advised::Nothing => None,
    };
    (lead, advice)
}

/// Who it would be, and what to write to them.
fn evidence(page: &mut SwitchPage, seen: &Preview, words: &Words) {
    let text = &words.switch;
    if let Some(worst) = seen.readiness.first() {
        let answer = readiness::answer(worst, words.language, tight_number);
        let because = readiness::because(worst, words.language, tight_number);
        // What the advice says is not said twice.
        let advised = page.advice.as_ref().map_or("", |advice| &advice.text);
        let sentences = iter::once(answer).chain(because);
        page.notes.extend(sentences.filter(|sentence| !advised.starts_with(sentence.as_str())));
        let start = worst.start.and_then(|at| Timestamp::from_second(at).ok());
        if let (Some(proposed), Some(start)) = (&mut page.day, start) {
            *proposed = day(start).into();
        }
    }
    let shown = seen.peers.iter().take(PEERS);
    page.peers = shown.map(|peer| row(peer, &page.domain, words)).collect();
    let more = seen.peers.len().saturating_sub(PEERS) as u64;
    page.more = (more > 0).then(|| text.more.of(more));
    let left_out = seen.simulation.not_judged
        + seen.simulation.version_unknown
        + seen.simulation.tls_unknown
        + seen.simulation.trusted_not_judged;
    if left_out > 0 {
        page.notes.push(text.not_judged.of(left_out));
    }
    let last = seen.peers.iter().map(|peer| peer.last).max();
    page.letter = last.map(|last| letter(words, &page.domain, last));
}

/// What to write to a server's postmaster.
fn letter(words: &Words, domain: &Named, last: i64) -> String {
    let text = &words.switch;
    fill(
        text.letter,
        &[("domain", &domain.shown.plain()), ("date", &text.the_day), ("last", &date_text(last))],
    )
}

fn row(peer: &PreviewPeer, domain: &Named, words: &Words) -> PeerRow {
    let mut why: Vec<String> = peer.reasons.iter().map(|reason| words.reason(reason)).collect();
    // Several reasons may have the same words.
    why.dedup();
    let (since_then, is_better) = since_then(peer.outcome, words);
    PeerRow {
        link: partner_link(domain, &peer.client),
        client: peer.client.as_str().into(),
        host: peer.host.as_str().into(),
        messages: tight_number(peer.refused),
        senders: few(&peer.senders).into(),
        why: why.join(", ").into(),
        last: date_text(peer.last),
        since_then,
        is_better,
    }
}

/// The page with the story of a server or a sender domain.
pub(in crate::web::pages) fn partner_link(domain: &Named, partner: &str) -> String {
    query(&format!("{}/partner", domain.link), &[("partner", partner)])
}

/// What became of it, in words, and whether that is good.
pub(in crate::web::pages) fn since_then(outcome: Option<Outcome>, words: &Words) -> (String, bool) {
    let text = &words.switch;
    match outcome {
        Some(Outcome::Resolved { at }) => {
            (fill(text.with_tls, &[("when", &unbroken(date_text(at)))]), true)
        }
        Some(Outcome::OtherServer { at }) => {
            (fill(text.other_server, &[("when", &unbroken(date_text(at)))]), true)
        }
        Some(
            Outcome::StillFailing { .. }
            | Outcome::NotBackYet { .. }
            | Outcome::NotBack { .. }
            | Outcome::Quiet { .. },
        )
        | None => (text.not_with_tls.into(), false),
    }
}

#[derive(Deserialize)]
struct SwitchForm {
    version: i64,
    mode: String,
    #[serde(default)]
    when: String,
    #[serde(default)]
    day: String,
}

async fn switching(
    State(app): State<App>,
    around: Around,
    domain: ChangeableDomain,
    Form(form): Form<SwitchForm>,
) -> Result {
    let mode: Mode = form.mode.parse().map_err(|_| OpError::NotFound)?;
    let is_later = form.when == "later" && mode == Mode::Enforce;
    let from = is_later.then(|| form.day.trim().to_owned());
    let asked =
        DomainChange { mode: Some(mode), enforce_from: Some(from), ..DomainChange::default() };
    // Without a day, it would be at once.
    let is_day = !is_later || form.day.trim().parse::<jiff::civil::Date>().is_ok();
    let changed = match is_day {
        true => change(&app, &domain, form.version, asked).await,
        false => Err(OpError::invalid("enforce_from", "no day", "")),
    };
    match changed {
        Ok(to) => Ok(see(&to)),
        Err(OpError::Invalid(_)) => {
            let mut page = page(&app, &around, &domain, &Wanted::Mode(mode)).await?;
            page.problem = Some(Problem::new("day", around.words.form.day_wrong));
            (page.day, page.later) = (Some(form.day.into()), true);
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
struct RequireForm {
    version: i64,
    require: String,
}

async fn requiring(
    State(app): State<App>,
    domain: ChangeableDomain,
    Form(form): Form<RequireForm>,
) -> Result {
    let name = Some(form.require).filter(|name| !name.is_empty());
    let asked = DomainChange { require: Some(name), ..DomainChange::default() };
    Ok(see(&change(&app, &domain, form.version, asked).await?))
}

/// Changes a domain; where to go then.
pub(in crate::web::pages) async fn change(
    app: &App,
    domain: &ChangeableDomain,
    version: i64,
    asked: DomainChange,
) -> std::result::Result<String, OpError> {
    let of = domain.clone();
    app.write(move |transaction| domains::change(transaction, &of, Some(version), &asked, now()))
        .await?;
    Ok(format!("{}?done", link(domain.domain().name().as_str())))
}
