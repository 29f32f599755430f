//! Recipe programs, put together by hand.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    Action, Global, Header, MAGIC, NONE, OP_FUNCTION, OP_LIST, OP_POINTER, OP_STRING,
    OPERAND_MEMBER, Operand, PROGRAM_AT_RETURN, PROGRAM_WHEN, ROOT_ARGUMENT, ROOT_CURRENT,
    ROOT_GLOBAL, ROOT_RETURNED, Root, TYPE_HAS_POINTERS, Table, Type, VERSION,
};
use kflat_abi::record::Record;

/// A recipe that is being put together.
#[derive(Default)]
pub(crate) struct Recipe {
    types: Vec<Type>,
    actions: Vec<Action>,
    roots: Vec<Root>,
    globals: Vec<Global>,
    strings: Vec<u8>,
    code: Vec<Instruction>,
    target: u32,
    flags: u32,
    nth: u32,
}

/// What to do with a member.
pub(crate) fn pointer(offset: u32, target: u32) -> Action {
    Action {
        op: OP_POINTER,
        offset,
        target,
        count: constant(1),
        ..Action::BARE
    }
}

/// A pointer to as many elements as the `u32` at `counter` says.
pub(crate) fn counted(offset: u32, target: u32, counter: u32) -> Action {
    Action {
        count: Operand {
            kind: OPERAND_MEMBER,
            width: 4,
            value: counter,
            ..Operand::ZERO
        },
        ..pointer(offset, target)
    }
}

/// A pointer to a string of type `target`, which is `char`.
pub(crate) fn string(offset: u32, target: u32) -> Action {
    Action {
        op: OP_STRING,
        count: constant(0),
        ..pointer(offset, target)
    }
}

/// A pointer to a function.
pub(crate) fn function(offset: u32) -> Action {
    Action {
        op: OP_FUNCTION,
        ..pointer(offset, NONE)
    }
}

/// The head of a list of `target`s that are linked at `link`.
pub(crate) fn list(offset: u32, target: u32, link: u32) -> Action {
    Action {
        op: OP_LIST,
        link,
        count: constant(0),
        ..pointer(offset, target)
    }
}

/// An instruction of an expression.
pub(crate) const fn step(op: u8, value: u32) -> Instruction {
    Instruction {
        op,
        value,
        ..Instruction::ZERO
    }
}

fn constant(value: u32) -> Operand {
    Operand {
        value,
        ..Operand::ZERO
    }
}

impl Recipe {
    /// For a function.
    pub(crate) fn new(target: &str) -> Self {
        let mut recipe = Self::default();
        recipe.target = recipe.text(target);
        recipe
    }

    fn text(&mut self, text: &str) -> u32 {
        let offset = self.strings.len() as u32;
        self.strings.extend(text.bytes());
        self.strings.push(0);
        offset
    }

    fn action(&mut self, action: Action, path: &str) -> u32 {
        let path = self.text(path);
        self.actions.push(Action { path, ..action });
        self.actions.len() as u32 - 1
    }

    /// Adds a type; types are numbered from 0.
    pub(crate) fn ty(mut self, name: &str, size: u32, members: &[Action]) -> Self {
        let first_action = self.actions.len() as u32;
        for member in members {
            self.action(*member, "");
        }
        let name = self.text(name);
        self.types.push(Type {
            name,
            size,
            align: if size.is_multiple_of(8) { 8 } else { 1 },
            first_action,
            action_count: members.len() as u32,
            flags: if members.is_empty() {
                0
            } else {
                TYPE_HAS_POINTERS
            },
            ..Type::BARE
        });
        self
    }

    /// The type added last is the element of a list: it has links.
    pub(crate) fn linked(mut self) -> Self {
        if let Some(last) = self.types.last_mut() {
            last.flags |= TYPE_HAS_POINTERS;
        }
        self
    }

    /// Adds a root: the argument at `position` points to a `target`.
    pub(crate) fn argument(self, name: &str, position: u32, target: u32) -> Self {
        self.root(name, ROOT_ARGUMENT, position, target)
    }

    /// Adds a root: the global `symbol` is a `target`.
    pub(crate) fn global(mut self, name: &str, symbol: &str, target: u32) -> Self {
        let symbol = self.text(symbol);
        self.globals.push(Global {
            symbol,
            ..Global::ZERO
        });
        let index = self.globals.len() as u32 - 1;
        self.root(name, ROOT_GLOBAL, index, target)
    }

    /// Adds a root: the current task, of which type `target` is a part.
    pub(crate) fn current(self, name: &str, target: u32) -> Self {
        self.root(name, ROOT_CURRENT, 0, target)
    }

    /// Captures at the return, and adds a root: what is returned points to a
    /// `target`.
    pub(crate) fn returned(mut self, name: &str, target: u32) -> Self {
        self.flags |= PROGRAM_AT_RETURN;
        self.root(name, ROOT_RETURNED, 0, target)
    }

    fn root(mut self, name: &str, source: u8, value: u32, to: u32) -> Self {
        let name = self.text(name);
        let action = self.action(pointer(0, to), "");
        self.roots.push(Root {
            source,
            name,
            value,
            action,
            ..Root::ZERO
        });
        self
    }

    /// Only calls for which the expression is not 0.
    pub(crate) fn when(mut self, expression: &[Instruction]) -> Self {
        self.flags |= PROGRAM_WHEN;
        self.code = expression.to_vec();
        self.code.push(step(code::END, 0));
        self
    }

    /// The Nth of these.
    pub(crate) fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }

    /// The program.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let types = table(&mut body, &self.types);
        let actions = table(&mut body, &self.actions);
        let roots = table(&mut body, &self.roots);
        let globals = table(&mut body, &self.globals);
        let code = table(&mut body, &self.code);
        let strings = Table {
            offset: (Header::SIZE + body.len()) as u32,
            count: self.strings.len() as u32,
        };
        body.extend(&self.strings);
        let header = Header {
            magic: MAGIC,
            version: VERSION,
            size: (Header::SIZE + body.len()) as u32,
            target: self.target,
            flags: self.flags,
            nth: self.nth,
            code,
            types,
            actions,
            roots,
            globals,
            strings,
            ..Header::ZERO
        };
        let mut program = encoded(&header);
        program.extend(body);
        program
    }
}

/// Appends records to what follows the header.
fn table<R: Record>(body: &mut Vec<u8>, records: &[R]) -> Table {
    let offset = (Header::SIZE + body.len()) as u32;
    body.extend(records.iter().flat_map(encoded));
    Table {
        offset,
        count: records.len() as u32,
    }
}

fn encoded<R: Record>(record: &R) -> Vec<u8> {
    let mut bytes = vec![0; R::SIZE];
    // It has room for exactly this.
    let _ = record.encode(&mut bytes);
    bytes
}
