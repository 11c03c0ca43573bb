//! Why handshakes failed, what the clients did then, and what to do about it.

use super::{Reader, pick};
use ledger::Afterwards;
use ledger::handshakes::{Failure, HandshakeFault};
use policy::Language;

/// Why a handshake failed.
#[must_use]
pub fn fault(fault: HandshakeFault, language: Language) -> &'static str {
    let words = match fault {
        HandshakeFault::Version => [
            "their TLS version is too old for this server",
            "die TLS-Version des sendenden Servers ist hier zu alt",
        ],
        HandshakeFault::NothingShared => {
            ["no cipher suite in common", "keine gemeinsame Cipher-Suite"]
        }
        HandshakeFault::OurCertificate => [
            "they do not accept the certificate of this server",
            "der sendende Server akzeptiert das Zertifikat dieses Servers nicht",
        ],
        HandshakeFault::Ours => ["a fault of this server", "ein Mangel dieses Servers"],
        HandshakeFault::ClientCertificate => [
            "this server asks for a client certificate",
            "dieser Server verlangt ein Client-Zertifikat",
        ],
        HandshakeFault::TheyRefused => {
            ["they ended the handshake", "der sendende Server brach den Handshake ab"]
        }
        HandshakeFault::NotTls => ["what came was no TLS", "was kam, war kein TLS"],
        HandshakeFault::BrokenOff => ["the connection broke off", "die Verbindung brach ab"],
        HandshakeFault::NotLogged => ["the log does not say why", "das Log sagt nicht, warum"],
        HandshakeFault::Other => ["another cause", "eine andere Ursache"],
    };
    pick(language, words)
}

/// Several of them, each with the cause as the log has it: `no cipher suite in common (no shared cipher)`.
#[must_use]
pub fn failures(failures: &[Failure], language: Language) -> String {
    let mut shown: Vec<String> = Vec::new();
    for failure in failures {
        let words = fault(failure.fault, language);
        let text = match failure.fault {
            HandshakeFault::NotLogged => words.to_owned(),
            _ => format!("{words} ({})", failure.words),
        };
        if !shown.contains(&text) {
            shown.push(text);
        }
    }
    shown.join(", ")
}

/// What a client did after its handshake had failed.
#[must_use]
pub fn afterwards(then: Afterwards, language: Language) -> &'static str {
    let words = match then {
        Afterwards::Refused => [
            "came without encryption then, and was refused",
            "kam dann unverschlüsselt und wurde abgewiesen",
        ],
        Afterwards::Taken => [
            "came without encryption then, and was let in",
            "kam dann unverschlüsselt und wurde angenommen",
        ],
        Afterwards::Tls => ["came with TLS since", "kam seither mit TLS"],
        Afterwards::Away => ["has not come since", "kam seither nicht"],
    };
    pick(language, words)
}

