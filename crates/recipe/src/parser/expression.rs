//! Expressions, with C's operators and their precedence.

use super::{NUMBER_WORDS, Parsed, Parser};
use crate::diagnostics::{Problem, Span};
use crate::lexer::TokenKind;
use crate::names::WIDTHS;
use crate::syntax::{Binary, Expression, Form, Function, Unary};

impl Parser {
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.operands = 0;
        self.whole()
    }

    /// An expression, perhaps inside of another one.
    fn whole(&mut self) -> Parsed<Expression> {
        self.nested(|parser| {
            let condition = parser.binary(0)?;
            if !parser.accept("?") {
                return Ok(condition);
            }
            let yes = parser.whole()?;
            parser.expect(":")?;
            let no = parser.whole()?;
            let span = condition.span.to(no.span);
            Ok(made(Form::Choice { condition, yes, no }, span))
        })
    }

    /// What stands behind `case`: its `:` must stay.
    pub(super) fn case_value(&mut self) -> Parsed<Expression> {
        self.operands = 0;
        self.nested(|parser| parser.binary(0))
    }

    /// Operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Parsed<Expression> {
        let mut left = self.unary()?;
        loop {
            let TokenKind::Mark(mark) = self.peek().kind else {
                return Ok(left);
            };
            let known = Binary::ALL.iter().find(|(name, ..)| *name == mark);
            let Some((_, operator, strength)) = known.filter(|(.., s)| *s >= least.max(1)) else {
                return Ok(left);
            };
            self.at += 1;
            let right = self.nested(|parser| parser.binary(strength + 1))?;
            let span = left.span.to(right.span);
            left = made(Form::Binary(*operator, left, right), span);
        }
    }

    fn unary(&mut self) -> Parsed<Expression> {
        const OPERATORS: [(&str, Unary); 5] = [
            ("!", Unary::Not),
            ("~", Unary::Invert),
            ("-", Unary::Negate),
            ("*", Unary::Load),
            ("&", Unary::AddressOf),
        ];
        let start = self.peek().span;
        let operator = OPERATORS.iter().find(|(mark, _)| self.is_mark(mark));
        if let Some((_, operator)) = operator {
            self.at += 1;
            let of = self.nested(Self::unary)?;
            let span = start.to(of.span);
            return Ok(made(Form::Unary(*operator, of), span));
        }
        if self.is_cast() {
            self.at += 1;
            let to = self.type_name("a type")?;
            self.expect(")")?;
            let of = self.nested(Self::unary)?;
            let span = start.to(of.span);
            return Ok(made(Form::Cast(to.value, of), span));
        }
        self.postfix()
    }

    /// `(TYPE)`; a name alone in parentheses is a value, unless it is a number's.
    fn is_cast(&self) -> bool {
        let TokenKind::Word(word) = &self.peek_at(1).kind else {
            return false;
        };
        let word = word.as_str();
        self.is_mark("(")
            && (["struct", "union", "enum"].contains(&word)
                || NUMBER_WORDS.contains(&word)
                || WIDTHS.iter().any(|(name, ..)| *name == word)
                || (self.peek_at(2).kind == TokenKind::Mark("*")
                    && [")", "*"]
                        .iter()
                        .any(|m| self.peek_at(3).kind == TokenKind::Mark(m))))
    }

    fn postfix(&mut self) -> Parsed<Expression> {
        const MOST_STEPS: usize = 32;
        let mut of = self.primary()?;
        for _ in 0..MOST_STEPS {
            let start = of.span;
            let form = if self.accept(".") {
                let name = self.word("the name of a member")?.value;
                Form::Member { of, name }
            } else if self.accept("->") {
                let name = self.word("the name of a member")?.value;
                Form::Behind { of, name }
            } else if self.accept("[") {
                let at = self.whole()?;
                self.expect("]")?;
                Form::Element { of, at }
            } else {
                return Ok(of);
            };
            of = made(form, start.to(self.behind()));
        }
        Err(Problem::new(
            "an expression reads through too many members",
            of.span,
            "the program can't hold more",
        ))
    }

    fn primary(&mut self) -> Parsed<Expression> {
        // More than a program can hold; deep trees are no good either.
        const MOST_OPERANDS: usize = 128;
        let start = self.peek().span;
        self.operands += 1;
        if self.operands > MOST_OPERANDS {
            let message = format!("an expression has more than {MOST_OPERANDS} operands");
            return Err(Problem::new(message, start, "too long"));
        }
        let form = match self.peek().kind.clone() {
            TokenKind::Number(number) => {
                self.at += 1;
                Form::Number(number)
            }
            TokenKind::Text(text) => {
                self.at += 1;
                Form::Text(text)
            }
            TokenKind::Mark("(") => {
                self.at += 1;
                let inner = self.whole()?;
                self.expect(")")?;
                return Ok(Expression {
                    span: start.to(self.behind()),
                    ..inner
                });
            }
            TokenKind::Word(word) => {
                self.at += 1;
                self.named(word)?
            }
            _ => return self.unexpected("a number, the name of a member, or `(`"),
        };
        Ok(made(form, start.to(self.behind())))
    }

    /// What begins with a word.
    fn named(&mut self, word: String) -> Parsed<Form> {
        let calls = self.is_mark("(");
        Ok(match word.as_str() {
            "this" => Form::This,
            "value" => Form::Value,
            "address" => Form::Address,
            "returned" => Form::Returned,
            "current" => Form::Current,
            "cpu" => Form::Cpu,
            "index" => Form::Index,
            "arg" => match self.peek().kind {
                TokenKind::Number(_) => Form::Position(self.number(u64::MAX)?),
                _ => Form::Argument(self.word("the name or position of an argument")?.value),
            },
            "global" => Form::Global(self.global()?),
            "sizeof" if calls => {
                self.expect("(")?;
                let of = self.type_name("a type")?.value;
                self.expect(")")?;
                Form::SizeOf(of)
            }
            "offsetof" if calls => {
                self.expect("(")?;
                let of = self.type_name("a type")?.value;
                self.expect(",")?;
                let path = self.path("a member")?.value;
                self.expect(")")?;
                Form::OffsetOf(of, path)
            }
            "exists" if calls => self.exists()?,
            name if calls => {
                let known = Function::NAMES.iter().find(|(known, _)| *known == name);
                let Some((_, function)) = known else {
                    let names = Function::NAMES.map(|(name, _)| name);
                    let message = format!("there is no function `{name}`");
                    return Err(Problem::new(message, self.behind(), "unknown")
                        .help(format!(
                            "there are {}, sizeof, offsetof and exists",
                            names.join(", ")
                        ))
                        .nearest(name, names));
                };
                Form::Call(*function, self.arguments(*function)?)
            }
            _ => Form::Name(word),
        })
    }

    fn arguments(&mut self, function: Function) -> Parsed<Vec<Expression>> {
        let mut arguments = Vec::new();
        self.expect("(")?;
        for index in 0..function.takes() {
            if index > 0 {
                self.expect(",")?;
            }
            arguments.push(self.whole()?);
        }
        self.expect(")")?;
        Ok(arguments)
    }

    /// `exists(MEMBER)`, `exists(struct X)`, `exists(struct X, MEMBER)`
    fn exists(&mut self) -> Parsed<Form> {
        self.expect("(")?;
        let is_type = ["struct", "union", "enum"]
            .iter()
            .any(|word| self.is_word(word));
        let form = if is_type {
            let of = self.type_name("a type")?.value;
            let member = match self.accept(",") {
                true => Some(self.path("a member")?.value),
                false => None,
            };
            Form::ExistsType(of, member)
        } else {
            Form::ExistsMember(self.path("a member or a type")?.value)
        };
        self.expect(")")?;
        Ok(form)
    }
}

fn made(form: Form, span: Span) -> Expression {
    Expression {
        form: Box::new(form),
        span,
    }
}
