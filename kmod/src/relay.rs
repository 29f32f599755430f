//! Data that passes from hand to hand, in any context, without waiting.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

/// A value that passes from hand to hand: each phase has a number, and who takes the
/// value in a phase is its only holder until passing it on in the next one.
pub(crate) struct Relay<T> {
    phase: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: Only the holder has access to the value, one thread at a time.
unsafe impl<T: Send> Send for Relay<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for Relay<T> {}

/// The phase while somebody holds the value.
pub(crate) const HELD: u32 = u32::MAX;

impl<T> Relay<T> {
    /// A value that can be taken in `phase`, which is not [`HELD`].
    pub(crate) const fn new(phase: u32, value: T) -> Self {
        Self {
            phase: AtomicU32::new(phase),
            value: UnsafeCell::new(value),
        }
    }

    /// The phase, or [`HELD`].
    pub(crate) fn phase(&self) -> u32 {
        self.phase.load(Ordering::Acquire)
    }

    /// The value, if the phase is `phase` (not [`HELD`]) and nobody was faster.
    pub(crate) fn take(&self, phase: u32) -> Option<Held<'_, T>> {
        let (order, failed) = (Ordering::Acquire, Ordering::Relaxed);
        let taken = self.phase.compare_exchange(phase, HELD, order, failed);
        taken.is_ok().then_some(Held { relay: self })
    }
}

/// The value of a [`Relay`]. It must be passed on: dropped, it is nobody's.
#[must_use]
pub(crate) struct Held<'a, T> {
    // INVARIANT: The phase is HELD, by us: only `pass` changes it.
    relay: &'a Relay<T>,
}

impl<T> Held<'_, T> {
    /// Lets the next one take the value, in `phase`.
    pub(crate) fn pass(self, phase: u32) {
        self.relay.phase.store(phase, Ordering::Release);
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the invariant nobody else has access.
        unsafe { &*self.relay.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the invariant nobody else has access.
        unsafe { &mut *self.relay.value.get() }
    }
}
