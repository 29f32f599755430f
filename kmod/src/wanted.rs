//! Which call is the one: a recipe's condition, and the number of the call that
//! fits.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kflat_abi::control::CaptureStatus;
use kflat_abi::program::code::{ARGUMENT, END, MAX_INSTRUCTIONS};
use kflat_abi::program::{MAX_ARGUMENTS, Program};
use kflat_engine::Inputs;

use crate::clock;
use crate::memory::Uncached;
use crate::probe::Call;
use crate::ready::Ready;
use crate::task;

/// What a call is to its recipe.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// The one to capture.
    Wanted,
    /// The condition does not hold.
    Unfit,
    /// The condition can't be computed.
    Uncomputed,
    /// It fits, but the one that is asked for by number comes later.
    Early,
    /// It fits, but the one that is asked for came before.
    Late,
}

/// What a recipe asks of a call.
pub(crate) struct Wanted {
    conditional: bool,
    /// How many arguments, from the first, the condition speaks of: each takes time.
    arguments: usize,
    /// Which of those that fit, from 1.
    nth: u64,
    /// How many have fitted.
    fitting: AtomicU64,
}

impl Wanted {
    pub(crate) fn by(program: &Program<'_>) -> Self {
        let condition = program.when();
        Self {
            conditional: condition.is_some(),
            arguments: condition.map_or(0, |first| arguments(program, first)),
            nth: program.nth().into(),
            fitting: AtomicU64::new(0),
        }
    }
}

/// Up to which argument the expression at `first` goes; its end is its last
/// instruction.
fn arguments(program: &Program<'_>, first: u32) -> usize {
    let steps = (0..MAX_INSTRUCTIONS).map_while(|step| {
        let step = program.instruction_at(first.wrapping_add(step))?;
        (step.op != END).then_some(step)
    });
    let named = steps.filter(|step| step.op == ARGUMENT);
    named.fold(0, |most, step| most.max(step.value as usize + 1))
}

impl Ready {
    /// Looks at a call, on any number of CPUs at a time, and counts it. Any context.
    pub(crate) fn judge(&self, call: &Call<'_>) -> Verdict {
        let wanted = &self.wanted;
        if wanted.conditional {
            match self.fits(call) {
                Some(true) => {}
                Some(false) => return Verdict::Unfit,
                None => return Verdict::Uncomputed,
            }
        }
        if wanted.nth == 1 {
            return Verdict::Wanted;
        }
        // Each number is given once.
        let number = wanted.fitting.fetch_add(1, Ordering::Relaxed) + 1;
        match number.cmp(&wanted.nth) {
            core::cmp::Ordering::Less => Verdict::Early,
            core::cmp::Ordering::Equal => Verdict::Wanted,
            core::cmp::Ordering::Greater => Verdict::Late,
        }
    }

    // Not inlined: its stack is free again when the copying begins.
    #[inline(never)]
    fn fits(&self, call: &Call<'_>) -> Option<bool> {
        let mut arguments = [0; MAX_ARGUMENTS];
        let needed = arguments.iter_mut().take(self.wanted.arguments);
        for (position, argument) in (0..).zip(needed) {
            *argument = call.argument(position).unwrap_or(0);
        }
        let inputs = Inputs {
            arguments: &arguments,
            returned: call.returned(),
            current: task::current_address(),
            globals: &self.globals,
            cpu: clock::cpu(),
            per_cpu: &self.per_cpu,
        };
        let verified = self.verified()?;
        let mut memory = Uncached::new(verified.program().slabs());
        kflat_engine::fits(&verified, &inputs, &mut memory)
    }
}

/// How many calls were passed over.
pub(crate) struct Tally {
    unfit: AtomicU64,
    /// Of these.
    uncomputed: AtomicU32,
    early: AtomicU64,
}

impl Tally {
    pub(crate) const fn new() -> Self {
        Self {
            unfit: AtomicU64::new(0),
            uncomputed: AtomicU32::new(0),
            early: AtomicU64::new(0),
        }
    }

    pub(crate) fn unfit(&self) {
        self.unfit.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn uncomputed(&self) {
        self.unfit();
        let more = |count: u32| count.checked_add(1);
        // At its most it stays.
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.uncomputed.fetch_update(set, get, more);
    }

    pub(crate) fn early(&self) {
        self.early.fetch_add(1, Ordering::Relaxed);
    }

    /// Fills in what a client asks for.
    pub(crate) fn fill(&self, status: &mut CaptureStatus) {
        status.unfit = self.unfit.load(Ordering::Relaxed);
        status.uncomputed = self.uncomputed.load(Ordering::Relaxed);
        status.early = self.early.load(Ordering::Relaxed);
    }
}