/// What to do about it. "Switch TLS on" is no help to those who have tried it.
#[must_use]
pub fn remedy(fault: HandshakeFault, language: Language, reader: Reader) -> &'static str {
    let words = match (fault, reader) {
        (HandshakeFault::Version, _) => [
            "Their server has TLS switched on, but only in old versions (TLS 1.0, as a rule): ask its postmaster for TLS 1.2 or newer.",
            "Der sendende Server hat TLS eingeschaltet, aber nur in alten Versionen (in der Regel TLS 1.0): Bitten Sie seinen Postmaster um TLS 1.2 oder neuer.",
        ],
        (HandshakeFault::NothingShared, Reader::Operator) => [
            "This may be ours: a certificate with an ECDSA key only, or few cipher suites (`smtpd_tls_mandatory_ciphers`, `smtpd_tls_exclude_ciphers`). `mandatory-tls doctor` tries what this server offers. Else ask their postmaster to allow current cipher suites.",
            "Das kann an uns liegen: ein Zertifikat nur mit ECDSA-Schlüssel, oder wenige Cipher-Suites (`smtpd_tls_mandatory_ciphers`, `smtpd_tls_exclude_ciphers`). `mandatory-tls doctor` versucht, was dieser Server anbietet. Sonst bitten Sie seinen Postmaster, aktuelle Cipher-Suites zuzulassen.",
        ],
        (HandshakeFault::NothingShared, Reader::Contact) => [
            "Their server has TLS switched on, but none of its cipher suites is accepted here. That may be a setting of this gateway: tell whoever runs it. Else ask their postmaster to allow current cipher suites.",
            "Der sendende Server hat TLS eingeschaltet, aber keine seiner Cipher-Suites wird hier angenommen. Das kann an diesem Gateway liegen: Sagen Sie es dem Betreiber. Sonst bitten Sie seinen Postmaster, aktuelle Cipher-Suites zuzulassen.",
        ],
        (HandshakeFault::OurCertificate, Reader::Operator) => [
            "Our certificate is unknown to them, or has expired, or an intermediate one is missing: `mandatory-tls doctor` looks. A certificate of a public authority, for the name in the MX record, satisfies most.",
            "Unser Zertifikat ist dem sendenden Server nicht bekannt, ist abgelaufen, oder ein Zwischenzertifikat fehlt: `mandatory-tls doctor` sieht nach. Ein Zertifikat einer öffentlichen Stelle, auf den Namen im MX-Eintrag, genügt den meisten.",
        ],
        (HandshakeFault::OurCertificate, Reader::Contact) => [
            "Their server has TLS switched on, but does not accept the certificate of this gateway: tell whoever runs it.",
            "Der sendende Server hat TLS eingeschaltet, akzeptiert aber das Zertifikat dieses Gateways nicht: Sagen Sie es dem Betreiber.",
        ],
        (HandshakeFault::Ours, Reader::Operator) => [
            "The fault is here: `mandatory-tls doctor` tries what this server offers, and Postfix's log has the lines before it.",
            "Der Mangel liegt hier: `mandatory-tls doctor` versucht, was dieser Server anbietet, und das Log von Postfix hat die Zeilen davor.",
        ],
        (HandshakeFault::Ours, Reader::Contact) => [
            "The fault is with this gateway: tell whoever runs it.",
            "Der Mangel liegt bei diesem Gateway: Sagen Sie es dem Betreiber.",
        ],
        (HandshakeFault::ClientCertificate, Reader::Operator) => [
            "`smtpd_tls_req_ccert` (and `smtpd_tls_ask_ccert`) of Postfix asks for it; most servers have none.",
            "`smtpd_tls_req_ccert` (und `smtpd_tls_ask_ccert`) von Postfix verlangt es; die meisten Server haben keines.",
        ],
        (HandshakeFault::ClientCertificate, Reader::Contact) => [
            "This gateway asks for a client certificate: tell whoever runs it that their server has none.",
            "Dieses Gateway verlangt ein Client-Zertifikat: Sagen Sie dem Betreiber, dass der sendende Server keines hat.",
        ],
        (HandshakeFault::TheyRefused, _) => [
            "Their server has TLS switched on, and ended the handshake: the log of their server says why.",
            "Der sendende Server hat TLS eingeschaltet und brach den Handshake ab: Sein Log sagt, warum.",
        ],
        (HandshakeFault::NotTls, _) => [
            "Their server, or something between the two, does not speak TLS after STARTTLS: a proxy, a firewall, or no mail server at all.",
            "Der sendende Server oder etwas dazwischen spricht nach STARTTLS kein TLS: ein Proxy, eine Firewall, oder gar kein Mailserver.",
        ],
        (HandshakeFault::BrokenOff, _) => [
            "Something between the two servers may have cut the connection: a firewall that looks into SMTP, or a time-out.",
            "Etwas zwischen den beiden Servern kann die Verbindung getrennt haben: eine Firewall, die in SMTP hineinschaut, oder eine Zeitüberschreitung.",
        ],
        (HandshakeFault::NotLogged, Reader::Operator) => [
            "With `smtpd_tls_loglevel = 1` in main.cf, Postfix logs why.",
            "Mit `smtpd_tls_loglevel = 1` in main.cf steht der Grund im Log von Postfix.",
        ],
        (HandshakeFault::NotLogged, Reader::Contact) | (HandshakeFault::Other, _) => [
            "Their server has TLS switched on, and it failed: the logs of both servers say more.",
            "Der sendende Server hat TLS eingeschaltet, und es schlug fehl: Die Logs beider Server sagen mehr.",
        ],
    };
    pick(language, words)
}
