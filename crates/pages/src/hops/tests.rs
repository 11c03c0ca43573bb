//! What is said, case by case, in both languages.

use super::{Reader, advice, afterwards, exception, failures, fault, remedy, sentence};
use crate::text::number;
use ledger::handshakes::{Failure, HandshakeFault};
use ledger::hops::{Came, DomainHops, Exception, First, Left, Second, What};
use ledger::{Afterwards, DAY, DeliveryReason};
use policy::Language::{self, English, German};
use strum::IntoEnumIterator;

/// A moment in 2027, for the first and the last mail.
const MOMENT: i64 = 1_800_000_000;

fn hops(first: First, second: Second, left: Option<Left>) -> DomainHops {
    DomainHops {
        domain: "example.org".into(),
        first,
        second,
        came: Came { encrypted: 2, refused: 1, ..Came::default() },
        left,
        came_between: Some((MOMENT, MOMENT)),
        left_between: left.map(|_| (MOMENT, MOMENT)),
        is_whole: true,
        exceptions: Vec::new(),
    }
}

fn one(what: What, reason: Option<DeliveryReason>) -> Exception {
    Exception {
        what,
        reason,
        words: String::new(),
        server: if what.is_of_second_hop() { "mx.example.org".into() } else { String::new() },
        other_servers: false,
        clients: Vec::new(),
        recipients: 3,
        left_since: 0,
        waits: if what == What::Waits { 3 } else { 0 },
        first: MOMENT,
        last: MOMENT,
        demanded: None,
        encryption_demanded: None,
        encryption_monitored: false,
    }
}

#[test]
fn a_sentence_says_what_is_known_of_both_hops() {
    let left = Left { encrypted: 2, ..Left::default() };
    let (local, waits) = (Left { local: 1, ..left }, Left { waits: 1, ..left });
    let all = First::AllEncrypted;
    for (first, second, left, english, german) in [
        (
            all,
            Second::AllEncrypted,
            Some(left),
            "Every message for example.org came encrypted and left encrypted, or did not come.",
            "Jede E-Mail an example.org kam verschlüsselt und ging verschlüsselt weiter, oder sie kam nicht.",
        ),
        (
            all,
            Second::AllEncrypted,
            Some(local),
            "Every message for example.org came encrypted and left this host only encrypted, or did not come.",
            "Jede E-Mail an example.org kam verschlüsselt und verliess diesen Host nur verschlüsselt, oder sie kam nicht.",
        ),
        (
            all,
            Second::AllEncrypted,
            Some(waits),
            "Every message for example.org came encrypted, and left encrypted or waits, or did not come.",
            "Jede E-Mail an example.org kam verschlüsselt und ging verschlüsselt weiter oder wartet, oder sie kam nicht.",
        ),
        (
            all,
            Second::NothingKnown,
            None,
            "Every message for example.org came encrypted, or did not come. How it left is not known.",
            "Jede E-Mail an example.org kam verschlüsselt, oder sie kam nicht. Wie sie weitergingen, ist nicht bekannt.",
        ),
        (
            all,
            Second::NotAll,
            Some(left),
            "Every message for example.org came encrypted, or did not come. Not all of it left encrypted.",
            "Jede E-Mail an example.org kam verschlüsselt, oder sie kam nicht. Nicht alle gingen verschlüsselt weiter.",
        ),
        (
            First::NotAll,
            Second::AllEncrypted,
            Some(left),
            "Not every message for example.org came encrypted. What left, left encrypted.",
            "Nicht jede E-Mail an example.org kam verschlüsselt. Was weiterging, ging verschlüsselt weiter.",
        ),
        (
            First::NotKnown,
            Second::NotKnown,
            Some(left),
            "Of some mail for example.org it is not known whether it came encrypted. Of some it is not known whether it left encrypted.",
            "Von einigen E-Mails an example.org ist nicht bekannt, ob sie verschlüsselt kamen. Von einigen ist nicht bekannt, ob sie verschlüsselt weitergingen.",
        ),
        (
            all,
            Second::NothingLeft,
            Some(Left { waits: 1, ..Left::default() }),
            "Every message for example.org came encrypted, or did not come. None has left: it waits, or went back.",
            "Jede E-Mail an example.org kam verschlüsselt, oder sie kam nicht. Keine ging weiter: Sie warten, oder sie gingen zurück.",
        ),
    ] {
        let hops = hops(first, second, left);
        assert_eq!(sentence(&hops, English), english);
        assert_eq!(sentence(&hops, German), german);
    }
}

