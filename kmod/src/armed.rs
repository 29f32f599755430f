//! A capture that waits for its probe: whom it is for, and in which context it
//! copies.

use core::sync::atomic::{AtomicU64, Ordering};

use kflat_abi::extension::{MODE_SKIP_BODY, MODE_STOP_MACHINE, REASON_ATOMIC_CONTEXT};

use crate::alloc::Arc;
use crate::capture::{Capture, Entered};
use crate::deferral::Deferral;
use crate::error::Result;
use crate::probe::{Call, Decision, Handler};
use crate::ready::Ready;
use crate::stop_machine;
use crate::task;
use crate::wanted::Verdict;

/// What the probe's handler knows.
pub(crate) struct Armed {
    /// Flushed when this is dropped: before the capture.
    deferral: Deferral,
    capture: Arc<Capture>,
    ready: Arc<Ready>,
    /// The task that goes on from the trampoline: it hits the probe once more. 0: none.
    going_on: AtomicU64,
}

impl Armed {
    /// `ENOMEM`.
    pub(crate) fn new(capture: Arc<Capture>, ready: Arc<Ready>) -> Result<Self> {
        Ok(Self {
            deferral: Deferral::new(capture.clone())?,
            capture,
            ready,
            going_on: AtomicU64::new(0),
        })
    }

    fn after_copy(&self) -> Decision {
        if self.capture.options.is(MODE_SKIP_BODY) {
            Decision::SkipBody
        } else {
            Decision::RunOn
        }
    }

    /// Whether the call was dealt with outside, and runs on now.
    fn goes_on(&self) -> bool {
        let task = self.going_on.load(Ordering::Relaxed);
        if task == 0 || task != task::current_address() {
            return false;
        }
        self.going_on.store(0, Ordering::Relaxed);
        true
    }

    /// Whether the call is the one; if not, it is counted as what it is. Nothing is
    /// held meanwhile, so that calls on other CPUs can be looked at and the capture
    /// disarmed.
    fn is_wanted(&self, call: &Call<'_>) -> bool {
        let capture = &self.capture;
        if !capture.is_armed() {
            capture.miss();
            return false;
        }
        match self.ready.judge(call) {
            Verdict::Wanted => return true,
            Verdict::Unfit => capture.passed_over.unfit(),
            Verdict::Uncomputed => capture.passed_over.uncomputed(),
            Verdict::Early => capture.passed_over.early(),
            Verdict::Late => capture.miss(),
        }
        false
    }

    /// Begins the capture, if the call is the one. Not inlined: what it takes of the stack
    /// is free again for the copying.
    #[inline(never)]
    fn enter(&self, call: &Call<'_>) -> Option<Entered<'_>> {
        if self.goes_on() {
            return None;
        }
        if !self.capture.is_for_current() {
            self.capture.miss();
            return None;
        }
        if !self.is_wanted(call) {
            return None;
        }
        self.capture.enter(&self.ready, |hit, arguments, returned| {
            *returned = call.returned();
            hit.register_count = call.registers(&mut hit.registers);
            hit.probe = call.address();
            for (position, argument) in (0..).zip(arguments) {
                *argument = call.argument(position).unwrap_or(0);
            }
        })
    }

    fn halted(&self, entered: &mut Entered<'_>) -> Result {
        let pause = stop_machine::run(&mut || entered.copy())?;
        entered.paused(pause);
        Ok(())
    }
}

impl Handler for Armed {
    fn wants_return(&self) -> bool {
        self.capture.is_for_current() && self.capture.is_armed()
    }

    fn hit(&self, call: &Call<'_>) -> Decision {
        let Some(mut entered) = self.enter(call) else {
            return Decision::RunOn;
        };
        if self.capture.options.is(MODE_STOP_MACHINE) {
            entered.leave();
            return Decision::ViaTrampoline;
        }
        entered.copy();
        entered.finish();
        self.deferral.queue();
        self.after_copy()
    }

    fn outside(&self, atomic: bool) -> Decision {
        let Some(mut entered) = self.capture.resume() else {
            return Decision::RunOn;
        };
        let halted = !atomic && self.halted(&mut entered).is_ok();
        if halted {
            entered.finish();
        } else {
            entered.prevent(REASON_ATOMIC_CONTEXT);
        }
        self.deferral.queue();
        let decision = if halted {
            self.after_copy()
        } else {
            Decision::RunOn
        };
        if matches!(decision, Decision::RunOn) {
            self.going_on
                .store(task::current_address(), Ordering::Relaxed);
        }
        decision
    }
}
