//! What a sendmail.cf says of this milter, read as Sendmail reads it (8.17, doc/op and sendmail/milter.c): filters
//! are defined by `X` lines, and asked where `InputMailFilters` lists them, of all daemons or of one.

use super::diagnosis::{Diagnosis, Gravity, Place};
use super::leads::{same_host, same_path};
use config::finding::FindingId;
use config::settings::{Settings, SocketSpec};
use std::path::Path;

/// What to write in sendmail.mc.
const MACRO: &str = "INPUT_MAIL_FILTER in sendmail.mc; see /usr/share/doc/mandatory-tls/examples";

/// A filter that an `X` line defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Filter<'a> {
    line: &'a str,
    name: &'a str,
    /// `S=`: its socket.
    socket: &'a str,
    /// `F=`: what Sendmail does without an answer.
    flags: &'a str,
}

/// What is found in a sendmail.cf; nothing where it asks this milter and puts mail off while it is down.
pub(crate) fn sendmail(path: &str, text: &str, settings: &Settings) -> Vec<Diagnosis> {
    let lines = unfolded(text);
    let ours = filters(&lines).into_iter().find_map(|filter| {
        let leads =
            settings.listen.iter().filter_map(|listen| leads(filter.socket, &listen.socket));
        leads.min().map(|leads| (filter, leads))
    });
    let Some((filter, leads)) = ours else {
        return vec![Diagnosis::new(
            FindingId::SendmailNotDefined,
            Gravity::Error,
            place(path, "X"),
            format!("{path} does not name this milter: mail passes unjudged"),
            format!("add {MACRO}"),
        )];
    };
    let mut found = Vec::new();
    if let Leads::Unusable(remedy) = leads {
        found.push(Diagnosis::new(
            FindingId::SendmailEntryBroken,
            Gravity::Error,
            place(path, filter.line),
            format!("Sendmail cannot use the socket `{}` of {}", filter.socket, filter.name),
            remedy,
        ));
    }
    not_asked(path, &lines, &filter, &mut found);
    while_down(path, &filter, &mut found);
    found
}

fn place(path: &str, line: &str) -> Place {
    Place { subject: "sendmail.cf".into(), text: format!("{path}: {line}") }
}

/// Lines, those that begin with a blank joined to the one before.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(last) => last.push_str(line),
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The filters that are defined. Each field is known by its first letter; of two lines for a name the later holds.
fn filters(lines: &[String]) -> Vec<Filter<'_>> {
    let mut filters: Vec<Filter<'_>> = Vec::new();
    for line in lines {
        let Some(rest) = line.strip_prefix('X') else { continue };
        let mut parts = rest.split(',').map(str::trim);
        let mut filter =
            Filter { line, name: parts.next().unwrap_or_default(), ..Filter::default() };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim().chars().next() {
                Some('S') => filter.socket = value.trim(),
                Some('F') => filter.flags = value.trim(),
                _ => {}
            }
        }
        filters.retain(|known| known.name != filter.name);
        filters.push(filter);
    }
    filters
}

/// Whether a socket in sendmail.cf is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Leads {
    /// It is.
    Here,
    /// It is meant, but Sendmail cannot use it so: what to do.
    Unusable(&'static str),
}

fn leads(theirs: &str, ours: &SocketSpec) -> Option<Leads> {
    // Without a kind it is the path of a Unix socket.
    let (kind, rest) = theirs.split_once(':').unwrap_or(("unix", theirs));
    match (kind.to_ascii_lowercase().as_str(), ours) {
        ("unix" | "local" | "", SocketSpec::Unix(path)) => {
            same_path(Path::new(rest), path).then_some(Leads::Here)
        }
        ("inet" | "inet6", SocketSpec::Inet(host, port)) => match rest.split_once('@') {
            Some((their_port, their_host)) => (their_port.trim().parse() == Ok(*port)
                && same_host(their_host.trim(), host))
            .then_some(Leads::Here),
            // Postfix's form.
            None => {
                let is_meant = rest.split(':').any(|part| part.parse() == Ok(*port));
                is_meant.then_some(Leads::Unusable("write it as S=inet:PORT@HOST"))
            }
        },
        _ => None,
    }
}

/// Who does not ask a filter that is defined.
fn not_asked(path: &str, lines: &[String], filter: &Filter<'_>, found: &mut Vec<Diagnosis>) {
    let usual = options(lines, "InputMailFilters").last().unwrap_or_default();
    let lists = |list: &str| list.split([',', ';']).any(|name| name.trim() == filter.name);
    let mut daemons: Vec<(&str, Option<&str>)> = options(lines, "DaemonPortOptions")
        .map(|options| (options, own_filters(options)))
        .collect();
    if daemons.is_empty() {
        daemons.push(("", None));
    }
    for (daemon, own) in daemons {
        if lists(own.unwrap_or(usual)) {
            continue;
        }
        let (what, remedy) = match own {
            Some(own) => (
                format!("O DaemonPortOptions={daemon}"),
                format!("this daemon has filters of its own (`{own}`): add {} there", filter.name),
            ),
            None => (
                format!("O InputMailFilters={usual}"),
                format!("MAIL_FILTER alone only defines a filter: use {MACRO}"),
            ),
        };
        let diagnosis = Diagnosis::new(
            FindingId::SendmailNotAsked,
            Gravity::Error,
            place(path, &what),
            format!(
                "sendmail.cf defines {}, and does not list it among the filters that are asked: mail passes \
                 unjudged",
                filter.name
            ),
            remedy,
        );
        if !found.contains(&diagnosis) {
            found.push(diagnosis);
        }
    }
}

