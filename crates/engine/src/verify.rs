//! Checks a program once, so that interpreting it can neither loop without
//! bound nor leave its types.

use core::cell::Cell;

mod expression;
mod nesting;

use kflat_abi::program::{
    self as abi, ACTION_KEEP, ACTION_USER, Action, CASE_DEFAULT, Case, Extra, Global, Header,
    MAX_ARGUMENTS, MAX_CASES, MAX_GLOBALS, MAX_PARAMETERS, MAX_ROOTS, NONE, Operand,
    PROGRAM_AT_RETURN, PROGRAM_DETECT_CHANGES, PROGRAM_WHEN, Program, Root, TYPE_HAS_POINTERS,
    Type,
};
use kflat_abi::record::Record;

use expression::Context;

/// Why a program is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// One of `abi::program::REJECTED_*`.
    pub code: u32,
    /// The byte of the program that it is about.
    pub at: u32,
}

/// A program that was verified.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    program: Program<'a>,
}

impl<'a> Verified<'a> {
    /// The program in `bytes` that [`verify`] accepted before; it is not checked
    /// again. Bytes that were never accepted are harmless to memory, but not to
    /// time: a capture may then follow nonsense up to its limits.
    #[must_use]
    pub fn accepted_before(bytes: &'a [u8]) -> Option<Self> {
        Program::find(bytes).map(|program| Self { program })
    }

    /// The program.
    #[inline]
    #[must_use]
    pub fn program(&self) -> &Program<'a> {
        &self.program
    }
}

/// Checks the program in `bytes`.
///
/// # Errors
/// The first [`Rejection`].
pub fn verify(bytes: &[u8]) -> Result<Verified<'_>, Rejection> {
    let program = Program::find(bytes).ok_or(Rejection {
        code: abi::REJECTED_TABLES,
        at: 0,
    })?;
    let verifier = Verifier {
        program,
        budget: Cell::new(BUDGET),
    };
    verifier.header()?;
    let (types, actions, roots) = program.counts();
    for index in 0..actions {
        verifier.action(index)?;
    }
    for index in 0..types {
        verifier.type_(index)?;
    }
    for index in 0..types {
        verifier.nesting(index)?;
    }
    for index in 0..roots {
        verifier.root(index)?;
    }
    Ok(Verified { program })
}

/// Steps after which a program takes too long to check; a sane one needs a few for
/// each of its records.
const BUDGET: u32 = 1 << 23;

struct Verifier<'a> {
    program: Program<'a>,
    budget: Cell<u32>,
}

type Check = Result<(), Rejection>;

/// The rejection `code` at byte `at`, unless `good`.
fn demand(good: bool, code: u32, at: u32) -> Check {
    if good {
        Ok(())
    } else {
        Err(Rejection { code, at })
    }
}

/// Where record `index` of a table is.
fn position<R: Record>(table: abi::Table, index: u32) -> u32 {
    table
        .offset
        .wrapping_add(index.wrapping_mul(R::SIZE as u32))
}

/// What an action is followed by: [`OP_POINTER`](abi::OP_POINTER) and its like.
fn is_pointer(op: u8) -> bool {
    matches!(op, abi::OP_POINTER | abi::OP_STRING | abi::OP_PER_CPU)
}

/// Strings are copied as they come: nothing is aligned, handed down, or behind them.
fn is_character(view: &Type) -> bool {
    (view.size, view.parameters, view.tail) == (1, 0, NONE) && view.align <= 8
}

fn is_list(op: u8) -> bool {
    (abi::OP_LIST..=abi::OP_CHAIN).contains(&op)
}

