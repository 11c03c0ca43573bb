//! What pages say, by language.
//!
//! Each text stands beside its translation. The macro makes a struct of them with one value a
//! language, so that a text that one language lacks, or a name that nobody wrote, does not compile.

mod account;
mod audit;
mod delivery;
mod domain;
mod known;
mod operator;
mod provider;
mod shell;
mod sign_in;
mod switch;
mod trial;

pub(super) use known::version;

use policy::Language;

/// Declares the texts of a page: `name: "in English" | "auf Deutsch";`. Two texts in brackets are for
/// one and for several of something. `{name}` is filled in by [`fill`].
macro_rules! words {
    (@type [$one:literal, $many:literal]) => { pages::text::Counted };
    (@type $text:literal) => { &'static str };
    (@value [$one:literal, $many:literal]) => { pages::text::Counted { one: $one, many: $many } };
    (@value $text:literal) => { $text };
    ($(#[$about:meta])* $name:ident { $($field:ident: $english:tt | $german:tt;)+ }) => {
        $(#[$about])*
        #[cfg_attr(test, derive(Debug))]
        pub(in crate::web::pages) struct $name {
            $(pub $field: words!(@type $english),)+
        }

        impl $name {
            pub(super) const ENGLISH: Self = Self { $($field: words!(@value $english),)+ };
            pub(super) const GERMAN: Self = Self { $($field: words!(@value $german),)+ };
        }
    };
}
use words;

macro_rules! all {
    ($($field:ident: $type:path,)+) => {
        /// All that pages say in one language.
        #[cfg_attr(test, derive(Debug))]
        pub(super) struct Words {
            pub language: Language,
            $(pub $field: $type,)+
        }

        const ENGLISH: Words =
            Words { language: Language::English, $($field: <$type>::ENGLISH,)+ };
        const GERMAN: Words = Words { language: Language::German, $($field: <$type>::GERMAN,)+ };
    };
}

all! {
    shell: shell::Shell,
    form: shell::Form,
    errors: shell::Errors,
    sign_in: sign_in::SignIn,
    link: sign_in::Link,
    provider: provider::Provider,
    domains: domain::Domains,
    domain: domain::Domain,
    change: domain::Change,
    delivery: delivery::Delivery,
    force: switch::Force,
    switch: switch::Switch,
    trial: trial::Trial,
    partner: trial::Partner,
    report: trial::Report,
    account: account::Account,
    tokens: account::Tokens,
    totp: account::Totp,
    audit: audit::Audit,
    organisations: operator::Organisations,
    organisation: operator::Organisation,
    offer: operator::Offer,
    person: operator::Person,
    sheet: operator::Sheet,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    /// One of two, in this language.
    fn one<T>(&self, english: T, german: T) -> T {
        match self.language {
            Language::English => english,
            Language::German => german,
        }
    }
}

/// A text with its places filled in: `{name}` by the value of that name. What a value says is never
/// taken for a place.
pub(super) fn fill(text: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        rest = after;
        let Some((name, after)) = after.split_once('}') else { break };
        if let Some((_, value)) = values.iter().find(|(place, _)| *place == name) {
            filled.push_str(&value.to_string());
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_was_left_in_english_and_none_lacks_what_is_filled_in() {
        let shown = |words: &Words| format!("{words:#?}").replace("\\u{ad}", "");
        let (english, german) = (shown(&ENGLISH), shown(&GERMAN));
        assert_eq!(english.lines().count(), german.lines().count());
        for (one, other) in english.lines().zip(german.lines()) {
            let (one, other) = (one.trim(), other.trim());
            let text = one.split_once('"').map_or("", |(_, text)| text.trim_end_matches("\","));
            assert!(one != other || text.is_empty() || ALIKE.contains(&text), "{other}");
            assert_eq!(places(one), places(other), "{other}");
            assert!(!other.contains('ß'), "{other}");
        }
    }

    /// Words that both languages have.
    const ALIKE: [&str; 9] = [
        "Domains",
        "Domain",
        "Server",
        "Name",
        "Code",
        "Organisation",
        "Login",
        "{partner}",
        "Audit",
    ];

    fn places(text: &str) -> Vec<String> {
        let places = text.split('{').skip(1);
        let mut places: Vec<String> =
            places.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
        places.sort();
        places
    }

    #[test]
    fn what_is_filled_in_is_never_taken_for_a_place() {
        for (text, value, filled) in [
            ("for {x}", "a", "for a"),
            ("{x} and {x}", "{x}", "{x} and {x}"),
            ("{x}, {y}", "{y}", "{y}, "),
            ("no place", "a", "no place"),
            ("{broken", "a", "broken"),
        ] {
            assert_eq!(fill(text, &[("x", &value)]), filled);
        }
    }
}
