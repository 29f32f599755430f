//! Images are loaded, used, changed and reset.

use std::ffi::{CStr, c_char};

use kflat_image::load::POISON;
use unflatten::exports::{images, roots};
use unflatten::{Header, Status};

use crate::session::{Session, WAYS, follow, free, put, text, word};

extern "C" fn resolver(symbol: *const c_char) -> usize {
    // SAFETY: The library hands over a string.
    match unsafe { CStr::from_ptr(symbol) }.to_bytes() {
        b"example_read" => 0x1234,
        _ => 0,
    }
}

extern "C" fn knows_nothing(_: *const c_char) -> usize {
    0
}

#[test]
fn structures_are_used_as_they_were_in_the_kernel() {
    for way in WAYS {
        let session = Session::new();
        let status = session.load(way, &crate::kernel::saved(), Some(resolver));
        assert_eq!((status, session.error()), (Status::Ok, String::new()));
        let file = session.root(c"file");
        let dentry = follow(file, 8);
        assert_eq!(text(follow(dentry, 16).cast()), "hostname");
        assert_eq!(follow(file, 40), file, "a circle");
        assert_eq!(word(follow(file, 16)), 0x1234, "a function");
    }
}

#[test]
fn functions_without_an_address_are_poisoned() {
    for way in WAYS {
        let session = Session::loaded(way);
        let function = || word(follow(session.root(c"file"), 16));
        assert_eq!(function(), POISON);
        assert_eq!(images::unflatten_set_poison(session.0, 77), Status::Ok);
        let saved = crate::kernel::saved();
        session.load(way, &saved, Some(knows_nothing));
        assert_eq!(function(), 77);
    }
}

#[test]
fn roots_come_in_order_and_by_name() {
    for way in WAYS {
        let session = Session::loaded(way);
        let next = || roots::unflatten_root_pointer_next(session.0).cast::<u8>();
        let at = |index| roots::unflatten_root_pointer_seq(session.0, index).cast::<u8>();
        let (file, task) = (session.root(c"file"), session.root(c"task"));
        assert_eq!((next(), next()), (file, task));
        assert!(next().is_null());
        assert_eq!(session.status(), Status::Ok, "a root that was NULL");
        assert!(next().is_null());
        assert_eq!(session.status(), Status::NoNextRootPointer);
        assert_eq!((at(0), next()), (file, task));
        assert!(at(3).is_null());
        assert_eq!(session.status(), Status::IndexOutOfRange);
        assert!(session.root(c"inode").is_null());
        assert_eq!(session.status(), Status::NotFoundNamedRootPointer);
        assert_eq!(session.error(), "there is no root of this name");

        let mut size = 1;
        // SAFETY: A string and a place for the size.
        let named = |name: &CStr, size: &mut usize| unsafe {
            roots::unflatten_root_pointer_named(session.0, name.as_ptr(), size)
        };
        assert_eq!((named(c"file", &mut size).cast(), size), (file, 112));
        assert!(named(c"inode", &mut size).is_null());
        assert_eq!(size, 0);
        let names: Vec<String> = (0..roots::unflatten_root_count(session.0))
            .map(|index| text(roots::unflatten_root_name(session.0, index)))
            .collect();
        assert_eq!(names, ["file", "task", "nothing"]);
        assert!(roots::unflatten_root_name(session.0, 3).is_null());
    }
}

#[test]
fn a_reset_takes_back_what_was_written() {
    for way in WAYS {
        let session = Session::loaded(way);
        let file = session.root(c"file");
        let before = word(file);
        for round in 0..3 {
            put(file, round);
            assert_eq!(session.reset(), Status::Ok);
            assert_eq!(word(file), before);
            // From the first root on again.
            let next = roots::unflatten_root_pointer_next(session.0);
            assert_eq!(next.cast(), file);
        }
    }
}

