//! The days that a command is about.

use config::policy_file;
use jiff::Timestamp;
use ledger::{Day, day_of};

/// The first day of a time that is given as `7d`, `4w` or `2027-01-31`.
pub(super) fn since(text: &str) -> Result<Day, String> {
    let today = day_of(Timestamp::now().as_second());
    let number = |digits: &str| digits.parse::<u16>().ok().map(Day::from);
    let days = match (text.strip_suffix('d'), text.strip_suffix('w')) {
        (Some(days), _) => number(days),
        (None, Some(weeks)) => number(weeks).map(|weeks| weeks * 7),
        (None, None) => {
            let moment = policy_file::moment(text).map(|moment| moment.as_second());
            return moment.map(day_of).ok_or_else(written);
        }
    };
    days.map(|days| today - days).ok_or_else(written)
}

fn written() -> String {
    "days are written as 7d, weeks as 4w, a day as 2027-01-31".into()
}
