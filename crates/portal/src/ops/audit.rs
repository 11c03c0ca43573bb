//! The audit log: every change, whoever made it by whatever. It only grows.

use super::{Actor, OpError, Operator, Scope, Via};
use crate::bind;
use crate::store::{Conditions, Row, Transaction, Value};
use jiff::Timestamp;
use pages::text::safe_cell;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What was done. A word that is never renamed: it is in the log, in exports and in the API.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    EnumIter,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    /// A domain was registered for an organisation.
    DomainAdded,
    /// A domain was taken from its organisation.
    DomainRemoved,
    /// Its mode or start date was chosen.
    DomainSwitched,
    /// Something else of it was chosen.
    DomainChanged,
    /// An organisation was made.
    OrganisationAdded,
    /// It was given another name.
    OrganisationRenamed,
    /// It was removed.
    OrganisationRemoved,
    /// An account was made.
    AccountAdded,
    /// Its role, name or language was changed; it was disabled, or enabled again.
    AccountChanged,
    /// A one-time link to set its password was made.
    LinkMade,
    /// Its password was set.
    PasswordSet,
    /// It asks for a code of an authenticator now.
    TotpSet,
    /// It asks for none any more.
    TotpRemoved,
    /// A sign-in at an OpenID provider was joined to it.
    IdentityJoined,
    /// It was taken from it.
    IdentityRemoved,
    /// Somebody signed in.
    SignedIn,
    /// Somebody gave a wrong password or code.
    SignInFailed,
    /// An operator began to act on behalf of an organisation.
    BehalfBegun,
    /// A token was made.
    TokenAdded,
    /// A token was revoked.
    TokenRevoked,
    /// What is on offer was changed.
    OfferChanged,
    /// The connection to a domain's own server was tested.
    ConnectionTested,
    /// An operator set a delivery level that no test has shown to hold.
    LevelUntested,
}

/// What it was done to.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'s> {
    /// A domain, by its name.
    Domain(&'s str),
    /// An organisation.
    Organisation {
        /// Its id.
        id: &'s str,
        /// Its name.
        name: &'s str,
    },
    /// An account.
    Account {
        /// Its id.
        id: &'s str,
        /// Its login.
        login: &'s str,
    },
    /// A token.
    Token {
        /// Its id.
        id: &'s str,
        /// Its name.
        name: &'s str,
    },
    /// What is on offer.
    Offer,
}

impl Subject<'_> {
    fn id_and_name(&self) -> (&str, &str) {
        match self {
            Self::Domain(name) => (name, name),
            Self::Organisation { id, name } | Self::Token { id, name } => (id, name),
            Self::Account { id, login } => (id, login),
            Self::Offer => ("offer", "offer"),
        }
    }
}

/// What is to be written down.
#[derive(Clone, Debug)]
pub struct Entry<'e> {
    /// What was done.
    pub action: Action,
    /// To what.
    pub subject: Subject<'e>,
    /// The organisation whose matter it is; none: the operator's.
    pub organisation: Option<&'e str>,
    /// How it was before; none: it was not there.
    pub before: Option<Json>,
    /// How it is now; none: it has gone.
    pub after: Option<Json>,
    /// The row whose change was undone.
    pub undoes: Option<i64>,
}

