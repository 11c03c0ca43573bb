//! The second hop, live: what smtp(8) is answered when it asks for next hops, held against the policy.
//!
//! Each service that asks is stood in for: its user, its directory, its chroot, the socket as it names it. While
//! nobody answers there, all its mail is put off.

use super::{Answer, Health, Patient};
use crate::cli::look_up::{NOBODY, Task, Unanswered, is_answer};
use crate::command::{self, CommandError};
use crate::postfix::{
    HOP_MAPS, PostfixFacts, Service, elements, gather_all, is_our_map, means_socket,
};
use crate::wording::counted;
use config::finding::FindingId;
use config::settings::SocketSpec;
use jiff::Timestamp;
use nix::unistd::geteuid;
use policy::hop::NextHop;
use policy::{Entry, Policy, deliver};
use std::{collections::BTreeSet, fmt, path::Path, thread, time::Duration};

const SUBJECT: &str = "next hops";
/// So many next hops are asked for: enough to see another policy, or another program.
const MOST: usize = 50;
/// So many differences are shown.
const SHOWN: usize = 5;
/// A change of the files is in force after so many tries, so far apart.
const TRIES: usize = 4;
const BETWEEN: Duration = Duration::from_millis(500);

/// Somebody who asks: a service of Postfix, or whoever comes to a socket that none of them names.
struct Client<'f> {
    facts: Option<&'f PostfixFacts>,
    /// The service as one accepts a finding for it; empty: none.
    label: String,
    /// The map, or the socket, as it is named.
    map: String,
    task: Task,
}

pub(super) fn look(patient: &Patient) -> Vec<Answer> {
    let instances = gather_all(patient.postfix.as_deref()).map(|(instances, _)| instances);
    let instances = instances.unwrap_or_default();
    let kept = patient.last_good.as_ref().and_then(|kept| kept.as_ref().ok());
    // Where the files have errors, the one before them is in force.
    let policy = patient.valid_policy().or(kept.map(|kept| &kept.policy));
    let now = Timestamp::now();
    let keys = policy.map_or_else(|| vec![NOBODY.to_owned()], |policy| keys(policy, now));
    let mut clients: Vec<Client<'_>> = Vec::new();
    for facts in &instances {
        for service in facts.running("smtp") {
            let maps = elements(service.parameters.get(HOP_MAPS));
            let ours = maps.filter(|map| is_our_map(map, facts, &patient.settings));
            clients.extend(ours.filter_map(|map| Client::service(facts, service, map, &keys)));
        }
    }
    // Where nothing is demanded and nobody asks, the socket that the package brings is of no interest.
    let demands = |policy: &Policy| policy.domains.iter().any(|(_, entry)| entry.deliver.is_some());
    let is_of_interest = !clients.is_empty() || policy.is_some_and(demands);
    let sockets = patient.settings.socketmap.iter().map(|listen| &listen.socket);
    let sockets = sockets.filter(|_| is_of_interest);
    let unasked = sockets.filter(|socket| {
        let means = |client: &Client<'_>| {
            client.facts.is_some_and(|facts| means_socket(&client.map, socket, facts))
        };
        // systemd's is there only where somebody has asked for it.
        !clients.iter().any(means) && !matches!(socket, SocketSpec::Unix(path) if path.try_exists().is_ok_and(|there| !there))
    });
    let unasked: Vec<Client<'_>> = unasked.map(|socket| Client::nobody(socket, &keys)).collect();
    clients.extend(unasked);
    clients.iter().map(|client| client.look(policy)).collect()
}

/// What is asked for: next hops of which something is demanded, evenly from all over the policy, and some of which
/// nothing is.
fn keys(policy: &Policy, now: Timestamp) -> Vec<String> {
    let has = |entry: &Entry, demands: bool| entry.deliver_at(now).is_some() == demands;
    // A wildcard is asked for as smtp(8) does where it has found nothing for a domain below.
    let key = |pattern: &str| match pattern {
        "*" => None,
        mailbox if mailbox.contains('@') => None,
        other => Some(other.strip_prefix('*').unwrap_or(other).to_owned()),
    };
    let some = |demands: bool, most: usize| {
        let all = || policy.domains.iter().filter(move |(_, entry)| has(entry, demands));
        let step = all().count().div_ceil(most).max(1);
        all().step_by(step)
    };
    let mut found: Vec<String> = Vec::new();
    for (pattern, entry) in some(true, MOST / 2) {
        found.extend(key(pattern));
        found.extend(
            entry.deliver.iter().flat_map(|deliver| &deliver.next_hops).map(ToString::to_string),
        );
    }
    found.truncate(MOST);
    found.extend(some(false, 5).filter_map(|(pattern, _)| key(pattern)));
    found.push(NOBODY.to_owned());
    let mut known = BTreeSet::new();
    found.retain(|key| {
        key.parse::<NextHop>().is_ok_and(|hop| hop != NextHop::Socket) && known.insert(key.clone())
    });
    found
}

