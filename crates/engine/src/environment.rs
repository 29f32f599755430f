//! What the engine asks of its surroundings.

use core::ops::Range;

use kflat_abi::crc32c::crc32c_words;

/// Nothing can be read at an address: not mapped, not RAM, or it faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// The memory that is captured.
pub trait Memory {
    /// Copies the `length` bytes at `address` into `words`, all or nothing.
    ///
    /// The byte at `address` goes to byte `address % 8` of `words` (in memory
    /// order), so that copies keep the alignment of the original; bytes of
    /// `words` outside of the range stay as they are. `words` has at least
    /// `address % 8 + length` bytes. [`put_bytes`](crate::put_bytes) is the
    /// same for bytes in hand.
    ///
    /// # Errors
    /// [`Unreadable`] if any byte can't be read; `words` may hold some bytes then.
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable>;

    /// As [`read`](Self::read) for memory of the current process.
    ///
    /// # Errors
    /// [`Unreadable`] as well where memory is not present and can't be brought in.
    fn read_user(
        &mut self,
        _address: u64,
        _length: usize,
        _words: &mut [u64],
    ) -> Result<(), Unreadable> {
        Err(Unreadable)
    }

    /// The bytes of the allocator's object that `address` is in, if there is one
    /// and its bounds are known.
    fn allocation(&mut self, _address: u64) -> Option<Range<u64>> {
        None
    }

    /// The `length` bytes at `address` will be read soon. They need not be readable.
    #[inline]
    fn expect(&self, _address: u64, _length: u64) {}

    /// The engine's own `word` will be used soon.
    #[inline]
    fn expect_own(&self, _word: &u64) {}
}

/// The time, for the time limit.
pub trait Clock {
    /// Nanoseconds from any fixed point.
    fn now_ns(&self) -> u64;
}

/// Names of functions, asked for when the image is written.
pub trait Symbols {
    /// Writes the name of the function at `address` (`symbol` or
    /// `symbol+0xoff`, then ` [module]`) to `name`; its bytes, or `None` if
    /// `address` is in no function.
    fn name(&mut self, address: u64, name: &mut [u8]) -> Option<usize>;
}

/// What the processor may do better than the language can say.
pub trait Processor {
    /// The CRC-32C of the little-endian bytes of `words`.
    fn crc32c(&self, words: &[u64]) -> u32 {
        crc32c_words(words)
    }

    /// The engine's own `word` will be written soon.
    #[inline]
    fn expect_own(&self, _word: &u64) {}
}

/// Any processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyProcessor;

impl Processor for AnyProcessor {}

/// A step of a capture, for the debug log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Root `index` holds `word`.
    Root {
        /// Its index in the program.
        index: u32,
        /// The value that is followed.
        word: u64,
    },
    /// Object `index` was copied.
    Object {
        /// Its index in the order of capture.
        index: u32,
        /// Its address.
        address: u64,
        /// Its type, an index into the program's types.
        type_index: u32,
        /// How many elements; of a type with a flexible array, those of the array.
        count: u32,
    },
    /// Something was not captured.
    Missing {
        /// One of `abi::extension::REASON_*`.
        reason: u32,
        /// The address in question.
        address: u64,
        /// What the reason is measured in.
        detail: u64,
    },
}

/// Receives the steps of a capture.
pub trait Trace {
    /// False lets the compiler remove every call.
    const ENABLED: bool = true;

    /// Called at each step.
    fn event(&mut self, event: Event);
}

/// No trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Trace for Quiet {
    const ENABLED: bool = false;

    fn event(&mut self, _: Event) {}
}
