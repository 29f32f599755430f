//! A test's data, and its program, in hand.

use std::collections::BTreeMap;

use kflat_abi::program::Slabs;

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
        assemble(test, Slabs::default(), &mut program);
        Self { words, program }
    }

    /// The word at a place.
    pub(super) fn word(&self, at: u64) -> Word {
        self.words.get(&at).copied().unwrap_or(Word::Number(0))
    }

    /// The program that captures it.
    pub(super) fn program(&self) -> &[u8] {
        &self.program
    }
}
