//! This process's own memory.

use std::ops::{Deref, DerefMut};

use kflat_abi::crc32c::crc32c_words_by;
use kflat_engine::{AnyProcessor, Clock, Memory, Processor, Symbols, Unreadable};

/// Reads addresses of this process, which must all be the benchmark's data.
pub(crate) struct Own;

impl Memory for Own {
    #[inline]
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        let at = (address % 8) as usize;
        if at + length > size_of_val(words) {
            return Err(Unreadable);
        }
        let into = words.as_mut_ptr().cast::<u8>().wrapping_add(at);
        let from = std::ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: `words` has room for `at + length` bytes, as was checked. The
        // programs lead only to data that `shapes` made, which is alive and does
        // not overlap with the engine's memory.
        unsafe { copy_bytes(from, into, length) };
        Ok(())
    }

    #[inline]
    fn expect(&self, address: u64, length: u64) {
        prefetch(address as usize);
        prefetch((address + length - 1) as usize);
    }

    #[inline]
    fn expect_own(&self, word: &u64) {
        prefetch(std::ptr::from_ref(word).addr());
    }
}

/// Copies `length` bytes without a call where they are few: the first ones and the last
/// ones, which may overlap.
///
/// # Safety
/// As `copy_nonoverlapping`.
#[inline]
unsafe fn copy_bytes(from: *const u8, into: *mut u8, length: usize) {
    let both_ends = |part: usize| {
        let last = length - part;
        // SAFETY: The caller's; `part` is at most `length`.
        unsafe { std::ptr::copy_nonoverlapping(from, into, part) };
        // SAFETY: The same.
        unsafe {
            std::ptr::copy_nonoverlapping(from.wrapping_add(last), into.wrapping_add(last), part);
        };
    };
    match length {
        33..=64 => both_ends(32),
        17..=32 => both_ends(16),
        8..=16 => both_ends(8),
        4..=7 => both_ends(4),
        65..=128 => both_ends(64),
        // SAFETY: The caller's.
        _ => unsafe { std::ptr::copy_nonoverlapping(from, into, length) },
    }
}

/// Asks for a cache line.
#[inline]
fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = std::ptr::without_provenance(address);
        // SAFETY: A prefetch reads nothing and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Words that begin at a page, as the kernel's memory does, and were touched before.
pub(crate) struct Block {
    words: Vec<u64>,
    start: usize,
}

/// What a block begins at a multiple of: 2 MiB, in words.
const ALIGNED: usize = (2 << 20) / 8;

impl Block {
    /// So many words.
    pub(crate) fn new(words: usize) -> Self {
        let mut all: Vec<u64> = Vec::with_capacity(words + ALIGNED);
        let first = all.as_ptr().addr() / 8;
        let start = first.next_multiple_of(ALIGNED) - first;
        all.resize(start + words, 1);
        Self { words: all, start }
    }
}

impl Deref for Block {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.words[self.start..]
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.words[self.start..]
    }
}

/// The bytes of words.
pub(crate) fn bytes_of(words: &mut [u64]) -> &mut [u8] {
    let (start, size) = (words.as_mut_ptr().cast::<u8>(), size_of_val(words));
    // SAFETY: The same memory, borrowed as before; bytes have no alignment, and any
    // value is valid for either.
    unsafe { std::slice::from_raw_parts_mut(start, size) }
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Writes `words` back to memory and out of all caches.
pub(crate) fn flush(words: &[u64]) {
    #[cfg(target_arch = "x86_64")]
    for line in words.chunks(LINE / 8) {
        use std::arch::x86_64::_mm_clflush;
        // SAFETY: The line is part of `words`; what it holds stays.
        unsafe { _mm_clflush(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (words, LINE);
}

/// A word of this process.
#[inline]
pub(crate) fn word(address: u64) -> u64 {
    let from = std::ptr::with_exposed_provenance::<u64>(address as usize);
    // SAFETY: As above; every word is aligned and inside of one object.
    unsafe { from.read() }
}

/// Copies bytes of this process to the start of `into`, which is long enough.
#[inline]
pub(crate) fn copy(address: u64, into: &mut [u8]) {
    let from = std::ptr::with_exposed_provenance::<u8>(address as usize);
    // SAFETY: As above.
    unsafe { std::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
}

/// The text at an address, with its NUL.
#[inline]
pub(crate) fn text<'a>(address: u64) -> &'a [u8] {
    let from = std::ptr::with_exposed_provenance::<std::ffi::c_char>(address as usize);
    // SAFETY: As above; each string ends in a NUL, and the data outlives the run.
    unsafe { std::ffi::CStr::from_ptr(from) }.to_bytes_with_nul()
}

/// Nanoseconds that this thread had the CPU for: whatever else runs on the machine is
/// not in it.
pub(crate) fn cpu_time() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a `timespec` that the call may write. It has no way to fail: the
    // clock exists.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A clock as cheap as the kernel's.
pub(crate) struct Watch(pub(crate) std::time::Instant);

impl Clock for Watch {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// No function pointers.
pub(crate) struct NoSymbols;

impl Symbols for NoSymbols {
    fn name(&mut self, _: u64, _: &mut [u8]) -> Option<usize> {
        None
    }
}

/// Checksums by the processor's instruction, where it has one.
pub(crate) struct ThisProcessor {
    instruction: bool,
}

impl ThisProcessor {
    /// As this processor can.
    pub(crate) fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        let instruction = is_x86_feature_detected!("sse4.2");
        #[cfg(not(target_arch = "x86_64"))]
        let instruction = false;
        Self { instruction }
    }
}

impl Processor for ThisProcessor {
    fn crc32c(&self, words: &[u64]) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if self.instruction {
            // SAFETY: The processor has the instruction.
            return unsafe { by_instruction(words) };
        }
        AnyProcessor.crc32c(words)
    }

    #[inline]
    fn expect_own(&self, word: &u64) {
        prefetch(std::ptr::from_ref(word).addr());
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn by_instruction(words: &[u64]) -> u32 {
    use std::arch::x86_64::_mm_crc32_u64;
    crc32c_words_by(words, |crc, word| _mm_crc32_u64(crc.into(), word) as u32)
}

#[cfg(test)]
mod tests {
    use super::{AnyProcessor, Processor, ThisProcessor};

    #[test]
    fn the_instruction_gives_the_same_checksum() {
        let words: Vec<u64> = (0..3000u64)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        for count in [0, 1, 1023, 1024, 3000] {
            let words = &words[..count];
            let here = ThisProcessor::new().crc32c(words);
            assert_eq!(here, AnyProcessor.crc32c(words), "{count} words");
        }
    }
}
