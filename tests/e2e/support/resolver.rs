//! A resolver that validates (unbound), and a zone that is signed for it: what DANE stands on.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::lines::Lines;
use super::open_directory;
use super::ports::PortBlock;

/// What each zone begins with; nothing in it is remembered for longer than a second.
const HEAD: &str = "\
example. 1 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 1
example. 1 IN NS ns.example.
ns.example. 1 IN A 127.0.0.1
";

/// What is done to a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// It is signed.
    Signed,
    /// It is signed, and TLSA records are changed afterwards.
    Forged,
    /// Nobody has signed it, and nobody says that it would be.
    Unsigned,
}

/// The resolver, for the zone `example`.
pub struct Resolver {
    address: Ipv4Addr,
    directory: tempfile::TempDir,
    /// The name of the files of the zone's key.
    key: String,
    process: Option<Child>,
    lines: Lines,
    _ports: PortBlock,
}

impl Resolver {
    /// Starts one that answers from these records.
    pub fn start(records: &str) -> Self {
        let directory = open_directory("resolver");
        let output = run(directory.path(), "ldns-keygen", &["-a", "ECDSAP256SHA256", "example"]);
        let key = String::from_utf8(output.stdout).expect("a file's name").trim().to_owned();
        // DNS has its port: what is free is an address.
        let ports = PortBlock::claim();
        let [high, low] = ports.first().to_be_bytes();
        let address = Ipv4Addr::new(127, 53, high, low);
        let lines = Lines::empty("unbound");
        let mut resolver = Self { address, directory, key, process: None, lines, _ports: ports };
        resolver.serve(records, Zone::Signed);
        resolver
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Answers from these records from here on, and remembers nothing of before.
    pub fn serve(&mut self, records: &str, zone: Zone) {
        self.stop();
        let directory = self.directory.path();
        fs::write(directory.join("zone"), format!("{HEAD}{records}")).expect("our own directory");
        let file = if zone == Zone::Unsigned {
            "zone"
        } else {
            run(directory, "ldns-signzone", &["-o", "example", "-f", "signed", "zone", &self.key]);
            "signed"
        };
        if zone == Zone::Forged {
            let signed = fs::read_to_string(directory.join(file)).expect("it was written");
            fs::write(directory.join(file), signed.replace("TLSA\t3 1 1 ", "TLSA\t3 1 0 "))
                .expect("our own directory");
        }
        let place = directory.display();
        let anchor = match zone {
            Zone::Unsigned => String::new(),
            _ => format!("  trust-anchor-file: \"{place}/{}.key\"\n", self.key),
        };
        let settings = format!(
            "server:\n  interface: {}\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  directory: \"{place}\"\n  \
             pidfile: \"\"\n  use-syslog: no\n  verbosity: 1\n  module-config: \"validator iterator\"\n{anchor}  \
             access-control: 127.0.0.0/8 allow\nremote-control:\n  control-enable: no\nauth-zone:\n  name: example\n  \
             zonefile: \"{place}/{file}\"\n  for-upstream: yes\n  for-downstream: no\n  fallback-enabled: no\n",
            self.address
        );
        fs::write(directory.join("unbound.conf"), settings).expect("our own directory");
        let before = self.lines.len();
        let mut unbound = Command::new("setpriv");
        unbound.args(["--pdeathsig", "KILL", "unbound", "-c"]).arg(directory.join("unbound.conf"));
        let mut process = unbound.stderr(Stdio::piped()).spawn().expect("setpriv runs");
        self.lines.follow(process.stderr.take().expect("piped"));
        self.process = Some(process);
        self.lines.wait_after(before, "the resolver", |line| line.contains("start of service"));
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("our child");
            process.wait().expect("our child");
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop();
        self.lines.print_if_failed();
    }
}

fn run(directory: &Path, program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).current_dir(directory).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; tests/install brings it"));
    assert!(output.status.success(), "{program}: {output:?}");
    output
}
