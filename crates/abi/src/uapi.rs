//! The documented kernel API (`spec/uapi.md`). Clients outside this project
//! are compiled against these layouts: they never change.

/// The device file that loading the module creates.
pub const DEVICE_PATH: &str = "/sys/kernel/debug/kflat";

/// `ioctl` type of every command.
pub const IOCTL_TYPE: u8 = b'k';

/// Page offset at which `mmap` gives the session's area.
pub const KFLAT_MMAP_FLATTEN: u64 = 0;
/// Page offset at which `mmap` gives all kernel memory backed by RAM.
pub const KFLAT_MMAP_KDUMP: u64 = 1;

/// Bytes of a recipe's or test's name, its NUL included.
pub const NAME_SIZE: usize = 128;
/// Bytes that [`KFLAT_GET_LOADED_RECIPES`] fills.
pub const RECIPES_SIZE: usize = 4096;

const IOC_WRITE: u32 = 1;
const IOC_READ: u32 = 2;

/// `_IOC` of `include/uapi/asm-generic/ioctl.h`.
pub(crate) const fn ioc(direction: u32, number: u8, size: usize) -> u32 {
    assert!(
        size < 1 << 14,
        "an ioctl's argument has at most 16383 bytes"
    );
    (direction << 30) | ((size as u32) << 16) | ((IOCTL_TYPE as u32) << 8) | number as u32
}

/// `_IOR`: the kernel fills the argument.
pub(crate) const fn ior(number: u8, size: usize) -> u32 {
    ioc(IOC_READ, number, size)
}

/// `_IOW`: the kernel reads the argument.
pub(crate) const fn iow(number: u8, size: usize) -> u32 {
    ioc(IOC_WRITE, number, size)
}

/// `_IOWR`: both.
pub(crate) const fn iowr(number: u8, size: usize) -> u32 {
    ioc(IOC_READ | IOC_WRITE, number, size)
}

c_struct! {
    /// Argument of `KFLAT_PROC_ENABLE`: arms the recipe `target_name`.
    pub struct Enable = "kflat_ioctl_enable", 148 bytes {
        /// Only this process or thread, as the caller sees it; 0 or less: any.
        pid: i32 = 0 => "pid_t pid",
        /// The recipe, by the function it waits for; NUL-terminated.
        target_name: [u8; NAME_SIZE] = [0; NAME_SIZE] => "char target_name[128]",
        /// Also write the debug log.
        debug_flag: i32 = 0 => "int debug_flag",
        /// Capture while all other CPUs are halted.
        use_stop_machine: i32 = 0 => "int use_stop_machine",
        /// Do not execute the function; its caller gets 0.
        skip_function_body: i32 = 0 => "int skip_function_body",
        /// Capture at once, within the ioctl, without a probe.
        run_recipe_now: i32 = 0 => "int run_recipe_now",
    }
}

c_struct! {
    /// Argument of `KFLAT_PROC_DISABLE`: how the capture ended.
    pub struct Disable = "kflat_ioctl_disable", 24 bytes {
        /// 1 if the probe fired.
        invoked: i32 = 0 => "int invoked",
        /// Padding of the C layout, always zero.
        padding0: u32 = 0 => "",
        /// Bytes of the image in the area, what follows `image_size` included; 0: none.
        size: u64 = 0 => "size_t size",
        /// 0, or a positive errno; with a size: the image is partial.
        error: i32 = 0 => "int error",
        /// Padding of the C layout, always zero.
        padding1: u32 = 0 => "",
    }
}

c_struct! {
    /// Argument of `KFLAT_TESTS`: runs one of the module's unit tests.
    pub struct Tests = "kflat_ioctl_tests", 140 bytes {
        /// Also write the debug log.
        debug_flag: i32 = 0 => "int debug_flag",
        /// Capture while all other CPUs are halted.
        use_stop_machine: i32 = 0 => "int use_stop_machine",
        /// Capture, but leave the area untouched.
        skip_memcpy: i32 = 0 => "int skip_memcpy",
        /// The test; NUL-terminated.
        test_name: [u8; NAME_SIZE] = [0; NAME_SIZE] => "char test_name[128]",
    }
}

c_struct! {
    /// Argument of `KFLAT_MEMORY_MAP`: where the layout goes.
    pub struct MemoryMap = "kflat_ioctl_mem_map", 16 bytes {
        /// Receives `u32 count`, then packed `count` x `{u64 start, u64 end}`.
        buffer: u64 = 0 => "void *buffer",
        /// Its size in bytes.
        size: u64 = 0 => "size_t size",
    }
}

/// Arms a recipe.
pub const KFLAT_PROC_ENABLE: u32 = iow(2, size_of::<Enable>());
/// Disarms and reports.
pub const KFLAT_PROC_DISABLE: u32 = ior(3, size_of::<Disable>());
/// Runs a unit test of the module.
pub const KFLAT_TESTS: u32 = iow(4, size_of::<Tests>());
/// Tells the layout of kernel memory backed by RAM.
pub const KFLAT_MEMORY_MAP: u32 = ior(5, size_of::<MemoryMap>());
/// Lists the loaded recipes' names, each ended by a NUL.
pub const KFLAT_GET_LOADED_RECIPES: u32 = ior(6, RECIPES_SIZE);

/// Numbers that clients outside this project were compiled with.
const _: () = {
    assert!(KFLAT_PROC_ENABLE == 0x4094_6b02);
    assert!(KFLAT_PROC_DISABLE == 0x8018_6b03);
    assert!(KFLAT_TESTS == 0x408c_6b04);
    assert!(KFLAT_MEMORY_MAP == 0x8010_6b05);
    assert!(KFLAT_GET_LOADED_RECIPES == 0x9000_6b06);
};
