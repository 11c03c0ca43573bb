//! The words of a digest, by language.

use crate::text::number;
use ledger::RecordedReason;
use ledger::digest::{Digest, HopNews, PeerNews};
use ledger::report::moment_text;
use policy::{Language, ReasonKind};
use std::borrow::Cow;

/// How many peers of a kind there are.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub named: usize,
    /// Whether there are others, which the ledger does not tell apart.
    pub others: bool,
}

/// What a digest says around its figures. `{}` stands for the domain, `{count}` for a number.
pub(super) struct Words {
    pub tag: &'static str,
    pub nobody: &'static str,
    pub intro: &'static str,
    pub refused: &'static str,
    pub refused_hint: &'static str,
    pub would_refuse: &'static str,
    /// Where the policy says from when on the domain is enforced, and where it does not.
    would_refuse_hints: [&'static str; 2],
    /// For the subject: one server, and several.
    pub subject_refused: [&'static str; 2],
    pub subject_would_refuse: [&'static str; 2],
    pub senders: &'static str,
    pub recipients: &'static str,
    pub reason: &'static str,
    /// Version and cipher of a session.
    pub session: &'static str,
    attempts: &'static str,
    pub last: &'static str,
    pub resolved: &'static str,
    more: &'static str,
    /// For the subject, behind those that are named.
    and_others: &'static str,
    pub others: &'static str,
    /// Of a server whose TLS failed: why, and what to do.
    pub tls_failed: &'static str,
    pub what_to_do: &'static str,
    /// How mail left: the title and what it is about, and the intro of a mail about nothing else.
    pub hops: &'static str,
    pub hops_hint: &'static str,
    pub hops_intro: &'static str,
    /// Domains that can be enforced: the title, and the intro of a mail about nothing else.
    pub ready: &'static str,
    pub ready_hint: &'static str,
    pub ready_intro: &'static str,
    pub subject_ready: &'static str,
    /// For the subject.
    pub subject_left: &'static str,
    pub subject_held_up: &'static str,
    pub advice: &'static str,
    /// Before the advice, where some servers have a remedy of their own.
    pub advice_else: &'static str,
    pub advice_text: &'static str,
    /// The name of a letter's file.
    pub letter: &'static str,
    pub footer: &'static str,
}

const ENGLISH: Words = Words {
    tag: "en",
    nobody: "(bounces)",
    intro: "These mail servers write to {} and do not encrypt their mail well enough. You are told of each of them once.",
    refused: "Newly refused",
    refused_hint: "Their mail was refused for now. It waits on their side, they try again for some days, and then tell the senders that it could not be delivered.",
    would_refuse: "Would newly be refused",
    would_refuse_hints: [
        "Their mail was delivered, because the domain was only monitored at that time, or not judged yet. From {date} on, such mail is refused.",
        "Their mail was delivered, because the domain was only monitored at that time, or not judged yet. Such mail is refused as soon as encryption is required for the domain (mode enforce).",
    ],
    subject_refused: ["server newly refused", "servers newly refused"],
    subject_would_refuse: ["server would newly be refused", "servers would newly be refused"],
    senders: "Sender domains",
    recipients: "Recipients",
    reason: "Reason",
    session: "TLS",
    attempts: "{count}, in {attempts} attempts",
    last: "Last seen",
    resolved: "has come with TLS since",
    more: "and {count} more; whoever runs this gateway can list them",
    and_others: " (and others)",
    others: "There are others: {count} recipients in mail of servers that are not named, since so many came in a day.",
    tls_failed: "TLS failed",
    what_to_do: "What to do",
    hops: "On the way to your server",
    hops_hint: "How mail left this gateway for your own server. You are told of each server once.",
    hops_intro: "Mail for {} did not leave this gateway as it should.",
    ready: "You can require encryption now",
    ready_hint: "So far the domain is only monitored, and nothing is refused. You are told this once.",
    ready_intro: "Mail for {} comes encrypted well enough that encryption can be required.",
    subject_ready: "encryption can be required now",
    subject_left: "mail left unencrypted",
    subject_held_up: "mail could not leave",
    advice: "What to tell them",
    advice_else: "Where nothing else is said above: ",
    advice_text: "Ask the postmaster of the sender domain (postmaster@DOMAIN) to switch on TLS (STARTTLS) for outgoing mail, with TLS 1.2 or newer. Postfix: smtp_tls_security_level = may. Exchange: leave \"opportunistic TLS\" of the send connector on. Devices such as scanners are best pointed at a mail server of their own organisation. Where a sender cannot do it and its mail is needed all the same, ask the administrator of this gateway for an exception with an end date.",
    letter: "letter",
    footer: "Written by mandatory-tls for the contact of this domain.",
};

const GERMAN: Words = Words {
    tag: "de",
    nobody: "(Unzustellbarkeitsmeldungen)",
    intro: "Diese Mailserver schreiben an {} und verschlüsseln ihre E-Mails nicht ausreichend. Jeder von ihnen wird Ihnen nur einmal gemeldet.",
    refused: "Neu abgewiesen",
    refused_hint: "Ihre E-Mails wurden vorläufig abgewiesen. Sie warten beim sendenden Server, der es einige Tage lang weiter versucht und dann den Absendern meldet, dass sie nicht zugestellt werden konnten.",
    would_refuse: "Würden neu abgewiesen",
    would_refuse_hints: [
        "Ihre E-Mails wurden zugestellt, weil die Domain zu dieser Zeit nur beobachtet oder noch nicht geprüft wurde. Ab {date} werden solche E-Mails abgewiesen.",
        "Ihre E-Mails wurden zugestellt, weil die Domain zu dieser Zeit nur beobachtet oder noch nicht geprüft wurde. Solche E-Mails werden abgewiesen, sobald für die Domain Verschlüsselung verlangt wird (Modus «enforce»).",
    ],
    subject_refused: ["Server neu abgewiesen", "Server neu abgewiesen"],
    subject_would_refuse: ["Server würde neu abgewiesen", "Server würden neu abgewiesen"],
    senders: "Absender-Domains",
    recipients: "Empfänger",
    reason: "Grund",
    session: "TLS",
    attempts: "{count}, in {attempts} Versuchen",
    last: "Zuletzt",
    resolved: "kam seither mit TLS",
    more: "und {count} weitere; der Betreiber dieses Gateways kann sie auflisten",
    and_others: " (und weitere)",
    others: "Es gibt weitere: {count} Empfänger in E-Mails von Servern, die hier nicht genannt sind, weil an einem Tag so viele kamen.",
    tls_failed: "TLS schlug fehl",
    what_to_do: "Was zu tun ist",
    hops: "Auf dem Weg zu Ihrem Server",
    hops_hint: "Wie E-Mails von diesem Gateway zu Ihrem eigenen Server weitergingen. Jeder Server wird Ihnen nur einmal gemeldet.",
    hops_intro: "E-Mails an {} gingen von diesem Gateway nicht so weiter, wie sie sollten.",
    ready: "Sie können Verschlüsselung jetzt verlangen",
    ready_hint: "Bisher wird die Domain nur beobachtet, und nichts wird abgewiesen. Dies wird Ihnen einmal gemeldet.",
    ready_intro: "E-Mails an {} kommen so gut verschlüsselt, dass Verschlüsselung verlangt werden kann.",
    subject_ready: "Verschlüsselung kann verlangt werden",
    subject_left: "E-Mails gingen unverschlüsselt weiter",
    subject_held_up: "E-Mails konnten nicht weitergehen",
    advice: "Was Sie ihnen sagen können",
    advice_else: "Wo oben nichts anderes steht: ",
    advice_text: "Bitten Sie den Postmaster der Absender-Domain (postmaster@DOMAIN), für ausgehende E-Mails TLS (STARTTLS) einzuschalten, mit TLS 1.2 oder neuer. Postfix: smtp_tls_security_level = may. Exchange: «opportunistisches TLS» des Sendeconnectors eingeschaltet lassen. Geräte wie Scanner senden am besten über einen Mailserver der eigenen Organisation. Wenn ein Absender das nicht kann und seine E-Mails trotzdem gebraucht werden, bitten Sie den Betreiber dieses Gateways um eine befristete Ausnahme.",
    letter: "brief",
    footer: "Geschrieben von mandatory-tls für den Kontakt dieser Domain.",
};

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    /// The subject of a digest.
    pub fn subject(&self, digest: &Digest, refused: Count, would_refuse: Count) -> String {
        let mut parts = Vec::new();
        for (count, [one, several]) in
            [(refused, self.subject_refused), (would_refuse, self.subject_would_refuse)]
        {
            let part = match count.named {
                0 if count.others => several.to_owned(),
                0 => continue,
                1 => format!("1 {one}"),
                named => format!("{named} {several}"),
            };
            let others = if count.others && count.named > 0 { self.and_others } else { "" };
            parts.push(part + others);
        }
        for (held_up, part) in [(false, self.subject_left), (true, self.subject_held_up)] {
            let is_so = |news: &HopNews| news.exception.what.is_left_unencrypted() != held_up;
            parts.extend(digest.hops.iter().any(is_so).then(|| part.to_owned()));
        }
        parts.extend((!digest.ready.is_empty()).then(|| self.subject_ready.to_owned()));
        format!("[{}] {}", digest.entry, parts.join(", "))
    }

    /// How many more there are that are not named; empty for none.
    pub fn more(&self, count: usize) -> String {
        if count == 0 { String::new() } else { self.more.replace("{count}", &count.to_string()) }
    }

    /// What becomes of mail that would be refused, where the policy says from when on it is, and where
    /// it does not.
    pub fn would_refuse_hint(&self, enforce_from: Option<i64>) -> String {
        let [dated, undated] = self.would_refuse_hints;
        match enforce_from {
            Some(start) => dated.replace("{date}", &moment_text(start)),
            None => undated.into(),
        }
    }

    /// How many recipients, and in how many attempts, where these are more.
    pub fn recipients(&self, news: &PeerNews) -> String {
        let count = number(news.count);
        if news.attempts <= news.count {
            return count;
        }
        self.attempts.replace("{count}", &count).replace("{attempts}", &number(news.attempts))
    }
}

/// A reason of the ledger in words. One that this version does not know, since another wrote it, is
/// shown as it is.
#[must_use]
pub fn reason(recorded: &RecordedReason, language: Language) -> Cow<'_, str> {
    match recorded {
        RecordedReason::Known(kind) => in_words(*kind, language).into(),
        RecordedReason::TlsFailed(cause) => match language {
            Language::English => format!("TLS was tried and failed: {cause}").into(),
            Language::German => format!("TLS wurde versucht und schlug fehl: {cause}").into(),
        },
        // Nobody is refused with it, and no digest names it.
        RecordedReason::NotJudged => recorded.word().into(),
        RecordedReason::Other(word) => (&**word).into(),
    }
}

fn in_words(kind: ReasonKind, language: Language) -> &'static str {
    let [english, german] = match kind {
        ReasonKind::Plaintext => ["not encrypted", "nicht verschlüsselt"],
        ReasonKind::ProtocolVersion | ReasonKind::UnknownVersion => {
            ["TLS version too old", "TLS-Version zu alt"]
        }
        ReasonKind::Cipher
        | ReasonKind::CipherNotAllowed
        | ReasonKind::UnknownCipher
        | ReasonKind::Aead => ["cipher suite not accepted", "Cipher-Suite nicht angenommen"],
        ReasonKind::NullCipher => ["encrypts nothing", "verschlüsselt nichts"],
        ReasonKind::Contradiction => {
            ["contradictory information about TLS", "widersprüchliche Angaben zu TLS"]
        }
        ReasonKind::KeyLength => ["key too short", "Schlüssel zu kurz"],
        ReasonKind::ForwardSecrecy => ["no forward secrecy", "keine Forward Secrecy"],
        ReasonKind::ClientCertificate => ["client certificate missing", "Client-Zertifikat fehlt"],
        ReasonKind::UnknownTls => {
            ["this gateway could not tell", "von diesem Gateway nicht feststellbar"]
        }
        // With these nobody is refused, and no digest names them.
        ReasonKind::NotOptedIn
        | ReasonKind::Off
        | ReasonKind::LocalSubmission
        | ReasonKind::TrustedClient
        | ReasonKind::TrustedAuthenticated
        | ReasonKind::Exception
        | ReasonKind::Adequate
        | ReasonKind::UnknownTlsPassed => [kind.code(); 2],
    };
    match language {
        Language::English => english,
        Language::German => german,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_words_and_an_unknown_one_stands_as_it_is() {
        for (code, english, german) in [
            ("plaintext", "not encrypted", "nicht verschlüsselt"),
            ("aead", "cipher suite not accepted", "Cipher-Suite nicht angenommen"),
            (
                "contradiction",
                "contradictory information about TLS",
                "widersprüchliche Angaben zu TLS",
            ),
            ("unheard-of", "unheard-of", "unheard-of"),
            (
                "tls-failed:no-shared-cipher",
                "TLS was tried and failed: no shared cipher",
                "TLS wurde versucht und schlug fehl: no shared cipher",
            ),
        ] {
            let recorded = RecordedReason::from_word(code);
            assert_eq!(reason(&recorded, Language::English), english);
            assert_eq!(reason(&recorded, Language::German), german);
        }
    }
}
