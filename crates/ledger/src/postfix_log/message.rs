//! A message under way, and the recipients that the log tells of it.

use super::Logged;
use super::handshakes::Earlier;
use crate::model::logged_tls::LoggedTls;
use policy::DomainName;
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

/// A message that came over SMTP.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// When it began, in seconds since 1970-01-01.
    pub at: i64,
    pub host: String,
    /// The file with its first line, by number.
    pub file: u32,
    /// Its first queue id, and the process of smtpd that gave it: what it is told from others by.
    pub id: String,
    pub process: u32,
    pub client: Option<IpAddr>,
    pub name: Option<DomainName>,
    pub authenticated: bool,
    /// What is known of its session; nothing before the session's end, where no line tells of TLS.
    pub tls: Option<LoggedTls>,
    pub sender: Option<String>,
    /// Recipients that were logged already: a deferred one is logged again and again.
    pub told: HashSet<String>,
    /// Recipients that wait for the session's end, each with when it was logged.
    pub waiting: Vec<(String, i64)>,
    /// Whether it left the queue.
    pub removed: bool,
    /// Handshakes of its client that had failed before.
    pub earlier: Option<Earlier>,
}

impl Message {
    /// What is told of a recipient.
    pub fn logged(&self, recipient: String, told: i64, tls: LoggedTls) -> Logged {
        Logged {
            at: self.at,
            told,
            host: self.host.clone(),
            file: self.file,
            id: self.id.clone(),
            process: self.process,
            client: self.client,
            name: self.name.clone(),
            authenticated: self.authenticated,
            tls,
            sender: self.sender.clone(),
            recipient,
        }
    }
}

/// The queue: messages by host and queue id.
#[derive(Debug, Default)]
pub(super) struct Queue {
    hosts: HashMap<u32, HashMap<String, Underway>>,
    /// How many.
    pub len: usize,
}

/// A message in the queue, or on its way there: more lines may come.
#[derive(Debug)]
pub(super) struct Underway {
    pub came: Came,
    /// Whether it is in the queue: its data came and were taken.
    pub is_in_queue: bool,
    /// When a line last spoke of it, in seconds since 1970-01-01.
    pub seen: i64,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// Over SMTP: the number of the message.
    Smtp(u64),
    /// From a local program, or from Postfix itself.
    Inside,
    /// From a content filter, or in lines that the log has twice: it is counted already.
    Again,
}

impl Queue {
    pub fn get(&mut self, host: u32, id: &str) -> Option<&mut Underway> {
        self.hosts.get_mut(&host)?.get_mut(id)
    }

    /// Returns what was there under that id.
    pub fn insert(&mut self, host: u32, id: &str, underway: Underway) -> Option<Underway> {
        let old = self.hosts.entry(host).or_default().insert(id.to_owned(), underway);
        self.len += usize::from(old.is_none());
        old
    }

    pub fn remove(&mut self, host: u32, id: &str) -> Option<Underway> {
        let found = self.hosts.get_mut(&host)?.remove(id);
        self.len -= usize::from(found.is_some());
        found
    }

    /// Forgets those for which this says no. Returns those that came over SMTP.
    pub fn retain(&mut self, keep: impl Fn(&Underway) -> bool) -> Vec<u64> {
        let mut gone = Vec::new();
        for messages in self.hosts.values_mut() {
            messages.retain(|_, underway| {
                let stays = keep(underway);
                if let (false, Came::Smtp(number)) = (stays, underway.came) {
                    gone.push(number);
                }
                stays
            });
        }
        self.len = self.hosts.values().map(HashMap::len).sum();
        gone
    }
}

/// Whether a client may be a filter of one's own: on this host, or in a network of one's own.
pub(super) fn is_near(client: IpAddr) -> bool {
    match client {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}
