//! A database moves: every row of an SQLite file goes over to an empty database of PostgreSQL, in one transaction.
//!
//! Tables and columns are those that the migrated target has, as it says itself, so that none is forgotten when there are new
//! ones. That is why the SQL here is put together: from names that our own migrations gave.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::{AnyPool, AssertSqlSafe, Connection, Executor, Row, any::AnyRow, query::Query};

use super::{Creating, Dialect, MIGRATOR, StoreError, Transaction, Use, connect, open_to_write};
use crate::secret::DatabaseUrl;

/// How many rows one statement inserts; the widest table has under forty columns, and a statement at most 65,535 parameters.
const ROWS: usize = 200;

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the two databases.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It goes one way.
    #[error("a database moves from sqlite:PATH to postgres://USER@HOST/NAME")]
    Direction,
    /// The target was used before.
    #[error("{url} holds rows already ({table}: {rows}); name a database that no scim-bridge has used")]
    NotEmpty {
        /// The target.
        url: String,
        /// A table with rows.
        table: String,
        /// How many.
        rows: i64,
    },
    /// The rows that arrived are not those that left.
    #[error("{table} has {from} rows, of which {to} arrived; nothing was kept of them")]
    Incomplete {
        /// The table.
        table: String,
        /// How many rows it has.
        from: i64,
        /// How many were counted afterwards.
        to: i64,
    },
}

impl From<sqlx::Error> for TransferError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
}

struct Column {
    name: String,
    kind: Kind,
}

type Tables = BTreeMap<String, Vec<Column>>;

/// Moves everything from the file at `from`, which must not be in use, to the database at `to`, which must be empty. Answers how many
/// rows of each table went over. The file keeps all that is in it, in the tables of this version; whoever works in it afterwards
/// works on a copy that has no future. Of a target that cannot be used, nothing of the file is touched.
///
/// # Errors
/// When it cannot be done; then the target holds nothing but empty tables.
pub async fn transfer(from: &DatabaseUrl, to: &DatabaseUrl) -> Result<Vec<(String, u64)>, TransferError> {
    sqlx::any::install_default_drivers();
    if Dialect::of(from) != Dialect::Sqlite || Dialect::of(to) != Dialect::Postgres {
        return Err(TransferError::Direction);
    }
    // Of a file that is not there, not even the lock beside it is made.
    connect(from, Creating::No, Use::Read(1), None).await?.close().await;
    // 1. The target has the tables of this version, and nobody else works in it.
    let target = connect(to, Creating::No, Use::Write(1), None).await?;
    Dialect::Postgres.migrator(&MIGRATOR).run(&target).await.map_err(StoreError::Migrate)?;
    let mut connection = target.acquire().await?;
    let mut transaction = connection.begin().await?;
    // The file may take its time: a count of all rows that are not in memory.
    transaction.execute("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    let tables = tables(&mut transaction).await?;
    let names = tables.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    transaction.execute(AssertSqlSafe(format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))).await?;
    for table in tables.keys() {
        let rows = count(&mut transaction, table).await?;
        if rows > 0 {
            return Err(TransferError::NotEmpty { url: to.to_string(), table: table.clone(), rows });
        }
    }
    // 2. The file has them as well, and nobody works in it.
    let (source, _lock) = open_to_write(from, Creating::No, None).await?;
    // 3. Every row, and a count of them.
    let mut moved = Vec::with_capacity(tables.len());
    for (table, columns) in &tables {
        copy(&source, &mut transaction, table, columns).await?;
        let from = count(&mut *source.acquire().await?, table).await?;
        let to = count(&mut transaction, table).await?;
        if from != to {
            return Err(TransferError::Incomplete { table: table.clone(), from, to });
        }
        moved.push((table.clone(), u64::try_from(to).unwrap_or(0)));
    }
    transaction.commit().await?;
    source.close().await;
    Ok(moved)
}

/// The tables of the target, without the one that tells which migrations there were.
async fn tables(transaction: &mut Transaction) -> Result<Tables, TransferError> {
    let rows = sqlx::query(
        "SELECT CAST(table_name AS TEXT) AS table_name, CAST(column_name AS TEXT) AS column_name, \
         CAST(data_type AS TEXT) AS data_type FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations' ORDER BY table_name, ordinal_position",
    )
    .fetch_all(transaction)
    .await?;
    let mut tables = Tables::new();
    for row in rows {
        let kind = match row.try_get::<String, _>("data_type")?.as_str() {
            "text" => Kind::Text,
            "bigint" => Kind::Number,
            other => {
                let reason = format!("a column has the type {other}");
                return Err(StoreError::Corrupt { column: "data_type", reason }.into());
            }
        };
        let column = Column { name: row.try_get("column_name")?, kind };
        tables.entry(row.try_get("table_name")?).or_default().push(column);
    }
    Ok(tables)
}

async fn count(connection: &mut Transaction, table: &str) -> Result<i64, TransferError> {
    Ok(sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
        .fetch_one(connection)
        .await?)
}

async fn copy(
    source: &AnyPool,
    target: &mut Transaction,
    table: &str,
    columns: &[Column],
) -> Result<(), TransferError> {
    let names = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let select = format!("SELECT {names} FROM {table}");
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(source).try_chunks(ROWS);
    while let Some(chunk) = rows.try_next().await.map_err(|error| error.1)? {
        let insert = format!("INSERT INTO {table} ({names}) VALUES {}", places(chunk.len(), columns.len()));
        let mut query = sqlx::query(AssertSqlSafe(insert));
        for row in &chunk {
            for (index, column) in columns.iter().enumerate() {
                query = bind(query, row, index, column.kind)?;
            }
        }
        query.execute(&mut *target).await?;
    }
    Ok(())
}

/// `($1, $2), ($3, $4)`.
fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places = (1..=columns).map(|column| format!("${}", row * columns + column));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

type Insert<'q> = Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bind<'q>(query: Insert<'q>, row: &AnyRow, index: usize, kind: Kind) -> Result<Insert<'q>, TransferError> {
    Ok(match kind {
        Kind::Number => query.bind(row.try_get::<Option<i64>, _>(index)?),
        Kind::Text => {
            // A U+0000, which PostgreSQL does not take, was refused by all but the first versions of this program.
            let text = row.try_get::<Option<String>, _>(index)?;
            query.bind(text.map(|text| text.replace('\0', "\u{fffd}")))
        }
    })
}
