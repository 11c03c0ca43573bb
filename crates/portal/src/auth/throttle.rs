//! How often somebody may try, where a guess can be right: a bucket for each account *and* network, so
//! that nobody locks another one out, and one for each network, so that nobody tries one password with
//! all accounts.
//!
//! The buckets are in memory: a restart forgets them, which gives nobody more than one more handful.

use ipnet::{Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A bucket's size, and how many milliseconds it takes until there is one more in it.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// So many tries at once.
    pub burst: u32,
    /// Milliseconds for each after that.
    pub each: u32,
}

/// Tries to sign in to one account from one network.
pub const SIGN_IN: Rate = Rate { burst: 8, each: 30_000 };
/// Codes of one account, from wherever: only whoever has its password is held up by it.
pub const CODE: Rate = Rate { burst: 20, each: 600_000 };
/// Tries of all kinds from one network, where many may share an address.
pub const NETWORK: Rate = Rate { burst: 60, each: 2_000 };
/// Requests with one token of the API.
pub const TOKEN: Rate = Rate { burst: 600, each: 100 };

/// Tests of the connection to the own server, of one organisation.
pub const CONNECTION: Rate = Rate { burst: 6, each: 600_000 };

/// More buckets than this are not kept: those that are fullest go, not newcomers.
const MOST: usize = 100_000;
/// How often full buckets are dropped, in milliseconds: they say nothing that no bucket would not say.
const SWEEP: i64 = 60_000;

/// All buckets.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    /// By what they are for: when each would be full again, in milliseconds since 1970-01-01.
    full: HashMap<String, i64>,
    /// When full ones were last dropped.
    swept: i64,
}

impl Buckets {
    fn make_room(&mut self, now: i64) {
        if now - self.swept >= SWEEP || self.full.len() >= MOST {
            self.swept = now;
            self.full.retain(|_, full| *full > now);
        }
        if self.full.len() < MOST {
            return;
        }
        // A tenth at once, so that it is not done for each newcomer. Whoever has tried often stays.
        let mut moments: Vec<i64> = self.full.values().copied().collect();
        let (_, bound, _) = moments.select_nth_unstable(MOST / 10);
        let mut left = MOST / 10;
        let bound = *bound;
        self.full.retain(|_, full| {
            let goes = left > 0 && *full <= bound;
            left -= usize::from(goes);
            !goes
        });
    }
}

impl Throttle {
    /// Takes a try out of a bucket.
    ///
    /// # Errors
    ///
    /// How many seconds to wait where there is none in it. Nothing is taken then: who goes on trying
    /// does not wait longer.
    pub fn take(&self, key: &str, rate: Rate, now: Timestamp) -> Result<(), u64> {
        let now = now.as_millisecond();
        let each = i64::from(rate.each);
        let mut buckets = self.buckets();
        buckets.make_room(now);
        let full = buckets.full.get(key).copied().unwrap_or(now).max(now) + each;
        let over = full - now - each * i64::from(rate.burst);
        if over > 0 {
            return Err((over.unsigned_abs()).div_ceil(1000));
        }
        buckets.full.insert(key.to_owned(), full);
        Ok(())
    }

    /// Puts a try back that turned out to be no guess.
    pub fn give_back(&self, key: &str, rate: Rate) {
        if let Some(full) = self.buckets().full.get_mut(key) {
            *full -= i64::from(rate.each);
        }
    }

    /// Fills a bucket: whoever signed in has shown who it is.
    pub fn forget(&self, key: &str) {
        self.buckets().full.remove(key);
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The network of a client: one customer's, not one address of it.
#[must_use]
pub fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => {
            Ipv4Net::new(address, 24).map(|net| net.trunc().to_string()).unwrap_or_default()
        }
        Ok(IpAddr::V6(address)) => {
            Ipv6Net::new(address, 48).map(|net| net.trunc().to_string()).unwrap_or_default()
        }
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_that_are_full_again_take_no_memory() {
        let throttle = Throttle::default();
        for number in 0..1000 {
            throttle.take(&format!("key {number}"), SIGN_IN, Timestamp::UNIX_EPOCH).unwrap();
        }
        let later = Timestamp::from_second(61).unwrap();
        throttle.take("another", SIGN_IN, later).unwrap();
        assert_eq!(throttle.buckets().full.len(), 1);
    }

    #[test]
    fn where_there_are_too_many_newcomers_come_in_and_whoever_guesses_stays_out() {
        let (throttle, now) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..SIGN_IN.burst {
            throttle.take("guesses", SIGN_IN, now).unwrap();
        }
        for number in 0..MOST + 1000 {
            throttle.take(&format!("key {number}"), SIGN_IN, now).unwrap();
        }
        assert!(throttle.buckets().full.len() <= MOST);
        assert!(throttle.take("guesses", SIGN_IN, now).is_err());
    }

    #[test]
    fn a_try_that_was_none_is_given_back() {
        let (throttle, now) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..1000 {
            throttle.take("one network", NETWORK, now).unwrap();
            throttle.give_back("one network", NETWORK);
        }
    }
}
