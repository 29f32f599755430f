//! Makes the program of a test: bytes as `kflat_abi::program` has them.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    Action, CASE_DEFAULT, Case, Extra, Global, Header, MAGIC, NONE, OPERAND_CONSTANT,
    OPERAND_EXPRESSION, OPERAND_MEMBER, OPERAND_UNTIL, Operand, Root, Slabs, TYPE_HAS_POINTERS,
    Table, Type, VERSION,
};
use kflat_abi::record::Record;

use crate::SelfTest;
use crate::program::{Code, Count, Member};

/// What globals are in: the module.
const MODULE: &str = "kflat:";

/// Bytes of the test's program.
#[must_use]
pub fn size(test: &SelfTest) -> usize {
    let mut counting = Assembler::default();
    counting.program(test, &mut []);
    counting.end()
}

/// Writes the test's program to `bytes`, which are zero and as many as [`size`] says.
/// `slabs`: how the kernel's slab allocator describes its objects, as far as it is known.
pub fn assemble(test: &SelfTest, slabs: Slabs, bytes: &mut [u8]) {
    let mut counted = Assembler::default();
    counted.program(test, &mut []);
    let mut writing = Assembler {
        starts: counted.starts(),
        ..Assembler::default()
    };
    writing.program(test, bytes);
    let table = |which: usize| {
        let at = |all: &[u32; TABLES]| all.get(which).copied().unwrap_or(0);
        Table {
            offset: at(&writing.starts),
            count: at(&writing.counts),
        }
    };
    let header = Header {
        magic: MAGIC,
        version: VERSION,
        size: writing.end() as u32,
        target: 0,
        flags: test.program.flags,
        types: table(TYPES),
        actions: table(ACTIONS),
        roots: table(ROOTS),
        strings: table(STRINGS),
        extras: table(EXTRAS),
        cases: table(CASES),
        code: table(CODE),
        globals: table(GLOBALS),
        limits: test.program.limits,
        slabs,
        ..Header::ZERO
    };
    // There is room: `size` counts it.
    let _ = header.encode(bytes);
}

const TYPES: usize = 0;
const ACTIONS: usize = 1;
const ROOTS: usize = 2;
const EXTRAS: usize = 3;
const CASES: usize = 4;
const CODE: usize = 5;
const GLOBALS: usize = 6;
const STRINGS: usize = 7;
const TABLES: usize = 8;

/// Bytes of a record of each table.
const SIZES: [usize; TABLES] = [
    Type::SIZE,
    Action::SIZE,
    Root::SIZE,
    Extra::SIZE,
    Case::SIZE,
    Instruction::SIZE,
    Global::SIZE,
    1,
];

/// Appends records to their tables. Without room for them it only counts.
#[derive(Default)]
struct Assembler {
    starts: [u32; TABLES],
    counts: [u32; TABLES],
    /// The action of the next case.
    case_action: u32,
}

impl Assembler {
    /// Where each table begins, once all records are counted.
    fn starts(&self) -> [u32; TABLES] {
        let mut starts = [0; TABLES];
        let mut at = Header::SIZE;
        for (start, (count, size)) in starts.iter_mut().zip(self.counts.iter().zip(SIZES)) {
            *start = at as u32;
            at += *count as usize * size;
        }
        starts
    }

    /// The program's bytes.
    fn end(&self) -> usize {
        let sizes = self.counts.iter().zip(SIZES);
        Header::SIZE
            + sizes
                .map(|(count, size)| *count as usize * size)
                .sum::<usize>()
    }

    /// Appends a record; its index.
    fn add<R: Record>(&mut self, which: usize, record: &R, bytes: &mut [u8]) -> u32 {
        let start = self.starts.get(which).copied().unwrap_or(0);
        let Some(count) = self.counts.get_mut(which) else {
            return NONE;
        };
        let index = *count;
        *count += 1;
        let at = start as usize + index as usize * R::SIZE;
        // While it counts there is no room.
        let _ = bytes.get_mut(at..).and_then(|room| record.encode(room));
        index
    }

    /// Appends the parts of a string and its end; its offset.
    fn string(&mut self, parts: &[&str], bytes: &mut [u8]) -> u32 {
        let at = self.counts.get(STRINGS).copied().unwrap_or(NONE);
        for byte in parts.iter().flat_map(|part| part.bytes()).chain([0]) {
            self.add(STRINGS, &byte, bytes);
        }
        at
    }

