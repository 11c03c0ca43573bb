//! The words of a letter, by language. Its reader runs the other server, and may know little of TLS.

use crate::hops::{Reader, pick, remedy};
use crate::text::Counted;
use ledger::complaint::Cause;
use ledger::handshakes::HandshakeFault as Fault;
use policy::Language;

/// What stands around the facts. `{}` stands for the recipient domain.
pub(super) struct Words {
    pub greeting: &'static str,
    pub intro: &'static str,
    /// Where a day is set, where it is so already, and else.
    pub from: &'static str,
    pub refused: &'static str,
    pub soon: &'static str,
    pub seen: &'static str,
    pub unnamed: &'static str,
    pub recipients: Counted,
    pub attempts: &'static str,
    pub once: &'static str,
    pub span: &'static str,
    pub senders: &'static str,
    pub more: Counted,
    pub needed: &'static str,
    pub exceptions: &'static str,
    pub test: &'static str,
    /// Paragraphs; a command begins with blanks.
    pub how: [&'static str; 4],
    pub closing: &'static str,
}

pub(super) fn of(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

const ENGLISH: Words = Words {
    greeting: "Dear postmaster",
    intro: "Mail from your server to {} does not come over a connection that is encrypted well enough.",
    from: "From {date} on, we take mail over encrypted connections only.",
    refused: "We take mail over encrypted connections only, and have put off such mail (reply 450).",
    soon: "We are about to take mail over encrypted connections only.",
    seen: "What we saw (times in UTC)\n--------------------------",
    unnamed: "a server of yours",
    recipients: Counted { one: "mail to 1 recipient", many: "mail to {} recipients" },
    attempts: " in {} attempts",
    once: "on {at}",
    span: "from {first} to {last}",
    senders: "Sender domains",
    more: Counted { one: "and 1 more server", many: "and {} more servers" },
    needed: "What is needed\n--------------",
    exceptions: "Mail that we put off is not lost: it waits on your server, which tries it again for some days and then returns it to its sender. As soon as it comes encrypted, it is taken.",
    test: "How to test it\n--------------",
    how: [
        "Send a message to us from that server and look into its log, which tells whether the connection was encrypted. (Postfix writes \"TLS connection established to ...\", with smtp_tls_loglevel = 1.)",
        "Whether that machine can reach us with TLS at all, this command shows; in place of MX stands the name of our mail server, which \"nslookup -type=mx {}\" tells:",
        "    openssl s_client -starttls smtp -connect MX:25",
        "If it shows a certificate and \"Cipher is\" with a name, TLS works between the two machines, and what is missing is a setting of your mail server. You need not write back: we see it when your mail comes encrypted.",
    ],
    closing: "Kind regards",
};

const GERMAN: Words = Words {
    greeting: "Guten Tag",
    intro: "E-Mails Ihres Servers an {} kommen nicht über eine ausreichend verschlüsselte Verbindung.",
    from: "Ab {date} nehmen wir E-Mails nur noch über verschlüsselte Verbindungen an.",
    refused: "Wir nehmen E-Mails nur über verschlüsselte Verbindungen an und haben solche E-Mails vorläufig abgewiesen (Antwort 450).",
    soon: "Wir werden E-Mails bald nur noch über verschlüsselte Verbindungen annehmen.",
    seen: "Was wir gesehen haben (Zeiten in UTC)\n-------------------------------------",
    unnamed: "ein Server von Ihnen",
    recipients: Counted { one: "E-Mails an 1 Empfänger", many: "E-Mails an {} Empfänger" },
    attempts: " in {} Versuchen",
    once: "am {at}",
    span: "von {first} bis {last}",
    senders: "Absender-Domains",
    more: Counted { one: "und 1 weiterer Server", many: "und {} weitere Server" },
    needed: "Was nötig ist\n-------------",
    exceptions: "Was wir vorläufig abweisen, ist nicht verloren: Es wartet auf Ihrem Server, der es einige Tage lang wieder versucht und dann an den Absender zurückgibt. Sobald es verschlüsselt kommt, wird es angenommen.",
    test: "Wie Sie es prüfen\n-----------------",
    how: [
        "Senden Sie uns von diesem Server eine E-Mail und schauen Sie in sein Log: Dort steht, ob die Verbindung verschlüsselt war. (Postfix schreibt mit smtp_tls_loglevel = 1: «TLS connection established to ...».)",
        "Ob diese Maschine uns überhaupt mit TLS erreicht, zeigt der folgende Befehl; statt MX steht der Name unseres Mailservers, den «nslookup -type=mx {}» nennt:",
        "    openssl s_client -starttls smtp -connect MX:25",
        "Erscheinen ein Zertifikat und «Cipher is» mit einem Namen, so geht TLS zwischen den beiden Maschinen, und es fehlt eine Einstellung Ihres Mailservers. Sie brauchen nicht zu antworten: Wir sehen es, wenn Ihre E-Mails verschlüsselt kommen.",
    ],
    closing: "Freundliche Grüsse",
};

pub(super) const OWN: [&str; 2] = [
    "This mail gives the recipients' own domain, or nobody, as its sender. It is a device or a service of the organisation's own, and the letter is for whoever looks after that; or it is forged, and there is nobody to write to.",
    "Diese E-Mails geben die eigene Domain der Empfänger oder niemanden als Absender an. Es ist ein Gerät oder Dienst der eigenen Organisation, und der Brief ist für jene, die ihn betreuen; oder sie sind gefälscht, und es gibt niemanden, dem zu schreiben wäre.",
];

pub(super) const HASHED: [&str; 2] = [
    "The ledger holds no addresses of servers (`clients: hashed`): name the server in the letter if you know it.",
    "Das Ledger hält keine Adressen von Servern fest (`clients: hashed`): Nennen Sie den Server im Brief, wenn Sie ihn kennen.",
];

const NOT_TOLD: [&str; 2] = [
    "Of some of this mail, the gateway was not told whether it came encrypted. That is for whoever runs the gateway to mend: `mandatory-tls doctor` looks.",
    "Bei einigen dieser E-Mails erfuhr das Gateway nicht, ob sie verschlüsselt kamen. Das muss der Betreiber des Gateways beheben: `mandatory-tls doctor` sieht nach.",
];

/// Whether the other side can do something about it.
pub(super) fn is_for_postmaster(cause: Cause) -> bool {
    !matches!(cause, Cause::NotTold | Cause::Handshake(Fault::Ours | Fault::ClientCertificate))
}

/// What to say to us, where the fault may be ours.
pub(super) fn first_to_us(
    cause: Cause,
    language: Language,
    reader: Reader,
) -> Option<&'static str> {
    match cause {
        Cause::NotTold => Some(pick(language, NOT_TOLD)),
        Cause::Handshake(
            fault @ (Fault::NothingShared
            | Fault::OurCertificate
            | Fault::Ours
            | Fault::ClientCertificate
            | Fault::BrokenOff
            | Fault::NotLogged),
        ) => Some(remedy(fault, language, reader)),
        Cause::Handshake(Fault::Version | Fault::TheyRefused | Fault::NotTls | Fault::Other)
        | Cause::Plaintext
        | Cause::Version
        | Cause::Cipher
        | Cause::Certificate => None,
    }
}

/// What the server did.
pub(super) fn did(cause: Cause, language: Language) -> Option<&'static str> {
    let words = match cause {
        Cause::NotTold => return None,
        Cause::Plaintext => [
            "It sent without encryption: it did not use STARTTLS, which our server offers.",
            "Er sandte unverschlüsselt: Er benutzte STARTTLS nicht, das unser Server anbietet.",
        ],
        Cause::Version => ["Its version of TLS is too old.", "Seine TLS-Version ist zu alt."],
        Cause::Cipher => [
            "It encrypts in a way (cipher suite) that is too weak.",
            "Er verschlüsselt auf eine Art (Cipher-Suite), die zu schwach ist.",
        ],
        Cause::Certificate => [
            "It showed no certificate of its own (client certificate) that we accept.",
            "Er wies kein eigenes Zertifikat (Client-Zertifikat) vor, das wir annehmen.",
        ],
        Cause::Handshake(fault) => match fault {
            Fault::Version => [
                "It began with STARTTLS, but knows only versions of TLS that are too old.",
                "Er begann mit STARTTLS, kennt aber nur TLS-Versionen, die zu alt sind.",
            ],
            Fault::NothingShared => [
                "It began with STARTTLS, but the two servers have no way to encrypt (cipher suite) in common.",
                "Er begann mit STARTTLS, aber die beiden Server haben keine Art der Verschlüsselung (Cipher-Suite) gemeinsam.",
            ],
            Fault::OurCertificate => [
                "It began with STARTTLS, but did not accept the certificate of our server.",
                "Er begann mit STARTTLS, akzeptierte aber das Zertifikat unseres Servers nicht.",
            ],
            Fault::Ours => [
                "It began with STARTTLS, but our server could not go on.",
                "Er begann mit STARTTLS, aber unser Server konnte nicht weiter.",
            ],
            Fault::ClientCertificate => [
                "It began with STARTTLS, but has no certificate of its own, which our server asked for.",
                "Er begann mit STARTTLS, hat aber kein eigenes Zertifikat, nach dem unser Server fragte.",
            ],
            Fault::TheyRefused => [
                "It began with STARTTLS, and then broke the TLS handshake off itself.",
                "Er begann mit STARTTLS und brach den TLS-Handshake dann selbst ab.",
            ],
            Fault::NotTls => [
                "It began with STARTTLS, but what came then was not TLS.",
                "Er begann mit STARTTLS, aber was dann kam, war kein TLS.",
            ],
            Fault::BrokenOff => [
                "It began with STARTTLS, and then the connection broke off.",
                "Er begann mit STARTTLS, und dann brach die Verbindung ab.",
            ],
            Fault::NotLogged | Fault::Other => [
                "It began with STARTTLS, but the TLS handshake failed.",
                "Er begann mit STARTTLS, aber der TLS-Handshake schlug fehl.",
            ],
        },
    };
    Some(pick(language, words))
}

