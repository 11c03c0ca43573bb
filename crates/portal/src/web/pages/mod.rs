//! The pages themselves: what people see, in English and German.
//!
//! - `words`: all texts; `shown`: texts from outside, as they can be seen.
//! - `layout.html`, `shell`, `around`: what stands around each page. `parts.html`, `page`: what several
//!   pages have.
//! - a folder a section, a file a page: its content as a struct, its template beside it, its handlers.
//! - `assets`: style sheets and scripts; nothing of these is inline.
//!
//! Every change is a POST, answered by a redirect; what was done is then told from the audit log.

/// Says to which section of the head a page belongs.
macro_rules! section {
    ($page:ident, $section:ident) => {
        impl $page {
            fn section(&self) -> crate::web::pages::shell::Section {
                crate::web::pages::shell::Section::$section
            }
        }
    };
}

mod account;
mod around;
mod assets;
mod delivery;
mod domain;
mod failure;
mod operator;
mod page;
mod report;
mod shell;
mod shown;
mod sign_in;
mod ways;
mod words;

#[cfg(test)]
mod gallery;

pub(super) use failure::{nowhere, shown};

use super::route::Route;

/// All of them.
#[must_use]
pub fn routes() -> Vec<Route> {
    let sections = [
        assets::routes(),
        sign_in::routes(),
        domain::routes(),
        delivery::routes(),
        report::routes(),
        account::routes(),
        operator::routes(),
    ];
    sections.into_iter().flatten().collect()
}
