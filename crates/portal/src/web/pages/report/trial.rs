//! Would a message from this server, over this TLS, be taken?

use super::Selectable;
use crate::app::{App, now};
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use crate::ops::insight::{self, Question};
use crate::web::pages::around::Around;
use crate::web::pages::domain::Named;
use crate::web::pages::page::{Problem, Result, answer};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::pages::words::{Words, fill, version};
use crate::web::{Access, Route};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use policy::explanation::Explanation;
use policy::requirement::CipherName;
use policy::tls::Version;
use policy::{Decision, ReasonKind};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/domains/{domain}/test", Access::SignedIn, trial)]
}

/// The page.
#[derive(Template)]
#[template(path = "web/pages/report/trial.html")]
pub(in crate::web::pages) struct TrialPage {
    pub shell: Shell,
    pub domain: Named,
    pub problem: Option<Problem>,
    pub answer: Option<Answer>,
    pub sender: Shown,
    pub client: Shown,
    pub sessions: Vec<Selectable>,
    pub cipher: Shown,
}
section!(TrialPage, Domains);

pub(in crate::web::pages) struct Answer {
    pub class: &'static str,
    pub verdict: &'static str,
    pub because: Shown,
    /// What the server would be told; empty where nothing special.
    pub reply: Shown,
    pub entry: Shown,
    pub requirement: Shown,
}

#[derive(Clone, Default, Deserialize)]
struct TrialQuery {
    #[serde(default)]
    sender: String,
    #[serde(default)]
    client: String,
    /// A version; `none`. Without it, nothing is asked yet.
    tls: Option<String>,
    #[serde(default)]
    cipher: String,
}

/// The versions of TLS that can be asked about, each with a cipher suite that is usual in it.
const USUAL: [(Version, &str); 5] = [
    (Version::Tlsv1_3, "TLS_AES_256_GCM_SHA384"),
    (Version::Tlsv1_2, "ECDHE-RSA-AES256-GCM-SHA384"),
    (Version::Tlsv1_1, "ECDHE-RSA-AES256-SHA"),
    (Version::Tlsv1, "ECDHE-RSA-AES256-SHA"),
    (Version::Sslv3, "AES256-SHA"),
];

/// The question, as the judge takes it; none: there is no such suite.
fn question(asked: &TrialQuery) -> Option<Question> {
    let mut question = Question {
        sender: asked.sender.clone(),
        client: Some(asked.client.clone()),
        ..Question::default()
    };
    let wanted = asked.tls.as_deref().unwrap_or_default();
    let Some((version, usual)) =
        USUAL.into_iter().find(|(version, _)| version.to_string() == wanted)
    else {
        return Some(question);
    };
    let named = asked.cipher.trim();
    let cipher: CipherName = if named.is_empty() { usual } else { named }.parse().ok()?;
    let suite = cipher.suites().next()?;
    question.tls_version = Some(version.to_string());
    question.cipher = Some(suite.name.to_owned());
    question.cipher_bits = Some(suite.strength_bits);
    Some(question)
}

async fn trial(
    State(app): State<App>,
    around: Around,
    domain: OwnedDomain,
    Query(asked): Query<TrialQuery>,
) -> Result {
    let words = around.words;
    let mut page = TrialPage {
        shell: around.shell(),
        domain: Named::of(&domain),
        problem: None,
        answer: None,
        sender: asked.sender.as_str().into(),
        client: asked.client.as_str().into(),
        sessions: sessions(&asked, words),
        cipher: asked.cipher.as_str().into(),
    };
    if asked.tls.is_none() {
        return Ok(answer(StatusCode::OK, &page));
    }
    let Some(question) = question(&asked) else {
        page.problem = Some(Problem::new("cipher", words.trial.cipher_wrong));
        return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let of = domain.clone();
    match app
        .look_long(domain.actor(), move |gateway| insight::explain(gateway, &of, &question, now()))
        .await
    {
        Ok(explanation) => page.answer = Some(told(&explanation, words)),
        Err(OpError::Invalid(_)) => {
            page.problem = Some(Problem::new("client", words.trial.client_wrong));
            return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(answer(StatusCode::OK, &page))
}

fn sessions(asked: &TrialQuery, words: &Words) -> Vec<Selectable> {
    let text = &words.trial;
    let mut sessions = vec![("none".to_owned(), text.plaintext.to_owned(), false)];
    sessions.extend(USUAL.map(|(one, _)| {
        let chosen = asked.tls.as_deref() == Some(&one.to_string());
        (one.to_string(), fill(text.encrypted, &[("version", &version(one))]), chosen)
    }));
    sessions
}

fn told(explanation: &Explanation, words: &Words) -> Answer {
    let conclusion = &explanation.conclusion;
    let text = &words.trial;
    let (class, verdict) = match conclusion.verdict {
        Decision::Accept => ("enforce", text.accept),
        Decision::WouldRefuse => ("monitor", text.would_refuse),
        Decision::Refuse => ("refuse", text.refuse),
    };
    // An exception's reason is in the organisation's own words.
    let because = match conclusion.reason {
        ReasonKind::Exception => conclusion.detail.clone(),
        kind => words.why(kind, &conclusion.detail),
    };
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    Answer {
        class,
        verdict,
        because: because.into(),
        reply: text(&conclusion.reply),
        entry: text(&conclusion.entry),
        requirement: text(&conclusion.requirement),
    }
}
