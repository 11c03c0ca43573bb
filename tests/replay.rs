//! Recordings of real Postfix and Sendmail, replayed: given what that MTA sent, the verdict is
//! right.
//!
//! What is right is worked out from the other end of the session: what the SMTP client recorded
//! of its own dialogue and handshake.

#[path = "support/recordings.rs"]
mod recordings;

use arc_swap::ArcSwap;
use config::policy_file;
use ledger::Ledger;
use mandatory_tls::milter::{Context, Conversation, Log};
use mandatory_tls::trial::TrialKey;
use policy::OnUnknownTls;
use recordings::{Header, Recording, recordings};
use std::{collections::BTreeMap, fs, sync::Arc};

/// Everybody is opted in: each recipient's session is judged.
const POLICY: &str = "domains: [\"*\"]\nlocal: { mode: enforce }\n";

/// What the client knew of its session when it sent a RCPT.
#[derive(Clone, Debug, PartialEq)]
enum Truth {
    Plaintext,
    /// Version and cipher.
    Tls(String, String),
}

impl Truth {
    /// Whether the baseline takes it, by its words alone.
    fn is_adequate(&self) -> bool {
        match self {
            Self::Plaintext => false,
            Self::Tls(version, cipher) => {
                version != "SSLv3" && !cipher.contains("NULL") && !cipher.contains("RC4")
            }
        }
    }
}

fn context() -> Arc<Context> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, POLICY).unwrap();
    Arc::new(Context {
        policy: Arc::new(ArcSwap::from_pointee(policy_file::load(&path).policy.unwrap())),
        on_unknown_tls: OnUnknownTls::Defer,
        log: Log { local_parts: true, facts: true },
        activity: Arc::default(),
        ledger: Ledger::off(),
        metrics: None,
        trial_key: TrialKey::new().unwrap(),
    })
}

/// "TLS established: TLSv1.3 NAME (256 bits)", "TLS started with cipher TLSv1.3:NAME:256",
/// Sendmail's "version=TLSv1.3, verify=NO, cipher=NAME, ..." and Postfix's "TLS connection
/// established from ...: TLSv1.3 with cipher NAME (...)".
fn handshake(text: &str) -> Option<Truth> {
    let rest = if let Some((_, rest)) = text.split_once("TLS established: ") {
        rest.to_owned()
    } else if let Some((_, rest)) = text.split_once("TLS started with cipher ") {
        rest.replace(':', " ")
    } else if let Some((_, rest)) = text.split_once(" version=") {
        rest.replace("verify=NO, cipher=", "").replace(',', "")
    } else {
        let (_, rest) =
            text.split_once("]: ").filter(|_| text.contains("TLS connection established"))?;
        rest.replace("with cipher ", "")
    };
    let mut words = rest.split_whitespace();
    Some(Truth::Tls(words.next()?.to_owned(), words.next()?.to_owned()))
}

/// The client's RCPT commands, each with the truth at its time.
fn truths(header: &Header) -> Vec<(String, Truth)> {
    // The weak sessions were driven by s_client: their handshake stands in Postfix's log.
    let silent = !header
        .transcript
        .iter()
        .any(|(_, text)| handshake(text).is_some() || text.contains("smtplib"));
    let logged = header.mta_log.iter().find_map(|line| handshake(line));
    let from_start = if silent { logged.clone() } else { None };
    let mut now = from_start.unwrap_or(Truth::Plaintext);
    let mut truths = Vec::new();
    for (who, text) in &header.transcript {
        if *who == '-' {
            if let Some(seen) = handshake(text) {
                now = seen;
            } else if text.contains("smtplib") && text.contains("starttls") {
                now = logged.clone().unwrap();
            }
        }
        for line in text
            .split("\\r\\n")
            .filter(|line| *who == 'C' && line.to_uppercase().contains("RCPT TO:"))
        {
            truths.push((line.to_owned(), now.clone()));
        }
    }
    if truths.is_empty() {
        truths.push((String::new(), now));
    }
    truths
}

/// The answer to a RCPT: none for continue, or the reply's text.
fn answer(out: &[u8]) -> Option<String> {
    match out.get(4) {
        Some(b'c') => None,
        Some(b'y') => Some(String::from_utf8(out[5..out.len() - 1].to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn has_macro(batch: &[u8], name: &str) -> bool {
    batch.split(|octet| *octet == 0).step_by(2).any(|key| key == name.as_bytes())
}

/// Replays one recording; returns how many RCPT were judged.
fn replay(Recording { name, header, packets }: &Recording) -> usize {
    let truths = truths(header);
    let mut next = 0;
    let mut judged = 0;
    let mut conversations: BTreeMap<u32, (Conversation, Vec<u8>, bool)> = BTreeMap::new();
    for (connection, frame) in packets {
        let (conversation, batch, told) = conversations
            .entry(*connection)
            .or_insert_with(|| (Conversation::new(context()), Vec::new(), false));
        let mut out = Vec::new();
        let _ =
            conversation.receive(frame, &mut out).unwrap_or_else(|error| panic!("{name}: {error}"));
        match &frame[4..] {
            [b'D', stage, macros @ ..] => {
                *told |= has_macro(macros, "{tls_version}");
                if *stage == b'R' {
                    *batch = macros.to_vec();
                }
            }
            [b'R', argument @ ..] => {
                let argument =
                    String::from_utf8_lossy(argument.split(|octet| *octet == 0).next().unwrap())
                        .into_owned();
                // The MTA does not show each RCPT, but shows them in order.
                let found = truths[next..].iter().position(|(line, _)| line.contains(&argument));
                let position = found.map_or(next.saturating_sub(1), |skipped| next + skipped);
                next = found.map_or(next, |_| position + 1);
                let truth = &truths[position].1;
                expect(name, header, &argument, truth, batch, *told, answer(&out));
                judged += 1;
            }
            _ => {}
        }
    }
    judged
}

fn expect(
    name: &str,
    header: &Header,
    argument: &str,
    truth: &Truth,
    batch: &[u8],
    told: bool,
    answer: Option<String>,
) {
    let about = format!("{name}: {argument}: {truth:?}: {answer:?}");
    let honoured = has_macro(batch, "j");
    if name.contains("local-sendmail") {
        // Recognised where the MTA told enough; deferred where the recorder had not asked for it.
        assert_eq!(answer.is_none(), header.negotiation == "symlist", "{about}");
    } else if honoured || told {
        assert_eq!(answer.is_none(), truth.is_adequate(), "{about}");
        let plaintext = answer.as_deref().is_some_and(|text| text.contains("is not encrypted"));
        assert_eq!(plaintext, *truth == Truth::Plaintext, "{about}");
    } else {
        // The MTA was not asked in a way that proves anything: neither fine nor plaintext.
        assert!(answer.is_some_and(|text| text.contains("cannot tell")), "{about}");
    }
}

#[test]
fn every_recorded_recipient_gets_the_verdict_that_its_session_deserves() {
    let judged: usize = recordings().iter().map(replay).sum();
    assert_eq!(judged, 552);
}
