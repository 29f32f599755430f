//! One capture: from the enabled recipe to the image in the area.
//!
//! Its data goes from hand to hand: whoever takes it armed is the one that
//! captures. It copies at once (the engine's phase 1, in any context), and leaves
//! writing the image (phase 2) to a context that may sleep.

use core::sync::atomic::{AtomicU64, Ordering};

use kflat_abi::control::{STATE_ARMED, STATE_CAPTURING, STATE_FAILED, STATE_IDLE, STATE_READY};
use kflat_abi::extension::{self as abi, ARCHITECTURE_X86_64, Hit};
use kflat_abi::program::MAX_ARGUMENTS;
use kflat_abi::record::Record;
use kflat_engine::{Clock, Inputs, Quiet, Report, Verified, required_words};

use crate::alloc::{Arc, Buffer};
use crate::area::{Area, Pages};
use crate::clock::{self, Monotonic};
use crate::debug_log::Owner;
use crate::error::{Error, Result};
use crate::kernel_log;
use crate::memory::KernelMemory;
use crate::module::module;
use crate::outcome::Outcome;
use crate::registry::EnabledRecipe;
use crate::relay::{Held, Relay};
use crate::signal::Signal;
use crate::symbols::KernelSymbols;
use crate::task;
use crate::text::Line;
use crate::trace::{self, LogTrace};

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
    work: Pages,
    memory: KernelMemory,
    /// Addresses of the program's globals, by index.
    globals: Buffer<u64>,
    hit: Hit,
    arguments: [u64; MAX_ARGUMENTS],
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

