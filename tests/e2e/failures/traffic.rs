//! Mail that flows all the while: several clients, each in a way of its own, that keep count of what
//! becomes of each message.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ledger::{History, Reader, Selection};

use crate::support::{Milter, PATIENCE, Postfix, Reply, SmtpClient, Tls, wait_until};

/// One domain that is enforced and one that is monitored; `virtual.example` has not opted in.
pub const POLICY: &str = "\
domains:
  - example.com
  - { domain: example.net, mode: monitor }
";

/// Messages that a client sends over one connection.
const PER_SESSION: usize = 3;
/// Between two messages of a client: there are other tests, too.
const PACE: Duration = Duration::from_millis(20);

/// How a client sends mail, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    encrypted: bool,
    domain: &'static str,
}

impl Way {
    const ALL: [Self; 6] = {
        const fn way(encrypted: bool, domain: &'static str) -> Way {
            Way { encrypted, domain }
        }
        [
            way(false, "example.com"),
            way(false, "example.net"),
            way(false, "virtual.example"),
            way(true, "example.com"),
            way(true, "example.net"),
            way(true, "virtual.example"),
        ]
    };

    /// What [`POLICY`] wants with it.
    fn is_to_be_refused(self) -> bool {
        !self.encrypted && self.domain == "example.com"
    }

    fn is_opted_in(self) -> bool {
        self.domain != "virtual.example"
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The MTA has taken it.
    Accepted,
    /// The milter has refused its recipient for now (450 4.7.1).
    Refused,
    /// The MTA has put it off by itself, or whoever was to encrypt the session.
    Deferred,
    /// The connection was lost before all of it was sent.
    Broken,
    /// The connection was lost before the answer to all of it: it may arrive or not.
    Unknown,
}

struct Attempt {
    way: Way,
    subject: String,
    begun: Instant,
    fate: Fate,
    /// Whether the milter was asked for its recipient, and answered.
    judged: bool,
}

/// The clients, while they send.
pub struct Traffic {
    port: u16,
    shared: Mutex<Shared>,
    news: Condvar,
}

#[derive(Default)]
struct Shared {
    attempts: Vec<Attempt>,
    begun: usize,
    over: bool,
    /// A client has met something that must not be.
    failed: bool,
}

/// What all clients have sent.
pub struct Sent(Vec<Attempt>);

/// Tells everybody, when it is dropped, to come to an end.
struct Over<'a>(&'a Traffic);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if let Ok(mut shared) = self.0.shared.lock() {
            shared.over = true;
            shared.failed |= std::thread::panicking();
        }
        self.0.news.notify_all();
    }
}

impl Traffic {
    /// Has clients send mail to this port while `body` runs; it ends as well, however `body` does.
    pub fn during(port: u16, body: impl FnOnce(&Self)) -> Sent {
        let traffic = Self { port, shared: Mutex::default(), news: Condvar::new() };
        std::thread::scope(|scope| {
            for way in Way::ALL {
                let traffic = &traffic;
                scope.spawn(move || traffic.send(way));
            }
            let _over = Over(&traffic);
            traffic.wait_until_it_flows();
            body(&traffic);
        });
        let shared = traffic.shared.into_inner().expect("no client has failed");
        assert_eq!(shared.attempts.len(), shared.begun, "the fate of each message is known");
        Sent(shared.attempts)
    }

    /// Waits until each client has had the right answer to a message that it began after now.
    pub fn wait_until_it_flows(&self) {
        self.wait_for_each("the right answers", |way, fate| {
            fate == if way.is_to_be_refused() { Fate::Refused } else { Fate::Accepted }
        });
    }

    /// Waits until each client has had a message put off that it began after now.
    pub fn wait_until_it_is_put_off(&self) {
        self.wait_for_each("mail that is put off", |_, fate| fate == Fate::Deferred);
    }

    fn wait_for_each(&self, what: &str, wanted: impl Fn(Way, Fate) -> bool) {
        let from = Instant::now();
        let mut shared = self.shared();
        loop {
            let right =
                |attempt: &&Attempt| attempt.begun >= from && wanted(attempt.way, attempt.fate);
            let right = shared.attempts.iter().filter(right);
            let seen: BTreeSet<Way> = right.map(|attempt| attempt.way).collect();
            if seen.len() == Way::ALL.len() {
                return;
            }
            let left = (from + PATIENCE).saturating_duration_since(Instant::now());
            if shared.failed || left.is_zero() {
                let (failed, count) = (shared.failed, count(&shared.attempts));
                drop(shared);
                assert!(!failed, "a client has failed while all wait for {what}");
                panic!("waited in vain for {what}: {count:?}");
            }
            shared = self.news.wait_timeout(shared, left).expect("no client has failed").0;
        }
    }

    /// How many recipients of opted-in domains the milter has judged so far, as far as clients know.
    pub fn judged(&self) -> u64 {
        judged(&self.shared().attempts)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no client has failed")
    }

    fn send(&self, way: Way) {
        // No client ends before the test does.
        let _over = Over(self);
        let mut number = 0;
        let mut session: Option<SmtpClient> = None;
        let mut sent = 0;
        while !self.shared().over {
            let how = if way.encrypted { "encrypted" } else { "in the clear" };
            let subject = format!("{how} to {} {number}", way.domain);
            number += 1;
            self.shared().begun += 1;
            let begun = Instant::now();
            let mut judged = false;
            let fate = self.try_to_send(way, &subject, &mut session, &mut judged);
            sent += 1;
            let goes_on = matches!(fate, Fate::Accepted | Fate::Refused);
            if !goes_on || sent % PER_SESSION == 0 {
                session = None;
            }
            self.shared().attempts.push(Attempt { way, subject, begun, fate, judged });
            self.news.notify_all();
            std::thread::sleep(PACE);
        }
    }

