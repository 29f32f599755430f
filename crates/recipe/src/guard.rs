//! Conditions: of one member, and of several that share their bytes.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{self as abi, Action, MAX_CASES};

use crate::diagnostics::{Problem, Span};
use crate::formula::{Formula, fits, instruction};
use crate::scope::Scope;
use crate::syntax::{Expression, Guard};
use crate::views::{Case, PathAction, Views};

/// What is known of the conditions of a rule.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Always,
    Never,
    /// All must hold.
    When(Vec<Test>),
}

/// A condition that is found out while capturing.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    /// Leaves 0 or another number.
    code: Vec<Instruction>,
    span: Span,
    choice: Option<Choice>,
}

/// A case of a switch whose values are known.
#[derive(Clone, Debug)]
struct Choice {
    selector: Vec<Instruction>,
    /// Where the switch stands.
    span: Span,
    /// Empty: all other numbers.
    values: Vec<u64>,
}

/// A member that is followed under a condition: its bytes, and how.
#[derive(Clone, Debug)]
pub(crate) struct Guarded {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) tests: Vec<Test>,
    /// `None`: it is not followed.
    pub(crate) action: Option<PathAction>,
    pub(crate) span: Span,
    pub(crate) path: String,
}

impl Views<'_> {
    /// The conditions of a rule. `None` where there is a problem, which has been
    /// noted then.
    pub(crate) fn condition(&mut self, guards: &[Guard], scope: &Scope<'_>) -> Option<Condition> {
        let mut tests = Vec::new();
        for guard in guards {
            let (known, test) = match guard {
                Guard::If(expression) => self.test(expression, scope, false)?,
                Guard::Unless(expression) => self.test(expression, scope, true)?,
                Guard::Case { selector, values } => self.case(selector, values, scope, false)?,
                Guard::Else { selector, values } => self.case(selector, values, scope, true)?,
            };
            match known {
                Some(false) => return Some(Condition::Never),
                Some(true) => {}
                None => tests.push(test),
            }
        }
        Some(match tests.is_empty() {
            true => Condition::Always,
            false => Condition::When(tests),
        })
    }

    fn test(
        &mut self,
        expression: &Expression,
        scope: &Scope<'_>,
        inverted: bool,
    ) -> Option<(Option<bool>, Test)> {
        let formula = self.formula(expression, scope);
        let Formula {
            mut code, constant, ..
        } = self.noted(formula)?;
        let known = constant.map(|value| (value != 0) != inverted);
        if inverted {
            code.push(instruction(code::IS_ZERO, 0, false, 0));
        }
        let test = Test {
            code,
            span: expression.span,
            choice: None,
        };
        Some((known, test))
    }

    fn case(
        &mut self,
        selector: &Expression,
        values: &[Expression],
        scope: &Scope<'_>,
        is_else: bool,
    ) -> Option<(Option<bool>, Test)> {
        let span = selector.span;
        let formula = self.formula(selector, scope);
        let selector = self.noted(formula)?;
        let mut formulas = Vec::new();
        for value in values {
            let formula = self.formula(value, scope);
            formulas.push(self.noted(formula)?);
        }
        let constants: Option<Vec<u64>> = formulas.iter().map(|value| value.constant).collect();
        let known = match (selector.constant, &constants) {
            (Some(number), Some(values)) => Some(values.contains(&number) != is_else),
            _ => None,
        };
        let step = |op| instruction(op, 0, false, 0);
        let mut code = Vec::new();
        for (index, value) in formulas.iter().enumerate() {
            code.extend(&selector.code);
            code.extend(&value.code);
            code.push(step(code::EQUAL));
            if index > 0 {
                code.push(step(code::OR));
            }
        }
        if formulas.is_empty() {
            code.push(step(code::CONSTANT));
        }
        if is_else {
            code.push(step(code::IS_ZERO));
        }
        let choice = constants.map(|values| Choice {
            selector: selector.code,
            span,
            values: if is_else { Vec::new() } else { values },
        });
        Some((known, Test { code, span, choice }))
    }

    /// The actions for members under conditions: those that share bytes become
    /// one choice.
    pub(crate) fn settled(&mut self, mut guarded: Vec<Guarded>) -> Vec<PathAction> {
        let mut actions = Vec::new();
        while !guarded.is_empty() {
            let mut group = vec![guarded.remove(0)];
            while let Some(next) = guarded.iter().position(|other| {
                let shares = |one: &Guarded| one.start < other.end && other.start < one.end;
                group.iter().any(shares)
            }) {
                group.push(guarded.remove(next));
            }
            let found = match group.as_slice() {
                [one] => self.single(one),
                several => self.chosen(several),
            };
            actions.extend(found);
        }
        actions
    }

    /// An action with its condition.
    fn single(&mut self, one: &Guarded) -> Option<PathAction> {
        let mut action = one.action.clone()?;
        action.extra.condition = self.all(&one.tests)?;
        Some(action)
    }

    /// The expression that is not 0 if all tests hold.
    fn all(&mut self, tests: &[Test]) -> Option<u32> {
        let code = all_hold(tests);
        let last = tests.last()?;
        let checked = fits(&code, last.span);
        self.noted(checked)?;
        Some(self.pool.expression(&code))
    }

    /// One of several actions.
    fn chosen(&mut self, group: &[Guarded]) -> Option<PathAction> {
        let first = group.first()?;
        let switch = first.tests.first()?.choice.clone();
        let same = |one: &Guarded| match (&switch, one.tests.first().map(|t| &t.choice)) {
            (Some(a), Some(Some(b))) => a.span == b.span,
            _ => false,
        };
        let offset = group.iter().map(|one| one.start).min()?;
        let mut action = Action {
            op: abi::OP_CHOICE,
            offset: u32::try_from(offset).ok()?,
            ..Action::BARE
        };
        action.count = crate::views::constant(0);
        let mut made = PathAction::new(first.path.clone(), action, first.span);
        let selector = if group.iter().all(same) {
            self.cases_of_switch(group, &mut made)?;
            switch?.selector
        } else {
            self.cases_by_turn(group, &mut made)?
        };
        let checked = fits(&selector, first.span);
        self.noted(checked)?;
        made.extra.selector = self.pool.expression(&selector);
        if made.cases.len() > MAX_CASES as usize {
            let message = format!("a choice has at most {MAX_CASES} cases");
            self.problem(Problem::new(message, first.span, "has more"));
            return None;
        }
        Some(made)
    }

    /// The cases are those of the text.
    fn cases_of_switch(&mut self, group: &[Guarded], made: &mut PathAction) -> Option<()> {
        let mut otherwise = None;
        for one in group {
            let (first, rest) = one.tests.split_first()?;
            let mut action = one.action.clone();
            if let (Some(action), false) = (&mut action, rest.is_empty()) {
                action.extra.condition = self.all(rest)?;
            }
            let action = action.map(Box::new);
            let values = &first.choice.as_ref()?.values;
            if values.is_empty() {
                otherwise.get_or_insert(action);
                continue;
            }
            made.cases.extend(values.iter().map(|value| Case {
                value: Some(*value),
                action: action.clone(),
            }));
        }
        made.cases.extend(otherwise.map(|action| Case {
            value: None,
            action,
        }));
        Some(())
    }

    /// The first whose conditions hold: the selector counts them.
    fn cases_by_turn(
        &mut self,
        group: &[Guarded],
        made: &mut PathAction,
    ) -> Option<Vec<Instruction>> {
        let mut selector = vec![instruction(code::CONSTANT, 0, false, 0)];
        for (index, one) in group.iter().enumerate().rev() {
            let turn = index as u32 + 1;
            let mut code = all_hold(&one.tests);
            code.push(instruction(code::SKIP_IF_ZERO, 0, false, 2));
            code.push(instruction(code::CONSTANT, 0, false, turn));
            code.push(instruction(code::SKIP, 0, false, selector.len() as u32));
            code.extend(selector);
            selector = code;
            made.cases.insert(
                0,
                Case {
                    value: Some(u64::from(turn)),
                    action: one.action.clone().map(Box::new),
                },
            );
        }
        Some(selector)
    }
}

/// Not 0 if all tests hold; the later ones count only if the earlier do.
fn all_hold(tests: &[Test]) -> Vec<Instruction> {
    let Some((last, before)) = tests.split_last() else {
        return vec![instruction(code::CONSTANT, 0, false, 1)];
    };
    let mut all = last.code.clone();
    for test in before.iter().rev() {
        let mut code = test.code.clone();
        code.push(instruction(
            code::SKIP_IF_ZERO,
            0,
            false,
            all.len() as u32 + 1,
        ));
        code.extend(all);
        code.push(instruction(code::SKIP, 0, false, 1));
        code.push(instruction(code::CONSTANT, 0, false, 0));
        all = code;
    }
    all
}
