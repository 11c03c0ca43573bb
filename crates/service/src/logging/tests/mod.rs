//! Events in, records out.

mod journal;
mod json;
mod text;

use super::events::{Events, Form};
use super::writer::{Lines, Stream};
use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a log in this form holds after these events.
fn logged(form: Form, events: impl FnOnce()) -> String {
    let kept = Kept::default();
    let (lines, guard) = Lines::to(Stream::to(kept.clone()), |_| ()).unwrap();
    let log = Events::new(tracing::Level::INFO, form, lines);
    tracing::subscriber::with_default(log, events);
    drop(guard);
    String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn events_below_the_level_are_left_out() {
    let text = logged(Form::Text, || {
        tracing::debug!("not this one");
        tracing::info!("this one");
    });
    assert_eq!(text.lines().count(), 1);
    assert!(text.ends_with(" INFO this one\n"), "{text}");
}

#[test]
fn a_value_that_logs_while_it_is_shown_spoils_no_line() {
    struct Talks;
    impl std::fmt::Display for Talks {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::info!("inner");
            f.write_str("outer")
        }
    }
    // The log of a whole process, as the milter has it: of one that is set up for a thread, tracing
    // itself drops the inner event. So this test runs in a process of its own.
    const ALONE: &str = "MANDATORY_TLS_TEST_LOG_OF_A_PROCESS";
    if std::env::var_os(ALONE).is_some() {
        let (lines, guard) = Lines::to(Stream::to(std::io::stderr()), |_| ()).unwrap();
        let log = Events::new(tracing::Level::INFO, Form::Text, lines);
        tracing::subscriber::set_global_default(log).unwrap();
        tracing::info!(value = %Talks, "event");
        return drop(guard);
    }
    let (_, module) = module_path!().split_once("::").unwrap();
    let this = format!("{module}::a_value_that_logs_while_it_is_shown_spoils_no_line");
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", &this, "--nocapture"]).env(ALONE, "").output();
    let text = String::from_utf8(output.unwrap().stderr).unwrap();
    let lines: Vec<_> = text.lines().filter_map(|line| line.split_once("Z  ")).collect();
    let without_times: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    assert_eq!(without_times, ["INFO inner", "INFO event value=outer"], "{text}");
}
