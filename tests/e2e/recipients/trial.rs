//! Every form on one MTA: what becomes of it without a policy, and with one.

use std::any::Any;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::forms::{Form, forms, legal};
use crate::support::{Milter, Reply, SmtpClient, Tls};

/// Sessions at a time: more than processors, for the MTAs wait for the milter, and it for them.
const SESSIONS: usize = 8;
/// Messages in one session.
const MESSAGES: usize = 25;

/// Forms that every MTA takes for the opted-in domain and mailbox.
const TRICKS: [&str; 3] =
    ["<BOSS@example.com>", "<Boss@Example.Com.>", "<@other.test:boss@example.com>"];

/// An MTA that tells where mail went.
pub trait Gateway: Sync {
    /// Where it takes mail.
    fn port(&self) -> u16;
    /// Where each of these messages ended, or would if the host it is for could be reached.
    fn ends(&self, sent: &[Sent]) -> Vec<Vec<End>>;
}

/// Where a message ended.
#[derive(Clone, Debug)]
pub struct End {
    /// The address with which it was handed on.
    pub address: String,
    /// The host it was handed to, or the mailer that took it: what the log says.
    pub relay: String,
}

impl End {
    /// The local part without quotes, and the domain in lower case, both as they are compared.
    pub fn parts(&self) -> (String, String) {
        let (local, domain) = split(&self.address);
        // [example.com] is the host of that name.
        let domain = match domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) if name.contains(char::is_alphabetic) && !name.contains(':') => name.trim(),
            _ => domain,
        };
        let domain = domain.trim_end_matches(['.', '。']).to_lowercase();
        let domain = if domain.is_ascii() {
            domain
        } else {
            // As the system's resolver reads it.
            idna::domain_to_ascii(&domain).unwrap_or(domain)
        };
        (local.replace(['"', '\\'], "").to_lowercase(), domain)
    }
}

/// An address at its last `@` outside quotes.
fn split(address: &str) -> (&str, &str) {
    let (mut quoted, mut escaped, mut at) = (false, false, None);
    for (index, c) in address.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '@' if !quoted => at = Some(index),
            _ => {}
        }
    }
    at.map_or((address, ""), |at| (&address[..at], &address[at + 1..]))
}

/// What is opted in, and what that means for a recipient.
pub struct Opted<'a> {
    /// A word for the table.
    pub what: &'a str,
    /// The policy.
    pub policy: &'a str,
    /// Whether mail that ended so had to be refused.
    pub covers: &'a dyn Fn(&End) -> bool,
    /// How many that end elsewhere may be refused: as many as are known and understood.
    pub false_refusals: usize,
    /// Whether it is tried over TLS as well.
    pub over_tls: bool,
}

impl<'a> Opted<'a> {
    /// All of it.
    pub fn new(
        what: &'a str,
        policy: &'a str,
        covers: &'a dyn Fn(&End) -> bool,
        false_refusals: usize,
    ) -> Self {
        Self { what, policy, covers, false_refusals, over_tls: false }
    }

    /// And over TLS nothing may be refused that is taken without a policy.
    pub fn also_over_tls(self) -> Self {
        Self { over_tls: true, ..self }
    }
}

/// A form on its way, with or without SMTPUTF8.
struct Trial<'f> {
    form: &'f Form,
    smtputf8: bool,
}

impl fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let smtputf8 = if self.smtputf8 { " (SMTPUTF8)" } else { "" };
        write!(f, "{}: {}{smtputf8}", self.form.file, self.form.text)
    }
}

/// A message that the MTA took.
pub struct Sent {
    /// Its subject.
    pub subject: String,
    /// The queue's name for it.
    pub queue_id: String,
}

/// How a session is opened.
type Open<'a> = &'a (dyn Fn() -> SmtpClient + Sync);

