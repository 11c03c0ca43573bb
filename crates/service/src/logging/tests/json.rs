use super::logged;
use crate::logging::events::Form;
use crate::logging::safe;
use serde_json::{Value, json};

#[test]
fn a_line_is_an_object_whatever_the_values_hold() {
    let text = logged(Form::Json, || {
        tracing::info!(verdict = "accept", lines = 7_u64, is_new = true, "it {}", "passed");
        tracing::warn!(queue_id = &*safe(b"4X\"k\n3"), gone = None::<&str>, "a\u{1b}\"b\n\\");
    });
    let mut objects = text.lines().map(|line| {
        let mut object: Value = serde_json::from_str(line).unwrap();
        let time = object.as_object_mut().unwrap().remove("timestamp").unwrap();
        time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        object
    });
    assert_eq!(
        objects.next(),
        Some(json!({
            "level": "INFO", "message": "it passed", "verdict": "accept", "lines": 7, "is_new": true
        }))
    );
    assert_eq!(
        objects.next(),
        Some(json!({
            "level": "WARN", "message": "a\u{1b}\"b\n\\", "queue_id": "4X\\x22k\\x0a3"
        }))
    );
    assert_eq!(objects.next(), None);
}
