//! Finds the tables of a program.

use super::code::Instruction;
use super::{
    Action, Case, Extra, Global, Header, Limits, MAGIC, NONE, PROGRAM_WHEN, Root, Slabs, Table,
    Type, VERSION,
};
use crate::record::Record;

/// A program's tables, found but not verified: every accessor checks its bounds.
///
/// It is small, for the stacks that it lies on: what is often needed is at hand,
/// the rest is found again.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    bytes: &'a [u8],
    types: &'a [u8],
    actions: &'a [u8],
}

/// Where the header says where a table is.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Which {
    Types = 32,
    Actions = 40,
    Roots = 48,
    Strings = 56,
    Extras = 64,
    Cases = 72,
    Code = 80,
    Globals = 88,
}

/// Where the header has its [`Slabs`].
const SLABS: usize = 144;

impl Which {
    /// The table; `None`: it is outside of the program or misaligned.
    #[inline]
    fn find(self, bytes: &[u8], record: usize) -> Option<&[u8]> {
        let table = Table::decode(bytes.get(self as usize..)?)?;
        let size = (table.count as usize).checked_mul(record)?;
        let start = table.offset as usize;
        if !start.is_multiple_of(8) {
            return None;
        }
        bytes.get(start..start.checked_add(size)?)
    }
}

impl<'a> Program<'a> {
    /// Finds the tables of the program in `bytes`. `None`: it is no program of
    /// this [`VERSION`], its size differs, or a table is outside of it or
    /// misaligned.
    #[must_use]
    pub fn find(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::decode(bytes)?;
        if header.magic != MAGIC
            || header.version != VERSION
            || u64::from(header.size) != bytes.len() as u64
        {
            return None;
        }
        Which::Roots.find(bytes, Root::SIZE)?;
        Which::Strings.find(bytes, 1)?;
        Which::Extras.find(bytes, Extra::SIZE)?;
        Which::Cases.find(bytes, Case::SIZE)?;
        Which::Code.find(bytes, Instruction::SIZE)?;
        Which::Globals.find(bytes, Global::SIZE)?;
        Some(Self {
            bytes,
            types: Which::Types.find(bytes, Type::SIZE)?,
            actions: Which::Actions.find(bytes, Action::SIZE)?,
        })
    }

    /// How many types, actions and roots there are.
    #[must_use]
    pub fn counts(&self) -> (u32, u32, u32) {
        let count = |which| self.table(which).map_or(0, |table| table.count);
        (
            count(Which::Types),
            count(Which::Actions),
            count(Which::Roots),
        )
    }

    fn table(&self, which: Which) -> Option<Table> {
        Table::decode(self.bytes.get(which as usize..)?)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> Header {
        Header::decode(self.bytes).unwrap_or(Header::ZERO)
    }

    /// `PROGRAM_*` bits.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.header().flags
    }

    /// The expression that a call has to fit; `None`: all do.
    #[must_use]
    pub fn when(&self) -> Option<u32> {
        let header = self.header();
        (header.flags & PROGRAM_WHEN != 0).then_some(header.when)
    }

    /// Which of the calls that fit is captured, from 1.
    #[must_use]
    pub fn nth(&self) -> u32 {
        self.header().nth.max(1)
    }

