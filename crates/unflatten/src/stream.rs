//! `FILE *` as a file that can be mapped.

#![expect(unsafe_code, reason = "uses streams of the C library")]

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;

use libc::FILE;
use rustix::fs::{MemfdFlags, memfd_create};

unsafe extern "C" {
    #[link_name = "stdout"]
    static STDOUT: *mut FILE;
}

/// The file of a stream, from its start. What is no regular file (a pipe, memory)
/// is read to its end.
///
/// # Errors
/// If it can't be read.
///
/// # Safety
/// `stream` must be an open stream that no other thread closes meanwhile.
pub(crate) unsafe fn file_of(stream: *mut FILE) -> io::Result<File> {
    // What was written to the stream and not yet to its file belongs to it.
    // SAFETY: The caller's promise.
    unsafe { libc::fflush(stream) };
    // SAFETY: As above.
    let descriptor = unsafe { libc::fileno(stream) };
    if descriptor >= 0 {
        // SAFETY: The stream has it open.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let file = File::from(borrowed.try_clone_to_owned()?);
        if file.metadata()?.is_file() {
            return Ok(file);
        }
    }
    // A pipe has no start to go to.
    // SAFETY: As above.
    unsafe { libc::fseek(stream, 0, libc::SEEK_SET) };
    // SAFETY: As above.
    unsafe { copy_of(stream) }
}

/// What a stream has from where it is.
///
/// # Safety
/// As for [`file_of`].
unsafe fn copy_of(stream: *mut FILE) -> io::Result<File> {
    let mut copy = File::from(memfd_create("kflat image", MemfdFlags::CLOEXEC)?);
    let mut block = vec![0u8; 1 << 16];
    loop {
        // SAFETY: The block has as many bytes; the caller's promise.
        let read = unsafe { libc::fread(block.as_mut_ptr().cast(), 1, block.len(), stream) };
        copy.write_all(block.get(..read).unwrap_or(&[]))?;
        if read < block.len() {
            break;
        }
    }
    // SAFETY: As above.
    match unsafe { libc::ferror(stream) } {
        0 => Ok(copy),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Prints to C's stdout, so that it comes in order with what the program prints.
///
/// # Errors
/// If it can't be written.
pub(crate) fn print(text: &[u8]) -> io::Result<()> {
    // SAFETY: The C library sets it before anything runs.
    let stdout = unsafe { STDOUT };
    // SAFETY: The text has as many bytes; stdout is a stream.
    let written = unsafe { libc::fwrite(text.as_ptr().cast(), 1, text.len(), stdout) };
    if written < text.len() {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
