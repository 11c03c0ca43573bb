//! Accounts: for operators. Passwords and authenticators are each account's own matter, in the pages.

use super::body::{Body, Parameters};
use super::caller::Caller;
use super::once::{Answer, Asked, once};
use super::problem::Problem;
use crate::app::{App, now};
use crate::ops::accounts::{self, Account, AccountChange, NewAccount};
use crate::ops::{OpError, Operator, Role};
use crate::schema::LanguageTag;
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use policy::Language;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// Only those of this organisation (its id).
    organisation: Option<String>,
}

/// Accounts, by login
#[utoipa::path(get, path = "/accounts", tag = "operator", operation_id = "accounts", params(ListParameters), responses(
    (status = 200, body = Vec<Account>),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Parameters(query): Parameters<ListParameters>,
) -> Result<Json<Vec<Account>>, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let list = move |transaction: &mut crate::store::Transaction<'_>| {
        accounts::list(transaction, &operator, query.organisation.as_deref())
    };
    Ok(Json(app.read(list).await?))
}

#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountForm {
    /// A mail address, or another name.
    #[schema(min_length = 1, max_length = 200)]
    login: String,
    /// What it is for.
    role: Role,
    /// The id of its organisation; none for operators.
    organisation: Option<String>,
    /// The language of its pages.
    #[schema(value_type = Option<LanguageTag>)]
    language: Option<String>,
}

/// An account, and the link by which its password is set. It is shown once.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Invited {
    /// The account.
    account: Account,
    /// The link: it works once, for two days.
    link: String,
}

fn language(text: Option<&str>) -> Result<Option<Language>, OpError> {
    let parsed = text.map(str::parse).transpose();
    parsed
        .map_err(|_| OpError::invalid("language", "there is no such language", "there are: en, de"))
}

/// Make an account, and the link by which its password is set
#[utoipa::path(post, path = "/accounts", tag = "operator", operation_id = "add_account", request_body = AccountForm,
    responses((status = 201, body = Invited),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    body: Body<AccountForm>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let form = body.value;
    let new = NewAccount {
        language: language(form.language.as_deref())?.unwrap_or_default(),
        login: form.login,
        role: form.role,
        organisation: form.organisation,
    };
    let made =
        app.write(move |transaction| accounts::add(transaction, &operator, &new, now())).await;
    let (account, secret) = made?;
    let invited = Invited { account, link: app.link(&secret) };
    Ok((StatusCode::CREATED, Json(invited)).into_response())
}

/// An account
#[utoipa::path(get, path = "/accounts/{id}", tag = "operator", operation_id = "account", params(("id" = String, Path)),
    responses((status = 200, body = Account),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let found = app.read(move |transaction| accounts::get(transaction, &operator, &id)).await?;
    Ok(([(header::ETAG, format!("\"{}\"", found.version))], Json(found)).into_response())
}

#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeForm {
    /// The role, within the organisation.
    role: Option<Role>,
    /// The language of its pages.
    #[schema(value_type = Option<LanguageTag>)]
    language: Option<String>,
    /// Whether nobody can sign in with it.
    disabled: Option<bool>,
}

/// Change an account
#[utoipa::path(patch, path = "/accounts/{id}", tag = "operator", operation_id = "change_account",
    request_body = ChangeForm, params(("id" = String, Path),
        ("If-Match" = Option<String>, Header, pattern = "^([*]|\"[0-9]{1,18}\")$", description = "The ETag that was seen")), responses(
    (status = 200, body = Account),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    Path(id): Path<String>,
    body: Body<ChangeForm>,
) -> Result<Response, Problem> {
    let operator = Operator::check(&caller.actor)?;
    let form = body.value;
    let language = language(form.language.as_deref())?;
    let change = AccountChange { role: form.role, language, disabled: form.disabled };
    let version = asked.version()?;
    once(&app, &caller, &asked, &body.octets, move |transaction| {
        let account = accounts::change(transaction, &operator, &id, version, change, now())?;
        Ok(Answer::new(StatusCode::OK, &account).version(account.version))
    })
    .await
}
