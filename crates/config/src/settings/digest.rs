//! The digest.

use super::mail_from::{MailFrom, MailFromError};
use super::socket::SocketSpec;
use crate::yaml::{Decoder, Node};
use std::path::PathBuf;

/// Where sendmail(1) lies.
const SENDMAIL: &str = "/usr/sbin/sendmail";

/// How digests are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestSettings {
    /// Who they are from.
    pub from: MailFrom,
    /// By SMTP to this host and port; none: by sendmail(1).
    pub smtp: Option<SocketSpec>,
    /// The program to send with.
    pub sendmail: PathBuf,
}

impl DigestSettings {
    /// Reads `digest`.
    pub(super) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "`digest`")?;
        let from_node = fields.take("from");
        let smtp = fields.read(decoder, "smtp", read_smtp);
        let sendmail = fields.text(decoder, "sendmail").unwrap_or(SENDMAIL).into();
        decoder.finish(fields);
        let Some(from_node) = from_node else {
            let help = "add `from: postmaster@example.org`";
            return decoder.wrong(node, "a digest says who it is from", help);
        };
        let from = read_from(decoder, from_node)?;
        Some(Self { from, smtp, sendmail })
    }
}

fn read_from(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<MailFrom> {
    let text = decoder.text(node, "`from`")?;
    text.parse().map_or_else(
        |error: MailFromError| {
            let message = format!("`{}` is not a mail address: {error}", text.escape_debug());
            decoder.wrong(node, message, "write postmaster@example.org, or Name <address>")
        },
        Some,
    )
}

fn read_smtp(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<SocketSpec> {
    match SocketSpec::read(decoder, node)? {
        socket @ SocketSpec::Inet(..) => Some(socket),
        SocketSpec::Unix(_) => {
            decoder.wrong(node, "SMTP goes over TCP", "write, for example, inet:127.0.0.1:25")
        }
    }
}
