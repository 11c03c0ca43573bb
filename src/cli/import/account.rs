//! What became of each file that was imported, and what its reader has to know.

use super::JOURNAL;
use super::counts::Counts;
use ledger::postfix_log::{Tallied, Unread};
use ledger::{Fate, FromLine};
use pages::text::number;
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

/// What a file told, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    path: PathBuf,
    pub tallied: Tallied,
    /// The first line of Postfix that could not be read: its number, why, and itself.
    pub unread: Option<(u64, Unread, String)>,
    counts: Counts,
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

    /// Counts what a file told.
    pub fn add(&mut self, told: FromLine<'_>, fate: Fate) {
        self.counts.add(told, fate);
    }

    /// Several files together.
    fn sum(accounts: &[Self]) -> Self {
        let mut sum = Self::new(Path::new(""));
        for account in accounts {
            sum.counts.add_all(account.counts);
            let (to, from) = (&mut sum.tallied, &account.tallied);
            *to = to.and(*from);
        }
        sum
    }

    fn write(&self, name: &str, out: &mut String) {
        let tallied = &self.tallied;
        let _ = writeln!(
            out,
            "{name}{} lines, {}; {} messages over SMTP, {} TLS sessions, {} sessions in all",
            number(tallied.lines),
            of_whom(tallied),
            number(tallied.messages),
            number(tallied.tls),
            number(tallied.sessions)
        );
        let Counts { mail, deliveries, handshakes } = &self.counts;
        let _ = writeln!(out, "{:>12}  recipients recorded", number(mail.recorded));
        for (count, what) in [
            (
                mail.version_unknown,
                "of them encrypted, and the log does not tell in which version of TLS",
            ),
            (mail.failed, "of them in plaintext, after TLS was tried and failed"),
            (
                mail.unknown,
                "of them unknown: the log lacks the beginning or the end of their session",
            ),
            (mail.imported, "recipients left out: imported before"),
            (mail.judged, "recipients left out: judged by the milter itself"),
            (mail.again, "recipients left out: other lines here told of them already"),
            (
                mail.not_opted_in,
                "recipients left out: their domain is not opted in, or switched off",
            ),
            (mail.too_old, "recipients left out: older than the ledger keeps"),
            (deliveries.sent, "deliveries recorded"),
            (deliveries.plaintext, "of them in plaintext"),
            (deliveries.local, "of them without leaving this host"),
            (
                deliveries.unknown,
                "of them unknown: the log does not tell whether they were encrypted",
            ),
            (deliveries.deferred, "recipients whose mail had to wait"),
            (deliveries.deferred_for_tls, "of them because of TLS"),
            (deliveries.bounced, "recipients whose mail went back to the sender"),
            (deliveries.imported, "attempts to deliver left out: imported before"),
            (handshakes.recorded, "failed TLS handshakes recorded"),
            (handshakes.refused, "of them before the client came in plaintext, and was refused"),
            (handshakes.taken, "of them before the client came in plaintext, and was let in"),
            (handshakes.tls, "of them before the client came back with TLS"),
            (handshakes.away, "of them before the client stayed away, so far"),
            (handshakes.imported, "failed TLS handshakes left out: imported before"),
            (
                tallied.again,
                "messages not counted again: a filter brought them back, or their lines are there twice",
            ),
            (
                tallied.without_message,
                "recipients not joined: no line here tells whence their message came",
            ),
            (tallied.unread, "lines of Postfix that could not be read"),
        ] {
            if count > 0 {
                let _ = writeln!(out, "{:>12}  {what}", number(count));
            }
        }
        if tallied.lines == 0 {
            let _ = writeln!(out, "{:>12}  the file is empty", "");
        } else if tallied.of_mta() == 0 {
            let _ = writeln!(out, "{:>12}  no line of a Postfix or a Sendmail", "");
        }
    }
}

