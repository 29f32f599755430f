//! Probes: at functions, addresses, returns and tracepoints. C: `shim/probe.c`,
//! `shim/return_probe.c`, `shim/tracepoint.c`, `<linux/kprobes.h>`.

use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use core::ptr::NonNull;

use kflat_abi::extension::HIT_REGISTERS;

use crate::alloc::Arc;
use crate::armed::Armed;
use crate::error::{Error, Result};
use crate::ffi_probe as ffi;
use crate::site::{Site, Symbol};

/// What happens to the call that a probe stopped; the numbers of
/// `shim/kflat_probe.h`. At sites that can't
/// [leave the handler](Site::can_leave_handler) all of them mean `RunOn`.
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
    /// Whether the call that is being made is the one whose return is waited
    /// for. The context is that of `hit`.
    fn wants_return(&self) -> bool;

    /// The probe was hit. Preemption or interrupts are off, any lock may be
    /// held, this may be a non-maskable interrupt.
    fn hit(&self, call: &Call<'_>) -> Decision;

    /// The call that was sent [`Decision::ViaTrampoline`], in its own context,
    /// which must not sleep if `atomic`.
    fn outside(&self, atomic: bool) -> Decision;
}

/// The call at a hit.
pub(crate) struct Call<'a> {
    call: NonNull<ffi::Call>,
    during: PhantomData<&'a ffi::Call>,
}

impl Call<'_> {
    /// Copies the registers; how many are known.
    pub(crate) fn registers(&self, into: &mut [u64; HIT_REGISTERS]) -> u32 {
        let into = into.as_mut_ptr();
        // SAFETY: The call is there during the hit; `into` has room for all.
        unsafe { ffi::kflat_shim_call_registers(self.call.as_ptr(), into) }
    }

    /// The argument at `position` from 0, as a word; `None`: it can't be read.
    pub(crate) fn argument(&self, position: u32) -> Option<u64> {
        let mut value = 0;
        // SAFETY: The call is there during the hit.
        let read =
            unsafe { ffi::kflat_shim_call_argument(self.call.as_ptr(), position, &mut value) };
        read.then_some(value)
    }

    /// What the function returned; 0 if it has not.
    pub(crate) fn returned(&self) -> u64 {
        // SAFETY: The call is there during the hit.
        unsafe { self.call.as_ref() }.returned
    }

    /// Address of the probed instruction; 0: a tracepoint has none.
    pub(crate) fn address(&self) -> u64 {
        // SAFETY: The call is there during the hit.
        unsafe { self.call.as_ref() }.address
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
    registered: Registered,
    /// What the probe's context stands for.
    _handler: Arc<Armed>,
}

/// INVARIANT: Registered, by us.
enum Registered {
    Entry(NonNull<ffi::Probe>),
    Return(NonNull<ffi::ReturnProbe>),
    Tracepoint(NonNull<ffi::Tracepoint>),
}

// SAFETY: The kernel lets any thread unregister a probe.
unsafe impl Send for Registered {}
// SAFETY: What a shared one gives is a counter.
unsafe impl Sync for Registered {}

impl Probe {
    /// `EFAULT` it can't be probed, `ENOMEM`.
    pub(crate) fn register(site: &Site<'_>, handler: Armed) -> Result<Self> {
        let handler = Arc::new(handler)?;
        Ok(Self {
            registered: register(site, handler.as_raw())?,
            _handler: handler,
        })
    }

    /// Hits that nobody saw, because they happened within another probe.
    pub(crate) fn missed(&self) -> u64 {
        match &self.registered {
            // SAFETY: It is registered.
            Registered::Entry(probe) => unsafe { ffi::kflat_shim_probe_missed(probe.as_ptr()) },
            Registered::Return(probe) => {
                // SAFETY: It is registered.
                unsafe { ffi::kflat_shim_return_probe_missed(probe.as_ptr()) }
            }
            Registered::Tracepoint(_) => 0,
        }
    }
}

/// The context has to live until the probe is dropped.
fn register(site: &Site<'_>, context: *mut c_void) -> Result<Registered> {
    let mut error: c_int = 0;
    let symbol = match site {
        Site::Address(_) => None,
        Site::Entry { symbol, .. } | Site::Return { symbol } | Site::Tracepoint(symbol) => {
            Some(Symbol::new(symbol).ok_or(Error::EFAULT)?)
        }
    };
    // What ends in a NUL, or NULL.
    let symbol = symbol.as_ref().map_or(core::ptr::null(), Symbol::as_ptr);
    let registered = match site {
        Site::Address(offset) | Site::Entry { offset, .. } => {
            // SAFETY: `symbol` is as it has to be; the caller's word for the context.
            let probe =
                unsafe { ffi::kflat_shim_probe_register(symbol, *offset, context, &mut error) };
            NonNull::new(probe).map(Registered::Entry)
        }
        Site::Return { .. } => {
            // SAFETY: As above.
            let probe =
                unsafe { ffi::kflat_shim_return_probe_register(symbol, context, &mut error) };
            NonNull::new(probe).map(Registered::Return)
        }
        Site::Tracepoint(_) => {
            // SAFETY: As above.
            let probe = unsafe { ffi::kflat_shim_tracepoint_register(symbol, context, &mut error) };
            NonNull::new(probe).map(Registered::Tracepoint)
        }
    };
    Error::check(error)?;
    registered.ok_or(Error::EFAULT)
}

impl Drop for Registered {
    fn drop(&mut self) {
        match self {
            // SAFETY: It is registered, and unregistered once.
            Self::Entry(probe) => unsafe { ffi::kflat_shim_probe_unregister(probe.as_ptr()) },
            Self::Return(probe) => {
                // SAFETY: As above.
                unsafe { ffi::kflat_shim_return_probe_unregister(probe.as_ptr()) }
            }
            Self::Tracepoint(probe) => {
                // SAFETY: As above.
                unsafe { ffi::kflat_shim_tracepoint_unregister(probe.as_ptr()) }
            }
        }
    }
}

/// # Safety
/// Called by the shim in the handler of a probe that `register` made.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_probe_hit(context: *mut c_void, call: NonNull<ffi::Call>) -> u32 {
    // SAFETY: Until the probe is unregistered it has a handler.
    let handler = unsafe { Arc::<Armed>::borrow_raw(context) };
    let call = Call {
        call,
        during: PhantomData,
    };
    handler.hit(&call) as u32
}

/// # Safety
/// Called by `shim/return_probe.c` in the handler of a probe that `register` made.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_return_probe_wanted(context: *mut c_void) -> bool {
    // SAFETY: Until the probe is unregistered it has a handler.
    unsafe { Arc::<Armed>::borrow_raw(context) }.wants_return()
}

/// # Safety
/// Called by `shim/probe.c` for a call that `kflat_probe_hit` sent this way.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_probe_trampoline(context: *mut c_void, atomic: bool) -> u32 {
    // SAFETY: Unregistering waits for the trampoline, and then drops the handler.
    let handler = unsafe { Arc::<Armed>::borrow_raw(context) };
    handler.outside(atomic) as u32
}
