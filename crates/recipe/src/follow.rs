//! Where a pointer leads, as a rule or a root says it.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{self as abi, ACTION_KEEP, ACTION_USER, NONE};
use kflat_btf::{Kind, TypeId};

use crate::diagnostics::{Problem, Span};
use crate::formula::instruction;
use crate::names::{find_field, is_char, is_function};
use crate::scope::{Scope, Word};
use crate::syntax::{Allocated, How, PerCpu, Spanned, Treatment};
use crate::views::{Aim, Views};

impl<'a> Views<'a> {
    /// Where a pointer to `to` leads (`None`: nothing is known of it). `None`
    /// where there is a problem, which has been noted then.
    pub(crate) fn aim(
        &mut self,
        to: Option<TypeId>,
        treatment: &'a Treatment,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Aim> {
        let mut aim = self.way(to, treatment, span, scope)?;
        aim.action.tag_mask |= treatment.tag_mask;
        self.keep_tag_bits_free(&aim);
        self.decode(&mut aim, treatment, scope)?;
        self.flags(&mut aim, treatment)?;
        self.hand_down(&mut aim, treatment, scope)?;
        Some(aim)
    }

    /// Has what a tagged pointer leads to aligned in the image as it was, so that
    /// masking the tag gives its address there too.
    fn keep_tag_bits_free(&mut self, aim: &Aim) {
        let align = (u32::from(aim.action.tag_mask) + 1).next_power_of_two();
        if let Some(view) = self.views.get_mut(aim.action.target as usize) {
            view.align = view.align.max(align);
        }
    }

    fn way(
        &mut self,
        to: Option<TypeId>,
        treatment: &'a Treatment,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Aim> {
        Some(match &treatment.how {
            How::Skip => return None,
            How::Default => self.plain(to, treatment, span, scope)?,
            How::String { max } => {
                let mut aim = Aim::new(abi::OP_STRING, self.char(), 0);
                if let Some(max) = max {
                    aim.action.count = self.count(max, scope, None)?;
                }
                aim
            }
            How::Bytes(count) => {
                let target = self.bytes();
                let mut aim = Aim::new(abi::OP_POINTER, target, 0);
                aim.action.count = self.count(count, scope, Some(target))?;
                aim
            }
            How::Pointer { to: named, count } => {
                let mut aim = match named {
                    Some(name) => {
                        let target = self.asked(name, treatment, scope.environment)?;
                        Aim::new(abi::OP_POINTER, target, 1)
                    }
                    // An array of characters is no string.
                    None => match to {
                        Some(to) if is_char(self.btf, to) => {
                            self.sized(to, treatment, span, scope)?
                        }
                        _ => self.plain(to, treatment, span, scope)?,
                    },
                };
                if let Some(count) = count {
                    aim.action.count = self.count(count, scope, Some(aim.action.target))?;
                }
                aim
            }
            How::Each { count, way } => {
                let to = to.filter(|to| self.btf.size(*to).is_some());
                let Some(to) = to else {
                    self.problem(
                        Problem::new(
                            "it is not known what the elements are",
                            span,
                            "no array of a known type",
                        )
                        .help("say it first: `as TYPE * array COUNT`"),
                    );
                    return None;
                };
                let target = self.each(to, way, scope.environment)?;
                let mut aim = Aim::new(abi::OP_POINTER, target, 1);
                aim.action.count = self.count(count, scope, Some(target))?;
                aim
            }
            How::Here(name) => {
                self.problem(
                    Problem::new("`here` speaks of what lies in the structure", name.span, "not of a pointer's target")
                        .help("to follow the pointer write `as VIEW`; `here as VIEW` needs a view of the member's size"),
                );
                return None;
            }
            How::Allocated { .. } => self.allocated(to, treatment, span, scope)?,
            How::ContainerOf { of, by } => {
                let id = self.asked_type(of)?;
                let offset = self.byte_offset(id, by)?;
                let mut aim = self.sized(id, treatment, of.span, scope)?;
                aim.action.shift = -i32::try_from(offset).ok()?;
                aim
            }
            How::Container { .. } => self.container_behind(to, treatment, scope)?,
        })
    }

