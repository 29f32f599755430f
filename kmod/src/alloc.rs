//! Memory of the kernel's, always fallible, always zeroed, freed on drop.
//! C: `kflat_shim_alloc` (`kvzalloc` of `<linux/slab.h>`) and its kin.

use core::ffi::c_void;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, fence};

use crate::error::{Error, Result};
use crate::{ffi, ffi_memory};

/// A type of which all bytes zero is a value, and that needs no drop.
///
/// # Safety
/// Both must be true.
pub(crate) unsafe trait Zeroed: Copy {}

// SAFETY: An integer.
unsafe impl Zeroed for u8 {}
// SAFETY: An integer.
unsafe impl Zeroed for u64 {}

/// A function that gives so many bytes, zeroed, for `kflat_shim_free` to free.
type Allocate = fn(u64) -> *mut c_void;

/// Memory for `count` values of `T`, zeroed.
fn reserve<T>(count: usize) -> Result<NonNull<T>> {
    reserve_by(|size| ffi::kflat_shim_alloc(size), count)
}

fn reserve_by<T>(allocate: Allocate, count: usize) -> Result<NonNull<T>> {
    // The kernel aligns what it gives to 8 at least.
    const { assert!(align_of::<T>() <= 8) };
    let size = count.checked_mul(size_of::<T>()).ok_or(Error::ENOMEM)?;
    let memory = allocate(size.max(1) as u64);
    NonNull::new(memory.cast()).ok_or(Error::ENOMEM)
}

/// A fixed number of plain values.
pub(crate) struct Buffer<T: Zeroed> {
    // INVARIANT: `count` values that are ours alone.
    memory: NonNull<T>,
    count: usize,
}

// SAFETY: The memory is owned, as a `Box<[T]>` owns its own; `T` is plain data.
unsafe impl<T: Zeroed + Send> Send for Buffer<T> {}
// SAFETY: As above; a shared buffer gives out shared slices only.
unsafe impl<T: Zeroed + Sync> Sync for Buffer<T> {}

impl<T: Zeroed> Buffer<T> {
    /// `count` zeros. `ENOMEM`.
    pub(crate) fn new(count: usize) -> Result<Self> {
        Ok(Self {
            memory: reserve(count)?,
            count,
        })
    }

    /// The same, one object of `kmalloc`.
    pub(crate) fn of_kmalloc(count: usize) -> Result<Self> {
        Ok(Self {
            memory: reserve_by(|size| ffi_memory::kflat_shim_kmalloc(size), count)?,
            count,
        })
    }

    /// The same, one area of `vmalloc`.
    pub(crate) fn of_vmalloc(count: usize) -> Result<Self> {
        Ok(Self {
            memory: reserve_by(|size| ffi_memory::kflat_shim_vmalloc(size), count)?,
            count,
        })
    }

    /// Leaves all but the first `count` out.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }
}

impl<T: Zeroed> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `memory` holds `count` initialised values, and nobody has a
        // mutable reference while `self` is borrowed.
        unsafe { core::slice::from_raw_parts(self.memory.as_ptr(), self.count) }
    }
}

impl<T: Zeroed> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: As in `deref`; `self` is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.memory.as_ptr(), self.count) }
    }
}

impl<T: Zeroed> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: From `reserve`, freed once; `T` needs no drop.
        unsafe { ffi::kflat_shim_free(self.memory.as_ptr().cast()) }
    }
}

/// Values in an order, up to a fixed number of them.
pub(crate) struct Table<T> {
    // INVARIANT: Room for `room` values, of which the first `used` are there.
    memory: NonNull<T>,
    room: usize,
    used: usize,
}

// SAFETY: As `alloc::vec::Vec`.
unsafe impl<T: Send> Send for Table<T> {}
// SAFETY: As `alloc::vec::Vec`.
unsafe impl<T: Sync> Sync for Table<T> {}

impl<T> Table<T> {
    /// None yet. `ENOMEM`.
    pub(crate) fn new(room: usize) -> Result<Self> {
        Ok(Self {
            memory: reserve(room)?,
            room,
            used: 0,
        })
    }

    /// Appends. `ENOSPC`.
    pub(crate) fn push(&mut self, value: T) -> Result {
        if self.used >= self.room {
            return Err(Error::ENOSPC);
        }
        // SAFETY: Below `room`.
        let place = unsafe { self.memory.add(self.used) };
        // SAFETY: There is room for a value, and none is there.
        unsafe { place.write(value) };
        self.used += 1;
        Ok(())
    }

    /// Takes the value at `index` out; later ones move up.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        if index >= self.used {
            return None;
        }
        // SAFETY: Below `used`.
        let place = unsafe { self.memory.add(index) };
        // SAFETY: A value is there; it is overwritten, or no longer counted.
        let value = unsafe { place.read() };
        self.used -= 1;
        // SAFETY: Inside the memory, at most one past its end.
        let next = unsafe { place.add(1) };
        // SAFETY: The values from `next` on are all that were behind.
        unsafe { place.copy_from(next, self.used - index) };
        Some(value)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Drops all, the last one first.
    pub(crate) fn clear(&mut self) {
        while let Some(last) = self.used.checked_sub(1) {
            drop(self.remove(last));
        }
    }

    /// All, in order.
    pub(crate) fn iter(&self) -> core::slice::Iter<'_, T> {
        // SAFETY: That many values are there, and nobody has a mutable
        // reference while `self` is borrowed.
        unsafe { core::slice::from_raw_parts(self.memory.as_ptr(), self.used) }.iter()
    }
}

