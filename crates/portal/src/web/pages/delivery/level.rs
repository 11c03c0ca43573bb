//! The level, what the gateway makes of it, and the test of the connection.

use crate::app::{App, now};
use crate::connection::{Findings, Holds, Outcome, holds, words as found};
use crate::detail::{self, DomainDetail};
use crate::ops::domains::{self, ChangeableDomain, LEVELS, OwnedDomain, Tested};
use crate::ops::insight::{self, Way};
use crate::ops::{OpError, Role};
use crate::web::pages::around::Around;
use crate::web::pages::domain::{Force, Named, force, mode_of, when};
use crate::web::pages::page::{Problem, Result, answer, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill};
use crate::web::{Access, Route, SignedIn};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use policy::Mode;
use policy::hop::{Demand, Level};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/domains/{domain}/delivery", Access::SignedIn, level),
        Route::post("/domains/{domain}/delivery/test", Access::MayChange, testing),
    ]
}

/// The level of a domain.
#[derive(Template)]
#[template(path = "web/pages/delivery/level.html")]
pub(in crate::web::pages) struct LevelPage {
    pub shell: Shell,
    pub domain: Named,
    pub title: String,
    pub problem: Option<Problem>,
    pub level: String,
    pub level_word: Shown,
    pub notes: Vec<&'static str>,
    /// What the MTA is told of each next hop.
    pub told: Vec<String>,
    pub force: Force,
    pub tested: String,
    pub hops: Vec<HopRow>,
    pub options: Vec<LevelOption>,
    pub name: Shown,
    /// Whether a level can be chosen, and so a test is of use.
    pub may_choose: bool,
}
section!(LevelPage, Domains);

/// A next hop, as a test has found it.
pub(in crate::web::pages) struct HopRow {
    pub name: Shown,
    pub problem: Option<&'static str>,
    pub servers: Vec<ServerRow>,
}

/// A server of it.
pub(in crate::web::pages) struct ServerRow {
    pub host: Shown,
    pub place: Shown,
    pub lines: Vec<Shown>,
}

/// A level that can be chosen.
pub(in crate::web::pages) struct LevelOption {
    pub value: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub chosen: bool,
    /// Whether it would hold; empty where that is not known or of no matter.
    pub holds: String,
    pub is_good: bool,
}

async fn level(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    domain: OwnedDomain,
) -> Result {
    let page = page(&app, &around, &signed_in, &domain).await?;
    Ok(answer(StatusCode::OK, &page))
}

