//! All loaders. The C API over them belongs here too.

#![expect(unsafe_code, reason = "loading has contracts on files and memory")]

use std::fs::File;
use std::io::Write as _;

use kflat_image::load::{Loaded, Options, link};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::checksums::mended;

/// Where images are linked to: nothing else is mapped there.
const BASE: u64 = 0x2000_0000_0000;

/// Loads an image in each way, writes to it, resets it, replaces an object.
///
/// # Panics
/// If the system has no memory for files, or a reset does not bring back what
/// was loaded.
pub fn load(data: &[u8]) {
    let bytes = mended(data);
    let resolver = |name: &str| (name.len() > 2).then_some(0xf000);
    let options = Options {
        resolver: Some(&resolver),
        ..Options::default()
    };
    let file = file(&bytes);
    // SAFETY: Nobody else has the file.
    if let Ok(loaded) = unsafe { Loaded::map(&file, &options) } {
        use_it(loaded);
    }
    // SAFETY: As above.
    if let Ok(loaded) = unsafe { Loaded::fragments(&file, &options) } {
        use_it(loaded);
    }
    let Ok(linked) = link(&bytes, BASE) else {
        return;
    };
    let options = Options {
        trust_linked: true,
        ..options
    };
    let file = self::file(&linked);
    // SAFETY: As above. What is trusted was linked here.
    let loaded =
        unsafe { Loaded::map(&file, &options) }.expect("it was checked when it was linked");
    use_it(loaded);
    let back = link(&linked, 0).expect("an image still");
    assert_eq!(link(&back, BASE).ok(), Some(linked));
}

fn file(bytes: &[u8]) -> File {
    let file = memfd_create("image", MemfdFlags::CLOEXEC).expect("a file in memory");
    let mut file = File::from(file);
    file.write_all(bytes).expect("room for it");
    file
}

fn use_it(mut loaded: Loaded) {
    let size = loaded.header().memory_size;
    for index in 0..loaded.header().root_addr_count.min(64) as usize {
        if let Some(root) = loaded.root(index) {
            let offset = loaded.offset(root.pointer);
            assert!(offset.is_none_or(|offset| offset <= size));
        }
    }
    let _ = loaded.named_root(b"first");
    let _ = loaded.extension();
    let Some(start) = loaded.pointer(0) else {
        return;
    };
    let has_byte = loaded.offset(start) == Some(0);
    let first = has_byte.then(|| {
        // SAFETY: Offset 0 has a byte, which nobody else uses.
        let byte = unsafe { start.read() };
        // SAFETY: As above.
        unsafe { start.write(!byte) };
        byte
    });
    let other = [0u8; 16];
    // SAFETY: Nobody else uses the memory.
    unsafe { loaded.replace(start, other.as_ptr(), 16) };
    for _ in 0..2 {
        // SAFETY: As above.
        unsafe { loaded.reset() }.expect("what was loaded can be reset");
        if let Some(first) = first {
            // SAFETY: As above; a reset leaves the image where it is.
            assert_eq!(unsafe { start.read() }, first);
        }
    }
    // Without addresses the first fragment is as `malloc` made it.
    if loaded.extension().is_none() && loaded.mark_freed(start) {
        // SAFETY: The loader leaves the allocation to us, and nobody uses it.
        unsafe { libc::free(start.cast()) };
        // SAFETY: Nobody else uses the memory.
        unsafe { loaded.reset() }.expect("it is allocated anew");
    }
}
