//! Figures that are drawn from many rounds.
//!
//! A machine that others use too is now faster, now slower. What the milters take turns at within
//! one round suffers alike: so figures are compared within a round, and the median of these ratios
//! counts.

use std::fmt;

/// The median of some figures, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of the figures are not above it.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// Of these figures. All are 0 where there are none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let at = |place: usize| figures.get(place).copied().unwrap_or_default();
        let middle = figures.len() / 2;
        let median = if figures.len().is_multiple_of(2) && middle > 0 {
            f64::midpoint(at(middle - 1), at(middle))
        } else {
            at(middle)
        };
        Self { median, least: at(0), greatest: at(figures.len().saturating_sub(1)) }
    }

    /// Of the ratios, round by round.
    pub fn of_ratios(figures: &[f64], peers: &[f64]) -> Self {
        Self::of(figures.iter().zip(peers).map(|(figure, peer)| figure / peer))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.median)?;
        if self.least < self.greatest {
            write!(f, " [{:.2}–{:.2}]", self.least, self.greatest)?;
        }
        Ok(())
    }
}

/// A figure with as many digits as say something: three, and thousands apart.
pub fn rounded(figure: f64) -> String {
    let digits = if figure < 10.0 { 2 } else { usize::from(figure < 100.0) };
    let text = format!("{figure:.digits$}");
    let whole = text.split('.').next().map_or(0, str::len);
    if whole < 4 {
        return text;
    }
    let (thousands, rest) = text.split_at(whole - 3);
    format!("{thousands},{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between_the_two_in_the_middle() {
        assert_eq!(
            Spread::of([4.0, 1.0, 2.0, 10.0]),
            Spread { median: 3.0, least: 1.0, greatest: 10.0 }
        );
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).median, 2.0);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let spread = Spread::of_ratios(&[10.0, 40.0, 9.0], &[10.0, 20.0, 10.0]);
        assert_eq!(spread.to_string(), "1.00 [0.90–2.00]");
    }

    #[test]
    fn figures_have_the_digits_that_say_something() {
        let figures = [0.4567, 12.34, 123.4, 56789.0].map(rounded);
        assert_eq!(figures, ["0.46", "12.3", "123", "56,789"]);
    }
}
