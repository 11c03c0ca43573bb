//! The figures in the two text formats that are asked for: OpenMetrics, which is how they are made, and
//! the older text format of Prometheus, which `curl` and most other readers expect.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::mem;

/// A format of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// The media type that asks for OpenMetrics, in any of its versions: their text is the same here.
const OPEN_METRICS: &str = "application/openmetrics-text";

impl TextFormat {
    /// The format to answer with, from the values of `Accept` (RFC 9110, section 12.5.1).
    ///
    /// OpenMetrics only where it is named, as Prometheus does. Who names nothing that is there gets the
    /// text format all the same: people who look with a browser do.
    pub fn wanted<'h>(accept: impl Iterator<Item = &'h str>) -> Self {
        let (mut open_metrics, mut text) = (0, 0);
        for range in accept.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let weighed = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                OPEN_METRICS => &mut open_metrics,
                "text/plain" | "text/*" | "*/*" => &mut text,
                _ => continue,
            };
            *weighed = weight(parts).max(*weighed);
        }
        if open_metrics > 0 && open_metrics >= text { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its media type, for `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// A text of OpenMetrics in this format.
    pub fn written(self, open_metrics: String) -> String {
        match self {
            Self::Prometheus => prometheus(&open_metrics),
            Self::OpenMetrics => open_metrics,
        }
    }
}

/// The weight of a media range, in thousandths, from its parameters. One that cannot be read is no
/// reason to give less than what was named.
fn weight<'p>(mut parameters: impl Iterator<Item = &'p str>) -> u16 {
    let q = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let weight = q.and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0).clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1000"
    )]
    let thousandths = (weight * 1000.0).round() as u16;
    thousandths
}

/// A text of OpenMetrics in the text format of Prometheus. There, a family has the very name of its
/// figures (`..._total`, `..._info`), there are no units and no end, and information is a gauge.
fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut line_out = |parts: &[&str]| {
        text.push_str(&parts.join(" "));
        text.push('\n');
    };
    // The help of a family comes before its type, which says what it is called.
    let mut help = "";
    for line in open_metrics.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            line_out(&[line]);
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        let (word, name) = (words.next(), words.next().unwrap_or_default());
        let rest = words.next().unwrap_or_default();
        match word {
            Some("HELP") => help = rest,
            Some("TYPE") => {
                let (ending, kind) = match rest {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                let name = format!("{name}{ending}");
                line_out(&["# HELP", &name, mem::take(&mut help)]);
                line_out(&["# TYPE", &name, kind]);
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_whoever_names_it_and_text_for_everybody_else() {
        use TextFormat::{OpenMetrics, Prometheus};
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
            encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;\
            q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,\
            */*;q=0.1";
        for (accept, format) in [
            (&[][..], Prometheus),
            (&[""], Prometheus),
            (&["*/*"], Prometheus),
            (&["text/plain"], Prometheus),
            (&["text/plain; version=0.0.4"], Prometheus),
            (&["TEXT/PLAIN"], Prometheus),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Prometheus),
            (&["application/json"], Prometheus),
            (&["application/openmetrics-text"], OpenMetrics),
            (&["Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8"], OpenMetrics),
            (&[prometheus_2], OpenMetrics),
            (&[prometheus_3], OpenMetrics),
            (&["text/plain;q=0.5", "application/openmetrics-text;q=0.7"], OpenMetrics),
            (&["application/openmetrics-text, text/plain"], OpenMetrics),
            (&["text/plain, application/openmetrics-text;q=0.9"], Prometheus),
            (&["application/openmetrics-text;q=0"], Prometheus),
            (&["application/openmetrics-text;q=0.001"], OpenMetrics),
            (&["application/openmetrics-text;q=much"], OpenMetrics),
            (&["application/openmetrics-text;q=-1"], Prometheus),
            (&["application/openmetrics-text;q=NaN, text/plain"], Prometheus),
            (&["application/openmetrics-textual"], Prometheus),
            (&[",;,=,;;q=;"], Prometheus),
        ] {
            assert_eq!(TextFormat::wanted(accept.iter().copied()), format, "{accept:?}");
        }
    }

    #[test]
    fn a_family_has_the_name_of_its_figures_in_the_text_format() {
        let open_metrics = "\
# HELP a_recipients Recipients judged.
# TYPE a_recipients counter
a_recipients_total{domain=\"# TYPE x\"} 2
# HELP a_build The release.
# TYPE a_build info
a_build_info{version=\"1\"} 1
# HELP a_seconds Time taken.
# TYPE a_seconds histogram
# UNIT a_seconds seconds
a_seconds_bucket{le=\"+Inf\"} 1
# TYPE a_mystery unknown
a_mystery 1
# EOF
";
        let text = "\
# HELP a_recipients_total Recipients judged.
# TYPE a_recipients_total counter
a_recipients_total{domain=\"# TYPE x\"} 2
# HELP a_build_info The release.
# TYPE a_build_info gauge
a_build_info{version=\"1\"} 1
# HELP a_seconds Time taken.
# TYPE a_seconds histogram
a_seconds_bucket{le=\"+Inf\"} 1
# HELP a_mystery \n# TYPE a_mystery untyped
a_mystery 1
";
        assert_eq!(TextFormat::Prometheus.written(open_metrics.into()), text);
        assert_eq!(TextFormat::OpenMetrics.written(open_metrics.into()), open_metrics);
    }
}
