//! Hands a mail to the MTA.

use config::settings::{DigestSettings, SocketSpec};
use lettre::transport::smtp::{
    self,
    client::{SmtpConnection, TlsParameters},
    extension::ClientId,
};
use lettre::{Message, SendmailTransport, Transport};
use std::{error::Error, net::IpAddr, time::Duration};

/// How long the MTA may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said of a certificate that is not taken.
const BAD_CERTIFICATE: &str = "invalid peer certificate";
const CERTIFICATE_HELP: &str = "\n  = help: the certificate of the server must name the host in `smtp`, and its CA be one that this system trusts (update-ca-certificates), or stand in the file that SSL_CERT_FILE names";

/// Why a mail does not count as sent.
pub(super) enum Undelivered {
    /// It was certainly not accepted.
    Refused(String),
    /// The answer to it is missing: it may have been accepted.
    Unknown(String),
}

/// Hands a mail to the MTA, through sendmail(1) or by SMTP.
pub(super) fn hand_over(message: &Message, wanted: &DigestSettings) -> Result<(), Undelivered> {
    let Some(SocketSpec::Inet(host, port)) = &wanted.smtp else {
        // Not started, no reader to the end, or an exit status: it took no mail.
        return SendmailTransport::new_with_command(&wanted.sendmail).send(message).map_err(
            |error| {
                // What it said, or why it could not be asked.
                let said = error.source().map(ToString::to_string).unwrap_or_default();
                let said =
                    if said.trim().is_empty() { "it failed without a word" } else { said.trim() };
                Undelivered::Refused(format!("{}: {said}", wanted.sendmail.display()))
            },
        );
    };
    let mut connection = connected(host, *port).map_err(|error| {
        let text = chain(&error);
        let help = if text.contains(BAD_CERTIFICATE) { CERTIFICATE_HELP } else { "" };
        Undelivered::Refused(text + help)
    })?;
    let sent = connection.send(message.envelope(), &message.formatted());
    connection.abort();
    sent.map(drop).map_err(|error| {
        // An answer of the server, or what it does not offer and needs to.
        let certain = error.is_transient() || error.is_permanent() || error.is_client();
        let text = chain(&error);
        if certain { Undelivered::Refused(text) } else { Undelivered::Unknown(text) }
    })
}

/// Connects; what leaves the machine is encrypted: this is mandatory-tls.
fn connected(host: &str, port: u16) -> Result<SmtpConnection, smtp::Error> {
    let name = ClientId::default();
    let mut connection = SmtpConnection::connect((host, port), Some(PATIENCE), &name, None, None)?;
    let local = host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if !local && host != "localhost" {
        connection.starttls(&TlsParameters::new(host.to_owned())?, &name)?;
    }
    Ok(connection)
}

/// An error and what it came from, in a line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some say it themselves.
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(&format!(": {cause_text}"));
        }
        source = cause.source();
    }
    text
}
