//! The forms in which a line of a log may come: as text, coloured, or as a record of journald or of a
//! container engine. All become a line of text.

pub(super) mod prefix;
mod record;

use record::Record;

/// Makes lines of text of whatever a file holds.
#[derive(Debug, Default)]
pub struct Form {
    /// The line, where it is not the file's own.
    line: String,
    /// A record of several lines, as far as it was read.
    record: Option<Record>,
}

impl Form {
    /// Takes in a line of the file. Returns the line of the log that it completes, if there is one.
    pub fn line<'l>(&'l mut self, raw: &'l str) -> Option<&'l str> {
        let raw = raw.trim_end();
        if self.record.is_some() || raw.starts_with(['{', '_', 'd', '\x1e']) || raw.ends_with(']') {
            return self.part(raw);
        }
        self.plain(raw)
    }

    /// The line that the end of the file completes, if there is one.
    pub fn end(&mut self) -> Option<&str> {
        let record = self.record.take()?;
        record.write(&mut self.line).then_some(&*self.line)
    }

    /// What may be a record or a part of one.
    fn part<'l>(&'l mut self, raw: &'l str) -> Option<&'l str> {
        if self.record.as_ref().is_some_and(|record| !record.goes_on(raw)) {
            self.record = None;
            return self.plain(raw);
        }
        if let Some(record) = &mut self.record {
            if !record.take(raw) {
                return None;
            }
            let done = record.write(&mut self.line);
            // A line that begins the next one ends the last one.
            self.record = Record::begin(raw);
            return done.then_some(&*self.line);
        }
        // `journalctl -o json-sse` and `-o json-seq`.
        let object = raw.trim_start_matches('\x1e');
        let object = object.strip_prefix("data: ").unwrap_or(object);
        if object.starts_with('{')
            && let Some(record) = Record::json(object)
        {
            return record.write(&mut self.line).then_some(&*self.line);
        }
        self.record = Record::begin(object);
        if self.record.is_some() { None } else { self.plain(raw) }
    }

    /// A line without its colours.
    fn plain<'l>(&'l mut self, raw: &'l str) -> Option<&'l str> {
        let octets = raw.as_bytes();
        let is_plain = !octets.contains(&b'\x1b');
        if is_plain && !(octets.contains(&b'#') && raw.contains("#033[")) {
            return (!raw.is_empty()).then_some(raw);
        }
        self.line.clear();
        let mut rest = raw;
        while let Some(start) = rest.find('\x1b').into_iter().chain(rest.find("#033[")).min() {
            self.line.push_str(rest.get(..start).unwrap_or_default());
            let code = rest.get(start..).unwrap_or_default();
            let code = code.trim_start_matches(['\x1b']);
            let code = code.strip_prefix("#033").unwrap_or(code);
            rest = match code.strip_prefix('[') {
                Some(code) => {
                    code.trim_start_matches(|part: char| part.is_ascii_digit() || part == ';')
                }
                None => code,
            };
            rest = rest.strip_prefix(['m', 'K']).unwrap_or(rest);
        }
        self.line.push_str(rest);
        Some(&self.line)
    }
}

#[cfg(test)]
mod tests;
