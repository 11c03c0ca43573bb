//! Entries that a program writes: the product reads the same in them.

use config::files::Draft;
use config::policy_file::{
    Candidate, FileWriter, Loaded, WrittenCertificate, WrittenDeliver, WrittenEntry,
    WrittenException, WrittenFile, WrittenReply, load, load_candidate, load_draft, to_yaml,
};
use ipnet::IpNet;
use jiff::Timestamp;
use policy::hop::{CipherGrade, Deliver, Demand, Level, Matching, Protocols};
use policy::tls::certificate::CertificateNames;
use policy::{Entry, Exception, Language, Mode, Pattern, ReplyTemplate, Requirement, Schedule};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestRunner};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

/// A policy that includes what the program writes.
struct Including(tempfile::TempDir);

impl Including {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("state")).unwrap();
        fs::write(directory.path().join("policy.yaml"), "include: state/*.yaml\n").unwrap();
        Self(directory)
    }

    fn policy(&self) -> PathBuf {
        self.0.path().join("policy.yaml")
    }

    fn with(&self, yaml: String) -> Loaded {
        let path = self.0.path().join("state/portal.yaml");
        load_candidate(&self.policy(), &Candidate { path, contents: Some(yaml.into_bytes()) })
    }
}

/// A moment as it is written, what it means as a start, and as an end.
const MOMENTS: [(&str, &str, &str); 3] = [
    ("2099-01-31", "2099-01-31T00:00:00Z", "2099-02-01T00:00:00Z"),
    ("2099-12-31T08:00:00+01:00", "2099-12-31T07:00:00Z", "2099-12-31T07:00:00Z"),
    ("2099-06-30T08:00:00Z", "2099-06-30T08:00:00Z", "2099-06-30T08:00:00Z"),
];

fn moment(written: &str, is_end: bool) -> Timestamp {
    let (_, start, end) = MOMENTS.iter().find(|moment| moment.0 == written).unwrap();
    if is_end { end.parse().unwrap() } else { start.parse().unwrap() }
}

/// What an entry means, by the policy's own types.
fn meant(entry: &WrittenEntry) -> Entry {
    let language = entry.language.unwrap_or_default();
    let reply = entry.reply.clone().unwrap_or_default();
    let text = reply.text.as_deref().unwrap_or(language.text_for_recipient());
    let reply = ReplyTemplate::new(reply.code.unwrap_or(450), text, reply.url.as_deref());
    let requirement = entry.require.as_deref().unwrap_or("baseline");
    let exception = |one: &WrittenException| Exception {
        clients: one.client.iter().map(|text| text.parse::<IpNet>().unwrap()).collect(),
        sender: one.sender.as_ref().map(|text| text.parse().unwrap()),
        certificate: one.client_certificate.as_ref().map(|names| CertificateNames {
            subject: names.subject.clone(),
            issuer: names.issuer.clone(),
        }),
        end: one.until.as_ref().map(|text| moment(text, true)),
        reason: one.reason.clone(),
    };
    Entry {
        schedule: match &entry.enforce_from {
            Some(text) => Schedule::EnforceFrom(moment(text, false)),
            None => Schedule::Always(entry.mode.unwrap_or(Mode::Enforce)),
        },
        requirement: Arc::clone(Requirement::builtin(requirement).unwrap()),
        reply: Arc::new(reply.unwrap()),
        exceptions: entry.exceptions.iter().map(exception).collect(),
        contact: entry.contact.clone(),
        language,
        deliver: entry.deliver.as_ref().map(|deliver| Arc::new(meant_for_next_hops(deliver))),
    }
}

