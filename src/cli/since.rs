//! The days that a command is about.

use config::policy_file;
use jiff::Timestamp;
use ledger::report::day_text;
use ledger::{Day, day_of};

/// The first day of a time that is given as `7d`, `4w` or `2027-01-31`.
pub(super) fn since(text: &str) -> Result<Day, String> {
    since_by(text, day_of(Timestamp::now().as_second()))
}

fn since_by(text: &str, today: Day) -> Result<Day, String> {
    let number = |digits: &str| digits.parse::<u16>().ok().map(Day::from);
    let days = match (text.strip_suffix('d'), text.strip_suffix('w')) {
        (Some(days), _) => number(days),
        (None, Some(weeks)) => number(weeks).map(|weeks| weeks * 7),
        (None, None) => {
            let moment = policy_file::moment(text).ok_or_else(written)?;
            let day = day_of(moment.as_second());
            if day > today {
                return Err(format!("that day has not begun: in UTC, it is {}", day_text(today)));
            }
            return Ok(day);
        }
    };
    days.map(|days| today - days).ok_or_else(written)
}

fn written() -> String {
    "days are written as 7d, weeks as 4w, a day as 2027-01-31".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_begins_today_or_before() {
        // 2026-11-23.
        let today = 20_780;
        for (text, days) in [
            ("0d", 0),
            ("7d", 7),
            ("4w", 28),
            ("2026-11-23", 0),
            ("2026-11-01", 22),
            ("65535w", 458_745),
        ] {
            assert_eq!(since_by(text, today), Ok(today - days), "{text}");
        }
        for text in ["2026-11-24", "2030-01-01"] {
            let error = since_by(text, today).unwrap_err();
            assert_eq!(error, "that day has not begun: in UTC, it is 2026-11-23", "{text}");
        }
        for text in ["", "d", "-7d", "7", "7x", "70000d", "soon", "2026-02-30", "w4", "7 d"] {
            assert_eq!(since_by(text, today), Err(written()), "{text}");
        }
    }
}
