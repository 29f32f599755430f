//! One capture: from the enabled recipe to the image in the area.
//!
//! Its data goes from hand to hand: whoever takes it armed is the one that
//! captures. It copies at once (the engine's phase 1, in any context), and leaves
//! writing the image (phase 2) to a context that may sleep.

use core::sync::atomic::{AtomicU64, Ordering};

use kflat_abi::control::{STATE_ARMED, STATE_CAPTURING, STATE_FAILED, STATE_IDLE, STATE_READY};
use kflat_abi::extension::{self as abi, ARCHITECTURE_X86_64, Hit};
use kflat_abi::program::{MAX_ARGUMENTS, MAX_ROOTS};
use kflat_abi::record::Record;
use kflat_engine::{Clock, Inputs, Quiet, Report, required_words};

use crate::alloc::Arc;
use crate::area::{Area, AreaPages, Pages, WorkPages};
use crate::claims::Claim;
use crate::clock::{self, Monotonic};
use crate::debug_log::Owner;
use crate::error::Result;
use crate::kernel_log;
use crate::memory::KernelMemory;
use crate::module::module;
use crate::outcome::Outcome;
use crate::processor::ThisProcessor;
use crate::ready::Ready;
use crate::relay::{Held, Relay};
use crate::self_test::CaptureClock;
use crate::signal::Signal;
use crate::symbols::KernelSymbols;
use crate::task;
use crate::text::Line;
use crate::trace::{self, LogTrace};
use crate::wanted::Tally;

/// Waiting for the hit.
const ARMED: u32 = 0;
/// Hit; on the way to a context that may sleep.
const ON_ITS_WAY: u32 = 1;
/// Copied, or prevented from it: the end is to be written.
const COPIED: u32 = 2;
/// All done.
const DONE: u32 = 3;
/// Disarmed before it was hit.
const DISARMED: u32 = 4;

/// What the capture works with; all of it is there before the hit.
struct Data {
    /// The engine's working memory.
    work: WorkPages,
    /// The engine's.
    state: kflat_engine::State,
    /// Where the image is made; `None`: it is done, and others may use it.
    target: Option<Target>,
    memory: KernelMemory,
    /// The recipe that was hit.
    ready: Option<Arc<Ready>>,
    hit: Hit,
    arguments: [u64; MAX_ARGUMENTS],
    /// What the function returned; 0 if it has not.
    returned: u64,
    /// Address of the task's `task_struct`.
    current: u64,
    /// Room for a line of the debug log: it would be much of the stack.
    line: Line,
    /// When the hit was.
    started_ns: u64,
    /// One of `REASON_*`: why there was no copying; 0: there was.
    prevented: u32,
    outcome: Outcome,
}

/// Where an image is made.
enum Target {
    /// In the area.
    Area(AreaPages),
    /// Somewhere else, to be thrown away.
    Nowhere(Pages),
}

impl Target {
    /// `EBUSY`: another capture has the area. `ENOMEM`.
    fn new(area: &Arc<Area>, discard: bool) -> Result<Self> {
        if discard {
            Pages::scratch(area.size()).map(Self::Nowhere)
        } else {
            AreaPages::borrow(area.clone()).map(Self::Area)
        }
    }

    fn words(&mut self) -> &mut [u64] {
        match self {
            Self::Area(pages) => pages,
            Self::Nowhere(pages) => pages,
        }
    }
}

/// What is asked of a capture, beside its recipe.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// `MODE_*` bits of [`abi`].
    pub(crate) mode: u32,
    /// Who writes to the debug log; `None`: nobody.
    pub(crate) owner: Option<Owner>,
    /// Leave the area as it is.
    pub(crate) discard: bool,
}

impl Options {
    /// Whether a bit of the mode is set.
    pub(crate) fn is(&self, mode: u32) -> bool {
        self.mode & mode != 0
    }
}

/// A capture, from enabling the first of its recipes on.
pub(crate) struct Capture {
    /// `None`: for any process.
    claim: Option<Claim>,
    signal: Arc<Signal>,
    pub(crate) options: Options,
    data: Relay<Data>,
    /// Hits by others than the process it is for, or too late.
    missed: AtomicU64,
    /// Hits by the process that were not the one to capture.
    pub(crate) passed_over: Tally,
}