impl Data {
    fn parts(&mut self) -> (Inputs<'_>, &mut [u64], &mut KernelMemory, &mut Line) {
        let inputs = Inputs {
            arguments: &self.arguments,
            current: self.current,
            globals: &self.globals,
        };
        (inputs, &mut self.work, &mut self.memory, &mut self.line)
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

/// A capture, from enabling its recipe on.
pub(crate) struct Capture {
    recipe: EnabledRecipe,
    area: Arc<Area>,
    signal: Arc<Signal>,
    pub(crate) options: Options,
    data: Relay<Data>,
    /// Hits by others than the process it is for, or too late.
    missed: AtomicU64,
}

impl Capture {
    /// Sets everything aside that the hit will need. `ENOMEM`.
    pub(crate) fn prepare(
        recipe: EnabledRecipe,
        area: Arc<Area>,
        signal: Arc<Signal>,
        options: Options,
    ) -> Result<Arc<Self>> {
        let verified = recipe.verified().ok_or(Error::EINVAL)?;
        let data = Data {
            work: Pages::new(work_size(&verified, area.size()))?,
            memory: KernelMemory::new(),
            globals: resolve_globals(&verified)?,
            hit: Hit {
                architecture: ARCHITECTURE_X86_64,
                mode: options.mode,
                ..Hit::ZERO
            },
            arguments: [0; MAX_ARGUMENTS],
            current: 0,
            line: Line::new(),
            started_ns: 0,
            prevented: 0,
            outcome: Outcome::default(),
        };
        area.begin();
        signal.set(STATE_ARMED);
        Arc::new(Self {
            recipe,
            area,
            signal,
            options,
            data: Relay::new(ARMED, data),
            missed: AtomicU64::new(0),
        })
    }

    /// The function that it waits for.
    pub(crate) fn name(&self) -> &str {
        self.recipe.name()
    }

    /// The hit, for the first one; `fill` adds registers and arguments. Any
    /// context.
    #[inline]
    pub(crate) fn enter(
        &self,
        fill: impl FnOnce(&mut Hit, &mut [u64; MAX_ARGUMENTS]),
    ) -> Option<Entered<'_>> {
        let Some(mut held) = self.data.take(ARMED) else {
            self.miss();
            return None;
        };
        let data = &mut *held;
        data.started_ns = Monotonic.now_ns();
        data.current = task::current_address();
        (data.hit.boot_ns, data.hit.wall_ns) = clock::stamp();
        (data.hit.pid, data.hit.tid, data.hit.comm) = task::current_ids();
        data.hit.cpu = clock::cpu();
        fill(&mut data.hit, &mut data.arguments);
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
        if let Some(data) = self.data.take(ARMED) {
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
        let report = self.write_image(&mut data);
        data.outcome = Outcome {
            report,
            capture_ns: data.hit.capture_ns,
            write_ns: Monotonic.now_ns().saturating_sub(started),
            pause_ns: data.hit.pause_ns,
        };
        self.log_end(&data.outcome);
        let state = match (report.total_size, self.options.discard) {
            (0, _) => STATE_FAILED,
            (_, true) => STATE_IDLE,
            _ => STATE_READY,
        };
        data.pass(DONE);
        self.signal.set(state);
    }

    fn write_image(&self, data: &mut Data) -> Report {
        let failed = |reason| Report {
            reason,
            ..Report::default()
        };
        if data.prevented != 0 {
            return failed(data.prevented);
        }
        let Some(verified) = self.recipe.verified() else {
            return Report::default();
        };
        let Data { work, hit, .. } = data;
        let mut write = |words: &mut [u64]| {
            kflat_engine::write(&verified, work, words, hit, &mut KernelSymbols)
        };
        if !self.options.discard {
            return self.area.write(write);
        }
        match Pages::new(self.area.size()) {
            Ok(mut scratch) => write(&mut scratch),
            Err(_) => failed(abi::REASON_NO_MEMORY),
        }
    }

    fn log_end(&self, outcome: &Outcome) {
        let mut line = Line::new();
        trace::summary(&mut line, self.recipe.name(), outcome);
        if outcome.report.reason == abi::REASON_ATOMIC_CONTEXT {
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

    /// How many hits were not for it.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
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
    #[inline(never)]
    pub(crate) fn copy(&mut self) {
        let recipe = &self.capture.recipe;
        let data = &mut *self.data;
        let done = match self.capture.options.owner {
            None => copy_quietly(recipe, data),
            Some(owner) => copy_and_log(recipe, data, owner),
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

// Not inlined: two engines in one function would take the stack of both.
#[inline(never)]
fn copy_quietly(recipe: &EnabledRecipe, data: &mut Data) -> Option<()> {
    let verified = recipe.verified()?;
    let (inputs, work, memory, _) = data.parts();
    kflat_engine::capture(&verified, work, &inputs, memory, &Monotonic, &mut Quiet)?;
    Some(())
}

#[inline(never)]
fn copy_and_log(recipe: &EnabledRecipe, data: &mut Data, owner: Owner) -> Option<()> {
    let verified = recipe.verified()?;
    let (inputs, work, memory, line) = data.parts();
    let mut trace = LogTrace {
        log: &module().log,
        owner,
        program: verified.program(),
        line,
    };
    kflat_engine::capture(&verified, work, &inputs, memory, &Monotonic, &mut trace)?;
    Some(())
}

/// Bytes of working memory: what leads to an image of `area` bytes takes about
/// as many; a quarter more leaves room for a table of visited objects.
fn work_size(program: &Verified<'_>, area: u64) -> u64 {
    let (_, _, roots) = program.program().counts();
    let least = required_words(roots) as u64 * 8;
    area.saturating_add(area / 4).saturating_add(least)
}

/// Addresses of the program's globals; 0: there is no such symbol.
fn resolve_globals(verified: &Verified<'_>) -> Result<Buffer<u64>> {
    let program = verified.program();
    let count = program.header().globals.count;
    let mut globals = Buffer::new(count as usize)?;
    for (index, global) in (0..count).zip(globals.iter_mut()) {
        let symbol = program.global_at(index);
        *global = symbol.and_then(KernelSymbols::resolve).unwrap_or(0);
    }
    Ok(globals)
}
