//! The SMTP session that an smtpd process serves, and what the log proves of its encryption.

use super::handshakes::Earlier;
use crate::model::logged_tls::{LoggedTls, TlsFailure};
use policy::TlsState;

/// A session under way, from `connect from` to `disconnect from`.
#[derive(Debug)]
pub(super) struct Session {
    /// The client as the log names it: `mx.test[192.0.2.1]`.
    pub client: String,
    /// Whether the log has its beginning.
    pub began: bool,
    /// Whether it is one of before, whose lines the log has once more.
    pub is_copy: bool,
    /// Whether the log says that lines were lost meanwhile.
    pub lost: bool,
    /// Whether TLS begins with the connection, as on port 465.
    wrapped: bool,
    /// The last TLS session, and how many the log tells of.
    pub tls: Option<TlsState>,
    pub tls_lines: u32,
    /// Why a handshake failed.
    pub failure: Option<TlsFailure>,
    /// Its own messages.
    pub messages: u32,
    /// Messages that wait for what its end tells of it.
    pub waiting: Vec<u64>,
    /// The client of a message that goes through a filter before the queue, and whether it had
    /// authenticated.
    pub passes_on: Option<bool>,
    /// Handshakes of its client that had failed before, where it begins TLS.
    pub earlier: Option<Earlier>,
    /// Recipients that were refused for want of TLS, and whether anything was.
    pub refused: Vec<String>,
    pub is_refused: bool,
    /// Whether `doctor` or `setup` had it, to see whether the milter is asked.
    pub is_trial: bool,
    /// When a line last spoke of it, in seconds since 1970-01-01.
    pub seen: i64,
}

impl Session {
    pub fn new(client: &str, service: &str, began: bool, at: i64) -> Self {
        // The names that Postfix's master.cf and others give services whose TLS begins with the
        // connection.
        let wrapped = ["smtps", "submissions", "465", "ssmtp"];
        let wrapped = service.split('/').any(|part| wrapped.contains(&part));
        Self {
            client: client.to_owned(),
            began,
            is_copy: false,
            lost: false,
            wrapped,
            tls: None,
            tls_lines: 0,
            failure: None,
            messages: 0,
            waiting: Vec::new(),
            passes_on: None,
            earlier: None,
            refused: Vec::new(),
            is_refused: false,
            is_trial: false,
            seen: at,
        }
    }

    /// Whether its first line is all there is of it.
    pub fn is_untouched(&self) -> bool {
        let has_tls = self.tls.is_some() || self.failure.is_some();
        self.began && !has_tls && self.messages == 0 && self.passes_on.is_none()
    }

