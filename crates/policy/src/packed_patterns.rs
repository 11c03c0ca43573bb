//! Patterns as text, with the number of their entry and their place, in little memory.
//!
//! A packed pattern is its head (the entry's number, and how many lines it stands below the pattern
//! before it), the length of its text, and the text. Where it stands in the files is asked for
//! rarely, so that is found by a walk: marks hold the place of some patterns, and of each one whose
//! place does not follow from the number of lines.

use super::entry_place::EntryPlace;

/// The most lines that a pattern can stand below the one before it without a mark of its own.
const MAX_STEP: u32 = (1 << STEP_BITS) - 1;
/// The bits of a head that hold the lines.
const STEP_BITS: u32 = 3;
/// A mark is set after this many patterns without one.
const MARK_EVERY: u32 = 64;

/// Packed patterns, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct PackedPatterns {
    octets: Vec<u8>,
    /// In the order of the patterns.
    marks: Vec<Mark>,
    /// Where the last pattern stands, and how many there are since the last mark.
    last: EntryPlace,
    since_mark: u32,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: u32,
    place: EntryPlace,
}

/// A packed pattern as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedPattern<'r> {
    /// The number of the entry.
    pub entry: u32,
    text: &'r [u8],
    step: u32,
    end: u32,
}

impl<'r> PackedPattern<'r> {
    /// The pattern.
    pub(super) fn text(&self) -> &'r str {
        // It was a `str` when it came in.
        str::from_utf8(self.text).unwrap_or_default()
    }

    /// Where the next packed pattern is.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// The pattern's octets: cheaper where it is compared.
    pub(super) fn octets(&self) -> &'r [u8] {
        self.text
    }
}

impl PackedPatterns {
    /// Takes in a pattern and returns its offset; `None` when 4 GiB are full.
    pub(super) fn push(&mut self, text: &[&str], entry: u32, place: EntryPlace) -> Option<u32> {
        let at = u32::try_from(self.octets.len()).ok()?;
        let step = place.line.checked_sub(self.last.line).filter(|step| {
            place.file == self.last.file && *step <= MAX_STEP && self.since_mark < MARK_EVERY
        });
        if at == 0 || step.is_none() {
            self.marks.push(Mark { at, place });
            self.since_mark = 0;
        }
        self.last = place;
        self.since_mark += 1;
        self.write_number(u64::from(entry) << STEP_BITS | u64::from(step.unwrap_or(0)));
        self.write_number(text.iter().map(|part| part.len() as u64).sum());
        for part in text {
            self.octets.extend_from_slice(part.as_bytes());
        }
        Some(at)
    }

    /// The pattern at an offset that [`Self::push`] gave.
    pub(super) fn get(&self, at: u32) -> Option<PackedPattern<'_>> {
        let mut rest = self.octets.get(at as usize..)?;
        let head = read_number(&mut rest)?;
        let length = usize::try_from(read_number(&mut rest)?).ok()?;
        let text = rest.get(..length)?;
        Some(PackedPattern {
            entry: u32::try_from(head >> STEP_BITS).ok()?,
            text,
            step: u32::try_from(head & u64::from(MAX_STEP)).ok()?,
            // The last pattern can end behind 4 GiB: none comes after it.
            end: u32::try_from(self.octets.len() - rest.len() + length).unwrap_or(u32::MAX),
        })
    }

    /// Where a pattern stands in the policy's files.
    pub(super) fn place(&self, at: u32) -> EntryPlace {
        let after = self.marks.partition_point(|mark| mark.at <= at);
        let Some(mark) = after.checked_sub(1).and_then(|before| self.marks.get(before)) else {
            return EntryPlace::default();
        };
        let between = self.from(mark.at).skip(1).take_while(|(here, _)| *here <= at);
        let lines: u32 = between.map(|(_, pattern)| pattern.step).sum();
        EntryPlace { line: mark.place.line.saturating_add(lines), ..mark.place }
    }

    /// All patterns and their offsets, in the order in which they came in.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, PackedPattern<'_>)> {
        self.from(0)
    }

    fn from(&self, start: u32) -> impl Iterator<Item = (u32, PackedPattern<'_>)> {
        let mut next = start;
        std::iter::from_fn(move || {
            let at = next;
            let pattern = self.get(at)?;
            next = pattern.end;
            Some((at, pattern))
        })
    }

    /// Gives back the memory that is held for more patterns.
    pub(super) fn shrink_to_fit(&mut self) {
        self.octets.shrink_to_fit();
        self.marks.shrink_to_fit();
    }

    /// Octets of memory.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.octets.capacity() + self.marks.capacity() * size_of::<Mark>()
    }

    /// Seven bits an octet, the lowest first; the highest bit says that more follow.
    fn write_number(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                self.octets.push(low & 0x7f);
                return;
            }
            self.octets.push(low | 0x80);
        }
    }
}

#[inline]
fn read_number(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_keeps_its_text_entry_and_place() {
        let mut patterns = PackedPatterns::default();
        let mut expected = Vec::new();
        let lines = (0..500).map(|n| n / 2 * 3).chain([5, 5, 1_000_000, u32::MAX, 0, 7, 8, 16]);
        for (number, line) in lines.enumerate() {
            let number = u32::try_from(number).unwrap();
            let place = EntryPlace { file: u16::try_from(number / 100).unwrap(), line };
            let entry = if number % 7 == 0 { u32::MAX - number } else { number };
            let name = "x".repeat(number as usize);
            let at = patterns.push(&[&name, "@", "é.example"], entry, place).unwrap();
            expected.push((at, format!("{name}@é.example"), entry, place));
        }
        patterns.shrink_to_fit();
        for (at, text, entry, place) in &expected {
            let pattern = patterns.get(*at).unwrap();
            assert_eq!((pattern.text(), pattern.entry), (&**text, *entry));
            assert_eq!(patterns.place(*at), *place, "{at}");
        }
        let all: Vec<&str> = patterns.iter().map(|(_, pattern)| pattern.text()).collect();
        assert_eq!(all, expected.iter().map(|(_, text, ..)| text).collect::<Vec<_>>());
    }
}
