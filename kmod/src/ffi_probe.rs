//! The C functions of `shim/kflat_probe.h`. Nothing but declarations.

use core::ffi::{c_int, c_void};

/// `struct kflat_probe` of `shim/probe.c`.
#[repr(C)]
pub(crate) struct Probe {
    opaque: [u8; 0],
}

/// `struct kflat_return_probe` of `shim/return_probe.c`.
#[repr(C)]
pub(crate) struct ReturnProbe {
    opaque: [u8; 0],
}

/// `struct kflat_tracepoint` of `shim/tracepoint.c`.
#[repr(C)]
pub(crate) struct Tracepoint {
    opaque: [u8; 0],
}

/// `struct pt_regs` of `<asm/ptrace.h>`.
#[repr(C)]
pub(crate) struct PtRegs {
    opaque: [u8; 0],
}

/// `struct kflat_call`.
#[repr(C)]
pub(crate) struct Call {
    pub(crate) regs: *const PtRegs,
    pub(crate) address: u64,
    pub(crate) arguments: *const u64,
    pub(crate) returned: u64,
}

unsafe extern "C" {
    // call
    pub(crate) fn kflat_shim_call_registers(call: *const Call, into: *mut u64) -> u32;
    pub(crate) fn kflat_shim_call_argument(
        call: *const Call,
        position: u32,
        value: &mut u64,
    ) -> bool;

    // probe
    pub(crate) fn kflat_shim_probe_register(
        symbol: *const u8,
        offset: u64,
        context: *mut c_void,
        error: &mut c_int,
    ) -> *mut Probe;
    pub(crate) fn kflat_shim_probe_unregister(probe: *mut Probe);
    pub(crate) fn kflat_shim_probe_missed(probe: *const Probe) -> u64;
    pub(crate) safe fn kflat_shim_probe_exit();

    // return_probe
    pub(crate) fn kflat_shim_return_probe_register(
        symbol: *const u8,
        context: *mut c_void,
        error: &mut c_int,
    ) -> *mut ReturnProbe;
    pub(crate) fn kflat_shim_return_probe_unregister(probe: *mut ReturnProbe);
    pub(crate) fn kflat_shim_return_probe_missed(probe: *const ReturnProbe) -> u64;

    // tracepoint
    pub(crate) fn kflat_shim_tracepoint_register(
        name: *const u8,
        context: *mut c_void,
        error: &mut c_int,
    ) -> *mut Tracepoint;
    pub(crate) fn kflat_shim_tracepoint_unregister(tracepoint: *mut Tracepoint);

    // stop_machine
    pub(crate) fn kflat_shim_stop_machine(context: *mut c_void, pause_ns: &mut u64) -> c_int;

    // symbols
    pub(crate) safe fn kflat_shim_symbols_init() -> c_int;
    pub(crate) fn kflat_shim_symbols_address(name: *const u8) -> u64;
    pub(crate) fn kflat_shim_symbols_name(address: u64, into: *mut u8, size: u64) -> u64;
}
