//! What there is once: made when the module is loaded, gone when it is removed.

use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::alloc::Own;
use crate::claims::Claims;
use crate::debug_log::DebugLog;
use crate::deferral::Workers;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kdump::Kdump;
use crate::kernel_log;
use crate::probe::Probes;
use crate::ram::Ram;
use crate::registry::Registry;
use crate::symbols::KernelSymbols;
use crate::text::Line;

/// Everything that all sessions share.
pub(crate) struct Module {
    pub(crate) registry: Registry,
    pub(crate) claims: Claims,
    pub(crate) log: DebugLog,
}

/// What is started and stopped with the module. Fields are dropped in this
/// order: first no client can come, then nothing can be hit, then nothing runs.
struct Services {
    _device: Device,
    _probes: Probes,
    _kdump: Kdump,
    _ram: Ram,
    _workers: Workers,
}

static MODULE: AtomicPtr<Module> = AtomicPtr::new(null_mut());
static SERVICES: AtomicPtr<Services> = AtomicPtr::new(null_mut());

/// What all sessions share.
pub(crate) fn module() -> &'static Module {
    let module = MODULE.load(Ordering::Acquire);
    // SAFETY: Sessions, probes and workers, from where this is called, are there
    // only between `start` storing it and `stop` dropping it.
    unsafe { &*module }
}

fn start(log_size: u64) -> Result {
    let log_size = usize::try_from(log_size).map_err(|_| Error::ENOMEM)?;
    let module = Own::new(Module {
        registry: Registry::new()?,
        claims: Claims::new()?,
        log: DebugLog::new(log_size)?,
    })?;
    MODULE.store(module.into_raw(), Ordering::Release);
    let started = Services::start().and_then(Own::new);
    match started {
        Ok(services) => SERVICES.store(services.into_raw(), Ordering::Release),
        Err(error) => {
            stop();
            return Err(error);
        }
    }
    Ok(())
}

impl Services {
    fn start() -> Result<Self> {
        let workers = Workers::start()?;
        let ram = Ram::start()?;
        let kdump = Kdump::start()?;
        KernelSymbols::start()?;
        Ok(Self {
            _device: Device::create()?,
            _probes: Probes::start(),
            _kdump: kdump,
            _ram: ram,
            _workers: workers,
        })
    }
}

/// Nobody uses any of it any more: the kernel removes no module that is in use.
fn stop() {
    let services = SERVICES.swap(null_mut(), Ordering::AcqRel);
    // SAFETY: From `into_raw` in `start`, and nobody else's since the swap.
    drop(unsafe { Own::from_raw(services) });
    let module = MODULE.swap(null_mut(), Ordering::AcqRel);
    // SAFETY: As above; all that calls `module` went with the services.
    drop(unsafe { Own::from_raw(module) });
}

/// The module is loaded, with room for `log_size` bytes of debug log.
#[unsafe(no_mangle)]
extern "C" fn kflat_module_init(log_size: u64) -> c_int {
    match start(log_size) {
        Ok(()) => 0,
        Err(error) => {
            let mut line = Line::new();
            line.text("the module can't be loaded: error ");
            line.decimal(u64::from(error.number()));
            if error == Error::ENOMEM {
                line.text("; is dbg_buffer_size (");
                line.decimal(log_size).text(" bytes) too large?");
            }
            kernel_log::write(kernel_log::ERROR, &line);
            error.to_c()
        }
    }
}

/// The module is removed.
#[unsafe(no_mangle)]
extern "C" fn kflat_module_exit() {
    stop();
}