impl<T> Drop for Table<T> {
    fn drop(&mut self) {
        self.clear();
        // SAFETY: From `reserve`, freed once.
        unsafe { ffi::kflat_shim_free(self.memory.as_ptr().cast()) }
    }
}

/// A value with one owner, as `alloc::boxed::Box`.
pub(crate) struct Own<T> {
    // INVARIANT: A value that is ours alone.
    value: NonNull<T>,
}

impl<T> Own<T> {
    /// `ENOMEM`.
    pub(crate) fn new(value: T) -> Result<Self> {
        let place = reserve(1)?;
        // SAFETY: `place` is memory for one such value, aligned, ours alone.
        unsafe { place.write(value) };
        Ok(Self { value: place })
    }

    /// Gives the value up for a pointer to it.
    pub(crate) fn into_raw(self) -> *mut T {
        let raw = self.value.as_ptr();
        core::mem::forget(self);
        raw
    }

    /// The owner of what `raw` points to; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or from `into_raw`, and is taken back once.
    pub(crate) unsafe fn from_raw(raw: *mut T) -> Option<Self> {
        NonNull::new(raw).map(|value| Self { value })
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        // SAFETY: The value is ours, and dropped once.
        unsafe { self.value.drop_in_place() };
        // SAFETY: From `reserve`, freed once.
        unsafe { ffi::kflat_shim_free(self.value.as_ptr().cast()) }
    }
}

struct Counted<T> {
    count: AtomicU32,
    value: T,
}

/// A value with several owners.
pub(crate) struct Arc<T> {
    // INVARIANT: Alive until the count that `self` has part in is zero.
    counted: NonNull<Counted<T>>,
}

// SAFETY: As `alloc::sync::Arc`.
unsafe impl<T: Send + Sync> Send for Arc<T> {}
// SAFETY: As `alloc::sync::Arc`.
unsafe impl<T: Send + Sync> Sync for Arc<T> {}

impl<T> Arc<T> {
    /// `ENOMEM`.
    pub(crate) fn new(value: T) -> Result<Self> {
        let counted = reserve::<Counted<T>>(1)?;
        let count = AtomicU32::new(1);
        // SAFETY: `counted` is memory for one such value, aligned, ours alone.
        unsafe { counted.as_ptr().write(Counted { count, value }) };
        Ok(Self { counted })
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: By the invariant it is alive while `self` is; it is only ever
        // borrowed shared.
        unsafe { self.counted.as_ref() }
    }

    /// The value's place as an opaque pointer, for [`borrow_raw`](Self::borrow_raw).
    pub(crate) fn as_raw(&self) -> *mut c_void {
        self.counted.as_ptr().cast()
    }

    /// Gives the count to C, as an opaque pointer.
    pub(crate) fn into_raw(self) -> *mut c_void {
        let raw = self.as_raw();
        core::mem::forget(self);
        raw
    }

    /// Adds an owner, for C.
    ///
    /// # Safety
    /// `raw` is from `into_raw` of the same type, and has not been taken back.
    pub(crate) unsafe fn add_owner(raw: *mut c_void) {
        // SAFETY: The caller's; the count of the other owner stays C's.
        let other = core::mem::ManuallyDrop::new(unsafe { Self::from_raw(raw) });
        core::mem::forget(Self::clone(&other));
    }

    /// Takes the count back from C.
    ///
    /// # Safety
    /// `raw` is from `into_raw` of the same type, and is taken back once.
    pub(crate) unsafe fn from_raw(raw: *mut c_void) -> Self {
        // SAFETY: `into_raw` never gives NULL.
        let counted = unsafe { NonNull::new_unchecked(raw.cast()) };
        Self { counted }
    }

    /// What `raw` stands for, without touching the count.
    ///
    /// # Safety
    /// `raw` is from `into_raw` or `as_raw` of the same type, and the value has
    /// an owner while the reference lives.
    pub(crate) unsafe fn borrow_raw<'a>(raw: *mut c_void) -> &'a T {
        let counted: *const Counted<T> = raw.cast();
        // SAFETY: The caller keeps it alive; it is only ever borrowed shared.
        unsafe { &(*counted).value }
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        // As many owners as a u32 has numbers would need 32 GiB of pointers.
        self.counted().count.fetch_add(1, Ordering::Relaxed);
        Self {
            counted: self.counted,
        }
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        if self.counted().count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: That was the last owner; the value is dropped once.
        unsafe { core::ptr::drop_in_place(self.counted.as_ptr()) };
        // SAFETY: From `reserve`, freed once.
        unsafe { ffi::kflat_shim_free(self.counted.as_ptr().cast()) }
    }
}
