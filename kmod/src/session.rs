//! A session: one open file, with at most one area and one enabled recipe.

use core::sync::atomic::{AtomicBool, Ordering};

use kflat_abi::control::{CaptureStatus, MAX_ENABLED, STATE_FAILED, STATE_IDLE, STATE_READY};
use kflat_abi::extension::{MODE_RUN_NOW, MODE_SKIP_BODY, MODE_STOP_MACHINE, MODE_TEST};
use kflat_abi::uapi::{Disable, Enable, Tests};
use kflat_self_tests::SelfTest;

use crate::alloc::{Arc, Table};
use crate::area::Area;
use crate::armed::Armed;
use crate::capture::{Capture, Options};
use crate::claims::Claim;
use crate::error::{Error, Result};
use crate::module::module;
use crate::outcome::Outcome;
use crate::probe::Probe;
use crate::ready::Ready;
use crate::registry::EnabledRecipe;
use crate::self_test::{self, Scene};
use crate::signal::Signal;
use crate::stop_machine;
use crate::sync::{Class, Mutex};
use crate::task::{self, Task};
use crate::user::UserAddress;

/// An open file.
pub(crate) struct Session {
    state: Mutex<State>,
    /// Apart from `state`: mmap can't wait for a capture.
    slot: Mutex<Option<Arc<Area>>>,
    has_area: AtomicBool,
    signal: Arc<Signal>,
}

struct State {
    enabled: Option<Enabled>,
    /// How the latest capture ended.
    last: CaptureStatus,
}

/// Enabled recipes. Fields are dropped in this order: when the probes are gone,
/// no capture is in flight any more.
struct Enabled {
    /// Empty: the recipe was run at once.
    probes: Table<Probe>,
    capture: Arc<Capture>,
}

impl Enabled {
    fn missed(&self) -> u64 {
        self.capture.missed().saturating_add(self.unseen())
    }

    /// What only the probes know of.
    fn unseen(&self) -> u64 {
        let unseen = self.probes.iter().map(Probe::missed);
        unseen.fold(0, u64::saturating_add)
    }

    /// Puts a probe where `ready` waits.
    fn probe(&mut self, ready: &Arc<Ready>) -> Result {
        let options = &self.capture.options;
        let site = ready.site()?;
        if options.is(MODE_STOP_MACHINE | MODE_SKIP_BODY) && !site.can_leave_handler() {
            return Err(Error::EINVAL);
        }
        let armed = Armed::new(self.capture.clone(), ready.clone())?;
        self.probes.push(Probe::register(&site, armed)?)
    }

    fn status(&self) -> CaptureStatus {
        let mut status = CaptureStatus {
            missed: self.missed(),
            ..empty_status()
        };
        self.capture.passed_over.fill(&mut status);
        match self.capture.outcome() {
            Some(outcome) => fill(&mut status, &outcome),
            None => status.state = self.capture.state(),
        }
        status
    }

    /// Disarms, and waits for a capture in flight.
    fn stop(mut self) -> CaptureStatus {
        self.capture.disarm();
        let unseen = self.unseen();
        self.probes.clear();
        let mut status = self.status();
        status.missed = status.missed.saturating_add(unseen);
        status
    }
}

fn empty_status() -> CaptureStatus {
    CaptureStatus {
        state: STATE_IDLE,
        ..CaptureStatus::zeroed()
    }
}

fn fill(status: &mut CaptureStatus, outcome: &Outcome) {
    outcome.fill(status);
    status.state = if outcome.report.total_size > 0 {
        STATE_READY
    } else {
        STATE_FAILED
    };
}

