//! A private Sendmail (`tests/mta/up-sendmail`).

use std::fs;
use std::process::Command;

use super::lines::Lines;
use super::milter::Milter;
use super::mta::Mta;
use super::sink::Sink;

/// How to set up a Sendmail.
#[derive(Default)]
pub struct SendmailOptions {
    arguments: Vec<String>,
}

impl SendmailOptions {
    /// With this milter; mail is deferred when it fails (`F=T`).
    pub fn milter(self, milter: &Milter) -> Self {
        let (socket, options) = match milter.port() {
            Some(port) => (format!("inet:{port}@127.0.0.1"), self),
            // Sendmail takes no socket below a world-writable directory such as /tmp.
            None => {
                let directory = milter.directory().to_str().expect("made from ASCII");
                (
                    "unix:/mnt/milter/milter.sock".to_owned(),
                    self.option("--milter-directory", directory),
                )
            }
        };
        options.option("--filter", &format!("S={socket}, F=T, T=C:30s;S:30s;R:30s;E:60s"))
    }

    /// Offers TLS 1.0, anonymous and NULL ciphers as well.
    pub fn weak(mut self) -> Self {
        self.arguments.push("--weak".to_owned());
        self
    }

    /// Its log has time, host and process, as a syslog daemon writes them.
    pub fn stamped(mut self) -> Self {
        self.arguments.push("--stamped".to_owned());
        self
    }

    /// With a line of the m4 configuration.
    pub fn mc(self, line: &str) -> Self {
        self.option("--mc", line)
    }

    /// The host example.com has these names as well, and Sendmail writes its own in their place, as it
    /// does by default.
    pub fn looks_up(self, names: &[&str]) -> Self {
        self.option("--hosts", &names.join(" ")).mc("undefine(`_NO_CANONIFY_')")
    }

    /// With a table for the feature of this name.
    pub fn table(mut self, name: &str, lines: &str) -> Self {
        self.arguments.extend(["--map".to_owned(), name.to_owned(), lines.to_owned()]);
        self.mc(&format!("FEATURE(`{name}')"))
    }

    /// With an access map.
    pub fn access(mut self, lines: &str) -> Self {
        self.arguments.extend(["--map".to_owned(), "access".to_owned(), lines.to_owned()]);
        self.mc("FEATURE(`access_db')")
    }

    /// Delivers to this port of 127.0.0.2, and not to its sink.
    pub fn delivers_to(self, port: u16) -> Self {
        self.option("--deliver-to", &port.to_string())
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }
}

/// A running Sendmail and the place where its mail arrives.
pub struct Sendmail {
    mta: Mta,
    sink: Sink,
}

impl Sendmail {
    /// Starts one; all its ports listen.
    pub fn start(options: SendmailOptions) -> Self {
        let sink = Sink::start();
        // The last one counts.
        let mut all = SendmailOptions::default().delivers_to(sink.port()).arguments;
        all.extend(options.arguments);
        Self { mta: Mta::start("up-sendmail", all), sink }
    }

    /// Starts one with this milter.
    pub fn with(milter: &Milter) -> Self {
        Self::start(SendmailOptions::default().milter(milter))
    }

    /// The port with STARTTLS and AUTH PLAIN.
    pub fn smtp_port(&self) -> u16 {
        self.mta.port()
    }

    /// The port with implicit TLS.
    pub fn smtps_port(&self) -> u16 {
        self.mta.port() + 1
    }

    /// Where its mail arrives.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// What doctor prints with the settings of this milter, where this is the host's only MTA: in an /etc of
    /// its own.
    pub fn doctor(&self, milter: &Milter) -> String {
        let script =
            "cp -a /etc/. \"$1/etc\" && install -D -m 644 \"$2\" \"$1/etc/mail/sendmail.cf\" &&
            mount --bind \"$1/etc\" /etc && exec \"$3\" doctor --config \"$4\"";
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join("etc")).expect("our own directory");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(directory.path());
        command.arg(self.mta.directory().join("sendmail.cf"));
        command
            .arg(env!("CARGO_BIN_EXE_mandatory-tls"))
            .arg(milter.directory().join("milter.yaml"));
        // There may be a Postfix on the machine.
        let output = command.env("MAIL_CONFIG", "/nonexistent").output().expect("unshare runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Its log.
    pub fn log(&self) -> &Lines {
        self.mta.log()
    }

    /// Speaks SMTP with `sendmail -bs` over its standard input, as some local programs do.
    pub fn speak_locally(&mut self, commands: &str) -> String {
        let directory = self.mta.directory().to_owned();
        fs::write(directory.join("speak"), commands).expect("a directory of our own");
        self.mta.command("speak");
        fs::read_to_string(directory.join("spoken")).expect("replies are ASCII")
    }
}