    /// As the pointer's type says.
    fn plain(
        &mut self,
        to: Option<TypeId>,
        treatment: &'a Treatment,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Aim> {
        if let Some(to) = to {
            if self.is_skipped(to) {
                return None;
            }
            if is_function(self.btf, to) {
                return Some(Aim::new(abi::OP_FUNCTION, NONE, 1));
            }
            if is_char(self.btf, to) {
                return Some(Aim::new(abi::OP_STRING, self.char(), 0));
            }
            let before = self.problems.len();
            if let Some(target) = self.target(to, treatment, scope.environment) {
                return Some(Aim::new(abi::OP_POINTER, target, 1));
            }
            if self.problems.len() > before {
                return None;
            }
        }
        let (message, help) = match to {
            None => (
                "it is a number, not a pointer".to_owned(),
                "where the number is an address, say of what: `: as struct NAME`",
            ),
            Some(to) if *self.btf.kind(to) == Kind::Void => (
                "`void *` does not say what it points to".to_owned(),
                "say it: `: as struct NAME`, `: bytes COUNT`, `: string` or `: rest of object`",
            ),
            Some(to) => (
                format!(
                    "this kernel does not say what `{}` is made of",
                    self.btf.type_name(to)
                ),
                "say what to take it for: `: as struct NAME` or `: bytes COUNT`; types of a \
                 module are known where the recipe's function is the module's",
            ),
        };
        self.problem(Problem::new(message, span, "can't be followed").help(help));
        None
    }

    /// One of a type of which only the size must be known.
    fn sized(
        &mut self,
        id: TypeId,
        treatment: &'a Treatment,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Aim> {
        let before = self.problems.len();
        let Some(target) = self.target(id, treatment, scope.environment) else {
            if self.problems.len() == before {
                let message = format!("values of `{}` have no size", self.btf.type_name(id));
                self.problem(Problem::new(message, span, "can't be captured"));
            }
            return None;
        };
        Some(Aim::new(abi::OP_POINTER, target, 1))
    }

    /// The whole of an allocated object, or what comes behind the pointer.
    fn allocated(
        &mut self,
        to: Option<TypeId>,
        treatment: &'a Treatment,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Aim> {
        let How::Allocated { part, of, max } = &treatment.how else {
            return None;
        };
        let target = match (of, to) {
            (Some(name), _) => self.asked(name, treatment, scope.environment)?,
            (None, Some(to)) if self.btf.size(to).is_some() => {
                self.sized(to, treatment, span, scope)?.action.target
            }
            _ => self.bytes(),
        };
        let size = self.views[target as usize].size;
        let mut aim = Aim::new(abi::OP_POINTER, target, 1);
        let step = |op| instruction(op, 0, false, 0);
        if *part == Allocated::Whole {
            let start = [step(code::POINTER), step(code::OBJECT_START)];
            aim.extra.start = self.pool.expression(&start);
        }
        let mut count = vec![
            step(code::START),
            step(code::OBJECT_END),
            step(code::START),
            step(code::SUBTRACT),
        ];
        if size > 1 {
            count.push(instruction(code::CONSTANT, 0, false, size));
            count.push(step(code::DIVIDE));
        }
        at_most(&mut count, *max);
        aim.action.count = abi::Operand {
            kind: abi::OPERAND_EXPRESSION,
            value: self.pool.expression(&count),
            ..abi::Operand::default()
        };
        Some(aim)
    }

    /// The address that the word stands for.
    fn decode(&mut self, aim: &mut Aim, treatment: &Treatment, scope: &Scope<'_>) -> Option<()> {
        let this_cpu = treatment.per_cpu == Some(PerCpu::This);
        if treatment.decode.is_none() && !this_cpu {
            return Some(());
        }
        let mut all: Vec<Instruction> = match &treatment.decode {
            Some(expression) => {
                let word = match scope.word {
                    Word::Member { of, .. } if self.btf.size(of) == Some(8) => Word::Bare(Some(of)),
                    other => other,
                };
                let formula = self.formula(expression, &Scope { word, ..*scope });
                self.noted(formula)?.code
            }
            None => vec![instruction(code::VALUE, 0, false, 0)],
        };
        if this_cpu {
            let tag = std::mem::take(&mut aim.action.tag_mask);
            if tag != 0 && treatment.decode.is_none() {
                all.push(instruction(code::CONSTANT, 0, false, u32::from(tag)));
                all.push(instruction(code::NOT, 0, false, 0));
                all.push(instruction(code::AND, 0, false, 0));
            }
            all.extend(Self::this_cpu());
        }
        if !matches!(aim.action.op, abi::OP_POINTER | abi::OP_STRING) {
            self.problem(
                Problem::new(
                    "this is not decoded",
                    treatment.span,
                    "no pointer to an object or a string",
                )
                .help("`decode` and `this cpu` go with `as TYPE`, `array`, `bytes` and `string`"),
            );
            return None;
        }
        if all.len() >= code::MAX_INSTRUCTIONS as usize {
            self.problem(Problem::new(
                "this takes too many steps",
                treatment.span,
                "too long",
            ));
            return None;
        }
        aim.extra.decode = self.pool.expression(&all);
        Some(())
    }