    /// Appends an expression; its first instruction.
    fn code(&mut self, code: Code, bytes: &mut [u8]) -> u32 {
        if code.is_empty() {
            return NONE;
        }
        let at = self.counts.get(CODE).copied().unwrap_or(NONE);
        for instruction in code {
            self.add(CODE, instruction, bytes);
        }
        let end = Instruction {
            op: code::END,
            ..Instruction::ZERO
        };
        self.add(CODE, &end, bytes);
        at
    }

    fn count(&mut self, count: Count, bytes: &mut [u8]) -> Operand {
        let operand = |kind, width, value| Operand {
            kind,
            width,
            value,
            ..Operand::ZERO
        };
        match count {
            Count::Times(count) => operand(OPERAND_CONSTANT, 0, count),
            Count::Member { offset, width } => operand(OPERAND_MEMBER, width, offset),
            Count::Computed(code) => operand(OPERAND_EXPRESSION, 0, self.code(code, bytes)),
            Count::Until(code) => operand(OPERAND_UNTIL, 0, self.code(code, bytes)),
        }
    }

    fn action(&mut self, member: &Member, bytes: &mut [u8]) -> u32 {
        let path = self.string(&[member.path], bytes);
        let count = self.count(member.count, bytes);
        let extra = if member.has_extra() {
            self.extra(member, bytes)
        } else {
            NONE
        };
        let action = Action {
            path,
            count,
            extra,
            ..member.action
        };
        self.add(ACTIONS, &action, bytes)
    }

    fn extra(&mut self, member: &Member, bytes: &mut [u8]) -> u32 {
        let first_case = self.counts.get(CASES).copied().unwrap_or(0);
        for case in member.cases {
            let action = match case.member {
                Some(_) => self.case_action,
                None => NONE,
            };
            self.case_action += u32::from(case.member.is_some());
            let case = Case {
                value: case.number.unwrap_or(0),
                action,
                flags: match case.number {
                    Some(_) => 0,
                    None => CASE_DEFAULT,
                },
            };
            self.add(CASES, &case, bytes);
        }
        let extra = Extra {
            condition: self.code(member.condition, bytes),
            decode: self.code(member.decode, bytes),
            start: self.code(member.start, bytes),
            hand_down: self.code(member.hand_down, bytes),
            selector: self.code(member.selector, bytes),
            first_case: if member.cases.is_empty() {
                0
            } else {
                first_case
            },
            case_count: member.cases.len() as u32,
            ..Extra::BARE
        };
        self.add(EXTRAS, &extra, bytes)
    }

    /// All records: the actions of the types, then those of the roots, then those of
    /// cases.
    fn program(&mut self, test: &SelfTest, bytes: &mut [u8]) {
        let program = &test.program;
        self.string(&[test.name], bytes);
        for symbol in program.globals {
            let symbol = self.string(&[MODULE, symbol], bytes);
            self.add(
                GLOBALS,
                &Global {
                    symbol,
                    ..Global::ZERO
                },
                bytes,
            );
        }
        self.case_action = (program.members() + program.roots.len()) as u32;
        for view in program.types {
            let first_action = self.counts.get(ACTIONS).copied().unwrap_or(0);
            for member in view.members {
                self.action(member, bytes);
            }
            let tail = view.tail;
            let record = Type {
                name: self.string(&[view.name], bytes),
                size: view.size,
                align: if view.size.is_multiple_of(8) { 8 } else { 1 },
                first_action,
                action_count: view.members.len() as u32,
                flags: if view.has_pointers {
                    TYPE_HAS_POINTERS
                } else {
                    0
                },
                parameters: view.parameters,
                tail: tail.map_or(NONE, |tail| tail.element),
                tail_offset: tail.map_or(0, |tail| tail.offset),
                tail_count: tail.map_or(Operand::ZERO, |tail| self.count(tail.count, bytes)),
                ..Type::BARE
            };
            self.add(TYPES, &record, bytes);
        }
        for root in program.roots {
            let action = self.action(&root.member, bytes);
            let record = Root {
                source: root.source,
                name: root.name.map_or(NONE, |name| self.string(&[name], bytes)),
                value: if root.computed.is_empty() {
                    root.value
                } else {
                    self.code(root.computed, bytes)
                },
                action,
                ..Root::ZERO
            };
            self.add(ROOTS, &record, bytes);
        }
        let members = program.types.iter().flat_map(|view| view.members);
        for case in members.flat_map(|member| member.cases) {
            if let Some(member) = &case.member {
                self.action(member, bytes);
            }
        }
    }
}