fn meant_for_next_hops(deliver: &WrittenDeliver) -> Deliver {
    let protocols = deliver.protocols.as_ref().map(|text| text.parse().unwrap());
    let version = deliver.min_version.as_ref().map(|text| text.parse().unwrap());
    Deliver {
        demand: Demand {
            level: deliver.level.unwrap(),
            matching: deliver.matching.iter().map(|text| Matching::name(text).unwrap()).collect(),
            protocols: protocols.or(version.and_then(Protocols::at_least)),
            ciphers: deliver.ciphers,
            servername: deliver.servername.clone(),
        },
        next_hops: deliver.nexthop.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn delivers() -> impl Strategy<Value = WrittenDeliver> {
    let next_hops = ["[mx.a.example]:25", "[2001:db8::1]", "b.example", "1e3:26", "[192.0.2.1]"];
    let parts = (
        select(vec![Level::May, Level::Encrypt, Level::Verify, Level::Secure]),
        vec(select(vec!["nexthop", "mx.a.example", ".b.example"]), 1..2),
        option::of(select(vec![(Some(">=TLSv1.2"), None), (None, Some("TLSv1.3"))])),
        option::of(select(vec![CipherGrade::Medium, CipherGrade::High])),
        option::of(select(vec!["hostname", "nexthop", "mx.a.example"])),
        proptest::collection::btree_set(select(next_hops.to_vec()), 1..3),
    );
    parts.prop_map(|(level, matching, versions, ciphers, servername, next_hops)| {
        let owned = |text: &str| text.to_owned();
        let (protocols, min_version) = versions.unwrap_or_default();
        WrittenDeliver {
            level: Some(level),
            matching: matching.into_iter().filter(|_| level.takes_match()).map(owned).collect(),
            protocols: protocols.map(owned),
            min_version: min_version.map(owned),
            ciphers,
            servername: servername.map(owned),
            nexthop: next_hops.into_iter().map(owned).collect(),
        }
    })
}

fn domains() -> impl Strategy<Value = String> {
    // Much that means something else in YAML where it is not quoted.
    let labels =
        ["example.org", "null", "1e3", "0x1f", "true", "no", "12:30:45", "b\u{fc}cher.example"];
    prop_oneof![
        select(labels.to_vec())
            .prop_filter("a domain", |text| text.parse::<Pattern>().is_ok())
            .prop_map(str::to_owned),
        "[0-9a-z]{1,3}[.][a-z]{2}",
        "[*][.][a-z][0-9a-z]{0,3}",
        mailboxes(),
        Just("*".to_owned()),
    ]
}

fn mailboxes() -> impl Strategy<Value = String> {
    "[-#$&'+/=?^_`{|}~.a-z0-9]{1,6}@[a-z]{1,4}"
}

fn texts() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "~",
        "null",
        " x",
        "x ",
        "a: b",
        "- a",
        "# a",
        "a # b",
        "|",
        ">-",
        "2027-01-01",
        "'",
        "\"",
        "\\",
        "%",
        "@",
        "`",
        "!x",
        "&x",
        "*x",
        "{",
        "[",
        ",",
        "?",
        "---",
        "...",
        "0o17",
        "1_000",
        ".inf",
        "<<",
        "=",
        "y",
        "on",
        "\n",
        "a\n",
        "\na",
        "a\n\n b\n",
        "\t",
        "\r\n",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\0",
        "\u{1b}",
        "\u{7f}",
        "\u{fffe}",
        "\u{10ffff}",
    ];
    prop_oneof![select(odd.to_vec()).prop_map(str::to_owned), any::<String>(), "[ -~\n]{0,120}"]
}

fn replies() -> impl Strategy<Value = WrittenReply> {
    let parts = (
        option::of(select(vec![450, 451, 550])),
        option::of("[ -~]{1,200}|[{]domain[}]: [{]reason[}] [{]remedy[}][{]url[}]"),
        option::of(Just("https://example.org/tls?a=b#c".to_owned())),
    );
    let reply = parts.prop_map(|(code, text, url)| WrittenReply { code, text, url });
    reply.prop_filter("a reply that SMTP can have", |WrittenReply { code, text, url }| {
        let text = text.as_deref().unwrap_or("no");
        ReplyTemplate::new(code.unwrap_or(450), text, url.as_deref()).is_ok()
    })
}

fn exceptions() -> impl Strategy<Value = WrittenException> {
    let networks = ["192.0.2.0/24", "2001:db8::/48", "198.51.100.7/32"].map(str::to_owned);
    let certificates = (option::of(texts()), option::of(texts()))
        .prop_filter("a name", |(subject, issuer)| subject.is_some() || issuer.is_some())
        .prop_map(|(subject, issuer)| WrittenCertificate { subject, issuer });
    let parts = (
        vec(select(networks.to_vec()), 0..3),
        option::of("([*][.])?[a-z][0-9a-z]{0,3}"),
        option::of(certificates),
        option::of(select(&MOMENTS[..])),
        texts(),
    );
    parts
        .prop_map(|(client, sender, client_certificate, until, reason)| {
            let until = until.map(|moment| moment.0.to_owned());
            WrittenException { client, sender, client_certificate, until, reason }
        })
        .prop_filter("a condition", |exception| {
            let WrittenException { client, sender, client_certificate, .. } = exception;
            !client.is_empty() || sender.is_some() || client_certificate.is_some()
        })
}

