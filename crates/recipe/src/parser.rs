//! Tokens to [`Recipe`]: recursive descent, one function for each rule of the
//! grammar in `doc/recipes.md`.

use crate::diagnostics::{Problem, Span};
use crate::lexer::{Token, TokenKind, tokens};
use crate::syntax::{
    Count, How, Limits, MemberRule, Recipe, Root, Rule, Source, Spanned, Target, Treatment,
    TypeName,
};

type Parsed<T> = Result<T, Problem>;

/// Words that make up the names of C's numbers.
const NUMBER_WORDS: [&str; 6] = ["unsigned", "signed", "long", "short", "int", "char"];

/// Reads a recipe.
pub(crate) fn parse(text: &str) -> Parsed<Recipe> {
    let tokens = tokens(text)?;
    Parser { tokens, at: 0 }.recipe()
}

struct Parser {
    /// Never empty: the last one is the end.
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[self.at.min(last)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// Where the last token stood.
    fn behind(&self) -> Span {
        self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].span
    }

    fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        let Token { kind, span } = self.peek();
        Err(Problem::new(
            format!("expected {expected}, found {}", kind.describe()),
            *span,
            format!("expected {expected}"),
        ))
    }

    fn is_mark(&self, mark: char) -> bool {
        self.peek().kind == TokenKind::Mark(mark)
    }

    fn accept(&mut self, mark: char) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Parsed<()> {
        match self.accept(mark) {
            true => Ok(()),
            false => self.unexpected(&format!("`{mark}`")),
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.peek().kind, TokenKind::Word(found) if found == word)
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Parsed<()> {
        match self.accept_word(word) {
            true => Ok(()),
            false => self.unexpected(&format!("`{word}`")),
        }
    }

    fn word(&mut self, expected: &str) -> Parsed<Spanned<String>> {
        let Token { kind, span } = self.peek().clone();
        let TokenKind::Word(value) = kind else {
            return self.unexpected(expected);
        };
        self.at += 1;
        Ok(Spanned { value, span })
    }

    fn number(&mut self, most: u64) -> Parsed<u64> {
        let Token { kind, span } = self.peek().clone();
        let TokenKind::Number(value) = kind else {
            return self.unexpected("a number");
        };
        self.at += 1;
        if value > most {
            let message = format!("{value} is too large");
            return Err(Problem::new(message, span, format!("at most {most}")));
        }
        Ok(value)
    }

    fn number32(&mut self) -> Parsed<u32> {
        self.number(u64::from(u32::MAX)).map(|number| number as u32)
    }

    /// `name`, `name.name`, …
    fn path(&mut self, expected: &str) -> Parsed<Spanned<String>> {
        let Spanned { mut value, span } = self.word(expected)?;
        while self.accept('.') {
            value.push('.');
            value.push_str(&self.word("the name of a member")?.value);
        }
        let span = span.to(self.behind());
        Ok(Spanned { value, span })
    }

    fn recipe(&mut self) -> Parsed<Recipe> {
        self.expect_word("recipe")?;
        let mut recipe = Recipe {
            target: self.target()?,
            roots: Vec::new(),
            limits: Limits::default(),
            rules: Vec::new(),
        };
        self.expect('{')?;
        while !self.accept('}') {
            if self.accept_word("limit") {
                self.limit(&mut recipe.limits)?;
            } else {
                recipe.roots.push(self.root()?);
            }
        }
        while self.peek().kind != TokenKind::End {
            recipe.rules.push(self.rule()?);
        }
        Ok(recipe)
    }

    fn target(&mut self) -> Parsed<Spanned<Target>> {
        let start = self.peek().span;
        let mut target = Target::default();
        let mut name = self.symbol("the name of a function")?;
        if self.accept(':') {
            target.module = Some(name);
            name = self.symbol("the name of a function of the module")?;
        }
        target.function = name;
        if self.accept('+') {
            target.offset = self.number(u64::from(u32::MAX))?;
        }
        let span = start.to(self.behind());
        Ok(Spanned {
            value: target,
            span,
        })
    }

    /// A symbol; compilers make names such as `f.isra.0`.
    fn symbol(&mut self, expected: &str) -> Parsed<String> {
        let mut name = self.word(expected)?.value;
        while self.accept('.') {
            name.push('.');
            match self.next().kind {
                TokenKind::Word(word) => name.push_str(&word),
                TokenKind::Number(number) => name.push_str(&number.to_string()),
                _ => {
                    self.at -= 1;
                    return self.unexpected("the rest of the name");
                }
            }
        }
        Ok(name)
    }

    fn limit(&mut self, limits: &mut Limits) -> Parsed<()> {
        const NAMES: [&str; 6] = ["objects", "bytes", "depth", "time", "elements", "string"];
        let what = self.word("what to limit: objects, bytes, depth, time, elements or string")?;
        match what.value.as_str() {
            "objects" => limits.objects = Some(self.number32()?),
            "bytes" => limits.bytes = Some(self.number(u64::MAX)?),
            "depth" => limits.depth = Some(self.number32()?),
            "time" => limits.time_ns = Some(self.number(u64::MAX)?),
            "elements" => limits.elements = Some(self.number32()?),
            "string" => limits.string = Some(self.number32()?),
            wrong => {
                let message = format!("there is no limit of `{wrong}`");
                return Err(Problem::new(message, what.span, "not a limit")
                    .help(format!("limits are {}", NAMES.join(", ")))
                    .nearest(wrong, NAMES));
            }
        }
        self.expect(';')
    }

    fn root(&mut self) -> Parsed<Root> {
        let start = self.peek().span;
        let first = self.word("an argument, `arg N`, `global SYMBOL`, `current` or `limit`")?;
        let named = matches!(self.peek().kind, TokenKind::Word(_)) && !self.is_word("as");
        let source = match (first.value.as_str(), &self.peek().kind) {
            ("arg", TokenKind::Number(_)) => Source::Position(self.number(u64::MAX)?),
            ("global", TokenKind::Word(_)) if named => Source::Global(self.global()?),
            ("current", _) => Source::Current,
            _ => Source::Argument(first.value),
        };
        let span = start.to(self.behind());
        let optional = self.accept('?');
        let alias = match self.accept_word("as") {
            true => Some(self.word("a name for the root")?.value),
            false => None,
        };
        Ok(Root {
            source,
            span,
            alias,
            optional,
            treatment: self.treatment()?,
        })
    }

    /// `symbol` or `module.symbol` would be ambiguous: a module is named by
    /// `symbol in module`.
    fn global(&mut self) -> Parsed<String> {
        let symbol = self.symbol("the symbol of a global")?;
        Ok(match self.accept_word("in") {
            true => format!("{}:{symbol}", self.word("the name of a module")?.value),
            false => symbol,
        })
    }

    fn rule(&mut self) -> Parsed<Rule> {
        let of = self.type_name("`struct`, `union` or a typedef's name")?;
        let optional = self.accept('?');
        self.expect('{')?;
        let mut members = Vec::new();
        while !self.accept('}') {
            members.push(MemberRule {
                path: self.path("a member or `}`")?,
                optional: self.accept('?'),
                treatment: self.treatment()?,
            });
        }
        Ok(Rule {
            of,
            optional,
            members,
        })
    }

    fn type_name(&mut self, expected: &str) -> Parsed<Spanned<TypeName>> {
        let Spanned { mut value, span } = self.word(expected)?;
        let name = match value.as_str() {
            "struct" => TypeName::Struct(self.word("the name of a structure")?.value),
            "union" => TypeName::Union(self.word("the name of a union")?.value),
            _ => {
                while NUMBER_WORDS.iter().any(|word| self.is_word(word)) {
                    value.push(' ');
                    value.push_str(&self.word("a type")?.value);
                }
                TypeName::Plain(value)
            }
        };
        Ok(Spanned {
            value: name,
            span: span.to(self.behind()),
        })
    }

    /// `;`, or `: HOW;`.
    fn treatment(&mut self) -> Parsed<Treatment> {
        let start = self.peek().span;
        let mut treatment = Treatment {
            how: How::Default,
            span: start,
            tag_mask: 0,
        };
        if self.accept(':') {
            if self.accept_word("tagged") {
                treatment.tag_mask = self.number(0xfff)? as u16;
            }
            if !self.is_mark(';') {
                treatment.how = self.how()?;
            }
        }
        treatment.span = start.to(self.behind());
        if !self.accept(';') {
            return self.unexpected("`;`");
        }
        Ok(treatment)
    }

    fn how(&mut self) -> Parsed<How> {
        const WORDS: [&str; 7] = [
            "skip",
            "string",
            "bytes",
            "array",
            "as",
            "list",
            "container",
        ];
        let word = self.word("how to follow: skip, string, bytes, array, as, list or container")?;
        Ok(match word.value.as_str() {
            "skip" => How::Skip,
            "string" => How::String {
                max: match self.accept_word("max") {
                    true => Some(self.count()?),
                    false => None,
                },
            },
            "bytes" => How::Bytes(self.count()?),
            "array" => How::Pointer {
                to: None,
                count: Some(self.count()?),
            },
            "as" => How::Pointer {
                to: Some(self.type_name("a type")?),
                count: match self.accept_word("array") {
                    true => Some(self.count()?),
                    false => None,
                },
            },
            "list" => {
                let (of, by) = self.of_by()?;
                let max = match self.accept_word("max") {
                    true => Some(self.number32()?),
                    false => None,
                };
                How::List { of, by, max }
            }
            "container" => {
                let (of, by) = self.of_by()?;
                How::Container { of, by }
            }
            wrong => {
                let message = format!("nothing can be followed as `{wrong}`");
                return Err(Problem::new(message, word.span, "not a way to follow")
                    .help(format!("ways to follow are {}", WORDS.join(", ")))
                    .nearest(wrong, WORDS));
            }
        })
    }

    /// `of TYPE by MEMBER`.
    fn of_by(&mut self) -> Parsed<(Spanned<TypeName>, Spanned<String>)> {
        self.expect_word("of")?;
        let of = self.type_name("the type of an element")?;
        self.expect_word("by")?;
        Ok((of, self.path("the member by which it is linked")?))
    }

    fn count(&mut self) -> Parsed<Spanned<Count>> {
        let start = self.peek().span;
        let value = match self.peek().kind {
            TokenKind::Number(_) => Count::Constant(self.number32()?),
            _ => Count::Name(self.path("a number or the member that holds it")?.value),
        };
        let span = start.to(self.behind());
        Ok(Spanned { value, span })
    }
}
