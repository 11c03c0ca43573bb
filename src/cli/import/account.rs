//! What became of each file that was imported, and what its reader has to know.

use super::JOURNAL;
use ledger::LoggedTls;
use ledger::postfix_log::{Tallied, Unread};
use pages::text::number;
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Recorded,
    /// The ledger has it from an earlier import.
    Imported,
    /// Another line of these logs told of it.
    Again,
    /// The milter judged it.
    Judged,
    NotOptedIn,
    TooOld,
}

/// What a file told, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    path: PathBuf,
    pub tallied: Tallied,
    /// The first line of smtpd that could not be read: its number, why, and itself.
    pub unread: Option<(u64, Unread, String)>,
    counts: Counts,
}

/// Recipients by what became of them.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    recorded: u64,
    /// Of the recorded.
    version_unknown: u64,
    failed: u64,
    unknown: u64,
    imported: u64,
    again: u64,
    judged: u64,
    not_opted_in: u64,
    too_old: u64,
}

impl Account {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            tallied: Tallied::default(),
            unread: None,
            counts: Counts::default(),
        }
    }

    /// Counts a recipient.
    pub fn add(&mut self, fate: Fate, tls: &LoggedTls) {
        let counts = &mut self.counts;
        *match fate {
            Fate::Recorded => &mut counts.recorded,
            Fate::Imported => &mut counts.imported,
            Fate::Again => &mut counts.again,
            Fate::Judged => &mut counts.judged,
            Fate::NotOptedIn => &mut counts.not_opted_in,
            Fate::TooOld => &mut counts.too_old,
        } += 1;
        if fate == Fate::Recorded {
            match tls {
                LoggedTls::Told(_) => {}
                LoggedTls::Encrypted => counts.version_unknown += 1,
                LoggedTls::Failed(_) => counts.failed += 1,
                LoggedTls::Unknown => counts.unknown += 1,
            }
        }
    }

    /// Several files together.
    fn sum(accounts: &[Self]) -> Self {
        let mut sum = Self::new(Path::new(""));
        for account in accounts {
            let (to, from) = (&mut sum.counts, &account.counts);
            to.recorded += from.recorded;
            to.version_unknown += from.version_unknown;
            to.failed += from.failed;
            to.unknown += from.unknown;
            to.imported += from.imported;
            to.again += from.again;
            to.judged += from.judged;
            to.not_opted_in += from.not_opted_in;
            to.too_old += from.too_old;
            let (to, from) = (&mut sum.tallied, &account.tallied);
            *to = to.and(*from);
        }
        sum
    }

    /// Recipients, whatever became of them.
    fn recipients(&self) -> u64 {
        let Counts { recorded, imported, again, judged, not_opted_in, too_old, .. } = self.counts;
        recorded + imported + again + judged + not_opted_in + too_old
    }

    fn write(&self, name: &str, out: &mut String) {
        let tallied = &self.tallied;
        let _ = writeln!(
            out,
            "{name}{} lines, {} of Postfix; {} messages over SMTP, {} TLS sessions, {} sessions in all",
            number(tallied.lines),
            number(tallied.postfix),
            number(tallied.messages),
            number(tallied.tls),
            number(tallied.sessions)
        );
        let counts = &self.counts;
        let _ = writeln!(out, "{:>12}  recipients recorded", number(counts.recorded));
        for (count, what) in [
            (
                counts.version_unknown,
                "of them encrypted, and the log does not tell in which version of TLS",
            ),
            (counts.failed, "of them in plaintext, after TLS was tried and failed"),
            (
                counts.unknown,
                "of them unknown: the log lacks the beginning or the end of their session",
            ),
            (counts.imported, "recipients left out: imported before"),
            (counts.judged, "recipients left out: judged by the milter itself"),
            (counts.again, "recipients left out: other lines here told of them already"),
            (
                counts.not_opted_in,
                "recipients left out: their domain is not opted in, or switched off",
            ),
            (counts.too_old, "recipients left out: older than the ledger keeps"),
            (
                tallied.again,
                "messages not counted again: a filter brought them back, or their lines are there twice",
            ),
            (
                tallied.without_message,
                "recipients not joined: no line here tells whence their message came",
            ),
            (tallied.unread, "lines of smtpd that could not be read"),
        ] {
            if count > 0 {
                let _ = writeln!(out, "{:>12}  {what}", number(count));
            }
        }
        if tallied.lines == 0 {
            let _ = writeln!(out, "{:>12}  the file is empty", "");
        } else if tallied.postfix == 0 {
            let _ = writeln!(out, "{:>12}  no line of a Postfix", "");
        }
    }
}