fn entries() -> impl Strategy<Value = Vec<WrittenEntry>> {
    let modes = select(vec![Mode::Off, Mode::Monitor, Mode::Enforce]);
    let parts = (
        domains(),
        option::of(modes),
        option::of(select(&MOMENTS[..])),
        option::of(select(vec!["baseline", "bsi-tr-02102-2"])),
        option::of(select(vec![Language::English, Language::German])),
        option::of(replies()),
        option::of(mailboxes()),
        vec(exceptions(), 0..3),
        option::of(delivers()),
    );
    let entry = parts.prop_map(
        |(domain, mode, start, require, language, reply, contact, exceptions, deliver)| {
            WrittenEntry {
                domain,
                mode,
                enforce_from: start
                    .filter(|_| mode != Some(Mode::Off))
                    .map(|start| start.0.to_owned()),
                require: require.map(str::to_owned),
                language,
                reply,
                contact,
                exceptions,
                deliver,
            }
        },
    );
    vec(entry, 0..8).prop_map(|entries| {
        let mut seen = BTreeSet::new();
        let name = |entry: &WrittenEntry| entry.domain.parse::<Pattern>().unwrap().to_string();
        entries.into_iter().filter(|entry| seen.insert(name(entry))).collect()
    })
}

/// Whether a text has a character that ends a line in YAML 1.1 only.
fn has_end_of_line(entries: &[WrittenEntry]) -> bool {
    serde_json::to_string(entries).unwrap().contains(['\u{85}', '\u{2028}', '\u{2029}'])
}

