//! Recipes in the usual form: indentation, spaces, empty lines.

use crate::diagnostics::{Diagnostics, Source};
use crate::parser::parse;

/// The text in the usual form: four spaces for each brace, one space between
/// words, no more than one empty line, comments as they are. Where lines end is
/// the writer's choice.
///
/// # Errors
/// If the text is no recipe.
pub fn fmt(text: &str, name: &str) -> Result<String, Diagnostics> {
    if let Err(problem) = parse(text, 0) {
        let source = Source {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        return Err(Diagnostics::new(vec![source], vec![problem]));
    }
    let mut out = String::new();
    let (mut depth, mut in_comment, mut empty, mut continued) = (0usize, false, 0, false);
    for line in text.lines() {
        if in_comment {
            // Its shape is the writer's.
            out.push_str(line.trim_end());
            out.push('\n');
            in_comment = !line.contains("*/");
            continue;
        }
        let line = line.trim();
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if empty > 0 && !out.is_empty() {
            out.push('\n');
        }
        empty = 0;
        let parts = Line::of(line);
        let closing = line
            .chars()
            .take_while(|c| "})] ".contains(*c))
            .collect::<String>();
        let closed = closing.matches('}').count();
        let mut level = depth.saturating_sub(closed);
        if continued && closed == 0 {
            level += 1;
        }
        out.push_str(&"    ".repeat(level));
        out.push_str(&parts.text);
        out.push('\n');
        depth = (depth + parts.opens).saturating_sub(parts.closes);
        in_comment = parts.in_comment;
        if !parts.code.is_empty() {
            let is_case = parts.code.starts_with("case") || parts.code.starts_with("else");
            continued =
                !(parts.code.ends_with([';', '{', '}']) || is_case && parts.code.ends_with(':'));
        }
    }
    Ok(out)
}

/// A line in its usual form.
#[derive(Default)]
struct Line {
    text: String,
    /// The same without comments.
    code: String,
    opens: usize,
    closes: usize,
    in_comment: bool,
}

impl Line {
    fn of(line: &str) -> Self {
        let mut made = Self::default();
        let mut rest = line;
        let mut space = false;
        while let Some(first) = rest.chars().next() {
            let length = if rest.starts_with("//") {
                rest.len()
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").map(|end| end + 2);
                made.in_comment = end.is_none();
                end.unwrap_or(rest.len())
            } else if first == '"' {
                rest[1..].find('"').map_or(rest.len(), |end| end + 2)
            } else if first == '\'' && rest.as_bytes().get(2) == Some(&b'\'') {
                3
            } else {
                first.len_utf8()
            };
            let (part, next) = rest.split_at(length);
            rest = next;
            if first.is_whitespace() {
                space = true;
                continue;
            }
            let comment = part.starts_with("//") || part.starts_with("/*");
            let tight = !comment && [";", ","].contains(&part);
            let apart =
                space || part == "{" || made.code.ends_with(',') || made.code.ends_with('{');
            if comment && !made.text.is_empty() {
                // Two spaces before what is said of the line, as it mostly was.
                made.text
                    .push_str(if part.starts_with("//") { "  " } else { " " });
            } else if apart && !tight && !made.text.is_empty() {
                made.text.push(' ');
            }
            space = false;
            made.text.push_str(part);
            if !comment {
                made.code.push_str(part);
                made.opens += usize::from(part == "{");
                made.closes += usize::from(part == "}");
            }
        }
        made.text.truncate(made.text.trim_end().len());
        made
    }
}
