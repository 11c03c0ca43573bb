//! Octets of a log become lines, within bounds, and it is known where each one ends.
//!
//! What stands behind the last line end is no line yet: whoever writes it may be in the middle of it.

use super::place::{FilePlace, SEEN, Seen};
use super::{Each, End};

/// Longer lines are cut: Postfix breaks its own at 2000 octets.
const LONGEST: usize = 64 * 1024;

/// A file that is read from its beginning, or goes on to be.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Octets up to the end of the last line.
    offset: u64,
    /// The octets at the beginning of the file.
    head: Vec<u8>,
    /// The last octets before `offset`.
    tail: Vec<u8>,
    /// Octets behind it.
    begun: u64,
    /// The last ones of them.
    recent: Vec<u8>,
    /// The line that they begin, as far as it is kept.
    line: Vec<u8>,
    /// Lines that were cut.
    cut: u64,
}

impl Lines {
    /// Goes on at a place whose surroundings are these octets.
    pub fn at(offset: u64, head: Vec<u8>, tail: Vec<u8>) -> Self {
        Self { offset, head, tail, ..Self::default() }
    }

    /// Where the next octets belong.
    pub fn end(&self) -> u64 {
        self.offset + self.begun
    }

    /// Octets up to the end of the last line.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The octets at the beginning of the file, and those before the end of the last line.
    pub fn surroundings(&self) -> (&[u8], &[u8]) {
        (&self.head, &self.tail)
    }

    /// Where the last line ends, in a file that was written to at this time.
    pub fn place(&self, written: i64) -> FilePlace {
        let within = usize::try_from(self.offset).unwrap_or(usize::MAX).min(self.head.len());
        FilePlace {
            offset: self.offset,
            head: Seen::of(self.head.get(..within).unwrap_or_default()),
            tail: Seen::of(&self.tail),
            written,
        }
    }

    /// How many lines were cut since this was last asked.
    pub fn cut(&mut self) -> u64 {
        std::mem::take(&mut self.cut)
    }

    /// Takes in the next octets of the file, and hands out the lines that they complete.
    pub fn take(&mut self, octets: &[u8], each: &mut Each<'_>) {
        let room = SEEN.saturating_sub(self.head.len());
        self.head.extend(octets.iter().take(room));
        let mut rest = octets;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
            self.begin(line);
            self.ends(each);
            rest = after;
        }
        self.begin(rest);
    }

    /// The file is over: what stands behind the last line end is a line, too.
    pub fn is_over(&mut self, each: &mut Each<'_>) {
        if self.begun > 0 {
            self.ends(each);
        }
    }

    fn begin(&mut self, octets: &[u8]) {
        self.begun += octets.len() as u64;
        keep_last(&mut self.recent, octets);
        // Where a log was cut to nothing below a program that writes on at its old place, a hole is read as
        // zeros.
        let is_new = self.line.is_empty();
        let skipped = octets.iter().take_while(|octet| is_new && **octet == 0).count();
        let room = LONGEST.saturating_sub(self.line.len());
        self.line.extend(octets.iter().skip(skipped).take(room));
        let is_cut = octets.len() - skipped > room;
        self.cut += u64::from(is_cut && room > 0);
    }

    fn ends(&mut self, each: &mut Each<'_>) {
        self.offset += self.begun;
        self.begun = 0;
        keep_last(&mut self.tail, &self.recent);
        self.recent.clear();
        each(String::from_utf8_lossy(&self.line).trim_end(), End::At(self.offset));
        self.line.clear();
    }
}

/// Adds octets, and keeps the last ones.
fn keep_last(kept: &mut Vec<u8>, octets: &[u8]) {
    let from = octets.len().saturating_sub(SEEN);
    kept.extend(octets.iter().skip(from));
    kept.drain(..kept.len().saturating_sub(SEEN));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parts: &[&[u8]]) -> (Vec<String>, Lines) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for part in parts {
            lines.take(part, &mut |line, _| found.push(line.to_owned()));
        }
        (found, lines)
    }

    #[test]
    fn a_line_is_one_when_its_end_is_there_and_however_it_comes() {
        for (parts, expected, offset) in [
            (&[&b"one\ntwo\n"[..]][..], &["one", "two"][..], 8),
            (&[b"one\ntw"], &["one"], 4),
            (&[b"one\ntw", b"o\nth"], &["one", "two"], 8),
            (&[b"o", b"n", b"e", b"\n"], &["one"], 4),
            (&[b"one\r\n\n"], &["one", ""], 6),
            (&[b"\0\0\0\0one\n"], &["one"], 8),
            (&[b"\0\0", b"\0one\n"], &["one"], 7),
            (&[b"o\0e\n"], &["o\0e"], 4),
            (&[b"\xff\xfe\n"], &["\u{fffd}\u{fffd}"], 3),
            (&[b""], &[], 0),
        ] {
            let (found, lines) = read(parts);
            assert_eq!(
                (found.as_slice(), lines.offset()),
                (&*expected.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), offset),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn a_line_without_end_and_a_hole_take_no_memory() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for octet in [0, b'x'] {
            for _ in 0..100 {
                lines.take(&vec![octet; 1024 * 1024], &mut |line, _| found.push(line.len()));
            }
        }
        assert!(lines.line.capacity() < 4 * LONGEST && lines.recent.capacity() < 10 * SEEN);
        lines.take(b"\nnext\n", &mut |line, _| found.push(line.len()));
        assert_eq!(found, [LONGEST, 4]);
        assert_eq!((lines.offset(), lines.cut(), lines.cut()), (200 * 1024 * 1024 + 6, 1, 0));
    }

    #[test]
    fn the_end_of_a_file_ends_its_last_line() {
        let (mut found, mut lines) = read(&[b"one\ntw"]);
        lines.is_over(&mut |line, _| found.push(line.to_owned()));
        lines.is_over(&mut |line, _| found.push(line.to_owned()));
        assert_eq!((found, lines.offset()), (vec!["one".to_owned(), "tw".to_owned()], 6));
    }

    proptest! {
        #[test]
        fn a_place_says_what_stands_before_it_however_the_octets_came(
            log in prop::collection::vec(prop_oneof![8 => 97..100u8, 1 => Just(b'\n'), 1 => Just(0)], 0..5000),
            cuts in prop::collection::vec(0..5000usize, 0..20),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < log.len()).collect();
            cuts.sort_unstable();
            cuts.push(log.len());
            let mut lines = Lines::default();
            let mut from = 0;
            for cut in cuts {
                lines.take(&log[from..cut], &mut |_, _| {});
                from = cut;
                let offset = usize::try_from(lines.offset()).unwrap();
                prop_assert_eq!(log[..cut].iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1), offset);
                let expected = FilePlace {
                    offset: lines.offset(),
                    head: Seen::of(&log[..offset.min(SEEN)]),
                    tail: Seen::of(&log[offset.saturating_sub(SEEN)..offset]),
                    written: 7,
                };
                prop_assert_eq!(lines.place(7), expected);
            }
        }
    }
}
