//! A private Postfix (`tests/mta/up-postfix`).

use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lines::Lines;
use super::milter::Milter;
use super::mta::Mta;
use super::resolver::Resolver;
use super::sink::Sink;
use super::{wait_until, wait_until_or};

/// The ways into a Postfix: each its own TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Service {
    /// Port 25: STARTTLS offered.
    Smtp,
    /// Implicit TLS.
    Smtps,
    /// STARTTLS and AUTH PLAIN.
    Submission,
    /// postscreen, which hands the connection on.
    Postscreen,
    /// Behind HAProxy, which says in a first line who the client is.
    HaProxy,
    /// Takes XCLIENT from loopback.
    Xclient,
    /// smtpd in a chroot, as Debian has it.
    Chroot,
    /// smtpd linked with OpenSSL 1.1.1: SSL 3, RC4, anonymous and NULL ciphers.
    Weak,
    /// Where other servers are to come in, at all of inet_interfaces; with [`PostfixOptions::outside`].
    Outside,
}

/// How to set up a Postfix.
#[derive(Default)]
pub struct PostfixOptions {
    arguments: Vec<String>,
}

impl PostfixOptions {
    /// With this milter on every SMTP service.
    pub fn milter(self, milter: &Milter) -> Self {
        self.option("--milter", &milter.postfix_name())
    }

    /// With `smtpd_milters` as written.
    pub fn milters(self, value: &str) -> Self {
        self.option("--milter", value)
    }

    /// With a line of main.cf.
    pub fn main(self, line: &str) -> Self {
        self.option("--main", line)
    }

    /// With lines of master.cf.
    pub fn master(self, lines: &str) -> Self {
        self.option("--master", lines)
    }

    /// With this program (smtpd, postscreen) and its options where other servers are to come in.
    pub fn outside(self, program: &str) -> Self {
        self.option("--outside", program)
    }

    /// Delivers to these hosts as well: names of where the mail arrives.
    pub fn hosts(self, names: &[&str]) -> Self {
        self.option("--hosts", &names.join(" "))
    }

    /// Asks this resolver for the hosts that it delivers to.
    pub fn resolver(self, resolver: &Resolver) -> Self {
        self.option("--resolver", &resolver.address().to_string())
            .main("smtp_dns_support_level = dnssec")
            .main("smtp_host_lookup = dns")
            // The root has nothing to do with it.
            .main("dnssec_probe =")
    }

    /// Sends everything to this port, as the server of somebody who writes to us does.
    pub fn sends_to(self, port: u16) -> Self {
        self.main("relay_domains =")
            .main("mydestination =")
            .main(&format!("relayhost = [127.0.0.1]:{port}"))
            .main("default_transport = out")
            // A session that began while the milter was down answers 451 to its end, and one that is
            // kept for reuse takes five minutes to end.
            .main("smtp_connection_cache_on_demand = no")
            .master("out unix - - n - - smtp -o smtp_tls_security_level=may")
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }
}

/// A running Postfix and the place where its mail arrives.
pub struct Postfix {
    mta: Mta,
    sink: Sink,
}

impl Postfix {
    /// Starts one; all its services listen.
    pub fn start(options: PostfixOptions) -> Self {
        let sink = Sink::start();
        let options = options.option("--deliver-to", &sink.port().to_string());
        Self { mta: Mta::start("up-postfix", options.arguments), sink }
    }

    /// Starts one with this milter.
    pub fn with(milter: &Milter) -> Self {
        Self::start(PostfixOptions::default().milter(milter))
    }

    /// The TCP port of a service.
    pub fn port(&self, service: Service) -> u16 {
        self.mta.port() + service as u16
    }

    /// Where its mail arrives.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Its log.
    pub fn log(&self) -> &Lines {
        self.mta.log()
    }

    /// Where main.cf lies.
    pub fn configuration(&self) -> std::path::PathBuf {
        self.mta.directory().join("etc")
    }

    /// The queue directory, which is also the chroot.
    pub fn queue_directory(&self) -> std::path::PathBuf {
        self.mta.directory().join("spool")
    }

    /// Tries everything in the queue again, now and as often as it needs.
    pub fn retry_until_delivered(&mut self) {
        wait_until("an empty queue", || {
            let queue = self.queue();
            // A flush leaves some among the new mail, which the next one takes.
            if !queue.is_empty() && queue.iter().all(|file| file.queue != "active") {
                self.flush();
            }
            queue.is_empty().then_some(())
        });
    }

