//! The portal as it runs: on a core of its own, with what it takes of memory and of the processor.

use super::data::HOST;
use super::http::Connection;
use std::error::Error;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// The portal's own file, in the directory of all.
pub const FILE: &str = "policy/portal.yaml";

/// The running portal. It ends with this.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub fn start(program: &Path, directory: &Path) -> Result<Self, Box<dyn Error>> {
        let log = fs::File::create(directory.join("portal.log"))?;
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(program);
        command.arg("--config").arg(directory.join("portal.yaml")).arg("serve");
        Ok(Self(command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null()).spawn()?))
    }

    pub fn connect(&self) -> Result<Connection, Box<dyn Error>> {
        let start = Instant::now();
        loop {
            match TcpStream::connect(HOST) {
                Ok(stream) => return Connection::new(stream),
                Err(error) if start.elapsed() > Duration::from_secs(60) => return Err(error.into()),
                Err(_) => sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Waits until the policy's file has this version.
    pub fn wait_for_file(&self, directory: &Path, version: i64) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        while version_of(directory).is_none_or(|there| there < version) {
            if start.elapsed() > Duration::from_secs(300) {
                return Err(format!("version {version} of the file does not come").into());
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Says what it takes of memory, once it has nothing to do any more.
    pub fn tell_memory(&self, when: &str) -> Result<(), Box<dyn Error>> {
        let mut before = self.busy()?;
        loop {
            sleep(Duration::from_secs(2));
            let busy = self.busy()?;
            if busy - before < 0.1 {
                break;
            }
            before = busy;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let of = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            kib.unwrap_or_default() / 1024.0
        };
        let (now, own, most) = (of("VmRSS:"), of("RssAnon:"), of("VmHWM:"));
        println!(
            "\nmemory {when}: {now:.1} MiB ({own:.1} MiB without files), at most {most:.1} MiB"
        );
        Ok(())
    }

    /// How long it has had the processor, in seconds.
    pub fn busy(&self) -> Result<f64, Box<dyn Error>> {
        seconds(&self.0.id().to_string(), 11)
    }
}

/// How long the processes that this one has waited for have had the processor, in seconds.
pub fn busy_of_ended() -> Result<f64, Box<dyn Error>> {
    seconds("self", 13)
}

/// Two times of a process, added up: for its programs and for the system. Linux tells them in hundredths
/// of a second, whatever its clock (proc(5)).
fn seconds(process: &str, place: usize) -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').ok_or("no stat")?;
    let ticks = rest.split_whitespace().skip(place).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? as f64 / 100.0)
}

/// The version that the policy's file says it has.
fn version_of(directory: &Path) -> Option<i64> {
    use std::io::Read;
    let mut head = Vec::new();
    fs::File::open(directory.join(FILE)).ok()?.take(400).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head).into_owned();
    head.lines().find_map(|line| line.strip_prefix("version: ")?.parse().ok())
}

/// Counts how often the policy's file is another one.
pub struct Files {
    done: Arc<AtomicBool>,
    counting: JoinHandle<usize>,
}

impl Files {
    pub fn watch(directory: &Path) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (told, path): (_, PathBuf) = (Arc::clone(&done), directory.join(FILE));
        let counting = spawn(move || {
            let inode = || fs::metadata(&path).ok().map(|file| (file.ino(), file.ctime_nsec()));
            let (mut count, mut last) = (0, inode());
            while !told.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(2));
                let now = inode();
                count += usize::from(now != last);
                last = now;
            }
            count
        });
        Self { done, counting }
    }

    pub fn count(self) -> usize {
        self.done.store(true, Ordering::Relaxed);
        self.counting.join().unwrap_or_default()
    }
}
