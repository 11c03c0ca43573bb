//! The data: organisations, domains, a ledger; the same of the same seed.

use super::http::Connection;
use super::process;
use jiff::Timestamp;
use ledger::day_of;
use policy::Language;
use portal::ops::accounts::{self, Account, NewAccount};
use portal::ops::sessions::{self, Origin};
use portal::ops::tokens::{self, NewToken};
use portal::ops::{Actor, OpError, Operator, Role, Scope, Via, organisations};
use portal::store::{Place, Store};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Where the portal listens.
pub const HOST: &str = "127.0.0.1:8791";
const SEED: u64 = 20_261_128;
/// The days that the ledger tells of.
const DAYS: i32 = 30;

/// How much there is.
#[derive(Clone, Copy)]
pub struct Size {
    pub domains: usize,
    pub organisations: usize,
    /// Rows of the ledger.
    pub rows: usize,
}

impl Size {
    /// The first organisation has a tenth of all domains.
    fn of_first(self) -> usize {
        self.domains / 10
    }

    fn organisation(self, domain: usize) -> usize {
        let first = self.of_first();
        if domain < first { 0 } else { 1 + (domain - first) % (self.organisations - 1) }
    }
}

/// Numbers that look random (splitmix64), the same of the same seed.
pub struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    /// Small numbers more often than large ones: of the whole, 0 alone gets the part 1 / sqrt(end).
    fn mostly_low(&mut self, end: usize) -> usize {
        let part = self.below(1 << 24) as f64 / f64::from(1 << 24);
        (part * part * end as f64) as usize
    }
}

/// What was made.
pub struct Data {
    size: Size,
    store: Store,
    /// The keys of the sessions of an operator and of the first organisation's administrator, and the
    /// administrator's token.
    operator: String,
    administrator: String,
    token: String,
    first: String,
}

/// A page that is measured.
pub struct Page<'d> {
    pub name: &'static str,
    pub session: &'d str,
    path: Box<dyn Fn(usize) -> String + 'd>,
}

impl Page<'_> {
    /// Its path, the n-th time.
    pub fn path(&self, number: usize) -> String {
        (self.path)(number)
    }
}

fn shell() -> Actor {
    Actor {
        account: None,
        login: "bench".into(),
        role: Role::Operator,
        organisation: None,
        behalf: None,
        scopes: None,
        confirmed: Some(portal::now()),
        via: Via::Shell,
        address: String::new(),
    }
}

fn domain(number: usize) -> String {
    // One in twenty is all that lies below a domain.
    let star = if number % 20 == 7 { "*." } else { "" };
    format!("{star}d{number}.example.net")
}

/// As the policy's file names the recipients of a domain: of a wildcard, a domain below.
fn recipient(number: usize) -> String {
    domain(number).replace("*.", "mail.")
}

impl Data {
    /// Makes the data in a directory, or takes what was made there before.
    pub fn made(
        directory: &Path,
        program: &Path,
        size: Size,
        database: Option<&str>,
    ) -> Result<Self, Box<dyn Error>> {
        let is_new = !directory.join("ledger.sqlite").exists();
        fs::create_dir_all(directory.join("policy"))?;
        write_settings(directory, database)?;
        let place = match database {
            Some(parameters) => Place::Postgres(parameters.into()),
            None => Place::Sqlite(directory.join("portal.sqlite")),
        };
        let store = Store::open(&place)?;
        if is_new {
            write_organisations(&store, size)?;
            import(directory, program, size)?;
            write_ledger(directory, size)?;
        }
        let operator = Operator::check(&shell())?;
        let first = store
            .read(|transaction| organisations::find(transaction, &operator, &organisation(0)))?;
        let (key, _) = sign_in(&store, &account(&store, "operator", None)?)?;
        let (administrator, token) = sign_in(&store, &account(&store, "anna", Some(&first.id))?)?;
        Ok(Self { size, store, operator: key, administrator, token, first: first.id })
    }

    /// The version that the policy's file should have by now.
    pub fn version(&self) -> Result<i64, Box<dyn Error>> {
        let sql = "SELECT number FROM generation WHERE id = 1";
        Ok(self.store.read(|transaction| Ok::<_, OpError>(transaction.number(sql, &[])?))?)
    }

    /// The name of an account that there is, or is not: both take as long.
    pub fn login(&self, number: usize) -> String {
        if number.is_multiple_of(2) { "anna".into() } else { format!("nobody{number}") }
    }