/// What is to be answered.
fn expected(policy: &Policy, key: &str, now: Timestamp) -> Option<String> {
    let next_hop: NextHop = key.parse().ok()?;
    Some(match deliver(policy, &next_hop, now).demand {
        Some(demand) => format!("OK {demand}"),
        None => "NOTFOUND ".to_owned(),
    })
}

/// A reply that is not what the policy says.
struct Difference {
    key: String,
    reply: String,
    expected: String,
}

impl Difference {
    /// None where the reply is what the policy says at one of these times.
    fn of(policy: &Policy, key: &str, reply: &str, times: [Timestamp; 2]) -> Option<Self> {
        let [one, other] = times.map(|time| expected(policy, key, time).unwrap_or_default());
        // NOTFOUND has a blank behind it, which need not be.
        let is_it = |text: &str| text.trim_end() == reply.trim_end();
        (!is_it(&one) && !is_it(&other)).then(|| Self {
            key: key.to_owned(),
            reply: reply.trim_end().to_owned(),
            expected: one.trim_end().to_owned(),
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, reply, expected } = self;
        // What another program says does not play with the terminal, nor fill it.
        let reply: String = reply.chars().take(120).collect();
        write!(f, "{key}: `{}`, and not `{expected}`", reply.escape_debug())
    }
}

impl<'f> Client<'f> {
    fn service(
        facts: &'f PostfixFacts,
        service: &Service,
        map: &str,
        keys: &[String],
    ) -> Option<Self> {
        let task = Task::of(service, map, facts, keys.to_vec())?;
        Some(Self { facts: Some(facts), label: service.label(), map: map.to_owned(), task })
    }

    fn nobody(socket: &SocketSpec, keys: &[String]) -> Self {
        let address = socket.to_string();
        let task = Task {
            address: address.clone(),
            directory: None,
            chroot: false,
            user: None,
            keys: keys.to_vec(),
        };
        Self { facts: None, label: String::new(), map: address, task }
    }

    fn look(&self, policy: Option<&Policy>) -> Answer {
        let mut tries = 0;
        loop {
            tries += 1;
            let before = Timestamp::now();
            let replies = match self.task.run() {
                Ok(replies) => replies,
                Err(why) => return self.unanswered(why),
            };
            let Some(policy) = policy else {
                return self.right("without a policy to compare with");
            };
            let differences = self.differences(policy, &replies, [before, Timestamp::now()]);
            if differences.is_empty() {
                return self.through_postfix(policy).unwrap_or_else(|| {
                    let what = counted(replies.len(), "next hop");
                    self.right(&format!("as the policy says, for {what}"))
                });
            }
            if tries == TRIES {
                return self.differs(&differences);
            }
            thread::sleep(BETWEEN);
        }
    }

    /// Which replies are not what the policy says, at either time.
    fn differences(
        &self,
        policy: &Policy,
        replies: &[String],
        times: [Timestamp; 2],
    ) -> Vec<Difference> {
        let pairs = self.task.keys.iter().zip(replies);
        pairs.filter_map(|(key, reply)| Difference::of(policy, key, reply, times)).collect()
    }

    /// Who asks, by which map.
    fn who(&self) -> String {
        match self.facts {
            Some(facts) if facts.one_of_several => {
                format!("{} of {} ({})", self.label, facts.directory, self.map)
            }
            Some(_) => format!("{} ({})", self.label, self.map),
            None => format!("{}, which no service of a Postfix here asks", self.map),
        }
    }

    fn right(&self, how: &str) -> Answer {
        let by = match &self.task.user {
            Some(user) if geteuid().is_root() => {
                format!(", to user {user}{}", if self.task.chroot { " in its chroot" } else { "" })
            }
            _ => String::new(),
        };
        Answer::right(SUBJECT, format!("{}: answered {how}{by}", self.who()))
    }

    /// A finding; less bad where no mail hangs on it.
    fn bad(&self, id: FindingId, what: &str, remedy: &str) -> Answer {
        let hangs_on_it = self.facts.is_some();
        let effect = if hangs_on_it && id != FindingId::LookUpsDiffer {
            "; all mail of this service is put off"
        } else {
            ""
        };
        let (first, rest) = what.split_once('\n').unwrap_or((what, ""));
        let message = format!("{}: {first}{effect}\n{rest}", self.who());
        let health = if hangs_on_it { Health::Error } else { Health::Warning };
        Answer::new(id, health, SUBJECT, message.trim_end(), remedy).about(&self.label)
    }

