//! What may be counted of a scene, and what has to be: said by the scene, not by its lines.

use super::scene::{CAUSES, CIPHERS, Host, Message, Mta, Outcome, Recipient, Scene, Session, Way};
use super::text::Address;
use ledger::FromLog;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One thing that happened, as a row of the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// What, of whom, and what became of it, but for the domain.
    pub what: String,
    /// The domains under which it may stand: none where it must not be counted.
    pub domains: Vec<&'static str>,
    /// Whether it has to be counted, under the first of them.
    pub counts: bool,
    /// Over what; of a handshake that failed, what the client did then.
    pub how: String,
    /// In whose place it may be seen where lines are missing: the others of the same two hosts.
    pub among: String,
    /// How it looks where the line of its session is missing.
    pub without: &'static str,
}

/// What happened to a handshake that failed.
#[derive(Clone, Debug)]
struct Open {
    client: &'static Host,
    cause: usize,
    /// The domains of which it was told.
    told: BTreeSet<&'static str>,
}

/// Goes through a scene.
struct Witness<'s> {
    scene: &'s Scene,
    events: Vec<Event>,
    open: HashMap<&'static str, Vec<Open>>,
    failed: HashMap<&'static str, usize>,
}

/// All that happens in a scene.
#[must_use]
pub fn events(scene: &Scene) -> Vec<Event> {
    let mut witness =
        Witness { scene, events: Vec::new(), open: HashMap::new(), failed: HashMap::new() };
    for session in scene.groups.iter().flatten() {
        witness.session(session);
    }
    let open = std::mem::take(&mut witness.open);
    for handshake in open.into_values().flatten() {
        witness.handshake(&handshake, vec![""], true, "away");
    }
    witness.events
}

fn name(host: &Host) -> &'static str {
    if host.name == "unknown" { "" } else { host.name }
}

