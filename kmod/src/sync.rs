//! Locks. C: `<linux/mutex.h>`.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::ffi;

/// What a mutex protects, for the kernel's lock checker; taken in this order.
/// The numbers of `enum kflat_mutex_class`.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Class {
    /// A session's state: taken for an ioctl's whole time, but for its copies
    /// from and to user space.
    Session = 0,
    /// Which area a session has: also taken by mmap, under the process's lock of
    /// its mappings. Nothing that sleeps for long happens under it.
    Slot = 1,
    /// The loaded recipes.
    Registry = 2,
    /// The processes for which recipes are enabled.
    Claims = 3,
}

/// A lock whose waiters sleep.
pub(crate) struct Mutex<T> {
    // INVARIANT: A `struct mutex`, initialised, ours.
    lock: NonNull<c_void>,
    value: UnsafeCell<T>,
}

// SAFETY: The lock gives one thread at a time access to the value.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// `ENOMEM`.
    pub(crate) fn new(class: Class, value: T) -> Result<Self> {
        let lock = ffi::kflat_shim_mutex_new(class as u32);
        let lock = NonNull::new(lock).ok_or(Error::ENOMEM)?;
        Ok(Self {
            lock,
            value: UnsafeCell::new(value),
        })
    }

    /// Sleeps.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // SAFETY: `lock` is a `struct mutex`.
        unsafe { ffi::kflat_shim_mutex_lock(self.lock.as_ptr()) };
        MutexGuard { mutex: self }
    }
}

impl<T> Drop for Mutex<T> {
    fn drop(&mut self) {
        // SAFETY: `lock` is a `struct mutex` that nobody holds: a guard would
        // borrow `self`.
        unsafe { ffi::kflat_shim_mutex_free(self.lock.as_ptr()) }
    }
}

/// Access to what a [`Mutex`] protects.
#[must_use]
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The lock is held: nobody else has access.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held, and the guard is borrowed mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: `lock` is a `struct mutex` that this thread holds.
        unsafe { ffi::kflat_shim_mutex_unlock(self.mutex.lock.as_ptr()) }
    }
}

/// A lock for any context, a probe's handler included: interrupts are off while
/// it is held, and who can't have it soon goes without. It may have been held
/// by what the handler (or a non-maskable interrupt) interrupted.
pub(crate) struct TryLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: The lock gives one thread at a time access to the value.
unsafe impl<T: Send> Send for TryLock<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for TryLock<T> {}

/// Attempts before going without: some tens of microseconds, more than anybody
/// holds it.
const ATTEMPTS: u32 = 20_000;

impl<T> TryLock<T> {
    /// A free lock.
    pub(crate) const fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// What `f` gives, or `None`: the lock could not be had.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let flags = ffi::kflat_shim_irq_save();
        let mut result = None;
        for _ in 0..ATTEMPTS {
            if !self.taken.swap(true, Ordering::Acquire) {
                // SAFETY: `taken` was false, and is true until we are done:
                // nobody else has access.
                result = Some(f(unsafe { &mut *self.value.get() }));
                self.taken.store(false, Ordering::Release);
                break;
            }
            core::hint::spin_loop();
        }
        // SAFETY: The flags of the matching `kflat_shim_irq_save`.
        unsafe { ffi::kflat_shim_irq_restore(flags) };
        result
    }
}
