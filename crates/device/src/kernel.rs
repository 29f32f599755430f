//! The system calls.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::time::Duration;

use kflat_abi::control::{
    KFLAT_CAPTURE_STATUS, KFLAT_ENABLE_ALSO, KFLAT_RECIPE_DESCRIBE, KFLAT_RECIPE_LIST,
    KFLAT_RECIPE_LOAD, KFLAT_RECIPE_UNLOAD, KFLAT_TEST_LIST, KFLAT_VERSION,
};
use kflat_abi::uapi::{
    KFLAT_MEMORY_MAP, KFLAT_PROC_DISABLE, KFLAT_PROC_ENABLE, KFLAT_TESTS, MemoryMap,
};

use crate::channel::{Channel, Memory, Readiness, Request};

/// The real device.
pub(crate) struct Kernel(pub(crate) File);

impl Kernel {
    /// The module must not write more than `argument` and the buffers to which
    /// it leads; `carry_out` pairs each command with the argument that it is
    /// defined with.
    fn ioctl<T>(&self, command: u32, argument: *mut T) -> io::Result<u64> {
        // SAFETY: `argument` points to the struct that `command` is defined
        // with, which lives, as do the buffers in it, until the call returns.
        let returned = unsafe { libc::ioctl(self.0.as_raw_fd(), command.into(), argument) };
        u64::try_from(returned).map_err(|_| io::Error::last_os_error())
    }
}

/// For commands that only read their argument.
fn input<T>(argument: &T) -> *mut T {
    std::ptr::from_ref(argument).cast_mut()
}

fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr().expose_provenance() as u64
}

fn address_mut(bytes: &mut [u8]) -> u64 {
    bytes.as_mut_ptr().expose_provenance() as u64
}

impl Channel for Kernel {
    fn carry_out(&self, request: Request<'_>) -> io::Result<u64> {
        match request {
            Request::Enable(argument) => self.ioctl(KFLAT_PROC_ENABLE, input(argument)),
            Request::EnableAlso(argument) => self.ioctl(KFLAT_ENABLE_ALSO, input(argument)),
            Request::Disable(argument) => self.ioctl(KFLAT_PROC_DISABLE, argument),
            Request::Test(argument) => self.ioctl(KFLAT_TESTS, input(argument)),
            Request::MemoryMap(buffer) => {
                let mut argument = MemoryMap {
                    size: buffer.len() as u64,
                    buffer: address_mut(buffer),
                };
                self.ioctl(KFLAT_MEMORY_MAP, &raw mut argument)
            }
            Request::Load(argument, program, attachment) => {
                argument.program = address(program);
                argument.program_size = program.len() as u64;
                argument.attachment = address(attachment);
                argument.attachment_size = attachment.len() as u64;
                self.ioctl(KFLAT_RECIPE_LOAD, argument)
            }
            Request::Unload(argument) => self.ioctl(KFLAT_RECIPE_UNLOAD, input(argument)),
            Request::Recipes(argument, names) => {
                argument.buffer_size = names.len() as u64;
                argument.buffer = address_mut(names);
                self.ioctl(KFLAT_RECIPE_LIST, argument)
            }
            Request::Tests(argument, names) => {
                argument.buffer_size = names.len() as u64;
                argument.buffer = address_mut(names);
                self.ioctl(KFLAT_TEST_LIST, argument)
            }
            Request::Describe(argument, program, attachment) => {
                argument.program_size = program.len() as u64;
                argument.program = address_mut(program);
                argument.attachment_size = attachment.len() as u64;
                argument.attachment = address_mut(attachment);
                self.ioctl(KFLAT_RECIPE_DESCRIBE, argument)
            }
            Request::Status(argument) => self.ioctl(KFLAT_CAPTURE_STATUS, argument),
            Request::Version(argument) => self.ioctl(KFLAT_VERSION, argument),
        }
    }

    fn map(&self, what: i64, size: usize) -> io::Result<Box<dyn Memory>> {
        const PAGE: i64 = 4096;
        let offset = what.checked_mul(PAGE).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: A new mapping, at an address of the kernel's choice.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                self.0.as_raw_fd(),
                offset,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Box::new(Mapping { memory, size }))
    }

    fn poll(&self, timeout: Option<Duration>) -> io::Result<Readiness> {
        let mut waiting = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let timeout = timeout.map_or(-1, |timeout| {
            // Up to the next millisecond: a wait of less is no wait.
            let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
            libc::c_int::try_from(milliseconds).unwrap_or(libc::c_int::MAX)
        });
        // SAFETY: One `pollfd`, which lives until the call returns.
        match unsafe { libc::poll(&raw mut waiting, 1, timeout) } {
            0 => Ok(Readiness::TimedOut),
            1 if waiting.revents & libc::POLLIN != 0 => Ok(Readiness::Readable),
            1 => Ok(Readiness::Failed),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(into)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A mapped area.
struct Mapping {
    // INVARIANT: A readable mapping of `size` bytes that is ours.
    memory: NonNull<u8>,
    size: usize,
}

impl Memory for Mapping {
    fn size(&self) -> usize {
        self.size
    }

    fn copy(&self, at: usize, into: &mut [u8]) {
        // Whole words, of which the first and last may be needed in part.
        let (first, before) = (at / 8, at % 8);
        let (head, rest) = into.split_at_mut(into.len().min((8 - before) % 8));
        let chunks = std::iter::once((before, head)).filter(|(_, head)| !head.is_empty());
        let chunks = chunks.chain(rest.chunks_mut(8).map(|chunk| (0, chunk)));
        let words = self.memory.cast::<u64>();
        for (index, (skipped, chunk)) in (first..).zip(chunks) {
            if index.saturating_mul(8).saturating_add(8) > self.size {
                break;
            }
            // SAFETY: A word of the mapping, as was just checked: mappings have
            // whole pages, so that the last word is whole too.
            let place = unsafe { words.add(index) };
            // SAFETY: As above. The kernel may write it at any time; any bytes
            // are a `u64`.
            let word = unsafe { place.read_volatile() }.to_ne_bytes();
            for (into, byte) in chunk.iter_mut().zip(word.iter().skip(skipped)) {
                *into = *byte;
            }
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours, and nothing refers into it.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.size) };
    }
}
