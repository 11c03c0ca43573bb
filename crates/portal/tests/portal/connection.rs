//! The test of the connection to an organisation's own server: what it finds, where it connects to, and what can
//! be set by it.

use crate::api::Api;
use crate::engines::Engine;
use crate::on_both_engines;
use crate::own_server::{Authority, Identity, Kind, Zone, self_signed, serve, today};
use crate::support::{Portal, at, encrypted, is_denied, is_not_found};
use policy::hop::{Demand, Level, Matching, NextHop};
use policy::{Language, Mode};
use portal::connection::Authority as Trust;
use portal::connection::{self, Dns, Findings, Holds, Outcome, Test, Unknown, Why, holds};
use portal::ops::audit::{self, Action, AuditQuery};
use portal::ops::domains::{self, ChangeableDomain, Changed, DomainChange};
use portal::ops::offer::{self, Offer};
use portal::ops::{Actor, Denied, OpError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

/// The levels that are asked about, in this order.
const LEVELS: [Level; 4] = [Level::Encrypt, Level::Verify, Level::DaneOnly, Level::Secure];

fn hops(texts: &[String]) -> Vec<NextHop> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Tests next hops, with a resolver that knows this.
fn run(texts: &[String], zone: Zone, authority: &Authority) -> Findings {
    let test = Test { next_hops: hops(texts), servername: None };
    connection::run(&test, &Dns::at(vec![zone.serve()]), authority.roots(), today())
}

/// The zone of an organisation whose server is on loopback.
fn zone(is_signed: bool) -> Zone {
    Zone {
        is_signed,
        mx: vec![("customer.example", 10, "mx.customer.example")],
        a: vec![("mx.customer.example", Ipv4Addr::LOCALHOST)],
        tlsa: Vec::new(),
    }
}

/// Tests a server, as the operator names it: the customer's domain at this port, on this host.
fn found(kind: Kind, authority: &Authority) -> Findings {
    let port = serve(kind);
    let named = [format!("customer.example:{port}"), "[127.0.0.1]:9".to_owned()];
    let mut found = run(&named, zone(false), authority);
    found.hops.truncate(1);
    found
}

fn word(holds: Holds) -> &'static str {
    match holds {
        Holds::Yes => "yes",
        Holds::NotKnown(Unknown::Tlsa) => "no DNSSEC",
        Holds::NotKnown(_) => "not known",
        Holds::No(Why::NotReached) => "not reached",
        Holds::No(Why::NoStarttls) => "no STARTTLS",
        Holds::No(Why::Handshake) => "handshake",
        Holds::No(Why::Untrusted) => "untrusted",
        Holds::No(Why::Expired) => "expired",
        Holds::No(Why::Name) => "name",
        Holds::No(Why::NoTlsa) => "no TLSA",
        Holds::No(Why::TlsaDiffers) => "TLSA differs",
        Holds::No(_) => "no",
    }
}

fn levels(findings: &Findings) -> [&'static str; 4] {
    LEVELS.map(|level| word(holds(&Demand::of_level(level), findings, today())))
}

