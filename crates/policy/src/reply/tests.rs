//! Tests of replies.

use super::lines::{MAX_LINE, TEXT_OF_FIRST, TEXT_PER_LINE, doubled_len};
use super::*;
use crate::language::Language;

const TEXT: &str = Language::English.text_for_recipient();

fn fill(text: &str, value: &str) -> Reply {
    ReplyTemplate::new(450, text, None).unwrap().fill(|_| value.to_owned())
}

#[test]
fn a_reply_says_what_its_template_says() {
    let template = ReplyTemplate::new(450, TEXT, Some("https://example.org/tls")).unwrap();
    let reply = template.fill(|placeholder| match placeholder {
        Placeholder::Url => template.url().unwrap().to_owned(),
        other => format!("<{}>", other.name()),
    });
    assert_eq!(
        reply.to_string(),
        "450 4.7.1 Mail for <domain> is accepted only over an adequately encrypted connection: \
         <reason>. <remedy> https://example.org/tls"
    );
    assert_eq!(fill("a\nb", "").to_string(), "450-4.7.1 a\n450 4.7.1 b");
    let hard = ReplyTemplate::new(550, "No.", None).unwrap().fill(|_| String::new());
    assert_eq!(hard.to_string(), "550 5.7.1 No.");
}

#[test]
fn the_url_comes_last_where_the_text_does_not_place_it() {
    let template = ReplyTemplate::new(450, "No TLS.", Some("https://a.test")).unwrap();
    let url = |placeholder| match placeholder {
        Placeholder::Url => template.url().unwrap(),
        _ => "",
    };
    assert_eq!(template.fill(url).to_string(), "450 4.7.1 No TLS. https://a.test");
}

#[test]
fn a_percent_sign_reaches_the_mta_doubled() {
    assert_eq!(fill("100% {domain}", "50%s").to_milter(), "450 4.7.1 100%% 50%%s");
}

#[test]
fn the_first_line_leaves_room_for_the_recipient_that_sendmail_puts_before_it() {
    let domain = format!("{}.example", "a.".repeat(100));
    let wire = fill(TEXT, &domain).to_milter();
    let first = wire.split("\r\n").next().unwrap();
    assert!(first.len() + 262 + 2 <= MAX_LINE, "{} octets", first.len());
    assert!(fill(TEXT, "example.com").lines.len() == 1);
}

#[test]
fn no_value_can_break_a_reply() {
    for value in
        ["\r\n250 ok", "a\0b", "ü", "%", &"%".repeat(3000), &"x".repeat(3000), "\u{1b}[31m"]
    {
        let wire = fill("A {domain} b {reason}{cipher}{client}", value).to_milter();
        for line in wire.split("\r\n") {
            assert!(line.len() + 2 <= MAX_LINE, "{} octets", line.len());
            assert!(line.starts_with("450 4.7.1 ") || line.starts_with("450-4.7.1 "), "{line}");
            assert!(line.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{line:?}");
        }
        assert!(wire.rsplit("\r\n").next().unwrap().starts_with("450 "));
    }
}

#[test]
fn a_line_is_broken_only_where_it_must_be_and_loses_no_word() {
    let check = |words: &str| {
        let reply = fill("{domain}{reason}", words);
        let filled = words.chars().take(TEXT_PER_LINE / 2).collect::<String>().repeat(2);
        let written: Vec<&str> = reply.lines.iter().flat_map(|line| line.split(' ')).collect();
        assert_eq!(written, filled.split_whitespace().collect::<Vec<_>>());
        for (number, line) in reply.lines.iter().enumerate() {
            let room = if number == 0 { TEXT_OF_FIRST } else { TEXT_PER_LINE };
            assert!(doubled_len(line) <= room, "{words}: {line}");
            let next = reply.lines.get(number + 1).and_then(|next| next.split(' ').next());
            let fits = |next| doubled_len(line) + 1 + doubled_len(next) <= room;
            assert!(!next.is_some_and(fits), "{words}: {line}, {next:?}");
        }
    };
    for length in 1..=TEXT_OF_FIRST / 2 {
        let (letters, percents) = ("x".repeat(length), "%".repeat(length));
        check(&format!("{percents} {letters}"));
        check(&format!(" a  b {letters} {percents}  c "));
    }
}

#[test]
fn what_could_be_malformed_is_refused() {
    let error = |code, text: &str, url| ReplyTemplate::new(code, text, url).unwrap_err();
    for code in [0, 200, 250, 354, 400, 421, 449, 460, 500, 521, 560, 600] {
        assert_eq!(error(code, "x", None), ReplyError::Code, "{code}");
    }
    assert_eq!(error(450, "Grüezi", None), ReplyError::Character('ü'));
    assert_eq!(error(450, "a\rb", None), ReplyError::Character('\r'));
    assert_eq!(error(450, "a\tb", None), ReplyError::Character('\t'));
    assert_eq!(error(450, "a {domain", None), ReplyError::Brace);
    assert_eq!(error(450, "a } b", None), ReplyError::Brace);
    assert_eq!(error(450, "a {dommain}", None), ReplyError::Placeholder("dommain".into()));
    assert_eq!(error(450, " \n", None), ReplyError::Empty);
    assert_eq!(error(450, "a\n\nb", None), ReplyError::EmptyLine);
    let (many_lines, long_word) = ("a\n".repeat(11), "a".repeat(600));
    assert_eq!(error(450, &many_lines, None), ReplyError::TooLong);
    assert_eq!(error(450, &long_word, None), ReplyError::LongWord);
    assert_eq!(error(450, "see {url}", None), ReplyError::NoUrl);
    assert_eq!(error(450, "x", Some("example.org")), ReplyError::Url);
    assert_eq!(error(450, "x", Some("https://a b")), ReplyError::Url);
}

#[test]
fn a_placeholder_is_known_by_its_name_alone() {
    for name in Placeholder::NAMES {
        let reply =
            ReplyTemplate::new(450, &format!("{{{name}}}"), Some("https://a.test")).unwrap();
        assert_eq!(reply.fill(Placeholder::name).to_string().split(' ').nth(2), Some(*name));
    }
    let error = |text: &str| ReplyTemplate::new(450, text, None).unwrap_err();
    assert_eq!(error("{Domain}"), ReplyError::Placeholder("Domain".into()));
    let names: Vec<String> = Placeholder::NAMES.iter().map(|name| format!("{{{name}}}")).collect();
    assert_eq!(
        error("{tls-version}").to_string(),
        format!("there is no placeholder `{{tls-version}}`; there are {}", names.join(", "))
    );
}
