//! The second hop, with a real Postfix that asks: mail leaves as the policy demands, or waits.

mod dane;
mod load;
mod look_ups;
mod sendmail;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Milter, MilterOptions, Postfix, PostfixOptions, Sink};

/// A gateway, and the servers behind it.
struct Hops {
    milter: Milter,
    gateway: Postfix,
    /// A server without STARTTLS: example.com's.
    plain: Sink,
    /// A server with STARTTLS, whose certificate is for server.example.com: that of example.net and of bücher.example.
    target: Postfix,
    directory: tempfile::TempDir,
}

const BUECHER: &str = "xn--bcher-kva.example";

impl Hops {
    /// `policy` gets the next hops of the two servers.
    fn start(policy: impl Fn(&str, &str) -> String) -> Self {
        Self::start_with(|options, _| options, policy)
    }

    /// The same, with options for the gateway, which hang on the target.
    fn start_with(
        more: impl Fn(PostfixOptions, &Postfix) -> PostfixOptions,
        policy: impl Fn(&str, &str) -> String,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        let socket = directory.path().join("deliver.sock");
        let plain = Sink::start();
        let options = PostfixOptions::default().main("myhostname = target.example.net");
        let target = Postfix::start(options.hosts(&["dane.example"]));
        let (to_plain, to_target) = Self::next_hops(&plain, &target);
        let settings =
            format!("socketmap: {{ socket: \"unix:{}\", mode: \"0666\" }}", socket.display());
        let milter = Milter::start_with(
            &policy(&to_plain, &to_target),
            MilterOptions::default().settings(&settings),
        );
        let transports = format!(
            "transport_maps = inline:{{ {{ example.com = hop:{to_plain} }}, \
             {{ example.net = hop:{to_target} }}, {{ {BUECHER} = hop:{to_target} }} }}"
        );
        let service = format!(
            "hop unix - - n - - smtp -o syslog_name=postfix/hop -o smtp_tls_security_level=may \
             -o smtp_tls_CAfile=$config_directory/../tls/ca.crt -o smtp_tls_loglevel=1 \
             -o smtp_tls_policy_maps=socketmap:unix:{}:QUERY",
            socket.display()
        );
        let options = PostfixOptions::default().milter(&milter).main(&transports).master(&service);
        let gateway = Postfix::start(more(options, &target));
        Self { milter, gateway, plain, target, directory }
    }

    /// Where look-ups are answered.
    fn socket(&self) -> std::path::PathBuf {
        self.directory.path().join("deliver.sock")
    }

    /// The port of the target.
    fn port(target: &Postfix) -> u16 {
        target.port(crate::support::Service::Smtp)
    }

    fn next_hops(plain: &Sink, target: &Postfix) -> (String, String) {
        let port = Self::port(target);
        (format!("[127.0.0.2]:{}", plain.port()), format!("[mx.example.com]:{port}"))
    }

    fn send(&self, domain: &str, subject: &str) {
        let output = self.gateway.submit_locally(
            "sender@example.org",
            &[&format!("user@{domain}")],
            subject,
        );
        assert!(output.status.success(), "{output:?}");
    }

    /// Waits until mail for this domain waits, for this reason.
    fn wait_for_deferred(&self, domain: &str, reason: &str) {
        self.gateway.wait_for_queue(&format!("{domain} deferred: {reason}"), |queue| {
            queue.iter().any(|file| {
                file.queue == "deferred"
                    && file
                        .recipients
                        .iter()
                        .any(|(address, why)| address.ends_with(domain) && why.contains(reason))
            })
        });
    }
}

#[test]
fn mail_for_a_server_without_tls_waits_until_the_policy_lets_it_leave() {
    let policy = |mode: &str, next_hop: &str| {
        format!(
            "domains: [{{ domain: example.com, mode: {mode}, deliver: {{ level: encrypt, nexthop: '{next_hop}' }} }}]"
        )
    };
    let mut hops = Hops::start(|plain, _| policy("enforce", plain));
    let (plain, _) = Hops::next_hops(&hops.plain, &hops.target);
    hops.send("example.com", "waits");
    hops.wait_for_deferred("example.com", "TLS is required, but was not offered");
    assert!(hops.plain.deliveries().is_empty());
    // In monitor, too, nothing waits, and it is said what would have been demanded.
    hops.milter.change_policy(&policy("monitor", &plain));
    hops.gateway.retry_until_delivered();
    hops.plain.wait_for_subject("waits");
    hops.milter.lines().wait_for("what would be demanded", |line| {
        line.contains(&format!("next hop {plain}: would be held to: encrypt"))
    });
    hops.milter.change_policy(&policy("enforce", &plain));
    hops.send("example.com", "waits again");
    hops.wait_for_deferred("example.com", "TLS is required, but was not offered");
    assert_eq!(hops.plain.deliveries().len(), 1);
    hops.milter.change_policy("domains: []");
    hops.gateway.retry_until_delivered();
    hops.plain.wait_for_subject("waits again");
}

