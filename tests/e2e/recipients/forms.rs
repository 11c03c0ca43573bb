//! The ways to write a recipient: data files that a person can read, and the octets they stand for.
//!
//! A line is the argument of RCPT TO; one that begins with RCPT is the whole command, and one that
//! begins with # says why those below are there. In braces stand an octet (`{09}`), a character
//! (`{U+AD}`), or something again and again (`{64*x}`); everything else is meant as it stands.

/// The files, in the order in which they are sent.
const FILES: [(&str, &str); 9] = [
    ("recorded", include_str!("forms/recorded.txt")),
    ("routes", include_str!("forms/routes.txt")),
    ("brackets", include_str!("forms/brackets.txt")),
    ("quoting", include_str!("forms/quoting.txt")),
    ("domains", include_str!("forms/domains.txt")),
    ("octets", include_str!("forms/octets.txt")),
    ("commands", include_str!("forms/commands.txt")),
    ("mailboxes", include_str!("forms/mailboxes.txt")),
    ("rewritten", include_str!("forms/rewritten.txt")),
];

/// A way to write a recipient.
pub struct Form {
    /// The file it stands in.
    pub file: &'static str,
    /// As it stands there.
    pub text: &'static str,
    /// The whole command.
    pub command: Vec<u8>,
}

/// All of them.
pub fn forms() -> Vec<Form> {
    let of_file = |(file, text): (&'static str, &'static str)| {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(move |text| {
            let start = text.get(..4).unwrap_or_default();
            let verb = if start.eq_ignore_ascii_case("RCPT") { "" } else { "RCPT TO:" };
            let command = [verb.as_bytes(), &octets(text)].concat();
            Form { file, text, command }
        })
    };
    FILES.into_iter().flat_map(of_file).collect()
}

/// Addresses that are odd and legal, as they stand in the list, and again at an opted-in domain.
pub fn legal() -> Vec<Form> {
    let text = include_str!("../../fixtures/recipients/legal.txt");
    let addresses = text.lines().filter(|line| !line.starts_with("# ") && *line != "#");
    let of_address = |address: &'static str| {
        let form = |file, address: &str| Form {
            file,
            text: address.to_owned().leak(),
            command: format!("RCPT TO:<{address}>").into_bytes(),
        };
        let elsewhere = form("elsewhere", address);
        let opted_in = address.strip_suffix("@free.example");
        let opted_in = opted_in.map(|local| form("opted in", &format!("{local}@example.com")));
        [Some(elsewhere), opted_in].into_iter().flatten()
    };
    addresses.flat_map(of_address).collect()
}

/// What a line stands for.
fn octets(text: &str) -> Vec<u8> {
    let Some((before, rest)) = text.split_once('{') else { return text.as_bytes().to_vec() };
    let mut depth = 1_u32;
    let end = rest.find(|c| {
        depth = match c {
            '{' => depth + 1,
            '}' => depth - 1,
            _ => depth,
        };
        depth == 0
    });
    let end = end.unwrap_or_else(|| panic!("a brace is not closed: {text}"));
    let (inside, after) = (&rest[..end], &rest[end + 1..]);
    let meant = if let Some(number) = inside.strip_prefix("U+") {
        let number = u32::from_str_radix(number, 16).expect("a hexadecimal number");
        char::from_u32(number).expect("a character").to_string().into_bytes()
    } else if let Some((count, what)) = inside.split_once('*') {
        octets(what).repeat(count.parse().expect("a number"))
    } else {
        vec![u8::from_str_radix(inside, 16).expect("two hexadecimal digits")]
    };
    [before.as_bytes(), &meant, &octets(after)].concat()
}

#[test]
fn braces_in_the_forms_stand_for_octets_characters_and_repetitions() {
    assert_eq!(octets("<user@example.com>"), b"<user@example.com>");
    assert_eq!(octets("a{09}{FF}b"), b"a\t\xffb");
    assert_eq!(octets("{U+AD}{2*x{00}}"), b"\xc2\xadx\0x\0");
}

#[test]
fn no_form_stands_there_twice_and_there_are_over_two_hundred_beside_the_recorded_ones() {
    let forms = forms();
    let mut commands: Vec<_> = forms.iter().map(|form| (&form.command, form.text)).collect();
    commands.sort_unstable();
    for pair in commands.windows(2) {
        assert_ne!(pair[0].0, pair[1].0, "{} and {}", pair[0].1, pair[1].1);
    }
    assert!(forms.iter().filter(|form| form.file != "recorded").count() > 200);
}
