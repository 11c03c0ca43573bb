//! What tables for people have in common.

use crate::wording::harmless;
use std::io::{self, Write};

/// The width of a table, in characters: what a terminal has at least, and a mail takes unbroken.
const WIDTH: usize = 80;
/// Between columns.
const GAP: &str = "  ";
/// Before what is told of a row besides its figures.
const INDENT: &str = "   ";
/// Between the parts of that.
const BETWEEN: &str = "; ";

/// A table: names, figures that stand below each other, and under each row what else there is to say.
#[derive(Debug)]
pub(super) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is about.
    pub name: String,
    /// As many as the table has heads for figures.
    pub figures: Vec<String>,
    /// What else there is to say; empty parts are left out.
    pub details: Vec<String>,
    /// Sentences below it, each of which begins a line.
    pub sentences: Vec<String>,
}

impl Table {
    /// A table with these heads: that of the names, then those of the figures.
    pub fn new(heads: Vec<&'static str>) -> Self {
        Self { heads, rows: Vec::new() }
    }

    /// Adds a row. Names and words in it may be those of others: they do not play with the terminal.
    pub fn add(&mut self, row: Row) {
        let harmless_all = |texts: Vec<String>| texts.iter().map(|text| harmless(text)).collect();
        self.rows.push(Row {
            name: harmless(&row.name),
            figures: row.figures,
            details: harmless_all(row.details),
            sentences: harmless_all(row.sentences),
        });
    }

    /// Prints the table, which shows the first `limit` of `all` there are.
    pub fn print(&self, out: &mut impl Write, all: usize, limit: usize) -> io::Result<()> {
        let Some((head, heads)) = self.heads.split_first() else {
            return Ok(());
        };
        let widths: Vec<usize> = heads
            .iter()
            .enumerate()
            .map(|(column, head)| {
                let figures = self.rows.iter().filter_map(|row| row.figures.get(column));
                figures.map(|figure| width(figure)).max().unwrap_or_default().max(width(head))
            })
            .collect();
        let figures: usize = widths.iter().map(|width| width + GAP.len()).sum();
        let room = WIDTH.saturating_sub(1 + figures);
        let longest = self.rows.iter().map(|row| width(&row.name)).max().unwrap_or_default();
        let names = longest.max(width(head)).min(room);
        let line = |name: &str, figures: &[String]| {
            let figures =
                figures.iter().zip(&widths).fold(String::new(), |line, (figure, width)| {
                    format!("{line}{GAP}{figure:>width$}")
                });
            // A name that is too long has a line of its own.
            let (above, name) = if width(name) > names {
                (format!(" {name}\n"), "")
            } else {
                (String::new(), name)
            };
            above + format!(" {name:<names$}{figures}").trim_end()
        };
        writeln!(
            out,
            "{}",
            line(head, &heads.iter().map(ToString::to_string).collect::<Vec<_>>())
        )?;
        for row in &self.rows {
            writeln!(out, "{}", line(&row.name, &row.figures))?;
            let mut lines = Vec::new();
            wrap(&mut lines, &row.details);
            for sentence in &row.sentences {
                lines.extend(broken(sentence));
            }
            for detail in lines {
                writeln!(out, " {detail}")?;
            }
        }
        if all > limit {
            writeln!(out, "... and {} more (--limit 0)", all - limit)?;
        }
        Ok(())
    }
}

/// Puts the parts on as few lines as they take. A part is broken at its blanks if it is longer than a
/// line.
fn wrap(lines: &mut Vec<String>, parts: &[String]) {
    let mut parts = parts.iter().filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let end = if parts.peek().is_some() { BETWEEN.trim_end() } else { "" };
        let whole = format!("{part}{end}");
        let room = |line: &String, more: &str| width(line) + 1 + width(more) < WIDTH;
        match lines.last_mut() {
            Some(line) if room(line, &whole) => line.push_str(&format!(" {whole}")),
            _ if width(&whole) + INDENT.len() < WIDTH => lines.push(format!("{INDENT}{whole}")),
            _ => {
                for word in whole.split(' ') {
                    match lines.last_mut() {
                        Some(line) if room(line, word) => line.push_str(&format!(" {word}")),
                        _ => lines.push(format!("{INDENT}{word}")),
                    }
                }
            }
        }
    }
}

/// A sentence on as many lines as it takes.
fn broken(sentence: &str) -> Vec<String> {
    let mut lines = vec![INDENT.to_owned()];
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line == INDENT => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) < WIDTH => {
                line.push_str(&format!(" {word}"));
            }
            _ => lines.push(format!("{INDENT}  {word}")),
        }
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A note below a table, broken into lines of the same width.
pub(super) fn note(out: &mut impl Write, text: &str) -> io::Result<()> {
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > WIDTH {
            writeln!(out, "{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(table: &Table) -> String {
        let mut out = Vec::new();
        table.print(&mut out, 2, 1).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_others_have_named_does_not_play_with_the_terminal() {
        let text = || "a\u{1b}[2Jb\u{9b}c\rd".to_owned();
        let mut table = Table::new(vec!["SERVER"]);
        let (details, sentences) = (vec![text()], vec![text()]);
        table.add(Row { name: text(), figures: vec![], details, sentences });
        let printed = printed(&table);
        assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{printed:?}");
        assert_eq!(printed.matches("a\u{fffd}[2Jb\u{fffd}c\u{fffd}d").count(), 3);
    }

    #[test]
    fn a_table_keeps_to_its_width_and_breaks_no_word() {
        let row = |name: &str, figure: &str, details: &[&str]| Row {
            name: name.into(),
            figures: vec![figure.into(), String::new()],
            details: details.iter().map(ToString::to_string).collect(),
            sentences: vec!["A sentence begins a line.".into(); details.len() / 3],
        };
        let mut table = Table::new(vec!["PEER", "RECIPIENTS", "REFUSED"]);
        table.add(row("mx.example.net", "1 234", &["192.0.2.1", "", "plaintext"]));
        let long = format!("{}.example.net", "long-".repeat(15));
        table.add(row(&long, "7", &[&long, &["many words"; 12].join(" ")]));
        let text = printed(&table);
        assert!(text.lines().all(|line| line.chars().count() <= long.len() + 5), "{text}");
        let broken = text.lines().filter(|line| line.contains("many"));
        assert!(
            broken.clone().count() > 1 && broken.clone().all(|line| line.len() <= 80),
            "{text}"
        );
        assert!(text.contains("\n    192.0.2.1; plaintext\n"), "{text}");
        assert!(text.contains("plaintext\n    A sentence begins a line.\n"), "{text}");
        assert!(!text.contains("\n\n"), "{text}");
        assert!(text.contains(&format!("\n {long}\n ")), "{text}");
        assert!(text.ends_with("... and 1 more (--limit 0)\n"), "{text}");
        let places: Vec<_> =
            text.lines().filter_map(|line| line.find("1 234").or(line.find("  7"))).collect();
        assert_eq!(places.len(), 2, "{text}");
    }
}
