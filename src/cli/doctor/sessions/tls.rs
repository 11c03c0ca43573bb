//! What a place offers of TLS, and what that means for mail.

use super::certificate::UNSEEN;
use super::{End, FindingId, HelloAnswer, OldVersion, Place, Seen, Speaks, Visit, Visits};
use jiff::Timestamp;
use policy::requirement::Requirement;
use policy::{Mode, Policy, ReasonKind, TlsState};
use smtp::{Handshake, HandshakeError};
use std::io;

const LOG: &str =
    "the MTA's log says why (journalctl -t postfix/smtpd -t sm-mta, or /var/log/mail.log)";
/// What becomes of mail where no session is ever encrypted.
const ALL_REFUSED: &str = "every sender falls back to plaintext, and all mail for opted-in domains is refused, though the senders \
     do nothing wrong";

/// Why no session came about at all, if none did. `runs`: whether the milter does.
pub(super) fn unreachable(visits: &Visits, runs: bool) -> Option<Seen> {
    let first = visits.plaintext.as_ref().or(visits.tls.first().map(|(_, visit)| visit))?;
    let down = "systemctl start postfix (or sendmail), and see why it ended: journalctl -u 'postfix*'; after a \
                change of inet_interfaces, stop it and start it";
    Some(match &first.end {
        End::Unreachable(error) if error.kind() == io::ErrorKind::ConnectionRefused => Seen::error(
            FindingId::MtaDown,
            "nobody takes connections: the MTA is stopped, or does not listen there; no mail comes in",
            down,
        ),
        End::Unreachable(error) => Seen::error(
            FindingId::MtaDown,
            format!("it cannot be reached from this host: {error}"),
            "is the address in use on this host, and does a firewall let this host reach it?",
        ),
        End::Greeting(reply) if !runs => Seen::error(
            FindingId::MtaTurnsAway,
            format!(
                "it turns clients away ({reply}), and this milter does not run: so says a default action of \
                 `reject` (senders get their mail back) or `shutdown`"
            ),
            "start the milter, and look at the MTA's default action (check --postfix)",
        ),
        End::Greeting(reply) => Seen::error(
            FindingId::MtaTurnsAway,
            format!(
                "it turns clients away ({reply}): no mail comes in from this host, perhaps from nobody"
            ),
            LOG,
        ),
        End::Ehlo(reply) => Seen::error(
            FindingId::MtaTurnsAway,
            format!("it takes no EHLO ({reply}): no session can be encrypted"),
            "smtpd_helo_restrictions, or a proxy that knows no ESMTP (a firewall that inspects SMTP)?",
        ),
        End::Broken(at @ ("the greeting" | "EHLO" | "the connection"), error) => Seen::error(
            FindingId::MtaTurnsAway,
            format!("the session ends at {at}: {error}; so no mail comes in"),
            LOG,
        ),
        _ => return None,
    })
}

/// Adds what is wrong with TLS.
pub(super) fn words(place: &Place, visits: &Visits, policy: Option<&Policy>, seen: &mut Vec<Seen>) {
    // While a milter is down, Postfix refuses STARTTLS as well: that is not the fault of TLS.
    let is_put_off = seen.iter().any(|one| one.id == Some(FindingId::MailPutOff));
    let shaken = |(speaks, visit): &(Speaks, Visit)| {
        visit.handshake.clone().map(|handshake| (*speaks, handshake))
    };
    let sessions: Vec<(Speaks, Handshake)> = visits.tls.iter().filter_map(shaken).collect();
    if sessions.is_empty() {
        if let Some((_, visit)) = visits.tls.first()
            && !is_put_off
        {
            seen.push(nothing(place, visit, visits));
        }
        return;
    }
    let failed = |wanted: Speaks| {
        visits.tls.iter().find_map(|(speaks, visit)| match &visit.end {
            End::Handshake(error) if *speaks == wanted => Some(error),
            _ => None,
        })
    };
    if let Some(error) = failed(Speaks::V1_2) {
        seen.push(Seen::warning(
            FindingId::Tls12Missing,
            format!(
                "it takes no TLS 1.2 ({error}): senders who have no TLS 1.3 fall back to plaintext, and are \
                 refused at opted-in domains"
            ),
            "smtpd_tls_protocols = >=TLSv1.2, and smtpd_tls_exclude_ciphers must leave ECDHE suites with AES",
        ));
    }
    if failed(Speaks::V1_3).is_some() {
        let what = "it takes no TLS 1.3; TLS 1.2 is enough for all senders";
        seen.push(Seen::note(FindingId::Tls13Missing, what));
    }
    seen.extend(policy.and_then(|policy| unsatisfied(policy, &sessions)));
}