#[test]
fn what_was_not_recorded_is_not_spoken_of() {
    let left = Some(Left { encrypted: 2, ..Left::default() });
    let mut part = hops(First::AllEncrypted, Second::AllEncrypted, left);
    part.is_whole = false;
    assert!(
        sentence(&part, English)
            .starts_with("Every message for example.org that was recorded came")
    );
    assert!(sentence(&part, German).starts_with("Jede festgehaltene E-Mail an example.org kam"));
    part.is_whole = true;
    part.came_between = Some((MOMENT - 9 * DAY, MOMENT));
    assert_eq!(
        sentence(&part, English),
        "Every message for example.org came encrypted, or did not come. What left from 2027-01-15 to 2027-01-15 left encrypted; of the rest, nothing is known."
    );
    let nothing = DomainHops {
        came: Came { refused: 4, ..Came::default() },
        ..hops(First::NothingCame, Second::NothingKnown, None)
    };
    assert_eq!(sentence(&nothing, English), "No mail for example.org came: all of it was refused.");
    let unheard = DomainHops { came: Came::default(), ..nothing };
    assert_eq!(
        sentence(&unheard, English),
        "Nothing is recorded of how mail for example.org came."
    );
}

#[test]
fn every_case_has_words_of_its_own_in_both_languages_and_nothing_is_left_to_fill_in() {
    let mut seen = std::collections::HashSet::new();
    let mut check = |texts: [String; 2]| {
        assert_ne!(texts[0], texts[1]);
        for text in texts {
            assert!(!text.contains(['{', '}']) && !text.is_empty(), "{text}");
            assert!(seen.insert(text.clone()), "{text}");
        }
    };
    let both = [English, German];
    for what in What::iter().filter(|what| !matches!(what, What::Waits | What::WentBack)) {
        check(both.map(|language| exception(&one(what, None), language, number)));
    }
    for reason in DeliveryReason::iter().filter(|reason| *reason != DeliveryReason::None) {
        for what in [What::Waits, What::WentBack] {
            check(both.map(|language| exception(&one(what, Some(reason)), language, number)));
        }
    }
    for one in HandshakeFault::iter() {
        check(both.map(|language| fault(one, language).to_owned()));
    }
    for then in [Afterwards::Refused, Afterwards::Taken, Afterwards::Tls, Afterwards::Away] {
        check(both.map(|language| afterwards(then, language).to_owned()));
    }
}

#[test]
fn of_what_had_to_wait_it_is_said_what_became_of_it() {
    let waits = one(What::Waits, Some(DeliveryReason::TlsNotOffered));
    let said = |waiting, left_since, language: Language| {
        exception(&Exception { waits: waiting, left_since, ..waits.clone() }, language, number)
    };
    let why =
        "3 had to wait for mx.example.org: the server does not offer TLS, which is demanded; ";
    for (waiting, left, end) in [
        (3, 0, "still waiting: 3, last tried 2027-01-15 08:00 UTC"),
        (1, 2, "2 left since; still waiting: 1, last tried 2027-01-15 08:00 UTC"),
        (0, 3, "3 left since"),
        (0, 0, "last tried 2027-01-15 08:00 UTC"),
    ] {
        assert_eq!(said(waiting, left, English), format!("{why}{end}"));
    }
    assert_eq!(
        said(1, 2, German),
        "3 mussten warten, für mx.example.org: der Server bietet TLS nicht an, das verlangt ist; 2 gingen seither weiter; noch wartend: 1, zuletzt versucht 2027-01-15 08:00 UTC"
    );
    let several = Exception { other_servers: true, ..waits };
    for (language, words) in [
        (English, "3 had to wait for mx.example.org and others: "),
        (German, "3 mussten warten, für mx.example.org und weitere: "),
    ] {
        assert!(exception(&several, language, number).starts_with(words));
    }
}

#[test]
fn tls_that_does_not_count_is_not_called_the_lack_of_it() {
    let weak = Exception {
        words: "TLSv1, RC4-SHA".into(),
        encryption_demanded: Some(true),
        demanded: Some("encrypt".into()),
        ..one(What::LeftWeak, None)
    };
    assert_eq!(
        exception(&weak, English, number),
        "3 left over TLS that does not count as encryption (TLSv1, RC4-SHA), to mx.example.org, last on 2027-01-15"
    );
    assert_eq!(
        exception(&weak, German, number),
        "3 gingen über TLS weiter, das nicht als Verschlüsselung zählt (TLSv1, RC4-SHA), an mx.example.org, zuletzt am 2027-01-15"
    );
    for (language, not_asked) in [(English, "did not ask"), (German, "nicht gefragt")] {
        let said = advice(&weak, language, Reader::Operator).unwrap();
        assert!(said.contains("`min_version`") && !said.contains(not_asked), "{said}");
        let said = advice(&weak, language, Reader::Contact).unwrap();
        assert!(said.contains("TLS 1.2") && !said.contains("STARTTLS"), "{said}");
    }
}

