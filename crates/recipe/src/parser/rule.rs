//! Rules: of types, of views, in place.

use super::{Parsed, Parser};
use crate::diagnostics::Problem;
use crate::syntax::{Expression, Guard, MemberRule, Rule, Spanned, ViewRule};

impl Parser {
    /// `TYPE [?] { … }`
    pub(super) fn rule(&mut self) -> Parsed<Rule> {
        let of = self.type_name("`struct`, `union` or a typedef's name")?;
        Ok(Rule {
            of,
            optional: self.accept("?"),
            members: self.members()?,
        })
    }

    /// `view NAME [(A, B)] of TYPE [?]`, and its members or `: HOW;`
    pub(super) fn view(&mut self) -> Parsed<ViewRule> {
        self.expect_word("view")?;
        let name = self.word("a name for the view")?;
        let mut parameters = Vec::new();
        if self.accept("(") {
            loop {
                parameters.push(self.word("the name of a value that is handed down")?);
                if !self.accept(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        self.expect_word("of")?;
        let of = self.type_name("a type")?;
        let optional = self.accept("?");
        let mut members = Vec::new();
        if self.is_mark("{") {
            members = self.members()?;
        } else if self.is_mark(":") {
            let whole = Spanned {
                value: String::new(),
                span: name.span,
            };
            self.way(whole, false, &[], &mut members)?;
        } else {
            return self.unexpected("`{` or `:`");
        }
        Ok(ViewRule {
            name,
            parameters,
            of,
            optional,
            members,
        })
    }

    /// `{ MEMBERS }`
    pub(super) fn members(&mut self) -> Parsed<Vec<MemberRule>> {
        self.expect("{")?;
        let mut members = Vec::new();
        self.nested(|parser| {
            while !parser.accept("}") {
                parser.member(&[], &mut members)?;
            }
            Ok(())
        })?;
        Ok(members)
    }

    /// A member, an `if` or a `switch`; `guards` are the conditions around it.
    fn member(&mut self, guards: &[Guard], into: &mut Vec<MemberRule>) -> Parsed<()> {
        if self.accept_word("if") {
            return self.nested(|parser| parser.conditional(guards, into));
        }
        if self.accept_word("switch") {
            return self.nested(|parser| parser.switch(guards, into));
        }
        let path = self.path("a member or `}`")?;
        let optional = self.accept("?");
        self.way(path, optional, guards, into)
    }

    /// How a member is followed, perhaps in several ways.
    fn way(
        &mut self,
        path: Spanned<String>,
        optional: bool,
        guards: &[Guard],
        into: &mut Vec<MemberRule>,
    ) -> Parsed<()> {
        if self.is_mark(":") && self.is_word_at(1, "switch") {
            self.at += 2;
            let mut cases = Vec::new();
            self.nested(|parser| {
                parser.cases(&mut |parser, guard| {
                    let words = parser.treatment_words()?;
                    let (treatment, condition) = parser.treatment_rest(words)?;
                    let mut all = guards.to_vec();
                    all.push(guard);
                    all.extend(condition.map(Guard::If));
                    cases.push((treatment, all));
                    Ok(())
                })
            })?;
            self.accept(";");
            into.extend(cases.into_iter().map(|(treatment, guards)| MemberRule {
                path: path.clone(),
                optional,
                treatment,
                guards,
            }));
            return Ok(());
        }
        let (treatment, condition) = self.treatment_to_end()?;
        let mut guards = guards.to_vec();
        guards.extend(condition.map(Guard::If));
        into.push(MemberRule {
            path,
            optional,
            treatment,
            guards,
        });
        Ok(())
    }

    /// `EXPRESSION { … } [else { … }]`
    fn conditional(&mut self, guards: &[Guard], into: &mut Vec<MemberRule>) -> Parsed<()> {
        let condition = self.expression()?;
        self.guarded(guards, Guard::If(condition.clone()), into)?;
        if !self.accept_word("else") {
            return Ok(());
        }
        if self.accept_word("if") {
            let mut guards = guards.to_vec();
            guards.push(Guard::Unless(condition));
            return self.nested(|parser| parser.conditional(&guards, into));
        }
        self.guarded(guards, Guard::Unless(condition), into)
    }

    /// `{ … }` under one more condition.
    fn guarded(
        &mut self,
        guards: &[Guard],
        guard: Guard,
        into: &mut Vec<MemberRule>,
    ) -> Parsed<()> {
        let mut guards = guards.to_vec();
        guards.push(guard);
        self.expect("{")?;
        while !self.accept("}") {
            self.member(&guards, into)?;
        }
        Ok(())
    }

    /// `EXPRESSION { case A, B: MEMBERS … else: MEMBERS }`
    fn switch(&mut self, guards: &[Guard], into: &mut Vec<MemberRule>) -> Parsed<()> {
        self.cases(&mut |parser, guard| {
            let mut guards = guards.to_vec();
            guards.push(guard);
            while !(parser.is_word("case") || parser.is_word("else") || parser.is_mark("}")) {
                parser.member(&guards, into)?;
            }
            Ok(())
        })
    }

    /// `EXPRESSION { case A, B: BODY … else: BODY }`
    fn cases(&mut self, body: &mut dyn FnMut(&mut Self, Guard) -> Parsed<()>) -> Parsed<()> {
        let selector = self.expression()?;
        let mut all: Vec<Expression> = Vec::new();
        self.expect("{")?;
        while !self.accept("}") {
            if self.accept_word("else") {
                self.expect(":")?;
                let (selector, values) = (selector, all);
                body(self, Guard::Else { selector, values })?;
                return match self.accept("}") {
                    true => Ok(()),
                    false => self.unexpected("`}`: `else` is the last case"),
                };
            }
            if !self.accept_word("case") {
                return self.unexpected("`case`, `else` or `}`");
            }
            let mut values = vec![self.case_value()?];
            while self.accept(",") {
                values.push(self.case_value()?);
            }
            self.expect(":")?;
            all.extend(values.iter().cloned());
            if all.len() > usize::from(u8::MAX) {
                let span = self.behind();
                return Err(Problem::new(
                    "a switch has at most 255 values",
                    span,
                    "one too many",
                ));
            }
            let selector = selector.clone();
            body(self, Guard::Case { selector, values })?;
        }
        Ok(())
    }
}
