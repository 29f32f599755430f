//! The C functions of `shim/kflat_probe.h`. Nothing but declarations.

use core::ffi::{c_int, c_void};

/// `struct kflat_probe` of `shim/probe.c`.
#[repr(C)]
pub(crate) struct Probe {
    opaque: [u8; 0],
}

/// `struct pt_regs` of `<asm/ptrace.h>`.
#[repr(C)]
pub(crate) struct PtRegs {
    opaque: [u8; 0],
}

unsafe extern "C" {
    // probe
    pub(crate) fn kflat_shim_probe_register(
        symbol: *const u8,
        offset: u32,
        context: *mut c_void,
        error: &mut c_int,
    ) -> *mut Probe;
    pub(crate) fn kflat_shim_probe_unregister(probe: *mut Probe);
    pub(crate) fn kflat_shim_probe_address(probe: *const Probe) -> u64;
    pub(crate) fn kflat_shim_probe_missed(probe: *const Probe) -> u64;
    pub(crate) fn kflat_shim_probe_registers(
        probe: *const Probe,
        regs: *const PtRegs,
        into: *mut u64,
    ) -> u32;
    pub(crate) fn kflat_shim_probe_argument(
        regs: *const PtRegs,
        position: u32,
        value: &mut u64,
    ) -> bool;
    pub(crate) safe fn kflat_shim_probe_exit();

    // stop_machine
    pub(crate) fn kflat_shim_stop_machine(context: *mut c_void, pause_ns: &mut u64) -> c_int;

    // symbols
    pub(crate) safe fn kflat_shim_symbols_init() -> c_int;
    pub(crate) fn kflat_shim_symbols_address(name: *const u8) -> u64;
    pub(crate) fn kflat_shim_symbols_name(address: u64, into: *mut u8, size: u64) -> u64;
}
