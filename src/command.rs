//! Programs of the MTA and of the system, run with bounds: a check must end, whatever they do.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// The longest that one program may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that is read of its output: more than a map of a million aliases.
const MAX_OUTPUT: u64 = 256 * 1024 * 1024;
/// The most that is read of its complaints.
const MAX_COMPLAINTS: u64 = 64 * 1024;

/// What a program wrote.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Standard output.
    pub output: String,
    /// Lines of standard error.
    pub complaints: Vec<String>,
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// There is no such program.
    #[error("there is no `{0}` in the search path or in /usr/sbin")]
    Missing(String),
    /// It cannot be started, or its output not be read.
    #[error("`{0}` cannot be run: {1}")]
    Run(String, io::Error),
    /// It ended with an error; its last complaint.
    #[error("{1}")]
    Failed(String, String),
    /// It did not end.
    #[error("`{0}` did not end within {secs} seconds", secs = PATIENCE.as_secs())]
    Slow(String),
    /// It wrote too much.
    #[error("`{0}` wrote more than {size} MiB", size = MAX_OUTPUT / 1024 / 1024)]
    Long(String),
}

/// Runs a program to its end, which has to be a good one.
///
/// An absolute `program` is taken as it is. Others are looked for in the search path and then in
/// /usr/sbin, where Postfix has its commands and an ordinary user's search path does not lead.
pub(crate) fn run(program: &OsStr, arguments: &[OsString]) -> Result<Written, CommandError> {
    let (status, written) = run_to_any_end(program, arguments)?;
    if !status.success() {
        let name = program.to_string_lossy().into_owned();
        let last = written.complaints.last().cloned();
        let said = last.unwrap_or_else(|| format!("`{name}` ended with {status}"));
        return Err(CommandError::Failed(name, said));
    }
    Ok(written)
}

/// The same, for a program whose status is an answer.
pub(crate) fn run_to_any_end(
    program: &OsStr,
    arguments: &[OsString],
) -> Result<(ExitStatus, Written), CommandError> {
    let name = program.to_string_lossy().into_owned();
    let spawn = |path: PathBuf| {
        Command::new(path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    };
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let mut child = match spawn(program.into()) {
        Err(error) if absent(&error) => spawn(PathBuf::from("/usr/sbin").join(program)),
        other => other,
    }
    .map_err(|error| match error {
        error if absent(&error) => CommandError::Missing(name.clone()),
        error => CommandError::Run(name.clone(), error),
    })?;
    let output = read_apart(child.stdout.take(), MAX_OUTPUT);
    let complaints = read_apart(child.stderr.take(), MAX_COMPLAINTS);
    let Ok(output) = output.recv_timeout(PATIENCE) else {
        // It may have ended just now.
        let _ = child.kill();
        let _ = child.wait();
        return Err(CommandError::Slow(name));
    };
    let output = output.map_err(|error| CommandError::Run(name.clone(), error))?;
    if output.len() as u64 > MAX_OUTPUT {
        let _ = child.kill();
        let _ = child.wait();
        return Err(CommandError::Long(name));
    }
    let complaints = complaints.recv_timeout(PATIENCE).ok().and_then(Result::ok);
    let complaints = String::from_utf8_lossy(&complaints.unwrap_or_default()).into_owned();
    let complaints: Vec<String> = complaints.lines().map(str::to_owned).collect();
    let status = child.wait().map_err(|error| CommandError::Run(name.clone(), error))?;
    let output = String::from_utf8_lossy(&output).into_owned();
    Ok((status, Written { output, complaints }))
}

/// Reads in a thread of its own, so that the wait for it can end.
fn read_apart(
    from: Option<impl Read + Send + 'static>,
    limit: u64,
) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = match from {
            Some(from) => from.take(limit + 1).read_to_end(&mut bytes),
            None => Ok(0),
        };
        // Nobody listens any more where the wait has ended.
        let _ = sender.send(read.map(|_| bytes));
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(program: &str, arguments: &[&str]) -> Result<Written, CommandError> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        run(OsStr::new(program), &arguments)
    }

    #[test]
    fn a_program_that_is_missing_or_fails_is_an_error() {
        let error = said("no-such-postconf", &[]).unwrap_err().to_string();
        assert_eq!(error, "there is no `no-such-postconf` in the search path or in /usr/sbin");
        let error = said("sh", &["-c", "echo one >&2; echo two >&2; exit 1"]).unwrap_err();
        assert_eq!(error.to_string(), "two");
        let error = said("false", &[]).unwrap_err().to_string();
        assert_eq!(error, "`false` ended with exit status: 1");
    }

    #[test]
    fn output_and_complaints_are_kept_apart() {
        let written = said("sh", &["-c", "echo out; echo warning >&2"]).unwrap();
        assert_eq!(
            (written.output.as_str(), written.complaints),
            ("out\n", vec!["warning".into()])
        );
    }
}