    fn unanswered(&self, unanswered: Unanswered) -> Answer {
        let is_root = geteuid().is_root();
        match unanswered {
            Unanswered::Closed(_) if !is_root => {
                Answer::unseen(SUBJECT, format!("{} does not let this user in", self.map))
            }
            Unanswered::Silent(why) if self.is_there_from_outside() => self.bad(
                FindingId::LookUpsOutOfReach,
                &format!("the socket is there, and Postfix does not find it ({why})"),
                "let Postfix name it relative to its queue directory: mandatory-tls setup postfix --deliver",
            ),
            Unanswered::Silent(why) => self.bad(
                FindingId::LookUpsSilent,
                &format!("nobody answers ({why})"),
                "is the milter running, and its socket for look-ups (systemctl status mandatory-tls \
                 mandatory-tls-deliver.socket)?",
            ),
            Unanswered::Closed(why) => self.bad(
                FindingId::LookUpsOutOfReach,
                &format!("Postfix's user is not let in ({why})"),
                "see to it that owner and mode of the socket, and of the directories above, let it in (ls -ld)",
            ),
            Unanswered::Hangs(why) => self.bad(
                FindingId::LookUpsHang,
                &format!("there is no answer in time: {why}"),
                "systemctl status mandatory-tls says how it is; if another program has the socket, ss -lxtp says which",
            ),
            Unanswered::Another(why) => self.of_another(&why),
            Unanswered::Untried(why) => {
                Answer::new(FindingId::NotSeen, Health::Unseen, SUBJECT, format!("{}: it could not be tried ({why})", self.who()), "")
            }
        }
    }

    /// Whether there is such a socket, if one does not look from the chroot.
    fn is_there_from_outside(&self) -> bool {
        let Some(path) = self.task.address.strip_prefix("unix:") else { return false };
        let outside = self.task.chroot && geteuid().is_root() && path.starts_with('/');
        outside && Path::new(path).exists()
    }

    fn of_another(&self, why: &str) -> Answer {
        let what = format!("what answers is not this program: {why}");
        let remedy = "ss -lxtp says which program has the socket; give one of the two another one";
        self.bad(FindingId::LookUpsOfAnother, &what, remedy)
    }

    fn differs(&self, differences: &[Difference]) -> Answer {
        let mut lines: Vec<String> =
            differences.iter().take(SHOWN).map(ToString::to_string).collect();
        if differences.len() > SHOWN {
            lines.push(format!("... and {} more", differences.len() - SHOWN));
        }
        let lines = lines.join("\n");
        if !differences.iter().any(|difference| is_answer(&difference.reply)) {
            return self.of_another(&format!("it says other things\n{lines}"));
        }
        self.bad(
            FindingId::LookUpsDiffer,
            &format!("answers are not what the policy's files say\n{lines}"),
            "systemctl reload mandatory-tls has the files read; if they are in force, ss -lxtp says which program has \
             the socket",
        )
    }

    /// The same through Postfix's own client; none: it says the same.
    fn through_postfix(&self, policy: &Policy) -> Option<Answer> {
        let facts = self.facts?;
        let map = self.map_from_outside(facts)?;
        let postmap = Path::new(facts.main.get("command_directory")).join("postmap");
        for key in &self.task.keys {
            let arguments = ["-c", &facts.directory, "-q", key, &map].map(Into::into);
            let before = Timestamp::now();
            let said = match command::run_to_any_end(postmap.as_os_str(), &arguments) {
                Ok(said) => said,
                // It was answered just now.
                Err(CommandError::Slow(why)) => {
                    return Some(self.unanswered(Unanswered::Hangs(why)));
                }
                Err(_) => return None,
            };
            // Whether it is not found or cannot be looked up, the status is 1: what it complains of tells.
            let (_, written) = said;
            let reply = match (written.output.trim_end(), written.complaints.last()) {
                ("", Some(complaint)) => {
                    return Some(self.of_another(&format!("Postfix cannot read it: {complaint}")));
                }
                ("", None) => "NOTFOUND".to_owned(),
                (found, _) => format!("OK {found}"),
            };
            let times = [before, Timestamp::now()];
            if let Some(difference) = Difference::of(policy, key, &reply, times) {
                return Some(self.differs(&[difference]));
            }
        }
        None
    }

    /// The map as a command of Postfix names it, which stands in no chroot and in no directory of Postfix's.
    fn map_from_outside(&self, facts: &PostfixFacts) -> Option<String> {
        let (_, name) = self.map.rsplit_once(':')?;
        let address = match self.task.address.strip_prefix("unix:") {
            Some(path) if self.task.chroot || !path.starts_with('/') => {
                let queue = Path::new(facts.main.get("queue_directory"));
                format!("unix:{}", queue.join(path.trim_start_matches('/')).display())
            }
            _ => self.task.address.clone(),
        };
        Some(format!("socketmap:{address}:{name}"))
    }
}
