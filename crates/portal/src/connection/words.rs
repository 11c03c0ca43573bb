//! What a test found, and what levels are, in words: the same on pages, in the shell and in the API.

use super::finding::{
    Authority, Findings, HopProblem, Outcome, ServerFinding, Session, Step, TlsaFinding,
};
use super::levels::{Holds, Unknown, Why};
use jiff::Timestamp;
use policy::Language;
use policy::hop::Level;

fn one<T>(language: Language, english: T, german: T) -> T {
    match language {
        Language::English => english,
        Language::German => german,
    }
}

/// A level, in a few words.
#[must_use]
pub fn level(language: Language, level: Level) -> &'static str {
    match level {
        Level::None => one(language, "Never encrypted", "Nie verschlüsselt"),
        Level::May => one(language, "Encrypted where it can be", "Verschlüsselt, wo es geht"),
        Level::Dane => one(
            language,
            "By DANE where it is published, else where it can be",
            "Nach DANE, wo es veröffentlicht ist, sonst wo es geht",
        ),
        Level::Encrypt => one(language, "Always encrypted", "Immer verschlüsselt"),
        Level::Verify => one(
            language,
            "Always encrypted, with a certificate for the server that DNS names",
            "Immer verschlüsselt, mit einem Zertifikat für den Server, den das DNS nennt",
        ),
        Level::DaneOnly => one(
            language,
            "Always encrypted, with the certificate that DNSSEC publishes (DANE)",
            "Immer verschlüsselt, mit dem Zertifikat, das DNSSEC veröffentlicht (DANE)",
        ),
        Level::Secure => one(
            language,
            "Always encrypted, with a certificate for the domain or for a name that you say",
            "Immer verschlüsselt, mit einem Zertifikat für die Domain oder für einen Namen, den Sie nennen",
        ),
        Level::Fingerprint => one(
            language,
            "Always encrypted, with one of the listed certificates",
            "Immer verschlüsselt, mit einem der aufgeführten Zertifikate",
        ),
    }
}

/// What a level demands of the server, and against whom it helps.
#[must_use]
pub fn demands(language: Language, level: Level) -> &'static str {
    match level {
        Level::None => one(
            language,
            "Mail leaves in the clear. Helps against nobody.",
            "E-Mails gehen unverschlüsselt weiter. Hilft gegen niemanden.",
        ),
        Level::May => one(
            language,
            "Demands nothing: what the server does not offer is done without. Helps against nobody who can interfere.",
            "Verlangt nichts: Was der Server nicht anbietet, fällt weg. Hilft gegen niemanden, der eingreifen kann.",
        ),
        Level::Dane => one(
            language,
            "Demands nothing where DNSSEC publishes no certificate.",
            "Verlangt nichts, wo DNSSEC kein Zertifikat veröffentlicht.",
        ),
        Level::Encrypt => one(
            language,
            "Demands STARTTLS, with whatever certificate. Helps against who reads along.",
            "Verlangt STARTTLS, mit irgendeinem Zertifikat. Hilft gegen Mitlesen.",
        ),
        Level::Verify => one(
            language,
            "Demands a valid certificate of a known authority, for the server's name in the MX record. Helps against who reads along and cannot forge DNS.",
            "Verlangt ein gültiges Zertifikat einer bekannten Stelle für den Namen des Servers im MX-Eintrag. Hilft gegen Mitlesen, ausser wenn jemand DNS fälscht.",
        ),
        Level::DaneOnly => one(
            language,
            "Demands signed TLSA records for the server. Helps against who stands between. Change the records before the certificate.",
            "Verlangt signierte TLSA-Einträge für den Server. Hilft gegen jeden, der dazwischensteht. Ändern Sie die Einträge vor dem Zertifikat.",
        ),
        Level::Secure => one(
            language,
            "Demands a valid certificate of a known authority, for the domain, a host below it, or the name that you say. Helps against who stands between.",
            "Verlangt ein gültiges Zertifikat einer bekannten Stelle, für die Domain, einen Host darunter oder den Namen, den Sie nennen. Hilft gegen jeden, der dazwischensteht.",
        ),
        Level::Fingerprint => one(
            language,
            "Demands one of the certificates or keys that are listed. Helps against who stands between.",
            "Verlangt eines der aufgeführten Zertifikate oder einen der Schlüssel. Hilft gegen jeden, der dazwischensteht.",
        ),
    }
}