impl Capture {
    /// Sets everything aside that the hit will need. `ENOMEM`.
    pub(crate) fn prepare(
        claim: Option<Claim>,
        area: &Arc<Area>,
        signal: Arc<Signal>,
        options: Options,
    ) -> Result<Arc<Self>> {
        let data = Data {
            work: WorkPages::new(area.clone(), work_size(area.size()))?,
            state: kflat_engine::State::new(),
            target: Some(Target::new(area, options.discard)?),
            memory: KernelMemory::new(),
            ready: None,
            hit: Hit {
                architecture: ARCHITECTURE_X86_64,
                mode: options.mode,
                ..Hit::ZERO
            },
            arguments: [0; MAX_ARGUMENTS],
            returned: 0,
            current: 0,
            line: Line::new(),
            started_ns: 0,
            prevented: 0,
            outcome: Outcome::default(),
        };
        signal.set(STATE_ARMED);
        Arc::new(Self {
            claim,
            signal,
            options,
            data: Relay::new(ARMED, data),
            missed: AtomicU64::new(0),
            passed_over: Tally::new(),
        })
    }

    /// Whether it is for the process that makes the current call. Any context.
    pub(crate) fn is_for_current(&self) -> bool {
        self.claim.as_ref().is_none_or(Claim::is_current)
    }

    /// The hit of `ready`, for the first one; `fill` adds registers and
    /// arguments. Any context.
    #[inline]
    pub(crate) fn enter(
        &self,
        ready: &Arc<Ready>,
        fill: impl FnOnce(&mut Hit, &mut [u64; MAX_ARGUMENTS], &mut u64),
    ) -> Option<Entered<'_>> {
        let Some(mut held) = self.data.take(ARMED) else {
            self.miss();
            return None;
        };
        let data = &mut *held;
        data.ready = Some(ready.clone());
        data.started_ns = Monotonic.now_ns();
        data.current = task::current_address();
        (data.hit.boot_ns, data.hit.wall_ns) = clock::stamp();
        (data.hit.pid, data.hit.tid, data.hit.comm) = task::current_ids();
        data.hit.cpu = clock::cpu();
        fill(&mut data.hit, &mut data.arguments, &mut data.returned);
        Some(Entered {
            capture: self,
            data: held,
        })
    }

    /// The hit that was [left](Entered::leave).
    pub(crate) fn resume(&self) -> Option<Entered<'_>> {
        let data = self.data.take(ON_ITS_WAY)?;
        Some(Entered {
            capture: self,
            data,
        })
    }

    /// Counts a hit that was not for it.
    pub(crate) fn miss(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// Later hits capture nothing.
    pub(crate) fn disarm(&self) {
        if let Some(mut data) = self.data.take(ARMED) {
            data.target = None;
            data.pass(DISARMED);
            self.signal.set(STATE_IDLE);
        }
    }

    /// Writes the image of what was copied, and wakes who waits for it. Sleeps.
    pub(crate) fn write(&self) {
        let Some(mut data) = self.data.take(COPIED) else {
            return;
        };
        let started = Monotonic.now_ns();
        let report = write_image(&mut data);
        data.target = None;
        data.outcome = Outcome {
            report,
            recipe: data.ready.as_ref().map_or(0, |ready| ready.index),
            capture_ns: data.hit.capture_ns,
            write_ns: Monotonic.now_ns().saturating_sub(started),
            pause_ns: data.hit.pause_ns,
        };
        self.log_end(&data);
        let state = match (report.total_size, self.options.discard) {
            (0, _) => STATE_FAILED,
            (_, true) => STATE_IDLE,
            _ => STATE_READY,
        };
        data.pass(DONE);
        self.signal.set(state);
    }

    fn log_end(&self, data: &Data) {
        let mut line = Line::new();
        let name = data.ready.as_ref().map_or("", |ready| ready.name());
        trace::summary(&mut line, name, &data.outcome);
        if data.outcome.report.reason == abi::REASON_ATOMIC_CONTEXT {
            kernel_log::write(kernel_log::WARNING, &line);
        }
        if let Some(owner) = self.options.owner {
            module().log.write(owner, line.end());
        }
    }

    /// How it ended; `None`: it has not.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let data = self.data.take(DONE)?;
        let outcome = data.outcome;
        data.pass(DONE);
        Some(outcome)
    }

    /// One of `STATE_*`; the capture has not ended.
    pub(crate) fn state(&self) -> u32 {
        match self.data.phase() {
            ARMED => STATE_ARMED,
            DISARMED => STATE_IDLE,
            _ => STATE_CAPTURING,
        }
    }

    /// Whether the hit is still to come. Any context.
    pub(crate) fn is_armed(&self) -> bool {
        self.data.phase() == ARMED
    }

    /// How many hits were not for it.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

