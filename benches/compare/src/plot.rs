//! Small multiples with logarithmic axes, as SVG that can be read on light and on dark pages.

use crate::figures::rounded;
use std::fmt::Write;

/// One of the small plots.
#[derive(Debug)]
pub struct Panel {
    /// What grows, with its unit.
    pub x: &'static str,
    /// What is measured, with its unit.
    pub y: &'static str,
    /// The places on the x axis.
    pub sizes: &'static [u32],
    /// The figures at these places, a line each.
    pub series: [Vec<f64>; 3],
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

/// A logarithmic axis: figures between its ends to places from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    /// One that has room for all of these, from one tick to another.
    fn around(figures: impl Iterator<Item = f64> + Clone) -> Self {
        let least = figures.clone().fold(f64::INFINITY, f64::min);
        let greatest = figures.fold(0.0, f64::max);
        let ticks = || (-3..=9).flat_map(|decade| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(decade)));
        let from = ticks().rfind(|tick| *tick <= least).unwrap_or(least);
        let to = ticks().find(|tick| *tick >= greatest && *tick > from).unwrap_or(greatest);
        Self { from, to }
    }

    fn place(self, figure: f64) -> f64 {
        (figure / self.from).ln() / (self.to / self.from).ln()
    }

    /// Powers of ten; 2 and 5 times these as well where that leaves room for the words.
    fn ticks(self) -> Vec<f64> {
        let wide = self.to / self.from > 300.0;
        let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let inside = |tick: &f64| *tick >= self.from * 0.999 && *tick <= self.to * 1.001;
        (-3..=9)
            .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
            .filter(inside)
            .collect()
    }
}

/// The plot: a row of panels each, which share their y axis. `names` are those of the series.
pub fn draw(rows: &[Vec<Panel>], names: &[&str; 3]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default() as f64;
    let (across, down) = (WIDTH + GAP.0, HEIGHT + GAP.1);
    let width = MARGIN.left + columns * across - GAP.0 + MARGIN.right;
    let height = MARGIN.top + rows.len() as f64 * down - GAP.1 + MARGIN.bottom;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Processor time and latency as connections, domains and recipients grow\">\n\
         <style>{STYLE}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    draw_legend(&mut svg, names);
    for (number, row) in rows.iter().enumerate() {
        let figures = row.iter().flat_map(|panel| panel.series.iter().flatten().copied());
        let y_axis = Axis::around(figures);
        let top = MARGIN.top + number as f64 * down;
        for (column, panel) in row.iter().enumerate() {
            let left = MARGIN.left + column as f64 * across;
            let last = number + 1 == rows.len();
            let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">");
            draw_panel(&mut svg, panel, y_axis, column == 0, last);
            svg.push_str("</g>\n");
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_legend(svg: &mut String, names: &[&str; 3]) {
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
    let x_axis = Axis::around(panel.sizes.iter().copied().map(f64::from));
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
                let (x, y) = (x_axis.place(f64::from(*size)), y_axis.place(*figure));
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
        let axis = Axis::around([3.0, 41.0].into_iter());
        assert_eq!((axis.from, axis.to), (2.0, 50.0));
        assert_eq!(axis.ticks(), [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_short_words() {
        assert_eq!([0.5, 20.0, 1000.0].map(label), ["0.5", "20", "1,000"]);
        assert_eq!([1.0, 1e4, 1e6].map(short), ["1", "10\u{a0}k", "1\u{a0}M"]);
    }
}