/// Why there was no server to be tested.
#[must_use]
pub fn problem(language: Language, problem: HopProblem) -> &'static str {
    match problem {
        HopProblem::NoDns => one(
            language,
            "DNS gave no answer: where its mail goes is not known.",
            "Das DNS hat nicht geantwortet: Wohin seine E-Mails gehen, ist nicht bekannt.",
        ),
        HopProblem::NoSuchName => {
            one(language, "There is no such name in DNS.", "Diesen Namen gibt es im DNS nicht.")
        }
        HopProblem::TakesNoMail => one(
            language,
            "DNS says that it takes no mail.",
            "Das DNS sagt, dass dort keine E-Mails angenommen werden.",
        ),
        HopProblem::NoAddress => one(
            language,
            "DNS has no address of a server.",
            "Das DNS hat keine Adresse eines Servers.",
        ),
        HopProblem::Wildcard => one(
            language,
            "All that is below a domain has no server of its own that could be tested.",
            "Alles unterhalb einer Domain hat keinen eigenen Server, der sich prüfen liesse.",
        ),
        HopProblem::NotTestable => one(
            language,
            "This next hop cannot be tested.",
            "Diese Gegenstelle lässt sich nicht prüfen.",
        ),
    }
}

fn step(language: Language, step: Step) -> &'static str {
    match step {
        Step::Connection => one(language, "the connection", "der Verbindung"),
        Step::Greeting => one(language, "its greeting", "der Begrüssung"),
        Step::Ehlo => "EHLO",
        Step::Starttls => "STARTTLS",
        Step::Handshake => one(language, "the TLS handshake", "der TLS-Aushandlung"),
    }
}

/// How far a session came.
#[must_use]
pub fn outcome(language: Language, outcome: &Outcome) -> String {
    let text = |english: &str, german: &str| one(language, english, german).to_owned();
    match outcome {
        Outcome::Private => text(
            "It was not tried: the address is not one of the Internet's. If it is right, ask the operator to name it.",
            "Nicht versucht: Das ist keine Adresse des Internets. Stimmt sie, so muss der Betreiber sie nennen.",
        ),
        Outcome::OwnHost => text(
            "It was not tried: this is the gateway itself. Ask the operator to name your own server.",
            "Nicht versucht: Das ist das Gateway selber. Der Betreiber muss Ihren eigenen Server nennen.",
        ),
        Outcome::Refused => text(
            "It refuses the connection: nothing listens there, or a firewall is in the way.",
            "Die Verbindung wird abgelehnt: Dort hört niemand zu, oder eine Firewall steht davor.",
        ),
        Outcome::Unreachable { why } => one(
            language,
            format!("It cannot be reached from the gateway: {why}"),
            format!("Vom Gateway aus nicht erreichbar: {why}"),
        ),
        Outcome::Silent { at } => one(
            language,
            format!("No answer in the time of a test, at {}.", step(language, *at)),
            format!("Keine Antwort innert der Zeit einer Prüfung, bei {}.", step(language, *at)),
        ),
        Outcome::Closed { at } => one(
            language,
            format!("It hangs up at {}.", step(language, *at)),
            format!("Der Server legt bei {} auf.", step(language, *at)),
        ),
        Outcome::NotSmtp { said } => one(
            language,
            format!("It does not speak SMTP. It says: {said}"),
            format!("Der Server spricht kein SMTP. Er sagt: {said}"),
        ),
        Outcome::TurnsAway { at, said } => one(
            language,
            format!("It turns the gateway away at {}: {said}", step(language, *at)),
            format!("Der Server weist das Gateway bei {} ab: {said}", step(language, *at)),
        ),
        Outcome::NoStarttls => text(
            "It does not offer STARTTLS: no session can be encrypted.",
            "Der Server bietet kein STARTTLS an: Keine Sitzung lässt sich verschlüsseln.",
        ),
        Outcome::StarttlsRefused { said } => one(
            language,
            format!("It offers STARTTLS and then refuses it: {said}"),
            format!("Der Server bietet STARTTLS an und lehnt es dann ab: {said}"),
        ),
        Outcome::Handshake { why } => one(
            language,
            format!("The TLS handshake fails (TLS 1.2 and 1.3 were offered): {why}"),
            format!("Die TLS-Aushandlung scheitert (angeboten waren TLS 1.2 und 1.3): {why}"),
        ),
        Outcome::Encrypted(session) => one(
            language,
            format!(
                "Encrypted with {}, {}.",
                session.version.replace("TLSv", "TLS "),
                session.cipher
            ),
            format!(
                "Verschlüsselt mit {}, {}.",
                session.version.replace("TLSv", "TLS "),
                session.cipher
            ),
        ),
    }
}

