//! What can be said of a domain: mode, requirement, reply, exceptions.

use super::deliver::{self, DeliverParts};
use super::{exceptions, values};
use crate::yaml::{Decoder, Fields, Node, Span};
use policy::hop::Deliver;
use policy::{
    Entry, Language, Mode, ReplyError, ReplyTemplate, Requirement, Schedule, requirement,
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What holds where an entry says nothing else.
pub(super) struct Defaults {
    pub mode: Mode,
    pub requirement: Arc<Requirement>,
    pub reply: ReplyParts,
    pub language: Language,
    /// What the hop to an organisation's own server must be.
    pub deliver: DeliverParts,
    /// The same as entries share it.
    pub shared_deliver: Option<Arc<Deliver>>,
    /// The policy's own requirements.
    pub requirements: BTreeMap<String, Arc<Requirement>>,
    /// Own requirements that have errors: an entry that asks for one adds no error.
    pub faulty: BTreeSet<String>,
    /// The replies of entries that say nothing of theirs, by side and language; made when the
    /// first one needs it.
    replies: [[OnceCell<Arc<ReplyTemplate>>; 2]; 2],
}

/// The parts of a reply, each inherited by itself.
#[derive(Clone, Default)]
pub(super) struct ReplyParts {
    code: Option<u16>,
    text: Option<String>,
    url: Option<String>,
}

/// The list that an entry stands in. The built-in text of the reply depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Recipients,
    Senders,
}

impl Defaults {
    /// What holds where the policy says nothing at all.
    pub(super) fn new() -> Self {
        let baseline = Requirement::builtin("baseline").expect("the baseline is built in");
        Self {
            mode: Mode::Enforce,
            requirement: Arc::clone(baseline),
            reply: ReplyParts::default(),
            language: Language::default(),
            deliver: DeliverParts::default(),
            shared_deliver: None,
            requirements: BTreeMap::new(),
            faulty: BTreeSet::new(),
            replies: Default::default(),
        }
    }

    /// The entry of a domain that is only named.
    pub(super) fn entry(&self, side: Side) -> Entry {
        Entry {
            schedule: Schedule::Always(self.mode),
            requirement: Arc::clone(&self.requirement),
            reply: self.reply(side, self.language),
            exceptions: Vec::new(),
            contact: None,
            language: self.language,
            deliver: match side {
                Side::Recipients => self.shared_deliver.clone(),
                Side::Senders => None,
            },
        }
    }

    /// The reply of an entry that gives none.
    fn reply(&self, side: Side, language: Language) -> Arc<ReplyTemplate> {
        let [to_recipients, to_senders] = &self.replies;
        let [english, german] = match side {
            Side::Recipients => to_recipients,
            Side::Senders => to_senders,
        };
        let reply = match language {
            Language::English => english,
            Language::German => german,
        };
        let template = || {
            // Checked when the defaults were read.
            let template = self.reply.template(side, language);
            Arc::new(template.unwrap_or_else(|_| built_in_reply(side, language)))
        };
        Arc::clone(reply.get_or_init(template))
    }

    /// The requirement of a name: the policy's own or a built-in one.
    pub(super) fn requirement(
        &self,
        decoder: &mut Decoder<'_>,
        node: Node<'_>,
    ) -> Option<Arc<Requirement>> {
        let name = decoder.text(node, "a requirement")?;
        let found = requirement::named(name, &self.requirements).cloned();
        if found.is_none() && self.faulty.contains(name) {
            return None;
        }
        found.or_else(|| {
            let mut names: Vec<String> = self.requirements.keys().cloned().collect();
            names.extend(requirement::builtins().map(|built_in| built_in.name().to_owned()));
            let message = format!("there is no requirement `{}`", name.escape_debug());
            decoder.wrong(node, message, format!("there are: {}", names.join(", ")))
        })
    }

