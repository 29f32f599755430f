//! Finds the tables of a program.

use super::code::Instruction;
use super::{Action, Case, Extra, Global, Header, MAGIC, Root, Table, Type, VERSION};
use crate::record::Record;

/// A program's tables, found but not verified: every accessor checks its bounds.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    header: Header,
    types: &'a [u8],
    actions: &'a [u8],
    roots: &'a [u8],
    extras: &'a [u8],
    cases: &'a [u8],
    code: &'a [u8],
    globals: &'a [u8],
    strings: &'a [u8],
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
        let table = |table: Table, record: usize| -> Option<&'a [u8]> {
            let size = (table.count as usize).checked_mul(record)?;
            let start = table.offset as usize;
            if !start.is_multiple_of(8) {
                return None;
            }
            bytes.get(start..start.checked_add(size)?)
        };
        Some(Self {
            header,
            types: table(header.types, Type::SIZE)?,
            actions: table(header.actions, Action::SIZE)?,
            roots: table(header.roots, Root::SIZE)?,
            extras: table(header.extras, Extra::SIZE)?,
            cases: table(header.cases, Case::SIZE)?,
            code: table(header.code, Instruction::SIZE)?,
            globals: table(header.globals, Global::SIZE)?,
            strings: table(header.strings, 1)?,
        })
    }

    /// How many types, actions and roots there are.
    #[must_use]
    pub fn counts(&self) -> (u32, u32, u32) {
        (
            self.header.types.count,
            self.header.actions.count,
            self.header.roots.count,
        )
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The recipe's name.
    #[must_use]
    pub fn target(&self) -> Option<&'a str> {
        self.string_at(self.header.target)
    }

    /// Type `index`.
    #[inline]
    #[must_use]
    pub fn type_at(&self, index: u32) -> Option<Type> {
        record_at(self.types, index)
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
        record_at(self.roots, index)
    }

    /// Extra `index`.
    #[inline]
    #[must_use]
    pub fn extra_at(&self, index: u32) -> Option<Extra> {
        record_at(self.extras, index)
    }

    /// Case `index`.
    #[inline]
    #[must_use]
    pub fn case_at(&self, index: u32) -> Option<Case> {
        record_at(self.cases, index)
    }

    /// Instruction `index`.
    #[inline]
    #[must_use]
    pub fn instruction_at(&self, index: u32) -> Option<Instruction> {
        record_at(self.code, index)
    }

    /// The name of global `index`.
    #[must_use]
    pub fn global_at(&self, index: u32) -> Option<&'a str> {
        self.string_at(record_at::<Global>(self.globals, index)?.symbol)
    }

    /// The string at `offset`, without its NUL.
    #[must_use]
    pub fn string_at(&self, offset: u32) -> Option<&'a str> {
        let tail = self.strings.get(offset as usize..)?;
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
