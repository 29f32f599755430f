//! Fragments as allocations of their own, which AddressSanitizer and KLEE see.
//!
//! They are made by `malloc`, since the code that is given them may `free` them.

#![expect(unsafe_code, reason = "allocates as C does and hands out pointers")]

use std::ptr::NonNull;

use rustix::mm::Advice;

use super::mapping::page;

/// A fragment's memory.
///
/// # Invariants
/// `start` is `lead` bytes behind the start of an allocation of `lead + size`
/// initialised bytes that this value frees, unless it was given away.
#[derive(Debug)]
pub(super) struct Allocation {
    start: NonNull<u8>,
    /// There may be millions: bytes of the fragment, whether somebody else frees it,
    /// and the bytes before it that give it its alignment, in one word.
    packed: u64,
}

/// In `packed`: the lead, less than 4096.
const LEAD: u64 = 0xfff;
/// In `packed`: given away.
const GIVEN: u64 = 1 << 12;
/// Where the size is in `packed`.
const SIZE_SHIFT: u32 = 13;

// SAFETY: An allocation belongs to the process, not to a thread.
unsafe impl Send for Allocation {}

/// What `malloc` aligns to.
const NATURAL: usize = 16;

/// Makes memory that will be written present, before it is touched page by page: a
/// fault costs several times what the kernel takes for a page of many.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The address up to which that was done.
    end: usize,
}

impl Ahead {
    /// The most that is made present at once.
    const MOST: usize = 256 << 10;
    /// Whether `malloc` has a heap whose end is cheap to ask for.
    const HAS_HEAP: bool = cfg!(all(target_env = "gnu", not(miri)));

    /// For memory that is allocated from now on.
    pub(super) fn new() -> Self {
        Self { end: 0 }
    }

    /// Makes the part of the heap present that `malloc` will hand out next: it takes
    /// more from the kernel than it needs for the one block at `address`.
    #[inline]
    pub(super) fn of_heap(&mut self, address: usize) {
        if address < self.end || !Self::HAS_HEAP {
            return;
        }
        // SAFETY: It only asks where the heap ends.
        let top = unsafe { libc::sbrk(0) } as usize;
        // Other memory, as that of sanitizers, is not of this heap.
        if address < top && top - address <= Self::MOST {
            present(address, top - address);
            self.end = top;
        }
    }

    /// Makes the memory present that a vector has room in.
    pub(super) fn of_room<T>(vector: &Vec<T>) {
        let length = vector.capacity().saturating_mul(size_of::<T>());
        if length >= Self::MOST && !cfg!(miri) {
            present(vector.as_ptr() as usize, length);
        }
    }
}

/// Makes the pages of a range present. Of no consequence where the kernel can't
/// (before 5.14).
fn present(address: usize, length: usize) {
    let start = address - address % page();
    let length = length + address % page();
    let start = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: It changes no byte, and fails where nothing is mapped.
    let _ = unsafe { rustix::mm::madvise(start, length, Advice::LinuxPopulateWrite) };
}

impl Allocation {
    /// Allocates a copy of `bytes`. Its address is `address` modulo `align`, a
    /// power of two up to 4096. `None`: no memory.
    pub(super) fn copy_of(bytes: &[u8], address: u64, align: u64) -> Option<Self> {
        let lead = (address % align) as usize;
        let size = lead.checked_add(bytes.len())?.max(1);
        let align = align as usize;
        let block = if align <= NATURAL {
            // SAFETY: The size is not 0.
            unsafe { libc::malloc(size) }
        } else {
            // SAFETY: The alignment is a power of two, and the size not 0.
            unsafe { libc::aligned_alloc(align, size.checked_next_multiple_of(align)?) }
        };
        let block = NonNull::new(block.cast::<u8>())?;
        if lead > 0 {
            // SAFETY: The block has `lead` bytes and more.
            unsafe { block.write_bytes(0, lead) };
        }
        // SAFETY: As above.
        let start = unsafe { block.add(lead) };
        let source = bytes.as_ptr();
        // SAFETY: The block has room for `lead` and the bytes, and is new.
        unsafe { start.as_ptr().copy_from_nonoverlapping(source, bytes.len()) };
        // INVARIANT: All of it was just allocated and written.
        Some(Self {
            start,
            // An allocation is smaller than the address space of 47 bits.
            packed: (bytes.len() as u64) << SIZE_SHIFT | lead as u64,
        })
    }

