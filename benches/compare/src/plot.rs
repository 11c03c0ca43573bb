//! Small multiples, as SVG that can be read on light and on dark pages.

use crate::figures::rounded;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

/// One of the small plots.
#[derive(Debug)]
pub struct Panel {
    /// What grows, with its unit.
    pub x: &'static str,
    /// What is measured, with its unit.
    pub y: &'static str,
    /// The places on the x axis.
    pub sizes: Vec<f64>,
    /// The figures at these places, a line each.
    pub series: Vec<Vec<f64>>,
}

/// How figures become places on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal distances are equal ratios.
    Logarithmic,
    /// Equal distances are equal differences; begins at 0.
    Linear,
}

/// The whole of it.
#[derive(Debug)]
pub struct Plot<'p> {
    /// What it shows, for who cannot see it.
    pub title: &'static str,
    /// Of all axes.
    pub scale: Scale,
    /// Those of the series; none where there is one series only, which needs no name.
    pub names: &'p [&'p str],
    /// Panels of a row share their y axis.
    pub rows: &'p [Vec<Panel>],
}

const WIDTH: f64 = 250.0;
const HEIGHT: f64 = 150.0;
const GAP: (f64, f64) = (36.0, 32.0);
const MARGIN: Margin = Margin { left: 76.0, right: 20.0, top: 50.0, bottom: 52.0 };

