//! How a session stands, for those who poll it.

use core::sync::atomic::{AtomicU32, Ordering};

use kflat_abi::control::STATE_IDLE;

use crate::deferral::Waiters;
use crate::error::Result;

/// A state, and who waits for its change.
pub(crate) struct Signal {
    /// One of `STATE_*`.
    state: AtomicU32,
    waiters: Waiters,
}

impl Signal {
    /// Idle. `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            state: AtomicU32::new(STATE_IDLE),
            waiters: Waiters::new()?,
        })
    }

    /// One of `STATE_*`.
    pub(crate) fn state(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    /// Sets the state and wakes all. Sleeps.
    pub(crate) fn set(&self, state: u32) {
        self.state.store(state, Ordering::Release);
        self.waiters.wake();
    }

    /// Those who wait.
    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }
}