async fn testing(
    State(app): State<App>,
    around: Around,
    signed_in: SignedIn,
    domain: ChangeableDomain,
) -> Result {
    let text = &around.words.delivery;
    let owned = domain.domain().clone();
    let (status, problem) = match app.test_connection(domain).await {
        Ok(_) => {
            return Ok(see(&format!("{}/delivery#test", Named::of(&owned).link)));
        }
        Err(OpError::Throttled(seconds)) => {
            let minutes = seconds.div_ceil(60);
            let text = fill(text.throttled, &[("minutes", &minutes)]);
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
        Err(OpError::Busy(_)) => (StatusCode::SERVICE_UNAVAILABLE, text.busy.to_owned()),
        Err(error) => return Err(error.into()),
    };
    let mut page = page(&app, &around, &signed_in, &owned).await?;
    page.problem = Some(Problem::new("", problem));
    Ok(answer(status, &page))
}

/// The page as it is without a problem.
pub(super) async fn page(
    app: &App,
    around: &Around,
    signed_in: &SignedIn,
    domain: &OwnedDomain,
) -> Result<LevelPage> {
    let detail = detail::domain(app, domain).await?;
    let is_operator = signed_in.actor.role == Role::Operator;
    let of = domain.clone();
    let test = app.read(move |transaction| domains::last_test(transaction, &of)).await?;
    let record = detail.record.clone();
    let way =
        app.look_long(domain.actor(), move |gateway| insight::way(gateway, &record, now())).await;
    let way = match way {
        Ok(way) => Some(way),
        // The page says elsewhere that the policy cannot be read.
        Err(OpError::Unavailable(_) | OpError::Invalid(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(made(around, &detail, way.as_ref(), test.as_ref(), is_operator))
}

fn made(
    around: &Around,
    detail: &DomainDetail,
    way: Option<&Way>,
    test: Option<&Tested>,
    is_operator: bool,
) -> LevelPage {
    let (words, now) = (around.words, now());
    let (text, language) = (&words.delivery, words.language);
    let named = Named::to(&detail.record);
    let deliver = detail.record.entry.deliver.as_ref();
    let chosen = deliver.and_then(|deliver| deliver.level);
    let name = deliver.and_then(|deliver| deliver.matching.first());
    let mut notes = Vec::new();
    match mode_of(&detail.record, now).0 {
        Mode::Off => notes.push(text.is_off),
        Mode::Monitor => notes.push(text.monitored),
        Mode::Enforce => {}
    }
    if way.is_some_and(|way| !way.is_asked) {
        notes.push(text.not_asked);
    }
    if !detail.offer.deliver {
        notes.push(text.not_offered);
    }
    let shell = around.shell();
    LevelPage {
        may_choose: shell.may_change() && (is_operator || detail.offer.deliver),
        title: named.fill(text.title),
        domain: named,
        problem: None,
        level: chosen.map_or(text.as_operator, |level| found::level(language, level)).into(),
        level_word: chosen.map_or("", Level::name).into(),
        notes,
        told: way.map(|way| told(way, words)).unwrap_or_default(),
        force: force(&detail.standing, words, is_operator),
        tested: tested(test, words, now),
        hops: test.map(|test| rows(&test.findings, words, now)).unwrap_or_default(),
        options: options(chosen, name.map(String::as_str), test, words, now),
        name: name.map(String::as_str).unwrap_or_default().into(),
        shell,
    }
}

/// What the MTA is told of each next hop, as the policy's files have it.
fn told(way: &Way, words: &Words) -> Vec<String> {
    let text = &words.delivery;
    let line = |hop: &insight::NextHopAnswer| {
        let name = Shown::new(&hop.next_hop).plain();
        match &hop.answer {
            Some(answer) => {
                fill(text.told, &[("hop", &name), ("answer", &Shown::new(answer).plain())])
            }
            None => fill(text.told_nothing, &[("hop", &name)]),
        }
    };
    way.next_hops.iter().map(line).collect()
}

fn tested(test: Option<&Tested>, words: &Words, now: Timestamp) -> String {
    let text = &words.delivery;
    let Some(test) = test else { return text.never.into() };
    let who = Shown::new(&test.by).plain();
    let said = fill(text.tested, &[("when", &when(test.at)), ("who", &who)]);
    if test.counts(now) { said } else { format!("{said} {}", text.old) }
}

fn rows(findings: &Findings, words: &Words, now: Timestamp) -> Vec<HopRow> {
    let language = words.language;
    let rows = findings.hops.iter().map(|hop| HopRow {
        name: hop.next_hop.as_str().into(),
        problem: hop.problem.map(|problem| found::problem(language, problem)),
        servers: hop
            .servers
            .iter()
            .map(|server| {
                let mut lines: Vec<Shown> = vec![found::outcome(language, &server.outcome).into()];
                if let Outcome::Encrypted(session) = &server.outcome {
                    let said = found::certificate(language, session, now);
                    lines.extend(said.into_iter().map(Shown::from));
                }
                let place = [("address", &server.address as _), ("port", &server.port as _)];
                ServerRow {
                    host: server.host.as_str().into(),
                    place: fill(words.delivery.port, &place).into(),
                    lines,
                }
            })
            .collect(),
    });
    rows.collect()
}

fn options(
    chosen: Option<Level>,
    name: Option<&str>,
    test: Option<&Tested>,
    words: &Words,
    now: Timestamp,
) -> Vec<LevelOption> {
    let (text, language) = (&words.delivery, words.language);
    let mut levels = vec![Level::May];
    levels.extend(LEVELS);
    // One that only the API or an operator sets stays to be seen.
    levels.extend(chosen.filter(|level| *level == Level::Dane || *level == Level::None));
    levels.sort();
    levels.dedup();
    let of_level = |level: Level| {
        let mut demand = Demand::of_level(level);
        if level == Level::Secure {
            let matching = name.and_then(|name| policy::hop::Matching::name(name).ok());
            demand.matching.extend(matching);
        }
        let result = test
            .filter(|_| level.always_encrypts())
            .map(|test| holds(&demand, &test.findings, now));
        LevelOption {
            value: level.name(),
            title: found::level(language, level),
            about: found::demands(language, level),
            chosen: chosen == Some(level),
            holds: result.map(|result| found::holds(language, result)).unwrap_or_default(),
            is_good: result == Some(Holds::Yes),
        }
    };
    let as_operator = LevelOption {
        value: "",
        title: text.as_operator,
        about: text.as_operator_about,
        chosen: chosen.is_none(),
        holds: String::new(),
        is_good: false,
    };
    std::iter::once(as_operator).chain(levels.into_iter().map(of_level)).collect()
}
