//! What did not go as it should on one of the hops, in words.

use super::{Number, Reader, pick};
use crate::text::Counted;
use ledger::DeliveryReason;
use ledger::OTHERS;
use ledger::hops::{Exception, What};
use ledger::report::{date_text, moment_text};
use policy::Language;

/// So many clients are named.
const MOST_CLIENTS: usize = 3;

/// An exception with its number, its servers, its reason and its last time: `3 left unencrypted, to
/// mx.example.org, last on 2027-01-31`.
#[must_use]
pub fn exception(exception: &Exception, language: Language, number: Number) -> String {
    let pick = |words| pick(language, words);
    let what = what(exception, language).written(exception.recipients, number);
    let mut text = what;
    if exception.what == What::LeftWeak && !exception.words.is_empty() {
        text += &format!(" ({})", exception.words);
    }
    if !exception.clients.is_empty() {
        let named: Vec<&str> =
            exception.clients.iter().take(MOST_CLIENTS).map(String::as_str).collect();
        let are_all = named.len() == exception.clients.len();
        let others = if are_all { "" } else { pick([" and others", " und weiteren"]) };
        text += &format!(", {} {}{others}", pick(["from", "von"]), named.join(", "));
    }
    match &*exception.server {
        "" => {}
        OTHERS => text += pick([", to further servers", ", an weitere Server"]),
        server if exception.what == What::Waits => {
            let others =
                if exception.other_servers { pick([" and others", " und weitere"]) } else { "" };
            text += &format!("{} {server}{others}", pick([" for", ", für"]));
        }
        server => text += &format!(", {} {server}", pick(["to", "an"])),
    }
    if let Some(reason) = exception.reason {
        text += &format!(": {}", why(reason, &exception.words, language));
    }
    if exception.what == What::Waits {
        return text + &fate(exception, language, number);
    }
    text + &pick([", last on {}", ", zuletzt am {}"]).replace("{}", &date_text(exception.last))
}

fn what(exception: &Exception, language: Language) -> Counted {
    let [english, german] = match exception.what {
        What::CameNotEnforced => [
            ["{} came unencrypted, when that was not refused yet"; 2],
            [
                "{} kam unverschlüsselt, als das noch nicht abgewiesen wurde",
                "{} kamen unverschlüsselt, als das noch nicht abgewiesen wurde",
            ],
        ],
        What::CameExcepted => [
            ["{} came unencrypted, by an exception"; 2],
            [
                "{} kam unverschlüsselt, aufgrund einer Ausnahme",
                "{} kamen unverschlüsselt, aufgrund einer Ausnahme",
            ],
        ],
        What::CameTrusted => [
            [
                "{} came unencrypted, from a trusted client",
                "{} came unencrypted, from trusted clients",
            ],
            [
                "{} kam unverschlüsselt, von einem vertrauten Client",
                "{} kamen unverschlüsselt, von vertrauten Clients",
            ],
        ],
        What::CameLetThrough => [
            ["{} came unencrypted, which the policy takes"; 2],
            [
                "{} kam unverschlüsselt, was die Policy zulässt",
                "{} kamen unverschlüsselt, was die Policy zulässt",
            ],
        ],
        What::CameUnknown => [
            [
                "{} came, and whether it was encrypted is not known",
                "{} came, and whether they were encrypted is not known",
            ],
            [
                "{} kam, und ob verschlüsselt, ist nicht bekannt",
                "{} kamen, und ob verschlüsselt, ist nicht bekannt",
            ],
        ],
        What::LeftUnencrypted => [
            ["{} left unencrypted"; 2],
            ["{} ging unverschlüsselt weiter", "{} gingen unverschlüsselt weiter"],
        ],
        What::LeftWeak => [
            ["{} left over TLS that does not count as encryption"; 2],
            [
                "{} ging über TLS weiter, das nicht als Verschlüsselung zählt",
                "{} gingen über TLS weiter, das nicht als Verschlüsselung zählt",
            ],
        ],
        What::LeftUnknown => [
            [
                "{} left, and whether it was encrypted is not known",
                "{} left, and whether they were encrypted is not known",
            ],
            [
                "{} ging weiter, und ob verschlüsselt, ist nicht bekannt",
                "{} gingen weiter, und ob verschlüsselt, ist nicht bekannt",
            ],
        ],
        What::Waits => [["{} had to wait"; 2], ["{} musste warten", "{} mussten warten"]],
        What::WentBack => [
            ["{} went back to the sender", "{} went back to the senders"],
            ["{} ging an den Absender zurück", "{} gingen an die Absender zurück"],
        ],
    };
    let [one, many] = match language {
        Language::English => english,
        Language::German => german,
    };
    Counted { one, many }
}

