//! Changes: done once under an `Idempotency-Key`, and only to what the asker has seen (`If-Match`).

use super::caller::Caller;
use super::problem::Problem;
use crate::app::{App, now};
use crate::bind;
use crate::ops::{OpError, tokens};
use crate::secret::hexadecimal;
use crate::store::Transaction;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::ToSpan;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// How long an answer is kept, in hours.
const KEPT_HOURS: i64 = 24;
/// The longest key.
const LONGEST_KEY: usize = 255;

/// What a change is asked under.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    headers: HeaderMap,
    /// Method and path.
    what: String,
}

impl FromRequestParts<App> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let what = format!("{} {}", parts.method, parts.uri);
        Ok(Self { headers: parts.headers.clone(), what })
    }
}

impl Asked {
    /// The version that the asker has seen; none: whatever there is.
    pub fn version(&self) -> Result<Option<i64>, Problem> {
        let Some(value) = self.headers.get(header::IF_MATCH) else { return Ok(None) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(None);
        }
        let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let number = number.and_then(|number| number.parse().ok());
        number.map(Some).ok_or_else(|| {
            Problem::malformed("`If-Match` holds one ETag as it was given, such as \"3\", or *")
        })
    }

    fn key(&self) -> Result<Option<String>, Problem> {
        let Some(value) = self.headers.get("idempotency-key") else { return Ok(None) };
        let key = value.to_str().unwrap_or_default().trim().trim_matches('"');
        if key.is_empty() || key.len() > LONGEST_KEY {
            let detail =
                format!("`Idempotency-Key` has 1 to {LONGEST_KEY} visible ASCII characters");
            return Err(Problem::malformed(detail));
        }
        Ok(Some(key.to_owned()))
    }

    /// What was asked, so that another question under the same key is seen.
    fn print(&self, body: &[u8]) -> String {
        let mut hash = Sha256::new();
        let matched = self.headers.get(header::IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes);
        let behalf = self.headers.get("on-behalf-of").map_or(&b""[..], HeaderValue::as_bytes);
        for part in [self.what.as_bytes(), matched, behalf, body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hexadecimal(&hash.finalize())
    }
}

/// What is answered to a change that was done.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: String,
    etag: Option<String>,
}

impl Answer {
    pub fn new(status: StatusCode, body: &impl Serialize) -> Self {
        Self { status, body: crate::ops::audit::json(body).to_string(), etag: None }
    }

    pub fn none() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: String::new(), etag: None }
    }

    pub fn version(self, version: i64) -> Self {
        Self { etag: Some(format!("\"{version}\"")), ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::NO_CONTENT {
            headers.remove(header::CONTENT_TYPE);
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(etag) = self.etag.and_then(|etag| etag.parse().ok()) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

/// Says that an answer is one of before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Does a change. Under an `Idempotency-Key`, the same question gets the same answer for a day, and
/// the change is done once: both are written in one transaction.
pub(super) async fn once(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    body: &[u8],
    mut operation: impl FnMut(&mut Transaction<'_>) -> Result<Answer, OpError> + Send + 'static,
) -> Result<Response, Problem> {
    let token = caller.token.clone();
    let Some(key) = asked.key()? else {
        let answer = app
            .write(move |transaction| {
                tokens::note_use(transaction, &token, now())?;
                operation(transaction)
            })
            .await?;
        return Ok(answer.into_response());
    };
    let print = asked.print(body);
    let (answer, replayed) = app
        .write(move |transaction| {
            tokens::note_use(transaction, &token, now())?;
            if let Some(answer) = of_before(transaction, &token, &key, &print)? {
                return Ok((answer, true));
            }
            let answer = operation(transaction)?;
            keep(transaction, &token, &key, &print, &answer)?;
            Ok((answer, false))
        })
        .await?;
    let mut response = answer.into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn of_before(
    transaction: &mut Transaction<'_>,
    token: &str,
    key: &str,
    print: &str,
) -> Result<Option<Answer>, OpError> {
    let since = now() - KEPT_HOURS.hours();
    let sql = "DELETE FROM answered WHERE token = $1 AND at < $2";
    transaction.execute(sql, bind![token, since])?;
    let sql = "SELECT request, status, answer, etag FROM answered WHERE token = $1 AND idempotency_key = $2";
    let Some(row) = transaction.first(sql, bind![token, key])? else { return Ok(None) };
    if row.get::<String>(0)? != print {
        let help = "take a new key for each change";
        let message = "this key was used for another request";
        return Err(OpError::invalid("Idempotency-Key", message, help));
    }
    let status = u16::try_from(row.get::<i64>(1)?).unwrap_or_default();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(Some(Answer { status, body: row.get(2)?, etag: row.get(3)? }))
}

fn keep(
    transaction: &mut Transaction<'_>,
    token: &str,
    key: &str,
    print: &str,
    answer: &Answer,
) -> Result<(), OpError> {
    let sql = "INSERT INTO answered (token, idempotency_key, request, status, answer, etag, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let status = i64::from(answer.status.as_u16());
    let values = bind![token, key, print, status, &*answer.body, answer.etag.clone(), now()];
    transaction.execute(sql, values)?;
    Ok(())
}
