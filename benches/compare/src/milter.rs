//! The milters that are compared: started, looked at, and stopped.

use crate::cores::Core;
use crate::load::is_served;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The file with the product's policy.
const POLICY: &str = "policy.yaml";

/// A milter that takes part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The product.
    Product,
    /// The same decision on libmilter.
    Libmilter,
    /// The least that a milter can do.
    Responder,
}

impl Kind {
    /// In the order in which they take turns.
    pub const ALL: [Self; 3] = [Self::Product, Self::Libmilter, Self::Responder];

    /// What the tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "mandatory-tls",
            Self::Libmilter => "libmilter filter",
            Self::Responder => "bare responder",
        }
    }
}

/// Where the programs are.
#[derive(Clone, Debug, clap::Args)]
pub struct Programs {
    /// The product's program
    #[arg(long, value_name = "FILE")]
    product: PathBuf,
    /// The directory with the programs `libmilter` and `responder`
    #[arg(long, value_name = "DIRECTORY")]
    peers: PathBuf,
}

/// A milter that runs; it ends with this value.
#[derive(Debug)]
pub struct Milter {
    /// Which one.
    pub kind: Kind,
    child: Child,
    // Its settings, its socket, and its ledger; its policy; its log. The product watches the policy's
    // directory, and nothing else is to happen there, therefore.
    home: TempDir,
    policy: TempDir,
    log: TempDir,
}

impl Milter {
    /// Starts a milter for which so many domains are opted in, and waits until it serves. Without a
    /// core it runs on all of them.
    ///
    /// All is as it is shipped, the log too, which goes to a file; the ledger is kept.
    ///
    /// # Errors
    ///
    /// When files cannot be written, or it does not serve after a minute.
    pub fn start(
        kind: Kind,
        programs: &Programs,
        domains: u32,
        core: Option<Core>,
    ) -> io::Result<Self> {
        let directory = || tempfile::Builder::new().prefix("mandatory-tls-compare").tempdir();
        let (home, policy, log) = (directory()?, directory()?, directory()?);
        // Postfix has to reach the socket.
        fs::set_permissions(&home, Permissions::from_mode(0o755))?;
        let socket = home.path().join("socket");
        let mut arguments = Vec::new();
        let program = match kind {
            Kind::Product => {
                let file = policy.path().join(POLICY);
                write_policy(&file, domains)?;
                let settings = home.path().join("milter.yaml");
                let text = format!(
                    "listen: unix:{}\npolicy: {}\nstate_dir: state\nstatus_file: status.json\n",
                    socket.display(),
                    file.display()
                );
                fs::write(&settings, text)?;
                arguments.extend(["milter".into(), "--config".into(), settings.into_os_string()]);
                programs.product.clone()
            }
            Kind::Libmilter | Kind::Responder => {
                arguments.extend([socket.clone().into_os_string(), domains.to_string().into()]);
                let name = if kind == Kind::Libmilter { "libmilter" } else { "responder" };
                programs.peers.join(name)
            }
        };
        let mut command = Core::command(core, &program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let log_file = log.path().join("log");
        command.stderr(File::options().create(true).append(true).open(&log_file)?);
        let child = command.spawn()?;
        let mut milter = Self { kind, child, home, policy, log };
        milter.wait(&log_file)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o666))?;
        Ok(milter)
    }

    fn wait(&mut self, log: &Path) -> io::Result<()> {
        let begun = Instant::now();
        while !is_served(&self.socket()) {
            if self.child.try_wait()?.is_some() || begun.elapsed() > Duration::from_secs(60) {
                let log = fs::read_to_string(log)?;
                return Err(io::Error::other(format!(
                    "{} does not serve: {log}",
                    self.kind.name()
                )));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.home.path().join("socket")
    }

    /// Processor time that it has used so far, in user mode and in the kernel, on all threads.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn processor_time(&self) -> io::Result<Duration> {
        let clock: ClockId = clock_getcpuclockid(Pid::from_raw(self.child.id() as i32))?;
        Ok(clock.now()?.into())
    }

    /// Resident memory, in KiB.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok());
        kib.ok_or_else(|| io::Error::other("no VmRSS in /proc: the milter has ended"))
    }

    /// File descriptors that it has open.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Changes its policy: so many domains are opted in from now on.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn opt_in(&self, domains: u32) -> io::Result<()> {
        let new = self.home.path().join("policy.new");
        write_policy(&new, domains)?;
        fs::rename(new, self.policy.path().join(POLICY))
    }

    /// How often its log says that a policy was read since it was started or the log emptied.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn reloads(&self) -> io::Result<u64> {
        let log = BufReader::new(File::open(self.log.path().join("log"))?);
        let is_reload = |line: &io::Result<String>| {
            line.as_ref().map_or(true, |line| line.contains("policy reloaded"))
        };
        log.lines().filter(is_reload).try_fold(0, |count, line| line.map(|_| count + 1))
    }

    /// Empties its log.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn empty_log(&self) -> io::Result<()> {
        File::options().write(true).open(self.log.path().join("log"))?.set_len(0)
    }
}

impl Drop for Milter {
    fn drop(&mut self) {
        // Nothing of it is worth an orderly end; it cannot be told of an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opts in dN.example.net for every even N, as the peers do.
fn write_policy(path: &Path, domains: u32) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "domains:")?;
    for number in 0..domains {
        writeln!(file, "  - d{}.example.net", number * 2)?;
    }
    file.flush()
}
