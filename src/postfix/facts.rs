//! What is known of a Postfix: its parameters, its services, the maps that could be read.
//!
//! Pure: `gather` asks Postfix and fills this in, tests write it down.

use super::diagnosis::Place;
use super::syntax::elements;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Parameters of main.cf as they are in force, defaults included, `$name` expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads lines of the form `name = value`, as postconf writes them.
    pub fn parse(lines: &str) -> Self {
        Self(lines.lines().filter_map(parse_setting).collect())
    }

    /// The value of a parameter; empty where this Postfix has no such parameter.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The elements of a parameter that is a list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        elements(self.get(name))
    }

    /// Whether a parameter is `yes`.
    pub fn is_yes(&self, name: &str) -> bool {
        self.get(name).eq_ignore_ascii_case("yes")
    }

    /// Whether an smtpd with them is set to offer STARTTLS.
    pub fn offer_tls(&self) -> bool {
        match &*self.get("smtpd_tls_security_level").to_ascii_lowercase() {
            "none" => false,
            "" => self.is_yes("smtpd_use_tls") || self.is_yes("smtpd_enforce_tls"),
            _ => true,
        }
    }

    /// Puts a value in the place of the one there is.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }
}

fn parse_setting(line: &str) -> Option<(String, String)> {
    // The value may hold the sign as well.
    let (name, value) = line.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// A line of master.cf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    /// The name: a port, an address and port, or a word.
    pub name: String,
    /// `inet`, `unix`, `pass`, ...
    pub kind: String,
    /// Whether it runs chrooted to `queue_directory`.
    pub chroot: bool,
    /// How many processes it may have at most; none: any number.
    pub processes: Option<u32>,
    /// The program, without its directory.
    pub program: String,
    /// The parameters in force for it: those of main.cf, and its own `-o`.
    pub parameters: Parameters,
}

/// Whose mail an smtpd takes, as far as its port tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Other mail servers': port 25, also behind postscreen.
    Public,
    /// Users' (465, 587).
    Submission,
    /// This host's own, such as a content filter's: only the loopback address.
    Internal,
    /// Unknown: another port.
    Other,
}

impl Service {
    /// Reads a line of `postconf -M`. The parameters are those of main.cf, to begin with.
    pub fn parse(line: &str, main: &Parameters) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (name, kind) = (fields.next()?, fields.next()?);
        let (_private, _unprivileged) = (fields.next()?, fields.next()?);
        let (chroot, _wakeup, processes) = (fields.next()?, fields.next()?, fields.next()?);
        let program = fields.next()?.rsplit('/').next()?;
        let processes = match processes {
            "-" => main.get("default_process_limit"),
            number => number,
        };
        Some(Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            chroot: chroot == "y" || (chroot == "-" && chroots_by_default(main)),
            processes: processes.parse().ok().filter(|number| *number != 0),
            program: program.to_owned(),
            parameters: main.clone(),
        })
    }

    /// How `postconf -P` names it: `submission/inet`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.name, self.kind)
    }

    /// Whether `master_service_disable` leaves it on: `inet`, `smtp/inet`, `!submission/inet`; the first that fits
    /// decides (postconf(5)).
    pub fn is_on(&self, main: &Parameters) -> bool {
        main.list("master_service_disable")
            .find_map(|pattern| {
                let (on, pattern) = match pattern.strip_prefix('!') {
                    Some(pattern) => (true, pattern),
                    None => (false, pattern),
                };
                (pattern == self.kind || pattern == self.label()).then_some(on)
            })
            .unwrap_or(true)
    }

    /// Whose mail it takes.
    pub fn role(&self) -> Role {
        if self.kind == "pass" {
            return Role::Public;
        }
        if self.kind != "inet" {
            return Role::Internal;
        }
        let (host, port) = self.name.rsplit_once(':').unwrap_or(("", &self.name));
        if is_loopback(host) {
            return Role::Internal;
        }
        match port {
            "25" | "smtp" => Role::Public,
            "465" | "587" | "smtps" | "submission" | "submissions" => Role::Submission,
            _ => Role::Other,
        }
    }
}

/// What `-` means in the chroot column: "no", but "yes" where the configuration is from before
/// Postfix 3.0.
fn chroots_by_default(main: &Parameters) -> bool {
    let level = main.get("compatibility_level").split('.').next().unwrap_or_default();
    level.parse::<u32>().unwrap_or(0) == 0
}

/// Whether a host, as Postfix writes it, is a loopback address.
pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || address(host).is_some_and(|ip| ip.is_loopback())
}

/// An IP address, with or without brackets.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(host).parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// A service's own settings, in the order of `postconf -P`: `submission/inet/name = value`.
pub(super) fn parse_overrides(lines: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let mut overrides: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (path, value) in lines.lines().filter_map(parse_setting) {
        // A service's name may hold slashes, the others cannot.
        if let Some((service, name)) = path.rsplit_once('/') {
            overrides.entry(service.to_owned()).or_default().push((name.to_owned(), value));
        }
    }
    overrides
}

/// What came of looking into a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MapContents {
    /// Its entries.
    Entries(Vec<(String, String)>),
    /// Why they cannot be seen.
    Unseen(String),
}

