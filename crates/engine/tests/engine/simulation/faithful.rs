//! What an image has to do with the memory that it was captured from.

use kflat_abi::program::Program;

use super::kernel::Kernel;
use super::loader::Image;

/// Every byte of an object is that of memory; a pointer leads to what memory's word
/// led to.
pub(crate) fn is_faithful(kernel: &Kernel, image: &Image, program: &Program<'_>) {
    let word_of = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    let in_pointer = |at: u64| {
        let before = image.pointers.partition_point(|pointer| *pointer <= at);
        before > 0 && at - image.pointers[before - 1] < 8
    };
    for object in &image.objects {
        let end = object.offset + program.object_size(object.type_index, object.count);
        let mut at = object.offset;
        while at < end {
            if image.is_pointer(at) {
                let was = word_of(kernel.bytes(image.original(at), 8).expect("mapped"));
                let target = image.word(at);
                let leads =
                    (image.fragments.iter().zip(&image.origins)).any(|((start, _), origin)| {
                        origin.wrapping_add(target.wrapping_sub(*start)) == was
                    });
                assert!(leads, "{was:#x} became {target:#x}");
                at += 8;
            } else if in_pointer(at) {
                // An object at an odd place begins inside of another's word.
                at += 1;
            } else {
                let was = kernel.bytes(image.original(at), 1).expect("mapped")[0];
                assert_eq!(image.memory[at as usize], was, "at {at:#x} {object:?}");
                at += 1;
            }
        }
    }
}
