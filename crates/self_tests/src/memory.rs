//! Describes data. Places are counted in words of 8 bytes from the start of a test's
//! memory; what nothing is put into is 0. Numbers are chosen to be found in a dump. What
//! an allocator gives a test beside that memory has places of its own ([`allocated`]).

/// What gives memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// `kmalloc`: a slab object up to two pages, else pages.
    Kmalloc,
    /// `vmalloc`: an area of pages.
    Vmalloc,
}

/// Memory of so many words, one object of its allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Whose object.
    pub allocator: Allocator,
    /// Its words: as many as the allocator gives, no fewer.
    pub words: usize,
}

/// Allocations that a test may have.
pub const MAX_ALLOCATIONS: usize = 2;
/// Places from the start of an allocation to the next: more than any has.
const PLACES: u64 = 1 << 20;

/// The place of the first word of allocation `index`.
#[must_use]
pub const fn allocated(index: u64) -> u64 {
    (index + 1) * PLACES
}

/// The allocation that the place `word` is in (`None`: the test's memory), and the number
/// of the word in it.
#[must_use]
pub const fn place(word: u64) -> (Option<usize>, u64) {
    match word / PLACES {
        0 => (None, word),
        after => (Some(after as usize - 1), word % PLACES),
    }
}

/// A word of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A number.
    Number(u64),
    /// A pointer into the test's memory.
    Pointer(Pointer),
    /// The address of [`FUNCTION`](crate::FUNCTION), and so many bytes.
    Function(u64),
    /// The address of [`GLOBAL`](crate::GLOBAL).
    Global,
    /// The per-CPU address of the module's per-CPU variable.
    PerCpu,
    /// The address of the test's name in the process's memory.
    User,
}

/// A pointer into the test's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The byte of the memory that it stands for.
    pub object: u64,
    /// How many bytes farther it leads: into the object, in front of it, by a tag.
    pub delta: i64,
    /// The pointer is stored rotated to the left by so many bits,
    pub rotated: u32,
    /// and then with these bits turned.
    pub turned: u64,
}

/// A pointer to word `word`.
#[must_use]
pub const fn to(word: u64) -> Word {
    from(word, 0)
}

/// A pointer that leads `delta` bytes from the start of the object at word `word`,
/// which may be outside of the object.
#[must_use]
pub const fn from(word: u64, delta: i64) -> Word {
    encoded(word, delta, 0, 0)
}

/// A pointer to byte `byte` of word `word`.
#[must_use]
pub const fn byte(word: u64, byte: u64) -> Word {
    Word::Pointer(Pointer {
        object: 8 * word + byte,
        delta: 0,
        rotated: 0,
        turned: 0,
    })
}

/// A pointer to `delta` bytes from word `word`, rotated and with bits turned.
#[must_use]
pub const fn encoded(word: u64, delta: i64, rotated: u32, turned: u64) -> Word {
    Word::Pointer(Pointer {
        object: 8 * word,
        delta,
        rotated,
        turned,
    })
}

/// Where the things are that words refer to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses {
    /// The test's memory.
    pub memory: u64,
    /// Its allocations.
    pub allocations: [u64; MAX_ALLOCATIONS],
    /// [`FUNCTION`](crate::FUNCTION).
    pub function: u64,
    /// [`GLOBAL`](crate::GLOBAL).
    pub global: u64,
    /// The per-CPU variable.
    pub per_cpu: u64,
    /// The test's name in the process's memory.
    pub user: u64,
}

impl Addresses {
    /// Of a byte, by its place.
    #[must_use]
    pub fn of(&self, byte: u64) -> u64 {
        let (allocation, word) = place(byte / 8);
        let start = match allocation {
            None => self.memory,
            Some(index) => self.allocations.get(index).copied().unwrap_or(0),
        };
        start.wrapping_add(8 * word + byte % 8)
    }
}

impl Word {
    /// Its value.
    #[must_use]
    pub fn value(&self, addresses: &Addresses) -> u64 {
        match *self {
            Self::Number(number) => number,
            Self::Pointer(pointer) => {
                let object = addresses.of(pointer.object);
                let address = object.wrapping_add_signed(pointer.delta);
                address.rotate_left(pointer.rotated) ^ pointer.turned
            }
            Self::Function(bytes) => addresses.function.wrapping_add(bytes),
            Self::Global => addresses.global,
            Self::PerCpu => addresses.per_cpu,
            Self::User => addresses.user,
        }
    }
}

/// Takes a test's data, word by word.
pub struct Put<'a> {
    word: &'a mut dyn FnMut(usize, Word),
}

impl core::fmt::Debug for Put<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Put")
    }
}

// Not inlined: the tests are many, and the module is small.
impl<'a> Put<'a> {
    /// Hands each word to `word`, with its place.
    pub fn new(word: &'a mut dyn FnMut(usize, Word)) -> Self {
        Self { word }
    }

    /// `word` at `at`.
    #[inline(never)]
    pub(crate) fn word(&mut self, at: usize, word: Word) {
        (self.word)(at, word);
    }

    /// Words from `at` on.
    #[inline(never)]
    pub(crate) fn words(&mut self, at: usize, words: &[Word]) {
        for (at, word) in (at..).zip(words) {
            self.word(at, *word);
        }
    }

    /// A number at `at`.
    #[inline(never)]
    pub(crate) fn number(&mut self, at: usize, number: u64) {
        self.word(at, Word::Number(number));
    }

    /// Numbers from `at` on.
    #[inline(never)]
    pub(crate) fn numbers(&mut self, at: usize, numbers: &[u64]) {
        for (at, number) in (at..).zip(numbers) {
            self.number(at, *number);
        }
    }

    /// A pointer at `at` to the word `to`.
    #[inline(never)]
    pub(crate) fn point(&mut self, at: usize, word: usize) {
        self.word(at, to(word as u64));
    }

    /// Text, without a NUL at its end, from byte `skip` of the word at `at` on.
    #[inline(never)]
    pub(crate) fn text(&mut self, at: usize, skip: usize, text: &str) {
        let mut word = [0; 8];
        let mut place = 8 * at + skip;
        for byte in text.bytes() {
            if let Some(into) = word.get_mut(place % 8) {
                *into = byte;
            }
            place += 1;
            if place.is_multiple_of(8) {
                self.number(place / 8 - 1, u64::from_le_bytes(word));
                word = [0; 8];
            }
        }
        if !place.is_multiple_of(8) {
            self.number(place / 8, u64::from_le_bytes(word));
        }
    }

    /// Joins the links (`struct list_head`) at `links` to a circle.
    #[inline(never)]
    pub(crate) fn circle(&mut self, links: &[usize]) {
        let next = links.iter().cycle().skip(1);
        for (link, next) in links.iter().zip(next) {
            self.point(*link, *next);
            self.point(next + 1, *link);
        }
    }
}
