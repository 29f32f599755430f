//! Flexible arrays.

use kflat_abi::program as abi;

use super::member::Found;
use super::{Filling, Place, elements};
use crate::diagnostics::Problem;
use crate::syntax::{Allocated, How, Treatment};
use crate::views::{Tail, Views};

impl<'a> Views<'a> {
    /// A flexible array.
    pub(super) fn tail(
        &mut self,
        place: &Place<'_>,
        found: &Found<'_>,
        treatment: &'a Treatment,
        filling: &mut Filling,
    ) {
        let parameters = filling.parameters.clone();
        let mut scope = filling.scope(place, found.at, found.of);
        if let Some(element) = &mut scope.element {
            element.parameters = &parameters;
        }
        let (element, _) = elements(self.btf, found.of);
        let environment = scope.environment;
        let mut most = None;
        let (target, count) = match &treatment.how {
            How::Bytes(count) => (Some(self.bytes()), Some(count)),
            How::Pointer {
                to: None,
                count: Some(count),
            } => (self.target(element, treatment, environment), Some(count)),
            How::Pointer {
                to: Some(name),
                count: Some(count),
            } => (self.asked(name, treatment, environment), Some(count)),
            How::Each { count, way } => (self.each(element, way, environment), Some(count)),
            How::Allocated {
                part: Allocated::Rest,
                of,
                max,
            } => {
                most = *max;
                match of {
                    Some(name) => (self.asked(name, treatment, environment), None),
                    None => (self.target(element, treatment, environment), None),
                }
            }
            _ => {
                let message = format!("`{}` has no size of its own", found.path);
                self.problem(Problem::new(message, found.span, "a flexible array").help(
                    "say how many elements it has: `array COUNT`, `bytes COUNT`, or `rest of \
                         object`",
                ));
                return;
            }
        };
        let Some(target) = target else { return };
        let element = &self.views[target as usize];
        let size = element.size;
        if !element.parameters.is_empty() || !treatment.with.is_empty() {
            let message = "nothing can be handed down to a flexible array";
            self.problem(Problem::new(
                message,
                treatment.span,
                "its elements take no values",
            ));
            return;
        }
        let count = match count {
            Some(count) => self.number(count, &scope),
            None => Some(self.rest(found.at, size, most)),
        };
        let Some(count) = count.filter(|count| filling.contains(*count)) else {
            return;
        };
        let Ok(offset) = u32::try_from(found.at) else {
            return;
        };
        if found.at > filling.size || filling.tail.is_some() {
            let message = "a structure has one flexible array, at its end";
            self.problem(Problem::new(message, found.span, "not the end"));
            return;
        }
        filling.tail = Some(Tail {
            target,
            offset,
            count,
        });
    }

    /// How many elements the allocator's object has room for behind `at`, at most `most`.
    fn rest(&mut self, at: u64, size: u32, most: Option<u32>) -> abi::Operand {
        use abi::code;
        let step = |op, value| crate::formula::instruction(op, 0, false, value);
        let mut all = vec![
            step(code::ELEMENT, 0),
            step(code::OBJECT_END, 0),
            step(code::ELEMENT, 0),
            step(code::SUBTRACT, 0),
            step(code::CONSTANT, at as u32),
            step(code::SUBTRACT, 0),
            step(code::CONSTANT, size.max(1)),
            step(code::DIVIDE, 0),
        ];
        crate::follow::at_most(&mut all, most);
        abi::Operand {
            kind: abi::OPERAND_EXPRESSION,
            value: self.pool.expression(&all),
            ..abi::Operand::default()
        }
    }
}
