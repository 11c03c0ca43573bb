//! What is tried with them.

use super::Gallery;
use policy::Language;

#[test]
fn nothing_that_mail_or_people_bring_becomes_a_part_of_a_page() {
    for language in [Language::English, Language::German] {
        for (name, html) in (Gallery { language, evil: true }).pages() {
            for raw in ["<script>", "<img src=x", "\u{202e}", "\u{200b}", "\0", "\u{1b}", "\"'>"] {
                assert!(!html.contains(raw), "{name}: {raw:?}");
            }
            // It is there, as it can be seen.
            assert!(html.contains("&#60;script&#62;") && html.contains("[U+202E]"), "{name}");
            // Attributes end where they should: each value has what the harmless page's has around it.
            let plain = plain(language, name);
            assert_eq!(elements(&html), elements(&plain), "{name}");
        }
    }
}

fn plain(language: Language, name: &str) -> String {
    let pages = Gallery { language, evil: false }.pages();
    pages.into_iter().find(|(other, _)| *other == name).unwrap().1
}

/// The names of the elements of a page, in order, with those of their attributes.
fn elements(html: &str) -> Vec<String> {
    let tags = html.split('<').skip(1).map(|part| part.split('>').next().unwrap_or_default());
    tags.map(|tag| {
        let mut names = String::new();
        for (place, part) in tag.split('"').enumerate() {
            if place % 2 == 0 {
                names.push_str(part);
            }
        }
        names
    })
    .collect()
}

#[test]
fn a_page_has_no_code_and_no_style_of_its_own_and_all_its_fields_have_names() {
    for language in [Language::English, Language::German] {
        for (name, html) in (Gallery { language, evil: false }).pages() {
            for inline in [
                " style=",
                "<style",
                " onclick",
                " onload",
                "javascript:",
                "http-equiv",
                "<script>",
            ] {
                assert!(!html.contains(inline), "{name}: {inline}");
            }
            assert_eq!(html.matches("<h1>").count(), 1, "{name}");
            let tag: &str = language.into();
            assert!(html.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{tag}\">")), "{name}");
            // What is changed is changed by POST: a form that is got only asks.
            for form in html.split("<form ").skip(1) {
                let form = form.split("</form>").next().unwrap();
                let asks = form.starts_with("method=\"get\"")
                    || form.starts_with("class=\"filter\" method=\"get\"");
                assert!(form.starts_with("method=\"post\"") || asks, "{name}: {form}");
                assert!(!asks || !form.contains("name=\"version\""), "{name}: {form}");
            }
            for id in html.split("for=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{name}: {id}");
            }
        }
    }
}

#[test]
fn passwords_and_codes_are_what_browsers_and_password_managers_take_them_for() {
    let pages = Gallery { language: Language::English, evil: false }.pages();
    for (page, field) in [
        (
            "sign-in",
            "name=\"login\" type=\"text\" value=\"anna.muster@example.org\" autocomplete=\"username\"",
        ),
        (
            "sign-in",
            "name=\"password\" type=\"password\" value=\"\" autocomplete=\"current-password\"",
        ),
        ("code", "inputmode=\"numeric\" autocomplete=\"one-time-code\""),
        ("link", "name=\"password\" type=\"password\" value=\"\" autocomplete=\"new-password\""),
        ("link", "name=\"repeat\" type=\"password\" value=\"\" autocomplete=\"new-password\""),
        (
            "password",
            "name=\"password\" type=\"password\" value=\"\" autocomplete=\"new-password\"",
        ),
        (
            "again",
            "name=\"password\" type=\"password\" value=\"\" autocomplete=\"current-password\"",
        ),
        (
            "person-new",
            "name=\"login\" type=\"text\" value=\"anna.muster@example.org\" autocomplete=\"off\"",
        ),
    ] {
        let (_, html) = pages.iter().find(|(name, _)| *name == page).unwrap();
        assert!(html.contains(field), "{page}: {field}");
    }
}
