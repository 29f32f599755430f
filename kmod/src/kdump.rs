//! The mapping of all kernel memory that is backed by RAM. C: `shim/kdump.c`.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::alloc::{Arc, Buffer};
use crate::area::PAGE_SIZE;
use crate::error::{Error, Result};
use crate::ffi::Vma;
use crate::ffi_memory as ffi;
use crate::ram::{Layout, Range};

/// What page faults of such mappings need; dropped when there are none.
pub(crate) struct Kdump(());

impl Kdump {
    /// `ENOMEM`.
    pub(crate) fn start() -> Result<Self> {
        Error::check(ffi::kflat_shim_kdump_init())?;
        Ok(Self(()))
    }
}

impl Drop for Kdump {
    fn drop(&mut self) {
        ffi::kflat_shim_kdump_exit();
    }
}

/// A layout that is mapped, its ranges one after the other.
struct Mapped {
    layout: Layout,
    /// For each range the number of pages before it.
    before: Buffer<u64>,
}

impl Mapped {
    fn new(layout: Layout) -> Result<Self> {
        let mut before = Buffer::new(layout.ranges().len())?;
        let mut pages = 0;
        for (range, before) in layout.ranges().iter().zip(before.iter_mut()) {
            *before = pages;
            pages += pages_of(range);
        }
        Ok(Self { layout, before })
    }

    /// The address of page number `page`.
    fn address(&self, page: u64) -> Option<u64> {
        let index = self
            .before
            .partition_point(|before| *before <= page)
            .checked_sub(1)?;
        let range = self.layout.ranges().get(index)?;
        let within = page.checked_sub(*self.before.get(index)?)?;
        (within < pages_of(range)).then(|| range.start.wrapping_add(within.wrapping_mul(PAGE_SIZE)))
    }
}

fn pages_of(range: &Range) -> u64 {
    range.end.wrapping_sub(range.start) / PAGE_SIZE + 1
}

/// Makes a mapping that is being set up one of the present layout.
///
/// # Safety
/// `vma` is that of an mmap call that is going on, and may not be written.
pub(crate) unsafe fn map(vma: NonNull<Vma>) -> Result {
    let mapped = Arc::new(Mapped::new(Layout::read()?)?)?;
    // SAFETY: The caller's word for `vma`; the count is given back in
    // `kflat_kdump_close`.
    unsafe { ffi::kflat_shim_kdump_map(vma.as_ptr(), mapped.into_raw()) };
    Ok(())
}

/// A mapping was duplicated.
///
/// # Safety
/// Called by `shim/kdump.c` with what it was given in `map`.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_kdump_open(layout: *mut c_void) {
    // SAFETY: The mapping that is duplicated keeps a count.
    unsafe { Arc::<Mapped>::add_owner(layout) };
}

/// A mapping went away.
///
/// # Safety
/// Called by `shim/kdump.c` once for each mapping.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_kdump_close(layout: *mut c_void) {
    // SAFETY: The mapping's count.
    drop(unsafe { Arc::<Mapped>::from_raw(layout) });
}

/// The address of page number `page` of the layout; false: past its end.
///
/// # Safety
/// Called by `shim/kdump.c` in a fault of a mapping.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_kdump_address(
    layout: *mut c_void,
    page: u64,
    address: &mut u64,
) -> bool {
    // SAFETY: The mapping keeps a count.
    let mapped = unsafe { Arc::<Mapped>::borrow_raw(layout) };
    mapped.address(page).map(|found| *address = found).is_some()
}
