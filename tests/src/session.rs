//! A session of the kernel API, as a client has it (`spec/uapi.md`).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use kflat_abi::control::{
    CaptureStatus, EnableAlso, KFLAT_CAPTURE_STATUS, KFLAT_ENABLE_ALSO, KFLAT_RECIPE_LOAD,
    KFLAT_RECIPE_UNLOAD, RecipeLoad, RecipeUnload,
};
use kflat_abi::uapi::{
    DEVICE_PATH, Disable, Enable, KFLAT_MEMORY_MAP, KFLAT_PROC_DISABLE, KFLAT_PROC_ENABLE,
    KFLAT_TESTS, MemoryMap, NAME_SIZE, Tests,
};

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;

/// An open device.
pub(crate) struct Session(File);

/// How to enable a recipe; all off by default.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// 0: any process.
    pub(crate) pid: i32,
    pub(crate) stop_machine: bool,
    pub(crate) skip_body: bool,
    pub(crate) run_now: bool,
    pub(crate) debug: bool,
}

impl Session {
    pub(crate) fn open() -> io::Result<Self> {
        File::open(DEVICE_PATH).map(Self)
    }

    fn ioctl<T>(&self, command: u32, argument: &mut T) -> io::Result<()> {
        let argument: *mut T = argument;
        // SAFETY: `argument` points to the struct that `command` is defined with.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), command.into(), argument) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Maps `size` bytes at a page offset, to be read.
    pub(crate) fn map(&self, size: u64, page: u64) -> io::Result<Mapping> {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        // SAFETY: A new mapping, at an address of the kernel's choice.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_NORESERVE,
                self.0.as_raw_fd(),
                (page * PAGE).cast_signed(),
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { memory, size })
    }

    pub(crate) fn enable(&self, recipe: &str, options: Options) -> io::Result<()> {
        self.ioctl(
            KFLAT_PROC_ENABLE,
            &mut Enable {
                pid: options.pid,
                target_name: name(recipe),
                debug_flag: options.debug.into(),
                use_stop_machine: options.stop_machine.into(),
                skip_function_body: options.skip_body.into(),
                run_recipe_now: options.run_now.into(),
            },
        )
    }

    pub(crate) fn disable(&self) -> io::Result<Disable> {
        let mut report = Disable::zeroed();
        self.ioctl(KFLAT_PROC_DISABLE, &mut report)?;
        Ok(report)
    }

    pub(crate) fn status(&self) -> io::Result<CaptureStatus> {
        let mut status = CaptureStatus {
            size: size_of::<CaptureStatus>() as u32,
            ..CaptureStatus::zeroed()
        };
        self.ioctl(KFLAT_CAPTURE_STATUS, &mut status)?;
        Ok(status)
    }

    /// `EINVAL` comes with the verifier's verdict.
    pub(crate) fn load(&self, program: &[u8]) -> io::Result<()> {
        let mut load = RecipeLoad {
            size: size_of::<RecipeLoad>() as u32,
            program: program.as_ptr().addr() as u64,
            program_size: program.len() as u64,
            ..RecipeLoad::zeroed()
        };
        let result = self.ioctl(KFLAT_RECIPE_LOAD, &mut load);
        if load.rejection != 0 {
            let why = kflat_abi::program::rejection_text(load.rejection);
            return Err(io::Error::other(format!("{why} (at {})", load.rejected_at)));
        }
        result
    }

    /// Arms one more recipe.
    pub(crate) fn enable_also(&self, recipe: &str) -> io::Result<()> {
        self.ioctl(
            KFLAT_ENABLE_ALSO,
            &mut EnableAlso {
                size: size_of::<EnableAlso>() as u32,
                name: name(recipe),
                ..EnableAlso::zeroed()
            },
        )
    }

    pub(crate) fn unload(&self, recipe: &str) -> io::Result<()> {
        self.ioctl(
            KFLAT_RECIPE_UNLOAD,
            &mut RecipeUnload {
                size: size_of::<RecipeUnload>() as u32,
                name: name(recipe),
                ..RecipeUnload::zeroed()
            },
        )
    }

    /// What KFLAT_MEMORY_MAP fills `buffer` with.
    pub(crate) fn memory_map(&self, buffer: &mut [u8]) -> io::Result<()> {
        self.ioctl(
            KFLAT_MEMORY_MAP,
            &mut MemoryMap {
                buffer: buffer.as_mut_ptr().addr() as u64,
                size: buffer.len() as u64,
            },
        )
    }

    /// Runs a test of the module's.
    pub(crate) fn test(&self, test: &str) -> io::Result<()> {
        self.ioctl(
            KFLAT_TESTS,
            &mut Tests {
                test_name: name(test),
                ..Tests::zeroed()
            },
        )
    }

    /// The events of `poll`, waiting at most `milliseconds`.
    pub(crate) fn poll(&self, milliseconds: i32) -> io::Result<i16> {
        let mut waiting = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: One `pollfd`, which lives until the call returns.
        if unsafe { libc::poll(&raw mut waiting, 1, milliseconds) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(waiting.revents)
    }
}

fn name(text: &str) -> [u8; NAME_SIZE] {
    let mut name = [0; NAME_SIZE];
    for (into, byte) in name.iter_mut().take(NAME_SIZE - 1).zip(text.bytes()) {
        *into = byte;
    }
    name
}

/// Memory of the kernel's that is mapped into this process, and changes.
pub(crate) struct Mapping {
    memory: NonNull<u8>,
    size: usize,
}

impl Mapping {
    /// Copies `length` bytes; `None`: they are not all in the mapping.
    pub(crate) fn copy(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(length)?;
        (end <= self.size).then(|| (start..end).map(|at| self.byte(at)).collect())
    }

    fn byte(&self, at: usize) -> u8 {
        let place = self.memory.as_ptr().wrapping_add(at);
        // SAFETY: `copy` checked that it is in the mapping.
        unsafe { place.read_volatile() }
    }

    /// Bytes mapped.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours, and nothing refers into it.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.size) };
    }
}