/// Sends every form without a policy, and again under each policy: what ends at something that is opted
/// in was refused.
pub fn try_all_forms(name: &str, milter: &Milter, gateway: &dyn Gateway, all: &[Opted<'_>]) {
    try_forms(name, milter, gateway, forms(), &TRICKS, all);
}

/// The same with addresses that are odd and legal: nothing that ends elsewhere is refused.
pub fn try_legal_addresses(name: &str, milter: &Milter, gateway: &dyn Gateway, all: &[Opted<'_>]) {
    try_forms(name, milter, gateway, legal(), &[], all);
}

fn try_forms(
    name: &str,
    milter: &Milter,
    gateway: &dyn Gateway,
    mut forms: Vec<Form>,
    tricks: &[&str],
    all: &[Opted<'_>],
) {
    let offers_smtputf8 =
        SmtpClient::connect(gateway.port()).ehlo().lines.iter().any(|line| line == "SMTPUTF8");
    if tricks.is_empty() && !offers_smtputf8 {
        // Nobody may write others there.
        forms.retain(|form| form.command.is_ascii());
    }
    let mut trials: Vec<_> = forms.iter().map(|form| Trial { form, smtputf8: false }).collect();
    if offers_smtputf8 {
        let others = forms.iter().filter(|form| !form.command.is_ascii());
        trials.extend(others.map(|form| Trial { form, smtputf8: true }));
    }
    let tried = trials.len();

    let plaintext = || SmtpClient::plaintext(gateway.port());
    let sent = in_sessions(&trials, &plaintext, deliver);
    // What the MTA itself refuses, the milter cannot let pass.
    let (taken, sent): (Vec<_>, Vec<_>) =
        trials.into_iter().zip(sent).filter_map(|(trial, sent)| Some((trial, sent?))).unzip();
    let ends = gateway.ends(&sent);
    let taken: Vec<_> = taken.into_iter().zip(ends).collect();
    for (trial, ends) in &taken {
        assert!(!ends.is_empty(), "{name}: nobody knows where it went: {trial}");
    }
    // Where one of these goes elsewhere, the test proves less than it says.
    for trick in tricks {
        let is_there = |(trial, ends): &(Trial<'_>, Vec<End>)| {
            trial.form.text == *trick && ends.iter().any(all[0].covers)
        };
        assert!(taken.iter().any(is_there), "{name}: {trick} does not go to what is opted in");
    }

    if tricks.is_empty() {
        let elsewhere = taken.iter().filter(|(trial, _)| trial.form.file == "elsewhere").count();
        assert!(elsewhere >= 200, "{name}: the MTA takes {elsewhere} legal addresses");
    }

    let table = format!(
        "{name}: {} forms in {tried} trials, {} taken without a policy\n",
        forms.len(),
        taken.len()
    );
    let mut report = Report { table, ..Report::default() };
    for opted in all {
        milter.change_policy(opted.policy);
        let replies =
            in_sessions(&taken, &plaintext, |client, open, _, (trial, _)| ask(client, open, trial));
        report.add(opted, &taken, &replies);
        if opted.over_tls {
            let encrypted = || SmtpClient::encrypted(gateway.port(), &Tls::V1_3);
            let replies = in_sessions(&taken, &encrypted, |client, open, _, (trial, _)| {
                ask(client, open, trial)
            });
            for ((trial, _), reply) in taken.iter().zip(&replies) {
                if reply.code != 250 {
                    writeln!(report.wrong, "over TLS: {trial}: {reply}").expect("a string");
                }
            }
        }
    }
    report.finish(name);
}

/// What came out.
#[derive(Default)]
struct Report {
    /// A line for each policy.
    table: String,
    /// A line for each form and policy.
    details: String,
    /// What must not be.
    wrong: String,
}

impl Report {
    /// Compares where mail went without the policy with the answers under it.
    fn add(&mut self, opted: &Opted<'_>, taken: &[(Trial<'_>, Vec<End>)], replies: &[Reply]) {
        let (mut there, mut refused, mut passed, mut falsely) = (0, 0, 0, 0);
        for ((trial, ends), reply) in taken.iter().zip(replies) {
            let is_there = ends.iter().any(opted.covers);
            let is_refused = reply.code == 450;
            there += usize::from(is_there);
            refused += usize::from(is_refused);
            passed += usize::from(is_there && !is_refused);
            falsely += usize::from(!is_there && is_refused);
            let fate = match (is_there, is_refused) {
                (true, true) => "refused",
                (true, false) => "PASSED",
                (false, true) => "falsely refused",
                (false, false) => "passed",
            };
            let line = format!("{}: {fate}: {trial} [{reply}] {ends:?}\n", opted.what);
            if is_there && !is_refused || !matches!(reply.code, 250 | 450) {
                self.wrong.push_str(&line);
            }
            self.details.push_str(&line);
        }
        writeln!(
            self.table,
            "  {:<24}{there:>4} end there, {refused:>3} refused, {passed} wrongly passed, {falsely:>3} \
             falsely refused",
            opted.what
        )
        .expect("a string");
        if there == 0 {
            writeln!(self.wrong, "{}: nothing ended there", opted.what).expect("a string");
        }
        if falsely > opted.false_refusals {
            let most = opted.false_refusals;
            writeln!(self.wrong, "{}: {falsely} false refusals, over {most}", opted.what)
                .expect("a string");
        }
    }

    /// Prints the table, also when the test passes, and ends the test.
    fn finish(self, name: &str) {
        // Not by a macro, whose output is kept back then.
        let _ = std::io::stderr().write_all(self.table.as_bytes());
        if let Some(directory) = std::env::var_os("MANDATORY_TLS_TEST_DETAILS") {
            let file = std::path::Path::new(&directory).join(name.replace([' ', ','], "-"));
            std::fs::write(file, self.details).expect("a directory that is there");
        }
        assert!(self.wrong.is_empty(), "{name}:\n{}", self.wrong);
    }
}

/// Tries all, with a few sessions at a time.
fn in_sessions<T: Sync, R: Send>(
    all: &[T],
    open: Open<'_>,
    work: impl Fn(&mut SmtpClient, Open<'_>, usize, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let session = || {
        let mut results = Vec::new();
        loop {
            let first = next.fetch_add(MESSAGES, Ordering::Relaxed);
            let Some(rest @ [_, ..]) = all.get(first..) else { return results };
            let mut client = open();
            for (number, one) in (first..).zip(rest).take(MESSAGES) {
                results.push((number, work(&mut client, open, number, one)));
            }
            client.quit();
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(session)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(failed)).collect()
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The test fails with what one of its sessions failed with.
fn failed<R>(panic: Box<dyn Any + Send>) -> R {
    match panic.downcast::<String>() {
        Ok(message) => panic!("in a session: {message}"),
        Err(other) => resume_unwind(other),
    }
}

/// MAIL and RCPT. What is no message yet is taken back.
fn rcpt(client: &mut SmtpClient, open: Open<'_>, trial: &Trial<'_>) -> Reply {
    let parameter = if trial.smtputf8 { " SMTPUTF8" } else { "" };
    client.expect(&format!("MAIL FROM:<>{parameter}"), 250);
    let reply = client.command(&trial.form.command);
    match reply.code {
        250 => {}
        // "I can break rules, too. Goodbye."
        221 | 421 => *client = open(),
        _ => client.rset(),
    }
    reply
}

/// The answer to RCPT, no more.
fn ask(client: &mut SmtpClient, open: Open<'_>, trial: &Trial<'_>) -> Reply {
    let reply = rcpt(client, open, trial);
    if reply.code == 250 {
        client.rset();
    }
    reply
}

/// A whole message, if the recipient is taken.
fn deliver(
    client: &mut SmtpClient,
    open: Open<'_>,
    number: usize,
    trial: &Trial<'_>,
) -> Option<Sent> {
    if rcpt(client, open, trial).code != 250 {
        return None;
    }
    let subject = format!("trial {number}");
    client.expect("DATA", 354);
    let end = client.message(&subject);
    assert_eq!(end.code, 250, "{trial}: {end}");
    let text = end.text();
    // "2.0.0 Ok: queued as ID", "2.0.0 ID Message accepted for delivery"
    let queue_id = match text.split_once(" queued as ") {
        Some((_, id)) => id,
        None => text.split(' ').nth(1).expect("a queue id"),
    };
    Some(Sent { subject, queue_id: queue_id.to_owned() })
}
