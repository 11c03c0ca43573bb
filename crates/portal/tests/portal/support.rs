//! A portal with two organisations, and somebody of every kind.

use crate::engines::Engine;
use config::Settings;
use config::settings::PortalSettings;
use jiff::Timestamp;
use policy::{Language, Mode};
use portal::connection::{
    Authority, Findings, HopFinding, Outcome, ServerFinding, Session, TlsaFinding,
};
use portal::ops::accounts::{self, NewAccount};
use portal::ops::domains::{
    self, ChangeableDomain, Changed, DomainChange, DomainRecord, OwnedDomain,
};
use portal::ops::insight::Gateway;
use portal::ops::{Actor, OpError, Operator, Role, Via, organisations};
use portal::store::{Store, Transaction};
use portal::{App, Secret};
use std::{fs, path::Path, sync::Arc};
use tempfile::TempDir;

/// A Saturday.
pub const NOW: i64 = 1_795_824_000;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

/// A portal. A has a.example and xn--bcher-kva.example, B has b.example and *.b.example.
pub struct Portal {
    pub store: Arc<Store>,
    pub directory: TempDir,
    pub operator: Operator,
    pub a: Organisation,
    pub b: Organisation,
}

/// An organisation and its people.
pub struct Organisation {
    pub id: String,
    pub administrator: Actor,
    pub reader: Actor,
}

/// Whoever has the shell.
pub fn shell() -> Actor {
    Actor {
        account: None,
        login: "root".into(),
        role: Role::Operator,
        organisation: None,
        behalf: None,
        scopes: None,
        confirmed: Some(at(0)),
        via: Via::Shell,
        address: String::new(),
    }
}

impl Portal {
    pub fn new(engine: Engine) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(engine.store(directory.path()));
        let operator = Operator::check(&shell()).unwrap();
        let (a, b) = store
            .write(|transaction| {
                let a = organisation(transaction, &operator, "A", "a.example")?;
                let b = organisation(transaction, &operator, "B", "b.example")?;
                for (id, name) in [
                    (&a.id, "a.example"),
                    (&a.id, "bücher.example"),
                    (&b.id, "b.example"),
                    (&b.id, "*.b.example"),
                ] {
                    domains::add(transaction, &operator, id, name, at(0))?;
                }
                Ok::<_, OpError>((a, b))
            })
            .unwrap();
        write_gateway(directory.path());
        Self { store, directory, operator, a, b }
    }

    /// An operator with an account.
    pub fn operator_account(&self) -> Actor {
        let new = NewAccount {
            login: "op@provider.example".into(),
            role: Role::Operator,
            organisation: None,
            language: Language::English,
        };
        let add = |transaction: &mut Transaction<'_>| match accounts::find(
            transaction,
            &self.operator,
            &new.login,
        ) {
            Ok(account) => Ok(account),
            Err(_) => Ok::<_, OpError>(accounts::add(transaction, &self.operator, &new, at(0))?.0),
        };
        self.store.write(add).map(|account| actor(&account)).unwrap()
    }

    pub fn read<T>(
        &self,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        self.store.read(operation)
    }

    pub fn write<T>(
        &self,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        self.store.write(operation)
    }

    /// Changes a domain as somebody.
    pub fn change(
        &self,
        actor: &Actor,
        domain: &str,
        change: &DomainChange,
    ) -> Result<Changed, OpError> {
        self.write(|transaction| {
            let domain = ChangeableDomain::check(transaction, actor, domain)?;
            domains::change(transaction, &domain, None, change, at(1))
        })
    }

    /// A domain as the operator sees it.
    pub fn domain(&self, name: &str) -> DomainRecord {
        self.read(|transaction| {
            let domain = OwnedDomain::check(transaction, self.operator.actor(), name)?;
            domains::get(transaction, &domain)
        })
        .unwrap()
    }

    /// Keeps a test of a domain's connection that was had then.
    pub fn tested(&self, domain: &str, outcome: Outcome, then: Timestamp) {
        let keep = |transaction: &mut Transaction<'_>| {
            let owned = OwnedDomain::check(transaction, self.operator.actor(), domain)?;
            let behalf = Some(owned.organisation().to_owned());
            let actor = Actor { behalf, ..self.operator.actor().clone() };
            let domain = ChangeableDomain::check(transaction, &actor, domain)?;
            let entry = domains::get(transaction, domain.domain())?.entry;
            domains::keep_test(transaction, &domain, &entry, &findings(&outcome), then)
        };
        self.write(keep).unwrap();
    }

    /// Keeps one that has passed at `encrypt`, `verify` and `secure`.
    pub fn passed(&self, domain: &str) {
        self.tested(domain, encrypted(Authority::Public), at(0));
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    pub fn gateway(&self) -> Arc<Gateway> {
        let milter = Settings::load(&self.path("milter.yaml")).unwrap();
        Arc::new(Gateway::new(&milter, &self.path("policy/portal.yaml")))
    }

    pub fn app(&self) -> App {
        let settings = PortalSettings::load(&self.path("portal.yaml")).unwrap();
        App::new(settings, Arc::clone(&self.store), self.gateway())
    }
}

