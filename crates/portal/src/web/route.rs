//! A route, and who may use it.

use super::error::PageError;
use super::extract::{self, SignedIn};
use crate::app::App;
use crate::ops::{Denied, Role};
use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, get, post},
};

/// How a page is asked for. Everything that changes something is POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// To see.
    Get,
    /// To change.
    Post,
}

/// Who may use a route. What object it is about is checked by the handler's own arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Everybody,
    /// Who gave the right password and still owes the code of the authenticator.
    OwesCode,
    /// Who has signed in.
    SignedIn,
    /// Who may change domains: administrators, and operators.
    MayChange,
    /// Operators.
    Operator,
}

/// A route.
pub struct Route {
    /// Its path, as axum has it: `/domains/{domain}`.
    pub path: &'static str,
    /// How it is asked for.
    pub method: Method,
    /// Who may use it.
    pub access: Access,
    handler: MethodRouter<App>,
}

impl Route {
    /// A page that is seen.
    pub fn get<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self {
        Self { path, method: Method::Get, access, handler: get(handler) }
    }

    /// A form that is sent.
    pub fn post<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self {
        Self { path, method: Method::Post, access, handler: post(handler) }
    }

    pub(super) fn add_to(self, router: Router<App>, app: &App) -> Router<App> {
        let guard = from_fn_with_state((app.clone(), self.access), guard);
        router.route(self.path, self.handler.layer(guard))
    }
}

/// Finds out who asks, and lets through whom the route is for.
async fn guard(
    State((app, access)): State<(App, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if access == Access::Everybody {
        return next.run(request).await;
    }
    let session = match extract::session(&app, request.headers()).await {
        Ok(session) => session,
        Err(error) => return PageError::from(error).into_response(),
    };
    let Some(session) = session else { return to_sign_in(&request) };
    if session.half != (access == Access::OwesCode) {
        let to = if session.half { "/sign-in/code" } else { "/" };
        return Redirect::to(to).into_response();
    }
    let role = session.actor.role;
    let denied = match access {
        Access::Everybody | Access::OwesCode | Access::SignedIn => None,
        Access::MayChange => (role == Role::Reader).then_some(Denied::ReadOnly),
        Access::Operator => (role != Role::Operator).then_some(Denied::OperatorOnly),
    };
    if let Some(denied) = denied {
        return PageError::from(denied).into_response();
    }
    request.extensions_mut().insert(SignedIn::of(session));
    next.run(request).await
}

/// Sends to the sign-in, and back from there to a page that can be seen.
fn to_sign_in(request: &Request) -> Response {
    let path = request.uri().path();
    if request.method() == axum::http::Method::GET && path != "/" {
        let next: String = path
            .bytes()
            .map(|octet| match octet {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' => {
                    char::from(octet).to_string()
                }
                octet => format!("%{octet:02X}"),
            })
            .collect();
        return Redirect::to(&format!("/sign-in?next={next}")).into_response();
    }
    Redirect::to("/sign-in").into_response()
}
