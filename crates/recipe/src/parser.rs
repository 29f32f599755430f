//! Tokens to a [`File`]: recursive descent, one function for each rule of the
//! grammar in `doc/recipes.md`.

mod expression;
mod rule;
mod treatment;

use crate::diagnostics::{Problem, Span};
use crate::lexer::{Token, TokenKind, tokens};
use crate::syntax::{
    Alias, BaseName, File, Hub, Limits, Recipe, Root, Source, Spanned, Target, TypeName,
};

type Parsed<T> = Result<T, Problem>;

/// Words that make up the names of C's numbers.
const NUMBER_WORDS: [&str; 6] = ["unsigned", "signed", "long", "short", "int", "char"];

/// How deeply braces, parentheses and operators may nest: people need less than
/// ten.
const MOST_NESTING: usize = 48;

/// Reads a text; `source` is which it is.
pub(crate) fn parse(text: &str, source: usize) -> Parsed<File> {
    let tokens = tokens(text, source)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        operands: 0,
    };
    parser.file()
}

/// Checks that a text is one expression.
pub(crate) fn expression_alone(text: &str) -> Parsed<()> {
    let mut parser = Parser {
        tokens: tokens(text, 0)?,
        at: 0,
        depth: 0,
        operands: 0,
    };
    parser.expression()?;
    match parser.peek().kind {
        TokenKind::End => Ok(()),
        _ => parser.unexpected("the end of the expression"),
    }
}

