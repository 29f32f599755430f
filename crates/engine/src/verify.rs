//! Checks a program once, so that interpreting it can neither loop without
//! bound nor leave its types.

use kflat_abi::program::{
    self as abi, Action, Global, Header, MAX_ARGUMENTS, MAX_GLOBALS, MAX_NESTING, MAX_ROOTS, NONE,
    Operand, PROGRAM_DETECT_CHANGES, Program, Root, TYPE_HAS_POINTERS, Type,
};
use kflat_abi::record::Record;

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
    let verifier = Verifier { program };
    verifier.header()?;
    let (types, actions, roots) = program.counts();
    for index in 0..types {
        verifier.type_(index)?;
    }
    for index in 0..actions {
        verifier.action(index)?;
    }
    for index in 0..types {
        verifier.nesting(index)?;
    }
    for index in 0..roots {
        verifier.root(index)?;
    }
    Ok(Verified { program })
}

struct Verifier<'a> {
    program: Program<'a>,
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

impl Verifier<'_> {
    fn position<R: Record>(table: abi::Table, index: u32) -> u32 {
        table
            .offset
            .wrapping_add(index.wrapping_mul(R::SIZE as u32))
    }

    fn header(&self) -> Check {
        let header: &Header = self.program.header();
        demand(
            header.flags & !PROGRAM_DETECT_CHANGES == 0
                && header.reserved == [0; 3]
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
                Self::position::<Global>(globals, index),
            )?;
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
        let at = Self::position::<Type>(header.types, index);
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
        demand(view.parameters == 0, abi::REJECTED_PARAMETERS, at)?;
        demand(view.tail == NONE, abi::REJECTED_TAIL, at)?;
        self.string(view.name, at)?;
        demand(
            view.size > 0
                && view.size <= i32::MAX as u32
                && view.align.is_power_of_two()
                && view.align <= 4096,
            abi::REJECTED_TYPE,
            at,
        )?;
        let end = view.first_action.checked_add(view.action_count);
        demand(
            end.is_some_and(|end| end <= header.actions.count)
                && (view.action_count == 0 || view.flags & TYPE_HAS_POINTERS != 0),
            abi::REJECTED_TYPE_ACTIONS,
            at,
        )?;
        for action in view.first_action..end.unwrap_or(0) {
            self.member(view, action)?;
        }
        Ok(())
    }

    /// An action must lie inside the type that it belongs to.
    fn member(&self, view: Type, index: u32) -> Check {
        let at = Self::position::<Action>(self.program.header().actions, index);
        let Some(action) = self.program.action_at(index) else {
            return demand(false, abi::REJECTED_TABLES, at);
        };
        let inside = |offset: u32, size: u64| u64::from(offset) + size <= u64::from(view.size);
        let size = match action.op {
            abi::OP_LIST => 16,
            // Checked for a constant count; another count is bounded when it is known.
            abi::OP_EMBED => self.embedded_size(action),
            _ => 8,
        };
        demand(inside(action.offset, size), abi::REJECTED_OFFSET, at)?;
        let Operand {
            kind, width, value, ..
        } = action.count;
        demand(
            kind != abi::OPERAND_MEMBER || inside(value, u64::from(width)),
            abi::REJECTED_OPERAND,
            at,
        )
    }

    fn embedded_size(&self, action: Action) -> u64 {
        let size = self.program.type_at(action.target).map_or(0, |t| t.size);
        let count = match action.count.kind {
            abi::OPERAND_CONSTANT => action.count.value,
            _ => 0,
        };
        u64::from(size) * u64::from(count)
    }

    fn action(&self, index: u32) -> Check {
        let at = Self::position::<Action>(self.program.header().actions, index);
        let Some(action) = self.program.action_at(index) else {
            return demand(false, abi::REJECTED_TABLES, at);
        };
        demand(
            action.flags == 0 && action.reserved == 0 && action.count.reserved == 0,
            abi::REJECTED_RESERVED,
            at,
        )?;
        demand(action.extra == NONE, abi::REJECTED_EXTRA, at)?;
        self.string(action.path, at)?;
        demand(action.tag_mask <= 0xfff, abi::REJECTED_TAG_MASK, at)?;
        let target = self.program.type_at(action.target);
        let fits = match (action.op, target) {
            (abi::OP_POINTER | abi::OP_EMBED, Some(_)) => true,
            (abi::OP_STRING, Some(target)) => target.size == 1,
            (abi::OP_LIST, Some(target)) => target.flags & TYPE_HAS_POINTERS != 0,
            (abi::OP_FUNCTION, _) => action.target == NONE,
            (abi::OP_POINTER..=abi::OP_LIST, None) => false,
            _ => return demand(false, abi::REJECTED_OPERATION, at),
        };
        demand(fits, abi::REJECTED_ACTION_TARGET, at)?;
        if let (abi::OP_LIST, Some(target)) = (action.op, target) {
            let end = u64::from(action.link) + 16;
            demand(
                end <= u64::from(target.size) && action.link.is_multiple_of(8),
                abi::REJECTED_LINK,
                at,
            )?;
        }
        let Operand {
            kind,
            width,
            signed,
            value,
            ..
        } = action.count;
        let known = match kind {
            abi::OPERAND_CONSTANT => width == 0 && signed == 0,
            abi::OPERAND_MEMBER => matches!(width, 1 | 2 | 4 | 8) && signed <= 1,
            abi::OPERAND_ARGUMENT => width == 0 && signed == 0 && (value as usize) < MAX_ARGUMENTS,
            _ => false,
        };
        demand(known, abi::REJECTED_OPERAND, at)
    }

    /// Walks the types embedded in type `index`, at most [`MAX_NESTING`] deep.
    /// Verification is linear for sane programs; a budget bounds it for others.
    fn nesting(&self, index: u32) -> Check {
        let at = Self::position::<Type>(self.program.header().types, index);
        let too_deep = Rejection {
            code: abi::REJECTED_NESTING,
            at,
        };
        let mut path = [(0u32, 0u32); MAX_NESTING];
        let mut depth = 0usize;
        let mut budget = 1u32 << 16;
        let range = |index: u32| {
            self.program.type_at(index).map_or((0, 0), |t| {
                (t.first_action, t.first_action.wrapping_add(t.action_count))
            })
        };
        if let Some(first) = path.first_mut() {
            *first = range(index);
        }
        loop {
            let Some((next, end)) = path.get_mut(depth) else {
                return Err(too_deep);
            };
            if next == end {
                let Some(up) = depth.checked_sub(1) else {
                    return Ok(());
                };
                depth = up;
                continue;
            }
            let action = self.program.action_at(*next);
            *next = next.wrapping_add(1);
            budget = budget.checked_sub(1).ok_or(too_deep)?;
            if let Some(action) = action.filter(|action| action.op == abi::OP_EMBED) {
                depth += 1;
                *path.get_mut(depth).ok_or(too_deep)? = range(action.target);
            }
        }
    }

    fn root(&self, index: u32) -> Check {
        let roots = self.program.header().roots;
        let at = Self::position::<Root>(roots, index);
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
            _ => false,
        };
        let action = self.program.action_at(root.action);
        let follows = action.is_some_and(|action| {
            matches!(action.op, abi::OP_POINTER | abi::OP_STRING)
                && action.offset == 0
                && action.count.kind != abi::OPERAND_MEMBER
        });
        demand(source && follows, abi::REJECTED_ROOT, at)?;
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
