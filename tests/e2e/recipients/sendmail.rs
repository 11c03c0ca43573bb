//! Every form on Sendmail, in each of the ways in which it reads and routes addresses.

use super::trial::{End, Gateway, Opted, Sent, try_all_forms, try_legal_addresses};
use crate::support::{Milter, MilterOptions, Sendmail, SendmailOptions, wait_until};

impl Gateway for Sendmail {
    fn port(&self) -> u16 {
        self.smtp_port()
    }

    fn ends(&self, sent: &[Sent]) -> Vec<Vec<End>> {
        let lines = wait_until("every message's line in the log", || {
            let lines = self.log().matching(|line| line.contains(", mailer="));
            let of_one = |sent: &Sent| {
                let start = format!("{}: to=", sent.queue_id);
                let lines = lines.iter().filter_map(|line| line.split_once(&start));
                let lines: Vec<_> = lines.map(|(_, rest)| rest.to_owned()).collect();
                (!lines.is_empty()).then_some(lines)
            };
            sent.iter().map(of_one).collect::<Option<Vec<_>>>()
        });
        let deliveries = self.sink().deliveries();
        let ends = |(lines, sent): (Vec<String>, &Sent)| {
            let by_mailer = lines.into_iter().filter_map(|line| {
                let (address, _) = line.split_once(", delay=").expect("an address");
                let (_, mailer) = line.rsplit_once(", mailer=").expect("a mailer");
                let mailer = mailer.split(',').next().unwrap_or_default();
                // What was sent on is seen where it arrived.
                let sent_on = line.contains("stat=Sent") && mailer != "local";
                (!sent_on).then(|| End { address: address.to_owned(), relay: mailer.to_owned() })
            });
            let mine = deliveries.iter().filter(|delivery| delivery.subject() == sent.subject);
            let arrived = mine.flat_map(|delivery| &delivery.recipients);
            let arrived =
                arrived.map(|address| End { address: address.clone(), relay: String::new() });
            by_mailer.chain(arrived).collect()
        };
        lines.into_iter().zip(sent).map(ends).collect()
    }
}

const DOMAINS: &str = "domains: [example.com, bücher.example, faß.example]\n";
const MAILBOXES: &str = "domains: [boss@example.com, big.boss@example.com]\n";

fn at_the_domains(end: &End) -> bool {
    let (_, domain) = end.parts();
    end.relay != "local"
        && ["example.com", "xn--bcher-kva.example", "xn--fa-hia.example"].contains(&domain.as_str())
}

fn at_the_mailboxes(end: &End) -> bool {
    let (local, domain) = end.parts();
    end.relay != "local"
        && domain == "example.com"
        && matches!(local.split('+').next(), Some("boss" | "big.boss"))
}

fn start(options: SendmailOptions) -> (Milter, Sendmail) {
    // Over TCP, Sendmail makes the milter wait 40 milliseconds for each command.
    let on_unix_socket = MilterOptions::default().own_unix_socket();
    let milter = Milter::start_with("domains: []\n", on_unix_socket);
    let sendmail = Sendmail::start(options.milter(&milter));
    (milter, sendmail)
}

/// The two policies that every configuration is tried with.
fn domains_and_mailbox(name: &str, options: SendmailOptions, false_refusals: [usize; 2]) {
    let (milter, sendmail) = start(options);
    let opted = [
        Opted::new("domains", DOMAINS, &at_the_domains, false_refusals[0]),
        Opted::new("mailboxes", MAILBOXES, &at_the_mailboxes, false_refusals[1]),
    ];
    try_all_forms(name, &milter, &sendmail, &opted);
}

#[test]
fn no_form_passes_a_sendmail_that_relays() {
    let (milter, sendmail) = start(SendmailOptions::default());
    let opted = [
        Opted::new("domains", DOMAINS, &at_the_domains, 135).also_over_tls(),
        Opted::new("mailboxes", MAILBOXES, &at_the_mailboxes, 95),
    ];
    try_all_forms("Sendmail, relay", &milter, &sendmail, &opted);
}

#[test]
fn no_form_passes_a_sendmail_where_the_domain_is_local() {
    let (milter, sendmail) = start(SendmailOptions::default().mc("LOCAL_DOMAIN(`example.com')"));
    // All local names lead to the same mailboxes, and so does no name at all.
    let policy = "domains: [example.com, bücher.example, faß.example, mx.example.com, local.example, \
                  localhost, mx]\nlocal: {}\n";
    let at_the_host = |end: &End| end.relay == "local" || at_the_domains(end);
    let opted = [
        Opted::new("all local names", policy, &at_the_host, 155),
        Opted::new(
            "the domains and local",
            "domains: [example.com, bücher.example, faß.example]\nlocal: { mode: enforce }\n",
            &at_the_host,
            155,
        ),
    ];
    try_all_forms("Sendmail, local domain", &milter, &sendmail, &opted);
}

