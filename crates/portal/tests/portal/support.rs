//! A portal with two organisations, and somebody of every kind.

use crate::engines::Engine;
use config::Settings;
use config::settings::PortalSettings;
use jiff::Timestamp;
use policy::{Language, Mode};
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