const VERSION: [&str; 2] = [
    "Allow TLS 1.2 and TLS 1.3 for outgoing mail. If the server knows neither, its mail program, TLS library or operating system has to be updated.\n    Postfix: smtp_tls_protocols = >=TLSv1.2\n    Windows and Exchange: TLS 1.2 for clients on (Schannel)",
    "Lassen Sie für ausgehende E-Mails TLS 1.2 und TLS 1.3 zu. Kennt der Server beide nicht, so müssen Mailprogramm, TLS-Bibliothek oder Betriebssystem aktualisiert werden.\n    Postfix: smtp_tls_protocols = >=TLSv1.2\n    Windows und Exchange: TLS 1.2 für Clients ein (Schannel)",
];

const CIPHER: [&str; 2] = [
    "Allow current cipher suites for outgoing mail, such as those with ECDHE and AES-GCM, and none with RC4, 3DES or NULL.\n    Postfix: smtp_tls_ciphers = high\nAn update of the TLS library or the operating system often does it, too.",
    "Lassen Sie für ausgehende E-Mails aktuelle Cipher-Suites zu, etwa jene mit ECDHE und AES-GCM, und keine mit RC4, 3DES oder NULL.\n    Postfix: smtp_tls_ciphers = high\nOft genügt es, TLS-Bibliothek oder Betriebssystem zu aktualisieren.",
];

