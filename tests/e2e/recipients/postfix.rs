//! Every form on Postfix, in each of the ways in which it reads and routes addresses.

use super::trial::{End, Gateway, Opted, Sent, try_all_forms, try_legal_addresses};
use crate::support::{Milter, Postfix, PostfixOptions, Service, wait_until};

impl Gateway for Postfix {
    fn port(&self) -> u16 {
        Self::port(self, Service::Smtp)
    }

    fn ends(&self, sent: &[Sent]) -> Vec<Vec<End>> {
        let lines = wait_until("every message's line in the log", || {
            let lines = self.log().matching(|line| line.contains(": to=<"));
            let of_one = |sent: &Sent| {
                let start = format!(": {}: to=<", sent.queue_id);
                let lines = lines.iter().filter_map(|line| line.split_once(&start));
                let lines: Vec<_> = lines.map(|(_, rest)| rest.to_owned()).collect();
                (!lines.is_empty()).then_some(lines)
            };
            sent.iter().map(of_one).collect::<Option<Vec<_>>>()
        });
        let deliveries = self.sink().deliveries();
        let ends = |(lines, sent): (Vec<String>, &Sent)| {
            let logged = lines.into_iter().map(|line| {
                let (address, rest) = line.split_once(">, ").expect("an address");
                let relay = rest.split_once("relay=").map_or("", |(_, relay)| relay);
                let relay = relay.split([',', '[']).next().unwrap_or_default();
                End { address: address.to_owned(), relay: relay.to_owned() }
            });
            let mine = deliveries.iter().filter(|delivery| delivery.subject() == sent.subject);
            let arrived = mine.flat_map(|delivery| &delivery.recipients);
            let arrived =
                arrived.map(|address| End { address: address.clone(), relay: String::new() });
            logged.chain(arrived).collect()
        };
        lines.into_iter().zip(sent).map(ends).collect()
    }
}

const DOMAINS: &str = "domains: [example.com, bücher.example, faß.example]\n";
const MAILBOXES: &str = "domains: [boss@example.com, big.boss@example.com]\n";

fn at_the_domains(end: &End) -> bool {
    let (_, domain) = end.parts();
    ["example.com", "xn--bcher-kva.example", "xn--fa-hia.example"].contains(&domain.as_str())
}

/// The same where Postfix looks up the hosts itself: who was found counts, too.
fn at_the_domains_or_hosts(end: &End) -> bool {
    at_the_domains(end) || end.relay == "example.com"
}

fn at_the_mailboxes(end: &End) -> bool {
    let (local, domain) = end.parts();
    domain == "example.com" && matches!(local.split('+').next(), Some("boss" | "big.boss"))
}

fn start(lines: &[&str]) -> (Milter, Postfix) {
    let milter = Milter::start("domains: []\n");
    let options = PostfixOptions::default().milter(&milter);
    let options = lines.iter().fold(options, |options, line| options.main(line));
    let postfix = Postfix::start(options);
    (milter, postfix)
}

/// The two policies that every configuration is tried with.
fn domains_and_mailbox(name: &str, lines: &[&str], false_refusals: [usize; 2]) {
    let (milter, postfix) = start(lines);
    let opted = [
        Opted::new("domains", DOMAINS, &at_the_domains, false_refusals[0]),
        Opted::new("mailboxes", MAILBOXES, &at_the_mailboxes, false_refusals[1]),
    ];
    try_all_forms(name, &milter, &postfix, &opted);
}

#[test]
fn no_form_passes_a_postfix_that_relays() {
    let (milter, postfix) = start(&[]);
    let opted = [
        Opted::new("domains", DOMAINS, &at_the_domains_or_hosts, 50).also_over_tls(),
        Opted::new("mailboxes", MAILBOXES, &at_the_mailboxes, 60),
    ];
    try_all_forms("Postfix, relay", &milter, &postfix, &opted);
}

#[test]
fn no_form_passes_a_strict_postfix() {
    domains_and_mailbox("Postfix, strict", &["strict_rfc821_envelopes = yes"], [50, 60]);
}

#[test]
fn no_form_passes_a_postfix_that_rewrites_nothing() {
    domains_and_mailbox(
        "Postfix, no rewriting",
        &[
            "allow_percent_hack = no",
            "swap_bangpath = no",
            "append_at_myorigin = no",
            "append_dot_mydomain = no",
            "resolve_dequoted_address = no",
        ],
        [150, 75],
    );
}