    fn try_to_send(
        &self,
        way: Way,
        subject: &str,
        session: &mut Option<SmtpClient>,
        judged: &mut bool,
    ) -> Fate {
        let session = match session {
            Some(session) => session,
            none => match self.connect(way.encrypted) {
                Ok(Ok(new)) => none.insert(new),
                Ok(Err(reply)) => return put_off(&reply),
                Err(_) => return Fate::Broken,
            },
        };
        let recipient = format!("RCPT TO:<user@{}>", way.domain);
        for (command, code) in
            [("MAIL FROM:<sender@example.org>", 250), (&*recipient, 250), ("DATA", 354)]
        {
            let Ok(reply) = session.try_command(command) else { return Fate::Broken };
            let refused = reply.code == 450 && reply.text().starts_with("4.7.1 ");
            *judged |= command == recipient && (refused || reply.code == code);
            if command == recipient && refused {
                return match session.try_command("RSET") {
                    Ok(_) => Fate::Refused,
                    Err(_) => Fate::Broken,
                };
            }
            if reply.code != code {
                return put_off(&reply);
            }
        }
        match session.try_message(subject) {
            Ok(reply) if reply.code == 250 => Fate::Accepted,
            Ok(reply) => put_off(&reply),
            Err(_) => Fate::Unknown,
        }
    }

    /// A new session, up to MAIL; or the answer that ends it.
    fn connect(&self, encrypted: bool) -> io::Result<Result<SmtpClient, Reply>> {
        let mut client = SmtpClient::try_connect(self.port)?;
        let greeting = client.try_reply()?;
        if greeting.code != 220 {
            return Ok(Err(greeting));
        }
        client.try_command("EHLO client.example.net")?;
        if encrypted {
            let reply = client.try_command("STARTTLS")?;
            if reply.code != 220 {
                return Ok(Err(reply));
            }
            client.handshake(&Tls::V1_3)?;
            client.try_command("EHLO client.example.net")?;
        }
        Ok(Ok(client))
    }
}

/// The fate of a message with this answer: nothing but a temporary one is right.
fn put_off(reply: &Reply) -> Fate {
    assert!((400..500).contains(&reply.code), "{reply}");
    Fate::Deferred
}

fn judged(attempts: &[Attempt]) -> u64 {
    let judged = |attempt: &&Attempt| attempt.judged && attempt.way.is_opted_in();
    attempts.iter().filter(judged).count() as u64
}

/// Recipients in the ledger of this state directory.
pub fn recorded(milter: &Milter, state_dir: &str) -> u64 {
    let mut count = 0;
    if let Ok(reader) = Reader::open(&milter.directory().join(state_dir).join("ledger.sqlite")) {
        reader.each(&Selection::default(), |row| count += row.tally.count).expect("a ledger");
    }
    count
}

fn count(attempts: &[Attempt]) -> BTreeMap<(Way, Fate), usize> {
    let mut count = BTreeMap::new();
    for attempt in attempts {
        *count.entry((attempt.way, attempt.fate)).or_default() += 1;
    }
    count
}

impl Sent {
    /// Asserts what holds whatever happened: mail that the policy refuses was never taken and other mail
    /// never refused, and what was taken has arrived, once, and nothing else has.
    pub fn check(&self, postfix: &Postfix) {
        let arrived = self.arrived(postfix);
        assert!(arrived.values().all(|times| *times == 1), "more than once: {arrived:?}");
    }

    /// The same, but a message may arrive more than once: an MTA that crashes does not know what it has
    /// delivered.
    pub fn check_at_least_once(&self, postfix: &Postfix) {
        self.arrived(postfix);
    }

    /// How many were put off or broken off.
    pub fn disturbed(&self) -> usize {
        self.0.iter().filter(|attempt| attempt.fate >= Fate::Deferred).count()
    }

    /// How many were broken off: the MTA itself was in trouble.
    pub fn broken(&self) -> usize {
        self.0.iter().filter(|attempt| attempt.fate >= Fate::Broken).count()
    }

    /// How many recipients of opted-in domains the milter has judged.
    pub fn judged(&self) -> u64 {
        judged(&self.0)
    }

    fn arrived(&self, postfix: &Postfix) -> BTreeMap<String, usize> {
        println!("{:?}", count(&self.0));
        for attempt in &self.0 {
            let wrong = if attempt.way.is_to_be_refused() { Fate::Accepted } else { Fate::Refused };
            assert_ne!(attempt.fate, wrong, "{}", attempt.subject);
        }
        let of = |fates: &[Fate]| -> BTreeSet<&str> {
            let had = self.0.iter().filter(|attempt| fates.contains(&attempt.fate));
            had.map(|attempt| attempt.subject.as_str()).collect()
        };
        let accepted = of(&[Fate::Accepted]);
        let may_arrive = of(&[Fate::Accepted, Fate::Unknown]);
        wait_until("all mail that was taken", || {
            let deliveries = postfix.sink().deliveries();
            let mut arrived = BTreeMap::new();
            for delivery in &deliveries {
                *arrived.entry(delivery.subject().to_owned()).or_default() += 1;
            }
            let surplus = arrived.keys().find(|subject| !may_arrive.contains(subject.as_str()));
            assert_eq!(surplus, None, "nobody took it");
            let complete = accepted.iter().all(|subject| arrived.contains_key(*subject));
            complete.then_some(arrived)
        })
    }
}