const BETWEEN: [&str; 2] = [
    "Let nothing between your server and ours change SMTP on port 25: firewalls and virus scanners that look into it, proxies. The log of your server at the times above says more.",
    "Lassen Sie zwischen Ihrem und unserem Server nichts SMTP auf Port 25 verändern: Firewalls und Virenscanner, die hineinschauen, Proxys. Das Log Ihres Servers sagt zu den obigen Zeiten mehr.",
];

/// What the other side has to do; none where it cannot do anything.
pub(super) fn needed(cause: Cause, language: Language) -> Option<&'static str> {
    let words = match cause {
        Cause::NotTold | Cause::Handshake(Fault::Ours | Fault::ClientCertificate) => return None,
        Cause::Plaintext => [
            "Switch on TLS (STARTTLS) for outgoing mail, with TLS 1.2 or newer; you need no certificate for that.\n    Postfix: smtp_tls_security_level = may\n    Exchange: Set-SendConnector NAME -IgnoreSTARTTLS $false\nIf it is on already, a firewall may take STARTTLS out of the connection: let it pass SMTP on port 25 unchanged. Devices and programs, such as scanners and web sites, are best made to send through your own mail server.",
            "Schalten Sie für ausgehende E-Mails TLS (STARTTLS) ein, mit TLS 1.2 oder neuer; ein Zertifikat brauchen Sie dafür nicht.\n    Postfix: smtp_tls_security_level = may\n    Exchange: Set-SendConnector NAME -IgnoreSTARTTLS $false\nIst es schon eingeschaltet, so nimmt vielleicht eine Firewall STARTTLS aus der Verbindung: Lassen Sie SMTP auf Port 25 unverändert durch. Geräte und Programme wie Scanner und Websites senden am besten über Ihren eigenen Mailserver.",
        ],
        Cause::Version | Cause::Handshake(Fault::Version) => VERSION,
        Cause::Cipher | Cause::Handshake(Fault::NothingShared) => CIPHER,
        Cause::Certificate => [
            "Let your server show its certificate when it sends to us, as we have agreed; ask us which one we expect.\n    Postfix: smtp_tls_chain_files",
            "Lassen Sie Ihren Server sein Zertifikat vorweisen, wenn er uns sendet, wie wir es vereinbart haben; fragen Sie uns, welches wir erwarten.\n    Postfix: smtp_tls_chain_files",
        ],
        Cause::Handshake(Fault::OurCertificate) => [
            "See what your server's log says of our certificate at the times above, and tell us: it may be ours to mend. To encrypt, your server need not verify a certificate.\n    Postfix: smtp_tls_security_level = may",
            "Schauen Sie nach, was das Log Ihres Servers zu den obigen Zeiten über unser Zertifikat sagt, und melden Sie es uns: Vielleicht liegt es an uns. Um zu verschlüsseln, muss Ihr Server kein Zertifikat verifizieren.\n    Postfix: smtp_tls_security_level = may",
        ],
        Cause::Handshake(Fault::TheyRefused | Fault::NotLogged | Fault::Other) => [
            "Look into the log of your server at the times above: it says why TLS failed. If it is about our server, please tell us.",
            "Schauen Sie zu den obigen Zeiten in das Log Ihres Servers: Dort steht, warum TLS fehlschlug. Liegt es an unserem Server, so melden Sie es uns bitte.",
        ],
        Cause::Handshake(Fault::NotTls | Fault::BrokenOff) => BETWEEN,
    };
    Some(pick(language, words))
}