/// A value as the log keeps it.
#[must_use]
pub fn json(value: &impl Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// Writes a row.
///
/// # Errors
///
/// Those of the database.
pub fn write(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    now: Timestamp,
    entry: Entry<'_>,
) -> Result<(), OpError> {
    write_all(transaction, vec![row(actor, now, entry)])
}

/// A row as it is written.
pub(super) fn row(actor: &Actor, now: Timestamp, entry: Entry<'_>) -> Vec<Value> {
    let (subject, subject_name) = entry.subject.id_and_name();
    let (action, via): (&str, &str) = (entry.action.into(), actor.via.into());
    // An operator's change of an organisation's matter is on its behalf, whether or not he said so first.
    let behalf = match entry.organisation {
        Some(_) if actor.organisation.is_none() => entry.organisation.map(str::to_owned),
        _ => None,
    };
    let text = |json: Option<Json>| json.map(|json| json.to_string());
    bind![
        now,
        actor.account.clone(),
        &*actor.login,
        behalf,
        via,
        &*actor.address,
        action,
        subject,
        subject_name,
        entry.organisation,
        text(entry.before),
        text(entry.after),
        entry.undoes
    ]
    .to_vec()
}

/// Writes rows, in this order.
///
/// # Errors
///
/// Those of the database.
pub(super) fn write_all(
    transaction: &mut Transaction<'_>,
    rows: Vec<Vec<Value>>,
) -> Result<(), OpError> {
    let sql = "INSERT INTO audit (at, account, actor, behalf, via, address, action, subject, subject_name,
         organisation, before, after, undoes) VALUES {rows}";
    Ok(transaction.execute_many(sql, rows)?)
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// Its number: later rows have higher ones.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: the login.
    pub actor: String,
    /// The name of the organisation that an operator did it on behalf of.
    pub behalf: Option<String>,
    /// By what.
    pub via: Via,
    /// From which address.
    pub address: String,
    /// What was done.
    pub action: Action,
    /// To what: a domain, or an id.
    pub subject: String,
    /// How people call that.
    pub subject_name: String,
    /// The id of the organisation whose matter it is.
    pub organisation: Option<String>,
    /// And its name, while it is there.
    pub organisation_name: Option<String>,
    /// How it was before.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Json>,
    /// How it was afterwards.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Json>,
    /// The row whose change was undone.
    pub undoes: Option<i64>,
}

impl AuditRow {
    /// The fields that differ: name, before, after; each as text, empty where there was none.
    #[must_use]
    pub fn differences(&self) -> Vec<(String, String, String)> {
        let null = Json::Null;
        differences(self.before.as_ref().unwrap_or(&null), self.after.as_ref().unwrap_or(&null))
    }

    /// Whether the change can be undone from here: what an organisation chose for a domain.
    #[must_use]
    pub fn is_undoable(&self) -> bool {
        matches!(self.action, Action::DomainSwitched | Action::DomainChanged)
    }
}

/// The fields in which two objects differ: name, before, after; each as text, empty where there is none.
#[must_use]
pub fn differences(before: &Json, after: &Json) -> Vec<(String, String, String)> {
    let none = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&none), after.as_object().unwrap_or(&none));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let text = |value: Option<&Json>| match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differing.map(|name| (name.clone(), text(before.get(name)), text(after.get(name)))).collect()
}

/// What is looked for. Whose rows these can be is not in it: the actor decides that.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only rows about this domain or id.
    pub subject: Option<String>,
    /// Only of this action.
    pub action: Option<Action>,
    /// Only what this login did.
    pub actor: Option<String>,
    /// Of an operator: only matters of this organisation.
    pub organisation: Option<String>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Up to this moment.
    pub until: Option<Timestamp>,
    /// Rows before the one of this number.
    pub before: Option<i64>,
    /// At most so many; at most 10,000.
    pub limit: Option<i64>,
}

/// A part of the log.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AuditList {
    /// The latest first.
    pub rows: Vec<AuditRow>,
    /// The `before` of the next part; none: there is none.
    pub next: Option<i64>,
}

const SELECT: &str =
    "SELECT a.id, a.at, a.actor, b.name, a.via, a.address, a.action, a.subject, a.subject_name,
     a.organisation, o.name, a.before, a.after, a.undoes FROM audit a
     LEFT JOIN organisation o ON o.id = a.organisation LEFT JOIN organisation b ON b.id = a.behalf";

fn read(row: &Row) -> Result<AuditRow, OpError> {
    let foreign = |what: &str| {
        crate::store::StoreError::Foreign(format!("a row of the audit log with {what}"))
    };
    let json = |number| -> Result<Option<Json>, OpError> {
        let text: Option<String> = row.get(number)?;
        Ok(text.map(|text| serde_json::from_str(&text).unwrap_or(Json::String(text))))
    };
    let (via, action): (String, String) = (row.get(4)?, row.get(6)?);
    Ok(AuditRow {
        id: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        behalf: row.get(3)?,
        via: via.parse().map_err(|_| foreign("an unknown way"))?,
        address: row.get(5)?,
        action: action.parse().map_err(|_| foreign("an unknown action"))?,
        subject: row.get(7)?,
        subject_name: row.get(8)?,
        organisation: row.get(9)?,
        organisation_name: row.get(10)?,
        before: json(11)?,
        after: json(12)?,
        undoes: row.get(13)?,
    })
}

