//! What a policy says of a recipient: a small model, written from the documentation and with nothing
//! of the product's own code.

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use super::requirement::Requirement;
use crate::support::TlsState;

/// A policy, as far as the sessions meet it.
#[derive(Clone, Debug)]
pub struct Policy {
    pub default: Terms,
    pub requirements: Vec<Requirement>,
    pub trusted: Vec<Network>,
    pub trusts_authenticated: bool,
    pub domains: Vec<Entry>,
    pub senders: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    /// `one.test`, `*.one.test`, `*` or `boss@one.test`.
    pub name: &'static str,
    pub terms: Terms,
    pub exceptions: Vec<Exception>,
}

/// What is asked of a session; what an entry does not say is taken from the defaults.
#[derive(Clone, Debug)]
pub struct Terms {
    pub mode: Option<Mode>,
    /// The number of a requirement.
    pub require: Option<usize>,
    pub reply: Option<Reply>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Off,
    Monitor,
    Enforce,
    /// `enforce_from` a day long ago.
    EnforceSince,
    /// `enforce_from` a day far ahead.
    EnforceFrom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The built-in text.
    BuiltIn,
    /// A text that tells all that the milter believes of the session, under this code.
    Telling(u16),
}

#[derive(Clone, Debug)]
pub struct Exception {
    pub client: Option<Network>,
    pub sender: Option<&'static str>,
    pub certificate: bool,
    /// Whether its last day is over; none if it has none.
    pub over: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub address: Ipv4Addr,
    pub bits: u32,
}

/// What decides about a RCPT, as the client knows it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'s> {
    pub client: Ipv4Addr,
    pub authenticated: bool,
    pub tls: Option<&'s TlsState>,
    /// Whether the client has shown a certificate that the MTA trusts.
    pub certified: bool,
    /// The sender's domain.
    pub sender: Option<&'s str>,
    pub mailbox: &'s str,
    pub domain: &'s str,
}

/// What becomes of a RCPT; the later is the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Accept,
    WouldRefuse,
    Refuse,
}

/// A verdict; of a refusal, how it may be worded: for the recipient's entry or for the sender's.
#[derive(Clone, Debug)]
pub struct Ruling {
    pub verdict: Verdict,
    pub refusals: Vec<Refusal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: u16,
    /// Words of the text.
    pub words: String,
}

impl Policy {
    /// What becomes of a RCPT: the strictest of what its entries say.
    pub fn rule(&self, case: &Case<'_>) -> Ruling {
        let mut ruling = Ruling { verdict: Verdict::Accept, refusals: Vec::new() };
        let mut found = |entry: &Entry, direction: &str, domain: &str| {
            let verdict = self.verdict(entry, case);
            ruling.verdict = ruling.verdict.max(verdict);
            if verdict == Verdict::Refuse {
                ruling.refusals.push(self.refusal(entry, case, direction, domain));
            }
        };
        // A mailbox with an extension is both: what the MTA makes of the extension is not known.
        let base = case.mailbox.split('+').next().unwrap_or_default();
        let mailbox = |local: &str| format!("{local}@{}", case.domain);
        let own = find(&self.domains, &mailbox(case.mailbox));
        let own = own.or_else(|| most_specific(&self.domains, case.domain));
        let extended = find(&self.domains, &mailbox(base)).filter(|_| base != case.mailbox);
        for entry in own.into_iter().chain(extended) {
            found(entry, "for", case.domain);
        }
        if let Some(domain) = case.sender
            && let Some(entry) = most_specific(&self.senders, domain)
        {
            found(entry, "from", domain);
        }
        ruling
    }

    fn verdict(&self, entry: &Entry, case: &Case<'_>) -> Verdict {
        let mode = entry.terms.mode.or(self.default.mode).unwrap_or(Mode::Enforce);
        let is_let_through = self.trusted.iter().any(|network| network.holds(case.client))
            || self.trusts_authenticated && case.authenticated
            || self.requirement(entry).is_met(case)
            || entry.exceptions.iter().any(|exception| exception.holds(case));
        match mode {
            _ if is_let_through => Verdict::Accept,
            Mode::Off => Verdict::Accept,
            Mode::Monitor | Mode::EnforceFrom => Verdict::WouldRefuse,
            Mode::Enforce | Mode::EnforceSince => Verdict::Refuse,
        }
    }

    fn requirement(&self, entry: &Entry) -> &Requirement {
        let number = entry.terms.require.or(self.default.require);
        &self.requirements[number.unwrap_or_default()]
    }

