//! The text in the making: names in it are those of a kernel's types, which need
//! not be C's, and may even be hostile.

use std::collections::HashSet;
use std::fmt;

use kflat_btf::Btf;

use super::GenerateError;
use crate::compile::problems;
use crate::diagnostics::Problem;

/// How often lines are left out: more than one round is rare.
const MOST_ROUNDS: usize = 8;

/// What members and roots begin with.
const INDENT: &str = "    ";

/// Lines of a recipe.
#[derive(Default)]
pub(super) struct Text {
    written: String,
    /// Where lines begin that somebody asked for.
    asked: HashSet<usize>,
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written.push_str(text);
        Ok(())
    }
}

impl Text {
    /// The line that begins here is what somebody asked for: what is wrong with it is
    /// for them to see.
    pub(super) fn asked_for(&mut self) {
        self.asked.insert(self.written.len());
    }

    /// The text, without what does not compile: types may be such that a rule for
    /// them is wrong. Such lines become comments.
    pub(super) fn settled(self, btf: &Btf) -> Result<String, GenerateError> {
        let mut lines: Vec<(String, bool)> = Vec::new();
        let mut start = 0;
        for line in self.written.split_inclusive('\n') {
            lines.push((line.to_owned(), self.asked.contains(&start)));
            start += line.len();
        }
        for _ in 0..MOST_ROUNDS {
            let text: String = lines.iter().map(|(line, _)| line.as_str()).collect();
            let found = problems(&text, btf);
            let Some(first) = found.first() else {
                return Ok(text);
            };
            let first = first.message.clone();
            let mut is_left_out = false;
            for problem in found {
                match line_of(&mut lines, &problem) {
                    // The compiler will say it again, with its place.
                    Some((_, true)) => return Ok(text),
                    Some((line, false)) if is_statement(line) => {
                        *line = format!(
                            "{INDENT}// {}: left out, {}\n",
                            commented(line.trim()),
                            commented(&problem.message)
                        );
                        is_left_out = true;
                    }
                    _ => {}
                }
            }
            if !is_left_out {
                return Err(GenerateError::OddTypes { why: first });
            }
        }
        let why = "too much of it is wrong".to_owned();
        Err(GenerateError::OddTypes { why })
    }
}

/// The line that a problem is in.
fn line_of<'l>(
    lines: &'l mut [(String, bool)],
    problem: &Problem,
) -> Option<&'l mut (String, bool)> {
    let mut end = 0;
    let found = lines.iter_mut().find(|(line, _)| {
        end += line.len();
        problem.span.start < end
    });
    found.filter(|_| problem.span.source == 0)
}

/// Whether the text is still a recipe without the line.
fn is_statement(line: &str) -> bool {
    line.starts_with(INDENT) && !line.trim_start().starts_with("//")
}

/// A text as it may stand in a comment: of one line, and without anything that is
/// not to be seen.
pub(super) fn commented(text: &str) -> String {
    let shown = |c: char| match c {
        ' '..='~' => c.to_string(),
        other => other.escape_default().to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::commented;

    #[test]
    fn a_name_does_not_end_its_comment() {
        assert_eq!(
            commented("int a\n*/ struct x { y; }\u{2028}\u{1b}[1m"),
            "int a\\n*/ struct x { y; }\\u{2028}\\u{1b}[1m"
        );
        assert_eq!(commented("char *const name[4]"), "char *const name[4]");
    }
}
