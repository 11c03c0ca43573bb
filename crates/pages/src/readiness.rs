//! Whether a domain can be enforced, in words: alike in tables, on pages and in mails.

use crate::digest::reason;
use crate::hops::{Number, pick};
use crate::text::Counted;
use ledger::readiness::{Correspondent, Lack, Readiness, Standing, State};
use ledger::report::date_text;
use ledger::{NULL_SENDER, OTHERS};
use policy::Language;

/// The answer in a word or two, for a table.
#[must_use]
pub fn state(state: State, language: Language) -> &'static str {
    let words = match state {
        State::NotYet => ["not yet", "noch nicht"],
        State::NotEnough => ["not enough evidence", "zu wenig bekannt"],
        State::Ready => ["ready", "bereit"],
        State::Enforced => ["enforced", "verlangt"],
    };
    pick(language, words)
}

/// The answer in a sentence.
#[must_use]
pub fn answer(readiness: &Readiness, language: Language, number: Number) -> String {
    let count = readiness.in_the_way().count() as u64;
    let counted = |[english, german]: [Counted; 2]| {
        let words = match language {
            Language::English => english,
            Language::German => german,
        };
        words.written(count, number)
    };
    match readiness.state {
        State::NotYet => counted(NOT_YET),
        State::NotEnough => lacks(readiness, language, number).unwrap_or_default(),
        State::Ready => pick(
            language,
            [
                "Ready: encryption can be required from now on (mode enforce).",
                "Bereit: Verschlüsselung kann ab sofort verlangt werden (Modus «enforce»).",
            ],
        )
        .into(),
        State::Enforced if count == 0 => {
            pick(language, ["Encryption is required.", "Verschlüsselung wird verlangt."]).into()
        }
        State::Enforced => counted(REFUSED),
    }
}

const NOT_YET: [Counted; 2] = [
    Counted {
        one: "Not yet: mail of 1 correspondent would be refused.",
        many: "Not yet: mail of {} correspondents would be refused.",
    },
    Counted {
        one: "Noch nicht: E-Mails von 1 Absender würden abgewiesen.",
        many: "Noch nicht: E-Mails von {} Absendern würden abgewiesen.",
    },
];
const REFUSED: [Counted; 2] = [
    Counted {
        one: "Encryption is required, and mail of 1 correspondent is refused.",
        many: "Encryption is required, and mail of {} correspondents is refused.",
    },
    Counted {
        one: "Verschlüsselung wird verlangt, und E-Mails von 1 Absender werden abgewiesen.",
        many: "Verschlüsselung wird verlangt, und E-Mails von {} Absendern werden abgewiesen.",
    },
];

/// What the evidence lacks; none where it is enough.
#[must_use]
pub fn lacks(readiness: &Readiness, language: Language, number: Number) -> Option<String> {
    let lacks: Vec<_> =
        readiness.lacks.iter().map(|one| lack(*one, readiness, language, number)).collect();
    let words = pick(language, ["Not enough is known: {}.", "Es ist zu wenig bekannt: {}."]);
    (!lacks.is_empty()).then(|| words.replace("{}", &lacks.join("; ")))
}

