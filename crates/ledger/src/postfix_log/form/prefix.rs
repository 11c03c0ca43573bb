//! What container engines, collectors and syslogs put before a line of a log.

/// A line without what stands before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postfix_log) struct Bare<'l> {
    /// The container, for lines that name no host.
    pub container: Option<&'l str>,
    /// From the time on.
    pub text: &'l str,
}

/// Takes off `<22>`, `postfix-mailcow-1  | `, `[pod/mx-0/postfix] ` and the like.
pub(in crate::postfix_log) fn bare(line: &str) -> Bare<'_> {
    let mut bare = Bare { container: None, text: line };
    // Each at most once in usual logs; a bound for all others.
    for _ in 0..4 {
        let text = bare.text.trim_start_matches(['\u{feff}', ' ', '\t']);
        let (container, text) = if let Some(text) = after_priority(text) {
            (None, text)
        } else if let Some((name, text)) = after_name(text) {
            (Some(name), text)
        } else if let Some(text) = after_pod(text) {
            (None, text)
        } else {
            return Bare { text, ..bare };
        };
        bare = Bare { container: container.or(bare.container), text };
    }
    bare
}

/// The facility and level of syslog: `<22>`.
fn after_priority(text: &str) -> Option<&str> {
    let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_number =
        (1..=3).contains(&number.len()) && number.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then_some(rest)
}

/// The container, as docker compose writes it: `postfix-mailcow-1  | `.
fn after_name(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('|')?;
    let name = name.trim_end();
    let is_name = !name.is_empty()
        && name.len() <= 80
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet));
    is_name.then(|| (name, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// The pod, as `kubectl logs --prefix` writes it: `[pod/mx-0/postfix] `.
fn after_pod(text: &str) -> Option<&str> {
    let (pod, rest) = text.strip_prefix("[pod/")?.split_once("] ")?;
    (!pod.contains(' ')).then_some(rest)
}

/// What the container runtimes of Kubernetes put behind the time: the stream, and whether the line is
/// whole.
pub(in crate::postfix_log) fn after_stream(text: &str) -> &str {
    ["stdout F ", "stderr F ", "stdout P ", "stderr P "]
        .iter()
        .find_map(|stream| text.strip_prefix(stream))
        .unwrap_or(text)
}

/// Whether a word stands for facility and level: `mail.info` (BusyBox), `mail:info` (AIX),
/// `<mail.info>` (FreeBSD), `mail/info`.
pub(in crate::postfix_log) fn is_facility(word: &str) -> bool {
    let word = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(word);
    let Some((facility, level)) = word.split_once(['.', ':', '/']) else { return false };
    const LEVELS: [&str; 12] = [
        "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "alert", "emerg",
        "panic", "none",
    ];
    LEVELS.contains(&level) && facility.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

/// Solaris' `[ID 197553 mail.info] ` in front of the text.
pub(in crate::postfix_log) fn after_message_id(text: &str) -> &str {
    let after = text.strip_prefix("[ID ").and_then(|rest| rest.split_once("] "));
    match after {
        Some((id, rest)) if id.split_once(' ').is_some_and(|(_, word)| is_facility(word)) => rest,
        _ => text,
    }
}

/// Whether a program passes on the log of containers, line by line.
pub(in crate::postfix_log) fn passes_on(program: &str) -> bool {
    let is_id = (12..=64).contains(&program.len())
        && program.bytes().all(|octet| octet.is_ascii_hexdigit() && !octet.is_ascii_uppercase());
    let engines = ["docker", "podman", "conmon", "containerd", "nerdctl", "compose", "kubelet"];
    is_id || engines.iter().any(|engine| program.starts_with(engine))
}

/// What RFC 5424 writes behind the time: `mx postfix/smtpd 17 - - text`.
pub(in crate::postfix_log) struct Syslog<'l> {
    pub host: &'l str,
    pub program: &'l str,
    pub process: &'l str,
    pub text: &'l str,
}

/// Reads what stands behind the time (RFC 5424, section 6).
pub(in crate::postfix_log) fn syslog(rest: &str) -> Option<Syslog<'_>> {
    let mut words = rest.splitn(5, ' ');
    let (host, program, process) = (words.next()?, words.next()?, words.next()?);
    let (_, data) = (words.next()?, words.next()?);
    let text = match data.strip_prefix('-') {
        Some(text) => text,
        None => after_data(data)?,
    };
    let text = text.trim_start_matches([' ', '\u{feff}']);
    Some(Syslog { host, program, process, text })
}

/// What follows structured data: `[id key="value"][..]`.
fn after_data(text: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let mut rest = text.strip_prefix('[')?;
    loop {
        let end = rest.find(|character| {
            let ends = character == ']' && !quoted;
            quoted ^= character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        })?;
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('[') {
            Some(next) => rest = next,
            None => return Some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_time_is_taken_off() {
        for (line, container, text) in [
            ("Nov 20 x", None, "Nov 20 x"),
            ("<22>Nov 20 x", None, "Nov 20 x"),
            ("\u{feff}<22>1 2026", None, "1 2026"),
            ("postfix-mailcow_1    | Nov 20 x", Some("postfix-mailcow_1"), "Nov 20 x"),
            ("mail | <22>Nov 20 | x", Some("mail"), "Nov 20 | x"),
            ("[pod/mx-0/postfix] Nov 20 x", None, "Nov 20 x"),
            ("<a>Nov", None, "<a>Nov"),
            ("a b | Nov", None, "a b | Nov"),
        ] {
            assert_eq!(bare(line), Bare { container, text }, "{line}");
        }
    }

    #[test]
    fn structured_data_is_passed_over_whatever_is_in_it() {
        for (rest, text) in [
            ("mx postfix/smtpd 17 - - connect from x", Some("connect from x")),
            ("mx postfix/smtpd 17 ID [a b=\"]\\\"\"][c] \u{feff}connect", Some("connect")),
            ("mx postfix/smtpd 17 - [a b=\"x", None),
            ("mx postfix/smtpd", None),
        ] {
            assert_eq!(syslog(rest).map(|found| found.text), text, "{rest}");
        }
    }

    #[test]
    fn facilities_and_engines_are_told_from_hosts_and_daemons() {
        assert!(
            ["mail.info", "mail:info", "<mail.warn>", "2.info"]
                .iter()
                .all(|word| is_facility(word))
        );
        assert!(!["mx.example", "postfix/smtpd", "info", ""].iter().any(|word| is_facility(word)));
        assert!(
            ["dockerd", "docker/mail", "a3426da50090", "podman"].iter().all(|name| passes_on(name))
        );
        assert!(
            !["dovecot", "postfix/smtpd", "kernel", "sshd", ""].iter().any(|name| passes_on(name))
        );
        assert_eq!(after_message_id("[ID 197553 mail.info] connect"), "connect");
        assert_eq!(after_message_id("[ID x] connect"), "[ID x] connect");
    }
}