/// All that is known of a Postfix.
#[derive(Clone, Debug, Default)]
pub(crate) struct PostfixFacts {
    /// Where main.cf and master.cf lie.
    pub directory: String,
    /// main.cf.
    pub main: Parameters,
    /// main.cf as it is in force while Postfix is short of smtpd processes.
    pub under_stress: Parameters,
    /// What this Postfix does by default while a milter is down, whatever main.cf says.
    pub usual_action: String,
    /// master.cf, without what `master_service_disable` switches off.
    pub services: Vec<Service>,
    /// The services that run smtpd and are switched off.
    pub switched_off: Vec<String>,
    /// Whether there are other instances of Postfix on this host.
    pub one_of_several: bool,
    /// The maps that rewrite recipients, by type and name.
    pub maps: BTreeMap<String, MapContents>,
    /// The tables whose entries do something with a message, by type and name: pattern or key, and action.
    pub tables: BTreeMap<String, MapContents>,
    /// What postconf itself complains about.
    pub complaints: Vec<String>,
    /// Files of certificates and keys that are named and not there.
    pub missing: BTreeSet<String>,
}

impl PostfixFacts {
    /// The services that run a program.
    pub fn running<'a>(&'a self, program: &'a str) -> impl Iterator<Item = &'a Service> {
        self.services.iter().filter(move |service| service.program == program)
    }

    /// The parameters in force for each service that runs a program; those of main.cf where no
    /// service does.
    pub fn in_force<'a>(&'a self, program: &'a str) -> Vec<(Option<&'a Service>, &'a Parameters)> {
        let all: Vec<_> =
            self.running(program).map(|service| (Some(service), &service.parameters)).collect();
        if all.is_empty() { vec![(None, &self.main)] } else { all }
    }

    /// Where a parameter was given its value: main.cf, or the service's own line if it has
    /// another one.
    pub fn place(&self, service: Option<&Service>, name: &str) -> Place {
        let own = service.filter(|service| service.parameters.get(name) != self.main.get(name));
        let (subject, text) = match own {
            Some(service) => {
                let (label, value) = (service.label(), service.parameters.get(name));
                let text = format!("{}/master.cf: {label}: {name} = {value}", self.directory);
                (label, text)
            }
            None => {
                let text = format!("{}/main.cf: {name} = {}", self.directory, self.main.get(name));
                (name.to_owned(), text)
            }
        };
        Place { subject, text: text.trim_end().to_owned() }
    }

    /// A service's line in master.cf.
    pub fn line(&self, service: &Service) -> Place {
        let subject = service.label();
        Place { text: format!("{}/master.cf: {subject}", self.directory), subject }
    }

    /// The whole of a file; `""`: all of Postfix.
    pub fn file(&self, name: &str) -> Place {
        let text = if name.is_empty() {
            self.directory.clone()
        } else {
            format!("{}/{name}", self.directory)
        };
        Place { subject: name.to_owned(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_line_is_read() {
        let mut main =
            Parameters::parse("default_process_limit = 100\ncompatibility_level = 3.6\n");
        let line = "127.0.0.1:smtp inet  n  -  y  -  7  /usr/libexec/smtpd -o x=y";
        let service = Service::parse(line, &main).unwrap();
        assert_eq!(service.label(), "127.0.0.1:smtp/inet");
        assert_eq!(
            (service.chroot, service.processes, service.program.as_str()),
            (true, Some(7), "smtpd")
        );
        let of = |columns: &str, main: &Parameters| {
            let service = Service::parse(&format!("25 inet n - {columns} smtpd"), main).unwrap();
            (service.chroot, service.processes)
        };
        assert_eq!(of("- - -", &main), (false, Some(100)));
        assert_eq!(of("n - 0", &main), (false, None));
        main.set("compatibility_level", "0");
        assert_eq!(of("- - 1", &main), (true, Some(1)));
        assert_eq!(Service::parse("smtp inet n", &main), None);
    }

    #[test]
    fn a_port_tells_whose_mail_it_is() {
        for (name, kind, role) in [
            ("smtp", "inet", Role::Public),
            ("25", "inet", Role::Public),
            ("192.0.2.1:25", "inet", Role::Public),
            ("[2001:db8::1]:smtp", "inet", Role::Public),
            ("smtpd", "pass", Role::Public),
            ("submission", "inet", Role::Submission),
            ("0.0.0.0:465", "inet", Role::Submission),
            ("127.0.0.1:10025", "inet", Role::Internal),
            ("[::1]:25", "inet", Role::Internal),
            ("localhost:smtp", "inet", Role::Internal),
            ("private/in", "unix", Role::Internal),
            ("2525", "inet", Role::Other),
        ] {
            let service = Service { name: name.into(), kind: kind.into(), ..Service::default() };
            assert_eq!(service.role(), role, "{name} {kind}");
        }
    }

    #[test]
    fn services_are_switched_off_by_kind_or_by_name() {
        for (disable, name, on) in [
            ("", "smtp", true),
            ("inet", "smtp", false),
            ("unix, pass", "smtp", true),
            ("smtp/inet", "smtp", false),
            ("smtp/inet", "submission", true),
            ("!smtp/inet, inet", "smtp", true),
            ("!smtp/inet, inet", "submission", false),
        ] {
            let main = Parameters::parse(&format!("master_service_disable = {disable}"));
            let service = Service { name: name.into(), kind: "inet".into(), ..Service::default() };
            assert_eq!(service.is_on(&main), on, "{disable} {name}");
        }
    }

    #[test]
    fn settings_of_services_are_read() {
        let overrides = parse_overrides(
            "587/inet/smtpd_milters =\n587/inet/a = b = c/d\nprivate/x/unix/syslog_name = y\n",
        );
        let pairs = |label: &str| overrides.get(label).cloned().unwrap_or_default();
        assert_eq!(
            pairs("587/inet"),
            [("smtpd_milters".into(), "".into()), ("a".into(), "b = c/d".into())]
        );
        assert_eq!(pairs("private/x/unix"), [("syslog_name".into(), "y".into())]);
    }
}
