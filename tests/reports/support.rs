//! A ledger with a known history, and the program that reads it.

use config::settings::Room;
use ledger::{
    Afterwards, Clients, DAY, Day, DeliveryKey, FromLog, HandshakeKey, Key, Row, RowKey,
    SenderDomain, Source, Store, SubjectKind, Tally, TlsFailure, day_of,
};
use policy::{Decision, DomainName, ReasonKind, TlsState};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

/// What the sessions of a peer are like.
#[derive(Clone, Copy)]
pub enum Over {
    Plaintext,
    /// Version and cipher.
    Tls(&'static str, &'static str),
}

pub const TLS13: Over = Over::Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384");
pub const TLS12: Over = Over::Tls("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384");
pub const RC4: Over = Over::Tls("TLSv1", "RC4-SHA");

/// One peer to one domain on one day.
#[derive(Clone, Copy)]
pub struct Mail {
    pub to: &'static str,
    pub client: &'static str,
    pub name: &'static str,
    pub sender: &'static str,
    pub over: Over,
    pub verdict: Decision,
    pub reason: ReasonKind,
}

/// A ledger in a directory of its own, with settings and a policy beside it.
pub struct Ledger {
    pub directory: tempfile::TempDir,
    store: Store,
    /// How much of a client is stored.
    pub clients: Clients,
}

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

impl Ledger {
    pub fn new(policy: &str, settings: &str) -> Self {
        let keep = std::env::var_os("MANDATORY_TLS_TEST_KEEP").is_some();
        let directory = tempfile::Builder::new().disable_cleanup(keep).tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        file("policy.yaml", policy);
        let common = "listen: inet:127.0.0.1:0\npolicy: policy.yaml\nstate_dir: .\n";
        file("milter.yaml", &format!("{common}{settings}\n"));
        let room = Room { domain: 1_000_000, day: 1_000_000 };
        let store = Store::open(&directory.path().join("ledger.sqlite"), room).unwrap();
        Self { directory, store, clients: Clients::Full }
    }

    /// Bounds what a day may take from now on.
    pub fn bound_days(&mut self, rows: u32) {
        self.bound(Room { domain: rows, day: rows });
    }

    /// Bounds what a domain may take on a day from now on.
    pub fn bound_domains(&mut self, rows: u32) {
        self.bound(Room { domain: rows, day: 1_000_000 });
    }

