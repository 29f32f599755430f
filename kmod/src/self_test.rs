//! The module's unit tests (`KFLAT_TESTS`): known data in kernel memory, and a
//! recipe that leads through it. What each builds is in `doc/self-tests.md`, by
//! which clients check the image.

mod assemble;
mod scenes;

use crate::alloc::Buffer;
use crate::error::Result;
use crate::registry::Recipe;

use assemble::TypeSpec;

/// A unit test.
pub(crate) struct SelfTest {
    pub(crate) name: &'static str,
    /// Words of memory that its data takes.
    words: usize,
    /// Writes the data.
    build: fn(&mut Builder<'_>),
    /// The first is that of the root, one element at the data's start.
    types: &'static [TypeSpec],
}

impl SelfTest {
    /// The recipe that leads through its data. `ENOMEM`.
    pub(crate) fn recipe(&self) -> Result<Recipe> {
        assemble::recipe(self.name, self.types)
    }
}

/// The test of that name; names compare as those of recipes.
pub(crate) fn find(name: &str) -> Option<&'static SelfTest> {
    let mut tests = scenes::ALL.iter();
    tests.find(|test| test.name.eq_ignore_ascii_case(name))
}

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    scenes::ALL.iter().map(|test| test.name)
}

/// A test's data in kernel memory.
pub(crate) struct Scene {
    _memory: Buffer<u64>,
    arguments: [u64; 1],
}

impl Scene {
    /// `ENOMEM`.
    pub(crate) fn build(test: &SelfTest) -> Result<Self> {
        let mut memory = Buffer::<u64>::new(test.words)?;
        let base = memory.as_ptr().addr() as u64;
        (test.build)(&mut Builder {
            words: &mut memory,
            base,
        });
        Ok(Self {
            _memory: memory,
            arguments: [base],
        })
    }

    /// What a function that is called with the data would be given.
    pub(crate) fn arguments(&self) -> &[u64] {
        &self.arguments
    }
}

/// Writes a test's data; all places are counted in words from its start.
struct Builder<'a> {
    words: &'a mut [u64],
    base: u64,
}

impl Builder<'_> {
    /// A number.
    fn put(&mut self, at: usize, value: u64) {
        if let Some(word) = self.words.get_mut(at) {
            *word = value;
        }
    }

    /// The address of the word `to`.
    fn address(&self, to: usize) -> u64 {
        self.base.wrapping_add(8 * to as u64)
    }

    /// A pointer to the word `to`.
    fn point(&mut self, at: usize, to: usize) {
        self.put(at, self.address(to));
    }

    /// Text, its NUL included.
    fn text(&mut self, at: usize, text: &str) {
        if let Some(words) = self.words.get_mut(at..) {
            kflat_engine::put_bytes(words, 0, text.as_bytes());
        }
    }

    /// Joins the links (`struct list_head`) at `links` to a circle.
    fn circle(&mut self, links: &[usize]) {
        let next = links.iter().cycle().skip(1);
        for (link, next) in links.iter().zip(next) {
            self.point(*link, *next);
            self.point(next + 1, *link);
        }
    }
}
