//! Lines of output, coloured and counted.

use std::io::{self, Write};

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Type,
    Name,
    Number,
    Text,
    Symbol,
    Arrow,
    Note,
}

impl Paint {
    /// The escape sequence (ECMA-48, SGR).
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Type => "\x1b[36m",
            Self::Name => "\x1b[1m",
            Self::Number => "\x1b[33m",
            Self::Text => "\x1b[32m",
            Self::Symbol => "\x1b[35m",
            Self::Arrow => "\x1b[34m",
            Self::Note => "\x1b[2m",
        }
    }
}

/// Why printing ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Enough lines.
    Limit,
    Write(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// How much is looked at for each line that may be printed.
const WORK_PER_LINE: u64 = 4096;
/// Bytes of a name that are printed.
const LONGEST_NAME: usize = 200;

/// Prints lines until there are too many.
pub(crate) struct Printer<'o> {
    out: &'o mut dyn Write,
    colour: bool,
    line: String,
    level: usize,
    lines: usize,
    work: u64,
}

impl<'o> Printer<'o> {
    pub(crate) fn new(out: &'o mut dyn Write, colour: bool, lines: usize) -> Self {
        Self {
            out,
            colour,
            line: String::new(),
            level: 0,
            lines,
            work: (lines as u64).saturating_mul(WORK_PER_LINE),
        }
    }

    /// Adds to the line.
    pub(crate) fn put(&mut self, paint: Paint, text: &str) {
        if self.line.is_empty() {
            self.line.extend(std::iter::repeat_n("    ", self.level));
        }
        if self.colour && paint != Paint::Plain && !text.is_empty() {
            self.line.push_str(paint.code());
            self.line.push_str(text);
            self.line.push_str("\x1b[0m");
        } else {
            self.line.push_str(text);
        }
    }

    /// Adds something between blanks that is no part of the value.
    pub(crate) fn note(&mut self, text: &str) {
        self.put(Paint::Note, &format!(" /* {text} */"));
    }

    /// Ends the line.
    pub(crate) fn end(&mut self) -> Result<(), Stop> {
        self.line.push('\n');
        let result = self.out.write_all(self.line.as_bytes());
        self.line.clear();
        result?;
        self.lines = self.lines.checked_sub(1).ok_or(Stop::Limit)?;
        self.spend(0)
    }

    /// Ends the line with an opening brace; what follows is indented.
    pub(crate) fn open(&mut self) -> Result<(), Stop> {
        self.put(Paint::Plain, "{");
        self.level += 1;
        self.end()
    }

    /// Begins a line with the closing brace.
    pub(crate) fn close(&mut self) {
        self.level = self.level.saturating_sub(1);
        self.put(Paint::Plain, "}");
    }

    /// Accounts for work that shows in no line.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), Stop> {
        self.work = self.work.checked_sub(steps + 1).ok_or(Stop::Limit)?;
        Ok(())
    }
}

/// A name from an image, fit for a terminal.
pub(crate) fn clean(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        if text.len() >= LONGEST_NAME {
            text.push('…');
            break;
        }
        push(&mut text, character);
    }
    text
}

fn push(text: &mut String, character: char) {
    match character {
        '\'' | '"' => text.push(character),
        other => text.extend(other.escape_debug()),
    }
}

/// Bytes as a C string of at most so many characters.
pub(crate) fn quoted(bytes: &[u8], characters: usize) -> String {
    let mut text = String::from("\"");
    let mut left = characters;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if left == 0 {
                text.push_str("\"…");
                return text;
            }
            left -= 1;
            match character {
                '"' => text.push_str("\\\""),
                other => push(&mut text, other),
            }
        }
        for byte in chunk.invalid() {
            if left == 0 {
                text.push_str("\"…");
                return text;
            }
            left -= 1;
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
    text
}

/// Whether bytes are text that people read.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars()
            .all(|character| !character.is_control() || matches!(character, '\n' | '\t'))
    })
}

/// An integer as it is easiest to recognise: addresses and flags in hexadecimal.
pub(crate) fn number(value: i128, signed: bool) -> String {
    const SMALL: i128 = 1 << 16;
    const ADDRESS: i128 = 1 << 47;
    match value {
        _ if signed || value < SMALL => value.to_string(),
        _ if value < ADDRESS => format!("{value:#x} /* {value} */"),
        _ => format!("{value:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, number, quoted};

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        assert_eq!(
            quoted(b"a\"b\\c\n\x1b[0m\0\xff", 99),
            r#""a\"b\\c\n\u{1b}[0m\0\xff""#
        );
        assert_eq!(quoted("äöü".as_bytes(), 2), "\"äö\"…");
        assert_eq!(clean("a\x1bb"), "a\\u{1b}b");
        assert_eq!(clean(&"x".repeat(1000)).chars().count(), 201);
    }

    #[test]
    fn numbers_are_shown_as_they_are_read() {
        assert_eq!(number(-70_000, true), "-70000");
        assert_eq!(number(65_535, false), "65535");
        assert_eq!(number(65_536, false), "0x10000 /* 65536 */");
        assert_eq!(number(0xffff_8880_0000_0000, false), "0xffff888000000000");
    }
}
