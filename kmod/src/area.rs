//! Memory in whole pages, and the area that a client maps. C: `shim/area.c`,
//! `<linux/vmalloc.h>`.

use core::ffi::c_void;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use kflat_abi::image::Header;
use kflat_abi::record::Record;

use crate::alloc::Arc;
use crate::error::{Error, Result};
use crate::ffi;
use crate::sync::TryLock;

/// Of all kernels that this module runs on, the architecture's smallest page.
pub(crate) const PAGE_SIZE: u64 = 4096;

const HEADER_WORDS: usize = <Header as Record>::SIZE / 8;

/// Words that the memory of a machine can spare; whole pages.
pub(crate) struct Pages {
    // INVARIANT: `words` words of vmalloc memory that are ours alone.
    memory: NonNull<u64>,
    words: usize,
}

// SAFETY: The memory is owned, as a `Box<[u64]>` owns its own.
unsafe impl Send for Pages {}
// SAFETY: As above; a shared one gives out shared slices only.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least `size` bytes, zeroed. `ENOMEM`, and no process is killed for it.
    pub(crate) fn zeroed(size: u64) -> Result<Self> {
        Self::new(size, true)
    }

    /// As [`zeroed`](Self::zeroed), with whatever is in the memory: never to be
    /// shown to a client.
    pub(crate) fn scratch(size: u64) -> Result<Self> {
        Self::new(size, false)
    }

    fn new(size: u64, zeroed: bool) -> Result<Self> {
        let size = size.checked_next_multiple_of(PAGE_SIZE);
        let size = size.ok_or(Error::ENOMEM)?;
        let memory = ffi::kflat_shim_area_alloc(size, zeroed).cast();
        let words = usize::try_from(size / 8).map_err(|_| Error::ENOMEM)?;
        let memory = NonNull::new(memory).ok_or(Error::ENOMEM)?;
        Ok(Self { memory, words })
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.words as u64 * 8
    }
}

impl Deref for Pages {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        // SAFETY: `memory` holds `words` initialised words, and nobody has a
        // mutable reference while `self` is borrowed.
        unsafe { core::slice::from_raw_parts(self.memory.as_ptr(), self.words) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: As in `deref`; `self` is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.memory.as_ptr(), self.words) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: From `kflat_shim_area_alloc`, freed once. Pages that a process
        // still maps stay until it does not.
        unsafe { ffi::kflat_shim_area_free(self.memory.as_ptr().cast()) }
    }
}

/// Where a session's images are made. Processes map it to read it; nobody but the
/// one capture that has borrowed it writes it.
pub(crate) struct Area {
    // INVARIANT: Its words are touched by the one `AreaPages` alone, if there is one.
    pages: Pages,
    lent: AtomicBool,
    /// Working memory of the latest capture, kept for the next one.
    spare: TryLock<Option<Pages>>,
}

impl Area {
    /// `ENOMEM`.
    pub(crate) fn new(size: u64) -> Result<Self> {
        Ok(Self {
            pages: Pages::zeroed(size)?,
            lent: AtomicBool::new(false),
            spare: TryLock::new(None),
        })
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.pages.size()
    }
}

/// The words of an area, for one capture: it may write them in any context.
pub(crate) struct AreaPages {
    // INVARIANT: The only one of this area: `lent` was false before it.
    area: Arc<Area>,
}

impl AreaPages {
    /// With the header of an earlier image cleared. `EBUSY`: another capture has
    /// them.
    pub(crate) fn borrow(area: Arc<Area>) -> Result<Self> {
        if area.lent.swap(true, Ordering::Acquire) {
            return Err(Error::EBUSY);
        }
        let mut pages = Self { area };
        for word in pages.iter_mut().take(HEADER_WORDS) {
            *word = 0;
        }
        Ok(pages)
    }
}

impl Deref for AreaPages {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.area.pages
    }
}

impl DerefMut for AreaPages {
    fn deref_mut(&mut self) -> &mut [u64] {
        let Pages { memory, words } = self.area.pages;
        // SAFETY: `memory` holds `words` initialised words, which are ours alone as
        // long as `self` lives; `self` is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(memory.as_ptr(), words) }
    }
}

impl Drop for AreaPages {
    fn drop(&mut self) {
        self.area.lent.store(false, Ordering::Release);
    }
}

/// Working memory of a capture to an area, which keeps it for the next one: what
/// a capture costs does not depend on the area's size.
pub(crate) struct WorkPages {
    area: Arc<Area>,
    /// `None` while it is dropped only.
    pages: Option<Pages>,
}

impl WorkPages {
    /// At least `size` bytes, with whatever is in them. `ENOMEM`.
    pub(crate) fn new(area: Arc<Area>, size: u64) -> Result<Self> {
        let spare = area.spare.with(Option::take).flatten();
        let pages = match spare.filter(|pages| pages.size() >= size) {
            Some(pages) => pages,
            None => Pages::scratch(size)?,
        };
        let pages = Some(pages);
        Ok(Self { area, pages })
    }
}

impl Deref for WorkPages {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        self.pages.as_deref().unwrap_or(&[])
    }
}

impl DerefMut for WorkPages {
    fn deref_mut(&mut self) -> &mut [u64] {
        self.pages.as_deref_mut().unwrap_or(&mut [])
    }
}

impl Drop for WorkPages {
    fn drop(&mut self) {
        // What was there before, if any, is freed outside of the lock.
        let pages = self.pages.take();
        let _ = self
            .area
            .spare
            .with(|spare| core::mem::replace(spare, pages));
    }
}

/// Makes a mapping that is being set up one of `area`.
///
/// # Safety
/// `vma` is that of an mmap call that is going on, and may not be written.
pub(crate) unsafe fn map(area: &Arc<Area>, vma: NonNull<ffi::Vma>) -> Result {
    let raw = area.clone().into_raw();
    // SAFETY: The caller's word for `vma`; `raw` is a count that it takes over.
    let mapped = Error::check(unsafe { ffi::kflat_shim_area_map(vma.as_ptr(), raw) });
    if mapped.is_err() {
        // SAFETY: From `into_raw` above, and nobody took it over.
        drop(unsafe { Arc::<Area>::from_raw(raw) });
    }
    mapped
}

/// The last mapping of the area went away.
///
/// # Safety
/// Called by `shim/area.c` once for each count that it took over.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_area_release(area: *mut c_void) {
    // SAFETY: A count that `kflat_shim_area_map` took over in `map`.
    drop(unsafe { Arc::<Area>::from_raw(area) });
}

/// The memory of page number `page`; NULL: past the area's end.
///
/// # Safety
/// Called by `shim/area.c` with a count that it has taken over.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_area_page(area: *mut c_void, page: u64) -> *mut c_void {
    // SAFETY: The mapping's count keeps it alive during the fault.
    let area = unsafe { Arc::<Area>::borrow_raw(area) };
    let offset = page
        .checked_mul(PAGE_SIZE)
        .filter(|at| *at < area.pages.size());
    match offset {
        Some(offset) => area
            .pages
            .memory
            .as_ptr()
            .wrapping_byte_add(offset as usize)
            .cast(),
        None => core::ptr::null_mut(),
    }
}