/// How many names of a certificate are said.
const NAMES: usize = 5;

/// What is to be said of the certificate of a session.
#[must_use]
pub fn certificate(language: Language, session: &Session, now: Timestamp) -> Vec<String> {
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    let mut names: Vec<&str> = session.names.iter().take(NAMES).map(String::as_str).collect();
    if session.names.len() > NAMES {
        names.push("…");
    }
    let names = match names.as_slice() {
        [] => {
            one(language, "Its certificate names no server.", "Das Zertifikat nennt keinen Server.")
                .to_owned()
        }
        names => one(
            language,
            format!("Its certificate is for {}.", names.join(", ")),
            format!("Das Zertifikat gilt für {}.", names.join(", ")),
        ),
    };
    let mut said = vec![names];
    match (session.not_before, session.not_after) {
        (_, Some(until)) if until < now => said.push(one(
            language,
            format!("It expired on {}.", day(until)),
            format!("Es ist am {} abgelaufen.", day(until)),
        )),
        (Some(from), _) if from > now => said.push(one(
            language,
            format!("It is not valid before {}.", day(from)),
            format!("Es gilt erst ab {}.", day(from)),
        )),
        (_, Some(until)) => said.push(one(
            language,
            format!("It is valid until {}.", day(until)),
            format!("Es gilt bis {}.", day(until)),
        )),
        _ => {}
    }
    said.push(authority(language, session.trust).to_owned());
    said.push(tlsa(language, session.tlsa).to_owned());
    said
}

fn authority(language: Language, authority: Authority) -> &'static str {
    match authority {
        Authority::Public => one(
            language,
            "It is of an authority that the gateway trusts.",
            "Es ist von einer Stelle, der das Gateway vertraut.",
        ),
        Authority::SelfSigned => one(
            language,
            "It has signed itself: nobody stands behind it.",
            "Es hat sich selber unterschrieben: Niemand steht dahinter.",
        ),
        Authority::Incomplete => one(
            language,
            "The certificate of who issued it is not sent along: add it to the server's chain.",
            "Das Zertifikat des Ausstellers wird nicht mitgeschickt: Ergänzen Sie die Kette des Servers.",
        ),
        Authority::Private => one(
            language,
            "It is of an authority that the gateway does not know.",
            "Es ist von einer Stelle, die das Gateway nicht kennt.",
        ),
        Authority::Unlisted => one(
            language,
            "Whose it is was not tested: the gateway has no list of authorities.",
            "Von wem es ist, wurde nicht geprüft: Das Gateway hat keine Liste von Stellen.",
        ),
        Authority::Broken => one(
            language,
            "Nobody can trust it: something is wrong with the certificate or its chain.",
            "Niemand kann ihm vertrauen: Mit dem Zertifikat oder seiner Kette stimmt etwas nicht.",
        ),
    }
}

fn tlsa(language: Language, tlsa: TlsaFinding) -> &'static str {
    match tlsa {
        TlsaFinding::NotTested => one(
            language,
            "DANE was not tested: the resolver of the gateway does not validate, or did not answer.",
            "DANE wurde nicht geprüft: Der Resolver des Gateways validiert nicht, oder er hat nicht geantwortet.",
        ),
        TlsaFinding::None => one(
            language,
            "DANE: no signed TLSA records are published for it.",
            "DANE: Es sind keine signierten TLSA-Einträge dazu veröffentlicht.",
        ),
        TlsaFinding::Matches => one(
            language,
            "DANE: it is the certificate that the TLSA records publish.",
            "DANE: Es ist das Zertifikat, das die TLSA-Einträge veröffentlichen.",
        ),
        TlsaFinding::Differs => one(
            language,
            "DANE: the TLSA records publish another certificate.",
            "DANE: Die TLSA-Einträge veröffentlichen ein anderes Zertifikat.",
        ),
    }
}