struct Parser {
    /// Never empty: the last one is the end.
    tokens: Vec<Token>,
    at: usize,
    /// How deeply what is read now is nested.
    depth: usize,
    /// Operands of the expression that is read now.
    operands: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)]
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

    fn is_mark(&self, mark: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Mark(found) if found == mark)
    }

    fn accept(&mut self, mark: &str) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Parsed<()> {
        match self.accept(mark) {
            true => Ok(()),
            false => self.unexpected(&format!("`{mark}`")),
        }
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(&self.peek_at(ahead).kind, TokenKind::Word(found) if found == word)
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
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
        while self.accept(".") {
            value.push('.');
            value.push_str(&self.word("the name of a member")?.value);
        }
        let span = span.to(self.behind());
        Ok(Spanned { value, span })
    }

    /// Reads something that may contain itself.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MOST_NESTING {
            let message = format!("more than {MOST_NESTING} levels are nested here");
            return Err(Problem::new(message, self.peek().span, "too deep"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn file(&mut self) -> Parsed<File> {
        const THINGS: &str =
            "`recipe`, `include`, `view`, `hub`, `skip`, or a rule: `struct NAME { … }`";
        let mut file = File::default();
        while self.peek().kind != TokenKind::End {
            let is_name = matches!(
                self.peek_at(1).kind,
                TokenKind::Word(_) | TokenKind::Number(_)
            );
            if self.is_word("recipe") && is_name {
                file.recipes.push(self.recipe()?);
            } else if self.is_word("include") {
                file.includes.push(self.include()?);
            } else if self.is_word("view") && is_name {
                file.views.push(self.view()?);
            } else if (self.is_word("hub") || self.is_word("skip")) && is_name {
                file.hubs.push(self.hub()?);
            } else if matches!(self.peek().kind, TokenKind::Word(_)) && !self.is_word("recipe") {
                file.rules.push(self.rule()?);
            } else if self.accept_word("recipe") {
                return self.unexpected("the name of a function");
            } else {
                return self.unexpected(THINGS);
            }
        }
        Ok(file)
    }

    /// `include "FILE";`
    fn include(&mut self) -> Parsed<Spanned<String>> {
        self.expect_word("include")?;
        let Token { kind, span } = self.peek().clone();
        let TokenKind::Text(value) = kind else {
            return self.unexpected("a file's name in quotation marks");
        };
        self.at += 1;
        self.expect(";")?;
        Ok(Spanned { value, span })
    }

    /// `hub TYPE;`, `skip TYPE;`
    fn hub(&mut self) -> Parsed<Hub> {
        let hub = Hub {
            skipped: self.word("`hub` or `skip`")?.value == "skip",
            of: self.type_name("`struct NAME`")?,
            optional: self.accept("?"),
        };
        self.expect(";")?;
        Ok(hub)
    }

    /// `recipe TARGET [at return] { … }`
    fn recipe(&mut self) -> Parsed<Recipe> {
        self.expect_word("recipe")?;
        let target = self.target()?;
        let at_return = self.accept_word("at");
        if at_return {
            self.expect_word("return")?;
        }
        let mut recipe = Recipe {
            target,
            at_return,
            roots: Vec::new(),
            limits: Limits::default(),
            detect_changes: false,
            when: None,
            nth: None,
        };
        self.expect("{")?;
        while !self.accept("}") {
            self.statement(&mut recipe)?;
        }
        Ok(recipe)
    }

    fn statement(&mut self, recipe: &mut Recipe) -> Parsed<()> {
        // An argument may be called like one of these words.
        let is_root = match &self.peek_at(1).kind {
            TokenKind::Mark(mark) => [";", ":", "?", "{"].contains(mark),
            TokenKind::Word(word) => ["as", "unnamed", "if", "with"].contains(&word.as_str()),
            _ => false,
        };
        if is_root {
            recipe.roots.push(self.root()?);
            return Ok(());
        }
        if self.accept_word("limit") {
            return self.limit(&mut recipe.limits);
        }
        if self.accept_word("when") {
            let span = self.behind();
            if recipe.when.is_some() {
                return Err(
                    Problem::new("a recipe has one `when`", span, "the second one")
                        .help("join the conditions with `&&`"),
                );
            }
            recipe.when = Some(self.expression()?);
        } else if self.accept_word("nth") {
            let twice = recipe.nth.is_some().then_some(self.behind());
            let value = self.number32()?;
            let span = self.behind();
            if let Some(span) = twice {
                return Err(Problem::new(
                    "a recipe has one `nth`",
                    span,
                    "the second one",
                ));
            }
            if value == 0 {
                return Err(Problem::new(
                    "calls are counted from 1",
                    span,
                    "there is no such call",
                )
                .help("the first one is captured without `nth`"));
            }
            recipe.nth = Some(Spanned { value, span });
        } else if self.accept_word("detect") {
            self.expect_word("changes")?;
            recipe.detect_changes = true;
        } else {
            recipe.roots.push(self.root()?);
            return Ok(());
        }
        self.expect(";")
    }

    /// `function`, `module:function`, either with `+offset`; `tracepoint:NAME`; `0xADDRESS`.
    fn target(&mut self) -> Parsed<Spanned<Target>> {
        let start = self.peek().span;
        let address = match self.peek().kind {
            TokenKind::Number(address) => {
                self.at += 1;
                Some(address)
            }
            _ => None,
        };
        let mut target = Target {
            function: match address {
                // Where the kernel is: the upper half.
                Some(address) if address >> 63 == 0 => {
                    let message = format!("{address:#x} is no address of the kernel's");
                    return Err(Problem::new(message, start, "expected a function"));
                }
                Some(address) => format!("{address:#x}"),
                None => self.symbol("the name of a function")?,
            },
            ..Target::default()
        };
        if address.is_some() {
            let value = target;
            return Ok(Spanned { value, span: start });
        }
        if self.accept(":") {
            target.module = Some(std::mem::take(&mut target.function));
            target.function = self.symbol("the name of a function of the module")?;
        }
        if self.accept("+") {
            target.offset = self.number(u64::from(u32::MAX))?;
        }
        let span = start.to(self.behind());
        Ok(Spanned {
            value: target,
            span,
        })
    }

    /// A name that may contain dots: `do_work.isra.0`.
    fn symbol(&mut self, expected: &str) -> Parsed<String> {
        let mut name = self.word(expected)?.value;
        while self.accept(".") {
            name.push('.');
            let Token { kind, .. } = self.peek().clone();
            self.at += 1;
            match kind {
                TokenKind::Word(part) => name.push_str(&part),
                TokenKind::Number(part) => name.push_str(&part.to_string()),
                _ => {
                    self.at -= 1;
                    return self.unexpected("the rest of the symbol's name");
                }
            }
        }
        Ok(name)
    }

    fn limit(&mut self, limits: &mut Limits) -> Parsed<()> {
        const NAMES: [&str; 6] = ["objects", "bytes", "depth", "time", "elements", "string"];
        let what = self.word("what to limit")?;
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
        self.expect(";")
    }

    /// `SOURCE [?] [as NAME | unnamed] [: HOW] …`
    fn root(&mut self) -> Parsed<Root> {
        let start = self.peek().span;
        let first = self.word(
            "an argument, `arg N`, `global SYMBOL`, `current`, `returned`, `from EXPRESSION` or \
             `limit`",
        )?;
        // An argument may be called like one of these words.
        let bare = match &self.peek().kind {
            TokenKind::Mark(mark) => [";", ":", "?", "{"].contains(mark),
            TokenKind::Word(word) => ["as", "unnamed", "if", "with"].contains(&word.as_str()),
            _ => false,
        };
        let source = match (first.value.as_str(), bare) {
            ("arg", false) => Source::Position(self.number(u64::MAX)?),
            ("global", false) => Source::Global(self.global()?),
            ("from", false) => Source::Computed(self.expression()?),
            ("current", _) => Source::Current,
            ("returned", _) => Source::Returned,
            _ => Source::Argument(first.value),
        };
        let span = start.to(self.behind());
        let optional = self.accept("?");
        let alias = if self.accept_word("as") {
            Alias::Named(self.word("a name for the root")?.value)
        } else if self.accept_word("unnamed") {
            Alias::Unnamed
        } else {
            Alias::Own
        };
        let (treatment, condition) = self.treatment_to_end()?;
        Ok(Root {
            source,
            span,
            alias,
            optional,
            treatment,
            condition,
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

    fn type_name(&mut self, expected: &str) -> Parsed<Spanned<TypeName>> {
        let Spanned { mut value, span } = self.word(expected)?;
        let base = match value.as_str() {
            "struct" => BaseName::Struct(self.word("the name of a structure")?.value),
            "union" => BaseName::Union(self.word("the name of a union")?.value),
            "enum" => BaseName::Enum(self.word("the name of an enum")?.value),
            _ => {
                while NUMBER_WORDS.iter().any(|word| self.is_word(word)) {
                    value.push(' ');
                    value.push_str(&self.word("a type")?.value);
                }
                BaseName::Plain(value)
            }
        };
        let mut pointers = 0;
        while pointers < 4 && self.accept("*") {
            pointers += 1;
        }
        Ok(Spanned {
            value: TypeName { base, pointers },
            span: span.to(self.behind()),
        })
    }
}