    /// Changes a domain of the first organisation.
    pub fn change(&self, connection: &mut Connection, number: usize) -> Result<(), Box<dyn Error>> {
        let domain = domain(number * 20);
        let path = format!("/api/v1/domains/{domain}");
        let at = portal::now().as_nanosecond();
        let contact = format!(r#"{{"contact": "c{at}@example.net"}}"#);
        let answer = connection.patch(&path, &self.token, &contact)?;
        match answer.status {
            200 => Ok(()),
            status => Err(format!("{status}: {}", String::from_utf8_lossy(&answer.body)).into()),
        }
    }

    /// All pages that are measured: of the operator, and of the organisation with the most domains.
    pub fn pages(&self) -> Vec<Page<'_>> {
        let count = self.size.of_first();
        let plain = |path: &'static str| move |_: usize| path.to_owned();
        // By turns some with the most mail, and any; no wildcards among them.
        let some = move |number: usize| match number % 4 {
            0 => domain(number % 20),
            _ => domain(number * 20 % count),
        };
        let wild = move |number: usize| domain((number * 20 + 7) % count);
        let of = |name, path: Box<dyn Fn(usize) -> String>| Page {
            name,
            session: &self.administrator,
            path,
        };
        let by_operator = |name, path| Page { session: &self.operator, ..of(name, path) };
        let first = self.first.clone();
        vec![
            of("domains of an organisation", Box::new(plain("/"))),
            of("domains, later ones", Box::new(|_| "/?after=d500.example.net".into())),
            of("domains, searched", Box::new(|number| format!("/?q=d{number}."))),
            of("domain", Box::new(move |number| format!("/domains/{}", some(number)))),
            of("domain, wildcard", Box::new(move |number| format!("/domains/{}", wild(number)))),
            of(
                "before a switch",
                Box::new(move |number| format!("/domains/{}/switch?mode=enforce", some(number))),
            ),
            of("report", Box::new(move |number| format!("/domains/{}/report", some(number)))),
            of(
                "report, wildcard",
                Box::new(move |number| format!("/domains/{}/report", wild(number))),
            ),
            of(
                "partner",
                Box::new(move |number| {
                    format!("/domains/{}/partner?partner={}", some(number), client(number))
                }),
            ),
            of(
                "try a server",
                Box::new(move |number| format!("/domains/{}/test?tls=none", some(number))),
            ),
            of("history", Box::new(move |number| format!("/domains/{}/history", some(number)))),
            of("account", Box::new(plain("/account"))),
            by_operator("domains of all", Box::new(plain("/"))),
            by_operator("domains of all, searched", Box::new(|number| format!("/?q=d{number}."))),
            by_operator("organisations", Box::new(plain("/organisations"))),
            by_operator(
                "organisations, searched",
                Box::new(|number| format!("/organisations?q=Ltd {number}").replace(' ', "+")),
            ),
            by_operator("organisation", Box::new(move |_| format!("/organisations/{first}"))),
            by_operator("audit log", Box::new(plain("/audit"))),
            by_operator(
                "audit log of a domain",
                Box::new(|number| format!("/audit?subject={}", domain(number * 20))),
            ),
            by_operator("list (CSV)", Box::new(plain("/sheet"))),
        ]
    }
}

fn organisation(number: usize) -> String {
    format!("Example Ltd {number}")
}

fn client(number: usize) -> String {
    format!("198.51.{}.{}", number / 250 % 250, number % 250 + 1)
}

fn write_settings(directory: &Path, database: Option<&str>) -> Result<(), Box<dyn Error>> {
    let database = database.unwrap_or("portal.sqlite");
    let portal = format!(
        "listen: inet:{HOST}\nbase_url: http://{HOST}\ndatabase: '{database}'\nfile: {}\n",
        process::FILE
    );
    for (name, text) in [
        ("policy.yaml", "include: policy/*.yaml\n"),
        ("milter.yaml", "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\nstate_dir: .\n"),
        ("portal.yaml", &portal),
    ] {
        fs::write(directory.join(name), text)?;
    }
    Ok(())
}

fn write_organisations(store: &Store, size: Size) -> Result<(), Box<dyn Error>> {
    let operator = Operator::check(&shell())?;
    store.write(|transaction| {
        for number in 0..size.organisations {
            organisations::add(transaction, &operator, &organisation(number), portal::now())?;
        }
        Ok::<_, OpError>(())
    })?;
    Ok(())
}