/// There is no encrypted session at all.
fn nothing(place: &Place, visit: &Visit, visits: &Visits) -> Seen {
    match &visit.end {
        End::NoStarttls => Seen::error(
            FindingId::StarttlsNotOffered,
            format!("it offers no STARTTLS: {ALL_REFUSED}"),
            "smtpd_tls_security_level = may, with a certificate (smtpd_tls_chain_files), and no `starttls` in \
             smtpd_discard_ehlo_keywords; or a firewall that takes STARTTLS out",
        ),
        End::Starttls(reply) => Seen::error(
            FindingId::TlsBroken,
            format!(
                "it offers STARTTLS and then refuses it ({reply}): {ALL_REFUSED}{}",
                causes(place)
            ),
            match place.causes.as_slice() {
                [] => LOG,
                causes if causes.iter().any(|cause| cause.contains(UNSEEN)) => {
                    "run doctor as root, which looks into the files; the MTA's log says it as well"
                }
                _ => "mend that, and reload the MTA",
            },
        ),
        End::Handshake(error) => no_handshake(place, error, visits),
        End::Broken(at, error) => Seen::error(
            FindingId::TlsBroken,
            format!("the session ends at {at}: {error}; {ALL_REFUSED}{}", causes(place)),
            LOG,
        ),
        other => Seen::error(
            FindingId::TlsBroken,
            format!("no session over TLS comes about ({other:?}): {ALL_REFUSED}"),
            LOG,
        ),
    }
}

fn causes(place: &Place) -> String {
    place.causes.iter().map(|cause| format!("\n{cause}")).collect()
}

/// Neither TLS 1.3 nor TLS 1.2: what an older or laxer TLS would get tells why.
fn no_handshake(place: &Place, error: &HandshakeError, visits: &Visits) -> Seen {
    let takes: Vec<(OldVersion, &str)> = visits
        .old
        .iter()
        .filter_map(|(_, answer)| match answer {
            Ok(HelloAnswer::Takes(version, suite)) => Some((*version, *suite)),
            _ => None,
        })
        .collect();
    let new = takes.iter().find(|(version, _)| *version == OldVersion::V1_2);
    if let Some((version, suite)) = new {
        return Seen::error(
            FindingId::TlsNoCommonSuite,
            format!(
                "of {version} it takes only what careful senders do not offer any more ({suite}), and no TLS \
                 1.3: they fall back to plaintext, and are refused at opted-in domains"
            ),
            "let ECDHE suites with AES-GCM be (smtpd_tls_exclude_ciphers, tls_*_cipherlist), with a \
             certificate and key",
        );
    }
    if !takes.is_empty() {
        let mut versions: Vec<String> = takes.iter().map(|(one, _)| one.to_string()).collect();
        versions.dedup();
        return Seen::error(
            FindingId::TlsTooOld,
            format!(
                "it takes nothing newer than {}: senders of today offer TLS 1.2 and 1.3, fall back to \
                 plaintext, and are refused at opted-in domains",
                versions.join(" and ")
            ),
            "smtpd_tls_protocols = >=TLSv1.2",
        );
    }
    if visits.old.iter().any(|(_, answer)| *answer == Ok(HelloAnswer::Refuses)) {
        return Seen::error(
            FindingId::TlsNoCommonSuite,
            format!(
                "it takes no version of TLS with any cipher suite that senders offer ({error}): {ALL_REFUSED}{}",
                causes(place)
            ),
            "look at smtpd_tls_exclude_ciphers, smtpd_tls_ciphers, tls_*_cipherlist, smtpd_tls_protocols, and \
             whether the certificate's key fits the suites that are left",
        );
    }
    Seen::error(
        FindingId::TlsBroken,
        format!("the handshake fails ({error}): {ALL_REFUSED}{}", causes(place)),
        LOG,
    )
}

/// A requirement in force that no session satisfies.
fn unsatisfied(policy: &Policy, sessions: &[(Speaks, Handshake)]) -> Option<Seen> {
    let now = Timestamp::now();
    let enforced = policy
        .domains
        .strictest()
        .chain(&policy.local)
        .filter(|entry| entry.schedule.mode_at(now) == Mode::Enforce);
    for entry in enforced {
        let requirement: &Requirement = &entry.requirement;
        let check = |(speaks, handshake): &(Speaks, Handshake)| {
            let version: &[u8] = match speaks {
                Speaks::V1_2 => b"TLSv1.2",
                Speaks::V1_3 => b"TLSv1.3",
            };
            match TlsState::from_macros(Some(version), Some(handshake.suite.as_bytes()), None) {
                TlsState::Encrypted(session) => requirement.check(&session).err(),
                _ => None,
            }
        };
        let missed: Vec<_> = sessions.iter().map(check).collect();
        // Whether a client has a certificate is the client's affair.
        let misses = |shortfall: &policy::requirement::Shortfall| {
            shortfall.kind() != ReasonKind::ClientCertificate
        };
        if missed.iter().all(|missed| missed.as_ref().is_some_and(misses)) {
            let tried: Vec<String> = sessions
                .iter()
                .map(|(speaks, shaken)| format!("{speaks} {}", shaken.suite))
                .collect();
            return Some(Seen::error(
                FindingId::RequirementNotOffered,
                format!(
                    "nothing that it offers satisfies the requirement `{}` of the policy ({}): all mail for \
                     the domains that have it is refused",
                    requirement.name(),
                    tried.join("; ")
                ),
                "let the MTA offer what the requirement asks for (mandatory-tls requirements), or ask for less",
            ));
        }
    }
    None
}
