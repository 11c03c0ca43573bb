//! What a Sendmail delivers, and over what.

use super::Sendmail;
use super::line::{self, Fields, Relay, addresses};
use crate::model::delivery::{Attempt, DeliveryReason, DeliveryStatus, HopTls, Trust};
use crate::model::logged_tls::{LoggedTls, TlsFailure};
use crate::postfix_log::handshakes::Handshakes;
use crate::postfix_log::hop::{Hops, is_here};
use crate::postfix_log::hosts::Process;
use crate::postfix_log::line::Line;
use crate::postfix_log::{Delivered, Logged};
use policy::TlsState;

impl Sendmail {
    /// A line of a session with a server.
    pub(super) fn client(&mut self, process: Process, at: i64, rest: &str) {
        let fields = Fields(rest);
        let client = self.clients.entry(process).or_default();
        client.seen = at;
        if rest.starts_with("error: connect failed") {
            let fields = Fields(rest.strip_prefix("error: ").unwrap_or(rest));
            client.failed = Some(line::failure(fields).unwrap_or_else(|| TlsFailure::new("")));
            client.of.clear();
        } else if let (Some(relay), Some(tls)) = (fields.get("relay"), line::session(fields)) {
            self.telling.insert(process.0);
            client.failed = None;
            let trust = line::trust(fields.get("verify").unwrap_or_default());
            client.tls.insert(Relay::read(relay).shown(), (tls, trust));
        }
    }

    /// A line of deliveries: `<c@d.test>,<e@d.test>, ctladdr=.., delay=.., mailer=esmtp, relay=.., dsn=.., stat=..`.
    pub(super) fn deliveries(
        &mut self,
        process: Process,
        line: &Line<'_>,
        (id, rest): (&str, &str),
        hops: &mut Hops,
        handshakes: &mut Handshakes,
    ) {
        let (recipients, rest) = addresses(rest);
        let fields = Fields(rest);
        let Some(stat) = fields.get("stat") else { return };
        let attempt = self.attempt(process, line, id, fields, stat);
        let message = self.entry(process.0, id, line.at);
        let is_begun = message.is_begun;
        let mut without = 0;
        let mut logged = Vec::new();
        let mut delivered = Vec::new();
        for &to in &recipients {
            match &message.came {
                Some(came) if message.told.insert(to.to_owned()) => {
                    if let Some(earlier) = &message.earlier {
                        handshakes.recipient(earlier, to);
                    }
                    let (told, recipient) = (line.at, to.to_owned());
                    logged.push(Logged { told, recipient, ..came.clone() });
                }
                Some(_) => {}
                None => without += u64::from(!is_begun),
            }
            let Some(mut attempt) = attempt.clone() else { continue };
            if attempt.status != DeliveryStatus::Sent
                && let Some((process, why, words)) =
                    message.demands.remove(to).or_else(|| message.demands.get("").cloned())
                && process == line.process
            {
                (attempt.reason, attempt.words) = (why, words);
            }
            delivered.push((to, attempt));
        }
        self.found.without_message += without;
        self.told.append(&mut logged);
        for (to, attempt) in delivered {
            let delivered = Delivered {
                id: id.to_owned(),
                process: line.process,
                recipient: to.to_owned(),
                routed: to.to_owned(),
                attempt,
            };
            hops.tell(process.0, id, !is_begun, delivered);
        }
    }

    /// What a line says of a delivery; none where it tells of none.
    fn attempt(
        &mut self,
        process: Process,
        line: &Line<'_>,
        id: &str,
        fields: Fields<'_>,
        stat: &str,
    ) -> Option<Attempt> {
        let dsn = fields.get("dsn").unwrap_or_default();
        let status = line::status(dsn, stat)?;
        let mailer = fields.get("mailer").unwrap_or_default();
        let relay = fields.get("relay").unwrap_or_default();
        let peer = Relay::read(relay);
        let is_here = peer.address.is_some() && is_here(peer.address);
        // From the submission queue to the MTA of the same host.
        if mailer == "relay" && is_here {
            return None;
        }
        let is_sent = status == DeliveryStatus::Sent;
        let (reason, words) = if is_sent {
            (DeliveryReason::None, String::new())
        } else {
            line::reason(stat, fields.get("reply").unwrap_or_default(), dsn)
        };
        let server = peer.shown();
        if let Some(client) = self.clients.get_mut(&process)
            && client.of != id
        {
            if !client.of.is_empty() {
                client.failed = None;
            }
            id.clone_into(&mut client.of);
        }
        let client = self.clients.get(&process);
        let session = client.and_then(|client| client.tls.get(&server));
        let failed = client.and_then(|client| client.failed.clone());
        let is_smtp = mailer.contains("smtp") || mailer == "relay";
        let (tls, trust) = match (session, failed) {
            _ if !is_smtp => (HopTls::Local, Trust::None),
            _ if peer.address.is_none() => (HopTls::Told(LoggedTls::Unknown), Trust::None),
            (Some((tls, trust)), None) => (HopTls::Told(LoggedTls::Told(tls.clone())), *trust),
            (_, Some(failure)) => (HopTls::Told(LoggedTls::Failed(failure)), Trust::None),
            // No connection, no session.
            _ if matches!(reason, DeliveryReason::Connection | DeliveryReason::Dns) => {
                (HopTls::Told(LoggedTls::Unknown), Trust::None)
            }
            (None, None) if is_here => (HopTls::Local, Trust::None),
            (None, None) if self.telling.contains(&process.0) => {
                (HopTls::Told(LoggedTls::Told(TlsState::Plaintext)), Trust::None)
            }
            (None, None) => (HopTls::Told(LoggedTls::Unknown), Trust::None),
        };
        Some(Attempt {
            at: line.at,
            server: if is_smtp { server } else { String::new() },
            address: peer.address.filter(|_| is_smtp),
            level: String::new(),
            tls,
            trust,
            status,
            reason,
            words,
            is_again: false,
        })
    }
}
