//! Netstrings (`5:hello,`), as they come off a socket in pieces of any size. No I/O.
//!
//! What is too long is skipped, so that the connection stays in step and can be answered; what is no
//! netstring cannot be skipped.

/// A longer request, in octets, is not kept. Postfix sends none (`socketmap_max_query_size`).
pub const LONGEST: usize = 10_000;
/// The most digits of a length: a longer request would take a day to send.
const DIGITS: usize = 9;

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'r> {
    /// What is in it.
    Whole(&'r [u8]),
    /// It was longer than [`LONGEST`].
    TooLong,
}

/// What came is no netstring: where the next one begins cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The octets of a connection that are not read yet.
#[derive(Debug, Default)]
pub struct Requests {
    octets: Vec<u8>,
    /// How many of them have been read.
    read: usize,
    /// Of a request that is too long: how many octets are still to come, its comma included.
    skip: usize,
}

impl Requests {
    /// Takes in octets.
    pub fn push(&mut self, octets: &[u8]) {
        let skipped = self.skip.saturating_sub(1).min(octets.len());
        self.skip -= skipped;
        self.octets.drain(..self.read);
        self.read = 0;
        self.octets.extend_from_slice(octets.get(skipped..).unwrap_or_default());
    }

    /// The next request; none where it is not complete.
    ///
    /// # Errors
    ///
    /// When what came is no netstring.
    pub fn take(&mut self) -> Result<Option<Request<'_>>, Malformed> {
        if self.skip == 0 {
            let Some((start, length)) = self.head()? else { return Ok(None) };
            if length <= LONGEST {
                return self.whole(start, length);
            }
            let there = self.octets.len().saturating_sub(start).min(length);
            self.read = start + there;
            self.skip = length - there + 1;
        }
        // All but the comma is skipped as it comes.
        if self.skip > 1 {
            return Ok(None);
        }
        match self.octets.get(self.read) {
            None => Ok(None),
            Some(b',') => {
                (self.read, self.skip) = (self.read + 1, 0);
                Ok(Some(Request::TooLong))
            }
            Some(_) => Err(Malformed),
        }
    }

    fn whole(&mut self, start: usize, length: usize) -> Result<Option<Request<'_>>, Malformed> {
        let end = start + length;
        match self.octets.get(end) {
            None => Ok(None),
            Some(b',') => {
                self.read = end + 1;
                Ok(self.octets.get(start..end).map(Request::Whole))
            }
            Some(_) => Err(Malformed),
        }
    }

    /// Where the next request begins, and its length.
    fn head(&self) -> Result<Option<(usize, usize)>, Malformed> {
        let rest = self.octets.get(self.read..).unwrap_or_default();
        let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let is_number = digits <= DIGITS && (digits == 1 || rest.first() != Some(&b'0'));
        match rest.get(digits) {
            None if digits == 0 || is_number => Ok(None),
            Some(b':') if digits > 0 && is_number => {
                let length = rest
                    .iter()
                    .take(digits)
                    .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
                Ok(Some((self.read + digits + 1, length)))
            }
            _ => Err(Malformed),
        }
    }

    /// Whether the end of the connection would cut a request off.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        self.skip > 0 || self.read < self.octets.len()
    }

    /// Gives memory back, where nothing waits: most connections are idle.
    pub fn rest(&mut self) {
        if !self.is_amid() {
            *self = Self::default();
        }
    }
}

/// Adds a netstring.
pub fn write(to: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    to.extend_from_slice(length.to_string().as_bytes());
    to.push(b':');
    for part in parts {
        to.extend_from_slice(part);
    }
    to.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All requests in octets that come in pieces, and whether they end in something malformed.
    fn read(octets: &[u8], piece: usize) -> (Vec<String>, bool) {
        let mut requests = Requests::default();
        let mut found = Vec::new();
        for piece in octets.chunks(piece.max(1)) {
            requests.push(piece);
            loop {
                match requests.take() {
                    Ok(None) => break,
                    Ok(Some(Request::Whole(text))) => {
                        found.push(String::from_utf8_lossy(text).into_owned());
                    }
                    Ok(Some(Request::TooLong)) => found.push("(too long)".into()),
                    Err(Malformed) => return (found, true),
                }
            }
            assert!(requests.octets.len() <= LONGEST + 100 + piece.len());
        }
        (found, false)
    }

    #[test]
    fn requests_are_read_in_pieces_of_any_size_and_several_at_once() {
        let long = format!("{}:{},5:after,", LONGEST + 1, "x".repeat(LONGEST + 1));
        let longest = format!("{LONGEST}:{},", "y".repeat(LONGEST));
        let longest_text = "y".repeat(LONGEST);
        for (text, expected, malformed) in [
            ("", vec![], false),
            ("5:hello,", vec!["hello"], false),
            ("5:hello,0:,2:,:,", vec!["hello", "", ",:"], false),
            ("5:hell", vec![], false),
            ("5:hello", vec![], false),
            ("12", vec![], false),
            (&long, vec!["(too long)", "after"], false),
            (&longest, vec![&longest_text], false),
            ("5:hello;", vec![], true),
            ("1:a,x", vec!["a"], true),
            (":", vec![], true),
            ("05:hello,", vec![], true),
            ("-1:a,", vec![], true),
            ("1 :a,", vec![], true),
            ("1234567890:", vec![], true),
            ("GET / HTTP/1.1\r\n", vec![], true),
            (&format!("10001:{};", "x".repeat(10001)), vec![], true),
        ] {
            for piece in [1, 2, 7, 4096, usize::MAX] {
                let (found, is_malformed) = read(text.as_bytes(), piece);
                assert_eq!(
                    (found, is_malformed),
                    (expected.iter().map(|text| (*text).to_owned()).collect(), malformed),
                    "{piece}"
                );
            }
        }
    }

    #[test]
    fn what_waits_in_vain_takes_no_memory() {
        let mut requests = Requests::default();
        requests.push(b"999999999:");
        assert_eq!(requests.take(), Ok(None));
        for _ in 0..1000 {
            requests.push(&[b'x'; 4096]);
            assert_eq!(requests.take(), Ok(None));
        }
        assert!(requests.octets.capacity() < 100_000 && requests.is_amid());
        let mut requests = Requests::default();
        requests.push(b"1:a,");
        requests.take().unwrap().unwrap();
        requests.rest();
        assert_eq!(requests.octets.capacity(), 0);
    }
}
