//! Random choices that can be made once more: all of them come from one number, the seed.

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Makes choices.
pub struct Random(TestRng);

impl Random {
    /// The choices that belong to a seed and the number of a case.
    pub fn new(seed: u64, case: u64) -> Self {
        let mut octets = [0; 32];
        octets[..8].copy_from_slice(&seed.to_le_bytes());
        octets[8..16].copy_from_slice(&case.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &octets))
    }

    /// A number from 0 to the one before `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// Whether something happens that happens once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// The seed: MANDATORY_TLS_TEST_SEED, or else always the same, so that a run is like the one before.
pub fn seed() -> u64 {
    setting("MANDATORY_TLS_TEST_SEED", 1)
}

/// A number that a variable of the environment may set.
pub fn setting(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
        Err(_) => otherwise,
    }
}