#[test]
fn some_clients_are_named_and_that_there_are_others() {
    let mut came = one(What::CameExcepted, None);
    for (clients, english, german) in [
        (
            vec![],
            "3 came unencrypted, by an exception, last",
            "3 kamen unverschlüsselt, aufgrund einer Ausnahme, zuletzt",
        ),
        (
            vec!["a", "b", "c"],
            "by an exception, from a, b, c, last",
            "einer Ausnahme, von a, b, c, zuletzt",
        ),
        (
            vec!["a", "b", "c", "d"],
            "from a, b, c and others, last",
            "von a, b, c und weiteren, zuletzt",
        ),
    ] {
        came.clients = clients.into_iter().map(str::to_owned).collect();
        assert!(exception(&came, English, number).contains(english), "{came:?}");
        assert!(exception(&came, German, number).contains(german), "{came:?}");
    }
}

#[test]
fn advice_is_for_whoever_can_follow_it() {
    for what in What::iter() {
        for reason in DeliveryReason::iter() {
            let reason =
                (!matches!(what, What::LeftUnencrypted | What::LeftWeak | What::LeftUnknown))
                    .then_some(reason);
            for demanded in [None, Some(false), Some(true)] {
                let mut one = one(what, reason.filter(|_| what.is_of_second_hop()));
                (one.encryption_demanded, one.demanded) = (demanded, Some("encrypt".into()));
                for language in [English, German] {
                    if let Some(text) = advice(&one, language, Reader::Contact) {
                        assert!(!text.contains('`'), "{text}");
                    }
                }
            }
        }
    }
    for one in HandshakeFault::iter() {
        for language in [English, German] {
            assert!(!remedy(one, language, Reader::Contact).contains('`'));
        }
    }
    // To switch TLS on is no help to those who have.
    for one in HandshakeFault::iter() {
        assert!(!remedy(one, English, Reader::Contact).contains("Switch TLS on"), "{one:?}");
    }
    // What went back does not leave at the next attempt.
    let offered = Some(DeliveryReason::TlsNotOffered);
    let all_gone = Exception { waits: 0, ..one(What::Waits, offered) };
    for (of, leaves) in [
        (one(What::Waits, offered), true),
        (one(What::WentBack, offered), false),
        (all_gone, false),
    ] {
        for (language, words) in [(English, "leaves at"), (German, "gehen beim nächsten Versuch")]
        {
            let said = advice(&of, language, Reader::Operator);
            assert_eq!(said.is_some_and(|said| said.contains(words)), leaves, "{of:?}");
        }
    }
    // What stands in the policy already is not what is missing.
    let mut left =
        Exception { encryption_demanded: Some(false), ..one(What::LeftUnencrypted, None) };
    for monitored in [false, true] {
        left.encryption_monitored = monitored;
        for language in [English, German] {
            let said = advice(&left, language, Reader::Operator).unwrap();
            assert_eq!(said.contains("`enforce`"), monitored, "{said}");
            assert_eq!(said.contains("`deliver: encrypt`"), !monitored, "{said}");
        }
    }
    // Whatever the MTA, its own setting is named.
    let unknown = advice(&one(What::LeftUnknown, None), English, Reader::Operator).unwrap();
    assert!(unknown.contains("smtp_tls_loglevel = 1") && unknown.contains("LogLevel"), "{unknown}");
    let not_tls = one(What::Waits, Some(DeliveryReason::Reply));
    assert_eq!(advice(&not_tls, English, Reader::Operator), None);
}

#[test]
fn causes_stand_with_the_kind_of_fault_and_what_is_not_logged_has_none() {
    let failure = |fault, words: &str| Failure { fault, words: words.into(), attempts: 1 };
    let all = [
        failure(HandshakeFault::NothingShared, "no shared cipher"),
        failure(HandshakeFault::NotLogged, "cause not logged"),
        failure(HandshakeFault::NotLogged, "handshake failed"),
    ];
    assert_eq!(
        failures(&all, English),
        "no cipher suite in common (no shared cipher), the log does not say why"
    );
}
