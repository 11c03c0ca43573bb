//! What tables for people have in common.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use std::{
    io::{self, Write},
    ops::RangeInclusive,
};

/// A table without lines, as wide as it needs to be or the terminal is.
pub(super) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// Lets the figures of some columns stand below each other.
pub(super) fn right(table: &mut Table, columns: RangeInclusive<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Prints a table that shows the first `limit` of `all` there are.
pub(super) fn print(
    out: &mut impl Write,
    table: &Table,
    all: usize,
    limit: usize,
) -> io::Result<()> {
    for row in table.lines() {
        writeln!(out, "{}", row.trim_end())?;
    }
    if all > limit {
        writeln!(out, "... and {} more (--limit 0)", all - limit)?;
    }
    Ok(())
}

/// The first of some names.
pub(super) fn few(names: &[String]) -> String {
    let mut shown: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let more = shown.len().saturating_sub(2);
    shown.truncate(2);
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} +{more}") } else { shown }
}

/// A number with thin groups of three digits: `1 234 567`.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

/// The same, and nothing for zero.
pub(super) fn blank_zero(count: u64) -> String {
    if count == 0 { String::new() } else { number(count) }
}
