//! `mandatory-tls digest`: tells the contacts of domains who was, or would be, refused.

mod delivery;

use super::failure::{Failure, ended};
use super::ledger_file::{LedgerFile, cannot_read};
use super::since::since;
use config::policy_file;
use config::settings::{LedgerSettings, MailFrom, Settings};
use delivery::{Undelivered, hand_over};
use jiff::Timestamp;
use ledger::digest::{Digest, add_ready, digests};
use ledger::readiness::{Inquiry, WINDOW, readiness};
use ledger::{Day, Domains, History, Reader, Store, StoreError, day_of};
use lettre::{Address, message::Mailbox};
use pages::digest::message;
use policy::Policy;
use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

const AFTER_HELP: &str = "\
Each entry of the policy with a `contact` gets a mail of its own, in its `language`, if there is
something to say: servers that were, or in monitor would be, refused and of which it was not told
before; and, once, that encryption can be required from now on. Without --send the mails are printed, and nothing is noted.

With --send they go out through sendmail(1), or by SMTP where the settings say so. A mail that
could not be handed over is sent the next time; one whose fate is not known is not sent again.

Run it daily: packaging/systemd has a timer.";

/// Arguments of `digest`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Send the mails, and note what was told
    #[arg(long)]
    send: bool,
    /// How far back to look: 7d, 4w or 2027-01-31
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = since)]
    since: Day,
    #[command(flatten)]
    place: LedgerFile,
}

pub(super) fn run(args: &Args) -> ExitCode {
    ended(digested(args))
}

fn digested(args: &Args) -> Result<(), Failure> {
    let settings = args.place.settings()?;
    let path = args.place.path()?;
    let policy: Policy = policy_file::load(&settings.policy)
        .policy
        .map_err(|problems| Failure::config(&problems))?;
    let ledger = args.place.open()?;
    let failed = |error| cannot_read(&path, &error);
    let mut found = digests(&ledger, &policy, args.since).map_err(failed)?;
    let now = Timestamp::now();
    let inquiry = Inquiry {
        policy: &policy,
        on_unknown_tls: settings.on_unknown_tls,
        now,
        since: day_of(now.as_second()) - WINDOW,
        domains: Domains::All,
    };
    add_ready(&mut found, readiness(&ledger, &inquiry).map_err(failed)?, &policy);
    if args.send { send(found, &settings, &path) } else { print(found, &ledger, &settings, &path) }
}

/// Who the mails are from, where the settings do not say it: for a look at them only.
const NOBODY: &str = "mandatory-tls@localhost.localdomain";

fn print(
    found: Vec<Digest>,
    ledger: &Reader,
    settings: &Settings,
    path: &Path,
) -> Result<(), Failure> {
    let from = match &settings.digest {
        Some(digest) => mailbox(&digest.from)?,
        None => Mailbox::new(None, NOBODY.parse().map_err(io::Error::other)?),
    };
    let mut out = io::stdout().lock();
    let mut mails = 0;
    for mut digest in found {
        let told = ledger.told(&digest.entry).map_err(|error| cannot_read(path, &error))?;
        digest.forget(&told);
        if digest.has_news() {
            mails += 1;
            let mail = message(&digest, &from).map_err(io::Error::other)?;
            out.write_all(&mail.formatted())?;
            writeln!(out, "\n")?;
        }
    }
    if mails == 0 {
        eprintln!("There is nothing to say.");
    }
    Ok(())
}

fn send(found: Vec<Digest>, settings: &Settings, path: &Path) -> Result<(), Failure> {
    let Some(wanted) = &settings.digest else {
        return Err(Failure::usage(
            "error: the settings do not say who the mails are from\n  = help: add `digest: { from: postmaster@example.org }`",
        ));
    };
    let from = mailbox(&wanted.from)?;
    let room = settings
        .ledger
        .as_ref()
        .map_or(config::settings::ROOM, |ledger: &LedgerSettings| ledger.room);
    let unwritable = |consequence: &str, error: &StoreError| {
        let path = path.display();
        format!("error: the ledger {path} cannot be written, {consequence}: {error}")
    };
    let mut store = Store::open(path, room)
        .map_err(|error| Failure::unavailable(unwritable("no mail was sent", &error)))?;
    let (mut sent, mut failures) = (0, Vec::new());
    for mut digest in found {
        // Noted first: a crash may cost a mail, and never sends one twice.
        if let Err(error) = store.tell(&mut digest, Timestamp::now().as_second()) {
            let consequence = format!("the mail to {} was not sent", digest.contact);
            failures.push(unwritable(&consequence, &error));
            continue;
        }
        if !digest.has_news() {
            continue;
        }
        let handed_over = message(&digest, &from)
            .map_err(|error| Undelivered::Refused(error.to_string()))
            .and_then(|message| hand_over(&message, wanted));
        let contact = &digest.contact;
        match handed_over {
            Ok(()) => sent += 1,
            Err(Undelivered::Refused(error)) => {
                failures.push(format!("error: the mail to {contact} could not be sent: {error}"));
                if let Err(error) = store.untell(&digest) {
                    let consequence = format!("the mail to {contact} will not be sent again");
                    failures.push(unwritable(&consequence, &error));
                }
            }
            Err(Undelivered::Unknown(error)) => failures.push(format!(
                "error: whether the mail to {contact} was accepted is not known; it is not sent again: {error}"
            )),
        }
    }
    println!("{sent} sent");
    if failures.is_empty() { Ok(()) } else { Err(Failure::unavailable(failures.join("\n"))) }
}

fn mailbox(from: &MailFrom) -> Result<Mailbox, Failure> {
    // The settings take no other address; a test compares the two.
    let address = Address::new(&from.local_part, &from.domain).map_err(io::Error::other)?;
    Ok(Mailbox::new(from.name.clone(), address))
}