    fn refusal(&self, entry: &Entry, case: &Case<'_>, direction: &str, domain: &str) -> Refusal {
        let (version, cipher) = names(case.tls);
        let why = if case.tls.is_none() { "this connection is not encrypted" } else { "" };
        match entry.terms.reply.or(self.default.reply).unwrap_or(Reply::BuiltIn) {
            Reply::BuiltIn => Refusal {
                code: 450,
                words: format!(
                    "Mail {direction} {domain} is accepted only over an adequately encrypted \
                     connection: {why}"
                ),
            },
            Reply::Telling(code) => Refusal {
                code,
                words: format!("Told of {domain}: {} {version} {cipher}: {why}", case.client),
            },
        }
    }
}

/// Version and cipher as the milter names them.
pub fn names(tls: Option<&TlsState>) -> (&str, &str) {
    tls.map_or(("none", "none"), |tls| (tls.version, tls.cipher))
}

fn find<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.name == name)
}

/// The domain, then the longest wildcard.
fn most_specific<'e>(entries: &'e [Entry], domain: &str) -> Option<&'e Entry> {
    let parents = domain.match_indices('.').map(|(dot, _)| format!("*{}", &domain[dot..]));
    let names = [domain.to_owned()].into_iter().chain(parents).chain(["*".to_owned()]);
    names.into_iter().find_map(|name| find(entries, &name))
}

impl Exception {
    fn holds(&self, case: &Case<'_>) -> bool {
        self.client.is_none_or(|network| network.holds(case.client))
            && self.sender.is_none_or(|sender| case.sender == Some(sender))
            && (!self.certificate || case.certified)
            && self.over != Some(true)
    }
}

impl Network {
    fn holds(self, address: Ipv4Addr) -> bool {
        let prefix = |address: Ipv4Addr| u64::from(u32::from(address)) >> (32 - self.bits);
        prefix(address) == prefix(self.address)
    }
}

/// As the file that the milter reads.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "defaults: {{ {} }}", self.terms(&self.default))?;
        writeln!(f, "requirements:")?;
        for requirement in self.requirements.iter().filter(|one| !one.is_built_in) {
            writeln!(f, "  {requirement}")?;
        }
        let trusted: Vec<_> = self.trusted.iter().map(Network::to_string).collect();
        let (clients, authenticated) = (trusted.join(", "), self.trusts_authenticated);
        writeln!(f, "trusted: {{ clients: [{clients}], authenticated: {authenticated} }}")?;
        for (key, entries) in [("domains", &self.domains), ("senders", &self.senders)] {
            writeln!(f, "{key}:{}", if entries.is_empty() { " []" } else { "" })?;
            for entry in entries {
                // The file may have names in any script.
                let name = entry.name.replace("xn--bcher-kva", "bücher");
                let terms = self.terms(&entry.terms);
                let exceptions: String =
                    entry.exceptions.iter().map(Exception::to_string).collect();
                writeln!(f, "  - {{ domain: \"{name}\", {terms}exceptions: [{exceptions}] }}")?;
            }
        }
        Ok(())
    }
}

impl Policy {
    fn terms(&self, terms: &Terms) -> String {
        let mut text = String::new();
        let mut say = |what: fmt::Arguments<'_>| write!(text, "{what}, ").expect("a string");
        match terms.mode {
            Some(Mode::Off) => say(format_args!("mode: off")),
            Some(Mode::Monitor) => say(format_args!("mode: monitor")),
            Some(Mode::Enforce) => say(format_args!("mode: enforce")),
            Some(Mode::EnforceSince) => say(format_args!("enforce_from: 2020-01-01")),
            Some(Mode::EnforceFrom) => say(format_args!("enforce_from: 2999-01-01")),
            None => {}
        }
        if let Some(number) = terms.require {
            say(format_args!("require: {}", self.requirements[number].name));
        }
        if let Some(Reply::Telling(code)) = terms.reply {
            say(format_args!(
                "reply: {{ code: {code}, \
                 text: \"Told of {{domain}}: {{client}} {{tls_version}} {{cipher}}: {{reason}}\" }}"
            ));
        }
        text
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        if let Some(client) = self.client {
            write!(f, "client: {client}, ")?;
        }
        if let Some(sender) = self.sender {
            write!(f, "sender: {sender}, ")?;
        }
        if self.certificate {
            f.write_str("client_certificate: { subject: client.example.net }, ")?;
        }
        match self.over {
            Some(true) => f.write_str("until: 2020-01-01, ")?,
            Some(false) => f.write_str("until: 2999-01-01, ")?,
            None => {}
        }
        f.write_str("reason: generated }, ")
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}
