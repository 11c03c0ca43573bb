//! The macros that an MTA sends: as they came, and the values of those that are read.

use policy::{Recipient, TlsState};
use std::ops::Range;

/// The stage of an SMTP session to which macros belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The connection itself.
    Connect,
    /// HELO or EHLO.
    Helo,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
}

/// How many octets of memory are kept for macros.
const USUAL: usize = 1024;

/// The macros of a session by stage, as they came: names and values, each ended by NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macros {
    /// Those of all stages, one stage after the other.
    octets: Vec<u8>,
    /// Where those of each stage end.
    ends: [usize; STAGES],
}

/// `{rcpt_mailer}` of what Postfix and Sendmail deliver to mailboxes of the machine's users.
const LOCAL_MAILER: &[u8] = b"local";

/// How many stages there are.
const STAGES: usize = 4;

impl Macros {
    /// Replaces all macros of a stage by those of a batch, which may be empty.
    pub fn replace(&mut self, stage: Stage, batch: &[u8]) {
        if self.octets.capacity() == 0 && !batch.is_empty() {
            self.octets.reserve(USUAL / 2);
        }
        let old = self.range(stage);
        let (removed, added) = (old.len(), batch.len());
        if old.end == self.octets.len() {
            self.octets.truncate(old.start);
            self.octets.extend_from_slice(batch);
        } else {
            self.octets.splice(old, batch.iter().copied());
        }
        for end in self.ends.iter_mut().skip(stage as usize) {
            *end = *end - removed + added;
        }
    }

    /// Forgets all macros of a stage.
    pub fn clear(&mut self, stage: Stage) {
        self.replace(stage, b"");
        self.octets.shrink_to(USUAL);
    }

    fn range(&self, stage: Stage) -> Range<usize> {
        let end = |number: usize| self.ends.get(number).copied().unwrap_or_default();
        let number = stage as usize;
        number.checked_sub(1).map_or(0, end)..end(number)
    }

    /// The values of the macros of a stage.
    #[must_use]
    pub fn read(&self, stage: Stage) -> MacroValues<'_> {
        let mut values = MacroValues::default();
        let octets = self.octets.get(self.range(stage)).unwrap_or_default();
        let mut rest = Some(octets);
        while let (Some(name), Some(value)) = (next_string(&mut rest), next_string(&mut rest)) {
            if let Some(slot) = values.slot(name) {
                // The first one counts where a name comes twice.
                slot.get_or_insert(value);
            }
        }
        values
    }
}

/// Takes off the next string, which ends at a NUL or at the end of all octets.
fn next_string<'m>(rest: &mut Option<&'m [u8]>) -> Option<&'m [u8]> {
    let octets = (*rest)?;
    let end = memchr::memchr(0, octets);
    *rest = end.and_then(|end| octets.get(end + 1..));
    octets.get(..end.unwrap_or(octets.len()))
}

/// The values of a stage's macros; none for one that was not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MacroValues<'m> {
    /// The MTA's own name.
    pub j: Option<&'m [u8]>,
    /// The queue id.
    pub i: Option<&'m [u8]>,
    /// The version of TLS.
    pub tls_version: Option<&'m [u8]>,
    /// The cipher suite.
    pub cipher: Option<&'m [u8]>,
    /// The key length.
    pub cipher_bits: Option<&'m [u8]>,
    /// Whom the client's certificate names.
    pub cert_subject: Option<&'m [u8]>,
    /// Who issued it.
    pub cert_issuer: Option<&'m [u8]>,
    /// Whether Sendmail trusts it.
    pub verify: Option<&'m [u8]>,
    /// How the client has authenticated.
    pub auth_type: Option<&'m [u8]>,
    /// As whom.
    pub auth_authen: Option<&'m [u8]>,
    /// The sender, as the MTA understood it.
    pub mail_addr: Option<&'m [u8]>,
    /// The recipient, as the MTA understood it.
    pub rcpt_addr: Option<&'m [u8]>,
    /// Where the MTA routes it to.
    pub rcpt_host: Option<&'m [u8]>,
    /// How it delivers it.
    pub rcpt_mailer: Option<&'m [u8]>,
    /// The MTA's own port.
    pub daemon_port: Option<&'m [u8]>,
}

impl<'m> MacroValues<'m> {
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<&'m [u8]>> {
        Some(match bare(name) {
            b"j" => &mut self.j,
            b"i" => &mut self.i,
            b"tls_version" => &mut self.tls_version,
            b"cipher" => &mut self.cipher,
            b"cipher_bits" => &mut self.cipher_bits,
            b"cert_subject" => &mut self.cert_subject,
            b"cert_issuer" => &mut self.cert_issuer,
            b"verify" => &mut self.verify,
            b"auth_type" => &mut self.auth_type,
            b"auth_authen" => &mut self.auth_authen,
            b"mail_addr" => &mut self.mail_addr,
            b"rcpt_addr" => &mut self.rcpt_addr,
            b"rcpt_host" => &mut self.rcpt_host,
            b"rcpt_mailer" => &mut self.rcpt_mailer,
            b"daemon_port" => &mut self.daemon_port,
            _ => return None,
        })
    }

    /// The TLS state that these macros tell of.
    pub(super) fn tls(&self) -> TlsState {
        TlsState::from_macros(self.tls_version, self.cipher, self.cipher_bits)
    }

    /// The recipient whom the client's argument and these macros tell of.
    pub(super) fn recipient(&self, argument: &[u8]) -> Recipient {
        // Postfix gives its own name as the host of what local(8) delivers, as long as local_transport
        // is as shipped, and else the recipient's domain. Sendmail gives no host.
        let is_me = |host: &[u8]| {
            let me = self.j.unwrap_or_default();
            host.strip_suffix(b".").unwrap_or(host).eq_ignore_ascii_case(me)
        };
        let host = filled(self.rcpt_host);
        let is_own = host.is_some_and(is_me) || self.rcpt_mailer == Some(LOCAL_MAILER);
        let host = host.filter(|host| !is_me(host));
        let recipient = Recipient::new(argument, filled(self.rcpt_addr), host);
        if is_own { recipient.delivered_here() } else { recipient }
    }

    pub(super) fn is_authenticated(&self) -> bool {
        filled(self.auth_authen).or(filled(self.auth_type)).is_some()
    }
}

/// A value that is not empty.
pub(super) fn filled(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|value| !value.is_empty())
}

/// A name without braces: one-letter names come with and without them.
fn bare(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_of_each_stage_are_replaced_and_forgotten_apart_from_the_others() {
        const BATCHES: [&[u8]; 4] = [b"", b"j\0a\0", b"{mail_addr}\0b@c.test\0", b"i\0\0j\0x\0"];
        let stages = [Stage::Connect, Stage::Helo, Stage::Mail, Stage::Rcpt];
        let mut macros = Macros::default();
        let mut expected = [b"".as_slice(); 4];
        // Every stage after every other, with every batch.
        for turn in 0..1000_usize {
            let (number, batch) = (turn * 7 / 5 % 4, BATCHES[turn * 11 / 3 % 4]);
            if turn % 13 == 0 {
                macros.clear(stages[number]);
                expected[number] = b"";
            } else {
                macros.replace(stages[number], batch);
                expected[number] = batch;
            }
            for (stage, expected) in stages.into_iter().zip(expected) {
                assert_eq!(&macros.octets[macros.range(stage)], expected, "{turn} {stage:?}");
            }
        }
    }
}