#[test]
fn no_form_passes_a_postfix_without_smtputf8() {
    domains_and_mailbox("Postfix, no SMTPUTF8", &["smtputf8_enable = no"], [50, 60]);
}

#[test]
fn no_form_passes_a_postfix_that_appends_the_domain() {
    domains_and_mailbox(
        "Postfix, appends the domain",
        &[
            "myorigin = example.com",
            "mydomain = com",
            "append_dot_mydomain = yes",
            "resolve_null_domain = yes",
            "resolve_numeric_domain = yes",
        ],
        [50, 60],
    );
}

#[test]
fn no_form_passes_a_postfix_with_a_relay_host() {
    domains_and_mailbox("Postfix, relay host", &["relayhost = [127.0.0.2]"], [50, 60]);
}

#[test]
fn no_form_passes_a_postfix_with_a_transport_map() {
    let map = "transport_maps = inline:{ {example.com = relay:[127.0.0.2]}, \
               {boss@example.com = smtp:[127.0.0.2]}, {routed.example = relay:example.com}, \
               {.routed.example = smtp:[example.com]}, {* = smtp:[127.0.0.2]} }";
    domains_and_mailbox("Postfix, transport map", &[map], [50, 60]);
}

#[test]
fn no_form_passes_a_postfix_with_other_subaddresses() {
    let (milter, postfix) = start(&["recipient_delimiter = -+"]);
    let at_the_mailboxes = |end: &End| {
        let (local, domain) = end.parts();
        let name = local.split(['+', '-']).next();
        domain == "example.com" && matches!(name, Some("boss" | "big.boss"))
    };
    let policy = format!("{MAILBOXES}recipient_delimiter: '+-'\n");
    let opted = [Opted::new("mailboxes", &policy, &at_the_mailboxes, 60)];
    try_all_forms("Postfix, subaddresses", &milter, &postfix, &opted);
}

/// The names in `mydestination`, as it is set where a test does not say otherwise.
const LOCAL_NAMES: &[&str] = &["mx.example.com", "local.example", "localhost"];

/// Whether Postfix delivers this itself. (Nobody listens where local(8) hands it on to.)
fn is_local(end: &End, names: &[&str]) -> bool {
    let (_, domain) = end.parts();
    names.contains(&domain.as_str()) || domain.starts_with('[') && end.relay == "none"
}

/// A host where mail ends: its other names, addresses without a domain and literals lead to the
/// opted-in domain's mailboxes as well, and `local` in the policy covers them.
fn final_host(name: &str, lines: &[&str], false_refusals: [usize; 2]) {
    let (milter, postfix) = start(lines);
    let at_the_host = |end: &End| at_the_domains(end) || is_local(end, LOCAL_NAMES);
    let policy = format!("{DOMAINS}local: {{}}\n");
    let opted = [
        Opted::new("domains and local", &policy, &at_the_host, false_refusals[0]),
        Opted::new("mailboxes", MAILBOXES, &at_the_mailboxes, false_refusals[1]),
    ];
    try_all_forms(name, &milter, &postfix, &opted);
}

#[test]
fn no_form_passes_a_postfix_where_the_domain_is_local() {
    final_host(
        "Postfix, local domain",
        &[
            "mydestination = example.com, local.example, mx.example.com, localhost",
            "myorigin = example.com",
            "relay_domains =",
        ],
        [75, 60],
    );
}

#[test]
fn no_form_passes_a_postfix_with_the_domains_virtual_mailboxes() {
    final_host(
        "Postfix, virtual mailboxes",
        &["virtual_mailbox_domains = example.com", "relay_domains ="],
        [70, 60],
    );
}