    /// The bounds of a capture.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.header().limits
    }

    /// How the allocator describes its objects.
    #[must_use]
    pub fn slabs(&self) -> Slabs {
        let bytes = self.bytes.get(SLABS..);
        bytes.and_then(Slabs::decode).unwrap_or(Slabs::ZERO)
    }

    #[inline]
    fn record<R: Record>(&self, which: Which, index: u32) -> Option<R> {
        record_at(which.find(self.bytes, R::SIZE)?, index)
    }

    /// The recipe's name.
    #[must_use]
    pub fn target(&self) -> Option<&'a str> {
        self.string_at(self.header().target)
    }

    /// Type `index`.
    #[inline]
    #[must_use]
    pub fn type_at(&self, index: u32) -> Option<Type> {
        record_at(self.types, index)
    }

    /// Bytes of an object of `count` elements of type `index`; of a type with a
    /// flexible array, of one with so many in its array. 0: there is no such type.
    #[must_use]
    pub fn object_size(&self, index: u32, count: u32) -> u64 {
        let Some(view) = self.type_at(index) else {
            return 0;
        };
        // At most 2^64 - 2^33 + 1, and 2^32 more.
        let all = |size: u32| u64::from(size) * u64::from(count);
        if view.tail == NONE {
            return all(view.size);
        }
        let tail = self.type_at(view.tail).map_or(0, |tail| all(tail.size));
        u64::from(view.tail_offset)
            .saturating_add(tail)
            .max(view.size.into())
    }

    /// Action `index`.
    #[inline]
    #[must_use]
    pub fn action_at(&self, index: u32) -> Option<Action> {
        record_at(self.actions, index)
    }

    /// Root `index`.
    #[inline]
    #[must_use]
    pub fn root_at(&self, index: u32) -> Option<Root> {
        self.record(Which::Roots, index)
    }

    /// Extra `index`.
    #[inline]
    #[must_use]
    pub fn extra_at(&self, index: u32) -> Option<Extra> {
        self.record(Which::Extras, index)
    }

    /// Case `index`.
    #[inline]
    #[must_use]
    pub fn case_at(&self, index: u32) -> Option<Case> {
        self.record(Which::Cases, index)
    }

    /// Instruction `index`.
    #[inline]
    #[must_use]
    pub fn instruction_at(&self, index: u32) -> Option<Instruction> {
        self.record(Which::Code, index)
    }

    /// The name of global `index`.
    #[must_use]
    pub fn global_at(&self, index: u32) -> Option<&'a str> {
        self.string_at(self.record::<Global>(Which::Globals, index)?.symbol)
    }

    /// The string at `offset`, without its NUL.
    #[must_use]
    pub fn string_at(&self, offset: u32) -> Option<&'a str> {
        let strings = Which::Strings.find(self.bytes, 1)?;
        let tail = strings.get(offset as usize..)?;
        let end = tail.iter().position(|byte| *byte == 0)?;
        core::str::from_utf8(tail.get(..end)?).ok()
    }
}

#[inline]
fn record_at<R: Record>(table: &[u8], index: u32) -> Option<R> {
    table
        .get((index as usize).checked_mul(R::SIZE)?..)
        .and_then(R::decode)
}

#[cfg(test)]
mod tests {
    use super::{Program, SLABS, Table, Which};
    use crate::program::{Header, MAGIC, Slabs, VERSION};
    use crate::record::Record;

    #[test]
    fn tables_are_where_the_header_has_them() {
        let table = |offset| Table { offset, count: 0 };
        let header = Header {
            types: table(Which::Types as u32),
            actions: table(Which::Actions as u32),
            roots: table(Which::Roots as u32),
            strings: table(Which::Strings as u32),
            extras: table(Which::Extras as u32),
            cases: table(Which::Cases as u32),
            code: table(Which::Code as u32),
            globals: table(Which::Globals as u32),
            ..Header::default()
        };
        let mut bytes = [0; Header::SIZE];
        header.encode(&mut bytes);
        for at in (Which::Types as usize..=Which::Globals as usize).step_by(Table::SIZE) {
            let found = bytes.get(at..).and_then(Table::decode);
            assert_eq!(found.map(|table| table.offset as usize), Some(at));
        }
    }

    #[test]
    fn the_allocators_layout_is_where_the_header_has_it() {
        let slabs = Slabs {
            cache: 1,
            size: 2,
            object_size: 3,
            red_left_pad: 4,
        };
        let header = Header {
            magic: MAGIC,
            version: VERSION,
            size: Header::SIZE as u32,
            slabs,
            ..Header::default()
        };
        let mut bytes = [0; Header::SIZE];
        header.encode(&mut bytes);
        assert_eq!(bytes.get(SLABS..).and_then(Slabs::decode), Some(slabs));
        let program = Program::find(&bytes);
        assert_eq!(program.map(|program| program.slabs()), Some(slabs));
    }
}