    /// Reads the terms of an entry; what it does not say is taken from the defaults.
    pub(super) fn read_entry(
        &self,
        decoder: &mut Decoder<'_>,
        fields: &mut Fields<'_>,
        side: Side,
    ) -> Entry {
        let mut entry = self.entry(side);
        let mode = fields.read(decoder, "mode", read_mode);
        if let Some(mode) = mode {
            entry.schedule = Schedule::Always(mode);
        }
        let start = fields.read(decoder, "enforce_from", |decoder, node| {
            let start = values::from_date(decoder, node);
            if mode == Some(Mode::Off) {
                decoder.problems.add(
                    node.span,
                    "`enforce_from` contradicts `mode: off`",
                    "leave `mode` out: before the date the domain is in monitor, from then on in enforce",
                );
            }
            start
        });
        if let Some(start) = start {
            entry.schedule = Schedule::EnforceFrom(start);
        }
        let requirement = |decoder: &mut Decoder<'_>, node| self.requirement(decoder, node);
        if let Some(requirement) = fields.read(decoder, "require", requirement) {
            entry.requirement = requirement;
        }
        if let Some(language) = fields.choice(decoder, "language") {
            entry.language = language;
            entry.reply = self.reply(side, language);
        }
        let reply = fields.read(decoder, "reply", |decoder, node| {
            let parts = read_reply(decoder, node, &self.reply)?;
            checked(decoder, node.span, &parts, side, entry.language)
        });
        if let Some(reply) = reply {
            entry.reply = Arc::new(reply);
        }
        entry.contact = fields.read(decoder, "contact", values::mail_address);
        fields.read(decoder, "deliver", |decoder, node| {
            if side == Side::Senders {
                let help =
                    "leave it out; who receives the partner's mail can have one, under `domains`";
                let message =
                    "`deliver` is about the hop to a recipient's server, and this is a partner";
                return decoder.wrong(node, message, help);
            }
            let parts = deliver::read(decoder, node, &self.deliver)?;
            if mode == Some(Mode::Off) {
                let message = "`deliver` is not in force: the entry is off";
                decoder.problems.warn(node.span, message, "leave it out, or write another `mode`");
            }
            entry.deliver = parts.deliver().map(Arc::new);
            Some(())
        });
        entry.exceptions = fields.read(decoder, "exceptions", exceptions::read).unwrap_or_default();
        entry
    }
}

/// Reads `mode`.
pub(super) fn read_mode(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Mode> {
    decoder.choice(node, "mode")
}

/// Reads `reply`; what it does not say is inherited.
pub(super) fn read_reply(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    inherited: &ReplyParts,
) -> Option<ReplyParts> {
    let mut fields = decoder.fields(node, "`reply`")?;
    let mut parts = inherited.clone();
    fields.read(decoder, "code", |decoder, node| {
        let code = decoder.number(node, "`code`", 999)?;
        parts.code = u16::try_from(code).ok();
        let refusal = parts.code.filter(|code| policy::is_refusal(*code));
        check(decoder, node, refusal.ok_or(ReplyError::Code))
    });
    fields.read(decoder, "text", |decoder, node| {
        let text = decoder.text(node, "`text`")?;
        parts.text = Some(text.to_owned());
        // The URL is checked apart; a text that mentions one is tried with a stand-in.
        check(decoder, node, ReplyTemplate::new(450, text, Some("https://example.org/")))
    });
    fields.read(decoder, "url", |decoder, node| {
        let url = decoder.text(node, "`url`")?;
        parts.url = Some(url.to_owned());
        check(decoder, node, policy::check_url(url))
    });
    decoder.finish(fields);
    Some(parts)
}

fn check<T>(decoder: &mut Decoder<'_>, node: Node<'_>, result: Result<T, ReplyError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => decoder.wrong(node, error.to_string(), ""),
    }
}

/// The template made of all parts. What is wrong with one part by itself has been said already.
pub(super) fn checked(
    decoder: &mut Decoder<'_>,
    span: Span,
    parts: &ReplyParts,
    side: Side,
    language: Language,
) -> Option<ReplyTemplate> {
    match parts.template(side, language) {
        Ok(template) => Some(template),
        Err(error @ ReplyError::NoUrl) => {
            decoder.problems.add(
                span,
                error.to_string(),
                "add `url: \"https://...\"` to the reply",
            );
            None
        }
        Err(_) => None,
    }
}

impl ReplyParts {
    fn template(&self, side: Side, language: Language) -> Result<ReplyTemplate, ReplyError> {
        let text = self.text.as_deref().unwrap_or(built_in_text(side, language));
        ReplyTemplate::new(self.code.unwrap_or(450), text, self.url.as_deref())
    }
}

fn built_in_text(side: Side, language: Language) -> &'static str {
    match side {
        Side::Recipients => language.text_for_recipient(),
        Side::Senders => language.text_for_sender(),
    }
}

fn built_in_reply(side: Side, language: Language) -> ReplyTemplate {
    ReplyTemplate::new(450, built_in_text(side, language), None)
        .expect("the built-in text is valid")
}
