//! Ways to follow.

use super::{Parsed, Parser};
use crate::diagnostics::Problem;
use crate::diagnostics::Span;
use crate::syntax::{
    Allocated, Container, Count, Expression, How, Inline, PerCpu, Spanned, Treatment, TypeName,
};

const WORDS: [&str; 27] = [
    "skip",
    "string",
    "bytes",
    "array",
    "as",
    "here",
    "whole",
    "rest",
    "container",
    "list",
    "hlist",
    "hlist_nulls",
    "llist",
    "chain",
    "tree",
    "xarray",
    "radix",
    "idr",
    "maple",
    "tagged",
    "decode",
    "user",
    "keep",
    "per",
    "this",
    "switch",
    "plain",
];

impl Parser {
    /// `[: HOW] [with …] [if …]` and `;` or `{ … }`.
    pub(super) fn treatment_to_end(&mut self) -> Parsed<(Treatment, Option<Expression>)> {
        let start = self.peek().span;
        let mut treatment = Treatment::of(How::Default, start);
        if self.accept(":") {
            treatment = self.treatment_words()?;
            treatment.span = start;
        }
        self.treatment_rest(treatment)
    }

    /// The words before a way to follow, and the way.
    pub(super) fn treatment_words(&mut self) -> Parsed<Treatment> {
        let start = self.peek().span;
        let first = self.at;
        let mut treatment = Treatment::of(How::Default, start);
        loop {
            if self.accept_word("tagged") {
                treatment.tag_mask = self.number(0xfff)? as u16;
            } else if self.accept_word("decode") {
                treatment.decode = Some(self.expression()?);
            } else if self.accept_word("user") {
                treatment.user = true;
            } else if self.accept_word("keep") {
                treatment.keep = true;
            } else if self.accept_word("per") {
                self.expect_word("cpu")?;
                treatment.per_cpu = Some(PerCpu::All);
            } else if self.accept_word("this") {
                self.expect_word("cpu")?;
                treatment.per_cpu = Some(PerCpu::This);
            } else {
                break;
            }
        }
        let ends = [";", "{", ","].iter().any(|mark| self.is_mark(mark))
            || ["with", "if"].iter().any(|word| self.is_word(word));
        if !ends || self.at == first {
            treatment.how = self.nested(Self::how)?;
        }
        treatment.span = start.to(self.behind());
        Ok(treatment)
    }

    /// What comes behind the way to follow.
    pub(super) fn treatment_rest(
        &mut self,
        mut treatment: Treatment,
    ) -> Parsed<(Treatment, Option<Expression>)> {
        if self.accept_word("with") {
            loop {
                let name = self.word("the name of a value that is handed down")?;
                self.expect("=")?;
                treatment.with.push((name, self.expression()?));
                if !self.accept(",") {
                    break;
                }
            }
        }
        let condition = match self.accept_word("if") {
            true => Some(self.expression()?),
            false => None,
        };
        treatment.span = treatment.span.to(self.behind());
        if self.is_mark("{") {
            let span = self.peek().span;
            let members = self.members()?;
            treatment.inline = Some(Inline { span, members });
            self.accept(";");
        } else if !self.accept(";") {
            return self.unexpected("`;`");
        }
        Ok((treatment, condition))
    }

    fn how(&mut self) -> Parsed<How> {
        let word = self.word(
            "how to follow: skip, string, bytes, array, as, here, whole, rest, list (and other \
             containers) or container",
        )?;
        if let Some((_, kind)) = Container::ALL.iter().find(|(name, _)| *name == word.value) {
            return self.container(*kind);
        }
        Ok(match word.value.as_str() {
            "skip" => How::Skip,
            "plain" => How::Default,
            "string" => How::String {
                max: match self.accept_word("max") {
                    true => Some(self.count()?),
                    false => None,
                },
            },
            "bytes" => How::Bytes(self.count()?),
            "array" => {
                let count = self.count()?;
                match self.accept_word("of") {
                    true => {
                        let way = Box::new(self.treatment_words()?);
                        How::Each { count, way }
                    }
                    false => How::Pointer {
                        to: None,
                        count: Some(count),
                    },
                }
            }
            "as" => How::Pointer {
                to: Some(self.type_name("a type")?),
                count: match self.accept_word("array") {
                    true => Some(self.count()?),
                    false => None,
                },
            },
            "here" => {
                self.expect_word("as")?;
                How::Here(self.type_name("a type or a view")?)
            }
            "whole" => {
                self.expect_word("object")?;
                How::Allocated {
                    part: Allocated::Whole,
                    of: self.as_type()?,
                    max: self.max()?,
                }
            }
            "rest" => {
                self.expect_word("of")?;
                self.expect_word("object")?;
                How::Allocated {
                    part: Allocated::Rest,
                    of: self.as_type()?,
                    max: self.max()?,
                }
            }
            "container" => {
                self.expect_word("of")?;
                let of = self.type_name("the type of the whole")?;
                self.expect_word("by")?;
                let by = self.path("the member that is pointed to")?;
                How::ContainerOf { of, by }
            }
            wrong => {
                let message = format!("nothing can be followed as `{wrong}`");
                return Err(Problem::new(message, word.span, "not a way to follow")
                    .help(format!("ways to follow are {}", WORDS.join(", ")))
                    .nearest(wrong, WORDS));
            }
        })
    }

    fn as_type(&mut self) -> Parsed<Option<Spanned<TypeName>>> {
        match self.accept_word("as") {
            true => self.type_name("a type").map(Some),
            false => Ok(None),
        }
    }

    /// `of TYPE [by MEMBER] [max N]`
    fn container(&mut self, kind: Container) -> Parsed<How> {
        self.expect_word("of")?;
        let of = self.type_name("the type of an element")?;
        let by = if kind.has_link() {
            self.expect_word("by")?;
            Some(self.path("the member by which it is linked")?)
        } else {
            None
        };
        let max = self.max()?;
        Ok(How::Container { kind, of, by, max })
    }

    /// `max N`
    fn max(&mut self) -> Parsed<Option<u32>> {
        match self.accept_word("max") {
            true => self.number32().map(Some),
            false => Ok(None),
        }
    }

    /// `EXPRESSION`, `until null`, `until EXPRESSION`
    fn count(&mut self) -> Parsed<Count> {
        if !self.accept_word("until") {
            return Ok(Count::Number(self.expression()?));
        }
        if self.accept_word("null") {
            return Ok(Count::UntilNull(self.behind()));
        }
        Ok(Count::Until(self.expression()?))
    }
}

impl Treatment {
    /// That way, and nothing more.
    pub(crate) fn of(how: How, span: Span) -> Self {
        Self {
            how,
            span,
            tag_mask: 0,
            decode: None,
            user: false,
            keep: false,
            per_cpu: None,
            with: Vec::new(),
            inline: None,
        }
    }
}