impl Witness<'_> {
    fn session(&mut self, session: &Session) {
        let client = session.client;
        match session.way {
            Way::Failed(cause) => {
                let open = Open { client, cause, told: BTreeSet::new() };
                self.open.entry(client.address).or_default().push(open);
                self.failed.insert(client.address, cause);
                return;
            }
            Way::Tls(_) => {
                self.failed.remove(client.address);
            }
            Way::Plain => {}
        }
        self.events.push(Event {
            what: String::new(),
            domains: Vec::new(),
            counts: false,
            how: self.how(session).to_owned(),
            among: format!("mail {}", client.address),
            without: "unknown",
        });
        for message in &session.messages {
            self.message(message, session);
        }
        self.afterwards(session);
    }

    /// What a session shows of handshakes of its client that had failed before.
    fn afterwards(&mut self, session: &Session) {
        let is_tls = session.way != Way::Plain;
        let is_postfix = self.scene.mta != Mta::Sendmail;
        let is_refused = !session.refused.is_empty();
        let is_settled = is_refused || !session.messages.is_empty();
        // What Sendmail does not log of a session, only a message shows.
        if !is_settled && !(is_tls && (is_postfix || self.scene.tells_in)) {
            return;
        }
        let Some(mut handshakes) = self.open.remove(session.client.address) else { return };
        let then = match (is_tls, is_refused) {
            (true, _) => "tls",
            (false, true) => "refused",
            (false, false) => "taken",
        };
        for handshake in &mut handshakes {
            self.handshake(handshake, vec![""], true, then);
            if then == "refused" {
                for (_, to) in &session.refused {
                    self.named(handshake, to, then);
                }
            }
            // Of a session that is not logged, Sendmail shows it with the message that comes first.
            let all = is_postfix || is_tls && self.scene.tells_in;
            let count = match (all, is_refused) {
                (true, _) => session.messages.len(),
                (false, true) => 0,
                (false, false) => 1,
            };
            let then = if then == "refused" { "taken" } else { then };
            for (number, message) in session.messages.iter().enumerate() {
                for recipient in &message.recipients {
                    if number < count {
                        self.named(handshake, &recipient.written, then);
                    }
                }
            }
        }
    }

    /// A recipient that a client named after its handshake had failed.
    fn named(&mut self, handshake: &mut Open, to: &Address, then: &str) {
        let domains: Vec<_> = match to.opted_in() {
            Some(domain) if !self.scene.hostile => vec![domain],
            Some(domain) => std::iter::once(domain).chain(to.named()).collect(),
            None => to.named(),
        };
        let counts = to.opted_in().is_some_and(|domain| handshake.told.insert(domain));
        if !domains.is_empty() {
            self.handshake(handshake, domains, counts, then);
        }
    }

    fn handshake(&mut self, of: &Open, domains: Vec<&'static str>, counts: bool, then: &str) {
        let (client, cause) = (of.client, CAUSES[of.cause].1);
        self.events.push(Event {
            what: format!("handshake {} {} {cause}", client.address, name(client)),
            domains,
            counts,
            how: then.to_owned(),
            among: format!("handshake {}", client.address),
            without: "unknown",
        });
    }

    /// Over what a session's messages come.
    fn how(&self, session: &Session) -> &'static str {
        let client = session.client;
        match session.way {
            Way::Tls(cipher) if self.scene.tells_in => CIPHERS[cipher].0,
            Way::Tls(_) => "encrypted",
            Way::Plain | Way::Failed(_) if self.failed.contains_key(client.address) => "failed",
            Way::Plain | Way::Failed(_) => "none",
        }
    }

    fn message(&mut self, message: &Message, session: &Session) {
        let client = session.client;
        let how = self.how(session);
        for recipient in &message.recipients {
            let mut domains = domains(&recipient.written, None);
            if self.scene.hostile {
                // A recipient of which no domain can be told.
                domains.push("");
            }
            self.events.push(Event {
                what: format!(
                    "mail {} {} {}",
                    client.address,
                    name(client),
                    u8::from(session.user.is_some())
                ),
                domains,
                counts: recipient.written.opted_in().is_some(),
                how: how.to_owned(),
                among: format!("mail {}", client.address),
                without: "unknown",
            });
            self.deliveries(recipient);
        }
    }

    fn deliveries(&mut self, recipient: &Recipient) {
        let is_sendmail = self.scene.mta == Mta::Sendmail;
        // Sendmail logs what the client wrote in the place of aliases elsewhere.
        let routed = recipient.routed.as_ref().filter(|_| !is_sendmail);
        let features = matches!(self.scene.mta, Mta::Postfix { features: true, .. });
        for attempt in &recipient.attempts {
            let tells = self.scene.tells_out;
            let how = match attempt.way {
                Way::Tls(cipher) if tells => CIPHERS[cipher].0,
                Way::Tls(_) if features => "encrypted",
                Way::Failed(_) => "failed",
                Way::Plain if tells || features => "none",
                Way::Plain if attempt.outcome == Outcome::NoTls && !is_sendmail => "none",
                Way::Tls(_) | Way::Plain => "unknown",
            };
            let became = match (attempt.outcome, attempt.way) {
                (_, Way::Failed(_)) if is_sendmail => "deferred handshake-failed",
                (Outcome::Sent, _) => "sent",
                (Outcome::Later, _) => "deferred reply",
                (Outcome::Bounced, _) => "bounced reply",
                (Outcome::NoTls, _) => "deferred tls-not-offered",
            };
            let counts = recipient.written.opted_in().or(routed.and_then(Address::opted_in));
            self.events.push(Event {
                what: format!(
                    "delivery {} {} {became}",
                    attempt.server.name, attempt.server.address
                ),
                domains: domains(&recipient.written, routed),
                counts: counts.is_some(),
                how: how.to_owned(),
                among: format!("delivery {}", attempt.server.address),
                // Nobody can tell, but where the line of the delivery says it itself.
                without: if features { "unknown" } else { "none" },
            });
        }
    }
}

/// The domains to which somebody writes in a scene.
#[must_use]
pub fn written_to(scene: &Scene) -> BTreeSet<&'static str> {
    let sessions = || scene.groups.iter().flatten();
    let refused = sessions().flat_map(|session| &session.refused).map(|(_, to)| to);
    let messages = sessions().flat_map(|session| &session.messages);
    let recipients = messages.flat_map(|message| &message.recipients);
    refused.chain(recipients.map(|recipient| &recipient.written)).flat_map(Address::named).collect()
}

/// Under what a recipient may be counted: its own domain first.
fn domains(written: &Address, routed: Option<&Address>) -> Vec<&'static str> {
    let own = written.opted_in().into_iter().chain(routed.and_then(Address::opted_in));
    own.chain(written.named()).collect()
}

/// A row that was counted: what of which domain, and how.
pub type Row = (String, String, String);

/// All that was counted, each as often as it was.
#[must_use]
pub fn rows(told: &FromLog) -> BTreeMap<Row, u64> {
    let mut rows = BTreeMap::new();
    let mut add = |what: String, domain: &str, how: &str, count: u64| {
        *rows.entry((what, domain.to_owned(), how.to_owned())).or_default() += count;
    };
    for (key, tally) in &told.mail {
        let what = format!("mail {} {} {}", key.client, key.name, key.flags);
        add(what, &key.domain, &key.tls_version, tally.count);
    }
    for (key, tally) in &told.deliveries {
        let is_said =
            |character: char| character.is_ascii_alphanumeric() || " .-'".contains(character);
        assert!(key.words.len() <= 100 && key.words.chars().all(is_said), "{}", key.words);
        let (status, reason) = (key.status.code(), key.reason.code());
        let became = match status {
            // What an attempt means for those before it.
            "settled" | "resumed" => continue,
            "sent" => status.to_owned(),
            _ => format!("{status} {reason}"),
        };
        let what = format!("delivery {} {} {became}", key.server, key.address);
        add(what, &key.domain, &key.tls_version, tally.count);
    }
    for (key, tally) in &told.handshakes {
        let what = format!(
            "handshake {} {} {}",
            key.client,
            key.name,
            key.failure.word().trim_start_matches("tls-failed:")
        );
        add(what, &key.domain, key.afterwards.code(), tally.count);
    }
    rows
}

