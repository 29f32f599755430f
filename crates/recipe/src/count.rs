//! How many.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    OPERAND_ARGUMENT, OPERAND_EXPRESSION, OPERAND_MEMBER, OPERAND_UNTIL, Operand,
};

use crate::diagnostics::Problem;
use crate::formula::{Formula, instruction, number_of};
use crate::scope::{Element, Scope, Word};
use crate::syntax::Count;
use crate::views::{Views, constant};

impl Views<'_> {
    /// A count; `target` is the view of the elements, of which a sentinel speaks.
    /// `None` where there is a problem, which has been noted then.
    pub(crate) fn count(
        &mut self,
        count: &Count,
        scope: &Scope<'_>,
        target: Option<u32>,
    ) -> Option<Operand> {
        let span = count.span();
        let expression = match count {
            Count::Number(expression) => {
                let formula = self.formula(expression, scope);
                let formula = self.noted(formula)?;
                if formula.pointee.is_some() {
                    let message = "this is a pointer, no number";
                    self.problem(Problem::new(message, span, "can't be a count"));
                    return None;
                }
                let operand = self.operand(&formula);
                if operand.is_none() {
                    self.problem(Problem::new("this is too many", span, "at most 4294967295"));
                }
                return operand;
            }
            Count::Until(expression) => Some(expression),
            Count::UntilNull(_) => None,
        };
        let view = target.and_then(|target| self.views.get(target as usize));
        let Some((of, size)) = view.map(|view| (view.of, u64::from(view.size))) else {
            self.problem(
                Problem::new(
                    "`until` needs elements",
                    span,
                    "this has a limit, not a sentinel",
                )
                .help("`until` goes with `array`, `as TYPE array` and `bytes`"),
            );
            return None;
        };
        let code = match expression {
            Some(expression) => {
                let element = Element {
                    of,
                    base: 0,
                    size,
                    parameters: &[],
                };
                let scope = Scope {
                    element: Some(element),
                    word: Word::Member { at: 0, of },
                    has_address: false,
                    environment: scope.environment,
                };
                let formula = self.formula(expression, &scope);
                self.noted(formula)?.code
            }
            None => {
                let width = match (of == kflat_btf::TypeId::VOID, number_of(self.btf, of)) {
                    (true, _) => 1,
                    (false, Some((bytes, _))) => bytes,
                    (false, None) => {
                        let message = format!("a `{}` is never NULL", self.btf.type_name(of));
                        self.problem(
                            Problem::new(message, span, "elements are no pointers")
                                .help("say what ends the array: `until MEMBER == VALUE`"),
                        );
                        return None;
                    }
                };
                vec![
                    instruction(code::MEMBER, width, false, 0),
                    instruction(code::IS_ZERO, 0, false, 0),
                ]
            }
        };
        Some(Operand {
            kind: OPERAND_UNTIL,
            value: self.pool.expression(&code),
            ..Operand::default()
        })
    }

    /// A number as an action has it. `None`: it is too large.
    fn operand(&mut self, formula: &Formula) -> Option<Operand> {
        if let Some(value) = formula.constant {
            return u32::try_from(value).ok().map(constant);
        }
        let signed = u8::from(formula.signed);
        Some(match formula.code.as_slice() {
            [
                Instruction {
                    op: code::MEMBER,
                    width,
                    signed,
                    value,
                    ..
                },
            ] => Operand {
                kind: OPERAND_MEMBER,
                width: *width,
                signed: *signed,
                value: *value,
                ..Operand::default()
            },
            [
                Instruction {
                    op: code::ARGUMENT,
                    value,
                    ..
                },
            ] => Operand {
                kind: OPERAND_ARGUMENT,
                value: *value,
                ..Operand::default()
            },
            code => Operand {
                kind: OPERAND_EXPRESSION,
                signed,
                value: self.pool.expression(code),
                ..Operand::default()
            },
        })
    }
}
