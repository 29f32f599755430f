//! Probes at functions. C: `shim/probe.c`, `<linux/kprobes.h>`.

use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use core::ptr::NonNull;

use kflat_abi::extension::HIT_REGISTERS;
use kflat_abi::uapi::NAME_SIZE;

use crate::alloc::Arc;
use crate::armed::Armed;
use crate::error::{Error, Result};
use crate::ffi_probe::{self as ffi, PtRegs};

/// What happens to the call that a probe stopped; the numbers of
/// `shim/kflat_probe.h`.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Decision {
    /// It goes on as if there were no probe.
    RunOn = 0,
    /// The function is not executed, its caller gets 0.
    SkipBody = 1,
    /// The handler is asked again outside of the probe's context.
    ViaTrampoline = 2,
}

/// What a probe calls.
pub(crate) trait Handler {
    /// The probe was hit. Preemption or interrupts are off, any lock may be
    /// held, this may be a non-maskable interrupt.
    fn hit(&self, registers: &Registers<'_>) -> Decision;

    /// The call that was sent [`Decision::ViaTrampoline`], in its own context,
    /// which must not sleep if `atomic`.
    fn outside(&self, atomic: bool) -> Decision;
}

/// The registers at a hit.
pub(crate) struct Registers<'a> {
    probe: NonNull<ffi::Probe>,
    regs: NonNull<PtRegs>,
    during: PhantomData<&'a PtRegs>,
}

impl Registers<'_> {
    /// Copies them; how many there are.
    pub(crate) fn copy(&self, into: &mut [u64; HIT_REGISTERS]) -> u32 {
        let into = into.as_mut_ptr();
        // SAFETY: Both are there during the hit; `into` has room for all.
        unsafe { ffi::kflat_shim_probe_registers(self.probe.as_ptr(), self.regs.as_ptr(), into) }
    }

    /// The argument at `position` from 0, as a word; `None`: it can't be read.
    pub(crate) fn argument(&self, position: u32) -> Option<u64> {
        let mut value = 0;
        // SAFETY: The registers are there during the hit.
        let read =
            unsafe { ffi::kflat_shim_probe_argument(self.regs.as_ptr(), position, &mut value) };
        read.then_some(value)
    }

    /// Address of the probed instruction.
    pub(crate) fn probe_address(&self) -> u64 {
        // SAFETY: The probe is there during the hit.
        unsafe { ffi::kflat_shim_probe_address(self.probe.as_ptr()) }
    }
}

/// All probes; dropped when none is left.
pub(crate) struct Probes(());

impl Probes {
    /// From here on probes can be registered.
    pub(crate) fn start() -> Self {
        Self(())
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        ffi::kflat_shim_probe_exit();
    }
}

/// A probe, registered until it is dropped, which waits for its handlers.
pub(crate) struct Probe {
    probe: NonNull<ffi::Probe>,
    /// What the probe's context stands for.
    _handler: Arc<Armed>,
}

// SAFETY: The kernel lets any thread unregister a probe.
unsafe impl Send for Probe {}
// SAFETY: What a shared one gives is a counter.
unsafe impl Sync for Probe {}

impl Probe {
    /// At `function` or `module:function`, perhaps with `+decimal_offset`.
    /// `EFAULT` it can't be probed, `ENOMEM`.
    pub(crate) fn register(target: &str, handler: Armed) -> Result<Self> {
        let handler = Arc::new(handler)?;
        let (symbol, offset) = split(target).ok_or(Error::EFAULT)?;
        let symbol = terminated(symbol).ok_or(Error::EFAULT)?;
        let mut error: c_int = 0;
        // SAFETY: `symbol` ends in a NUL; the context lives until the probe is
        // unregistered, because `handler` is dropped after that.
        let probe = unsafe {
            let context = handler.as_raw();
            ffi::kflat_shim_probe_register(symbol.as_ptr(), offset, context, &mut error)
        };
        Error::check(error)?;
        Ok(Self {
            probe: NonNull::new(probe).ok_or(Error::EFAULT)?,
            _handler: handler,
        })
    }

    /// Hits that nobody saw, because they happened within another probe.
    pub(crate) fn missed(&self) -> u64 {
        // SAFETY: It is registered.
        unsafe { ffi::kflat_shim_probe_missed(self.probe.as_ptr()) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: It is registered, and unregistered once.
        unsafe { ffi::kflat_shim_probe_unregister(self.probe.as_ptr()) }
    }
}

/// Symbol and offset.
fn split(target: &str) -> Option<(&str, u32)> {
    match target.split_once('+') {
        Some((symbol, offset)) => Some((symbol, offset.parse().ok()?)),
        None => Some((target, 0)),
    }
}

/// As C wants it.
fn terminated(symbol: &str) -> Option<[u8; NAME_SIZE]> {
    let mut text = [0; NAME_SIZE];
    if symbol.len() >= text.len() || symbol.contains('\0') {
        return None;
    }
    for (into, byte) in text.iter_mut().zip(symbol.bytes()) {
        *into = byte;
    }
    Some(text)
}

/// # Safety
/// Called by `shim/probe.c` in the handler of a probe that `register` made.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_probe_hit(
    context: *mut c_void,
    probe: NonNull<ffi::Probe>,
    regs: NonNull<PtRegs>,
) -> u32 {
    // SAFETY: Until the probe is unregistered it has a handler.
    let handler = unsafe { Arc::<Armed>::borrow_raw(context) };
    let registers = Registers {
        probe,
        regs,
        during: PhantomData,
    };
    handler.hit(&registers) as u32
}

/// # Safety
/// Called by `shim/probe.c` for a call that `kflat_probe_hit` sent this way.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_probe_trampoline(context: *mut c_void, atomic: bool) -> u32 {
    // SAFETY: Unregistering waits for the trampoline, and then drops the handler.
    let handler = unsafe { Arc::<Armed>::borrow_raw(context) };
    handler.outside(atomic) as u32
}
