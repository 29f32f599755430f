//! Text with names from a kernel's types, which are not all C's.

use std::io::{self, Write};

/// Writes what is not ASCII text, and control characters but for line ends, as
/// escapes: a name does not command the terminal.
pub(crate) struct Printable<W>(W);

impl<W: Write> Printable<W> {
    pub(crate) fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
        for part in bytes.chunk_by(|a, b| is_plain(a) == is_plain(b)) {
            match part.first().is_some_and(is_plain) {
                true => self.0.write_all(part)?,
                false => write!(self.0, "{}", part.escape_ascii())?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::Printable;

    #[test]
    fn a_name_does_not_command_the_terminal() {
        let mut out = Printable::new(Vec::new());
        let text = "int (*\u{1b}[2Jf)(char *);\n\u{e9}\u{9b}\n";
        out.write_all(text.as_bytes()).expect("a vector takes all");
        assert_eq!(
            String::from_utf8(out.0).expect("ASCII"),
            "int (*\\x1b[2Jf)(char *);\n\\xc3\\xa9\\xc2\\x9b\n"
        );
    }
}