/// The accounts of all files, and of all together.
pub(super) fn accounts(accounts: &[Account], failures: &BTreeMap<String, u64>) -> String {
    let mut out = String::new();
    if let [one] = accounts {
        one.write("", &mut out);
    } else {
        for account in accounts {
            account.write(&format!("{}: ", account.path.display()), &mut out);
        }
        Account::sum(accounts).write("together: ", &mut out);
    }
    let failed: u64 = failures.values().sum();
    if failed > 0 {
        let causes: Vec<_> =
            failures.iter().map(|(cause, count)| format!("{cause} {}", number(*count))).collect();
        let _ = writeln!(
            out,
            "{:>12}  sessions in which TLS was tried and failed: {}",
            number(failed),
            causes.join(", ")
        );
    }
    out
}

/// What has to be told besides, if there is something.
pub(super) fn warnings(accounts: &[Account]) -> Option<String> {
    let mut out = unread(accounts).map(|(what, help)| format!("warning: {what}\n  = help: {help}"));
    if Account::sum(accounts).counts.version_unknown > 0 {
        let note = "note: Postfix logs no TLS sessions, or not those of all its services\n  = help: set `smtpd_tls_loglevel = 1` in main.cf, and in master.cf where a service has its own; reload Postfix";
        out = Some(out.map_or_else(|| note.to_owned(), |out| format!("{out}\n{note}")));
    }
    out
}

/// The lines of smtpd that could not be read, and what to do.
fn unread(accounts: &[Account]) -> Option<(String, String)> {
    let count: u64 = accounts.iter().map(|account| account.tallied.unread).sum();
    let (account, (line, why, text)) =
        accounts.iter().find_map(|account| Some((account, account.unread.as_ref()?)))?;
    let shown: String = text.chars().take(120).flat_map(printable).collect();
    let what = format!(
        "{} lines of smtpd could not be read, and count for nothing; the first is {}, line {line}:\n  | {shown}",
        number(count),
        account.path.display(),
    );
    let help = match why {
        Unread::NoTime => {
            "they have no time: `docker compose logs -t` and `docker logs -t` write one, and `journalctl -o short-iso`".to_owned()
        }
        Unread::Monotonic => {
            "their times count from the start of the system, and no day can be told from them: journalctl -u 'postfix*' -o short-iso".to_owned()
        }
        Unread::Month => {
            "their month has a name in a language that is not known here: LC_ALL=C journalctl -u 'postfix*' -o short-iso".to_owned()
        }
        Unread::Zone => {
            "several time zones have that abbreviation: say which is meant with `--time-zone`, such as `--time-zone America/Chicago`".to_owned()
        }
        Unread::Form => format!("they go on in a form that is not known here; {JOURNAL}"),
    };
    Some((what, help))
}

/// A character for a terminal.
fn printable(character: char) -> impl Iterator<Item = char> {
    let is_plain = !character.is_control();
    let plain = is_plain.then_some(character).into_iter();
    plain.chain((!is_plain).then(|| character.escape_default()).into_iter().flatten())
}

/// Why nothing came of the logs at all, and what to do; none where something did.
pub(super) fn nothing(accounts: &[Account]) -> Option<String> {
    let sum = Account::sum(accounts);
    if sum.recipients() > 0 {
        return None;
    }
    if let Some((what, help)) = unread(accounts) {
        return Some(format!("error: {what}\n  = help: {help}"));
    }
    let named: Vec<_> = accounts.iter().map(|account| account.path.display().to_string()).collect();
    let named = named.join(", ");
    let tallied = &sum.tallied;
    Some(if tallied.postfix == 0 {
        format!(
            "error: there is no line of a Postfix in {named}\n  = help: name the log that Postfix writes to (`postconf maillog_file`, or that of syslog); {JOURNAL}"
        )
    } else if tallied.messages == 0 {
        format!(
            "error: {} lines of Postfix in {named} tell of no message that came over SMTP\n  = help: they are those of `smtpd` that tell of it: name the log that has them; {JOURNAL}",
            number(tallied.postfix)
        )
    } else {
        format!(
            "error: {} messages came over SMTP, and no line in {named} tells to whom\n  = help: recipients are in the lines of smtp, lmtp, local, virtual and pipe: name the whole log, or all that it is divided into",
            number(tallied.messages)
        )
    })
}
