//! Programs made by hand.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    Action, CASE_DEFAULT, Case, Extra, Global, Header, Limits, MAGIC, NONE, OP_CHOICE, OP_EMBED,
    OP_FUNCTION, OP_LIST, OP_POINTER, OP_STRING, OPERAND_ARGUMENT, OPERAND_CONSTANT,
    OPERAND_EXPRESSION, OPERAND_MEMBER, OPERAND_UNTIL, Operand, PROGRAM_WHEN, ROOT_ARGUMENT,
    ROOT_CURRENT, ROOT_EXPRESSION, ROOT_GLOBAL, Root, TYPE_HAS_POINTERS, Table, Type, VERSION,
};
use kflat_abi::record::Record;

/// Collects types and roots.
#[derive(Clone, Default)]
pub(crate) struct Builder {
    pub(crate) types: Vec<(Type, Vec<Action>)>,
    pub(crate) roots: Vec<(Root, Action)>,
    pub(crate) globals: Vec<Global>,
    pub(crate) strings: Vec<u8>,
    pub(crate) limits: Limits,
    /// `PROGRAM_*` bits.
    pub(crate) flags: u32,
    pub(crate) when: u32,
    pub(crate) nth: u32,
    pub(crate) extras: Vec<Extra>,
    /// Their actions are indices into `chosen`.
    pub(crate) cases: Vec<Case>,
    pub(crate) chosen: Vec<Action>,
    pub(crate) code: Vec<Instruction>,
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

pub(crate) fn action(op: u8, offset: u32, target: u32, count: Operand) -> Action {
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

/// The head of a linear container of elements with the link at `link`.
pub(crate) fn container(op: u8, offset: u32, target: u32, link: u32) -> Action {
    Action {
        op,
        ..list(offset, target, link)
    }
}

/// An instruction with a number of its own, or 0.
pub(crate) fn step(op: u8, value: u32) -> Instruction {
    Instruction {
        op,
        value,
        ..Instruction::default()
    }
}

/// The number of `width` bytes at `value`, or at what is on the stack.
pub(crate) fn load(op: u8, width: u8, value: u32) -> Instruction {
    Instruction {
        op,
        width,
        value,
        ..Instruction::default()
    }
}

/// The number of `width` bytes at byte `offset` of the element.
pub(crate) fn get(offset: u32, width: u8) -> Instruction {
    load(code::MEMBER, width, offset)
}

/// A constant.
pub(crate) fn number(value: u32) -> Instruction {
    step(code::CONSTANT, value)
}

impl Builder {
    /// Only calls for which the expression is not 0.
    pub(crate) fn when(&mut self, expression: &[Instruction]) {
        self.when = self.expression(expression);
        self.flags |= PROGRAM_WHEN;
    }

    /// An expression; its index.
    pub(crate) fn expression(&mut self, code: &[Instruction]) -> u32 {
        let at = self.code.len() as u32;
        self.code.extend_from_slice(code);
        self.code.push(step(code::END, 0));
        at
    }

    /// As many as an expression says.
    pub(crate) fn computed(&mut self, code: &[Instruction]) -> Operand {
        Operand {
            kind: OPERAND_EXPRESSION,
            value: self.expression(code),
            ..Operand::default()
        }
    }

    /// Up to and with the first for which an expression is not 0.
    pub(crate) fn until(&mut self, code: &[Instruction]) -> Operand {
        Operand {
            kind: OPERAND_UNTIL,
            ..self.computed(code)
        }
    }

    /// `action` with what is beside it.
    pub(crate) fn with(&mut self, action: Action, extra: Extra) -> Action {
        self.extras.push(extra);
        Action {
            extra: self.extras.len() as u32 - 1,
            ..action
        }
    }

    /// `action`, if an expression is not 0.
    pub(crate) fn guarded(&mut self, action: Action, code: &[Instruction]) -> Action {
        let condition = self.expression(code);
        let extra = Extra {
            condition,
            ..Extra::BARE
        };
        self.with(action, extra)
    }

    /// `action` on the address that an expression makes of the word.
    pub(crate) fn decoded(&mut self, action: Action, code: &[Instruction]) -> Action {
        let decode = self.expression(code);
        let extra = Extra {
            decode,
            ..Extra::BARE
        };
        self.with(action, extra)
    }

    /// `action`, handing down what an expression leaves.
    pub(crate) fn handing(&mut self, action: Action, code: &[Instruction]) -> Action {
        let hand_down = self.expression(code);
        let extra = Extra {
            hand_down,
            ..Extra::BARE
        };
        self.with(action, extra)
    }

    /// One of several actions; without a number it fits any.
    pub(crate) fn choice(
        &mut self,
        offset: u32,
        selector: &[Instruction],
        cases: &[(Option<u64>, Option<Action>)],
    ) -> Action {
        let selector = self.expression(selector);
        let first_case = self.cases.len() as u32;
        for (value, action) in cases {
            let chosen = self.chosen.len() as u32;
            self.chosen.extend(*action);
            self.cases.push(Case {
                value: value.unwrap_or(0),
                action: action.map_or(NONE, |_| chosen),
                flags: value.map_or(CASE_DEFAULT, |_| 0),
            });
        }
        let extra = Extra {
            selector,
            first_case,
            case_count: cases.len() as u32,
            ..Extra::BARE
        };
        self.with(action(OP_CHOICE, offset, NONE, constant(0)), extra)
    }

    /// Gives the type `of` a flexible array of `element`s at `offset`.
    pub(crate) fn tail(&mut self, of: u32, element: u32, offset: u32, count: Operand) {
        let (view, _) = &mut self.types[of as usize];
        (view.tail, view.tail_offset, view.tail_count) = (element, offset, count);
    }

    /// So many numbers are handed down to the type `to`.
    pub(crate) fn parameters(&mut self, to: u32, count: u32) {
        self.types[to as usize].0.parameters = count;
    }

    /// A root that is the value of an expression.
    pub(crate) fn root_of(&mut self, code: &[Instruction], name: &str, action: Action) {
        let value = self.expression(code);
        self.root(ROOT_EXPRESSION, value, Some(name), action);
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
        let chosen = actions.len() as u32;
        actions.extend_from_slice(&this.chosen);
        for case in this.cases.iter_mut().filter(|case| case.action != NONE) {
            case.action += chosen;
        }
        let mut bytes = vec![0; Header::SIZE];
        let types = table(&mut bytes, &types);
        let actions = table(&mut bytes, &actions);
        let roots = table(&mut bytes, &roots);
        let globals = table(&mut bytes, &this.globals);
        let extras = table(&mut bytes, &this.extras);
        let cases = table(&mut bytes, &this.cases);
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
            flags: this.flags,
            extras,
            cases,
            code,
            limits: this.limits,
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
