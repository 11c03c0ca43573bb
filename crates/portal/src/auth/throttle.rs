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
    sync::{Mutex, PoisonError},
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
/// Tries of all kinds from one network, where many may share an address.
pub const NETWORK: Rate = Rate { burst: 60, each: 2_000 };
/// Requests with one token of the API.
pub const TOKEN: Rate = Rate { burst: 600, each: 100 };

/// More buckets than this are not kept: full ones go first.
const MOST: usize = 100_000;

/// All buckets.
#[derive(Debug, Default)]
pub struct Throttle {
    /// By what they are for: when each would be full again, in milliseconds since 1970-01-01.
    buckets: Mutex<HashMap<String, i64>>,
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
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, full| *full > now);
        }
        if buckets.len() >= MOST && !buckets.contains_key(key) {
            return Err(1);
        }
        let full = buckets.get(key).copied().unwrap_or(now).max(now) + each;
        let over = full - now - each * i64::from(rate.burst);
        if over > 0 {
            return Err((over.unsigned_abs()).div_ceil(1000));
        }
        buckets.insert(key.to_owned(), full);
        Ok(())
    }

    /// Fills a bucket: whoever signed in has shown who it is.
    pub fn forget(&self, key: &str) {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
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