#[test]
fn what_is_wrong_with_a_server_is_found_and_said_and_only_the_levels_that_would_hold_do() {
    let ours = Authority::new("ours");
    let theirs = Authority::new("theirs");
    let host = &["mx.customer.example"][..];
    let both = &["mx.customer.example", "customer.example"][..];
    let garbage: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let huge = [&b"220-"[..], &vec![b'x'; 1_000_000]].concat();
    let endless = b"220-and so on\r\n".repeat(50_000);
    let shorter = |identity: Identity| Identity { chain: identity.chain[..1].to_vec(), ..identity };
    let all = [
        (Kind::Tls(ours.issue(both)), ["yes", "yes", "no DNSSEC", "yes"], "Encrypted with TLS 1.3"),
        (
            Kind::OldTls(ours.issue(both)),
            ["yes", "yes", "no DNSSEC", "yes"],
            "Encrypted with TLS 1.2",
        ),
        (
            Kind::Tls(ours.issue(host)),
            ["yes", "yes", "no DNSSEC", "yes"],
            "is for mx.customer.example.",
        ),
        (
            Kind::Tls(ours.issue(&["*.customer.example"])),
            ["yes", "yes", "no DNSSEC", "yes"],
            "trusts",
        ),
        (
            Kind::Tls(ours.issue(&["mx.other.example"])),
            ["yes", "name", "no DNSSEC", "name"],
            "is for mx.other.example.",
        ),
        (Kind::Tls(ours.issue(&[])), ["yes", "name", "no DNSSEC", "name"], "<b>server[U+202E]</b>"),
        (
            Kind::Tls(ours.issue_until(both, 2025)),
            ["yes", "expired", "no DNSSEC", "expired"],
            "expired on 2025-01-01",
        ),
        (
            Kind::Tls(self_signed(both)),
            ["yes", "untrusted", "no DNSSEC", "untrusted"],
            "has signed itself",
        ),
        (
            Kind::Tls(theirs.issue(both)),
            ["yes", "untrusted", "no DNSSEC", "untrusted"],
            "does not know",
        ),
        (
            Kind::Tls(shorter(theirs.issue(both))),
            ["yes", "untrusted", "no DNSSEC", "untrusted"],
            "not sent along",
        ),
        (Kind::NoStarttls, ["no STARTTLS"; 4], "does not offer STARTTLS"),
        (Kind::StarttlsRefused, ["no STARTTLS"; 4], "refuses it: 454 4.7.0 not now"),
        (Kind::After(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ["handshake"; 4], "handshake fails"),
        (Kind::After(&[21, 3, 3, 0, 2, 2, 40]), ["handshake"; 4], "HandshakeFailure"),
        (Kind::TurnsAway, ["not reached"; 4], "away at its greeting: 554 5.7.1 <script>not you"),
        (
            Kind::Says(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            ["not reached"; 4],
            "It says: \"SSH-2.0-OpenSSH_9.2\"",
        ),
        (Kind::Says(garbage), ["not reached"; 4], "does not speak SMTP"),
        (Kind::Says(vec![b'2'; 5_000]), ["not reached"; 4], "No answer in the time of a test"),
        (Kind::Says(huge), ["not reached"; 4], "does not speak SMTP"),
        (Kind::Says(endless), ["not reached"; 4], "does not speak SMTP"),
        (Kind::HangsUp, ["not reached"; 4], "hangs up at its greeting"),
        (Kind::Silent, ["not reached"; 4], "No answer in the time of a test, at its greeting"),
        (Kind::Slow, ["not reached"; 4], "No answer in the time of a test, at its greeting"),
    ];
    // Some take all the time that a test has: they wait side by side.
    thread::scope(|scope| {
        for (kind, expected, said) in all {
            let ours = &ours;
            scope.spawn(move || {
                let found = found(kind, ours);
                for language in [Language::English, Language::German] {
                    let told = connection::words::told(language, &found, today()).join("\n");
                    assert!(language == Language::German || told.contains(said), "{said}: {told}");
                    assert!(
                        !told.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'),
                        "{told:?}"
                    );
                    assert!(told.len() < 1_500, "{told}");
                }
                assert_eq!(levels(&found), expected, "{said}");
            });
        }
    });
}

#[test]
fn a_port_where_nobody_listens_is_said_to_refuse() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let found = run(&[format!("[127.0.0.1]:{port}")], Zone::default(), &Authority::new("ours"));
    assert_eq!(found.hops[0].servers[0].outcome, Outcome::Refused);
    assert_eq!(levels(&found), ["not reached"; 4]);
}

#[test]
fn dane_holds_by_signed_records_alone() {
    let authority = Authority::new("ours");
    let identity = authority.issue(&["mx.customer.example"]);
    let stranger = self_signed(&["elsewhere.example"]);
    let digest =
        |number: usize, identity: &Identity| Sha256::digest(&identity.chain[number]).to_vec();
    let other = vec![7; 32];
    for (identity, is_signed, usage, data, dane_only, dane) in [
        (&identity, true, 3, digest(0, &identity), "yes", "yes"),
        // Of a certificate that is named itself, neither name nor authority matters.
        (&stranger, true, 3, digest(0, &stranger), "yes", "yes"),
        (&identity, true, 2, digest(1, &identity), "yes", "yes"),
        (&identity, true, 3, other.clone(), "TLSA differs", "TLSA differs"),
        (&stranger, true, 2, other, "TLSA differs", "TLSA differs"),
        // Not for SMTP.
        (&identity, true, 1, digest(0, &identity), "no TLSA", "yes"),
        (&identity, false, 3, digest(0, &identity), "no DNSSEC", "no DNSSEC"),
    ] {
        let port = serve(Kind::Tls(identity.clone()));
        let mut zone = zone(is_signed);
        zone.tlsa.push((format!("_{port}._tcp.mx.customer.example"), usage, data));
        let named = [format!("customer.example:{port}"), "[127.0.0.1]:9".to_owned()];
        let mut found = run(&named, zone, &authority);
        found.hops.truncate(1);
        let at = |level| word(holds(&Demand::of_level(level), &found, today()));
        assert_eq!(
            (at(Level::DaneOnly), at(Level::Dane)),
            (dane_only, dane),
            "{usage} {is_signed}"
        );
    }
}

#[test]
fn a_name_or_a_digest_that_is_demanded_is_looked_for() {
    let authority = Authority::new("ours");
    let identity = authority.issue(&["mail.hoster.example", "*.pool.hoster.example"]);
    let own = Sha256::digest(&identity.chain[0]);
    let found = found(Kind::Tls(identity), &authority);
    let hexadecimal: Vec<String> = own.iter().map(|octet| format!("{octet:02x}")).collect();
    let name = |text: &str| Matching::name(text).unwrap();
    for (level, matching, expected) in [
        (Level::Secure, name("mail.hoster.example"), "yes"),
        (Level::Secure, name(".hoster.example"), "yes"),
        (Level::Secure, name("a.pool.hoster.example"), "yes"),
        (Level::Secure, name("a.b.pool.hoster.example"), "name"),
        (Level::Secure, name("hoster.example"), "name"),
        (Level::Secure, name(".mail.hoster.example"), "name"),
        (Level::Verify, name("nexthop"), "name"),
        (Level::Fingerprint, Matching::fingerprint(&hexadecimal.join(":")).unwrap(), "yes"),
        (Level::Fingerprint, Matching::fingerprint(&"ab".repeat(32)).unwrap(), "no"),
        (Level::Fingerprint, Matching::fingerprint(&"ab".repeat(20)).unwrap(), "not known"),
    ] {
        let demand = Demand { matching: vec![matching.clone()], ..Demand::of_level(level) };
        assert_eq!(word(holds(&demand, &found, today())), expected, "{level} {matching:?}");
    }
    let versions =
        |text: &str| Demand { protocols: text.parse().ok(), ..Demand::of_level(Level::Encrypt) };
    assert_eq!(word(holds(&versions(">=TLSv1.3"), &found, today())), "yes");
}

#[test]
fn what_dns_says_leads_to_nothing_that_the_operator_does_not_name() {
    let authority = Authority::new("ours");
    let port = serve(Kind::Tls(authority.issue(&["mx.customer.example"])));
    for (address, expected) in [
        // Of this host, and of a network behind it.
        (Ipv4Addr::LOCALHOST, Outcome::OwnHost),
        (Ipv4Addr::new(127, 0, 0, 53), Outcome::Private),
        (Ipv4Addr::new(10, 1, 2, 3), Outcome::Private),
        (Ipv4Addr::new(169, 254, 169, 254), Outcome::Private),
        (Ipv4Addr::UNSPECIFIED, Outcome::Private),
    ] {
        for next_hop in
            [format!("customer.example:{port}"), format!("[mx.customer.example]:{port}")]
        {
            let mut zone = zone(true);
            zone.a = vec![("mx.customer.example", address)];
            let found = run(std::slice::from_ref(&next_hop), zone, &authority);
            assert_eq!(found.hops[0].servers[0].outcome, expected, "{next_hop} {address}");
            assert_eq!(levels(&found), ["not reached"; 4]);
        }
    }
    // What the operator names as an address is his own word, under whichever name it is found.
    let named = [format!("[mx.customer.example]:{port}"), format!("[127.0.0.1]:{port}")];
    let found = run(&named, zone(true), &authority);
    assert!(matches!(found.hops[0].servers[0].outcome, Outcome::Encrypted(_)), "{found:?}");
}

#[test]
fn where_there_is_no_server_it_is_said_why() {
    let authority = Authority::new("ours");
    let zone = Zone {
        mx: vec![("null.example", 0, "."), ("gone.example", 10, "mx.gone.example")],
        a: vec![("empty.example", Ipv4Addr::new(10, 0, 0, 1))],
        ..Zone::default()
    };
    for (next_hop, said) in [
        ("null.example", "takes no mail"),
        ("gone.example", "no such name"),
        ("none.example", "no such name"),
        (".customer.example", "no server of its own"),
        ("[mx.customer.example]:submission", "cannot be tested"),
        ("/run/lmtp.sock", "cannot be tested"),
        // Without MX records mail goes to the domain itself.
        ("empty.example", "not one of the Internet's"),
    ] {
        let found = run(&[next_hop.to_owned()], zone.clone(), &authority);
        let told = connection::words::told(Language::English, &found, today()).join("\n");
        assert!(told.contains(said), "{next_hop}: {told}");
        assert_eq!(levels(&found), ["not reached"; 4], "{next_hop}");
    }
    // A resolver that does not answer is no evidence of anything.
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let dns = Dns::at(vec![silent.local_addr().unwrap()]);
    let test = Test { next_hops: hops(&["customer.example".to_owned()]), servername: None };
    let found = connection::run(&test, &dns, authority.roots(), today());
    let told = connection::words::told(Language::German, &found, today()).join("\n");
    assert!(told.contains("Das DNS hat nicht geantwortet"), "{told}");
}

#[test]
fn at_each_next_hop_one_server_that_holds_is_enough_and_each_next_hop_must_have_one() {
    let authority = Authority::new("ours");
    let good = serve(Kind::Tls(authority.issue(&["mx.customer.example"])));
    let bad = serve(Kind::NoStarttls);
    let here = |port: u16| format!("[127.0.0.1]:{port}");
    assert_eq!(levels(&run(&[here(good)], Zone::default(), &authority))[0], "yes");
    let both = run(&[here(good), here(bad)], Zone::default(), &authority);
    assert_eq!(levels(&both)[0], "no STARTTLS");
    let mut zone = zone(false);
    zone.mx.push(("customer.example", 5, "old.customer.example"));
    zone.a.push(("old.customer.example", Ipv4Addr::new(10, 0, 0, 1)));
    let named = [format!("customer.example:{good}"), here(good)];
    let found = run(&named, zone, &authority);
    assert_eq!(found.hops[0].servers[0].host, "old.customer.example");
    assert_eq!(levels(&found)[0], "yes");
}

fn change(text: &str) -> DomainChange {
    serde_json::from_str(text).unwrap()
}

fn offer_levels(portal: &Portal) {
    let all = Offer { deliver: true, ..Offer::default() };
    portal.write(|transaction| offer::set(transaction, &portal.operator, 0, &all, at(0))).unwrap();
}

/// What was said of a level that cannot be set.
#[track_caller]
fn untested(result: Result<Changed, OpError>) -> String {
    match result {
        Err(OpError::Untested(why)) => why,
        other => panic!("{other:?}"),
    }
}

on_both_engines! {
    fn a_level_is_set_only_where_a_test_of_the_last_hour_has_shown_that_it_holds(portal: Portal) {
        offer_levels(&portal);
        let admin = &portal.a.administrator;
        let set = |deliver: &str| {
            let asked = change(&format!(r#"{{"deliver": {deliver}}}"#));
            let done = portal.change(admin, "a.example", &asked);
            if done.is_ok() {
                portal.change(admin, "a.example", &change(r#"{"deliver": null}"#)).unwrap();
            }
            done
        };
        assert!(untested(set(r#"{"level": "encrypt"}"#)).contains("was not tested"));
        // Nothing is demanded: nothing is to be tested.
        set(r#"{"level": "may"}"#).unwrap();
        for (outcome, deliver, why) in [
            (Outcome::NoStarttls, r#"{"level": "encrypt"}"#, "the server offers no STARTTLS"),
            (Outcome::Refused, r#"{"level": "encrypt"}"#, "no server was reached"),
            (encrypted(Trust::SelfSigned), r#"{"level": "encrypt"}"#, ""),
            (encrypted(Trust::SelfSigned), r#"{"level": "secure"}"#, "of nobody whom the gateway trusts"),
            (encrypted(Trust::Public), r#"{"level": "secure"}"#, ""),
            (encrypted(Trust::Public), r#"{"level": "secure", "match": ["mail.b.example"]}"#, "for another name"),
            (encrypted(Trust::Public), r#"{"level": "dane-only"}"#, "does not validate DNSSEC"),
            (encrypted(Trust::Public), r#"{"level": "dane"}"#, "does not validate DNSSEC"),
            (encrypted(Trust::Public), r#"{"level": "encrypt", "protocols": "TLSv1.2"}"#, "not known"),
            (encrypted(Trust::Unlisted), r#"{"level": "verify"}"#, "has no list of authorities"),
        ] {
            portal.tested("a.example", outcome, at(0));
            match why {
                "" => drop(set(deliver).unwrap()),
                why => {
                    let said = untested(set(deliver));
                    assert!(said.contains(why), "{deliver}: {said}");
                }
            }
        }
        // It counts for an hour, and for the servers of then. (The change is at second 1.)
        portal.tested("a.example", encrypted(Trust::Public), at(1 - 3600));
        set(r#"{"level": "encrypt"}"#).unwrap();
        portal.tested("a.example", encrypted(Trust::Public), at(-3600));
        assert!(untested(set(r#"{"level": "encrypt"}"#)).contains("more than an hour ago"));
        portal.passed("a.example");
        let operator = Actor { behalf: Some(portal.a.id.clone()), ..portal.operator_account() };
        portal.change(&operator, "a.example", &change(r#"{"deliver": {"level": "may", "nexthop": ["[mx.a.example]"]}}"#)).unwrap();
        assert!(untested(portal.change(admin, "a.example", &change(r#"{"deliver": {"level": "encrypt"}}"#))).contains("others than"));
        // A test of another domain is none of this one.
        portal.passed("bücher.example");
        assert!(untested(portal.change(admin, "a.example", &change(r#"{"deliver": {"level": "encrypt"}}"#))).contains("others than"));
    }

    fn what_is_no_stricter_needs_no_test_and_what_only_differs_does(portal: Portal) {
        offer_levels(&portal);
        let admin = &portal.a.administrator;
        for (before, after, is_free) in [
            ("secure", "encrypt", true),
            ("verify", "encrypt", true),
            ("encrypt", "encrypt", true),
            ("secure", "may", true),
            ("encrypt", "secure", false),
            // The certificate that is demanded is another one.
            ("secure", "verify", false),
            ("encrypt", "dane", false),
            ("secure", "dane-only", false),
        ] {
            portal.passed("a.example");
            let to = |level: &str| change(&format!(r#"{{"deliver": {{"level": "{level}"}}}}"#));
            portal.change(admin, "a.example", &to(before)).unwrap();
            portal.tested("a.example", Outcome::Refused, at(0));
            let done = portal.change(admin, "a.example", &to(after));
            assert_eq!(done.is_ok(), is_free, "{before} {after}: {done:?}");
            portal.change(admin, "a.example", &change(r#"{"deliver": null}"#)).unwrap();
        }
        // Without a level it is as the operator has it: that can be had at any time.
        portal.passed("a.example");
        portal.change(admin, "a.example", &change(r#"{"deliver": {"level": "encrypt"}}"#)).unwrap();
        portal.tested("a.example", Outcome::Refused, at(0));
        let taken = portal.change(admin, "a.example", &change(r#"{"deliver": null}"#)).unwrap();
        assert_eq!(taken.after.entry.deliver, None);
        // To take that back is to set the level.
        let log = |actor: &Actor| portal.read(|transaction| audit::search(transaction, actor, &AuditQuery::default())).unwrap();
        let row = log(admin).rows[0].id;
        untested(portal.write(|transaction| domains::undo(transaction, admin, row, at(2))));
        let operator = Actor { behalf: Some(portal.a.id.clone()), ..portal.operator_account() };
        portal.write(|transaction| domains::undo(transaction, &operator, row, at(2))).unwrap();
        let actions: Vec<Action> = log(admin).rows.iter().take(2).map(|row| row.action).collect();
        assert_eq!(actions, [Action::DomainChanged, Action::LevelUntested]);
    }

    fn an_operator_sets_a_level_untested_where_he_says_so_and_the_log_has_it(portal: Portal) {
        offer_levels(&portal);
        let asked = change(r#"{"deliver": {"level": "secure"}, "untested": true}"#);
        is_denied(portal.change(&portal.a.administrator, "a.example", &asked), Denied::OperatorOnly);
        let operator = portal.operator_account();
        is_denied(portal.change(&operator, "a.example", &asked), Denied::NoBehalf);
        let operator = Actor { behalf: Some(portal.a.id.clone()), ..operator };
        untested(portal.change(&operator, "a.example", &change(r#"{"deliver": {"level": "secure"}}"#)));
        portal.change(&operator, "a.example", &asked).unwrap();
        let log = portal.read(|transaction| audit::search(transaction, &portal.a.administrator, &AuditQuery::default())).unwrap();
        let row = &log.rows[1];
        assert_eq!((row.action, &*row.actor, row.behalf.as_deref()), (Action::LevelUntested, "op@provider.example", Some("A")));
        let after = row.after.clone().unwrap();
        assert_eq!(after["level"], "secure");
        assert!(after["although"].as_str().unwrap().contains("was not tested"), "{after}");
        assert!(!row.is_undoable());
        // With a test that has passed there is nothing to say.
        portal.change(&operator, "a.example", &change(r#"{"deliver": null}"#)).unwrap();
        portal.passed("a.example");
        portal.change(&operator, "a.example", &asked).unwrap();
        let log = portal.read(|transaction| audit::search(transaction, &portal.a.administrator, &AuditQuery::default())).unwrap();
        let untested = log.rows.iter().filter(|row| row.action == Action::LevelUntested).count();
        assert_eq!(untested, 1);
    }

    fn a_test_goes_with_its_domain_and_is_anothers_to_nobody(portal: Portal) {
        offer_levels(&portal);
        portal.passed("a.example");
        let right = |actor: &Actor, name: &str| portal.read(|transaction| ChangeableDomain::check(transaction, actor, name));
        is_not_found(right(&portal.b.administrator, "a.example"));
        is_denied(right(&portal.a.reader, "a.example"), Denied::ReadOnly);
        let of_a = right(&portal.a.administrator, "a.example").unwrap();
        portal.write(|transaction| {
            domains::remove(transaction, &portal.operator, "a.example", at(1))?;
            domains::add(transaction, &portal.operator, &portal.b.id, "a.example", at(1))
        }).unwrap();
        let of_b = right(&portal.b.administrator, "a.example").unwrap();
        let last = portal.read(|transaction| domains::last_test(transaction, of_b.domain())).unwrap();
        assert_eq!(last, None);
        // One that ends after the domain has gone is not kept.
        let found = Findings { hops: Vec::new() };
        let entry = portal.domain("a.example").entry;
        is_not_found(portal.write(|transaction| domains::keep_test(transaction, &of_a, &entry, &found, at(2))));
    }
}

/// The API, with levels on offer and a next hop of a.example that the operator names.
pub fn api_with(port: u16) -> Api {
    let api = Api::new(Engine::Sqlite);
    offer_levels(&api.portal);
    let operator = Actor { behalf: Some(api.portal.a.id.clone()), ..api.portal.operator_account() };
    let text = format!(r#"{{"deliver": {{"level": "may", "nexthop": ["[127.0.0.1]:{port}"]}}}}"#);
    api.portal.change(&operator, "a.example", &change(&text)).unwrap();
    api
}

fn patch(api: &Api, token: &str, body: &Value) -> crate::api::Answer {
    api.ask("PATCH", "/api/v1/domains/a.example", token, &[], Some(body))
}

#[test]
fn by_the_api_a_level_is_refused_with_its_reason_tested_and_then_set() {
    let api = api_with(serve(Kind::Tls(self_signed(&["mx.a.example"]))));
    let refused = patch(&api, &api.admin, &json!({"deliver": {"level": "encrypt"}}));
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["type"]),
        (409, &json!("urn:mandatory-tls:untested"))
    );
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("was not tested"),
        "{}",
        refused.text
    );
    let path = "/api/v1/domains/a.example/delivery";
    let before = api.get(path, &api.reader).json();
    assert_eq!((&before["test"], &before["is_asked"]), (&Value::Null, &json!(false)));
    // Who only switches may not, and nobody for another's domain.
    for (token, status) in [(&api.admin_switches, 403), (&api.reader, 403), (&api.other, 404)] {
        assert_eq!(api.ask("POST", &format!("{path}/test"), token, &[], None).status, status);
    }
    let tested = api.ask("POST", &format!("{path}/test"), &api.admin, &[], None);
    assert_eq!(tested.status, 200, "{}", tested.text);
    let tested = tested.json();
    let levels: Vec<_> = tested["levels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["level"], &it["holds"]))
        .collect();
    assert_eq!(levels[0], (&json!("encrypt"), &json!("yes")), "{tested}");
    assert_eq!(levels[3], (&json!("secure"), &json!("no")), "{tested}");
    assert_eq!(api.get(path, &api.reader).json()["test"], tested);
    assert_eq!(patch(&api, &api.admin, &json!({"deliver": {"level": "secure"}})).status, 409);
    let set = patch(&api, &api.admin, &json!({"deliver": {"level": "encrypt"}}));
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(set.json()["entry"]["deliver"]["level"], "encrypt");
    // An order that says nothing of the level is none of this.
    assert_eq!(patch(&api, &api.admin_switches, &json!({"mode": "enforce"})).status, 200);
}

#[test]
fn an_organisation_has_few_tests_an_hour_whoever_asks() {
    let api = api_with(serve(Kind::NoStarttls));
    let test = |token: &str, more: &[(&str, &str)]| {
        api.ask("POST", "/api/v1/domains/a.example/delivery/test", token, more, None)
            .status
            .as_u16()
    };
    let behalf = [("on-behalf-of", &*api.portal.a.id)];
    let statuses: Vec<u16> = (0..8)
        .map(
            |number| {
                if number % 2 == 0 { test(&api.admin, &[]) } else { test(&api.operator, &behalf) }
            },
        )
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);
}

#[test]
fn a_domain_has_one_test_at_a_time() {
    // Each test of it takes as long as there is no answer.
    let api = api_with(serve(Kind::Silent));
    let ask = || {
        api.ask("POST", "/api/v1/domains/a.example/delivery/test", &api.admin, &[], None)
            .status
            .as_u16()
    };
    let mut statuses: Vec<u16> = thread::scope(|scope| {
        let all: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort();
    assert_eq!(statuses, [200, 503, 503]);
    let mode = api.portal.domain("a.example").mode();
    assert_eq!(mode, Mode::Off);
}

/// Records that mail left in the clear today, for domains of two organisations, to one server.
fn record_deliveries(portal: &Portal) {
    let path = portal.path("ledger.sqlite");
    let room = config::settings::Room { domain: 1_000, day: 1_000 };
    drop(ledger::Store::open(&path, room).unwrap());
    let now = portal::now().as_second();
    let sql = "INSERT INTO delivery (day, domain, server, address, level, tls_version, cipher, trust, status, reason,
         words, count, repeats, first, last)
         VALUES (?1, ?2, 'mx.hoster.example', '192.0.2.25', '', ?3, ?3, 'none', 'sent', 'none', '', ?4, 0, ?5, ?5)";
    let ledger = rusqlite::Connection::open(path).unwrap();
    for (domain, tls, count) in
        [("a.example", "none", 7), ("a.example", "unknown", 3), ("b.example", "none", 100)]
    {
        ledger
            .execute(sql, rusqlite::params![ledger::day_of(now), domain, tls, count, now])
            .unwrap();
    }
}

#[test]
fn what_a_level_would_have_kept_waiting_is_told_and_nothing_of_others_who_share_the_next_hop() {
    let api = Api::new(Engine::Sqlite);
    offer_levels(&api.portal);
    record_deliveries(&api.portal);
    let theirs = "include: policy/*.yaml\ndomains:\n  - domain: b.example\n    mode: enforce\n    deliver: { level: may, nexthop: \"[mx.hoster.example]:25\" }\n";
    std::fs::write(api.portal.path("policy.yaml"), theirs).unwrap();
    let operator = Actor { behalf: Some(api.portal.a.id.clone()), ..api.portal.operator_account() };
    let ours = r#"{"mode": "enforce", "deliver": {"level": "may", "nexthop": ["[mx.hoster.example]:25"]}}"#;
    api.portal.change(&operator, "a.example", &change(ours)).unwrap();
    let ask = |page: &str, body: &Value| {
        let answer = api.ask(
            "POST",
            &format!("/api/v1/domains/a.example/{page}"),
            &api.admin,
            &[],
            Some(body),
        );
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer
    };
    for (level, waits, lacks) in [
        ("may", 0, json!({})),
        ("encrypt", 7, json!({"plaintext": 7})),
        ("secure", 7, json!({"plaintext": 7})),
    ] {
        let body = json!({"deliver": {"level": level, "nexthop": ["[mx.hoster.example]:25"]}});
        let told = ask("delivery/preview", &body).json();
        assert_eq!(
            (&told["delivered"], &told["waits"], &told["lacks"]),
            (&json!(10), &json!(waits), &lacks),
            "{level}: {told}"
        );
        assert_eq!(&told["not_known"], &json!(if waits > 0 { 3 } else { 0 }), "{told}");
        // The whole simulation does not tell of them either.
        let whole = ask("preview", &body);
        assert!(!whole.text.contains("b.example") && !whole.text.contains("100"), "{}", whole.text);
    }
}
