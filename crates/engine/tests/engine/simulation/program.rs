//! Programs made by hand.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    Action, Global, Header, Limits, MAGIC, NONE, OP_EMBED, OP_FUNCTION, OP_LIST, OP_POINTER,
    OP_STRING, OPERAND_ARGUMENT, OPERAND_CONSTANT, OPERAND_MEMBER, Operand, PROGRAM_WHEN,
    ROOT_ARGUMENT, ROOT_CURRENT, ROOT_GLOBAL, Root, TYPE_HAS_POINTERS, Table, Type, VERSION,
};
use kflat_abi::record::Record;

/// Collects types and roots.
#[derive(Clone, Default)]
pub(crate) struct Builder {
    pub(crate) types: Vec<(Type, Vec<Action>)>,
    pub(crate) roots: Vec<(Root, Action)>,
    pub(crate) globals: Vec<Global>,
    strings: Vec<u8>,
    pub(crate) limits: Limits,
    pub(crate) code: Vec<Instruction>,
    /// `PROGRAM_*` bits.
    pub(crate) flags: u32,
    pub(crate) when: u32,
    pub(crate) nth: u32,
}

pub(crate) fn constant(value: u32) -> Operand {
    Operand {
        kind: OPERAND_CONSTANT,
        value,
        ..Operand::default()
    }
}

pub(crate) fn member(value: u32, width: u8) -> Operand {
    Operand {
        kind: OPERAND_MEMBER,
        width,
        value,
        ..Operand::default()
    }
}

pub(crate) fn argument(value: u32) -> Operand {
    Operand {
        kind: OPERAND_ARGUMENT,
        value,
        ..Operand::default()
    }
}

fn action(op: u8, offset: u32, target: u32, count: Operand) -> Action {
    Action {
        op,
        offset,
        target,
        count,
        ..Action::BARE
    }
}

pub(crate) fn pointer(offset: u32, target: u32) -> Action {
    action(OP_POINTER, offset, target, constant(1))
}

pub(crate) fn pointers(offset: u32, target: u32, count: Operand) -> Action {
    action(OP_POINTER, offset, target, count)
}

pub(crate) fn string(offset: u32, target: u32) -> Action {
    action(OP_STRING, offset, target, constant(0))
}

pub(crate) fn function(offset: u32) -> Action {
    action(OP_FUNCTION, offset, NONE, constant(1))
}

pub(crate) fn embed(offset: u32, target: u32, count: Operand) -> Action {
    action(OP_EMBED, offset, target, count)
}

pub(crate) fn list(offset: u32, target: u32, link: u32) -> Action {
    Action {
        link,
        ..action(OP_LIST, offset, target, constant(0))
    }
}

/// An instruction with a value.
pub(crate) fn step(op: u8, value: u32) -> Instruction {
    Instruction {
        op,
        value,
        ..Instruction::default()
    }
}

/// `READ` of so many bytes.
pub(crate) fn read(width: u8) -> Instruction {
    Instruction {
        width,
        ..step(code::READ, 0)
    }
}

impl Builder {
    /// Only calls for which the expression is not 0.
    pub(crate) fn when(&mut self, expression: &[Instruction]) {
        self.when = self.code.len() as u32;
        self.flags |= PROGRAM_WHEN;
        self.code.extend(expression);
        self.code.push(step(code::END, 0));
    }

    pub(crate) fn string(&mut self, text: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// A type with actions; its index.
    pub(crate) fn type_(&mut self, size: u32, actions: Vec<Action>) -> u32 {
        self.types.push((
            Type {
                size,
                align: 1,
                flags: TYPE_HAS_POINTERS,
                ..Type::BARE
            },
            actions,
        ));
        self.types.len() as u32 - 1
    }

    /// A type of plain bytes; its index.
    pub(crate) fn plain(&mut self, size: u32) -> u32 {
        let index = self.type_(size, vec![]);
        self.types[index as usize].0.flags = 0;
        index
    }

    pub(crate) fn root(&mut self, source: u8, value: u32, name: Option<&str>, action: Action) {
        let name = name.map_or(NONE, |name| self.string(name));
        let root = Root {
            source,
            name,
            value,
            ..Root::default()
        };
        self.roots.push((root, action));
    }

    pub(crate) fn argument(&mut self, position: u32, name: Option<&str>, action: Action) {
        self.root(ROOT_ARGUMENT, position, name, action);
    }

    pub(crate) fn global(&mut self, symbol: &str, action: Action) {
        let global = Global {
            symbol: self.string(symbol),
            ..Global::default()
        };
        self.globals.push(global);
        let index = self.globals.len() as u32 - 1;
        self.root(ROOT_GLOBAL, index, Some(symbol), action);
    }

    pub(crate) fn current(&mut self, action: Action) {
        self.root(ROOT_CURRENT, 0, Some("current"), action);
    }

    /// The program's bytes.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut this = self.clone();
        let target = this.string("target");
        let mut actions = vec![];
        let types: Vec<Type> = (this.types.iter())
            .map(|(view, own)| {
                let first_action = actions.len() as u32;
                actions.extend_from_slice(own);
                Type {
                    first_action,
                    action_count: own.len() as u32,
                    ..*view
                }
            })
            .collect();
        let roots: Vec<Root> = (this.roots.iter())
            .map(|(root, action)| {
                actions.push(*action);
                Root {
                    action: actions.len() as u32 - 1,
                    ..*root
                }
            })
            .collect();
        let mut bytes = vec![0; Header::SIZE];
        let types = table(&mut bytes, &types);
        let actions = table(&mut bytes, &actions);
        let roots = table(&mut bytes, &roots);
        let globals = table(&mut bytes, &this.globals);
        let code = table(&mut bytes, &this.code);
        let strings = Table {
            offset: bytes.len() as u32,
            count: this.strings.len() as u32,
        };
        bytes.extend_from_slice(&this.strings);
        let header = Header {
            magic: MAGIC,
            version: VERSION,
            size: bytes.len() as u32,
            target,
            types,
            actions,
            roots,
            globals,
            strings,
            limits: this.limits,
            code,
            flags: this.flags,
            when: this.when,
            nth: this.nth,
            ..Header::default()
        };
        header.encode(&mut bytes).expect("room");
        bytes
    }
}

fn table<R: Record>(bytes: &mut Vec<u8>, records: &[R]) -> Table {
    let offset = bytes.len() as u32;
    for record in records {
        let at = bytes.len();
        bytes.resize(at + R::SIZE, 0);
        record.encode(&mut bytes[at..]).expect("room");
    }
    Table {
        offset,
        count: records.len() as u32,
    }
}