    /// Adds what this CPU adds; NULL stays NULL.
    fn this_cpu() -> [Instruction; 7] {
        let step = |op, value| instruction(op, 0, false, value);
        [
            step(code::DUPLICATE, 0),
            step(code::SKIP_IF_ZERO, 3),
            step(code::CPU, 0),
            step(code::PER_CPU, 0),
            step(code::SKIP, 1),
            step(code::CONSTANT, 0),
            step(code::ADD, 0),
        ]
    }

    fn flags(&mut self, aim: &mut Aim, treatment: &Treatment) -> Option<()> {
        let mut refuse = |word: &str| {
            let message = format!("`{word}` does not go with this");
            self.problems.push(
                Problem::new(
                    message,
                    treatment.span,
                    "no pointer to an object or a string",
                )
                .help(format!(
                    "`{word}` goes with `as TYPE`, `array`, `bytes` and `string`"
                )),
            );
        };
        let plain = matches!(aim.action.op, abi::OP_POINTER | abi::OP_STRING);
        for (asked, flag, word) in [
            (treatment.user, ACTION_USER, "user"),
            (treatment.keep, ACTION_KEEP, "keep"),
        ] {
            if asked && !plain {
                refuse(word);
                return None;
            }
            aim.action.flags |= if asked { flag } else { 0 };
        }
        if treatment.per_cpu == Some(PerCpu::All) {
            let until = aim.action.count.kind == abi::OPERAND_UNTIL;
            if aim.action.op != abi::OP_POINTER
                || aim.action.flags != 0
                || until
                || aim.extra.start != NONE
            {
                refuse("per cpu");
                return None;
            }
            aim.action.op = abi::OP_PER_CPU;
        }
        Some(())
    }

    /// The values that are handed down.
    pub(crate) fn hand_down(
        &mut self,
        aim: &mut Aim,
        treatment: &Treatment,
        scope: &Scope<'_>,
    ) -> Option<()> {
        let target = self.views.get(aim.action.target as usize);
        let wanted = target.map_or(Vec::new(), |view| view.parameters.clone());
        for (name, _) in &treatment.with {
            if !wanted.contains(&name.value) {
                let message = format!("no value `{}` is taken there", name.value);
                self.problem(
                    Problem::new(message, name.span, "nobody uses it")
                        .help("values go to a rule in place `{ … }` or to a view that names them: `view NAME(VALUE) of …`")
                        .nearest(&name.value, wanted.iter().map(String::as_str)),
                );
                return None;
            }
        }
        if wanted.is_empty() {
            return Some(());
        }
        let mut all = Vec::new();
        for parameter in &wanted {
            let given = treatment
                .with
                .iter()
                .find(|(name, _)| name.value == *parameter);
            let Some((_, expression)) = given else {
                let message = format!("the value `{parameter}` is missing");
                let help = format!("hand it down: `with {parameter} = …`");
                self.problem(Problem::new(message, treatment.span, "the view takes it").help(help));
                return None;
            };
            let scope = Scope {
                has_address: true,
                ..*scope
            };
            let formula = self.formula(expression, &scope);
            all.extend(self.noted(formula)?.code);
        }
        let last = treatment
            .with
            .last()
            .map_or(treatment.span, |(_, e)| e.span);
        let fits = crate::formula::fits(&all, last);
        self.noted(fits)?;
        aim.extra.hand_down = self.pool.expression(&all);
        Some(())
    }

    /// Where a member lies in its structure.
    pub(crate) fn byte_offset(&mut self, of: TypeId, path: &Spanned<String>) -> Option<u64> {
        let field = find_field(self.btf, of, &path.value, path.span);
        let field = self.noted(field)?;
        if field.offset().is_none() {
            let message = format!("`{}` is a bit field", path.value);
            self.problem(Problem::new(message, path.span, "it has no address"));
        }
        field.offset()
    }
}

/// Has the number on the stack be no more than `max`.
pub(crate) fn at_most(steps: &mut Vec<Instruction>, max: Option<u32>) {
    let Some(max) = max else { return };
    let step = |op, value| instruction(op, 0, false, value);
    steps.extend([
        step(code::DUPLICATE, 0),
        step(code::CONSTANT, max),
        step(code::LESS, 0),
        step(code::EXCHANGE, 0),
        step(code::CONSTANT, max),
        step(code::SELECT, 0),
    ]);
}