    /// Tries everything in the queue again, once.
    pub fn flush(&mut self) {
        self.mta.command("flush");
    }

    /// Has it read its configuration again, as `postfix reload` does: sessions in hand end first.
    pub fn reload(&mut self) {
        let before = self.log().len();
        self.mta.command("reload");
        self.log().wait_after(before, "the reload", |line| line.contains("reload -- version"));
    }

    /// Ends all its processes at once (SIGKILL), as a crash of the machine does, and starts it again.
    pub fn crash_and_start(&mut self) {
        self.mta.command("crash");
    }

    /// Ends all its processes; its ports stay its own, and its configuration stays.
    pub fn stop(&mut self) {
        self.mta.command("stop");
    }

    /// Ends all processes of smtpd at once (SIGKILL).
    pub fn kill_smtpd(&self) {
        for id in self.mta.processes("smtpd") {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
    }

    /// Runs a program where this Postfix lives: among its processes, so that they can be signalled, and with a
    /// /var/lib of its own.
    pub fn within(&self, words: &[&str]) -> Output {
        let own = "mountpoint -q /var/lib || mount -t tmpfs tmpfs /var/lib; exec \"$@\"";
        let target = self.mta.first_process().to_string();
        let enter = ["--mount", "--pid", "--target", &target, "sh", "-c", own, "sh"];
        let mut command = Command::new("nsenter");
        command.args(enter).args(words).stdin(Stdio::null()).output().expect("nsenter runs")
    }

    /// Removes everything from the queue.
    pub fn remove_all(&self) {
        let output =
            self.within(&["postsuper", "-c", &self.configuration().to_string_lossy(), "-d", "ALL"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// What is in the queue.
    pub fn queue(&self) -> Vec<QueueFile> {
        let etc = self.mta.directory().join("etc");
        let list = self.mta.output("postqueue", &[Path::new("-c"), &etc, Path::new("-j")]);
        list.lines().map(QueueFile::parse).collect()
    }

    /// Waits until the queue is as wanted; Postfix reports no event for it.
    pub fn wait_for_queue(&self, what: &str, wanted: impl Fn(&[QueueFile]) -> bool) {
        wait_until_or(
            || format!("{what}; in the queue: {:#?}", self.queue()),
            || wanted(&self.queue()).then_some(()),
        );
    }

    /// Hands a message to `sendmail(1)`, as a local program does.
    pub fn submit_locally(&self, sender: &str, recipients: &[&str], subject: &str) -> Output {
        let arguments = [&["-i", "-f", sender], recipients].concat();
        self.sendmail(&arguments, &format!("From: {sender}\nSubject: {subject}\n\nHello.\n"))
    }

    /// Speaks SMTP with `sendmail -bs` over its standard input, as some local programs do.
    pub fn speak_locally(&self, commands: &str) -> String {
        let output = self.sendmail(&["-bs"], commands);
        String::from_utf8(output.stdout).expect("replies are ASCII")
    }

    fn sendmail(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write;
        let mut sendmail = Command::new("/usr/sbin/sendmail")
            .arg("-C")
            .arg(self.mta.directory().join("etc"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Postfix's sendmail(1)");
        let mut to = sendmail.stdin.take().expect("piped");
        to.write_all(input.as_bytes()).expect("sendmail(1) reads");
        drop(to);
        sendmail.wait_with_output().expect("our child")
    }
}

/// One message in the queue.
#[derive(Clone, Debug)]
pub struct QueueFile {
    /// `incoming`, `active`, `deferred`, `hold`.
    pub queue: String,
    /// Who it is still for, and why it is not there yet.
    pub recipients: Vec<(String, String)>,
}

impl QueueFile {
    fn parse(line: &str) -> Self {
        let value: serde_json::Value =
            serde_json::from_str(line).expect("postqueue -j writes JSON");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let recipients = value["recipients"].as_array().expect("a list");
        Self {
            queue: text(&value["queue_name"]),
            recipients: recipients
                .iter()
                .map(|one| (text(&one["address"]), text(&one["delay_reason"])))
                .collect(),
        }
    }
}