    fn bound(&mut self, room: Room) {
        self.store = Store::open(&self.path("ledger.sqlite"), room).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Takes in mail, so many days ago at noon.
    pub fn add(&mut self, days_ago: Day, count: u64, mail: Mail) {
        self.add_found(SubjectKind::Recipient, days_ago, (count, Some(0)), mail);
    }

    /// The same, with so many attempts that repeat another; none: it is not known how many do.
    pub fn add_attempts(&mut self, days_ago: Day, count: u64, repeats: Option<u64>, mail: Mail) {
        self.add_found(SubjectKind::Recipient, days_ago, (count, repeats), mail);
    }

    /// The same of mail that was judged for its sender, a partner.
    pub fn add_for_sender(&mut self, days_ago: Day, count: u64, mail: Mail) {
        self.add_found(SubjectKind::Sender, days_ago, (count, Some(0)), mail);
    }

    fn add_found(
        &mut self,
        found: SubjectKind,
        days_ago: Day,
        (count, repeats): (u64, Option<u64>),
        mail: Mail,
    ) {
        let day = day_of(jiff::Timestamp::now().as_second()) - days_ago;
        let at = i64::from(day) * DAY + DAY / 2;
        let tls = match mail.over {
            Over::Plaintext => TlsState::Plaintext,
            Over::Tls(version, cipher) => {
                TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), None)
            }
        };
        let key = Key {
            day,
            domain: Some(domain(mail.to)),
            found,
            client: mail.client.parse().ok(),
            name: DomainName::parse(mail.name).ok(),
            sender: match mail.sender {
                "<>" => SenderDomain::Null,
                name => SenderDomain::Of(domain(name)),
            },
            tls,
            authenticated: false,
            local_submission: false,
            verdict: mail.verdict,
            reason: mail.reason,
        };
        let key = RowKey::new(&key, Source::Milter, &self.clients);
        let row = Row { key, tally: Tally { count, repeats, first: at, last: at } };
        self.store.write_rows([&row].into_iter()).unwrap();
    }

    /// Takes in deliveries to a server, so many days ago at noon, as `TLSv1.3 verified sent none`; behind that
    /// may stand the words of the log.
    pub fn deliver(&mut self, days_ago: Day, count: u64, to: &str, server: &str, how: &str) {
        let how: Vec<&str> = how.splitn(5, ' ').collect();
        let [version, trust, status, reason, ref words @ ..] = *how else { panic!("{how:?}") };
        let cipher = match version {
            "TLSv1.3" => "TLS_AES_256_GCM_SHA384",
            "TLSv1.2" => "ECDHE-RSA-AES256-GCM-SHA384",
            "TLSv1" => "AES128-SHA",
            "encrypted" => "not-said",
            "failed" => "none",
            version => version,
        };
        let day = day_of(jiff::Timestamp::now().as_second()) - days_ago;
        let key = DeliveryKey {
            day,
            domain: to.into(),
            server: server.into(),
            address: "198.51.100.25".into(),
            level: String::new(),
            tls_version: version.into(),
            cipher: cipher.into(),
            trust: trust.parse().unwrap(),
            status: status.parse().unwrap(),
            reason: reason.parse().unwrap(),
            words: words.first().map(ToString::to_string).unwrap_or_default(),
        };
        let deliveries = [(key, tally(day, count))].into();
        self.store.import(&FromLog { deliveries, ..FromLog::default() }).unwrap();
    }

    /// Takes in failed handshakes of a client, so many days ago at noon, after which it wrote to these domains.
    pub fn fail_handshakes(
        &mut self,
        days_ago: Day,
        count: u64,
        (client, name): (&str, &str),
        (cause, then): (&str, Afterwards),
        to: &[&str],
    ) {
        let day = day_of(jiff::Timestamp::now().as_second()) - days_ago;
        let key = |domain: &&str| HandshakeKey {
            day,
            domain: domain.to_string(),
            client: client.into(),
            name: name.into(),
            failure: TlsFailure::new(cause),
            afterwards: then,
        };
        let rows = to.iter().chain([&""]).map(|domain| (key(domain), tally(day, count)));
        let handshakes = rows.collect();
        self.store.import(&FromLog { handshakes, ..FromLog::default() }).unwrap();
    }

    /// Runs a command on this ledger.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(arguments)
            .arg("--config")
            .arg(self.path("milter.yaml"))
            .current_dir(self.directory.path())
            .output()
            .unwrap()
    }

    /// What a command that succeeds prints.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.text(&[arguments, &["--format", "json"]].concat())).unwrap()
    }
}

/// So many at noon of a day.
fn tally(day: Day, count: u64) -> Tally {
    let at = i64::from(day) * DAY + DAY / 2;
    Tally { count, repeats: Some(0), first: at, last: at }
}

/// Two weeks of example.org: enforced for some days, with every outcome that there is.
pub fn two_weeks() -> Ledger {
    let mut ledger =
        Ledger::new("domains: [example.org, { domain: example.com, mode: monitor }]", "");
    let ok = |client, name, sender, over| Mail {
        to: "example.org",
        client,
        name,
        sender,
        over,
        verdict: Decision::Accept,
        reason: ReasonKind::Adequate,
    };
    let big = ok("203.0.113.10", "mail-out.bigmail.example", "bigmail.example", TLS13);
    let city = ok("198.51.100.20", "mx.city.example", "city.example", TLS12);
    let refused = |client, name, sender, over, reason| Mail {
        verdict: Decision::Refuse,
        reason,
        ..ok(client, name, sender, over)
    };
    let lawyer = refused(
        "192.0.2.77",
        "mail.lawyers.example",
        "lawyers.example",
        Over::Plaintext,
        ReasonKind::Plaintext,
    );
    let scanner =
        refused("198.51.100.99", "", "copier.example", Over::Plaintext, ReasonKind::Plaintext);
    let old = refused(
        "192.0.2.140",
        "legacy.supplier.example",
        "supplier.example",
        RC4,
        ReasonKind::Cipher,
    );
    for day in 0..14 {
        ledger.add(day, 40 + u64::try_from(day * 7 % 23).unwrap(), big);
        ledger.add(day, 11 + u64::try_from(day * 5 % 9).unwrap(), city);
        ledger.add(day, 3, ok("203.0.113.11", "mail-out2.bigmail.example", "<>", TLS13));
    }
    // Refused, and with TLS from the next day on.
    ledger.add(9, 4, lawyer);
    ledger.add(
        8,
        2,
        Mail { over: TLS13, verdict: Decision::Accept, reason: ReasonKind::Adequate, ..lawyer },
    );
    // It goes on and on.
    for day in 0..6 {
        ledger.add(day, 6, old);
    }
    ledger.add(7, 5, scanner);
    let to_com = |mail: Mail| Mail { to: "example.com", verdict: Decision::WouldRefuse, ..mail };
    ledger.add(
        10,
        2,
        to_com(refused(
            "192.0.2.200",
            "gone.example.net",
            "gone.example",
            Over::Plaintext,
            ReasonKind::Plaintext,
        )),
    );
    ledger.add(
        1,
        4,
        to_com(refused(
            "192.0.2.201",
            "mx.clinic.example",
            "clinic.example",
            Over::Plaintext,
            ReasonKind::Plaintext,
        )),
    );
    ledger.add(1, 9, Mail { to: "example.com", ..big });
    ledger
}

