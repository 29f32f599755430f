//! Images from streams of all kinds.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::IntoRawFd as _;

use libc::FILE;
use tempfile::NamedTempFile;
use unflatten::Status;

use crate::session::{Session, WAYS, close, follow, open, text};

/// Loads from a stream, and looks at what was loaded after it was closed.
fn loads(stream: *mut FILE) {
    assert!(!stream.is_null());
    for way in WAYS {
        let session = Session::new();
        // SAFETY: An open stream.
        let status = unsafe { way(session.0, stream, None) };
        assert_eq!(status, Status::Ok, "{}", session.error());
        let dentry = follow(session.root(c"file"), 8);
        assert_eq!(text(follow(dentry, 16).cast()), "hostname");
    }
    close(stream);
}

#[test]
fn a_file_is_read_from_its_start() {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&crate::kernel::saved()).unwrap();
    let stream = open(file.path());
    // SAFETY: An open stream.
    unsafe { libc::fseek(stream, 0, libc::SEEK_END) };
    loads(stream);
}

#[test]
fn what_was_just_written_is_there() {
    let saved = crate::kernel::saved();
    // SAFETY: A new stream.
    let stream = unsafe { libc::tmpfile() };
    // SAFETY: An open stream, and as many bytes.
    unsafe { libc::fwrite(saved.as_ptr().cast(), 1, saved.len(), stream) };
    loads(stream);
}

#[test]
fn an_image_in_memory_is_read() {
    let mut saved = crate::kernel::saved();
    // SAFETY: As many bytes, which outlive the stream.
    let stream = unsafe { libc::fmemopen(saved.as_mut_ptr().cast(), saved.len(), c"rb".as_ptr()) };
    loads(stream);
}

#[test]
fn a_pipe_is_read_to_its_end() {
    for way in WAYS {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let sent = std::thread::spawn(move || writer.write_all(&crate::kernel::saved()));
        let descriptor = std::os::fd::OwnedFd::from(reader).into_raw_fd();
        // SAFETY: The stream is the only owner of the descriptor.
        let stream = unsafe { libc::fdopen(descriptor, c"rb".as_ptr()) };
        let session = Session::new();
        // SAFETY: An open stream.
        let status = unsafe { way(session.0, stream, None) };
        assert_eq!(status, Status::Ok);
        assert!(!session.root(c"task").is_null());
        sent.join().unwrap().unwrap();
        close(stream);
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let file = NamedTempFile::new().unwrap();
    let descriptor = File::options()
        .append(true)
        .open(file.path())
        .unwrap()
        .into_raw_fd();
    std::fs::write(file.path(), crate::kernel::saved()).unwrap();
    // SAFETY: The stream is the only owner of the descriptor.
    let stream = unsafe { libc::fdopen(descriptor, c"ab".as_ptr()) };
    for way in WAYS {
        let session = Session::new();
        // SAFETY: An open stream.
        assert_eq!(unsafe { way(session.0, stream, None) }, Status::Io);
        assert!(session.error().contains("ermission"), "{}", session.error());
    }
    close(stream);
}
