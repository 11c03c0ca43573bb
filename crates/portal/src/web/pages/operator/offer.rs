//! What organisations may choose themselves.

use crate::app::{App, now};
use crate::ops::Operator;
use crate::ops::offer::{self, Offer, VersionedOffer};
use crate::web::pages::around::Around;
use crate::web::pages::page::{Problem, Result, answer, see};
use crate::web::pages::shell::Shell;
use crate::web::pages::shown::Shown;
use crate::web::{Access, Route};
use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use policy::Mode;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/offer", Access::Operator, show),
        Route::post("/offer", Access::Operator, setting),
    ]
}

/// What organisations may choose.
#[derive(Template)]
#[template(path = "web/pages/operator/offer.html")]
pub(in crate::web::pages) struct OfferPage {
    pub shell: Shell,
    pub problem: Option<Problem>,
    pub version: i64,
    /// Of which kind, and what.
    pub offers: Vec<(&'static str, Vec<Offered>)>,
}
section!(OfferPage, Organisations);

pub(in crate::web::pages) struct Offered {
    pub name: &'static str,
    pub value: Shown,
    pub title: Shown,
    pub about: String,
    pub chosen: bool,
}

async fn show(State(app): State<App>, around: Around, _: Operator) -> Result {
    let VersionedOffer { offer, version } = app.read(offer::get).await?;
    // Without the gateway's policy, what is on offer now can still be taken back.
    let all = app.look(|gateway| gateway.requirements()).await.unwrap_or_default();
    let words = around.words;
    let text = &words.offer;
    let offered = |name, value: &str, title: &str, about: String, chosen| Offered {
        name,
        value: value.into(),
        title: title.into(),
        about,
        chosen,
    };
    let modes = [Mode::Monitor, Mode::Enforce].map(|mode| {
        let does = words.mode_does(mode).to_owned();
        offered("mode", mode.name(), words.mode(mode), does, offer.has_mode(mode))
    });
    let mut requirements: Vec<Offered> = all
        .iter()
        .map(|one| {
            let chosen = offer.requirements.contains(&one.name);
            offered("require", &one.name, &one.name, words.requirement_text(one), chosen)
        })
        .collect();
    let unknown =
        offer.requirements.iter().filter(|name| !all.iter().any(|one| one.name == **name));
    requirements.extend(unknown.map(|name| offered("require", name, name, String::new(), true)));
    let more = vec![
        offered(
            "exceptions",
            "yes",
            text.exceptions,
            text.exceptions_hint.into(),
            offer.exceptions,
        ),
        offered("deliver", "yes", text.deliver, text.deliver_hint.into(), offer.deliver),
    ];
    let page = OfferPage {
        shell: around.shell(),
        problem: None,
        version,
        offers: vec![
            (text.modes, modes.into()),
            (text.requirements, requirements),
            (text.more, more),
        ],
    };
    Ok(answer(StatusCode::OK, &page))
}

async fn setting(
    State(app): State<App>,
    operator: Operator,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result {
    let mut version = -1;
    let mut offer = Offer {
        modes: vec!["off".into()],
        requirements: vec![],
        exceptions: false,
        deliver: false,
    };
    for (field, value) in pairs {
        match &*field {
            "version" => version = value.parse().unwrap_or(version),
            "mode" => offer.modes.push(value),
            "require" => offer.requirements.push(value),
            "exceptions" => offer.exceptions = true,
            "deliver" => offer.deliver = true,
            _ => {}
        }
    }
    app.write(move |transaction| offer::set(transaction, &operator, version, &offer, now()))
        .await?;
    Ok(see("/organisations"))
}