/// What is wrong with what was counted where all that happened has to be, as it was.
#[must_use]
pub fn differs(events: &[Event], rows: &BTreeMap<Row, u64>) -> Option<String> {
    let mut expected: BTreeMap<Row, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event.counts) {
        let row = (event.what.clone(), event.domains[0].to_owned(), event.how.clone());
        *expected.entry(row).or_default() += 1;
    }
    let odd: Vec<_> = expected
        .iter()
        .filter(|(row, count)| rows.get(*row) != Some(count))
        .map(|(row, count)| format!("{count} times {row:?}"))
        .collect();
    (expected != *rows).then(|| format!("not counted as often as expected: {odd:#?}"))
}

/// What was counted and did not happen. Where lines are missing, less may be known of a session, and what was said
/// of one may be taken for what was said of another one between the same hosts.
#[must_use]
pub fn forged(
    events: &[Event],
    named: &BTreeSet<&str>,
    rows: &BTreeMap<Row, u64>,
    is_lossy: bool,
) -> Option<String> {
    let mut states: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in events {
        states.entry(&event.among).or_default().insert(&event.how);
    }
    let may_be = |event: &Event, (what, domain, how): &Row| {
        (event.what == *what || is_without_reason(what, &event.what, is_lossy))
            && event.domains.contains(&&**domain)
            && (is_weaker(how, &event.how)
                || is_lossy && what.starts_with("handshake ")
                || is_lossy && how == event.without
                || is_lossy && states[&*event.among].iter().any(|other| is_weaker(how, other)))
    };
    // Of a session that is missing, the next one tells in its place what its client did, and to whom it wrote.
    let is_elsewhere = |(what, domain, _): &Row| {
        is_lossy && what.starts_with("handshake ") && named.contains(&**domain)
    };
    let read: Vec<&Row> = rows
        .iter()
        .filter(|(row, _)| !(is_elsewhere(row) && !row.1.is_empty()))
        .flat_map(|(row, count)| std::iter::repeat_n(row, usize::try_from(*count).unwrap()))
        .collect();
    // Each has one of what happened to itself.
    let mut taken: Vec<Option<usize>> = vec![None; events.len()];
    for place in 0..read.len() {
        let mut tried = vec![false; events.len()];
        if !gives(place, &read, events, &may_be, &mut taken, &mut tried) {
            return Some(format!("{:?} did not happen", read[place]));
        }
    }
    None
}

/// Whether an event can be found for what was read, others giving way.
fn gives(
    place: usize,
    read: &[&Row],
    events: &[Event],
    may_be: &impl Fn(&Event, &Row) -> bool,
    taken: &mut Vec<Option<usize>>,
    tried: &mut Vec<bool>,
) -> bool {
    for (number, event) in events.iter().enumerate() {
        if tried[number] || !may_be(event, read[place]) {
            continue;
        }
        tried[number] = true;
        let is_free = match taken[number] {
            None => true,
            Some(other) => gives(other, read, events, may_be, taken, tried),
        };
        if is_free {
            taken[number] = Some(place);
            return true;
        }
    }
    false
}

/// Whether it is the same, but for a reason whose line is missing or ends before it.
fn is_without_reason(read: &str, truth: &str, is_lossy: bool) -> bool {
    match read.split(' ').next() {
        // The MTA itself cuts what is too long.
        Some("delivery") => {
            read.strip_suffix("other").is_some_and(|begin| truth.starts_with(begin))
        }
        // The next line of the library may be of another handshake with the same process.
        Some("handshake") if is_lossy => {
            let of = |what: &str| what.rsplit_once(' ').map(|(of, _)| of.to_owned());
            of(read) == of(truth)
        }
        _ => false,
    }
}

/// Whether less is said, and nothing that is not so. A client of which nothing more was seen stayed away.
fn is_weaker(read: &str, truth: &str) -> bool {
    let is_tls = |how: &str| how.starts_with("TLSv") || how == "encrypted";
    match read {
        "unknown" | "away" => true,
        "encrypted" => is_tls(truth),
        "none" | "failed" => matches!(truth, "none" | "failed"),
        _ => read == truth,
    }
}