/// One of these, as a part of a sentence.
fn lack(lack: Lack, readiness: &Readiness, language: Language, number: Number) -> String {
    let evidence = &readiness.evidence;
    let words = match lack {
        Lack::NoMail => [
            "no mail came for the domain that was judged",
            "für die Domain kam keine E-Mail, die geprüft wurde",
        ],
        Lack::LogOnly => [
            "all that is known is from a log, which tells less than the milter is told; mode monitor gathers evidence",
            "alles Bekannte stammt aus einem Log, das weniger sagt, als der Milter erfährt; Belege sammelt der Modus «monitor»",
        ],
        Lack::FewDays => [
            "mail came on {days} of {span} days; it takes 8 of at least 14, or 56 days in all",
            "E-Mails kamen an {days} von {span} Tagen; nötig sind 8 von mindestens 14, oder insgesamt 56 Tage",
        ],
        Lack::UnknownSessions => [
            "of {unknown} of {all} recipients it is not known how they came",
            "von {unknown} von {all} Empfängern ist nicht bekannt, wie ihre E-Mails kamen",
        ],
        Lack::Ended => {
            ["nothing was recorded since {ends}", "seit {ends} wurde nichts mehr festgehalten"]
        }
    };
    pick(language, words)
        .replace("{days}", &number(evidence.days))
        .replace("{span}", &number(evidence.span))
        .replace("{unknown}", &number(evidence.unknown))
        .replace("{all}", &number(evidence.recipients))
        .replace("{ends}", &evidence.ends.map(date_text).unwrap_or_default())
}

/// What the answer rests on, what does not stand in the way and why, and what to do: a sentence each.
#[must_use]
pub fn because(readiness: &Readiness, language: Language, number: Number) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(rests_on(readiness, language, number));
    if readiness.state == State::NotYet {
        sentences.extend(lacks(readiness, language, number));
    }
    for (standing, words) in APART {
        let count = readiness.correspondents.iter().filter(|one| one.standing == standing).count();
        let [english, german] = words;
        let words = if language == Language::English { english } else { german };
        if count > 0 {
            sentences.push(words.written(count as u64, number));
        }
    }
    if readiness.in_the_way().any(|one| one.is_own) {
        sentences.push(pick(language, OWN).into());
    }
    let is_regular = readiness.in_the_way().all(|one| one.every.is_some_and(|days| days <= 30));
    for (moment, words) in [
        (
            readiness.planned,
            ["The policy requires it from {} on.", "Die Policy verlangt sie ab {}."],
        ),
        (readiness.start, if is_regular { REGULAR } else { SELDOM }),
        (readiness.look_again, ["Look again on {}.", "Schauen Sie am {} wieder nach."]),
    ] {
        sentences.extend(moment.map(|at| pick(language, words).replace("{}", &date_text(at))));
    }
    sentences
}

/// The day that is proposed, where all of them write at least once a month, and where they do not.
const REGULAR: [&str; 2] = [
    "If they are told now, it can begin on {}: by then, each of them writes about twice.",
    "Wenn sie jetzt informiert werden, kann es am {} beginnen: Bis dann schreibt jeder von ihnen etwa zweimal.",
];
const SELDOM: [&str; 2] = [
    "If they are told now, it can begin on {}: that leaves them about two months.",
    "Wenn sie jetzt informiert werden, kann es am {} beginnen: Damit haben sie etwa zwei Monate Zeit.",
];

fn rests_on(readiness: &Readiness, language: Language, number: Number) -> Option<String> {
    let evidence = &readiness.evidence;
    let first = evidence.first?;
    let words = match evidence.at_fault {
        0 => [
            "Of {all} recipients since {first}, mode enforce refuses none.",
            "Von {all} Empfängern seit {first} weist der Modus «enforce» keinen ab.",
        ],
        _ => [
            "Of {all} recipients since {first}, mode enforce refuses {fault}.",
            "Von {all} Empfängern seit {first} weist der Modus «enforce» {fault} ab.",
        ],
    };
    let mut text = pick(language, words)
        .replace("{all}", &number(evidence.recipients))
        .replace("{first}", &date_text(first))
        .replace("{fault}", &number(evidence.at_fault));
    for (count, words) in [
        (evidence.unknown, [" Of {} it is not known.", " Von {} ist es nicht bekannt."]),
        (evidence.excepted, [" By exceptions: {}.", " Über Ausnahmen: {}."]),
        (evidence.from_log, [" From a log: {}.", " Aus einem Log: {}."]),
        (
            evidence.lost,
            [" Not recorded, of all domains: {}.", " Nicht festgehalten, von allen Domains: {}."],
        ),
    ] {
        if count > 0 {
            text += &pick(language, words).replace("{}", &number(count));
        }
    }
    Some(text)
}