/// How many rows a page of the log has.
pub const PAGE: i64 = 100;

/// The rows that the actor may see: an organisation sees its own matters, an operator all.
///
/// # Errors
///
/// [`super::Denied`] for a token without the scope `read`.
pub fn search(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    query: &AuditQuery,
) -> Result<AuditList, OpError> {
    actor.needs(Scope::Read)?;
    let organisation = match actor.acting_for() {
        Some(organisation) => Some(organisation.to_owned()),
        None => {
            Operator::check(actor)?;
            query.organisation.clone()
        }
    };
    let limit = query.limit.unwrap_or(PAGE).clamp(1, 10_000);
    let action: Option<&str> = query.action.map(Into::into);
    let conditions = Conditions::default()
        .and("a.organisation = $", organisation)
        .and("(a.subject = $ OR a.subject_name = $)", query.subject.clone())
        .and("a.action = $", action)
        .and("a.actor = $", query.actor.clone())
        .and("a.at >= $", query.since)
        .and("a.at < $", query.until)
        .and("a.id < $", query.before);
    let found = conditions.sql().to_owned();
    let (values, limited) = conditions.limited(limit + 1);
    let sql = format!("{SELECT} WHERE {found} ORDER BY a.id DESC {limited}");
    let mut rows: Vec<AuditRow> =
        transaction.query(&sql, &values)?.iter().map(read).collect::<Result<_, _>>()?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or_default());
    let next = rows.last().filter(|_| more).map(|row| row.id);
    Ok(AuditList { rows, next })
}

/// The headings of the log as CSV.
const HEADINGS: [&str; 14] = [
    "id",
    "at",
    "actor",
    "behalf",
    "via",
    "address",
    "action",
    "subject",
    "subject_name",
    "organisation",
    "organisation_name",
    "before",
    "after",
    "undoes",
];

/// Rows as CSV, the latest first.
///
/// # Errors
///
/// None but those of memory.
pub fn to_csv(rows: &[AuditRow]) -> Result<String, OpError> {
    let failed = |error: ::csv::Error| OpError::Unavailable(error.to_string());
    let mut csv = ::csv::Writer::from_writer(Vec::new());
    csv.write_record(HEADINGS).map_err(failed)?;
    for row in rows {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let json = |json: &Option<Json>| json.as_ref().map(Json::to_string).unwrap_or_default();
        let (via, action): (&str, &str) = (row.via.into(), row.action.into());
        let cells = [
            row.id.to_string(),
            row.at.to_string(),
            row.actor.clone(),
            text(&row.behalf),
            via.to_owned(),
            row.address.clone(),
            action.to_owned(),
            row.subject.clone(),
            row.subject_name.clone(),
            text(&row.organisation),
            text(&row.organisation_name),
            json(&row.before),
            json(&row.after),
            row.undoes.map(|row| row.to_string()).unwrap_or_default(),
        ];
        csv.write_record(cells.iter().map(|cell| safe_cell(cell.to_string()))).map_err(failed)?;
    }
    let octets = csv.into_inner().map_err(|error| OpError::Unavailable(error.to_string()))?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// One row, if the actor may see it.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub fn get(transaction: &mut Transaction<'_>, actor: &Actor, id: i64) -> Result<AuditRow, OpError> {
    actor.needs(Scope::Read)?;
    let row = transaction.first(&format!("{SELECT} WHERE a.id = $1"), bind![id])?;
    let row = read(&row.ok_or(OpError::NotFound)?)?;
    match actor.acting_for() {
        None if actor.is_operator() => Ok(row),
        Some(organisation) if row.organisation.as_deref() == Some(organisation) => Ok(row),
        _ => Err(OpError::NotFound),
    }
}