/// The values of an option, `O Name=value`.
fn options<'a>(lines: &'a [String], name: &str) -> impl Iterator<Item = &'a str> {
    lines.iter().filter_map(move |line| {
        let (key, value) = line.strip_prefix("O ")?.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The filters of one daemon, where it has a list of its own.
fn own_filters(options: &str) -> Option<&str> {
    options.split(',').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().starts_with(['I', 'i']).then_some(value.trim())
    })
}

/// What becomes of mail while the milter is down.
fn while_down(path: &str, filter: &Filter<'_>, found: &mut Vec<Diagnosis>) {
    if filter.flags.contains(['T', '4']) {
        return;
    }
    let (id, gravity, message) = if filter.flags.contains('R') {
        (
            FindingId::SendmailRejects,
            Gravity::Warning,
            "with F=R, all mail is bounced for good while the milter is down",
        )
    } else {
        (
            FindingId::SendmailPasses,
            Gravity::Error,
            "without F=T, all mail passes unjudged while the milter is down",
        )
    };
    let remedy = format!("have F=T in {MACRO}");
    found.push(Diagnosis::new(id, gravity, place(path, filter.line), message, remedy));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postfix::tests::load;

    fn found(listen: &str, cf: &str) -> Vec<(FindingId, Gravity)> {
        let (settings, _) = load(&format!("listen: {listen}\npolicy: p\n"), "domains: []\n");
        let found = sendmail("/etc/mail/sendmail.cf", cf, &settings);
        found.into_iter().map(|diagnosis| (diagnosis.id, diagnosis.gravity)).collect()
    }

    #[test]
    fn a_filter_is_known_by_its_socket_in_every_spelling() {
        let unix = "unix:/run/mandatory-tls/milter.sock";
        let inet = "inet:127.0.0.1:8893";
        let listed = "O InputMailFilters=clamav, tls\n";
        for (listen, line) in [
            (unix, "Xtls, S=unix:/run/mandatory-tls/milter.sock, F=T, T=C:1m;S:30s;R:1m;E:1m"),
            (unix, "Xtls, S=local:/run/mandatory-tls/milter.sock, F=T"),
            (unix, "Xtls, S=/run/mandatory-tls/milter.sock, F=4"),
            (unix, "Xtls,\tS=unix:/var/run/mandatory-tls/milter.sock,\tF=T"),
            (unix, "Xtls,\n\tS=unix:/run/mandatory-tls/milter.sock,\n\tF=T"),
            (inet, "Xtls, S=inet:8893@127.0.0.1, F=T"),
            (inet, "Xtls, S=inet:8893@localhost, F=T"),
            (inet, "Xtls, S=inet:8893@[127.0.0.1], F=T"),
            ("inet:[::1]:8893", "Xtls, S=inet6:8893@::1, F=T"),
            ("inet:0.0.0.0:8893", "Xtls, S=inet:8893@mx.example.com, F=T"),
            (inet, "Xtls, S=inet:1@h, F=R\nXtls, S=inet:8893@127.0.0.1, F=T"),
        ] {
            assert_eq!(found(listen, &format!("{listed}{line}\n")), [], "{line}");
        }
    }

    #[test]
    fn a_filter_that_is_not_asked_or_lets_mail_pass_is_found() {
        use FindingId::{
            SendmailEntryBroken, SendmailNotAsked, SendmailNotDefined, SendmailPasses,
            SendmailRejects,
        };
        let line = "Xtls, S=inet:8893@127.0.0.1, F=T\n";
        let listed = "O InputMailFilters=tls\n";
        let cf = |options: &str, line: &str| format!("{options}{line}");
        for (cf, expected) in [
            (cf(listed, ""), &[SendmailNotDefined][..]),
            (cf(listed, "Xtls, S=inet:9999@127.0.0.1, F=T\n"), &[SendmailNotDefined]),
            (cf("", line), &[SendmailNotAsked]),
            (cf("#O InputMailFilters=tls\n", line), &[SendmailNotAsked]),
            (cf("O InputMailFilters=clamav,opendkim\n", line), &[SendmailNotAsked]),
            (cf("O InputMailFilters=tls\nO InputMailFilters=other\n", line), &[SendmailNotAsked]),
            (
                cf("O DaemonPortOptions=Name=MTA, InputMailFilters=other\n", &cf(listed, line)),
                &[SendmailNotAsked],
            ),
            (cf("O DaemonPortOptions=Name=MTA, I=other;tls\n", line), &[]),
            (
                cf("O DaemonPortOptions=Name=A, I=tls\nO DaemonPortOptions=Name=B\n", line),
                &[SendmailNotAsked],
            ),
            (
                cf("O DaemonPortOptions=Name=A\nO DaemonPortOptions=Name=B, M=Ea\n", line),
                &[SendmailNotAsked],
            ),
            (cf(listed, "Xtls, S=inet:8893@127.0.0.1\n"), &[SendmailPasses]),
            (cf(listed, "Xtls, S=inet:8893@127.0.0.1, F=\n"), &[SendmailPasses]),
            (cf(listed, "Xtls, S=inet:8893@127.0.0.1, F=R\n"), &[SendmailRejects]),
            (cf(listed, "Xtls, S=inet:127.0.0.1:8893, F=T\n"), &[SendmailEntryBroken]),
        ] {
            let ids: Vec<_> =
                found("inet:127.0.0.1:8893", &cf).into_iter().map(|(id, _)| id).collect();
            assert_eq!(ids, expected, "{cf}");
        }
    }
}