    /// What its end proves of messages that began when no line had told of TLS. `earlier` is why the
    /// same client failed to begin TLS shortly before.
    pub fn at_its_end(&self, end: End<'_>, earlier: Option<&TlsFailure>) -> LoggedTls {
        let End::Disconnect { client, counts } = end else { return LoggedTls::Unknown };
        let Some(counts) = counts else { return LoggedTls::Unknown };
        if !self.began || self.lost || client != self.client || self.messages > counts.mail {
            return LoggedTls::Unknown;
        }
        let failure = self.failure.clone();
        if counts.starttls > self.tls_lines || self.wrapped && failure.is_none() {
            LoggedTls::Encrypted
        } else if counts.starttls > 0 {
            // The messages came before the client asked for TLS.
            LoggedTls::Told(TlsState::Plaintext)
        } else if let Some(failure) = failure {
            LoggedTls::Failed(failure)
        } else if counts.starttls_failed {
            LoggedTls::Failed(TlsFailure::new(""))
        } else {
            match earlier {
                Some(earlier) => LoggedTls::Failed(earlier.clone()),
                None => LoggedTls::Told(TlsState::Plaintext),
            }
        }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'l> {
    /// With `disconnect from`, and what was counted in it where Postfix says so (from 3.0 on).
    Disconnect { client: &'l str, counts: Option<Counts> },
    /// The log does not have its end.
    Missing,
}

/// The commands of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Successful MAIL.
    pub mail: u32,
    /// Successful STARTTLS.
    pub starttls: u32,
    /// Whether there was a STARTTLS that failed.
    pub starttls_failed: bool,
}

impl<'l> End<'l> {
    /// Reads `mx.test[192.0.2.1] ehlo=2 starttls=1 mail=1 rcpt=1/2 commands=7`.
    pub fn read(text: &'l str) -> Self {
        let (client, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut counts = Counts::default();
        let mut is_counted = false;
        for word in rest.split(' ') {
            let Some((name, count)) = word.split_once('=') else { continue };
            let (good, all) = count.split_once('/').unwrap_or((count, count));
            let Ok(good) = good.parse() else { continue };
            match name {
                "mail" => counts.mail = good,
                "starttls" => {
                    counts.starttls = good;
                    counts.starttls_failed = all != count || good == 0;
                }
                "commands" => is_counted = true,
                _ => {}
            }
        }
        Self::Disconnect { client, counts: is_counted.then_some(counts) }
    }
}

/// Client and cause of `SSL_accept error from mx.test[192.0.2.1]: -1`; the cause is empty where it is a
/// number.
pub(super) fn failed_handshake(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("SSL_accept error from ")?;
    let (client, cause) = rest.split_once(": ")?;
    let is_number = cause.trim_start_matches('-').bytes().all(|octet| octet.is_ascii_digit());
    Some((client, if is_number { "" } else { cause }))
}

/// The cause in `warning: TLS library problem: error:1417A0C1:SSL routines:tls_post_process_client_hello:no
/// shared cipher:../ssl/statem/statem_srvr.c:2258:`.
pub(super) fn library_problem(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("warning: TLS library problem: ")?;
    let mut parts = rest.split(':').skip_while(|part| *part != "error").skip(4);
    parts.next().filter(|cause| !cause.is_empty())
}

/// A client as the log names it, without the port that smtpd_client_port_logging adds.
pub(super) fn without_port(client: &str) -> &str {
    client.rfind(']').and_then(|end| client.get(..=end)).unwrap_or(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "mx.test[192.0.2.1]";

    /// What the end of a session of one message proves of it.
    fn proved(end: &str, change: impl FnOnce(&mut Session)) -> LoggedTls {
        let mut session = Session::new(CLIENT, "postfix/smtpd", true, 0);
        session.messages = 1;
        change(&mut session);
        session.at_its_end(End::read(end), None)
    }

    #[test]
    fn plaintext_is_proved_by_a_whole_session_alone_and_each_other_end_is_a_state_of_its_own() {
        let plaintext = LoggedTls::Told(TlsState::Plaintext);
        let failed = |cause| LoggedTls::Failed(TlsFailure::new(cause));
        for (end, expected) in [
            ("mx.test[192.0.2.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5", plaintext.clone()),
            ("mx.test[192.0.2.1] helo=1 mail=2 rcpt=1/7 data=1/2 commands=5/9", plaintext.clone()),
            ("mx.test[192.0.2.1] ehlo=2 starttls=1 mail=1 commands=5", LoggedTls::Encrypted),
            ("mx.test[192.0.2.1] ehlo=2 starttls=1/2 mail=1 commands=5/6", LoggedTls::Encrypted),
            ("mx.test[192.0.2.1] ehlo=2 starttls=0/1 mail=1 commands=5/6", failed("")),
            ("mx.test[192.0.2.1]", LoggedTls::Unknown),
            ("mx.test[192.0.2.1] ehlo=1 mail=1", LoggedTls::Unknown),
            ("other.test[192.0.2.9] ehlo=1 mail=1 commands=5", LoggedTls::Unknown),
            // Fewer MAIL than messages: it is the end of another session.
            ("mx.test[192.0.2.1] ehlo=1 quit=1 commands=2", LoggedTls::Unknown),
            ("", LoggedTls::Unknown),
        ] {
            assert_eq!(proved(end, |_| ()), expected, "{end}");
        }
        let end = "mx.test[192.0.2.1] ehlo=1 mail=1 commands=5";
        assert_eq!(proved(end, |session| session.began = false), LoggedTls::Unknown);
        assert_eq!(proved(end, |session| session.lost = true), LoggedTls::Unknown);
        let cause = || Some(TlsFailure::new("no shared cipher"));
        assert_eq!(proved(end, |session| session.failure = cause()), failed("no shared cipher"));
        let session = Session::new(CLIENT, "postfix/smtpd", true, 0);
        assert_eq!(session.at_its_end(End::Missing, None), LoggedTls::Unknown);
        assert_eq!(
            session.at_its_end(End::read(end), cause().as_ref()),
            failed("no shared cipher")
        );
        // One STARTTLS, one line of it, and a message before that.
        let later = "mx.test[192.0.2.1] ehlo=2 mail=2 starttls=1 commands=9";
        assert_eq!(proved(later, |session| session.tls_lines = 1), plaintext);
        for service in ["postfix/smtps/smtpd", "postfix/submissions/smtpd"] {
            let session = Session::new(CLIENT, service, true, 0);
            assert_eq!(session.at_its_end(End::read(end), None), LoggedTls::Encrypted, "{service}");
        }
    }

    #[test]
    fn the_cause_of_a_failed_handshake_is_read_in_each_release_of_the_library() {
        for (text, cause) in [
            (
                "warning: TLS library problem: error:1417A0C1:SSL routines:tls_post_process_client_hello:no shared cipher:../ssl/statem/statem_srvr.c:2258:",
                Some("no shared cipher"),
            ),
            (
                "warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:../ssl/statem/statem_srvr.c:2220:",
                Some("no shared cipher"),
            ),
            (
                "warning: TLS library problem: 17:error:1408F10B:SSL routines:SSL3_GET_RECORD:wrong version number:s3_pkt.c:337:",
                Some("wrong version number"),
            ),
            (
                "warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1590:SSL alert number 48:",
                Some("tlsv1 alert unknown ca"),
            ),
            ("warning: TLS library problem: error", None),
            ("warning: other", None),
        ] {
            assert_eq!(library_problem(text), cause, "{text}");
        }
        for (text, found) in [
            ("SSL_accept error from mx.test[192.0.2.1]: -1", Some((CLIENT, ""))),
            (
                "SSL_accept error from mx.test[192.0.2.1]: Connection timed out",
                Some((CLIENT, "Connection timed out")),
            ),
            ("SSL_accept:before SSL initialization", None),
        ] {
            assert_eq!(failed_handshake(text), found, "{text}");
        }
    }
}