fn write_image(data: &mut Data) -> Report {
    let failed = |reason| Report {
        reason,
        ..Report::default()
    };
    if data.prevented != 0 {
        return failed(data.prevented);
    }
    let Data {
        work,
        state,
        target,
        hit,
        ready,
        ..
    } = data;
    let Some(verified) = ready.as_ref().and_then(|ready| ready.verified()) else {
        return Report::default();
    };
    match target {
        Some(target) => {
            let symbols = &mut KernelSymbols;
            let regions = (&mut **work, target.words(), state);
            kflat_engine::write(&verified, regions, hit, symbols, &ThisProcessor)
        }
        None => Report::default(),
    }
}

/// The hit of a capture.
#[must_use]
pub(crate) struct Entered<'c> {
    capture: &'c Capture,
    data: Held<'c, Data>,
}

impl Entered<'_> {
    /// Copies what the recipe leads to. Any context; at most 2 KiB of stack,
    /// which `check_object.py` checks.
    // Into its callers: a frame less.
    #[inline(always)]
    pub(crate) fn copy(&mut self) {
        let data = &mut *self.data;
        let done = match self.capture.options.owner {
            None => copy_quietly(data),
            Some(owner) => copy_and_log(data, owner),
        };
        if done.is_none() {
            data.prevented = abi::REASON_NO_MEMORY;
        }
        data.hit.capture_ns = Monotonic.now_ns().saturating_sub(data.started_ns);
    }

    /// Notes for how long the other CPUs were halted.
    pub(crate) fn paused(&mut self, nanoseconds: u64) {
        self.data.hit.pause_ns = nanoseconds;
    }

    /// Leaves the hit for [`Capture::resume`].
    pub(crate) fn leave(self) {
        self.data.pass(ON_ITS_WAY);
    }

    /// There will be no image, because of `reason`.
    pub(crate) fn prevent(mut self, reason: u32) {
        self.data.prevented = reason;
        self.finish();
    }

    /// The rest is for [`Capture::write`].
    pub(crate) fn finish(self) {
        self.data.pass(COPIED);
    }
}

/// What the program of `ready` begins with.
fn inputs<'d>(
    ready: &'d Ready,
    arguments: &'d [u64],
    returned: u64,
    current: u64,
    cpu: u32,
) -> Inputs<'d> {
    Inputs {
        arguments,
        returned,
        current,
        globals: &ready.globals,
        cpu,
        per_cpu: &ready.per_cpu,
    }
}

// Not inlined: two engines in one function would take the stack of both.
#[inline(never)]
fn copy_quietly(data: &mut Data) -> Option<()> {
    let ready = data.ready.as_deref()?;
    let inputs = inputs(
        ready,
        &data.arguments,
        data.returned,
        data.current,
        data.hit.cpu,
    );
    let area = data.target.as_mut()?.words();
    let regions = (&mut *data.work, area, &mut data.state);
    let verified = ready.verified()?;
    let memory = &mut data.memory;
    memory.know(verified.program().slabs());
    let clock = CaptureClock::of(data.hit.mode);
    kflat_engine::capture(&verified, regions, &inputs, memory, &clock, &mut Quiet)?;
    Some(())
}

#[inline(never)]
fn copy_and_log(data: &mut Data, owner: Owner) -> Option<()> {
    let ready = data.ready.as_deref()?;
    let inputs = inputs(
        ready,
        &data.arguments,
        data.returned,
        data.current,
        data.hit.cpu,
    );
    let area = data.target.as_mut()?.words();
    let regions = (&mut *data.work, area, &mut data.state);
    let verified = ready.verified()?;
    let mut trace = LogTrace {
        log: &module().log,
        owner,
        program: verified.program(),
        line: &mut data.line,
    };
    let memory = &mut data.memory;
    memory.know(verified.program().slabs());
    let clock = CaptureClock::of(data.hit.mode);
    kflat_engine::capture(&verified, regions, &inputs, memory, &clock, &mut trace)?;
    Some(())
}

/// Bytes of working memory: what leads to an image of `area` bytes takes about
/// as many; a quarter more leaves room for a table of visited objects.
fn work_size(area: u64) -> u64 {
    let least = required_words(MAX_ROOTS) as u64 * 8;
    area.saturating_add(area / 4).saturating_add(least)
}