/// Both hops of domains, each of which is another case.
pub fn both_hops() -> Ledger {
    let policy = "
defaults: { deliver: encrypt }
domains:
- clean.example
- mixed.example
- { domain: open.example, deliver: none }
- { domain: secure.example, deliver: secure }
- unread.example
- local.example
- quiet.example
";
    let mut ledger = Ledger::new(policy, "");
    let ok = |to| Mail {
        to,
        client: "203.0.113.10",
        name: "out.bigmail.example",
        sender: "bigmail.example",
        over: TLS13,
        verdict: Decision::Accept,
        reason: ReasonKind::Adequate,
    };
    let clear = |to| Mail {
        client: "192.0.2.77",
        name: "mail.lawyers.example",
        sender: "lawyers.example",
        over: Over::Plaintext,
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
        ..ok(to)
    };
    for day in 1..8 {
        for to in ["clean.example", "mixed.example", "open.example", "secure.example"] {
            ledger.add(day, 40, ok(to));
            ledger.deliver(day, 30, to, &format!("mx.{to}"), "TLSv1.3 trusted sent none");
        }
        ledger.add(day, 10, ok("unread.example"));
        ledger.add(day, 10, ok("local.example"));
        ledger.deliver(day, 10, "local.example", "local", "local none sent none");
        ledger.deliver(day, 10, "clean.example", "mx.clean.example", "TLSv1.3 verified sent none");
    }
    for to in ["clean.example", "mixed.example", "quiet.example"] {
        ledger.add(2, 5, clear(to));
    }
    let exception =
        Mail { verdict: Decision::Accept, reason: ReasonKind::Exception, ..clear("mixed.example") };
    ledger.add(2, 3, Mail { client: "198.51.100.99", name: "scanner.mixed.example", ..exception });
    for to in ["mixed.example", "open.example"] {
        ledger.deliver(3, 4, to, &format!("old.{to}"), "none none sent none");
    }
    let waits = "none none deferred tls-not-offered";
    ledger.deliver(1, 2, "secure.example", "mx2.secure.example", waits);
    let certificate = "TLSv1.3 untrusted deferred certificate-not-trusted self-signed certificate";
    ledger.deliver(4, 3, "secure.example", "mx.secure.example", certificate);
    let later = "TLSv1.3 verified sent certificate-not-trusted";
    ledger.deliver(3, 3, "secure.example", "mx.secure.example", later);
    let lawyers = ("192.0.2.77", "mail.lawyers.example");
    let old = ("unsupported protocol", Afterwards::Refused);
    ledger.fail_handshakes(2, 12, lawyers, old, &["clean.example", "mixed.example"]);
    let shared = ("no shared cipher", Afterwards::Tls);
    ledger.fail_handshakes(
        5,
        2,
        ("203.0.113.10", "out.bigmail.example"),
        shared,
        &["clean.example"],
    );
    let scanner = ("lost connection", Afterwards::Away);
    ledger.fail_handshakes(1, 1, ("198.51.100.200", ""), scanner, &[]);
    ledger
}
