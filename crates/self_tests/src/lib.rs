//! The self-tests of the kernel module (`KFLAT_TESTS`): for every shape that kernel
//! data has, some data, the program that captures it, and what must be in the image.
//!
//! The three stand side by side in one [`SelfTest`]. The module builds the data in
//! kernel memory and captures it by the program; user space loads the image and
//! compares it with the same description ([`check`]). `doc/self-tests.md` is the
//! same in prose.
//!
//! - [`memory`] describes data, [`program`] programs, [`expected`] images.
//! - The tests: `pointers`, `arrays`, `strings`, `lists`, `trees`, `choices`, `roots`,
//!   `surroundings`, `allocations`, `limits`.

#![cfg_attr(not(feature = "check"), no_std)]
#![deny(unsafe_code)]

mod allocations;
mod arrays;
mod assemble;
#[cfg(feature = "check")]
pub mod check;
mod choices;
pub mod expected;
mod limits;
mod lists;
pub mod memory;
mod pointers;
pub mod program;
mod roots;
mod strings;
mod surroundings;
mod trees;

use expected::Expected;
use memory::{Allocation, Put, Word, to};
use program::{Program, Root, argument, pointer};

pub use assemble::{assemble, size};

/// The symbol of a function in the module.
pub const FUNCTION: &str = "kflat_self_test_function";
/// The symbol of a constant in the module, [`GLOBAL_WORDS`].
pub const GLOBAL: &str = "kflat_self_test_global";
/// What the constant holds.
pub const GLOBAL_WORDS: [u64; 4] = [0x9100, 0x9101, 0x9102, 0x9103];
/// The symbol of a `u64` in the module that counts how often a test's capture has
/// looked at the clock, the look at its start included: memory that changes.
pub const LOOKS: &str = "kflat_self_test_looks";
/// What the module's per-CPU variable, a `u64`, holds on CPU 0; one more on each
/// further CPU.
pub const PER_CPU_MARK: u64 = 0xc900_0000;

/// A self-test.
#[derive(Debug)]
pub struct SelfTest {
    /// Its name.
    pub name: &'static str,
    /// Words of memory that its data takes. They begin at a multiple of
    /// [`ALIGNMENT`].
    pub words: usize,
    /// What allocators give it beside that, at most
    /// [`MAX_ALLOCATIONS`](memory::MAX_ALLOCATIONS).
    pub allocations: &'static [Allocation],
    /// Writes the data.
    pub build: fn(&mut Put<'_>),
    /// The arguments that a function called with the data would have.
    pub arguments: &'static [Word],
    /// The program that captures it.
    pub program: Program,
    /// It captures memory of the process, which can't be while all other CPUs are
    /// halted.
    pub needs_process: bool,
    /// It captures slab objects: how the kernel's allocator describes them, the module
    /// has to be told (`Slabs` of [`assemble`]).
    pub needs_slabs: bool,
    /// What must be in the image.
    pub image: Expected,
}

/// What a test's memory is aligned to.
pub const ALIGNMENT: u64 = 256;

/// What most tests have: the only argument points to the data's start, and the only
/// root is that argument, a pointer to one element of the first type.
const PLAIN: SelfTest = SelfTest {
    name: "",
    words: 0,
    allocations: &[],
    build: |_| (),
    arguments: &[to(0)],
    program: Program {
        types: &[],
        roots: PLAIN_ROOTS,
        ..Program::EMPTY
    },
    needs_process: false,
    needs_slabs: false,
    image: Expected::COMPLETE,
};

const PLAIN_ROOTS: &[Root] = &[argument(0, Some("root"), pointer("", 0, 0))];

/// A program of one plain root.
const fn one_root(types: &'static [program::Type]) -> Program {
    Program {
        types,
        ..PLAIN.program
    }
}

const ALL: &[&[SelfTest]] = &[
    pointers::TESTS,
    arrays::TESTS,
    strings::TESTS,
    lists::TESTS,
    trees::TESTS,
    choices::TESTS,
    roots::TESTS,
    surroundings::TESTS,
    allocations::TESTS,
    limits::TESTS,
];

/// All tests.
pub fn all() -> impl Iterator<Item = &'static SelfTest> {
    ALL.iter().copied().flatten()
}

/// The test of that name; names compare as those of recipes.
#[must_use]
pub fn find(name: &str) -> Option<&'static SelfTest> {
    all().find(|test| test.name.eq_ignore_ascii_case(name))
}