/// Those at fault that do not stand in the way.
const APART: [(Standing, [Counted; 2]); 3] = [
    (
        Standing::Mended,
        [
            Counted {
                one: "1 correspondent who would have been refused has come with TLS since.",
                many: "{} correspondents who would have been refused have come with TLS since.",
            },
            Counted {
                one: "1 Absender, der abgewiesen worden wäre, kam seither mit TLS.",
                many: "{} Absender, die abgewiesen worden wären, kamen seither mit TLS.",
            },
        ],
    ),
    (
        Standing::Silent,
        [
            Counted {
                one: "1 correspondent who would have been refused has not written for much longer than is usual for it.",
                many: "{} correspondents who would have been refused have not written for much longer than is usual for them.",
            },
            Counted {
                one: "1 Absender, der abgewiesen worden wäre, schrieb viel länger nicht mehr, als es bei ihm üblich ist.",
                many: "{} Absender, die abgewiesen worden wären, schrieben viel länger nicht mehr, als es bei ihnen üblich ist.",
            },
        ],
    ),
    (
        Standing::Stray,
        [
            Counted {
                one: "Of 1 other, nothing shows that anybody would miss its mail: each server came on one day only, did not try again, and has no name, or gave nobody or your own domain as its sender, as scanners and forgers do.",
                many: "Of {} others, nothing shows that anybody would miss their mail: each server came on one day only, did not try again, and has no name, or gave nobody or your own domain as its sender, as scanners and forgers do.",
            },
            Counted {
                one: "Bei 1 weiteren zeigt nichts, dass jemand die E-Mails vermissen würde: Jeder Server kam nur an einem Tag, versuchte es nicht wieder und hat keinen Namen, oder er gab niemanden oder Ihre eigene Domain als Absender an, wie es Scanner und Fälscher tun.",
                many: "Bei {} weiteren zeigt nichts, dass jemand die E-Mails vermissen würde: Jeder Server kam nur an einem Tag, versuchte es nicht wieder und hat keinen Namen, oder er gab niemanden oder Ihre eigene Domain als Absender an, wie es Scanner und Fälscher tun.",
            },
        ],
    ),
];

const OWN: [&str; 2] = [
    "Where the sender is your own domain, it is a device or a service of yours, or a forger. What you know should come with TLS, or needs an exception; what you do not know is rightly refused.",
    "Wo der Absender Ihre eigene Domain ist, ist es ein Gerät oder ein Dienst von Ihnen, oder ein Fälscher. Was Sie kennen, soll mit TLS kommen oder braucht eine Ausnahme; was Sie nicht kennen, wird zu Recht abgewiesen.",
];

/// What a correspondent is called.
#[must_use]
pub fn name(one: &Correspondent, language: Language) -> &str {
    match &*one.name {
        OTHERS => pick(language, ["(others)", "(übrige)"]),
        "" => pick(language, ["(no address)", "(keine Adresse)"]),
        name => name,
    }
}

