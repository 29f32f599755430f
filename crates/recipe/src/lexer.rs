//! Text to tokens.

use crate::diagnostics::{Problem, Span};

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or a word of the language.
    Word(String),
    /// A number, its suffix applied: sizes in bytes, times in nanoseconds.
    Number(u64),
    /// What stands between quotation marks.
    Text(String),
    /// One of [`MARKS`].
    Mark(&'static str),
    End,
}

impl TokenKind {
    /// How a message speaks of it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Number(number) => format!("the number {number}"),
            Self::Text(text) => format!("\"{text}\""),
            Self::Mark(mark) => format!("`{mark}`"),
            Self::End => "the end of the recipe".to_owned(),
        }
    }
}

/// Marks and operators, the longer ones first.
const MARKS: [&str; 33] = [
    "<<", ">>", "->", "==", "!=", "<=", ">=", "&&", "||", "{", "}", ";", ":", ".", "+", "?", ",",
    "(", ")", "[", "]", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "=",
];

/// The tokens of `text`; the last is [`TokenKind::End`].
/// `source` is which text it is.
pub(crate) fn tokens(text: &str, source: usize) -> Result<Vec<Token>, Problem> {
    let place = |start, length| Span {
        source,
        start,
        length,
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = &text[at..];
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let Some(end) = rest.find("*/") else {
                let open = place(at, 2);
                return Err(Problem::new("a comment has no end", open, "begins here")
                    .help("end it with `*/`"));
            };
            end + 2
        } else if first.is_ascii_alphanumeric() || first == '_' {
            let length = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let span = place(at, length);
            let kind = if first.is_ascii_digit() {
                TokenKind::Number(number(&rest[..length], span)?)
            } else {
                TokenKind::Word(rest[..length].to_owned())
            };
            found.push(Token { kind, span });
            length
        } else if first == '"' {
            let line = rest[1..].split('\n').next().unwrap_or("");
            let Some(length) = line.find('"') else {
                let open = place(at, 1);
                return Err(Problem::new("a text has no end", open, "begins here")
                    .help("end it with `\"` on the same line"));
            };
            found.push(Token {
                kind: TokenKind::Text(line[..length].to_owned()),
                span: place(at, length + 2),
            });
            length + 2
        } else if first == '\'' {
            let quoted = rest.as_bytes().get(1..3).unwrap_or_default();
            let [character @ b' '..=b'~', b'\''] = quoted else {
                return Err(
                    Problem::new("this is no character", place(at, 1), "begins here")
                        .help("write `'x'`, or the number: a newline is 10"),
                );
            };
            found.push(Token {
                kind: TokenKind::Number((*character).into()),
                span: place(at, 3),
            });
            3
        } else if let Some(mark) = MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
            let span = place(at, mark.len());
            found.push(Token {
                kind: TokenKind::Mark(mark),
                span,
            });
            mark.len()
        } else {
            let span = place(at, first.len_utf8());
            return Err(Problem::new(
                format!("unexpected `{first}`"),
                span,
                "not part of a recipe",
            )
            .help(
                "recipes are made of names, numbers, texts in quotation marks and C's operators",
            ));
        };
        at += length;
    }
    found.push(Token {
        kind: TokenKind::End,
        span: place(text.len(), 0),
    });
    Ok(found)
}

/// Decimal or hexadecimal, with `K`, `M`, `G`, `ns`, `us`, `ms`, `s`.
fn number(word: &str, span: Span) -> Result<u64, Problem> {
    let hexadecimal = word.strip_prefix("0x");
    let digits = hexadecimal.unwrap_or(word);
    let (radix, end) = match hexadecimal {
        Some(digits) => {
            let end = digits.find(|c: char| !c.is_ascii_hexdigit());
            (16, end.unwrap_or(digits.len()))
        }
        None => {
            let end = digits.find(|c: char| !c.is_ascii_digit());
            (10, end.unwrap_or(digits.len()))
        }
    };
    let factor = match &digits[end..] {
        "" | "ns" | "u" | "U" | "ul" | "UL" | "ull" | "ULL" => Some(1),
        "K" => Some(1 << 10),
        "M" => Some(1 << 20),
        "G" => Some(1 << 30),
        "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        _ => None,
    };
    factor
        .zip(u64::from_str_radix(&digits[..end], radix).ok())
        .and_then(|(factor, value)| value.checked_mul(factor))
        .ok_or_else(|| {
            Problem::new(format!("`{word}` is no number"), span, "expected a number").help(
                "numbers are decimal or begin with 0x; sizes may end in K, M or G, times in ns, us, ms or s",
            )
        })
}
