//! A report as one page that needs nothing else: to be mailed to a customer, read on a telephone, or
//! printed.
//!
//! It reads whole without its script, which only searches and sorts. Colours are never all that tells
//! two things apart, and each chart has its figures in a table.

mod chart;
mod groups;
mod handshakes;
mod hops;
mod ready;
mod story;
mod tiles;
mod trend;
mod versions;

use super::words::Words;
use crate::hops::{Reader, to_know_more};
use crate::text::{quoted, tight_number, unbroken, visible};
use askama::Template;
use chart::Chart;
use groups::GroupTable;
use handshakes::HandshakeTable;
use hops::HopCards;
use ledger::DAY;
use ledger::report::{By, Report};
use policy::Language;
use ready::ReadyCard;
use story::StoryTables;
use tiles::Tile;
use trend::TrendLines;
use versions::VersionLine;

/// How a page looks.
pub const STYLE: &str = include_str!("page.css");
/// What searches and sorts. It is the same in each page, so that the page can name it by its hash and
/// let no other script run.
pub const SCRIPT: &str = include_str!("page.js");
/// That hash: SHA-256 in Base64 (Content Security Policy 3, section 2.3.1).
const SCRIPT_HASH: &str = "sha256-zeSCK49RfZ/MwohF9lSL3lJaMYes4veur23dGGCJwjs=";

#[derive(Template)]
#[template(path = "report/page/page.html")]
struct Page {
    tag: &'static str,
    words: &'static Words,
    style: &'static str,
    script: &'static str,
    script_hash: &'static str,
    title: String,
    period: String,
    /// None where no mail was judged: there is nothing to draw then.
    figures: Option<Figures>,
    ready: Vec<ReadyCard>,
    trend: Option<TrendLines>,
    story: Option<StoryTables>,
    hops: HopCards,
    handshakes: HandshakeTable,
    notes: Vec<String>,
    version: &'static str,
}

struct Figures {
    tiles: Vec<Tile>,
    chart: Chart,
    versions: Vec<VersionLine>,
    /// Whether there are sessions of which it is not known whether they were encrypted.
    unknown: bool,
    groups: GroupTable,
}

/// What is good or bad about something. Each has a colour and, where it is drawn, a pattern of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Good,
    Warning,
    Bad,
    /// It may be good or bad.
    Unknown,
    /// Neither.
    Plain,
}

impl Tone {
    /// Its class in the style sheet.
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warn",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
            Self::Plain => "plain",
        }
    }

    /// This tone where there is something to see, else none.
    fn if_any(self, count: u64) -> Self {
        if count > 0 { self } else { Self::Plain }
    }
}

/// The part of it that is about the report, for pages with other things around it.
#[derive(Template)]
#[template(path = "report/page/page.html", block = "report")]
struct Part {
    words: &'static Words,
    title: String,
    period: String,
    figures: Option<Figures>,
    ready: Vec<ReadyCard>,
    trend: Option<TrendLines>,
    story: Option<StoryTables>,
    hops: HopCards,
    handshakes: HandshakeTable,
    notes: Vec<String>,
}

/// The names of figures, for the style sheet: on narrow pages they stand beside the figures.
#[derive(Template)]
#[template(path = "report/page/page.html", block = "labels", escape = "none")]
struct Labels {
    words: &'static Words,
}

/// The page of a report as HTML, in this language, with its first `limit` groups.
///
/// # Errors
///
/// When the template cannot be filled in.
pub fn page(
    report: &Report,
    by: By,
    limit: usize,
    language: Language,
) -> Result<String, askama::Error> {
    let Part { words, title, period, figures, ready, trend, story, hops, handshakes, notes } =
        content(report, by, limit, language);
    let page = Page {
        tag: language.into(),
        words,
        style: STYLE,
        script: SCRIPT,
        script_hash: SCRIPT_HASH,
        title,
        period,
        figures,
        ready,
        trend,
        story,
        hops,
        handshakes,
        notes,
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render()
}

/// The same, with this title if it is about something else, as a part of a page that has [`STYLE`],
/// [`labels`] and [`SCRIPT`] as files.
///
/// # Errors
///
/// As for [`page`].
pub fn part(
    report: &Report,
    by: By,
    limit: usize,
    language: Language,
    title: Option<String>,
) -> Result<String, askama::Error> {
    let part = content(report, by, limit, language);
    let html = Part { title: title.unwrap_or(part.title), ..part }.render()?;
    // Whatever a ledger may hold: of what cannot be seen, the page itself has the ends of lines and the
    // places where words may be parted.
    let own = ['\n', '\u{ad}'];
    let pieces = html.split_inclusive(own).map(|piece| {
        let text = piece.trim_end_matches(own);
        visible(text) + piece.strip_prefix(text).unwrap_or_default()
    });
    Ok(pieces.collect())
}

/// What stands in the style sheet of such a page besides [`STYLE`].
///
/// # Errors
///
/// As for [`page`].
pub fn labels(language: Language) -> Result<String, askama::Error> {
    Labels { words: Words::of(language) }.render()
}

fn content(report: &Report, by: By, limit: usize, language: Language) -> Part {
    let words = Words::of(language);
    let whose = report.domain.as_deref().unwrap_or(words.head.all_domains);
    let figures = (report.totals.judged > 0).then(|| Figures {
        tiles: tiles::tiles(report, words),
        chart: Chart::new(report, words),
        versions: versions::versions(report, words),
        unknown: report.totals.tls_unknown > 0,
        groups: GroupTable::new(report, by, limit, words),
    });
    // The page of a domain goes to whoever stands behind it, who cannot change this gateway's settings.
    let reader = if report.domain.is_some() { Reader::Contact } else { Reader::Operator };
    let mut notes = words.notes(report, tight_number);
    notes.extend(to_know_more(&report.hops, language).map(|text| quoted(text, language)));
    Part {
        words,
        title: match &report.story {
            None => words.head.title.replace("{}", whose),
            Some(story) => words
                .head
                .title_of
                .replace("{partner}", &visible(&story.partner))
                .replace("{}", whose),
        },
        period: period(report, words),
        figures,
        ready: ready::cards(report, language),
        trend: report.trend.as_ref().map(|trend| TrendLines::new(report, trend, words)),
        story: report.story.as_ref().map(|story| StoryTables::new(story, language)),
        hops: HopCards::new(report, reader, words),
        handshakes: HandshakeTable::new(report, reader, words),
        notes,
    }
}

/// How many days a report is about, the first and the last included.
fn days(report: &Report) -> u64 {
    let days = (report.until.max(report.since) - report.since) / DAY + 1;
    days.unsigned_abs()
}

fn period(report: &Report, words: &Words) -> String {
    let span = words.span(report.since, report.until.max(report.since));
    let days = words.head.days.of(days(report));
    words.head.period.replace("{span}", &unbroken(span)).replace("{days}", &days)
}