/// All that was found, a line each: the next hops, below each its servers, below each what it is like.
#[must_use]
pub fn told(language: Language, findings: &Findings, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for hop in &findings.hops {
        lines.push(hop.next_hop.clone());
        lines.extend(hop.problem.map(|one| format!("  {}", problem(language, one))));
        for server in &hop.servers {
            let ServerFinding { host, address, port, outcome: how } = server;
            lines.push(format!("  {host} ({address}, port {port})"));
            lines.push(format!("    {}", outcome(language, how)));
            if let Outcome::Encrypted(session) = how {
                let said = certificate(language, session, now);
                lines.extend(said.into_iter().map(|line| format!("    {line}")));
            }
        }
    }
    lines
}

/// Whether mail would leave at a level, today.
#[must_use]
pub fn holds(language: Language, holds: Holds) -> String {
    match holds {
        Holds::Yes => one(language, "Would hold today.", "Würde heute halten.").into(),
        Holds::NotKnown(unknown) => {
            let what = not_known(language, unknown);
            one(language, format!("Not tested: {what}."), format!("Nicht geprüft: {what}."))
        }
        Holds::No(why) => {
            let what = lacks(language, why);
            one(
                language,
                format!("Mail would wait today: {what}."),
                format!("E-Mails würden heute warten: {what}."),
            )
        }
    }
}

fn not_known(language: Language, unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::Tlsa => one(
            language,
            "the resolver of the gateway does not validate DNSSEC",
            "Der Resolver des Gateways validiert kein DNSSEC",
        ),
        Unknown::Version => one(
            language,
            "whether the server has a TLS version and a cipher that are taken is not known",
            "Ob der Server eine TLS-Version und ein Verfahren hat, die angenommen werden, ist nicht bekannt",
        ),
        Unknown::Authority => one(
            language,
            "the gateway has no list of authorities that it trusts",
            "Das Gateway hat keine Liste der Stellen, denen es vertraut",
        ),
        Unknown::Fingerprint => one(
            language,
            "digests of MD5 and SHA-1 are not made",
            "Prüfsummen nach MD5 und SHA-1 werden nicht gebildet",
        ),
    }
}

fn lacks(language: Language, why: Why) -> &'static str {
    match why {
        Why::NotReached => one(language, "no server was reached", "Kein Server wurde erreicht"),
        Why::NoStarttls => {
            one(language, "the server offers no STARTTLS", "Der Server bietet kein STARTTLS an")
        }
        Why::Handshake => one(language, "the TLS handshake fails", "Die TLS-Aushandlung scheitert"),
        Why::Version => one(
            language,
            "the server's version of TLS is older than demanded",
            "Die TLS-Version des Servers ist älter als verlangt",
        ),
        Why::Untrusted => one(
            language,
            "the certificate is of nobody whom the gateway trusts",
            "Hinter dem Zertifikat steht niemand, dem das Gateway vertraut",
        ),
        Why::Expired => {
            one(language, "the certificate is not valid today", "Das Zertifikat gilt heute nicht")
        }
        Why::Name => one(
            language,
            "the certificate is for another name than is demanded",
            "Das Zertifikat gilt für einen anderen Namen als verlangt",
        ),
        Why::Fingerprint => one(
            language,
            "the certificate is none of those that are listed",
            "Das Zertifikat ist keines der aufgeführten",
        ),
        Why::NoTlsa => one(
            language,
            "no signed TLSA records are published",
            "Es sind keine signierten TLSA-Einträge veröffentlicht",
        ),
        Why::TlsaDiffers => one(
            language,
            "the TLSA records publish another certificate",
            "Die TLSA-Einträge veröffentlichen ein anderes Zertifikat",
        ),
    }
}
