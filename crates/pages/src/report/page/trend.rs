//! How it goes: beside the time before, and by month.

use crate::report::words::Words;
use crate::text::{blank_zero, tight_number, unbroken, visible};
use crate::trend::lines;
use ledger::report::{Group, Report, Trend};

pub(super) struct TrendLines {
    /// Each with what it is about.
    pub lines: Vec<(&'static str, String)>,
    /// None where there is one month only.
    pub months: Vec<MonthLine>,
    /// The line of the encrypted share, as the points of a polyline, in per cent of its width and height.
    pub points: String,
}

pub(super) struct MonthLine {
    pub name: String,
    pub recipients: String,
    pub encrypted: String,
    pub would_refuse: String,
    pub refused: String,
}

impl TrendLines {
    pub fn new(report: &Report, trend: &Trend, words: &Words) -> Self {
        let lines = lines(report, trend, words.language).into_iter();
        let month = |month: &Group| MonthLine {
            name: unbroken(&month.name),
            recipients: tight_number(month.totals.judged),
            encrypted: words.share(month.totals.share()),
            would_refuse: blank_zero(month.totals.would_refuse),
            refused: blank_zero(month.totals.refused),
        };
        let is_long = trend.months.len() > 1;
        Self {
            lines: lines.map(|(name, text)| (name, visible(&unbroken(text)))).collect(),
            months: if is_long { trend.months.iter().map(month).collect() } else { Vec::new() },
            points: points(&trend.months),
        }
    }
}

/// A point for each month of which anything is known.
fn points(months: &[Group]) -> String {
    let width = 100.0 / f64::from(u32::try_from(months.len()).unwrap_or(u32::MAX).max(1));
    let points = months.iter().enumerate().filter_map(|(place, month)| {
        let x = (f64::from(u32::try_from(place).unwrap_or(u32::MAX)) + 0.5) * width;
        // The whole share from above, with room for the line itself.
        let y = 2.0 + (100.0 - month.totals.share()?) * 0.96;
        Some(format!("{x:.2},{y:.2}"))
    });
    points.collect::<Vec<_>>().join(" ")
}