/// What a test finds where all servers are like this.
fn findings(outcome: &Outcome) -> Findings {
    let server = ServerFinding {
        host: "mx.a.example".into(),
        address: "192.0.2.25".into(),
        port: 25,
        outcome: outcome.clone(),
    };
    let hop = HopFinding { next_hop: "a.example".into(), problem: None, servers: vec![server] };
    Findings { hops: vec![hop] }
}

/// A session over TLS, with a certificate of such an authority.
pub fn encrypted(trust: Authority) -> Outcome {
    Outcome::Encrypted(Box::new(Session {
        version: "TLSv1.3".into(),
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        names: vec!["mx.a.example".into()],
        not_before: None,
        not_after: Some(at(86_400)),
        trust,
        fingerprints: Vec::new(),
        tlsa: TlsaFinding::NotTested,
    }))
}

fn write_gateway(directory: &Path) {
    fs::create_dir(directory.join("policy")).unwrap();
    for (name, text) in [
        ("policy.yaml", "include: policy/*.yaml\n"),
        (
            "milter.yaml",
            "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\nstate_dir: .\nstatus_file: status.json\n",
        ),
        (
            "portal.yaml",
            "listen: inet:127.0.0.1:8780\nbase_url: https://portal.example\ndatabase: portal.sqlite\n\
             file: policy/portal.yaml\n",
        ),
    ] {
        fs::write(directory.join(name), text).unwrap();
    }
}

fn organisation(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    name: &str,
    domain: &str,
) -> Result<Organisation, OpError> {
    let id = organisations::add(transaction, operator, name, at(0))?.id;
    let mut account = |login: &str, role| {
        let new = NewAccount {
            login: format!("{login}@{domain}"),
            role,
            organisation: Some(id.clone()),
            language: Language::English,
        };
        accounts::add(transaction, operator, &new, at(0)).map(|(account, _)| actor(&account))
    };
    Ok(Organisation {
        administrator: account("admin", Role::Administrator)?,
        reader: account("reader", Role::Reader)?,
        id,
    })
}

/// An account, signed in long ago.
pub fn actor(account: &accounts::Account) -> Actor {
    Actor {
        account: Some(account.id.clone()),
        login: account.login.clone(),
        role: account.role,
        organisation: account.organisation.clone(),
        behalf: None,
        scopes: None,
        confirmed: None,
        via: Via::Page,
        address: "192.0.2.1".into(),
    }
}

pub fn to(mode: Mode) -> DomainChange {
    DomainChange { mode: Some(mode), ..DomainChange::default() }
}

/// What was said of something that is not there, or not the asker's.
#[track_caller]
pub fn is_not_found<T: std::fmt::Debug>(result: Result<T, OpError>) {
    assert!(matches!(result, Err(OpError::NotFound)), "{result:?}");
}

#[track_caller]
pub fn is_denied<T: std::fmt::Debug>(result: Result<T, OpError>, denied: portal::ops::Denied) {
    assert!(matches!(&result, Err(OpError::Denied(found)) if *found == denied), "{result:?}");
}

/// A secret that nobody was given.
pub fn guess() -> Secret {
    Secret::new("")
}
