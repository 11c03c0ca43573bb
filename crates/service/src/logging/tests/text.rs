use super::logged;
use crate::logging::events::Form;
use crate::logging::safe;

/// What a log holds after these events, without the times.
fn lines(events: impl FnOnce()) -> String {
    let without_time = |line: &str| line.split_once(' ').unwrap().1.to_owned() + "\n";
    logged(Form::Text, events).lines().map(without_time).collect()
}

#[test]
fn a_line_holds_level_message_and_fields() {
    let lines = lines(|| {
        tracing::info!(verdict = "accept", port = 25, seen = Some("argument"), "it passed");
        tracing::info!(message = "two words\x1b");
        tracing::warn!(error = %std::io::Error::other("no room"), "bad: {}", 7);
        tracing::error!(queue_id = &*safe(b"4Xk3"), gone = None::<&str>);
    });
    assert_eq!(
        lines,
        " INFO it passed verdict=accept port=25 seen=argument\n INFO two words\\u{1b}\n WARN bad: 7 error=no room\nERROR queue_id=4Xk3\n"
    );
}

#[test]
fn a_string_cannot_pass_for_two_fields_or_lines() {
    for (value, shown) in [
        ("plain", "plain"),
        ("", r#""""#),
        ("a verdict=accept", r#""a verdict=accept""#),
        ("a=b", r#""a=b""#),
        ("a\"b\\", r#""a\"b\\""#),
        (&safe(b"a b"), r"a\x20b"),
        ("a\r\nb\u{1b}[31m", r#""a\r\nb\u{1b}[31m""#),
        ("ü", r#""ü""#),
    ] {
        assert_eq!(lines(|| tracing::info!(value)), format!(" INFO value={shown}\n"));
    }
    let odd = "a\u{1b}[31m\rb\u{9b}c\tdü";
    assert_eq!(lines(|| tracing::info!("{odd}")), " INFO a\\u{1b}[31m\\rb\\u{9b}c\\tdü\n");
}