struct Margin {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Colours that can be told apart with any eyes, dashes and marks besides, and a background of its
/// own: what page it is shown on is not known.
const STYLE: &str = "
  text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2328; }
  .page { fill: #ffffff; }
  .grid { stroke: #d8dee4; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .line.s0 { stroke: #0b62c4; }
  .line.s1 { stroke: #b3540a; stroke-dasharray: 7 3; }
  .line.s2 { stroke: #6a737d; stroke-dasharray: 2 3; }
  .mark.s0 { fill: #0b62c4; } .mark.s1 { fill: #b3540a; } .mark.s2 { fill: #6a737d; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .page { fill: #0d1117; }
    .grid { stroke: #30363d; }
    .line.s0 { stroke: #58a6ff; } .line.s1 { stroke: #f0883e; } .line.s2 { stroke: #9aa4ae; }
    .mark.s0 { fill: #58a6ff; } .mark.s1 { fill: #f0883e; } .mark.s2 { fill: #9aa4ae; }
  }
";

/// An axis: figures between its ends to places from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
}

impl Axis {
    /// One that has room for all of these, from one tick to another.
    fn around(scale: Scale, figures: impl Iterator<Item = f64> + Clone) -> Self {
        let least = figures.clone().fold(f64::INFINITY, f64::min);
        let greatest = figures.fold(0.0, f64::max);
        let (from, to) = match scale {
            Scale::Logarithmic => {
                let from = round_figures(&[1.0, 2.0, 5.0]).rfind(|tick| *tick <= least);
                let from = from.unwrap_or(least);
                (
                    from,
                    round_figures(&[1.0, 2.0, 5.0]).find(|tick| *tick >= greatest && *tick > from),
                )
            }
            // A quarter of each is a short word, too.
            Scale::Linear => {
                (0.0, round_figures(&[1.0, 2.0, 3.0, 4.0, 6.0, 8.0]).find(|tick| *tick >= greatest))
            }
        };
        Self { scale, from, to: to.unwrap_or(greatest) }
    }

    fn place(self, figure: f64) -> f64 {
        match self.scale {
            Scale::Logarithmic => (figure / self.from).ln() / (self.to / self.from).ln(),
            Scale::Linear => (figure - self.from) / (self.to - self.from),
        }
    }

    /// Logarithmic: powers of ten; 2 and 5 times these as well where that leaves room for the words.
    /// Linear: four steps.
    fn ticks(self) -> Vec<f64> {
        if self.scale == Scale::Linear {
            return (0..=4).map(|step| self.to * f64::from(step) / 4.0).collect();
        }
        let wide = self.to / self.from > 300.0;
        let is_power = |tick: &f64| (tick.log10() - tick.log10().round()).abs() < 1e-9;
        let inside = |tick: &f64| *tick >= self.from * 0.999 && *tick <= self.to * 1.001;
        round_figures(&[1.0, 2.0, 5.0])
            .filter(|tick| inside(tick) && (!wide || is_power(tick)))
            .collect()
    }
}

/// Figures that are short words: these, times powers of ten.
fn round_figures(steps: &[f64]) -> impl DoubleEndedIterator<Item = f64> {
    (-3..=9).flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
}

impl Plot<'_> {
    /// Draws it into a file, and says so.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, self.draw())?;
        println!("\n{}", path.display());
        Ok(())
    }

    /// As SVG.
    fn draw(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default() as f64;
        let (across, down) = (WIDTH + GAP.0, HEIGHT + GAP.1);
        let width = MARGIN.left + columns * across - GAP.0 + MARGIN.right;
        let height = MARGIN.top + self.rows.len() as f64 * down - GAP.1 + MARGIN.bottom;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{}\">\n\
             <style>{STYLE}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n",
            self.title
        );
        draw_legend(&mut svg, self.names);
        for (number, row) in self.rows.iter().enumerate() {
            let figures = row.iter().flat_map(|panel| panel.series.iter().flatten().copied());
            let y_axis = Axis::around(self.scale, figures);
            let top = MARGIN.top + number as f64 * down;
            for (column, panel) in row.iter().enumerate() {
                let left = MARGIN.left + column as f64 * across;
                let last = number + 1 == self.rows.len();
                let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">");
                draw_panel(&mut svg, panel, y_axis, column == 0, last);
                svg.push_str("</g>\n");
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn draw_legend(svg: &mut String, names: &[&str]) {
    for (number, name) in names.iter().enumerate() {
        let left = MARGIN.left + number as f64 * 180.0;
        let _ = writeln!(
            svg,
            "<path class=\"line s{number}\" d=\"M{left} 22h34\"/>\
             <circle class=\"mark s{number}\" cx=\"{}\" cy=\"22\" r=\"3\"/>\
             <text x=\"{}\" y=\"26\">{name}</text>",
            left + 17.0,
            left + 42.0,
        );
    }
}

/// With the words of the y axis where it is the first of its row, and those of the x axis below the
/// last row.
fn draw_panel(svg: &mut String, panel: &Panel, y_axis: Axis, first: bool, last: bool) {
    let x_axis = Axis::around(y_axis.scale, panel.sizes.iter().copied());
    for tick in y_axis.ticks() {
        let y = HEIGHT * (1.0 - y_axis.place(tick));
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M0 {y:.1}H{WIDTH}\"/>");
        if first {
            let text = label(tick);
            let y = y + 4.0;
            let _ = writeln!(svg, "<text x=\"-8\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>");
        }
    }
    for tick in x_axis.ticks() {
        let x = WIDTH * x_axis.place(tick);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} 0V{HEIGHT}\"/>");
        if last {
            let (text, y) = (short(tick), HEIGHT + 18.0);
            let _ =
                writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>");
        }
    }
    if first {
        let middle = HEIGHT / 2.0;
        let _ = writeln!(
            svg,
            "<text transform=\"translate(-58 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            panel.y
        );
    }
    if last {
        let (x, y) = (WIDTH / 2.0, HEIGHT + 40.0);
        let _ =
            writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", panel.x);
    }
    // The first one, which this is about, lies on top.
    for (number, series) in panel.series.iter().enumerate().rev() {
        let places: Vec<(f64, f64)> = panel
            .sizes
            .iter()
            .zip(series)
            .map(|(size, figure)| {
                let (x, y) = (x_axis.place(*size), y_axis.place(*figure));
                (WIDTH * x, HEIGHT * (1.0 - y))
            })
            .collect();
        let points: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        let _ = writeln!(svg, "<polyline class=\"line s{number}\" points=\"{points}\"/>");
        for (x, y) in places {
            let _ = writeln!(
                svg,
                "<circle class=\"mark s{number}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            );
        }
    }
}

fn label(tick: f64) -> String {
    if tick < 1000.0 { ((tick * 1e3).round() / 1e3).to_string() } else { rounded(tick) }
}

/// With k and M for thousands and millions: there is not much room beside each other.
fn short(tick: f64) -> String {
    match tick {
        1e6.. => label(tick / 1e6) + "\u{a0}M",
        1e3.. => label(tick / 1e3) + "\u{a0}k",
        _ => label(tick),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_reaches_from_tick_to_tick() {
        let axis = Axis::around(Scale::Logarithmic, [3.0, 41.0].into_iter());
        assert_eq!((axis.from, axis.to), (2.0, 50.0));
        assert_eq!(axis.ticks(), [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
        let axis = Axis::around(Scale::Linear, [3.0, 41.0].into_iter());
        assert_eq!(axis.ticks(), [0.0, 15.0, 30.0, 45.0, 60.0]);
        assert!((axis.place(15.0) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_short_words() {
        assert_eq!([0.5, 20.0, 1000.0].map(label), ["0.5", "20", "1,000"]);
        assert_eq!([1.0, 1e4, 1e6].map(short), ["1", "10\u{a0}k", "1\u{a0}M"]);
    }
}