#[test]
fn no_form_passes_a_postfix_with_virtual_aliases_but_those_that_lead_to_the_domain() {
    let map = "virtual_alias_maps = inline:{ {sales@free.example = by-alias@example.com}, \
               {@old.example = by-alias@example.com}, {@alias.example = from-alias@example.net} }";
    let (milter, postfix) = start(&[map, "virtual_alias_domains = alias.example"]);
    // What comes after the milter it cannot see: an alias that leads to the domain, and is not opted in
    // itself, is not seen to lead there.
    let domains = |end: &End| at_the_domains(end) && !end.parts().0.starts_with("by-alias");
    let alias = |end: &End| end.parts().0.starts_with("from-alias");
    let ways = |end: &End| end.parts().0.starts_with("by-alias");
    let opted = [
        Opted::new("domains", DOMAINS, &domains, 50),
        Opted::new("the alias's own domain", "domains: [alias.example]\n", &alias, 50),
        Opted::new(
            "aliases that lead there",
            "domains: [sales@free.example, old.example]\n",
            &ways,
            50,
        ),
    ];
    try_all_forms("Postfix, virtual aliases", &milter, &postfix, &opted);
}

#[test]
fn no_form_passes_a_postfix_where_the_domain_is_local_under_debians_other_names() {
    let (milter, postfix) = start(&[
        "mydestination = $myhostname, example.com, localhost.example.com, localhost",
        "myorigin = mx.example.com",
        "append_dot_mydomain = no",
        "relay_domains =",
    ]);
    let names = &["mx.example.com", "localhost.example.com", "localhost"];
    let at_the_host = |end: &End| at_the_domains(end) || is_local(end, names);
    let at_the_domain_or_host = |end: &End| at_the_host(end) && !end.parts().1.starts_with("xn--");
    let domains = format!("{DOMAINS}local: {{ mode: enforce }}\n");
    let opted = [
        Opted::new("domains and local", &domains, &at_the_host, 125),
        Opted::new(
            "one domain and local",
            "domains: [example.com]\nlocal: { mode: enforce }\n",
            &at_the_domain_or_host,
            125,
        ),
    ];
    try_all_forms("Postfix, Debian's local names", &milter, &postfix, &opted);
}

/// All below the domain is opted in as well, and with it whatever the mail is relayed to.
const BELOW: &str = "domains: [example.com, \"*.example.com\", bücher.example, faß.example]\n";
/// And one partner must show a certificate: whoever cannot be understood is held to that.
const BELOW_AND_PARTNER: &str = "\
requirements: { certified: { client_certificate: { subject: mx.partner.example } } }
domains: [example.com, \"*.example.com\", { domain: partner.example, require: certified }]
";

fn below(end: &End) -> bool {
    at_the_domains(end) || end.parts().1.ends_with(".example.com")
}

#[test]
fn no_form_passes_a_postfix_whose_relay_host_is_opted_in_itself() {
    let options = PostfixOptions::default().hosts(&["smtp.example.com"]);
    let milter = Milter::start("domains: []\n");
    let postfix = Postfix::start(options.milter(&milter).main("relayhost = smtp.example.com"));
    let opted = [Opted::new("domains and all below", BELOW, &below, 80)];
    try_all_forms("Postfix, relay host by name", &milter, &postfix, &opted);
}

fn legal_addresses(name: &str, lines: &[&str]) {
    let milter = Milter::start("domains: []\n");
    let options = PostfixOptions::default()
        .hosts(&["smtp.example.com", "store.example.com"])
        .milter(&milter)
        // Local here and nowhere else, so that nothing in the list is delivered by this MTA itself.
        .main("mydestination = local.example");
    let postfix = Postfix::start(lines.iter().fold(options, |options, line| options.main(line)));
    let opted = [Opted::new("opted in elsewhere", BELOW_AND_PARTNER, &below, 0).also_over_tls()];
    try_legal_addresses(name, &milter, &postfix, &opted);
}

#[test]
fn no_legal_address_is_refused_for_anothers_sake_by_a_postfix_with_a_relay_host_by_name() {
    legal_addresses("Postfix, legal, relay host", &["relayhost = smtp.example.com"]);
}

#[test]
fn no_legal_address_is_refused_for_anothers_sake_by_a_postfix_with_transports_by_name() {
    let map = "transport_maps = inline:{ {free.example = relay:store.example.com}, \
               {* = smtp:smtp.example.com} }";
    legal_addresses("Postfix, legal, transports", &[map]);
}

#[test]
fn no_legal_address_is_refused_for_anothers_sake_by_a_postfix_that_rewrites_nothing() {
    legal_addresses(
        "Postfix, legal, no rewriting",
        &[
            "relayhost = smtp.example.com",
            "allow_percent_hack = no",
            "swap_bangpath = no",
            "append_dot_mydomain = no",
        ],
    );
}
