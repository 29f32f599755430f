//! What is wrong with a recipe, shown at its place in the text.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

/// A place in a text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Which text: 0 is the recipe, the others are those that it includes.
    pub source: usize,
    /// Bytes from the start.
    pub start: usize,
    /// Bytes.
    pub length: usize,
}

impl Span {
    /// From the start of one to the end of the other.
    pub(crate) fn to(self, end: Self) -> Self {
        Self {
            length: (end.start + end.length).saturating_sub(self.start),
            ..self
        }
    }
}

/// A text that problems point into.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
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
    sources: Vec<Source>,
    problems: Vec<Problem>,
}

impl Diagnostics {
    pub(crate) fn new(sources: Vec<Source>, problems: Vec<Problem>) -> Self {
        Self { sources, problems }
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
            let (name, text) = match self.sources.get(problem.span.source) {
                Some(source) => (source.name.as_str(), source.text.clone()),
                None => ("", String::new()),
            };
            let shown = Shown {
                problem,
                source: NamedSource::new(name, text),
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
        let Span { start, length, .. } = self.problem.span;
        let label = LabeledSpan::new(Some(self.problem.label.clone()), start, length);
        Some(Box::new(std::iter::once(label)))
    }
}