#[test]
fn no_form_passes_a_sendmail_with_virtual_users_and_domains_of_other_names() {
    let (milter, sendmail) = start(
        SendmailOptions::default()
            .mc("VIRTUSER_DOMAIN(`alias.example')")
            .mc("VIRTUSER_DOMAIN(`free.example')")
            .table(
                "virtusertable",
                "@alias.example from-alias@example.net\nsales@free.example boss@example.com",
            )
            .table("domaintable", "old.example example.com"),
    );
    let alias = |end: &End| end.parts().0.starts_with("from-alias");
    let opted = [
        Opted::new("domains", DOMAINS, &at_the_domains, 135),
        Opted::new("mailboxes", MAILBOXES, &at_the_mailboxes, 95),
        Opted::new("the alias's own domain", "domains: [alias.example]\n", &alias, 80),
    ];
    try_all_forms("Sendmail, virtual users", &milter, &sendmail, &opted);
}

#[test]
fn no_form_passes_a_sendmail_that_looks_up_what_a_host_is_called() {
    let options = SendmailOptions::default().looks_up(&["also.example", "www.example.com"]);
    domains_and_mailbox("Sendmail, names of hosts", options, [135, 95]);
}

#[test]
fn no_form_passes_a_sendmail_with_a_mailer_table() {
    let table = "example.com esmtp:[127.0.0.2]\nrouted.example esmtp:example.com\n\
                 .routed.example esmtp:[example.com]\nother.test smtp:[127.0.0.2]";
    let options = SendmailOptions::default().table("mailertable", table);
    domains_and_mailbox("Sendmail, mailer table", options, [135, 95]);
}

#[test]
fn no_form_passes_a_sendmail_without_bang_paths_behind_a_smart_host() {
    let options = SendmailOptions::default()
        .mc("FEATURE(`nouucp', `nospecial')")
        .mc("FEATURE(`loose_relay_check')")
        .mc("define(`SMART_HOST', `relay:smarthost.test')");
    domains_and_mailbox("Sendmail, smart host", options, [160, 100]);
}

/// All below the domain is opted in as well, and with it whatever the mail is relayed to; and one
/// partner must show a certificate: whoever cannot be understood is held to that.
const BELOW_AND_PARTNER: &str = "\
requirements: { certified: { client_certificate: { subject: mx.partner.example } } }
domains: [example.com, \"*.example.com\", { domain: partner.example, require: certified }]
";

fn below(end: &End) -> bool {
    at_the_domains(end) || end.relay != "local" && end.parts().1.ends_with(".example.com")
}

#[test]
fn no_form_passes_a_sendmail_whose_smart_host_is_opted_in_itself() {
    let smart_host = "define(`SMART_HOST', `relay:smtp.example.com')";
    let (milter, sendmail) = start(SendmailOptions::default().mc(smart_host));
    let policy = "domains: [example.com, \"*.example.com\", bücher.example, faß.example]\n";
    let opted = [Opted::new("domains and all below", policy, &below, 175)];
    try_all_forms("Sendmail, smart host by name", &milter, &sendmail, &opted);
}

#[test]
fn no_legal_address_is_refused_for_anothers_sake_by_a_sendmail_with_a_smart_host() {
    let smart_host = "define(`SMART_HOST', `relay:smtp.example.com')";
    let (milter, sendmail) = start(SendmailOptions::default().mc(smart_host));
    let opted = [Opted::new("opted in elsewhere", BELOW_AND_PARTNER, &below, 0).also_over_tls()];
    try_legal_addresses("Sendmail, legal, smart host", &milter, &sendmail, &opted);
}

#[test]
fn no_legal_address_is_refused_for_anothers_sake_by_a_sendmail_with_a_mailer_table() {
    let table = "free.example esmtp:store.example.com\n.example relay:smtp.example.com\n\
                 . relay:smtp.example.com";
    let (milter, sendmail) = start(SendmailOptions::default().table("mailertable", table));
    let opted = [Opted::new("opted in elsewhere", BELOW_AND_PARTNER, &below, 0).also_over_tls()];
    try_legal_addresses("Sendmail, legal, mailer table", &milter, &sendmail, &opted);
}
