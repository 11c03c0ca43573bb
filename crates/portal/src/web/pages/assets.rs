//! Style sheets and the script: files of their own, so that pages need no inline code, with names made
//! of their content, so that browsers may keep them for ever.

use crate::web::{Access, Route};
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use policy::Language;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/assets/{file}", Access::Everybody, file),
        Route::get("/favicon.ico", Access::Everybody, icon),
    ]
}

async fn file(Path(name): Path<String>) -> Response {
    Assets::get().find(&name).map_or_else(|| StatusCode::NOT_FOUND.into_response(), sent)
}

/// Browsers ask for it on their own, also beside a file.
async fn icon() -> Response {
    sent(&Assets::get().icon)
}

/// With other content it has another name.
fn sent(asset: &'static Asset) -> Response {
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.content.as_str()).into_response()
}

/// The portal's own; the look of the house comes from the report's page.
const STYLE: &str = include_str!("assets/portal.css");
const SCRIPT: &str = include_str!("assets/portal.js");
const ICON: &str = include_str!("assets/icon.svg");

/// A file.
pub(super) struct Asset {
    /// Its path, with a part of its hash.
    pub path: String,
    /// Its media type.
    pub kind: &'static str,
    /// What is in it.
    pub content: String,
}

/// All files.
pub(super) struct Assets {
    /// The style sheet in English, and in German.
    styles: [Asset; 2],
    /// The portal's script.
    pub script: Asset,
    /// What sorts and searches reports.
    pub report_script: Asset,
    /// The picture beside the title in browsers.
    pub icon: Asset,
}

impl Assets {
    /// The files of this program.
    pub fn get() -> &'static Self {
        static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
            styles: [Language::English, Language::German].map(style),
            script: asset("portal", "js", SCRIPT.into()),
            report_script: asset("report", "js", pages::report::SCRIPT.into()),
            icon: asset("icon", "svg", ICON.into()),
        });
        &ASSETS
    }

    /// The style sheet in a language: on narrow pages it names the columns of reports.
    #[must_use]
    pub fn style(&self, tag: &str) -> &Asset {
        let [english, german] = &self.styles;
        if tag == <&str>::from(Language::German) { german } else { english }
    }

    /// The file with this name.
    fn find(&self, name: &str) -> Option<&Asset> {
        let [english, german] = &self.styles;
        let all = [english, german, &self.script, &self.report_script, &self.icon];
        all.into_iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(name))
    }
}

fn style(language: Language) -> Asset {
    // The template has nothing in it that can fail.
    let labels = pages::report::labels(language).unwrap_or_default();
    let content = format!("{}\n{labels}\n{STYLE}", pages::report::STYLE);
    asset(<&str>::from(language), "css", content)
}

fn asset(name: &str, ending: &str, content: String) -> Asset {
    let hash = Sha256::digest(content.as_bytes());
    let hash: String = hash.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    let kind = match ending {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        _ => "image/svg+xml",
    };
    Asset { path: format!("/assets/{name}-{hash}.{ending}"), kind, content }
}