impl Verifier<'_> {
    /// Counts a step that a record at `at` needs.
    fn spend(&self, at: u32) -> Check {
        let left = self.budget.get().checked_sub(1).ok_or(Rejection {
            code: abi::REJECTED_TOO_LONG,
            at,
        })?;
        self.budget.set(left);
        Ok(())
    }

    fn header(&self) -> Check {
        let header: Header = self.program.header();
        let known = PROGRAM_DETECT_CHANGES | PROGRAM_AT_RETURN | PROGRAM_WHEN;
        let conditional = header.flags & PROGRAM_WHEN != 0;
        demand(
            header.flags & !known == 0
                && (conditional || header.when == 0)
                && header.reserved == [0; 1]
                && header.limits.reserved == 0,
            abi::REJECTED_RESERVED,
            0,
        )?;
        self.string(header.target, 0)?;
        let target = self.program.target().unwrap_or("");
        demand(
            !target.is_empty() && target.len() < kflat_abi::uapi::NAME_SIZE,
            abi::REJECTED_TARGET,
            0,
        )?;
        demand(
            header.roots.count <= MAX_ROOTS,
            abi::REJECTED_ROOT,
            header.roots.offset,
        )?;
        let globals = header.globals;
        demand(
            globals.count <= MAX_GLOBALS,
            abi::REJECTED_GLOBAL,
            globals.offset,
        )?;
        for index in 0..globals.count {
            let name = self.program.global_at(index);
            demand(
                name.is_some_and(|name| !name.is_empty()),
                abi::REJECTED_GLOBAL,
                position::<Global>(globals, index),
            )?;
        }
        if conditional {
            self.expression(header.when, Context::NOTHING, 1)?;
        }
        Ok(())
    }

    fn string(&self, offset: u32, at: u32) -> Check {
        demand(
            self.program.string_at(offset).is_some(),
            abi::REJECTED_STRING,
            at,
        )
    }

    fn type_(&self, index: u32) -> Check {
        let header = self.program.header();
        let at = position::<Type>(header.types, index);
        let lost = Rejection {
            code: abi::REJECTED_TABLES,
            at,
        };
        let view = self.program.type_at(index).ok_or(lost)?;
        demand(
            view.reserved == 0 && view.flags & !TYPE_HAS_POINTERS == 0,
            abi::REJECTED_RESERVED,
            at,
        )?;
        self.string(view.name, at)?;
        demand(
            view.size > 0
                && view.size <= i32::MAX as u32
                && view.align.is_power_of_two()
                && view.align <= 4096,
            abi::REJECTED_TYPE,
            at,
        )?;
        demand(
            view.parameters as usize <= MAX_PARAMETERS,
            abi::REJECTED_PARAMETERS,
            at,
        )?;
        let end = view.first_action.checked_add(view.action_count);
        demand(
            end.is_some_and(|end| end <= header.actions.count)
                && (view.action_count == 0 || view.flags & TYPE_HAS_POINTERS != 0),
            abi::REJECTED_TYPE_ACTIONS,
            at,
        )?;
        self.tail(&view, at)?;
        for action in view.first_action..end.unwrap_or(0) {
            self.member(&view, action)?;
        }
        Ok(())
    }

    /// A flexible array: of a type that has none itself, counted by what lies in
    /// front of it.
    fn tail(&self, view: &Type, at: u32) -> Check {
        if view.tail == NONE {
            return demand(
                view.tail_offset == 0 && view.tail_count == Operand::default(),
                abi::REJECTED_TAIL,
                at,
            );
        }
        let element = self.program.type_at(view.tail);
        let fits = element.is_some_and(|element| {
            element.tail == NONE
                && element.parameters <= view.parameters
                && (element.flags & !view.flags) == 0
        });
        // The array may begin in the type's last bytes of padding, not behind them.
        demand(
            fits && view.tail_offset <= view.size && view.tail_count.kind != abi::OPERAND_UNTIL,
            abi::REJECTED_TAIL,
            at,
        )?;
        let context = Context {
            size: view.size,
            parameters: view.parameters,
            value: false,
        };
        self.operand(view.tail_count, context, at)
    }

    /// An action must lie inside the type that it belongs to.
    fn member(&self, view: &Type, index: u32) -> Check {
        let at = position::<Action>(self.program.header().actions, index);
        let Some(action) = self.program.action_at(index) else {
            return demand(false, abi::REJECTED_TABLES, at);
        };
        self.fits(view, &action, at)?;
        if action.op != abi::OP_CHOICE {
            return Ok(());
        }
        let extra = self.extra(&action).unwrap_or(Extra::BARE);
        for case in extra.first_case..extra.first_case.saturating_add(extra.case_count) {
            let at = position::<Case>(self.program.header().cases, case);
            let chosen = self.program.case_at(case).map_or(NONE, |case| case.action);
            if chosen == NONE {
                continue;
            }
            let own = view.first_action..view.first_action.wrapping_add(view.action_count);
            let chosen_action = self.program.action_at(chosen);
            demand(
                chosen_action.is_some_and(|a| a.op != abi::OP_CHOICE) && !own.contains(&chosen),
                abi::REJECTED_CASE,
                at,
            )?;
            if let Some(action) = chosen_action {
                self.fits(view, &action, at)?;
            }
        }
        Ok(())
    }

    /// Whether what `action` reads lies in a type.
    fn fits(&self, view: &Type, action: &Action, at: u32) -> Check {
        self.spend(at)?;
        let inside = |offset: u32, size: u64| u64::from(offset) + size <= u64::from(view.size);
        let size = match action.op {
            // The head of the others has one word.
            abi::OP_LIST => 16,
            // Checked for a constant count; another count is bounded when it is known.
            abi::OP_EMBED => self.embedded_size(action),
            abi::OP_CHOICE => 0,
            _ => 8,
        };
        demand(inside(action.offset, size), abi::REJECTED_OFFSET, at)?;
        let context = Context {
            size: view.size,
            parameters: view.parameters,
            value: action.op != abi::OP_EMBED && inside(action.offset, 8),
        };
        self.expressions(action, context, at)
    }

    /// The expressions of an action, where it belongs.
    fn expressions(&self, action: &Action, context: Context, at: u32) -> Check {
        if action.count.kind == abi::OPERAND_UNTIL {
            let target = self.program.type_at(action.target);
            let (size, parameters) = target.map_or((0, 0), |t| (t.size, t.parameters));
            let element = Context {
                size,
                parameters,
                value: false,
            };
            self.expression(action.count.value, element, 1)?;
        } else {
            self.operand(action.count, context, at)?;
        }
        let extra = self.extra(action).unwrap_or(Extra::BARE);
        for expression in [extra.condition, extra.decode, extra.start, extra.selector] {
            if expression != NONE {
                self.expression(expression, context, 1)?;
            }
        }
        let target = self.program.type_at(action.target);
        let wanted = target.map_or(0, |target| target.parameters as usize);
        if extra.hand_down != NONE {
            self.expression(extra.hand_down, context, wanted)?;
        }
        let handed = wanted == 0 || extra.hand_down != NONE;
        demand(handed, abi::REJECTED_PARAMETERS, at)
    }

    fn extra(&self, action: &Action) -> Option<Extra> {
        let extra = self.program.extra_at(action.extra);
        extra.filter(|_| action.extra != NONE)
    }

    /// A number that an action or a flexible array has; its place is checked too.
    fn operand(&self, operand: Operand, context: Context, at: u32) -> Check {
        let Operand {
            kind,
            width,
            signed,
            value,
            ..
        } = operand;
        match kind {
            abi::OPERAND_MEMBER => {
                let end = u64::from(value) + u64::from(width);
                demand(end <= u64::from(context.size), abi::REJECTED_OPERAND, at)
            }
            abi::OPERAND_EXPRESSION => {
                demand(width == 0 && signed <= 1, abi::REJECTED_OPERAND, at)?;
                self.expression(value, context, 1)
            }
            _ => Ok(()),
        }
    }

    fn embedded_size(&self, action: &Action) -> u64 {
        let size = self.program.type_at(action.target).map_or(0, |t| t.size);
        let count = match action.count.kind {
            abi::OPERAND_CONSTANT => action.count.value,
            _ => 0,
        };
        u64::from(size) * u64::from(count)
    }

    /// An action for itself, wherever it belongs.
    fn action(&self, index: u32) -> Check {
        let at = position::<Action>(self.program.header().actions, index);
        let Some(action) = self.program.action_at(index) else {
            return demand(false, abi::REJECTED_TABLES, at);
        };
        let flags = match action.op {
            abi::OP_POINTER | abi::OP_STRING => ACTION_USER | ACTION_KEEP,
            _ => 0,
        };
        demand(
            action.flags & !flags == 0 && action.reserved == 0 && action.count.reserved == 0,
            abi::REJECTED_RESERVED,
            at,
        )?;
        self.string(action.path, at)?;
        demand(action.tag_mask <= 0xfff, abi::REJECTED_TAG_MASK, at)?;
        let target = self.program.type_at(action.target);
        let fits = match (action.op, target) {
            (abi::OP_POINTER | abi::OP_PER_CPU, Some(_)) => true,
            (abi::OP_EMBED, Some(target)) => target.tail == NONE,
            (abi::OP_STRING, Some(target)) => is_character(&target),
            (op, Some(target)) if is_list(op) => target.flags & TYPE_HAS_POINTERS != 0,
            (abi::OP_FUNCTION | abi::OP_CHOICE, _) => action.target == NONE,
            (abi::OP_POINTER..=abi::OP_PER_CPU, None) => false,
            _ => return demand(false, abi::REJECTED_OPERATION, at),
        };
        demand(fits, abi::REJECTED_ACTION_TARGET, at)?;
        if let Some(target) = target.filter(|_| is_list(action.op)) {
            let words = match action.op {
                abi::OP_LLIST | abi::OP_CHAIN => 1,
                _ => 2,
            };
            let end = u64::from(action.link) + 8 * words;
            demand(
                end <= u64::from(target.size) && action.link.is_multiple_of(8),
                abi::REJECTED_LINK,
                at,
            )?;
        }
        self.count(&action, target, at)?;
        self.own_extra(&action, at)
    }

    fn count(&self, action: &Action, target: Option<Type>, at: u32) -> Check {
        let Operand {
            kind,
            width,
            signed,
            value,
            ..
        } = action.count;
        let bare = width == 0 && signed == 0;
        let flexible = target.is_some_and(|target| target.tail != NONE);
        let known = match kind {
            abi::OPERAND_CONSTANT => bare && (!flexible || value == 1 || is_list(action.op)),
            abi::OPERAND_MEMBER => matches!(width, 1 | 2 | 4 | 8) && signed <= 1 && !flexible,
            abi::OPERAND_ARGUMENT => bare && (value as usize) < MAX_ARGUMENTS && !flexible,
            abi::OPERAND_EXPRESSION => width == 0 && signed <= 1 && !flexible,
            abi::OPERAND_UNTIL => bare && action.op == abi::OP_POINTER && !flexible,
            _ => false,
        };
        demand(known, abi::REJECTED_OPERAND, at)
    }

    /// What an action has beside it: what it is for, not what it computes.
    fn own_extra(&self, action: &Action, at: u32) -> Check {
        let none = action.extra == NONE;
        let Some(extra) = self.extra(action) else {
            let choice = action.op == abi::OP_CHOICE;
            return demand(none && !choice, abi::REJECTED_EXTRA, at);
        };
        demand(extra.reserved == [0; 3], abi::REJECTED_RESERVED, at)?;
        let choice = action.op == abi::OP_CHOICE;
        let cases = self.program.header().cases.count;
        let end = extra.first_case.checked_add(extra.case_count);
        let fits = (extra.decode == NONE || is_pointer(action.op))
            && (extra.start == NONE || action.op == abi::OP_POINTER)
            && (extra.selector != NONE) == choice
            && (extra.hand_down == NONE || !matches!(action.op, abi::OP_FUNCTION | abi::OP_CHOICE))
            && if choice {
                extra.case_count <= MAX_CASES && end.is_some_and(|end| end <= cases)
            } else {
                extra.first_case == 0 && extra.case_count == 0
            };
        demand(fits, abi::REJECTED_EXTRA, at)?;
        for index in extra.first_case..end.unwrap_or(0) {
            let at = position::<Case>(self.program.header().cases, index);
            let case = self.program.case_at(index).unwrap_or_default();
            demand(case.flags & !CASE_DEFAULT == 0, abi::REJECTED_RESERVED, at)?;
        }
        Ok(())
    }

    fn root(&self, index: u32) -> Check {
        let roots = self.program.header().roots;
        let at = position::<Root>(roots, index);
        let Some(root) = self.program.root_at(index) else {
            return demand(false, abi::REJECTED_TABLES, at);
        };
        demand(
            root.flags == 0 && root.reserved == 0 && root.reserved2 == [0; 2],
            abi::REJECTED_RESERVED,
            at,
        )?;
        let source = match root.source {
            abi::ROOT_ARGUMENT => (root.value as usize) < MAX_ARGUMENTS,
            abi::ROOT_GLOBAL => root.value < self.program.header().globals.count,
            abi::ROOT_CURRENT => root.value == 0,
            abi::ROOT_RETURNED => {
                root.value == 0 && self.program.header().flags & PROGRAM_AT_RETURN != 0
            }
            abi::ROOT_EXPRESSION => true,
            _ => false,
        };
        let action = self.program.action_at(root.action);
        let follows = action.filter(|action| is_pointer(action.op) && action.offset == 0);
        demand(source && follows.is_some(), abi::REJECTED_ROOT, at)?;
        if root.source == abi::ROOT_EXPRESSION {
            self.expression(root.value, Context::NOTHING, 1)?;
        }
        if let Some(action) = follows {
            self.expressions(&action, Context::ROOT, at)?;
        }
        if root.name == NONE {
            return Ok(());
        }
        self.string(root.name, at)?;
        let name = self.program.string_at(root.name);
        let taken = (0..index).any(|earlier| {
            self.program
                .root_at(earlier)
                .is_some_and(|r| r.name != NONE && self.program.string_at(r.name) == name)
        });
        demand(
            name.is_some_and(|name| !name.is_empty()) && !taken,
            abi::REJECTED_ROOT_NAME,
            at,
        )
    }
}
