//! The process of a private MTA: a script of `tests/mta` that keeps it up while standard input is open.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::lines::Lines;
use super::ports::PortBlock;
use super::{cache, open_directory, script};

/// A running MTA. Dropped, all its daemons have ended and its directory is gone.
pub struct Mta {
    name: &'static str,
    ports: PortBlock,
    log: Lines,
    child: Child,
    commands: Option<ChildStdin>,
    directory: tempfile::TempDir,
}

impl Mta {
    /// Runs the script `name` and waits until the MTA's ports listen.
    pub fn start(
        name: &'static str,
        options: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        let ports = PortBlock::claim();
        let directory = open_directory(name);
        let mut child = Command::new(script(name))
            .arg(cache())
            .arg(directory.path())
            .arg(ports.first().to_string())
            .args(options.into_iter().map(Into::into))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script runs");
        let log = Lines::of(name, child.stdout.take().expect("piped"));
        let commands = child.stdin.take();
        let mta = Self { name, ports, log, child, commands, directory };
        mta.log.wait_for("all its ports", |line| line == format!("{name}: ready"));
        mta
    }

    /// Has the script do something to the MTA, and waits until it is done.
    pub fn command(&mut self, command: &str) {
        let before = self.log.len();
        let done = format!("{}: done", self.name);
        writeln!(self.commands.as_mut().expect("open until the drop"), "{command}")
            .expect("the script reads");
        self.log.wait_after(before, command, |line| line == done);
    }

    /// Its processes of this name.
    pub fn processes(&self, name: &str) -> Vec<i32> {
        let mut found = Vec::new();
        let mut parents = vec![i32::try_from(self.child.id()).expect("a PID")];
        while let Some(parent) = parents.pop() {
            // It may have ended by now.
            let path = format!("/proc/{parent}/task/{parent}/children");
            let children = std::fs::read_to_string(path).unwrap_or_default();
            parents.extend(children.split_whitespace().filter_map(|id| id.parse::<i32>().ok()));
            let called = std::fs::read_to_string(format!("/proc/{parent}/comm"));
            if called.is_ok_and(|called| called.trim() == name) {
                found.push(parent);
            }
        }
        found
    }

    /// The first process in its namespaces.
    pub fn first_process(&self) -> i32 {
        let outside = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{outside}/task/{outside}/children"));
        let children = children.expect("the kernel says so");
        children.split_whitespace().next().expect("it runs").parse().expect("a number")
    }

    /// The first of its ports.
    pub fn port(&self) -> u16 {
        self.ports.first()
    }

    /// Its log.
    pub fn log(&self) -> &Lines {
        &self.log
    }

    /// Where it lives.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Standard output of one of its commands.
    pub fn output(&self, program: &str, arguments: &[&Path]) -> String {
        let output =
            Command::new(program).args(arguments).output().expect("the MTA's command runs");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the command writes UTF-8")
    }
}

impl Drop for Mta {
    fn drop(&mut self) {
        self.log.print_if_failed();
        // The end of its input ends the script, and with it the namespace of all daemons.
        self.commands = None;
        self.child.wait().expect("the script is our child");
    }
}
