//! The form of the database, step by step. A step that was released is never changed.

use super::{StoreError, Transaction};
use crate::bind;

/// A step: what both engines are told, then what only one of them is.
struct Step {
    common: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// All steps, from an empty database on.
const STEPS: [Step; 3] = [
    Step {
        common: include_str!("schema/1.sql"),
        sqlite: include_str!("schema/1-sqlite.sql"),
        postgres: include_str!("schema/1-postgres.sql"),
    },
    Step { common: include_str!("schema/2.sql"), sqlite: "", postgres: "" },
    Step { common: include_str!("schema/connection_test.sql"), sqlite: "", postgres: "" },
];

/// What identifies the lock that PostgreSQL gives to one program at a time: "mtls".
const LOCK: i64 = 0x6d74_6c73;

pub(super) fn run(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    if let Transaction::Postgres(_) = transaction {
        transaction.query("SELECT pg_advisory_xact_lock($1)::text", bind![LOCK])?;
    }
    transaction.batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let version =
        transaction.number("SELECT coalesce(max(version), 0) FROM schema_version", &[])?;
    if version > known {
        return Err(StoreError::Later(version, known));
    }
    for (number, step) in (1..).zip(&STEPS) {
        if number <= version {
            continue;
        }
        let (own, id, text) = match transaction {
            Transaction::Sqlite(_) => (step.sqlite, "INTEGER PRIMARY KEY AUTOINCREMENT", " TEXT"),
            // Both compare text by its octets.
            Transaction::Postgres(_) => (
                step.postgres,
                "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
                " TEXT COLLATE \"C\"",
            ),
        };
        let common = step.common.replace("{number}", id).replace(" TEXT", text);
        transaction.batch(&common)?;
        transaction.batch(own)?;
        transaction.execute("INSERT INTO schema_version (version) VALUES ($1)", bind![number])?;
    }
    Ok(())
}
