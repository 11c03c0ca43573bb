//! `tests`: what the policy is expected to say, by its own words. One that it does not say is an error like any
//! other, so a change that breaks one is refused.
//!
//! What the files say must not turn into an error by itself, when a date comes: so a test without `at` holds from
//! now on, whatever dates the policy has.

mod case;
mod written;

pub use case::{CaseError, Question, WrittenCase, time};
pub use written::{WrittenDeliveryTest, WrittenTest};

use super::deliver::read_next_hop;
use super::terms::Defaults;
use super::values;
use crate::yaml::{Decoder, Fields, Node, Problems, Span};
use jiff::Timestamp;
use policy::explanation::Conclusion;
use policy::hop::{Level, NextHop};
use policy::{Decision, Policy, ReasonKind, deliver, judge};

/// What becomes of `tests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tests {
    /// One that does not hold, at this time or at its own, is an error.
    HoldAt(Timestamp),
    /// They are only read.
    AreRead,
}

/// A test.
pub(super) struct Test {
    asked: Asked,
    /// When it is to hold; none: from now on.
    at: Option<Timestamp>,
    /// Everything that must be so.
    expected: Vec<(Expected, Span)>,
}

/// What is asked about.
enum Asked {
    Rcpt(Box<Question>),
    NextHop(NextHop),
}

/// One thing that must be so.
enum Expected {
    Verdict(Decision),
    Reason(ReasonKind),
    /// The domain that decided.
    Domain(String),
    /// The name of the entry that decided.
    Entry(String),
    /// What is demanded of the next hop.
    Level(Level),
}

/// Reads `tests`.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    defaults: &Defaults,
) -> Option<Vec<Test>> {
    let items = decoder.list(node, "tests")?;
    Some(items.iter().filter_map(|item| read_one(decoder, item, defaults)).collect())
}

fn read_one(decoder: &mut Decoder<'_>, item: Node<'_>, defaults: &Defaults) -> Option<Test> {
    let before = decoder.problems.count();
    let mut fields = decoder.fields(item, "a test")?;
    let at = fields.read(decoder, "at", values::from_date);
    let is_about_hop = fields.mentions(&["nexthop", "deliver"]) && !fields.mentions(&["rcpt"]);
    let (asked, expected) = if is_about_hop {
        (next_hop(decoder, &mut fields), level(decoder, &mut fields))
    } else {
        let question = question(decoder, &mut fields, defaults);
        (question.map(|question| Asked::Rcpt(Box::new(question))), verdict(decoder, &mut fields))
    };
    decoder.finish(fields);
    // What is missing because it is mistyped has been said already.
    if decoder.problems.count() > before {
        return None;
    }
    let Some(asked) = asked else {
        let help =
            "add `rcpt: user@example.org`, or `nexthop: \"[mx.example.org]\"` for the second hop";
        return decoder.wrong(item, "a test names a recipient", help);
    };
    if expected.is_empty() {
        let (what, help) = match asked {
            Asked::Rcpt(_) => ("verdict", "add `verdict: refuse`"),
            Asked::NextHop(_) => {
                ("level", "add `deliver: encrypt`; `none` where nothing is demanded")
            }
        };
        return decoder.wrong(item, format!("a test says which {what} it expects"), help);
    }
    Some(Test { asked, at, expected })
}

/// The case; none: it has errors, or names no recipient.
fn question(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    defaults: &Defaults,
) -> Option<Question> {
    let text = |decoder: &mut Decoder<'_>, fields: &mut Fields<'_>, name| {
        fields.text(decoder, name).map(str::to_owned)
    };
    let rcpt = text(decoder, fields, "rcpt");
    let mut client_at = None;
    let mut case = WrittenCase {
        sender: text(decoder, fields, "sender"),
        client: fields.read(decoder, "client", |decoder, node| {
            client_at = Some(node);
            decoder.text(node, "`client`").map(str::to_owned)
        }),
        authenticated: fields.truth(decoder, "authenticated").unwrap_or_default(),
        tls_version: text(decoder, fields, "tls_version"),
        cipher: text(decoder, fields, "cipher"),
        cipher_bits: text(decoder, fields, "cipher_bits"),
        cert_subject: text(decoder, fields, "cert_subject"),
        cert_issuer: text(decoder, fields, "cert_issuer"),
        unknown_tls: fields.truth(decoder, "unknown_tls").unwrap_or_default(),
        ..WrittenCase::default()
    };
    let requirement = fields.read(decoder, "require", |decoder, node| {
        case.require = Some(decoder.text(node, "`require`")?.to_owned());
        defaults.requirement(decoder, node)
    });
    case.rcpt = rcpt?;
    // Each test is asked at the time that it is about.
    match case.question(|_| requirement, Timestamp::default()) {
        Ok(question) => Some(question),
        // That of `require` was said, and `at` was read before.
        Err(CaseError { key: "client", message }) => {
            decoder.wrong(client_at?, message, "write, for example, 192.0.2.1")
        }
        Err(_) => None,
    }
}