/// What became of what had to wait.
fn fate(exception: &Exception, language: Language, number: Number) -> String {
    let words = match (exception.waits, exception.left_since) {
        (0, 0) => ["; last tried {last}", "; zuletzt versucht {last}"],
        (0, _) => ["; {left} left since", "; {left} gingen seither weiter"],
        (_, 0) => [
            "; still waiting: {waits}, last tried {last}",
            "; noch wartend: {waits}, zuletzt versucht {last}",
        ],
        (_, _) => [
            "; {left} left since; still waiting: {waits}, last tried {last}",
            "; {left} gingen seither weiter; noch wartend: {waits}, zuletzt versucht {last}",
        ],
    };
    pick(language, words)
        .replace("{waits}", &number(exception.waits))
        .replace("{left}", &number(exception.left_since))
        .replace("{last}", &moment_text(exception.last))
}

/// Why a delivery waits or went back. `words` are those of the log: a reply's codes, a cause.
fn why(reason: DeliveryReason, words: &str, language: Language) -> String {
    let text = match reason {
        DeliveryReason::TlsNotOffered => [
            "the server does not offer TLS, which is demanded",
            "der Server bietet TLS nicht an, das verlangt ist",
        ],
        DeliveryReason::HandshakeFailed => {
            ["the TLS handshake failed", "der TLS-Handshake schlug fehl"]
        }
        DeliveryReason::CertificateNotTrusted => [
            "the server's certificate is not trusted, or has expired",
            "dem Zertifikat des Servers wird nicht vertraut, oder es ist abgelaufen",
        ],
        DeliveryReason::CertificateNotMatched => [
            "the server's certificate is not the one that is demanded, or not for that name",
            "das Zertifikat des Servers ist nicht das verlangte, oder nicht für diesen Namen",
        ],
        DeliveryReason::PolicyFailed => [
            "what is demanded of this hop could not be found out",
            "was auf diesem Weg verlangt ist, war nicht festzustellen",
        ],
        DeliveryReason::RequireTls => [
            "the sender demands TLS as far as the mailbox (REQUIRETLS), which the server does not offer",
            "der Absender verlangt TLS bis zum Postfach (REQUIRETLS), was der Server nicht anbietet",
        ],
        DeliveryReason::Connection => [
            "the server was not reached, or the connection broke off",
            "der Server war nicht erreichbar, oder die Verbindung brach ab",
        ],
        DeliveryReason::Dns => ["no server was found in DNS", "im DNS fand sich kein Server"],
        DeliveryReason::Reply => ["the server did not take it", "der Server nahm sie nicht an"],
        DeliveryReason::Other | DeliveryReason::None => {
            ["for another reason", "aus einem anderen Grund"]
        }
    };
    let text = pick(language, text);
    if words.is_empty() { text.to_owned() } else { format!("{text} ({words})") }
}