/// One that would be refused: how much, of which servers, whose mail and why.
#[must_use]
pub fn details(one: &Correspondent, language: Language, number: Number) -> Vec<String> {
    let pick = |words| pick(language, words);
    let recipients = Counted {
        one: pick(["1 recipient", "1 Empfänger"]),
        many: pick(["{} recipients", "{} Empfänger"]),
    };
    let last = pick(["last on {}", "zuletzt am {}"]).replace("{}", &date_text(one.last));
    let every = Counted {
        one: pick(["writes about daily", "schreibt etwa täglich"]),
        many: pick(["writes about every {} days", "schreibt etwa alle {} Tage"]),
    };
    let mut details = vec![recipients.written(one.recipients, number), last];
    details.push(one.every.map(|days| every.written(days, number)).unwrap_or_default());
    if one.servers > 1 {
        let words = pick(["{} of its {all} servers", "{} von {all} Servern"]);
        let words = words.replace("{all}", &number(one.servers));
        details.push(words.replace("{}", &number(one.failing_count)));
    }
    let senders: Vec<String> = one
        .senders
        .iter()
        .map(|sender| match &**sender {
            NULL_SENDER => pick(["(bounces)", "(Unzustellbarkeitsmeldungen)"]).into(),
            sender => sender.to_owned(),
        })
        .collect();
    let senders = crate::text::few(&senders);
    if !senders.is_empty() && one.name != OTHERS {
        details.push(pick(["from {}", "von {}"]).replace("{}", &senders));
    }
    let mut reasons: Vec<_> = one.reasons.iter().map(|one| reason(one, language)).collect();
    reasons.dedup();
    details.push(reasons.join(", "));
    details.retain(|detail| !detail.is_empty());
    details
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tight_number;
    use ledger::readiness::{Evidence, FailingServer};
    use policy::{Mode, ReasonKind};

    fn correspondent(standing: Standing, every: Option<u64>) -> Correspondent {
        let server =
            FailingServer { client: "192.0.2.7".into(), host: String::new(), last: 1_795_432_100 };
        Correspondent {
            name: "lawyers.example".into(),
            standing,
            servers: 2,
            failing: vec![server],
            failing_count: 1,
            senders: vec![NULL_SENDER.into(), "lawyers.example".into()],
            is_own: true,
            reasons: vec![ReasonKind::Plaintext.into()],
            recipients: 1234,
            every,
            first: 1_795_000_000,
            last: 1_795_432_100,
        }
    }

    fn readiness(state: State, lacks: Vec<Lack>, every: Option<u64>) -> Readiness {
        let standings = [Standing::Fails, Standing::Mended, Standing::Silent, Standing::Stray];
        let evidence = Evidence {
            recipients: 2345,
            first: Some(1_790_000_000),
            last: Some(1_795_432_100),
            days: 7,
            span: 12,
            from_log: 11,
            unknown: 22,
            excepted: 33,
            at_fault: 44,
            lost: 55,
            ends: Some(1_795_432_100),
        };
        Readiness {
            domain: "example.org".into(),
            state,
            mode: Mode::Monitor,
            planned: Some(1_797_000_000),
            lacks,
            evidence,
            correspondents: standings.map(|standing| correspondent(standing, every)).into(),
            start: Some(1_797_086_400),
            look_again: Some(1_797_172_800),
        }
    }

    #[test]
    fn every_answer_is_said_whole_and_in_words_of_each_language() {
        let states = [State::NotYet, State::NotEnough, State::Ready, State::Enforced];
        let lacks =
            [Lack::NoMail, Lack::LogOnly, Lack::FewDays, Lack::UnknownSessions, Lack::Ended];
        for (state, every) in states.into_iter().flat_map(|one| [(one, Some(3)), (one, None)]) {
            let answer_of = readiness(state, lacks.into(), every);
            let said = |language| {
                let mut said = vec![super::state(state, language).to_owned()];
                said.push(answer(&answer_of, language, tight_number));
                said.extend(because(&answer_of, language, tight_number));
                said.push(details(&answer_of.correspondents[0], language, tight_number).join("; "));
                said
            };
            let (english, german) = (said(Language::English), said(Language::German));
            assert_eq!(english.len(), german.len());
            for (one, other) in english.iter().zip(&german) {
                assert_ne!(one, other);
                assert!(!one.contains(['{', '}']) && !other.contains(['{', '}']), "{one} {other}");
            }
        }
        // Who writes seldom has not written twice by then.
        let start = |every| {
            because(&readiness(State::NotYet, vec![], every), Language::English, tight_number)
                .join(" ")
        };
        assert!(start(Some(30)).contains("about twice") && !start(Some(31)).contains("twice"));
        assert!(start(None).contains("two months"));
    }
}
