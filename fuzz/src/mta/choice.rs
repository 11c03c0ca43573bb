//! Choices made by fuzzing input. Where it has ended, the first of all is chosen.

/// What is left of the input.
#[derive(Debug)]
pub struct Choice<'i>(&'i [u8]);

impl<'i> Choice<'i> {
    /// All of it.
    #[must_use]
    pub fn new(octets: &'i [u8]) -> Self {
        Self(octets)
    }

    /// A number below this one.
    pub fn below(&mut self, end: u8) -> u8 {
        self.octet() % end.max(1)
    }

    /// The same as an index.
    pub fn index(&mut self, end: usize) -> usize {
        usize::from(self.octet()) % end.max(1)
    }

    /// Whether.
    pub fn yes(&mut self) -> bool {
        self.octet() & 1 == 1
    }

    /// An octet.
    pub fn octet(&mut self) -> u8 {
        self.octets(1).first().copied().unwrap_or_default()
    }

    /// At most so many octets.
    pub fn octets(&mut self, most: usize) -> &'i [u8] {
        let (first, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        first
    }
}