    /// A pointer to its first byte.
    #[inline]
    pub(super) fn pointer(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Its bytes.
    #[inline]
    pub(super) fn size(&self) -> u64 {
        self.packed >> SIZE_SHIFT
    }

    /// Where a word is, if it can be used.
    #[inline]
    fn place(&self, inside: u64) -> Option<*mut [u8; 8]> {
        let is_inside = inside.checked_add(8)? <= self.size() && !self.is_given_away();
        is_inside.then(|| self.start.as_ptr().wrapping_add(inside as usize).cast())
    }

    /// The word at byte `inside`.
    #[inline]
    pub(super) fn word(&self, inside: u64) -> Option<u64> {
        let place = self.place(inside)?;
        // SAFETY: `place` checked that it lies in the allocation, which is there.
        Some(u64::from_le_bytes(unsafe { place.read() }))
    }

    /// Writes the word at byte `inside`.
    #[inline]
    pub(super) fn put(&mut self, inside: u64, word: u64) -> Option<()> {
        let place = self.place(inside)?;
        // SAFETY: As for `word`.
        unsafe { place.write(word.to_le_bytes()) };
        Some(())
    }

    /// Makes its bytes `bytes`, of which there are as many; writes only if they
    /// differ. Returns whether they did.
    pub(super) fn restore(&mut self, bytes: &[u8]) -> bool {
        if self.is_given_away() || bytes.len() as u64 != self.size() {
            return false;
        }
        // SAFETY: The allocation is there, and by the contract of `Loaded::reset`
        // nobody else uses it now.
        let own = unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), bytes.len()) };
        let differs = own != bytes;
        if differs {
            own.copy_from_slice(bytes);
        }
        differs
    }

    /// From now on it is somebody else's.
    pub(super) fn give_away(&mut self) {
        self.packed |= GIVEN;
    }

    /// Whether it was given away.
    #[inline]
    pub(super) fn is_given_away(&self) -> bool {
        self.packed & GIVEN != 0
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        if self.is_given_away() {
            return;
        }
        let block = self
            .start
            .as_ptr()
            .wrapping_sub((self.packed & LEAD) as usize);
        // SAFETY: By the invariant it is the start of an allocation that is there.
        unsafe { libc::free(block.cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::Allocation;

    #[test]
    fn a_copy_has_the_alignment_of_the_original() {
        for (address, align) in [(3, 8), (0, 8), (0x1010, 64), (0x1fff, 4096)] {
            let copy = Allocation::copy_of(b"some bytes", address, align).unwrap();
            assert_eq!(copy.pointer() as u64 % align, address % align);
            assert_eq!(copy.size(), 10);
        }
    }

    #[test]
    fn words_are_read_and_written_inside_only() {
        let mut copy = Allocation::copy_of(&[0; 20], 4, 8).unwrap();
        assert_eq!(copy.put(12, 7), Some(()));
        assert_eq!(
            (copy.word(12), copy.word(13), copy.word(u64::MAX)),
            (Some(7), None, None)
        );
        assert_eq!(copy.put(13, 7), None);
        assert!(copy.restore(&[0; 20]) && !copy.restore(&[0; 20]));
        assert_eq!(copy.word(12), Some(0));
    }

    #[test]
    fn what_was_given_away_is_not_touched() {
        let mut copy = Allocation::copy_of(&[1; 8], 0, 8).unwrap();
        let block = copy.pointer();
        copy.give_away();
        assert_eq!((copy.word(0), copy.put(0, 1)), (None, None));
        assert!(!copy.restore(&[2; 8]));
        drop(copy);
        // SAFETY: It was made by `malloc` without a lead, and given away.
        unsafe { libc::free(block.cast()) };
    }
}