/// Has the program read the list of all domains, and says how long that takes.
fn import(directory: &Path, program: &Path, size: Size) -> Result<(), Box<dyn Error>> {
    let mut list = String::from("organisation,domain,mode,contact\n");
    for number in 0..size.domains {
        let (owner, name) = (organisation(size.organisation(number)), domain(number));
        // Some with settings of their own: those take the most to read.
        let mode = ["off", "monitor", "enforce", "enforce"][number % 4];
        let contact =
            if number % 10 == 3 { format!("tls@d{number}.example.net") } else { String::new() };
        writeln!(list, "{owner},{name},{mode},{contact}")?;
    }
    let path = directory.join("domains.csv");
    fs::write(&path, list)?;
    println!(
        "\n| list of {} domains | seconds | processor seconds |\n| --- | ---: | ---: |",
        size.domains
    );
    for (what, more) in [("previewed", Some("--preview")), ("done", None), ("read in again", None)]
    {
        let (start, busy) = (Instant::now(), process::busy_of_ended()?);
        let mut command = Command::new(program);
        command
            .arg("--config")
            .arg(directory.join("portal.yaml"))
            .arg("import")
            .args(more)
            .arg(&path);
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let busy = process::busy_of_ended()? - busy;
        println!("| {what} | {:.1} | {busy:.1} |", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Rows as a milter would have recorded them: few domains have much mail, many have little.
fn write_ledger(directory: &Path, size: Size) -> Result<(), Box<dyn Error>> {
    let path = directory.join("ledger.sqlite");
    drop(ledger::Store::open(&path, config::settings::ROOM)?);
    let mut connection = rusqlite::Connection::open(&path)?;
    let today = day_of(Timestamp::now().as_second());
    let mut numbers = Numbers(SEED);
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare(
        "INSERT OR IGNORE INTO mail (day, source, domain, found, client, name, sender, tls_version, cipher,
         certificate, flags, verdict, reason, count, repeats, first, last)
         VALUES (?1, 'milter', ?2, 'recipient', ?3, ?4, ?5, ?6, ?7, '', 0, ?8, ?9, ?10, 0, ?11, ?12)",
    )?;
    let mut written = 0;
    while written < size.rows {
        let day = today - DAYS + 1 + i32::try_from(numbers.below(DAYS as usize))?;
        let of = numbers.mostly_low(size.domains);
        let sender = numbers.mostly_low(5_000);
        let first = i64::from(day) * 86_400 + numbers.below(40_000) as i64;
        let (version, cipher, verdict, reason) = match numbers.below(20) {
            0 => ("none", "none", "would-refuse", "plaintext"),
            1..=6 => ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "accept", "adequate"),
            _ => ("TLSv1.3", "TLS_AES_256_GCM_SHA384", "accept", "adequate"),
        };
        let row = rusqlite::params![
            day,
            recipient(of),
            client(sender),
            format!("mx.s{sender}.example.org"),
            format!("s{sender}.example.org"),
            version,
            cipher,
            verdict,
            reason,
            1 + numbers.below(9) as i64,
            first,
            first + numbers.below(40_000) as i64,
        ];
        written += insert.execute(row)?;
    }
    drop(insert);
    transaction.commit()?;
    Ok(())
}

/// An account, made if it is not there.
fn account(
    store: &Store,
    login: &str,
    organisation: Option<&str>,
) -> Result<Account, Box<dyn Error>> {
    let operator = Operator::check(&shell())?;
    let role = if organisation.is_some() { Role::Administrator } else { Role::Operator };
    let new = NewAccount {
        login: login.into(),
        role,
        organisation: organisation.map(str::to_owned),
        language: Language::English,
    };
    Ok(store.write(|transaction| match accounts::find(transaction, &operator, login) {
        Ok(account) => Ok(account),
        Err(OpError::NotFound) => Ok(accounts::add(transaction, &operator, &new, portal::now())?.0),
        Err(error) => Err(error),
    })?)
}

/// The key of a new session of an account, and a token.
fn sign_in(store: &Store, account: &Account) -> Result<(String, String), Box<dyn Error>> {
    let operator = Operator::check(&shell())?;
    let token =
        NewToken { name: "bench".into(), scopes: vec![Scope::Switch, Scope::Manage], days: 1 };
    Ok(store.write(|transaction| {
        let known = sessions::credentials(transaction, &account.login)?.ok_or(OpError::NotFound)?;
        let (key, _) = sessions::begin(transaction, &known, &Origin::default(), portal::now())?;
        let (_, token) =
            tokens::add_for(transaction, &operator, &account.login, &token, portal::now())?;
        Ok::<_, OpError>((key.reveal().to_owned(), token.reveal().to_owned()))
    })?)
}
