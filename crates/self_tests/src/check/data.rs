//! A test's data, and its program, in hand.

use std::collections::BTreeMap;

use kflat_abi::program::{NONE, Program, Type};

use crate::SelfTest;
use crate::assemble::{assemble, size};
use crate::memory::{Put, Word};

/// The words of a test's data, and its program.
#[derive(Debug)]
pub(super) struct Data {
    words: BTreeMap<u64, Word>,
    program: Vec<u8>,
}

impl Data {
    pub(super) fn of(test: &SelfTest) -> Self {
        let mut words = BTreeMap::new();
        let mut put = |at: usize, word| {
            words.insert(at as u64, word);
        };
        (test.build)(&mut Put::new(&mut put));
        let mut program = vec![0; size(test)];
        assemble(test, &mut program);
        Self { words, program }
    }

    /// The word at a place.
    pub(super) fn word(&self, at: u64) -> Word {
        self.words.get(&at).copied().unwrap_or(Word::Number(0))
    }

    /// Bytes of an object of `count` elements of type `index`.
    pub(super) fn size(&self, index: u32, count: u32) -> u64 {
        let Some(program) = Program::find(&self.program) else {
            return 0;
        };
        let size = |view: Type| u64::from(view.size) * u64::from(count);
        let Some(view) = program.type_at(index) else {
            return 0;
        };
        match program.type_at(view.tail) {
            Some(tail) if view.tail != NONE => {
                (u64::from(view.tail_offset) + size(tail)).max(view.size.into())
            }
            _ => size(view),
        }
    }
}