#[test]
fn what_is_written_is_what_is_read() {
    let including = Including::new();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&entries(), |entries| {
        let yaml = match to_yaml(&entries) {
            Ok(yaml) => yaml,
            Err(error) => {
                prop_assert!(has_end_of_line(&entries), "{}", error);
                return Ok(());
            }
        };
        let policy = including.with(yaml.clone()).policy;
        let policy = policy.unwrap_or_else(|problems| panic!("{yaml}\n{problems}"));
        let read: BTreeMap<&str, &Entry> = policy.domains.iter().collect();
        let wanted: BTreeMap<String, Entry> = entries
            .iter()
            .map(|entry| (entry.domain.parse::<Pattern>().unwrap().to_string(), meant(entry)))
            .collect();
        let wanted: BTreeMap<&str, &Entry> =
            wanted.iter().map(|(name, entry)| (&**name, entry)).collect();
        prop_assert_eq!(&read, &wanted, "{}", yaml);
        // The same with a head, as programs put it in place.
        let file =
            WrittenFile { written_by: "portal".into(), version: 3, entries: entries.clone() };
        let loaded = including.with(file.to_yaml().unwrap());
        let head = loaded.heads.into_iter().next().unwrap();
        prop_assert!(head.gives_way && head.written_by.as_deref() == Some("portal"));
        prop_assert_eq!((head.version, head.entries), (Some(3), entries.len()));
        let policy = loaded.policy.unwrap_or_else(|problems| panic!("{problems}"));
        prop_assert_eq!(policy.domains.iter().collect::<BTreeMap<_, _>>(), wanted);
        prop_assert_eq!(serde_yaml::from_str::<Vec<WrittenEntry>>(&yaml).unwrap(), entries.clone());
        let json = serde_json::to_string(&entries).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<WrittenEntry>>(&json).unwrap(), entries);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn an_entry_is_written_as_a_person_would() {
    let exception = WrittenException {
        client: vec!["192.0.2.0/24".into()],
        until: Some("2026-12-31".into()),
        reason: "branch office: scanner".into(),
        ..WrittenException::default()
    };
    let entry = WrittenEntry {
        domain: "*.example.org".into(),
        mode: Some(Mode::Monitor),
        exceptions: vec![exception],
        ..WrittenEntry::default()
    };
    let bare = WrittenEntry { domain: "example.com".into(), ..WrittenEntry::default() };
    assert_eq!(
        to_yaml(&[bare, entry]).unwrap(),
        "\
- domain: example.com
- domain: '*.example.org'
  mode: monitor
  exceptions:
  - client:
    - 192.0.2.0/24
    until: 2026-12-31
    reason: 'branch office: scanner'
"
    );
    assert_eq!(to_yaml(&[]).unwrap(), "[]\n");
    let bare = |domain: &str| WrittenEntry { domain: domain.into(), ..WrittenEntry::default() };
    let monitored = WrittenEntry { mode: Some(Mode::Monitor), ..bare("b.example") };
    let entries = vec![bare("*.example.org"), monitored];
    let file = WrittenFile { written_by: "portal".into(), version: 17, entries };
    assert_eq!(
        file.to_yaml().unwrap(),
        "\
# A program writes this file; what is changed here by hand is lost. Entries that are to stay go
# into a file of your own: this one gives way to it.
gives_way: true
written_by: portal
version: 17
domains:
- '*.example.org'
- domain: b.example
  mode: monitor
"
    );
}

#[test]
fn one_network_needs_no_list_and_an_unknown_key_or_word_is_refused() {
    let read = |json: &str| serde_json::from_str::<WrittenEntry>(json);
    let exception = r#"{ "client": "192.0.2.1", "reason": "x" }"#;
    let entry = read(&format!(r#"{{ "domain": "a.example", "exceptions": [{exception}] }}"#));
    assert_eq!(entry.unwrap().exceptions[0].client, ["192.0.2.1"]);
    let error = read(r#"{ "domain": "a.example", "mode": "enforc" }"#).unwrap_err().to_string();
    assert!(error.contains("`enforc` is none of off, monitor, enforce"), "{error}");
    read(r#"{ "domain": "a.example", "mod": "off" }"#).unwrap_err();
}

/// The keys that the reader of policies names where it meets an unknown one.
fn keys_of_reader(list: &str) -> BTreeSet<String> {
    let including = Including::new();
    let problems = including.with(list.to_owned()).policy.unwrap_err().to_string();
    let keys = problems.lines().find_map(|line| line.trim().strip_prefix("= help: there are: "));
    keys.unwrap_or_else(|| panic!("{problems}")).split(", ").map(str::to_owned).collect()
}

/// The keys that the model names.
fn keys_of_model(list: &str) -> BTreeSet<String> {
    let error = serde_yaml::from_str::<Vec<WrittenEntry>>(list).unwrap_err().to_string();
    let keys = error.split("expected").nth(1).unwrap_or_else(|| panic!("{error}"));
    keys.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn an_entry_can_be_written_with_every_key_that_is_read_and_no_other() {
    for list in [
        "- { domain: a.example, qqqqqq: 1 }",
        "- { domain: a.example, reply: { qqqqqq: 1 } }",
        "- { domain: a.example, exceptions: [{ qqqqqq: 1 }] }",
        "- { domain: a.example, deliver: { qqqqqq: 1 } }",
        "- { domain: a.example, exceptions: [{ reason: x, client_certificate: { qqqqqq: 1 } }] }",
    ] {
        assert_eq!(keys_of_model(list), keys_of_reader(list), "{list}");
    }
    assert!(load(&Including::new().policy()).policy.unwrap().domains.is_empty());
}

#[test]
fn a_file_that_is_written_piece_by_piece_is_read_as_it_will_be_and_changes_nothing_until_it_is_put()
{
    let including = Including::new();
    let path = including.0.path().join("state/portal.yaml");
    let entries = ["a.example", "b.example"].map(|domain| WrittenEntry {
        domain: domain.into(),
        mode: (domain == "b.example").then_some(Mode::Off),
        ..WrittenEntry::default()
    });
    for version in 0..3 {
        let before = load(&including.policy());
        let draft = Draft::beside(&path).unwrap();
        let mut writer = FileWriter::new(draft, "portal", version).unwrap();
        let some = entries.iter().take(version as usize);
        some.clone().for_each(|entry| writer.entry(entry).unwrap());
        let draft = writer.finish().unwrap();
        // Also for whoever reads the policy meanwhile.
        assert_eq!(before.sources, before.sources.look_again());
        assert_eq!(load(&including.policy()).sources, before.sources);
        let loaded = load_draft(&including.policy(), &draft);
        let named = |loaded: &Loaded| {
            let policy = loaded.policy.as_ref().unwrap();
            policy.domains.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        let expected: Vec<_> = some.clone().map(|entry| entry.domain.clone()).collect();
        assert_eq!(named(&loaded), expected);
        draft.settle(0o644).unwrap();
        draft.put().unwrap();
        let sources = loaded.sources.with_put(&path, |source| source.ends_with("portal.yaml"));
        assert_eq!(sources, sources.look_again());
        let there = load(&including.policy());
        assert_eq!((there.sources, named(&load(&including.policy()))), (sources, expected));
        // It is what the whole would be, octet for octet.
        let file =
            WrittenFile { written_by: "portal".into(), version, entries: some.cloned().collect() };
        assert_eq!(fs::read_to_string(&path).unwrap(), file.to_yaml().unwrap());
    }
}
