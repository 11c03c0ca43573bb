//! The whole path: messages a second through a real Postfix, with each of the milters, with none,
//! and with Postfix's own restrictions in place of one.

use crate::figures::{Spread, rounded};
use crate::milter::{Kind, Milter, Programs};
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How many domains are opted in.
const DOMAINS: u32 = 10_000;

/// What is sent in a run, all of it in plaintext, each message in a session of its own.
struct Scenario {
    name: &'static str,
    /// The domain of the recipient: opted in, or not.
    domain: &'static str,
    refused: bool,
    sessions: u32,
    messages: u32,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "all taken, 1 session at a time",
        domain: "d1.example.net",
        refused: false,
        sessions: 1,
        messages: 600,
    },
    Scenario {
        name: "all taken, 10 sessions",
        domain: "d1.example.net",
        refused: false,
        sessions: 10,
        messages: 1200,
    },
    Scenario {
        name: "all refused, 1 session at a time",
        domain: "d0.example.net",
        refused: true,
        sessions: 1,
        messages: 1200,
    },
    Scenario {
        name: "all refused, 10 sessions",
        domain: "d0.example.net",
        refused: true,
        sessions: 10,
        messages: 3000,
    },
];

impl Scenario {
    /// The Postfix without a milter that does the same.
    fn postfix_alone(&self) -> &'static str {
        if self.refused { OWN_RESTRICTION } else { NO_MILTER }
    }
}

const NO_MILTER: &str = "no milter";
const OWN_RESTRICTION: &str = "reject_plaintext_session";

/// A Postfix, and what judges there.
struct Contestant {
    name: &'static str,
    milter: Option<Milter>,
    postfix: Postfix,
}

/// Runs all scenarios, the contestants in turn in each of the rounds, and prints a table.
///
/// # Errors
///
/// When an answer is wrong, or a program cannot be started.
pub fn compare(programs: &Programs, rounds: u32, quick: bool) -> io::Result<()> {
    let contestants = start(programs)?;
    println!(
        "| Postfix | | messages a second | to Postfix alone | to the libmilter filter | \
         to the bare responder | milter's processor time a message, µs |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for scenario in &SCENARIOS {
        let messages = if quick { 20 } else { scenario.messages };
        let takes_part =
            |contestant: &&Contestant| !scenario.refused || contestant.name != NO_MILTER;
        let contestants: Vec<&Contestant> = contestants.iter().filter(takes_part).collect();
        let mut rates = vec![Vec::new(); contestants.len()];
        let mut costs = vec![Vec::new(); contestants.len()];
        // Fills caches, and starts processes.
        for contestant in &contestants {
            run(contestant, scenario, messages.div_ceil(10))?;
        }
        for _ in 0..rounds {
            for ((contestant, rates), costs) in contestants.iter().zip(&mut rates).zip(&mut costs) {
                let (rate, cost) = run(contestant, scenario, messages)?;
                rates.push(rate);
                costs.extend(cost);
            }
        }
        print_rows(scenario, &contestants, &rates, &costs);
    }
    Ok(())
}

fn start(programs: &Programs) -> io::Result<Vec<Contestant>> {
    let none = Contestant { name: NO_MILTER, milter: None, postfix: Postfix::start("")? };
    let mut contestants = vec![none];
    for kind in Kind::ALL {
        let milter = Milter::start(kind, programs, DOMAINS, None)?;
        let postfix = Postfix::start(&format!("unix:{}", milter.socket().display()))?;
        let name = kind.name();
        contestants.push(Contestant { name, milter: Some(milter), postfix });
    }
    let postfix = Postfix::start("")?;
    postfix.restrict()?;
    contestants.push(Contestant { name: OWN_RESTRICTION, milter: None, postfix });
    Ok(contestants)
}

/// Messages a second, and the milter's processor time for one in microseconds, where there is one.
fn run(
    contestant: &Contestant,
    scenario: &Scenario,
    messages: u32,
) -> io::Result<(f64, Option<f64>)> {
    let used = || contestant.milter.as_ref().map(Milter::processor_time).transpose();
    let before = used()?;
    let begun = Instant::now();
    let refused = contestant.postfix.send(scenario, messages)?;
    let elapsed = begun.elapsed();
    let cost = used()?.zip(before).map(|(after, before)| after - before);
    let expected = if scenario.refused { messages } else { 0 };
    if refused != expected {
        let (name, scenario) = (contestant.name, scenario.name);
        return Err(io::Error::other(format!(
            "{name}, {scenario}: {refused} of {messages} messages were refused, not {expected}"
        )));
    }
    contestant.postfix.wait_for_empty_queue()?;
    if let Some(milter) = &contestant.milter {
        milter.empty_log()?;
    }
    let messages = f64::from(messages);
    Ok((messages / elapsed.as_secs_f64(), cost.map(|cost| cost.as_secs_f64() * 1e6 / messages)))
}

