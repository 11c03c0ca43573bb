//! What can be said of a domain: mode, requirement, reply, exceptions.

use super::values;
use crate::yaml::{Decoder, Fields, Node, Spot};
use ipnet::IpNet;
use jiff::Timestamp;
use policy::{
    Entry, Exception, Language, Mode, ReplyError, ReplyTemplate, Requirement, Schedule, requirement,
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The modes by their words.
pub(super) const MODES: [(&str, Mode); 3] =
    [("off", Mode::Off), ("monitor", Mode::Monitor), ("enforce", Mode::Enforce)];

/// The languages by their tags (BCP 47).
pub(super) const LANGUAGES: [(&str, Language); 2] =
    [("en", Language::English), ("de", Language::German)];

/// What holds where an entry says nothing else.
pub(super) struct Defaults {
    pub mode: Mode,
    pub requirement: Arc<Requirement>,
    pub reply: ReplyParts,
    pub language: Language,
    /// The policy's own requirements.
    pub requirements: BTreeMap<String, Arc<Requirement>>,
    /// Own requirements that have errors: who asks for one need not be told again.
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

/// For whom an entry speaks; decides the built-in text.
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
            requirements: BTreeMap::new(),
            faulty: BTreeSet::new(),
            replies: Default::default(),
        }
    }

    /// The entry of a domain of which the policy says nothing but its name.
    pub(super) fn entry(&self, side: Side) -> Entry {
        Entry {
            schedule: Schedule::Always(self.mode),
            requirement: Arc::clone(&self.requirement),
            reply: self.reply(side, self.language),
            exceptions: Vec::new(),
            contact: None,
            language: self.language,
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
        let mode_node = fields.take("mode");
        let mode = mode_node.and_then(|node| decoder.choice(node, "mode", &MODES));
        if let Some(mode) = mode {
            entry.schedule = Schedule::Always(mode);
        }
        if let Some(node) = fields.take("enforce_from") {
            if let Some(start) = values::from_date(decoder, node) {
                entry.schedule = Schedule::EnforceFrom(start);
            }
            if mode == Some(Mode::Off) {
                decoder.problems.add(
                    node.spot,
                    "`enforce_from` contradicts `mode: off`",
                    "leave `mode` out: before the date the domain is in monitor, from then on in enforce",
                );
            }
        }
        if let Some(node) = fields.take("require")
            && let Some(requirement) = self.requirement(decoder, node)
        {
            entry.requirement = requirement;
        }
        if let Some(node) = fields.take("language")
            && let Some(language) = decoder.choice(node, "`language`", &LANGUAGES)
        {
            entry.language = language;
            entry.reply = self.reply(side, language);
        }
        if let Some(node) = fields.take("reply") {
            let parts = read_reply(decoder, node, &self.reply);
            if let Some(template) =
                parts.and_then(|parts| checked(decoder, node.spot, &parts, side, entry.language))
            {
                entry.reply = Arc::new(template);
            }
        }
        entry.contact = fields.take("contact").and_then(|node| values::mail_address(decoder, node));
        if let Some(node) = fields.take("exceptions") {
            let items = decoder.list(node, "`exceptions`").unwrap_or_default();
            entry.exceptions = items.iter().filter_map(|item| exception(decoder, item)).collect();
        }
        entry
    }
}

/// Reads `reply`; what it does not say is inherited.
pub(super) fn read_reply(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    inherited: &ReplyParts,
) -> Option<ReplyParts> {
    let mut fields = decoder.fields(node, "`reply`")?;
    let mut parts = inherited.clone();
    if let Some(node) = fields.take("code")
        && let Some(code) = decoder.number(node, "`code`", 999)
    {
        parts.code = u16::try_from(code).ok();
        check(
            decoder,
            node,
            parts.code.filter(|code| policy::is_refusal(*code)).ok_or(ReplyError::Code),
        );
    }
    if let Some(node) = fields.take("text")
        && let Some(text) = decoder.text(node, "`text`")
    {
        parts.text = Some(text.to_owned());
        // The URL is checked apart; a text that mentions one is tried with a stand-in.
        check(decoder, node, ReplyTemplate::new(450, text, Some("https://example.org/")));
    }
    if let Some(node) = fields.take("url")
        && let Some(url) = decoder.text(node, "`url`")
    {
        parts.url = Some(url.to_owned());
        check(decoder, node, policy::check_url(url));
    }
    decoder.finish(fields);
    Some(parts)
}

fn check<T>(decoder: &mut Decoder<'_>, node: Node<'_>, result: Result<T, ReplyError>) {
    if let Err(error) = result {
        decoder.problems.add(node.spot, error.to_string(), "");
    }
}

/// The template made of all parts. What is wrong with one part by itself has been said already.
pub(super) fn checked(
    decoder: &mut Decoder<'_>,
    spot: Spot,
    parts: &ReplyParts,
    side: Side,
    language: Language,
) -> Option<ReplyTemplate> {
    match parts.template(side, language) {
        Ok(template) => Some(template),
        Err(error @ ReplyError::NoUrl) => {
            decoder.problems.add(
                spot,
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

/// The end of an exception; one that is over already is worth a warning.
fn end_of(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Timestamp> {
    let end = values::until_date(decoder, node)?;
    if end <= Timestamp::now() {
        decoder.problems.warn(node.spot, "this exception is over", "remove it, or extend it");
    }
    Some(end)
}

/// The networks of an exception. None at all would be no condition, which is not what an empty list
/// looks like.
fn client_networks(decoder: &mut Decoder<'_>, node: Node<'_>) -> Vec<IpNet> {
    if decoder.one_or_more(node).is_empty() {
        decoder.problems.add(node.spot, "`client` names no network", "add one, or leave it out");
    }
    let networks = values::networks(decoder, node);
    if networks.iter().any(|network| network.prefix_len() == 0) {
        decoder.problems.warn(node.spot, "this exception is for every client there is", "");
    }
    networks
}

fn exception(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Exception> {
    let mut fields = decoder.fields(node, "an exception")?;
    let clients = fields.take("client");
    let sender = fields.take("sender");
    let certificate = fields.take("client_certificate");
    let end = fields.take("until");
    let reason = fields.take("reason");
    decoder.finish(fields);
    if clients.is_none() && sender.is_none() && certificate.is_none() {
        decoder.problems.add(
            node.spot,
            "an exception names a client network, a sender domain, a client certificate, or several of these",
            "add `client: 192.0.2.0/24` or `sender: example.net`",
        );
    }
    if reason.is_none() {
        decoder.problems.add(node.spot, "an exception states its reason", "add `reason: \"...\"`");
    }
    Some(Exception {
        clients: clients.map(|node| client_networks(decoder, node)).unwrap_or_default(),
        sender: sender.and_then(|node| values::domain_pattern(decoder, node)),
        certificate: certificate.and_then(|node| values::certificate(decoder, node)),
        end: end.and_then(|node| end_of(decoder, node)),
        reason: reason
            .and_then(|node| decoder.text(node, "`reason`"))
            .unwrap_or_default()
            .to_owned(),
    })
}
