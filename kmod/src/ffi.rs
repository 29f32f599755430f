//! The C functions of `shim/kflat_shim.h`. Nothing but declarations: each has
//! its safe wrapper in the module named above it.

use core::ffi::{c_int, c_long, c_void};

/// `struct pid` of `<linux/pid.h>`.
#[repr(C)]
pub(crate) struct Pid {
    opaque: [u8; 0],
}

/// `struct file` of `<linux/fs.h>`.
#[repr(C)]
pub(crate) struct File {
    opaque: [u8; 0],
}

/// `struct vm_area_struct` of `<linux/mm_types.h>`.
#[repr(C)]
pub(crate) struct Vma {
    opaque: [u8; 0],
}

/// `struct poll_table_struct` of `<linux/poll.h>`.
#[repr(C)]
pub(crate) struct PollTable {
    opaque: [u8; 0],
}

/// `struct kflat_deferral` of `shim/deferral.c`.
#[repr(C)]
pub(crate) struct Deferral {
    opaque: [u8; 0],
}

/// `struct kflat_waiters` of `shim/deferral.c`.
#[repr(C)]
pub(crate) struct Waiters {
    opaque: [u8; 0],
}

unsafe extern "C" {
    // crate (lib.rs)
    pub(crate) safe fn kflat_shim_panic() -> !;

    // alloc
    pub(crate) safe fn kflat_shim_alloc(size: u64) -> *mut c_void;
    pub(crate) fn kflat_shim_free(memory: *mut c_void);

    // processor
    pub(crate) safe fn kflat_shim_has_crc32() -> bool;

    // sync
    pub(crate) safe fn kflat_shim_mutex_new(class: u32) -> *mut c_void;
    pub(crate) fn kflat_shim_mutex_free(mutex: *mut c_void);
    pub(crate) fn kflat_shim_mutex_lock(mutex: *mut c_void);
    pub(crate) fn kflat_shim_mutex_unlock(mutex: *mut c_void);
    pub(crate) safe fn kflat_shim_irq_save() -> u64;
    pub(crate) fn kflat_shim_irq_restore(flags: u64);

    // user
    pub(crate) fn kflat_shim_user_read(into: *mut c_void, user: u64, size: u64) -> u64;
    pub(crate) fn kflat_shim_user_write(user: u64, from: *const c_void, size: u64) -> u64;

    // clock
    pub(crate) safe fn kflat_shim_now_ns() -> u64;
    pub(crate) safe fn kflat_shim_stamp(boot_ns: &mut u64, wall_ns: &mut u64);
    pub(crate) safe fn kflat_shim_cpu() -> u32;

    // kernel_log
    pub(crate) fn kflat_shim_log(level: u32, text: *const u8, size: u64);

    // deferral
    pub(crate) safe fn kflat_shim_deferral_init() -> c_int;
    pub(crate) safe fn kflat_shim_deferral_exit();
    pub(crate) safe fn kflat_shim_deferral_new(context: *mut c_void) -> *mut Deferral;
    pub(crate) fn kflat_shim_deferral_free(deferral: *mut Deferral);
    pub(crate) fn kflat_shim_deferral_queue(deferral: *mut Deferral);
    pub(crate) safe fn kflat_shim_waiters_new() -> *mut Waiters;
    pub(crate) fn kflat_shim_waiters_free(waiters: *mut Waiters);
    pub(crate) fn kflat_shim_waiters_wake(waiters: *mut Waiters);
    pub(crate) fn kflat_shim_waiters_poll(
        waiters: *mut Waiters,
        file: *mut File,
        table: *mut PollTable,
    );

    // device
    pub(crate) safe fn kflat_shim_device_create() -> c_int;
    pub(crate) safe fn kflat_shim_device_remove();
    pub(crate) fn kflat_shim_device_detach(vma: *mut Vma) -> c_int;

    // area
    pub(crate) safe fn kflat_shim_area_alloc(size: u64, zeroed: bool) -> *mut c_void;
    pub(crate) fn kflat_shim_area_free(memory: *mut c_void);
    pub(crate) fn kflat_shim_area_map(vma: *mut Vma, area: *const c_void) -> c_int;

    // task
    pub(crate) safe fn kflat_shim_pid_find(number: i32, process: &mut *mut Pid) -> *mut Pid;
    pub(crate) fn kflat_shim_pid_put(pid: *mut Pid);
    pub(crate) fn kflat_shim_pid_is_current(pid: *const Pid) -> bool;
    pub(crate) safe fn kflat_shim_current() -> u64;
    pub(crate) safe fn kflat_shim_current_ids(
        process: &mut u32,
        thread: &mut u32,
        comm: &mut [u8; 16],
    );
    pub(crate) safe fn kflat_shim_locked_down() -> c_int;
}

/// What the device's callbacks give back to C.
pub(crate) type Long = c_long;
