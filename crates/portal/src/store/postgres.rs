//! PostgreSQL.

use super::{Row, StoreError, Transaction, Value};
use bytes::BytesMut;
use postgres::{
    Client, Config, IsolationLevel, NoTls,
    config::Host,
    fallible_iterator::FallibleIterator,
    types::{IsNull, ToSql, Type, to_sql_checked},
};
use std::{
    error::Error,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long it may take until there is a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections that nobody uses at present.
pub struct Pool {
    config: Config,
    idle: Mutex<Vec<Client>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(parameters: &str) -> Result<Self, StoreError> {
        let mut config: Config = parameters
            .parse()
            .map_err(|error: postgres::Error| StoreError::Place(error.to_string()))?;
        // Passwords and the policy would cross the network in the clear.
        // `hostaddr` is where it connects to, whatever `host` says.
        let addresses = config.get_hostaddrs();
        if !config.get_hosts().iter().all(is_here) || !addresses.iter().all(IpAddr::is_loopback) {
            return Err(StoreError::Place(
                "the database is on another host, and this program has no TLS towards it: name a Unix socket \
                 (host=/var/run/postgresql), a loopback address or `localhost`, with a tunnel behind it"
                    .into(),
            ));
        }
        config
            .application_name("mandatory-tls-portal")
            .connect_timeout(PATIENCE)
            .options("-c statement_timeout=60s -c lock_timeout=20s");
        Ok(Self { config, idle: Mutex::default() })
    }

    fn client(&self) -> Result<Client, StoreError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut client) = idle else { return Ok(self.config.connect(NoTls)?) };
            // One that broke while it waited.
            if !client.is_closed() && client.is_valid(PATIENCE).is_ok() {
                return Ok(client);
            }
        }
    }

    pub(super) fn run<T, E: From<StoreError>>(
        &self,
        read_only: bool,
        mut operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let of_store = |error: postgres::Error| E::from(error.into());
        let mut client = self.client()?;
        // With this, transactions that each looked at what the other has changed do not both succeed.
        let level =
            if read_only { IsolationLevel::RepeatableRead } else { IsolationLevel::Serializable };
        let (done, ended) = {
            let builder = client.build_transaction().isolation_level(level).read_only(read_only);
            let mut transaction = Transaction::Postgres(builder.start().map_err(of_store)?);
            let done = operation(&mut transaction);
            let ended = match (transaction, &done) {
                (Transaction::Postgres(transaction), Ok(_)) => transaction.commit(),
                (Transaction::Postgres(transaction), Err(_)) => transaction.rollback(),
                // It was made two lines above.
                (Transaction::Sqlite(_), _) => Ok(()),
            };
            (done, ended)
        };
        if ended.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
        if done.is_ok() {
            ended.map_err(of_store)?;
        }
        done
    }
}

/// Whether what is sent there stays on this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        wanted: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(wanted, out),
            Self::Text(text) => text.to_sql(wanted, out),
        }
    }

    fn accepts(wanted: &Type) -> bool {
        [Type::INT8, Type::TEXT].contains(wanted)
    }

    to_sql_checked!();
}

fn bound(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

pub(super) fn query(
    transaction: &mut postgres::Transaction<'_>,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let rows = transaction.query(sql, &bound(parameters))?;
    rows.iter().map(read).collect()
}

pub(super) fn each<E: From<StoreError>>(
    transaction: &mut postgres::Transaction<'_>,
    sql: &str,
    mut each: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let of_store = |error: postgres::Error| E::from(error.into());
    let none = std::iter::empty::<&(dyn ToSql + Sync)>();
    let mut rows = transaction.query_raw(sql, none).map_err(of_store)?;
    while let Some(row) = rows.next().map_err(of_store)? {
        each(read(&row)?)?;
    }
    Ok(())
}

fn read(row: &postgres::Row) -> Result<Row, StoreError> {
    let values = row.columns().iter().enumerate().map(|(number, column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(number)?.into(),
            Type::BOOL => row.try_get::<_, Option<bool>>(number)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(number)?.map(i64::from).into(),
            _ => row.try_get::<_, Option<String>>(number)?.into(),
        })
    });
    values.collect::<Result<_, StoreError>>().map(Row)
}

pub(super) fn execute(
    transaction: &mut postgres::Transaction<'_>,
    sql: &str,
    parameters: &[Value],
) -> Result<u64, StoreError> {
    Ok(transaction.execute(sql, &bound(parameters))?)
}