/// What to do about an exception, where there is something that this reader can do.
#[must_use]
pub fn advice(exception: &Exception, language: Language, reader: Reader) -> Option<String> {
    let held_up = exception.reason.filter(|_| exception.is_held_up());
    let words = match (exception.what, exception.encryption_demanded, reader) {
        (What::LeftUnencrypted, Some(false), Reader::Operator)
            if exception.encryption_monitored =>
        {
            [
                "In mode `monitor`, `deliver` demands nothing. In mode `enforce` such mail waits instead.",
                "Im Modus `monitor` verlangt `deliver` nichts. Im Modus `enforce` warten solche E-Mails stattdessen.",
            ]
        }
        (What::LeftUnencrypted, Some(false), Reader::Operator) => [
            "The policy does not demand encryption of this hop. With `deliver: encrypt` such mail waits instead.",
            "Die Policy verlangt auf diesem Weg keine Verschlüsselung. Mit `deliver: encrypt` warten solche E-Mails stattdessen.",
        ],
        (What::LeftUnencrypted, Some(true), Reader::Operator) => [
            "The policy demands `{demanded}` of this hop now. If that held then, Postfix did not ask: `mandatory-tls check --postfix` says why.",
            "Die Policy verlangt auf diesem Weg jetzt `{demanded}`. Falls das damals schon galt, hat Postfix nicht gefragt: `mandatory-tls check --postfix` sagt, warum.",
        ],
        (What::LeftUnencrypted, _, Reader::Contact) => [
            "Let this server offer TLS (STARTTLS). Whoever runs this gateway can then have it demanded.",
            "Lassen Sie diesen Server TLS anbieten (STARTTLS). Danach kann der Betreiber dieses Gateways es verlangen lassen.",
        ],
        (What::LeftWeak, _, Reader::Operator) => [
            "Bring that server's TLS up to date. `min_version` and `ciphers` under `deliver` have mail wait rather than leave so.",
            "Bringen Sie TLS auf jenem Server auf den heutigen Stand. Mit `min_version` und `ciphers` unter `deliver` warten E-Mails, statt so weiterzugehen.",
        ],
        (What::LeftWeak, _, Reader::Contact) => [
            "Let this server offer TLS 1.2 or later, with cipher suites that are still held to be secure.",
            "Lassen Sie diesen Server TLS 1.2 oder neuer anbieten, mit Cipher-Suites, die noch als sicher gelten.",
        ],
        (What::LeftUnknown, _, Reader::Operator) => [
            "The MTA logs it with the right setting. Postfix: `smtp_tls_loglevel = 1` in main.cf. Sendmail: `LogLevel` 9 or more.",
            "Der MTA hält es mit der richtigen Einstellung fest. Postfix: `smtp_tls_loglevel = 1` in main.cf. Sendmail: `LogLevel` 9 oder mehr.",
        ],
        (What::Waits | What::WentBack, _, _) => {
            return remedy(held_up?, exception.waits > 0, language, reader);
        }
        _ => return None,
    };
    let demanded = exception.demanded.as_deref().unwrap_or_default();
    Some(pick(language, words).replace("{demanded}", demanded))
}

/// What to do where the encryption of the hop has mail wait, or go back.
fn remedy(
    reason: DeliveryReason,
    some_waits: bool,
    language: Language,
    reader: Reader,
) -> Option<String> {
    let words = match (reason, reader) {
        (DeliveryReason::TlsNotOffered, _) if !some_waits => [
            "Switch TLS (STARTTLS) on for incoming mail on that server.",
            "Schalten Sie auf jenem Server TLS (STARTTLS) für eingehende E-Mails ein.",
        ],
        (DeliveryReason::TlsNotOffered, _) => [
            "Switch TLS (STARTTLS) on for incoming mail on that server; the mail leaves at the next attempt.",
            "Schalten Sie auf jenem Server TLS (STARTTLS) für eingehende E-Mails ein; sie gehen beim nächsten Versuch weiter.",
        ],
        (DeliveryReason::HandshakeFailed, _) => [
            "The server's own log says why: often a TLS version or cipher suites that are too old.",
            "Das Log jenes Servers sagt, warum: Oft sind TLS-Version oder Cipher-Suites zu alt.",
        ],
        (
            DeliveryReason::CertificateNotTrusted | DeliveryReason::CertificateNotMatched,
            Reader::Operator,
        ) => [
            "Renew the server's certificate, or change `match` or `level` under `deliver`; `mandatory-tls explain --deliver` shows what is demanded.",
            "Erneuern Sie das Zertifikat des Servers, oder ändern Sie `match` oder `level` unter `deliver`; `mandatory-tls explain --deliver` zeigt, was verlangt ist.",
        ],
        (
            DeliveryReason::CertificateNotTrusted | DeliveryReason::CertificateNotMatched,
            Reader::Contact,
        ) => [
            "Renew that server's certificate, or tell whoever runs this gateway which one to expect.",
            "Erneuern Sie das Zertifikat jenes Servers, oder sagen Sie dem Betreiber dieses Gateways, welches zu erwarten ist.",
        ],
        (DeliveryReason::PolicyFailed, Reader::Operator) => [
            "`mandatory-tls doctor` asks as Postfix does; a warning in Postfix's log says what failed.",
            "`mandatory-tls doctor` fragt wie Postfix; eine Warnung im Log von Postfix sagt, was fehlschlug.",
        ],
        (DeliveryReason::PolicyFailed, Reader::Contact) => [
            "Whoever runs this gateway has to mend that.",
            "Das muss der Betreiber dieses Gateways beheben.",
        ],
        (DeliveryReason::RequireTls, _) => [
            "Only the sender can do without, or the server offer REQUIRETLS.",
            "Nur der Absender kann darauf verzichten, oder der Server REQUIRETLS anbieten.",
        ],
        (
            DeliveryReason::None
            | DeliveryReason::Connection
            | DeliveryReason::Dns
            | DeliveryReason::Reply
            | DeliveryReason::Other,
            _,
        ) => return None,
    };
    Some(pick(language, words).to_owned())
}