impl Session {
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let state = State {
            enabled: None,
            last: empty_status(),
        };
        Ok(Self {
            state: Mutex::new(Class::Session, state)?,
            slot: Mutex::new(Class::Slot, None)?,
            has_area: AtomicBool::new(false),
            signal: Arc::new(Signal::new()?)?,
        })
    }

    /// Gives the session an area of `size` bytes, once `map` has mapped it.
    /// `EBUSY` there is one, `ENOMEM`.
    pub(crate) fn add_area(&self, size: u64, map: impl FnOnce(&Arc<Area>) -> Result) -> Result {
        let mut slot = self.slot.lock();
        if slot.is_some() {
            return Err(Error::EBUSY);
        }
        let area = Arc::new(Area::new(size)?)?;
        map(&area)?;
        *slot = Some(area);
        self.has_area.store(true, Ordering::Release);
        Ok(())
    }

    fn area(&self) -> Result<Arc<Area>> {
        self.slot.lock().clone().ok_or(Error::EINVAL)
    }

    /// Who waits for an image, and how far it is; `None`: there is no area.
    pub(crate) fn signal(&self) -> (&Signal, Option<u32>) {
        let has_area = self.has_area.load(Ordering::Acquire);
        (&self.signal, has_area.then(|| self.signal.state()))
    }

    /// Whether a recipe is enabled.
    pub(crate) fn is_enabled(&self) -> bool {
        self.state.lock().enabled.is_some()
    }

    /// `KFLAT_PROC_ENABLE`.
    pub(crate) fn enable(&self, name: &str, request: &Enable) -> Result {
        let mut state = self.state.lock();
        let area = self.area()?;
        if name.is_empty() {
            return Err(Error::EINVAL);
        }
        if state.enabled.is_some() {
            return Err(Error::EBUSY);
        }
        task::check_lockdown()?;
        let recipe = module().registry.enable(name)?;
        let claim = match request.pid {
            ..=0 => None,
            pid => Some(Claim::new(Task::find(pid)?)?),
        };
        let options = Options {
            mode: bit(request.use_stop_machine, MODE_STOP_MACHINE)
                | bit(request.skip_function_body, MODE_SKIP_BODY)
                | bit(request.run_recipe_now, MODE_RUN_NOW),
            discard: false,
            owner: log_owner(request.debug_flag),
        };
        state.last = empty_status();
        let enabled = self.arm(recipe, &area, options, claim);
        if enabled.is_err() {
            self.signal.set(STATE_IDLE);
        }
        state.enabled = Some(enabled?);
        Ok(())
    }

    fn arm(
        &self,
        recipe: EnabledRecipe,
        area: &Arc<Area>,
        options: Options,
        claim: Option<Claim>,
    ) -> Result<Enabled> {
        let ready = Arc::new(Ready::new(recipe, 0)?)?;
        let capture = Capture::prepare(claim, area, self.signal.clone(), options)?;
        let mut enabled = Enabled {
            probes: Table::new(MAX_ENABLED)?,
            capture,
        };
        if options.is(MODE_RUN_NOW) {
            run_now(&enabled.capture, &ready, core::iter::empty())?;
        } else {
            enabled.probe(&ready)?;
        }
        Ok(enabled)
    }

    /// `KFLAT_ENABLE_ALSO`.
    pub(crate) fn enable_also(&self, name: &str) -> Result {
        let mut state = self.state.lock();
        let enabled = state.enabled.as_mut().ok_or(Error::EINVAL)?;
        let index = enabled.probes.len();
        if enabled.capture.options.is(MODE_RUN_NOW) {
            return Err(Error::EINVAL);
        }
        if index >= MAX_ENABLED {
            return Err(Error::ENOSPC);
        }
        if !enabled.capture.is_armed() {
            return Err(Error::EBUSY);
        }
        let recipe = module().registry.enable(name)?;
        enabled.probe(&Arc::new(Ready::new(recipe, index as u32)?)?)
    }

    /// `KFLAT_PROC_DISABLE`. Waits for a capture in flight.
    pub(crate) fn disable(&self) -> Result<Disable> {
        let mut state = self.state.lock();
        let enabled = state.enabled.take().ok_or(Error::EINVAL)?;
        state.last = enabled.stop();
        let last = &state.last;
        let mut report = Disable {
            invoked: i32::from(last.state != STATE_IDLE),
            size: last.total_size,
            ..Disable::zeroed()
        };
        // An errno has no more than 12 bits.
        report.error = last.error as i32;
        state.last.state = match last.state {
            STATE_READY => STATE_READY,
            STATE_FAILED => STATE_FAILED,
            _ => STATE_IDLE,
        };
        Ok(report)
    }

    /// `KFLAT_TESTS`: the image's size in bytes. `name` is where the process has the
    /// test's name.
    pub(crate) fn test(
        &self,
        test: Option<&SelfTest>,
        request: &Tests,
        name: UserAddress,
    ) -> Result<u64> {
        let mut state = self.state.lock();
        let area = self.area()?;
        if state.enabled.is_some() {
            return Err(Error::EBUSY);
        }
        let test = test.ok_or(Error::ENOENT)?;
        if test.needs_process && request.use_stop_machine != 0 {
            return Err(Error::EINVAL);
        }
        let options = Options {
            mode: MODE_TEST | bit(request.use_stop_machine, MODE_STOP_MACHINE),
            discard: request.skip_memcpy != 0,
            owner: log_owner(request.debug_flag),
        };
        state.last = empty_status();
        self.signal.set(STATE_IDLE);
        let scene = Scene::build(test, name.0)?;
        let recipe = EnabledRecipe::unlisted(self_test::recipe(test)?)?;
        let ready = Arc::new(Ready::new(recipe, 0)?)?;
        let capture = Capture::prepare(None, &area, self.signal.clone(), options)?;
        run_now(&capture, &ready, scene.arguments(test))?;
        let outcome = capture.outcome().unwrap_or_default();
        fill(&mut state.last, &outcome);
        match outcome.report.total_size {
            0 => Err(outcome.errno().unwrap_or(Error::EFAULT)),
            size => Ok(size),
        }
    }

    /// `KFLAT_CAPTURE_STATUS`.
    pub(crate) fn status(&self) -> CaptureStatus {
        let state = self.state.lock();
        let enabled = state.enabled.as_ref().map(Enabled::status);
        enabled.unwrap_or(state.last)
    }
}

/// Captures in this context, with no probe.
fn run_now(capture: &Capture, ready: &Arc<Ready>, arguments: impl Iterator<Item = u64>) -> Result {
    let entered = capture.enter(ready, |_, all, _| {
        for (into, argument) in all.iter_mut().zip(arguments) {
            *into = argument;
        }
    });
    let mut entered = entered.ok_or(Error::EBUSY)?;
    let halted = if capture.options.is(MODE_STOP_MACHINE) {
        stop_machine::run(&mut || entered.copy()).map(|pause| entered.paused(pause))
    } else {
        entered.copy();
        Ok(())
    };
    entered.finish();
    halted?;
    capture.write();
    Ok(())
}

fn bit(flag: i32, mode: u32) -> u32 {
    if flag != 0 { mode } else { 0 }
}

fn log_owner(debug_flag: i32) -> Option<crate::debug_log::Owner> {
    if debug_flag == 0 {
        return None;
    }
    module().log.begin()
}