/// `253 of Postfix`, and as many of Sendmail where there are some.
fn of_whom(tallied: &Tallied) -> String {
    match (tallied.postfix, tallied.sendmail) {
        (postfix, 0) => format!("{} of Postfix", number(postfix)),
        (0, sendmail) => format!("{} of Sendmail", number(sendmail)),
        (postfix, sendmail) => {
            format!("{} of Postfix, {} of Sendmail", number(postfix), number(sendmail))
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
    let Account { counts, tallied, .. } = Account::sum(accounts);
    let is_of_sendmail = tallied.postfix == 0 && tallied.sendmail > 0;
    let unread = unread(accounts).map(|(what, help)| format!("warning: {what}\n  = help: {help}"));
    let sendmail = (is_of_sendmail && counts.mail.version_unknown + counts.deliveries.unknown > 0).then(|| {
        "note: of some sessions the log does not tell over what they went\n  = help: Sendmail logs TLS sessions (`STARTTLS=`) from LogLevel 9 on, its default".to_owned()
    });
    let inbound = (!is_of_sendmail && counts.mail.version_unknown > 0).then(|| {
        "note: Postfix logs no TLS sessions, or not those of all its services\n  = help: set `smtpd_tls_loglevel = 1` in main.cf, and in master.cf where a service has its own; reload Postfix".to_owned()
    });
    let outbound = (!is_of_sendmail && counts.deliveries.unknown > 0).then(|| {
        "note: of some deliveries the log does not tell whether they were encrypted: a service has logged no TLS session so far\n  = help: set `smtp_tls_loglevel = 1` in main.cf (`lmtp_tls_loglevel` for LMTP), and in master.cf where a service has its own; reload Postfix. From Postfix 3.11 on, `smtp_log_tls_feature_status = yes` (its default) says it for each delivery".to_owned()
    });
    let notes: Vec<_> = [unread, sendmail, inbound, outbound].into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("\n"))
}

/// The lines of Postfix that could not be read, and what to do.
fn unread(accounts: &[Account]) -> Option<(String, String)> {
    let count: u64 = accounts.iter().map(|account| account.tallied.unread).sum();
    let (account, (line, why, text)) =
        accounts.iter().find_map(|account| Some((account, account.unread.as_ref()?)))?;
    let shown: String = text.chars().take(120).flat_map(printable).collect();
    let what = format!(
        "{} lines of Postfix could not be read, and count for nothing; the first is {}, line {line}:\n  | {shown}",
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
        Unread::Ambiguous => {
            "an address in them is cut off, or holds what looks like fields of the log, and nobody can tell where it ends: leave `info_log_address_format` in main.cf at `external` (Postfix before 3.5 does not have it)".to_owned()
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
    if !sum.counts.is_empty() {
        return None;
    }
    if let Some((what, help)) = unread(accounts) {
        return Some(format!("error: {what}\n  = help: {help}"));
    }
    let named: Vec<_> = accounts.iter().map(|account| account.path.display().to_string()).collect();
    let named = named.join(", ");
    let tallied = &sum.tallied;
    let of_mta = tallied.of_mta();
    Some(if of_mta == 0 {
        format!(
            "error: there is no line of a Postfix or a Sendmail in {named}\n  = help: name the log that the MTA writes to (Postfix: `postconf maillog_file`; else that of syslog); {JOURNAL}"
        )
    } else if tallied.messages == 0 {
        format!(
            "error: {} lines of the MTA in {named} tell of no message that came over SMTP\n  = help: they are those of `smtpd`, or Sendmail's with `from=`, that tell of it: name the log that has them; {JOURNAL}",
            number(of_mta)
        )
    } else {
        format!(
            "error: {} messages came over SMTP, and no line in {named} tells to whom\n  = help: recipients are in the lines of smtp, lmtp, local, virtual and pipe: name the whole log, or all that it is divided into",
            number(tallied.messages)
        )
    })
}
