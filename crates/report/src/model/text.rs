//! Names and texts from an image, fit for people.

/// Characters of a name that are shown.
const LONGEST: usize = 200;

/// A name with what a reader could not see, or would be misled by, spelled out.
pub(crate) fn shown(name: &str) -> String {
    cut(name, LONGEST)
}

/// As [`shown`], of the first `longest` characters.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == longest {
            out.push('…');
            break;
        }
        if is_visible(character) {
            out.push(character);
        } else {
            out.extend(character.escape_unicode());
        }
    }
    out
}

/// Whether a character shows as itself and moves no others (as the marks of
/// bidirectional text do).
fn is_visible(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::{cut, shown};

    #[test]
    fn what_misleads_is_spelled_out() {
        assert_eq!(shown("struct file"), "struct file");
        assert_eq!(shown("a\u{202e}b\0c\n"), "a\\u{202e}b\\u{0}c\\u{a}");
        assert_eq!(shown("äö→"), "äö→");
        assert_eq!(cut("abcdef", 3), "abc…");
        assert_eq!(cut("abc", 3), "abc");
    }
}
