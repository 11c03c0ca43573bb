//! Whether any of the mail of the last hour came over TLS.
//!
//! One sender without TLS is that sender's fault. Where nobody has any, the fault is as good as always on
//! this side: a certificate that does not fit its key, a proxy that ends TLS, STARTTLS switched off. This
//! product makes such a fault one that keeps mail out, so it must be the first to notice.

use config::status::HourCounts;
use jiff::Timestamp;
use policy::{Case, Reason, TlsState, Verdict};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Minutes that are looked at together.
const MINUTES: usize = 60;
/// At least this much mail, or it is too little to say anything.
const ENOUGH: u64 = 20;
/// From at least this many clients: one big sender without TLS is not this server's fault.
const CLIENTS: usize = 3;
/// Over at least this long, in minutes: a wave of spam without TLS is short.
const SPREAD: i64 = 30;

/// Counts the last hour, by the minute.
#[derive(Debug, Default)]
pub struct LastHour(Mutex<Vec<Minute>>);

/// What came in a minute.
#[derive(Clone, Debug)]
struct Minute {
    /// Minutes since 1970.
    number: i64,
    encrypted: u64,
    plaintext: u64,
    /// The first clients without TLS.
    clients: Vec<IpAddr>,
}

impl LastHour {
    /// Counts a recipient, unless the policy trusts the client: a program of this host needs no TLS.
    pub fn count(&self, case: &Case<'_>, verdict: &Verdict<'_>) {
        let is_own = matches!(
            verdict.reason(),
            Reason::LocalSubmission | Reason::TrustedClient | Reason::TrustedAuthenticated
        );
        let is_loopback = case.client.address.is_none_or(|address| address.is_loopback());
        if is_own || is_loopback || case.client.authenticated {
            return;
        }
        let is_encrypted = match case.tls {
            TlsState::Encrypted(_) => true,
            TlsState::Plaintext => false,
            // That has a warning of its own.
            TlsState::Unknown => return,
        };
        self.add(case.now, case.client.address, is_encrypted);
    }

    fn add(&self, now: Timestamp, client: Option<IpAddr>, is_encrypted: bool) {
        let number = now.as_second().div_euclid(60);
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minutes.last().is_none_or(|last| last.number != number) {
            if minutes.len() == MINUTES {
                minutes.remove(0);
            }
            minutes.push(Minute { number, encrypted: 0, plaintext: 0, clients: Vec::new() });
        }
        let Some(minute) = minutes.last_mut() else { return };
        if is_encrypted {
            minute.encrypted += 1;
            return;
        }
        minute.plaintext += 1;
        if let Some(client) = client.map(network)
            && minute.clients.len() < CLIENTS
            && !minute.clients.contains(&client)
        {
            minute.clients.push(client);
        }
    }

    /// What came in the hour before `now`.
    #[must_use]
    pub fn so_far(&self, now: Timestamp) -> HourCounts {
        let number = now.as_second().div_euclid(60);
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = || {
            let is_recent =
                |minute: &&Minute| (0..60).contains(&number.saturating_sub(minute.number));
            minutes.iter().filter(is_recent)
        };
        let mut counts = HourCounts::default();
        let mut clients: Vec<IpAddr> = Vec::new();
        for minute in hour() {
            counts.encrypted += minute.encrypted;
            counts.plaintext += minute.plaintext;
            for client in &minute.clients {
                if clients.len() < CLIENTS && !clients.contains(client) {
                    clients.push(*client);
                }
            }
        }
        let first = hour().map(|minute| minute.number).min();
        let last = hour().map(|minute| minute.number).max();
        let spread = last.zip(first).map_or(0, |(last, first)| last - first);
        counts.is_telling = counts.encrypted + counts.plaintext >= ENOUGH
            && (counts.encrypted > 0 || clients.len() >= CLIENTS && spread >= SPREAD);
        counts
    }
}

/// Whose address that is: a host can have all of a network's 2^64 addresses of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => (v6 & Ipv6Addr::from_bits(!0 << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn client(number: u8) -> Option<IpAddr> {
        Some([192, 0, 2, number].into())
    }

    /// The counts after this much plaintext: recipients, clients, minutes over which they are spread.
    fn plaintext(recipients: u8, clients: u8, minutes: u8) -> LastHour {
        let hour = LastHour::default();
        for number in 0..recipients {
            let minute = i64::from(number) * i64::from(minutes) / i64::from(recipients - 1);
            hour.add(at(minute), client(number % clients), false);
        }
        hour
    }

    #[test]
    fn an_hour_without_any_tls_is_told_from_one_sender_a_wave_of_spam_and_silence() {
        for (recipients, clients, minutes, alarm) in [
            (20, 3, 40, true),
            (100, 50, 59, true),
            (19, 3, 40, false),
            (100, 2, 50, false),
            (200, 100, 10, false),
        ] {
            let counts = plaintext(recipients, clients, minutes).so_far(at(minutes.into()));
            assert_eq!(counts.nothing_encrypted(), alarm, "{recipients} {clients} {minutes}");
            assert_eq!(counts.plaintext, u64::from(recipients));
        }
        assert!(!LastHour::default().so_far(at(0)).nothing_encrypted());
    }

    #[test]
    fn a_host_with_many_addresses_of_one_network_is_one_client() {
        let hour = LastHour::default();
        for number in 0..100_u16 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number);
            hour.add(at(i64::from(number) / 2), Some(address.into()), false);
        }
        assert!(!hour.so_far(at(50)).nothing_encrypted());
    }

    #[test]
    fn one_encrypted_recipient_ends_the_alarm_and_so_does_an_hour_without_mail() {
        let hour = plaintext(60, 5, 59);
        assert!(hour.so_far(at(59)).nothing_encrypted());
        assert!(!hour.so_far(at(150)).nothing_encrypted());
        hour.add(at(59), client(1), true);
        assert!(!hour.so_far(at(59)).nothing_encrypted());
        // An hour later that recipient does not count any more.
        for minute in 60..125 {
            hour.add(at(minute), client(minute as u8), false);
        }
        assert!(hour.so_far(at(125)).nothing_encrypted());
    }
}