fn print_rows(
    scenario: &Scenario,
    contestants: &[&Contestant],
    rates: &[Vec<f64>],
    costs: &[Vec<f64>],
) {
    let of = |name| contestants.iter().position(|contestant| contestant.name == name);
    let peers = [scenario.postfix_alone(), Kind::Libmilter.name(), Kind::Responder.name()];
    for ((contestant, rate), cost) in contestants.iter().zip(rates).zip(costs) {
        let median = rounded(Spread::of(rate.iter().copied()).median);
        let ratio = |peer| match of(peer).map(|number| &rates[number]) {
            Some(peer_rate) if peer != contestant.name => {
                Spread::of_ratios(rate, peer_rate).to_string()
            }
            _ => String::new(),
        };
        let ratios = peers.map(ratio).join(" | ");
        let cost = if cost.is_empty() {
            String::new()
        } else {
            rounded(Spread::of(cost.iter().copied()).median)
        };
        println!("| {} | {} | {median} | {ratios} | {cost} |", scenario.name, contestant.name);
    }
}

/// A Postfix of its own that throws all mail away; it ends with this value.
struct Postfix {
    /// Removed by packaging/private-postfix.
    directory: TempDir,
    port: u16,
    child: Child,
}

impl Postfix {
    fn start(milters: &str) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("mandatory-tls-compare").tempdir()?;
        fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
        let mut child = Command::new("packaging/private-postfix")
            .arg(directory.path())
            .arg(milters)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let port = line.trim().parse();
        let port = port.map_err(|_| io::Error::other("the private Postfix does not start"))?;
        Ok(Self { directory, port, child })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("postfix").join(name)
    }

    /// Has it hold the domains to TLS by itself. To be called before it takes mail.
    fn restrict(&self) -> io::Result<()> {
        let table = self.file("access");
        let domains = (0..DOMAINS).map(|number| number * 2);
        let lines = domains.map(|number| format!("d{number}.example.net {OWN_RESTRICTION}\n"));
        fs::write(&table, lines.collect::<String>())?;
        let table = format!("hash:{}", table.display());
        let made = Command::new("postmap").arg("-c").arg(self.file("")).arg(&table).status()?;
        if !made.success() {
            return Err(io::Error::other("postmap failed"));
        }
        let mut main_cf = File::options().append(true).open(self.file("main.cf"))?;
        writeln!(main_cf, "smtpd_recipient_restrictions = check_recipient_access {table}")?;
        writeln!(main_cf, "plaintext_reject_code = 450")
    }

    /// Sends messages, and returns how many were refused.
    fn send(&self, scenario: &Scenario, messages: u32) -> io::Result<u32> {
        let output = Command::new("smtp-source")
            // Goes on after a refusal.
            .arg("-A")
            .args(["-f", "sender@client.example.org", "-t", &format!("user@{}", scenario.domain)])
            .args(["-s", &scenario.sessions.to_string(), "-m", &messages.to_string()])
            .arg(format!("127.0.0.1:{}", self.port))
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let refusal = "recipient rejected: 450 4.7.1 ";
        let (refused, other): (Vec<&str>, Vec<&str>) =
            said.lines().partition(|line| line.contains(refusal));
        if !output.status.success() || !other.is_empty() {
            return Err(io::Error::other(format!("smtp-source failed: {}", other.join("\n"))));
        }
        Ok(refused.len() as u32)
    }

    /// What is still being delivered would slow the next one down.
    fn wait_for_empty_queue(&self) -> io::Result<()> {
        let begun = Instant::now();
        let is_empty = |queue: &Path| Ok::<bool, io::Error>(fs::read_dir(queue)?.next().is_none());
        for queue in ["spool/incoming", "spool/active"] {
            while !is_empty(&self.file(queue))? {
                if begun.elapsed() > Duration::from_secs(60) {
                    return Err(io::Error::other("Postfix does not deliver what it has taken"));
                }
                sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
