//! The one sentence that is said of both hops of a domain. It is true, or it is not said.

use super::pick;
use ledger::hops::{DomainHops, First, Hops, Left, Second};
use ledger::report::date_text;
use policy::Language;

/// What can be said of both hops of a domain: `Every message for example.org came encrypted and left
/// encrypted, or did not come.`
#[must_use]
pub fn sentence(hops: &DomainHops, language: Language) -> String {
    let text = match both(hops) {
        Some(words) => pick(language, words).to_owned(),
        None => {
            let (first, second) = (first(hops), second(hops));
            let second = second.map(|words| format!(" {}", pick(language, words)));
            format!("{}{}", pick(language, first), second.unwrap_or_default())
        }
    };
    let recorded =
        if hops.is_whole { "" } else { pick(language, [" that was recorded", " festgehaltene"]) };
    let (from, to) = hops.known_between().unwrap_or_default();
    text.replace("{recorded}", recorded)
        .replace("{from}", &date_text(from))
        .replace("{to}", &date_text(to))
        .replace("{}", &hops.domain)
}

/// Where all that is known is good, and known for the whole time.
fn both(hops: &DomainHops) -> Option<[&'static str; 2]> {
    if hops.first != First::AllEncrypted || hops.known_between().is_some() {
        return None;
    }
    let Left { local, waits, .. } = hops.left?;
    Some(match (hops.second, local > 0, waits > 0) {
        (Second::AllEncrypted, false, false) => [
            "Every message for {}{recorded} came encrypted and left encrypted, or did not come.",
            "Jede{recorded} E-Mail an {} kam verschlüsselt und ging verschlüsselt weiter, oder sie kam nicht.",
        ],
        (Second::AllEncrypted, false, true) => [
            "Every message for {}{recorded} came encrypted, and left encrypted or waits, or did not come.",
            "Jede{recorded} E-Mail an {} kam verschlüsselt und ging verschlüsselt weiter oder wartet, oder sie kam nicht.",
        ],
        // Some of it stayed here, or went through a filter on this host.
        (Second::AllEncrypted, true, false) => [
            "Every message for {}{recorded} came encrypted and left this host only encrypted, or did not come.",
            "Jede{recorded} E-Mail an {} kam verschlüsselt und verliess diesen Host nur verschlüsselt, oder sie kam nicht.",
        ],
        (Second::AllEncrypted, true, true) => [
            "Every message for {}{recorded} came encrypted, and left this host only encrypted or waits, or did not come.",
            "Jede{recorded} E-Mail an {} kam verschlüsselt und verliess diesen Host nur verschlüsselt oder wartet, oder sie kam nicht.",
        ],
        (Second::Stayed, _, false) => [
            "Every message for {}{recorded} came encrypted and stayed on this host, or did not come.",
            "Jede{recorded} E-Mail an {} kam verschlüsselt und blieb auf diesem Host, oder sie kam nicht.",
        ],
        (Second::Stayed, _, true) => [
            "Every message for {}{recorded} came encrypted, and stayed on this host or waits, or did not come.",
            "Jede{recorded} E-Mail an {} kam verschlüsselt und blieb auf diesem Host oder wartet, oder sie kam nicht.",
        ],
        (Second::NothingLeft | Second::NothingKnown | Second::NotKnown | Second::NotAll, _, _) => {
            return None;
        }
    })
}

fn first(hops: &DomainHops) -> [&'static str; 2] {
    match hops.first {
        First::NothingCame if hops.came.refused > 0 => [
            "No mail for {} came: all of it was refused.",
            "Keine E-Mail an {} kam: Alle wurden abgewiesen.",
        ],
        First::NothingCame => [
            "Nothing is recorded of how mail for {} came.",
            "Wie E-Mails an {} kamen, ist nicht festgehalten.",
        ],
        First::AllEncrypted => [
            "Every message for {}{recorded} came encrypted, or did not come.",
            "Jede{recorded} E-Mail an {} kam verschlüsselt, oder sie kam nicht.",
        ],
        First::NotKnown => [
            "Of some mail for {} it is not known whether it came encrypted.",
            "Von einigen E-Mails an {} ist nicht bekannt, ob sie verschlüsselt kamen.",
        ],
        First::NotAll => [
            "Not every message for {} came encrypted.",
            "Nicht jede E-Mail an {} kam verschlüsselt.",
        ],
    }
}

fn second(hops: &DomainHops) -> Option<[&'static str; 2]> {
    let is_part = hops.known_between().is_some();
    Some(match hops.second {
        Second::NothingKnown if hops.came.let_in() == 0 => return None,
        Second::NothingKnown => {
            ["How it left is not known.", "Wie sie weitergingen, ist nicht bekannt."]
        }
        Second::AllEncrypted if is_part => [
            "What left from {from} to {to} left encrypted; of the rest, nothing is known.",
            "Was von {from} bis {to} weiterging, ging verschlüsselt weiter; vom Rest ist nichts bekannt.",
        ],
        Second::AllEncrypted => {
            ["What left, left encrypted.", "Was weiterging, ging verschlüsselt weiter."]
        }
        Second::NotKnown => [
            "Of some it is not known whether it left encrypted.",
            "Von einigen ist nicht bekannt, ob sie verschlüsselt weitergingen.",
        ],
        Second::NotAll => {
            ["Not all of it left encrypted.", "Nicht alle gingen verschlüsselt weiter."]
        }
        Second::NothingLeft => [
            "None has left: it waits, or went back.",
            "Keine ging weiter: Sie warten, oder sie gingen zurück.",
        ],
        Second::Stayed if is_part => [
            "What is known to have been delivered, from {from} to {to}, stayed on this host.",
            "Was, von {from} bis {to}, bekanntermassen zugestellt wurde, blieb auf diesem Host.",
        ],
        Second::Stayed => ["It stayed on this host.", "Sie blieben auf diesem Host."],
    })
}

/// How to have it recorded how mail leaves, where that is not known of some domain; none where all is known.
#[must_use]
pub fn to_know_more(hops: &Hops, language: Language) -> Option<&'static str> {
    let is_unknown = |one: &DomainHops| one.second == Second::NothingKnown && one.came.let_in() > 0;
    if !hops.domains.iter().any(is_unknown) {
        return None;
    }
    let words = match hops.deliveries {
        None => [
            "How mail leaves is in the MTA's log: `mandatory-tls follow-log` reads it as it is written, and `import postfix-log` what there is of it. With Postfix, `smtp_tls_loglevel = 1` has the encryption logged.",
            "Wie E-Mails weitergehen, steht im Log des MTA: `mandatory-tls follow-log` liest es laufend, `import postfix-log` das schon vorhandene. Bei Postfix wird die Verschlüsselung mit `smtp_tls_loglevel = 1` festgehalten.",
        ],
        Some(_) => [
            "Where it is not known how mail left, no delivery to the domain is in the log that was read. It may leave by another host, or to other addresses (aliases).",
            "Wo nicht bekannt ist, wie E-Mails weitergingen, steht keine Zustellung an die Domain im gelesenen Log. Sie gehen vielleicht über einen anderen Host oder an andere Adressen (Aliasse).",
        ],
    };
    Some(pick(language, words))
}