/// What is expected of the verdict.
fn verdict(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Vec<(Expected, Span)> {
    let verdict = fields.read(decoder, "verdict", |decoder, node| {
        Some((Expected::Verdict(decoder.choice(node, "`verdict`")?), node.span))
    });
    let reason = fields.read(decoder, "reason", |decoder, node| {
        Some((Expected::Reason(decoder.choice(node, "`reason`")?), node.span))
    });
    let domain = fields.read(decoder, "domain", |decoder, node| {
        let domain = values::pattern(decoder, node)?.to_string();
        Some((Expected::Domain(domain), node.span))
    });
    let entry = fields.read(decoder, "entry", |decoder, node| {
        Some((Expected::Entry(values::pattern(decoder, node)?.to_string()), node.span))
    });
    [verdict, reason, domain, entry].into_iter().flatten().collect()
}

fn next_hop(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Option<Asked> {
    fields.read(decoder, "nexthop", read_next_hop).map(Asked::NextHop)
}

/// What is expected of the second hop.
fn level(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Vec<(Expected, Span)> {
    let level = fields.read(decoder, "deliver", |decoder, node| {
        Some((Expected::Level(decoder.choice(node, "`deliver`")?), node.span))
    });
    level.into_iter().collect()
}

/// Adds an error to `problems`, which are in the policy's own file, for each test that does not hold.
pub(super) fn check(tests: &[Test], policy: &Policy, now: Timestamp, problems: &mut Problems) {
    for test in tests {
        let first = test.at.unwrap_or(now);
        if let Some(broken) = test.broken(policy, first) {
            problems.add(broken.span, broken.message, broken.help);
            continue;
        }
        // Whatever a policy has of dates makes it stricter: what holds now and at the end of time holds
        // at all times between.
        let is_broken = |at: &Timestamp| test.broken(policy, *at).is_some();
        if test.at.is_none()
            && let Some(from) = first_of(first, Timestamp::MAX, is_broken)
            && let Some(broken) = test.broken(policy, from)
        {
            let message = format!("from {from} on, {}", broken.message);
            let help = "a test without `at` holds from now on: give it the time that it is about, as `at: 2027-01-31`";
            problems.add(broken.span, message, help);
        }
    }
}

/// The first second after `from` at which this is so, if it is so at the end and not before.
fn first_of(
    from: Timestamp,
    end: Timestamp,
    is_so: impl Fn(&Timestamp) -> bool,
) -> Option<Timestamp> {
    if !is_so(&end) {
        return None;
    }
    let (mut not_yet, mut so) = (from.as_second(), end.as_second());
    while so - not_yet > 1 {
        let middle = not_yet + (so - not_yet) / 2;
        match Timestamp::from_second(middle) {
            Ok(at) if is_so(&at) => so = middle,
            _ => not_yet = middle,
        }
    }
    Timestamp::from_second(so).ok()
}

/// What does not hold.
struct Broken {
    span: Span,
    message: String,
    help: String,
}

impl Test {
    /// The first thing that does not hold at this time.
    fn broken(&self, policy: &Policy, at: Timestamp) -> Option<Broken> {
        match &self.asked {
            Asked::Rcpt(question) => self.broken_verdict(question, policy, at),
            Asked::NextHop(next_hop) => {
                let demand = deliver(policy, next_hop, at).demand;
                let level = demand.as_ref().map_or(Level::None, |demand| demand.level);
                let is_wrong = |expected: &&(Expected, Span)| matches!(expected.0, Expected::Level(wanted) if wanted != level);
                let (_, span) = self.expected.iter().find(is_wrong)?;
                let message = match &demand {
                    Some(demand) => format!("what is demanded of {next_hop} is `{demand}`"),
                    None => format!("nothing is demanded of {next_hop}"),
                };
                let help = format!(
                    "`mandatory-tls explain --deliver '{next_hop}'` shows by which entries"
                );
                Some(Broken { span: *span, message, help })
            }
        }
    }

    fn broken_verdict(
        &self,
        question: &Question,
        policy: &Policy,
        at: Timestamp,
    ) -> Option<Broken> {
        let case = question.case_at(at);
        let verdict = judge(policy, &case);
        let is = Conclusion::new(&case, &verdict);
        let message = |expected: &Expected| match expected {
            Expected::Verdict(wanted) if *wanted != is.verdict => Some(format!(
                "the verdict is `{}` and not `{}`: {}",
                is.verdict.code(),
                wanted.code(),
                is.detail
            )),
            Expected::Reason(wanted) if *wanted != is.reason => Some(format!(
                "the reason is `{}` and not `{}`: {}",
                is.reason.code(),
                wanted.code(),
                is.detail
            )),
            Expected::Domain(wanted) if is.domain.as_ref() != Some(wanted) => {
                Some(match &is.domain {
                    Some(domain) => format!("it is about {domain} and not about {wanted}"),
                    None => format!("it is about no domain, and not about {wanted}"),
                })
            }
            Expected::Entry(wanted) if is.entry.as_ref() != Some(wanted) => Some(match &is.entry {
                Some(entry) => format!("the entry that decides is {entry} and not {wanted}"),
                None => format!("no entry of `domains` or `senders` decides, and so not {wanted}"),
            }),
            Expected::Verdict(_)
            | Expected::Reason(_)
            | Expected::Domain(_)
            | Expected::Entry(_)
            | Expected::Level(_) => None,
        };
        let (message, span) =
            self.expected.iter().find_map(|(expected, span)| Some((message(expected)?, *span)))?;
        let decides = verdict.finding.as_ref().map(|finding| match &finding.matched {
            Some(matched) => {
                format!("{} ({}) decides; ", matched.pattern, policy.place_of(matched))
            }
            None => "`local`, or the strictest entry, decides; ".to_owned(),
        });
        let decides = decides.unwrap_or_default();
        let help = format!("{decides}mend the policy, or say what is expected from now on");
        Some(Broken { span, message, help })
    }
}
