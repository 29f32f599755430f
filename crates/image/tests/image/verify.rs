//! What is told of images that can be read and are still not right.

use kflat_image::{Image, verify};

use crate::by_hand::ByHand;
use crate::kernel::saved;

fn findings(bytes: Vec<u8>) -> Vec<String> {
    verify(&Image::open(bytes).unwrap())
}

fn of(change: impl FnOnce(&mut ByHand)) -> Vec<String> {
    let mut image = ByHand::right();
    change(&mut image);
    findings(image.build())
}

#[test]
fn nothing_is_wrong_with_a_right_image() {
    assert_eq!(findings(saved()), [""; 0]);
    assert_eq!(of(|_| {}), [""; 0]);
}

#[test]
fn fragments_that_do_not_tile_are_told() {
    assert_eq!(
        of(|image| image.fragments = vec![(0, 24), (24, 8)]),
        ["fragments, before entry 2: 8 bytes at 0x20 are in none"]
    );
    assert_eq!(
        of(|image| image.fragments = vec![(0, 24)]),
        [
            "fragments, before entry 1: 16 bytes at 0x18 are in none",
            "pointer locations, entry 1: 0x18 is not inside of one fragment"
        ]
    );
    // Padding before the first aligns it.
    assert_eq!(of(|image| image.fragments[0] = (3, 21)), [""; 0]);
}

#[test]
fn words_across_a_border_are_told() {
    assert_eq!(
        of(|image| image.fragments = vec![(0, 20), (20, 20)]),
        ["function pointer locations, entry 0: 0x10 is not inside of one fragment"]
    );
    assert_eq!(
        of(|image| image.fragments = vec![(0, 12), (12, 28)]),
        ["pointer locations, entry 0: 0x8 is not inside of one fragment"]
    );
}

#[test]
fn roots_that_are_too_large_are_told() {
    assert_eq!(
        of(|image| image.named[1].3 = 17),
        ["named roots, lastname: 17 bytes at 0x18 are more than the memory of 0x28 has"]
    );
}

#[test]
fn a_damaged_extension_is_told() {
    let mut bytes = saved();
    let last = bytes.len() - 16;
    bytes[last] ^= 1;
    let found = findings(bytes);
    assert!(found[0].contains("checksum"), "{found:?}");
}

#[test]
fn objects_across_a_border_are_told() {
    let image = Image::open(saved()).unwrap();
    let (at, fragment) = (image.fragments().enumerate())
        .max_by_key(|(_, fragment)| fragment.size)
        .unwrap();
    // One fragment less: the next begins in its midst.
    let mut bytes = saved();
    let header = image.header();
    let records = 104
        + header.root_addr_count * 8
        + header.root_addr_extended_size
        + (header.ptr_count + header.fptr_count) * 8;
    let size = records as usize + at * 16 + 8;
    bytes[size..size + 8].copy_from_slice(&(fragment.size - 40).to_le_bytes());
    let found = findings(bytes);
    assert!(
        found.iter().any(|what| what.contains("are in none")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|what| what.contains("go beyond")),
        "{found:?}"
    );
}