#[test]
fn a_certificate_for_another_name_keeps_mail_of_all_who_share_the_next_hop() {
    let policy = |name: &str, next_hop: &str| {
        format!(
            "domains:\n\
             - {{ domain: example.net, deliver: {{ level: secure, match: {name}, nexthop: '{next_hop}' }} }}\n\
             - {{ domain: {BUECHER}, deliver: {{ level: encrypt, nexthop: '{next_hop}' }} }}\n"
        )
    };
    let mut hops = Hops::start(|_, target| policy("other.example", target));
    let (_, target) = Hops::next_hops(&hops.plain, &hops.target);
    hops.send("example.net", "held to its name");
    hops.wait_for_deferred("example.net", "Server certificate not verified");
    hops.send(BUECHER, "shares the server");
    hops.wait_for_deferred(BUECHER, "Server certificate not verified");
    assert!(hops.target.sink().deliveries().is_empty());
    hops.milter.change_policy(&policy("server.example.com", &target));
    hops.gateway.retry_until_delivered();
    hops.target.sink().wait_for_subject("held to its name");
    hops.target.sink().wait_for_subject("shares the server");
    hops.gateway.log().wait_for("a verified session", |line| {
        line.contains("Verified TLS connection established to mx.example.com")
    });
}

#[test]
fn every_attribute_that_is_answered_is_taken() {
    let policy = |terms: &str, next_hop: &str| {
        format!(
            "domains: [{{ domain: example.net, deliver: {{ {terms}, nexthop: '{next_hop}' }} }}]"
        )
    };
    let mut hops = Hops::start(|_, _| "domains: []".into());
    let (_, target) = Hops::next_hops(&hops.plain, &hops.target);
    for (number, terms) in [
        "level: none",
        "level: may, ciphers: medium, protocols: '>=TLSv1.2'",
        "level: encrypt, ciphers: high, min_version: TLSv1.2, servername: hostname",
        "level: encrypt, protocols: '!TLSv1.3', servername: nexthop",
        "level: verify, match: [hostname, server.example.com], servername: server.example.com",
        "level: secure, match: [dot-nexthop, .example.com, nexthop], min_version: TLSv1.3, ciphers: medium",
        "level: secure, match: server.example.com, servername: nexthop",
    ]
    .into_iter()
    .enumerate()
    {
        hops.milter.change_policy(&policy(terms, &target));
        hops.send("example.net", &format!("terms {number}"));
        hops.target.sink().wait_for_subject(&format!("terms {number}"));
    }
    hops.gateway.retry_until_delivered();
    let log = hops.gateway.log();
    assert!(log.matching(|line| line.contains("/hop/") && line.contains("warning:")).is_empty());
}

#[test]
fn while_nobody_answers_mail_waits_and_none_leaves_in_the_clear_or_is_lost() {
    let policy = |next_hop: &str| {
        format!(
            "domains: [{{ domain: example.net, deliver: {{ level: encrypt, nexthop: '{next_hop}' }} }}]"
        )
    };
    let mut hops = Hops::start(|_, target| policy(target));
    hops.send("example.net", "before");
    hops.target.sink().wait_for_subject("before");
    hops.milter.kill();
    hops.send("example.net", "meanwhile");
    hops.send("example.com", "of somebody who demands nothing");
    for domain in ["example.net", "example.com"] {
        hops.wait_for_deferred(domain, "client TLS configuration problem");
    }
    hops.milter.start_again();
    hops.gateway.retry_until_delivered();
    hops.target.sink().wait_for_subject("meanwhile");
    hops.plain.wait_for_subject("of somebody who demands nothing");
    assert_eq!((hops.target.sink().deliveries().len(), hops.plain.deliveries().len()), (2, 1));
    let log = hops.gateway.log();
    let encrypted =
        log.matching(|line| line.contains("TLS connection established to mx.example.com"));
    assert_eq!(encrypted.len(), 2);
}
