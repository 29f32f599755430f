//! Objects and where they were in the kernel.

use std::mem::MaybeUninit;

use unflatten::exports::objects;
use unflatten::{Object, Status};

use crate::kernel::{DENTRY, FILE, TASK};
use crate::session::{Session, WAYS, follow, text};

type Find = dyn Fn(*mut Object, usize) -> Status;

fn found(find: &Find) -> Object {
    let mut object = MaybeUninit::uninit();
    assert_eq!(find(object.as_mut_ptr(), size_of::<Object>()), Status::Ok);
    // SAFETY: It was filled.
    unsafe { object.assume_init() }
}

fn at(session: &Session, index: usize) -> Object {
    let handle = session.0;
    // SAFETY: `found` has a place of that size.
    found(&move |object, size| unsafe {
        objects::unflatten_get_object(handle, index, object, size)
    })
}

fn around(session: &Session, pointer: *mut u8) -> Object {
    let handle = session.0;
    // SAFETY: As above.
    found(&move |object, size| unsafe {
        objects::unflatten_object_at(handle, pointer.cast(), object, size)
    })
}

#[test]
fn objects_have_types_sizes_and_addresses() {
    let image = crate::kernel::image();
    for way in WAYS {
        let session = Session::loaded(way);
        let count = objects::unflatten_object_count(session.0);
        assert_eq!(count, image.extension().unwrap().objects().len());
        let first = at(&session, 0);
        assert_eq!(
            (first.pointer.cast(), first.address, first.size, first.count),
            (session.root(c"file"), FILE, 112, 1)
        );
        assert_eq!(text(first.type_name), "struct file");
        let mut object = first;
        // SAFETY: A place of that size.
        let status = unsafe {
            objects::unflatten_get_object(session.0, count, &raw mut object, size_of::<Object>())
        };
        assert_eq!(status, Status::IndexOutOfRange);
        for index in 0..count {
            let object = at(&session, index);
            let again = around(&session, object.pointer.cast());
            assert!(again.size <= object.size && !again.type_name.is_null());
        }
    }
}

#[test]
fn the_object_around_a_pointer_is_the_smallest() {
    for way in WAYS {
        let session = Session::loaded(way);
        let task = around(&session, session.root(c"task").wrapping_add(30));
        assert_eq!(text(task.type_name), "struct task");
        assert_eq!(
            (task.address, task.pointer.cast()),
            (TASK, session.root(c"task"))
        );
        // An array of two, the first of which was captured on its own too.
        let dentry = follow(session.root(c"file"), 8);
        assert_eq!(around(&session, dentry).size, 40);
        let second = around(&session, dentry.wrapping_add(41));
        assert_eq!((second.size, second.count), (80, 2));
        let mut object = second;
        let outside = (&raw const object).cast();
        // SAFETY: A place of that size.
        let status = unsafe {
            objects::unflatten_object_at(session.0, outside, &raw mut object, size_of::<Object>())
        };
        assert_eq!(status, Status::InvalidAddressPointee);
    }
}

#[test]
fn addresses_are_found_both_ways() {
    for way in WAYS {
        let session = Session::loaded(way);
        let dentry = follow(session.root(c"file"), 8);
        let mut address = 0;
        // SAFETY: A place for a number.
        let status = unsafe {
            let inside = dentry.wrapping_add(7).cast();
            objects::unflatten_original_address(session.0, inside, &raw mut address)
        };
        assert_eq!((status, address), (Status::Ok, DENTRY + 7));
        let found = objects::unflatten_pointer_at(session.0, DENTRY + 7);
        assert_eq!(found.cast(), dentry.wrapping_add(7));
        assert!(objects::unflatten_pointer_at(session.0, DENTRY - 1).is_null());
        assert_eq!(session.status(), Status::NotFound);
        assert!(objects::unflatten_pointer_at(session.0, u64::MAX).is_null());
    }
}

#[test]
fn a_program_gets_the_members_that_it_knows() {
    let session = Session::loaded(WAYS[0]);
    let whole = at(&session, 0);
    let mut place = [0xaau8; 64];
    // SAFETY: A place of that size.
    let fill = |place: &mut [u8], size| unsafe {
        objects::unflatten_get_object(session.0, 0, place.as_mut_ptr().cast(), size)
    };
    // One that is older than the library, and one that is younger.
    assert_eq!(fill(&mut place, 16), Status::Ok);
    assert_eq!(place[8..16], whole.size.to_le_bytes());
    assert_eq!(place[16..], [0xaa; 48]);
    assert_eq!(fill(&mut place, 64), Status::Ok);
    assert_eq!(place[32..40], whole.address.to_le_bytes());
    assert_eq!(place[40..], [0; 24]);
}

#[test]
fn an_image_without_an_extension_tells_of_no_objects() {
    let saved = crate::kernel::saved();
    let size = crate::kernel::image().header().image_size as usize;
    for way in WAYS {
        let session = Session::new();
        assert_eq!(session.load(way, &saved[..size], None), Status::Ok);
        assert_eq!(objects::unflatten_object_count(session.0), 0);
        assert!(objects::unflatten_pointer_at(session.0, FILE).is_null());
        assert_eq!(session.status(), Status::NotFound);
    }
}
