//! One partner's story, in words: alike in tables and on pages.

use crate::hops::pick;
use ledger::story::{Change, Session};
use policy::Language;

/// How mail came: `TLSv1.3, TLS_AES_256_GCM_SHA384`; `not encrypted`.
#[must_use]
pub fn session(session: &Session, language: Language) -> String {
    let version = version(&session.version, language);
    match &*session.cipher {
        "none" | "unknown" | "not-said" => version.into(),
        cipher => format!("{version}, {cipher}"),
    }
}

/// What changed: `TLSv1.3; before: not encrypted`.
#[must_use]
pub fn change(change: &Change, language: Language) -> String {
    let list = |versions: &[String]| {
        let all = versions.iter().map(|one| version(one, language)).collect::<Vec<_>>();
        all.join(pick(language, [" and ", " und "]))
    };
    let before = pick(language, ["before", "vorher"]);
    format!("{}; {before}: {}", list(&change.after), list(&change.before))
}

fn version(version: &str, language: Language) -> &str {
    match version {
        "none" => pick(language, ["not encrypted", "nicht verschlüsselt"]),
        "failed" => pick(
            language,
            ["not encrypted, TLS was tried", "nicht verschlüsselt, TLS wurde versucht"],
        ),
        "encrypted" => pick(language, ["TLS, version not known", "TLS, Version nicht bekannt"]),
        "unknown" => pick(language, ["not known", "nicht bekannt"]),
        version => version,
    }
}
