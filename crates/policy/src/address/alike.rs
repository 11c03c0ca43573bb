//! Characters that look like the signs of an address, and become them where a text is folded.

/// Ranges of characters, in order, whose compatibility form (Unicode, NFKC) has a blank in it or one
/// of `@ ! % : ; , < > ( ) [ ] " \ | = +`: U+FF20 is a wide `@`. No MTA is known to fold a local part
/// so far; an address with one of these is not plain all the same.
const RANGES: [(char, char); 62] = [
    ('\u{a8}', '\u{a8}'),
    ('\u{af}', '\u{af}'),
    ('\u{b4}', '\u{b4}'),
    ('\u{b8}', '\u{b8}'),
    ('\u{2d8}', '\u{2dd}'),
    ('\u{37a}', '\u{37a}'),
    ('\u{37e}', '\u{37e}'),
    ('\u{384}', '\u{385}'),
    ('\u{1fbd}', '\u{1fbd}'),
    ('\u{1fbf}', '\u{1fc1}'),
    ('\u{1fcd}', '\u{1fcf}'),
    ('\u{1fdd}', '\u{1fdf}'),
    ('\u{1fed}', '\u{1fee}'),
    ('\u{1ffd}', '\u{1ffe}'),
    ('\u{2017}', '\u{2017}'),
    ('\u{203c}', '\u{203c}'),
    ('\u{203e}', '\u{203e}'),
    ('\u{2048}', '\u{2049}'),
    ('\u{207a}', '\u{207a}'),
    ('\u{207c}', '\u{207e}'),
    ('\u{208a}', '\u{208a}'),
    ('\u{208c}', '\u{208e}'),
    ('\u{2474}', '\u{2487}'),
    ('\u{249c}', '\u{24b5}'),
    ('\u{2a74}', '\u{2a76}'),
    ('\u{309b}', '\u{309c}'),
    ('\u{3200}', '\u{321e}'),
    ('\u{3220}', '\u{3243}'),
    ('\u{fb29}', '\u{fb29}'),
    ('\u{fc5e}', '\u{fc63}'),
    ('\u{fdfa}', '\u{fdfb}'),
    ('\u{fe10}', '\u{fe10}'),
    ('\u{fe13}', '\u{fe15}'),
    ('\u{fe35}', '\u{fe36}'),
    ('\u{fe47}', '\u{fe4c}'),
    ('\u{fe50}', '\u{fe50}'),
    ('\u{fe54}', '\u{fe55}'),
    ('\u{fe57}', '\u{fe57}'),
    ('\u{fe59}', '\u{fe5a}'),
    ('\u{fe62}', '\u{fe62}'),
    ('\u{fe64}', '\u{fe66}'),
    ('\u{fe68}', '\u{fe68}'),
    ('\u{fe6a}', '\u{fe6b}'),
    ('\u{fe70}', '\u{fe70}'),
    ('\u{fe72}', '\u{fe72}'),
    ('\u{fe74}', '\u{fe74}'),
    ('\u{fe76}', '\u{fe76}'),
    ('\u{fe78}', '\u{fe78}'),
    ('\u{fe7a}', '\u{fe7a}'),
    ('\u{fe7c}', '\u{fe7c}'),
    ('\u{fe7e}', '\u{fe7e}'),
    ('\u{ff01}', '\u{ff02}'),
    ('\u{ff05}', '\u{ff05}'),
    ('\u{ff08}', '\u{ff09}'),
    ('\u{ff0b}', '\u{ff0c}'),
    ('\u{ff1a}', '\u{ff1e}'),
    ('\u{ff20}', '\u{ff20}'),
    ('\u{ff3b}', '\u{ff3d}'),
    ('\u{ff5c}', '\u{ff5c}'),
    ('\u{ffe3}', '\u{ffe3}'),
    ('\u{1f101}', '\u{1f10a}'),
    ('\u{1f110}', '\u{1f129}'),
];

/// Whether a character looks like a sign by which addresses are taken apart.
pub(super) fn is_like_a_sign(c: char) -> bool {
    let next = RANGES.partition_point(|(first, _)| *first <= c);
    let range = next.checked_sub(1).and_then(|at| RANGES.get(at));
    range.is_some_and(|(_, last)| c <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_and_small_signs_are_like_signs_and_letters_and_emoji_are_not() {
        for c in "\u{ff20}\u{fe6b}\u{ff05}\u{ff01}\u{203c}\u{2474}\u{1f110}\u{1f129}\u{a8}".chars()
        {
            assert!(is_like_a_sign(c), "{c:?}");
        }
        for c in "aß漢\u{301}\u{200d}\u{fe0f}\u{1f469}\u{1f4bb}\u{3002}\u{ff0e}\u{1f12a}".chars()
        {
            assert!(!is_like_a_sign(c), "{c:?}");
        }
        assert!(RANGES.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }
}
