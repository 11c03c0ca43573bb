//! A session with a server, up to the handshake: there is no MAIL, and no message.

use super::finding::{Authority, Outcome, Session, Step, TlsaFinding};
use super::levels::is_for;
use jiff::Timestamp;
use nix::unistd::gethostname;
use pages::text::visible;
use policy::DomainName;
use smtp::RootCertStore;
use smtp::{
    Bounds, CertificateView, DaneMatch, Dialogue, Handshake, HandshakeError, Reply, Speaks, Tlsa,
    Trust, dane, fingerprints,
};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// What is known of a server before.
#[derive(Clone, Debug)]
pub(super) struct Visit<'v> {
    pub address: SocketAddr,
    /// Its name, or its address.
    pub host: &'v str,
    /// The name of the next hop.
    pub next_hop: &'v str,
    /// The name to ask for (SNI).
    pub servername: Option<&'v str>,
    /// Signed TLSA records; none: it is not known whether there are any.
    pub tlsa: Option<&'v [Tlsa]>,
    pub bounds: Bounds,
}

/// Has the session.
pub(super) fn visit(visit: &Visit<'_>, roots: &RootCertStore, now: Timestamp) -> Outcome {
    converse(visit, roots, now).unwrap_or_else(|outcome| outcome)
}

fn converse(visit: &Visit<'_>, roots: &RootCertStore, now: Timestamp) -> Result<Outcome, Outcome> {
    let mut dialogue = Dialogue::connect(visit.address, visit.bounds).map_err(unreachable)?;
    positive(Step::Greeting, dialogue.reply())?;
    let keywords = positive(Step::Ehlo, dialogue.ehlo(own_name().as_deref()))?;
    if !keywords.has_keyword("STARTTLS") {
        let _ = dialogue.command("QUIT");
        return Ok(Outcome::NoStarttls);
    }
    let reply = dialogue.command("STARTTLS").map_err(|error| broken(Step::Starttls, &error))?;
    if reply.code != 220 {
        return Ok(Outcome::StarttlsRefused { said: reply.to_string() });
    }
    let encrypted = dialogue.encrypt(&[Speaks::V1_3, Speaks::V1_2], visit.servername);
    let (mut dialogue, handshake) = encrypted.map_err(|error| match error {
        HandshakeError::Late => Outcome::Silent { at: Step::Handshake },
        HandshakeError::Closed => Outcome::Closed { at: Step::Handshake },
        error => Outcome::Handshake { why: cut(&error.to_string()) },
    })?;
    // The server's log shows a session that ended as it should.
    let _ = dialogue.command("QUIT");
    session(visit, &handshake, roots, now)
}

/// As smtp(8) names itself where nothing else is set; none: this host has no such name.
fn own_name() -> Option<String> {
    let name = gethostname().ok()?.into_string().ok()?;
    let name = DomainName::parse(&name).ok()?;
    name.as_str().contains('.').then(|| name.as_str().to_owned())
}

fn unreachable(error: io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::ConnectionRefused => Outcome::Refused,
        ErrorKind::TimedOut => Outcome::Silent { at: Step::Connection },
        _ => Outcome::Unreachable { why: cut(&error.to_string()) },
    }
}

fn positive(at: Step, reply: io::Result<Reply>) -> Result<Reply, Outcome> {
    let reply = reply.map_err(|error| broken(at, &error))?;
    if reply.is_positive() {
        Ok(reply)
    } else {
        Err(Outcome::TurnsAway { at, said: reply.to_string() })
    }
}

fn broken(at: Step, error: &io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::TimedOut => Outcome::Silent { at },
        ErrorKind::InvalidData => {
            let what = error.to_string();
            let said = what.split_once(": ").map(|(_, said)| said).unwrap_or_default();
            Outcome::NotSmtp { said: cut(said) }
        }
        _ => Outcome::Closed { at },
    }
}

/// A text from outside, harmless and short.
fn cut(text: &str) -> String {
    visible(&text.chars().take(200).collect::<String>())
}

fn session(
    visit: &Visit<'_>,
    handshake: &Handshake,
    roots: &RootCertStore,
    now: Timestamp,
) -> Result<Outcome, Outcome> {
    if !handshake.is_signed {
        let why = "the server does not show that the key of its certificate is its own";
        return Err(Outcome::Handshake { why: why.into() });
    }
    let view = CertificateView::new(&handshake.chain, visit.host, roots, now).map_err(|why| {
        Outcome::Handshake { why: format!("its certificate cannot be read: {}", cut(&why)) }
    })?;
    let mut names = view.names;
    if names.is_empty() {
        names.extend(view.common_name.filter(|name| name.len() <= 255));
    }
    let own = handshake.chain.first();
    let mut session = Session {
        version: match handshake.version {
            Some(Speaks::V1_3) => "TLSv1.3".into(),
            Some(Speaks::V1_2) | None => "TLSv1.2".into(),
        },
        cipher: handshake.suite.clone(),
        names: names.iter().map(|name| cut(name)).collect(),
        not_before: view.not_before,
        not_after: view.not_after,
        trust: match view.trust {
            Trust::Public => Authority::Public,
            Trust::SelfSigned => Authority::SelfSigned,
            Trust::Incomplete => Authority::Incomplete,
            Trust::Private => Authority::Private,
            Trust::Unlisted => Authority::Unlisted,
            Trust::Other(_) => Authority::Broken,
        },
        fingerprints: own.map(fingerprints).unwrap_or_default(),
        tlsa: TlsaFinding::NotTested,
    };
    session.tlsa = published(visit, handshake, &session, now);
    Ok(Outcome::Encrypted(Box::new(session)))
}

fn published(
    visit: &Visit<'_>,
    handshake: &Handshake,
    session: &Session,
    now: Timestamp,
) -> TlsaFinding {
    let Some(records) = visit.tlsa else { return TlsaFinding::NotTested };
    if !records.iter().any(Tlsa::is_usable) {
        return TlsaFinding::None;
    }
    let second = u64::try_from(now.as_second()).unwrap_or_default();
    let wanted = [visit.host, visit.next_hop];
    let is_named =
        || session.names.iter().any(|name| wanted.iter().any(|wanted| is_for(name, wanted, false)));
    match dane(&handshake.chain, records, second) {
        Some(DaneMatch::Own) => TlsaFinding::Matches,
        Some(DaneMatch::Issuer) if is_named() => TlsaFinding::Matches,
        Some(DaneMatch::Issuer) | None => TlsaFinding::Differs,
    }
}
