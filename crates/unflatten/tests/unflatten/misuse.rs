//! Whatever is handed over, there is a status.

#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "each of many calls takes the same NULLs"
)]

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use unflatten::Status;
use unflatten::exports::{Handle, images, objects, roots, status};

use crate::session::{Session, WAYS, text};

/// Calls every function with a handle.
fn every_function(handle: Handle) -> Vec<Status> {
    let null = ptr::null_mut();
    assert!(roots::unflatten_root_pointer_next(handle).is_null());
    assert!(roots::unflatten_root_pointer_seq(handle, 0).is_null());
    assert_eq!(roots::unflatten_root_count(handle), 0);
    assert!(roots::unflatten_root_name(handle, 0).is_null());
    assert!(images::unflatten_get_image_header(handle).is_null());
    assert_eq!(images::unflatten_is_prelinked(handle), 0);
    assert_eq!(objects::unflatten_object_count(handle), 0);
    assert!(objects::unflatten_pointer_at(handle, 0).is_null());
    images::unflatten_mark_freed(handle, null);
    images::unflatten_unload(handle);
    let mut place = [0u64; 5];
    let object = place.as_mut_ptr().cast();
    // SAFETY: NULL or places that are large enough; there is no image.
    unsafe {
        assert!(
            roots::unflatten_root_pointer_named(handle, c"x".as_ptr(), ptr::null_mut()).is_null()
        );
        vec![
            images::unflatten_reset(handle),
            objects::unflatten_get_object(handle, 0, object, 40),
            objects::unflatten_object_at(handle, null, object, 40),
            objects::unflatten_original_address(handle, null, place.as_mut_ptr()),
        ]
    }
}

#[test]
fn what_is_no_handle_is_refused_by_every_function() {
    let given_back = images::unflatten_init(0);
    images::unflatten_deinit(given_back);
    let on_the_stack = 0u64;
    for wrong in [
        ptr::null_mut(),
        given_back,
        ptr::from_ref(&on_the_stack).cast_mut().cast::<c_void>(),
    ] {
        assert!(
            every_function(wrong)
                .iter()
                .all(|status| *status == Status::InvalidArgument)
        );
        for way in WAYS {
            // SAFETY: There is no stream.
            let status = unsafe { way(wrong, ptr::null_mut(), None) };
            assert_eq!(status, Status::InvalidArgument);
        }
        assert_eq!(
            status::unflatten_last_status(wrong),
            Status::InvalidArgument
        );
        assert!(!text(status::unflatten_last_error(wrong)).is_empty());
        images::unflatten_deinit(wrong);
    }
}

#[test]
fn without_an_image_there_is_nothing() {
    let session = Session::new();
    let nothing = |status: &Status| *status == Status::UninitializedFlctrl;
    assert!(every_function(session.0).iter().all(nothing));
    let loaded = Session::loaded(images::unflatten_load);
    images::unflatten_unload(loaded.0);
    images::unflatten_unload(loaded.0);
    assert!(every_function(loaded.0).iter().all(nothing));
}

#[test]
fn null_where_something_is_needed_is_refused() {
    for way in WAYS {
        let session = Session::loaded(way);
        // SAFETY: NULL is allowed.
        unsafe {
            let no_name =
                roots::unflatten_root_pointer_named(session.0, ptr::null(), ptr::null_mut());
            assert!(no_name.is_null());
            let statuses = [
                session.status(),
                objects::unflatten_get_object(session.0, 0, ptr::null_mut(), 40),
                objects::unflatten_original_address(session.0, ptr::null(), ptr::null_mut()),
                images::unflatten_imginfo(session.0, ptr::null_mut()),
                way(session.0, ptr::null_mut(), None),
            ];
            assert_eq!(statuses, [Status::InvalidArgument; 5]);
            let no_header = ptr::null_mut();
            assert_eq!(images::unflatten_header_fragment_count(no_header), 0);
            assert_eq!(images::unflatten_header_memory_size(no_header), 0);
        }
        // A load that failed leaves no image.
        assert!(session.root(c"file").is_null());
        assert_eq!(session.status(), Status::UninitializedFlctrl);
    }
}

#[test]
fn a_bad_image_gives_its_status_and_says_where() {
    let saved = crate::kernel::saved();
    let with = |at: usize, value: u64| {
        let mut bytes = saved.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let first_pointer = saved.len().min(104 + 3 * 8)
        + u64::from_le_bytes(saved[80..88].try_into().unwrap()) as usize;
    let cases = [
        (Vec::new(), Status::TruncatedFile, "at least a header"),
        (saved[..300].to_vec(), Status::TruncatedFile, "cut off"),
        (
            b"#!/bin/sh\n".repeat(20),
            Status::InvalidMagic,
            "not a flattened image",
        ),
        (with(8, 3), Status::UnsupportedMagic, "version 3"),
        (with(48, u64::MAX), Status::Overflow, "impossible"),
        (with(32, 5), Status::DifferentImageSize, "image_size is 5"),
        (
            with(104, 1 << 40),
            Status::InvalidRootPointer,
            "roots, entry 0",
        ),
        (
            with(first_pointer, 1 << 40),
            Status::InvalidFixLocation,
            "pointer locations, entry 0",
        ),
    ];
    for way in WAYS {
        let session = Session::new();
        for (bytes, status, words) in &cases {
            assert_eq!(session.load(way, bytes, None), *status, "{words}");
            assert_eq!(session.status(), *status);
            assert!(session.error().contains(words), "{}", session.error());
        }
    }
}

#[test]
fn every_status_is_explained() {
    for status in Status::ALL {
        let explained = text(status::unflatten_explain_status(*status as i32));
        assert_eq!(explained.as_bytes(), status.text().to_bytes());
    }
    for wrong in [-1, i32::MAX] {
        assert!(text(status::unflatten_explain_status(wrong)).contains("no status"));
    }
}

static CALLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn calls_back(_: *const c_char) -> usize {
    let handle = ptr::without_provenance_mut(CALLED.load(Ordering::Relaxed));
    images::unflatten_unload(handle);
    assert!(images::unflatten_get_image_header(handle).is_null());
    images::unflatten_deinit(handle);
    0x77
}

#[test]
fn a_resolver_that_uses_the_handle_does_no_harm() {
    for way in WAYS {
        let session = Session::new();
        CALLED.store(session.0.addr(), Ordering::Relaxed);
        let status = session.load(way, &crate::kernel::saved(), Some(calls_back));
        assert_eq!(status, Status::Ok);
        assert!(session.root(c"file").is_null(), "it was given back");
    }
}
