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

/// A cell for a spreadsheet, which takes what begins with one of these for a formula; names come from
/// outside.
pub(super) fn safe(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}
