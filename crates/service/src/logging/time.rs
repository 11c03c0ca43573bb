//! The time at the beginning of a line.

use jiff::Timestamp;
use std::cell::RefCell;
use std::io::Write;

/// Appends the present time, in UTC and to the microsecond.
pub(super) fn write_time(out: &mut Vec<u8>) {
    write_timestamp(Timestamp::now(), out);
}

fn write_timestamp(time: Timestamp, out: &mut Vec<u8>) {
    thread_local! {
        /// The second of the last event, as a number and as text without its `Z`: nearly always the
        /// second of this one, too.
        static SECOND: RefCell<(i64, String)> = RefCell::default();
    }
    let microsecond = time.as_microsecond();
    let now = microsecond.div_euclid(1_000_000);
    SECOND.with_borrow_mut(|(second, text)| {
        if text.is_empty() || *second != now {
            *text = Timestamp::from_second(now).unwrap_or(time).to_string();
            text.truncate(text.len().saturating_sub("Z".len()));
            *second = now;
        }
        out.extend_from_slice(text.as_bytes());
    });
    // Writing to a vector cannot fail.
    let _ = write!(out, ".{:06}Z", microsecond.rem_euclid(1_000_000));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_in_utc_to_the_microsecond() {
        for (microsecond, shown) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_790_000_000_999_999, "2026-09-21T14:13:20.999999Z"),
            (1_790_000_000_000_007, "2026-09-21T14:13:20.000007Z"),
            (1_790_000_001_000_000, "2026-09-21T14:13:21.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            let mut time = Vec::new();
            write_timestamp(Timestamp::from_microsecond(microsecond).unwrap(), &mut time);
            assert_eq!(String::from_utf8(time).unwrap(), shown);
        }
    }
}
