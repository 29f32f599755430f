//! What is wrong with a recipe, shown at its place in the text.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

/// A place in the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Bytes from the start.
    pub start: usize,
    /// Bytes.
    pub length: usize,
}

impl Span {
    pub(crate) fn new(start: usize, length: usize) -> Self {
        Self { start, length }
    }

    /// From the start of one to the end of the other.
    pub(crate) fn to(self, end: Self) -> Self {
        Self::new(
            self.start,
            (end.start + end.length).saturating_sub(self.start),
        )
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What is said at the place.
    pub label: String,
    /// What to do, if that is known.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span,
            label: label.into(),
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names those of `candidates` that are nearest to `wrong`.
    pub(crate) fn nearest<'a>(
        self,
        wrong: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut scored: Vec<(f64, &str)> = (candidates.into_iter())
            .map(|name| (strsim::jaro_winkler(wrong, name), name))
            .filter(|(score, _)| *score > 0.8)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        scored.dedup_by_key(|(_, name)| *name);
        let names: Vec<String> = (scored.iter().take(3))
            .map(|(_, name)| format!("`{name}`"))
            .collect();
        match names.is_empty() {
            true => self,
            false => self.help(format!("near: {}", names.join(", "))),
        }
    }
}

/// All that is wrong with a recipe. Its `Display` shows each problem at its
/// place in the text, without colours.
#[derive(Clone)]
pub struct Diagnostics {
    name: String,
    text: String,
    problems: Vec<Problem>,
}

impl Diagnostics {
    pub(crate) fn new(name: &str, text: &str, problems: Vec<Problem>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            problems,
        }
    }

    /// The problems in the order in which they were found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems as a terminal shows them, with colours if asked for.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let theme = match colour {
            true => GraphicalTheme::unicode(),
            false => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        let mut out = String::new();
        for problem in &self.problems {
            let shown = Shown {
                problem,
                source: NamedSource::new(&self.name, self.text.clone()),
            };
            if handler.render_report(&mut out, &shown).is_err() {
                out.push_str(&problem.message);
            }
        }
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostics {}

/// A problem together with the text that it is about.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.problem.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { start, length } = self.problem.span;
        let label = LabeledSpan::new(Some(self.problem.label.clone()), start, length);
        Some(Box::new(std::iter::once(label)))
    }
}