#[test]
fn what_code_frees_is_not_freed_again() {
    let session = Session::loaded(images::unflatten_load);
    let operations = follow(session.root(c"file"), 16);
    images::unflatten_mark_freed(session.0, operations.wrapping_add(8).cast());
    assert_eq!(session.status(), Status::InvalidAddressPointee);
    images::unflatten_mark_freed(session.0, operations.cast());
    assert_eq!(session.status(), Status::Ok);
    free(operations);
    assert_eq!(session.reset(), Status::Ok);
    assert_eq!(word(follow(session.root(c"file"), 16)), POISON);
    // A second time, and the image goes without it.
    let operations = follow(session.root(c"file"), 16);
    images::unflatten_mark_freed(session.0, operations.cast());
    free(operations);
}

#[test]
fn a_variable_is_replaced_by_one_of_the_program() {
    for way in WAYS {
        let session = Session::loaded(way);
        let file = session.root(c"file");
        let mut own = [0u64; 10];
        let own = own.as_mut_ptr().cast::<u8>();
        assert_eq!(session.replace(follow(file, 8), own, 80), 3);
        assert_eq!((follow(file, 8), follow(file, 32)), (own, own));
        for wrong in [
            session.replace(std::ptr::null_mut(), own, 8),
            session.replace(own, std::ptr::null_mut(), 8),
            session.replace(own, own, 0),
        ] {
            assert_eq!(wrong, -(Status::InvalidArgument as isize));
        }
    }
}

#[test]
fn the_header_is_that_of_the_image() {
    let session = Session::loaded(images::unflatten_load);
    let image = crate::kernel::image();
    let header = images::unflatten_get_image_header(session.0);
    // SAFETY: The header is there as long as the image.
    let found = unsafe { &*header.cast::<Header>() };
    let expected = image.header();
    assert_eq!(
        (found.magic, found.version, found.image_size, found.mcount),
        (
            expected.magic,
            expected.version,
            expected.image_size,
            expected.mcount
        )
    );
    // SAFETY: As above.
    let fragments = unsafe { images::unflatten_header_fragment_count(header) };
    // SAFETY: As above.
    let memory = unsafe { images::unflatten_header_memory_size(header) };
    assert_eq!(
        (fragments, memory as u64),
        (expected.mcount, expected.memory_size)
    );
}

#[test]
fn a_linked_image_is_used_as_it_is() {
    let linked = kflat_image::load::link(&crate::kernel::saved(), 0x5b00_0000_0000).unwrap();
    let session = Session::new();
    let prelinked = || images::unflatten_is_prelinked(session.0);
    let load = |way| session.load(way, &linked, Some(resolver));
    assert_eq!(load(images::unflatten_load_prelinked), Status::Ok);
    assert_eq!(prelinked(), 1);
    let file = session.root(c"file");
    assert_eq!(file.addr() >> 40, 0x5b);
    assert_eq!(word(follow(file, 16)), 0x1234);
    // Where its address is taken it is loaded elsewhere.
    let second = Session::new();
    let status = second.load(images::unflatten_load_prelinked, &linked, None);
    assert_eq!(status, Status::Ok);
    assert_eq!(images::unflatten_is_prelinked(second.0), 0);
    let dentry = follow(second.root(c"file"), 8);
    assert_eq!(text(follow(dentry, 16).cast()), "hostname");
    // Who does not ask for it gets a checked one.
    assert_eq!(load(images::unflatten_load_continuous), Status::Ok);
    assert_eq!(prelinked(), 0);
}

#[test]
fn an_image_without_fragments_is_loaded_in_one_piece() {
    let image = crate::kernel::image();
    let header = image.header();
    let records = 104
        + (header.root_addr_count * 8 + header.root_addr_extended_size) as usize
        + (header.ptr_count + header.fptr_count) as usize * 8;
    let mut bytes = image.bytes()[..header.image_size as usize].to_vec();
    let size = header.mcount * 16;
    bytes.drain(records..records + size as usize);
    bytes[32..40].copy_from_slice(&(header.image_size - size).to_le_bytes());
    bytes[96..104].fill(0);
    for way in WAYS {
        let session = Session::new();
        assert_eq!(session.load(way, &bytes, None), Status::Ok);
        let dentry = follow(session.root(c"file"), 8);
        assert_eq!(text(follow(dentry, 16).cast()), "hostname");
    }
}
