//! A handle and files for it.

use std::ffi::{CStr, CString, c_char, c_void};
use std::io::Write as _;
use std::path::Path;
use std::ptr;

use libc::FILE;
use tempfile::NamedTempFile;
use unflatten::exports::{Handle, images, roots, status};
use unflatten::{Resolver, Status};

/// How to load.
pub(crate) type Load = unsafe extern "C" fn(Handle, *mut FILE, Resolver) -> Status;

/// By fragments, and in one piece.
pub(crate) const WAYS: [Load; 2] = [images::unflatten_load, images::unflatten_load_continuous];

/// A handle that is given back.
pub(crate) struct Session(pub(crate) Handle);

impl Session {
    pub(crate) fn new() -> Self {
        Self(images::unflatten_init(0))
    }

    /// A handle with the example loaded.
    pub(crate) fn loaded(way: Load) -> Self {
        let session = Self::new();
        assert_eq!(session.load(way, &crate::kernel::saved(), None), Status::Ok);
        session
    }

    /// Loads from a file whose name is gone afterwards, and which is closed.
    pub(crate) fn load(&self, way: Load, bytes: &[u8], resolver: Resolver) -> Status {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let stream = open(file.path());
        // SAFETY: A stream of a file that nobody else has.
        let status = unsafe { way(self.0, stream, resolver) };
        close(stream);
        status
    }

    pub(crate) fn root(&self, name: &CStr) -> *mut u8 {
        // SAFETY: A string, and no place for the size.
        let root =
            unsafe { roots::unflatten_root_pointer_named(self.0, name.as_ptr(), ptr::null_mut()) };
        root.cast()
    }

    pub(crate) fn reset(&self) -> Status {
        // SAFETY: Only this test uses the image.
        unsafe { images::unflatten_reset(self.0) }
    }

    pub(crate) fn replace(&self, old: *mut u8, new: *mut u8, size: usize) -> isize {
        // SAFETY: As above.
        unsafe { images::unflatten_replace_variable(self.0, old.cast(), new.cast(), size) }
    }

    pub(crate) fn status(&self) -> Status {
        status::unflatten_last_status(self.0)
    }

    pub(crate) fn error(&self) -> String {
        text(status::unflatten_last_error(self.0))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        images::unflatten_deinit(self.0);
    }
}

/// A stream to read a file.
pub(crate) fn open(path: &Path) -> *mut FILE {
    let path = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: Two strings.
    let stream = unsafe { libc::fopen(path.as_ptr(), c"rb".as_ptr()) };
    assert!(!stream.is_null());
    stream
}

pub(crate) fn close(stream: *mut FILE) {
    // SAFETY: The tests close what they opened, once.
    unsafe { libc::fclose(stream) };
}

/// A string of the library's or of an image.
pub(crate) fn text(at: *const c_char) -> String {
    assert!(!at.is_null());
    // SAFETY: It ends in NUL.
    unsafe { CStr::from_ptr(at) }.to_str().unwrap().to_owned()
}

/// The word at a pointer.
pub(crate) fn word(at: *const u8) -> u64 {
    // SAFETY: The tests read inside of loaded objects.
    unsafe { at.cast::<u64>().read_unaligned() }
}

pub(crate) fn put(at: *mut u8, word: u64) {
    // SAFETY: As above.
    unsafe { at.cast::<u64>().write_unaligned(word) };
}

/// Where the word at byte `inside` leads.
pub(crate) fn follow(at: *const u8, inside: usize) -> *mut u8 {
    ptr::with_exposed_provenance_mut(word(at.wrapping_add(inside)) as usize)
}

pub(crate) fn free(at: *mut u8) {
    // SAFETY: The tests free what was made by `malloc`.
    unsafe { libc::free(at.cast::<c_void>()) };
}
