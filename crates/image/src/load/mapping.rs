//! A private mapping of a file, part of which is written to.

#![expect(unsafe_code, reason = "maps memory and hands out pointers into it")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};

use rustix::mm::{self, Advice, MapFlags, MprotectFlags, ProtFlags};

/// A private mapping of a file from its start.
///
/// # Invariants
/// `start` is the start of a mapping of `length` bytes that only this value
/// unmaps. `writable` lies inside of it; its pages can be read and written, all
/// others can be read.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
    writable: Range<usize>,
}

// SAFETY: A mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}

/// Bytes of a page.
pub(super) fn page() -> usize {
    // By libc: rustix reads the auxiliary vector, in which valgrind leaves the
    // address of a vDSO that is not there.
    // SAFETY: It takes a number and returns one.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

impl Mapping {
    /// Maps the first `length` bytes of `file` to be read: at the address `at`,
    /// or where there is room.
    ///
    /// # Errors
    /// If it can't be mapped; with `at` also if something else is there.
    ///
    /// # Safety
    /// The file must have `length` bytes and not be changed while it is mapped.
    pub(super) unsafe fn of(file: &File, length: usize, at: Option<usize>) -> io::Result<Self> {
        let wanted = ptr::without_provenance_mut(at.unwrap_or(0));
        let mut flags = MapFlags::PRIVATE;
        if at.is_some() {
            flags |= MapFlags::FIXED_NOREPLACE;
        }
        // SAFETY: No mapping is replaced.
        let start = unsafe { mm::mmap(wanted, length, ProtFlags::READ, flags, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        // INVARIANT: It was just made; nothing is writable.
        let mapping = Self {
            start,
            length,
            writable: length..length,
        };
        match at {
            // Kernels before 4.17 take the address for a hint.
            Some(at) if mapping.address(0) != at => Err(io::ErrorKind::AddrInUse.into()),
            _ => Ok(mapping),
        }
    }

    /// Lets the pages of `range`, which is inside of the mapping, be written.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn make_writable(&mut self, range: Range<usize>) -> io::Result<()> {
        if range.start > range.end || range.end > self.length {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (start, length) = self.pages(&range);
        if length > 0 {
            let flags = MprotectFlags::READ | MprotectFlags::WRITE;
            // SAFETY: The pages belong to this mapping.
            unsafe { mm::mprotect(start, length, flags) }?;
        }
        // INVARIANT: The pages of `range` were made writable.
        self.writable = range;
        Ok(())
    }

    /// The bytes before those that can be written; all, if none can.
    pub(super) fn front(&self) -> &[u8] {
        // SAFETY: The bytes are mapped, and by the contract of `of` and the
        // invariant they do not change.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.writable.start) }
    }

    /// The bytes behind those that can be written.
    pub(super) fn behind(&self) -> &[u8] {
        let start = self.start.as_ptr().wrapping_add(self.writable.end);
        // SAFETY: As for `front`.
        unsafe { std::slice::from_raw_parts(start, self.length - self.writable.end) }
    }

    /// The address of byte `at` of the file.
    pub(super) fn address(&self, at: usize) -> usize {
        self.pointer(at).expose_provenance()
    }

    /// A pointer to byte `at` of the file.
    pub(super) fn pointer(&self, at: usize) -> *mut u8 {
        self.start.as_ptr().wrapping_add(at)
    }

    /// Where a word of what can be written is, by its offset there.
    #[inline]
    fn place(&self, offset: u64) -> Option<*mut u8> {
        let at = usize::try_from(offset).ok()?;
        let size = self.writable.end - self.writable.start;
        (at.checked_add(8)? <= size).then(|| self.pointer(self.writable.start + at))
    }

    /// The word at an offset into what can be written.
    #[inline]
    pub(super) fn word(&self, offset: u64) -> Option<u64> {
        let place = self.place(offset)?.cast::<[u8; 8]>();
        // SAFETY: `place` checked that it lies in the mapping. Who has pointers
        // into it may write there, but not while this value is used.
        Some(u64::from_le_bytes(unsafe { place.read() }))
    }

    /// Writes the word at an offset into what can be written.
    #[inline]
    pub(super) fn put(&self, offset: u64, word: u64) -> Option<()> {
        let place = self.place(offset)?.cast::<[u8; 8]>();
        // SAFETY: As for `word`; the page can be written, and there are no
        // references into it.
        unsafe { place.write(word.to_le_bytes()) };
        Some(())
    }

    /// Makes the pages of `range`, a part of what can be written, private at once,
    /// which is cheaper than one by one. Of no consequence where the kernel can't
    /// (before 5.14).
    pub(super) fn populate(&self, range: &Range<usize>) {
        let (start, length) = self.pages(range);
        let is_inside = self.writable.start <= range.start && range.end <= self.writable.end;
        if is_inside && length > 0 {
            // SAFETY: Only what a write to each page would do.
            let _ = unsafe { mm::madvise(start, length, Advice::LinuxPopulateWrite) };
        }
    }

    /// Has the file read ahead of what can't be written.
    pub(super) fn read_ahead(&self) {
        // SAFETY: Only what a read of each page would do.
        let _ = unsafe {
            mm::madvise(
                self.start.as_ptr().cast(),
                self.length,
                Advice::LinuxPopulateRead,
            )
        };
    }

    /// Takes back all that was written: the bytes are those of the file, or of
    /// what it was [replaced](Self::replace_by) by.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn discard(&mut self) -> io::Result<()> {
        let (start, length) = self.pages(&self.writable);
        if length > 0 {
            // SAFETY: The pages are of a private mapping of a file: they have its
            // bytes afterwards, and no references into them exist.
            unsafe { mm::madvise(start, length, Advice::LinuxDontNeed) }?;
        }
        Ok(())
    }

    /// The bytes of the pages that can be written.
    pub(super) fn written_pages(&self) -> &[u8] {
        let (start, length) = self.pages(&self.writable);
        // The last page may go beyond the file's end, but not the mapping's.
        let length = length.min(self.length - (start as usize - self.start.as_ptr() as usize));
        // SAFETY: As for `word`.
        unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) }
    }

    /// Puts a private mapping of `file`, which has the bytes of
    /// [`written_pages`](Self::written_pages), in the place of these pages.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn replace_by(&mut self, file: impl AsFd) -> io::Result<()> {
        let (start, length) = self.pages(&self.writable);
        if length > 0 {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::PRIVATE | MapFlags::FIXED;
            // SAFETY: What is replaced are pages of this mapping, to which no
            // references exist, by the same bytes.
            unsafe { mm::mmap(start, length, access, flags, file, 0) }?;
        }
        Ok(())
    }

    /// Start and bytes of the whole pages around a range.
    fn pages(&self, range: &Range<usize>) -> (*mut core::ffi::c_void, usize) {
        let start = range.start - range.start % page();
        let end = match range.is_empty() {
            true => start,
            false => range.end.next_multiple_of(page()),
        };
        (self.pointer(start).cast(), end - start)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: By the invariant it is a mapping, which nobody else unmaps.
        let _ = unsafe { mm::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
