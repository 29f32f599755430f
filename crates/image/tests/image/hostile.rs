//! No bytes make the reader or a view panic, hang, or fill the memory.

use std::time::{Duration, Instant};

use kflat_image::Image;
use kflat_image::abi::crc32c::crc32c;
use kflat_image::container::{Builder, Container};
use kflat_image::describe::describe;
use kflat_image::show::{Options, show};
use proptest::prelude::*;

use crate::kernel::{image, saved};

/// Opens and looks at everything.
fn exercise(bytes: Vec<u8>) {
    let start = Instant::now();
    let Ok(image) = Image::open(bytes) else {
        return;
    };
    let mut out = Vec::new();
    describe(&image, &mut out).unwrap();
    let options = Options {
        lines: 2000,
        depth: 1000,
        addresses: true,
        ..Options::default()
    };
    show(&image, &options, &mut out).unwrap();
    for path in [
        "file.f_path.dentry->d_name.name",
        "task.children[1].children[0]",
        "file.table[1]",
    ] {
        let options = Options {
            path: Some(path.to_owned()),
            ..options.clone()
        };
        let _ = show(&image, &options, &mut out);
    }
    assert!(out.len() < 4 << 20);
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// The saved example with its container's checksums made right again, so that
/// damage gets past them.
fn damaged(image: Option<(usize, u8)>, payload: Option<(usize, usize, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = saved();
    let end = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
    let start = end.next_multiple_of(8);
    let mut entries: Vec<(u32, Vec<u8>)> = Container::parse(&bytes[start..])
        .unwrap()
        .entries()
        .map(|(kind, payload)| (kind, payload.to_vec()))
        .collect();
    if let Some((which, at, new)) = payload {
        let which = which % entries.len();
        let payload = &mut entries[which].1;
        for (offset, byte) in new.into_iter().enumerate() {
            let at = (at + offset) % payload.len();
            payload[at] = byte;
        }
    }
    let mut builder = Builder::new();
    for (kind, payload) in &entries {
        builder.add(*kind, payload);
    }
    bytes.truncate(start);
    bytes.extend(builder.finish());
    if let Some((at, byte)) = image {
        let at = at % end;
        bytes[at] = byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_changed_byte_of_the_image(at in 0usize..4096, byte: u8) {
        exercise(damaged(Some((at, byte)), None));
    }

    #[test]
    fn changed_bytes_of_the_extension_with_right_checksums(
        which in 0usize..8,
        at in 0usize..4096,
        bytes in proptest::collection::vec(any::<u8>(), 1..8),
    ) {
        exercise(damaged(None, Some((which, at, bytes))));
    }

    #[test]
    fn numbers_that_are_small_or_huge_in_the_extension(
        which in 0usize..8,
        at in 0usize..1024,
        number in prop_oneof![0u32..64, Just(u32::MAX), Just(1 << 31), 0xffff_fff0u32..],
    ) {
        exercise(damaged(None, Some((which, at * 4, number.to_le_bytes().to_vec()))));
    }

    #[test]
    fn a_changed_word_of_the_image(at in 0usize..512, word in prop_oneof![0u64..1024, any::<u64>()]) {
        let mut bytes = saved();
        let at = at * 8 % (image().header().image_size as usize - 8);
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        exercise(bytes);
    }

    #[test]
    fn a_part_of_an_image(length in 0usize..8192) {
        let mut bytes = saved();
        bytes.truncate(length % bytes.len());
        exercise(bytes);
    }

    #[test]
    fn anything(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let mut image = b"FLATTEN\0\x02\0\0\0\0\0\0\0".to_vec();
        image.extend(bytes);
        exercise(image);
    }
}

#[test]
fn huge_counts_cost_nothing() {
    let whole = saved();
    for at in (32..104).step_by(8) {
        for count in [u64::MAX, u64::MAX / 8, u64::MAX / 16 + 1, 1 << 60, 1 << 40] {
            let mut bytes = whole.clone();
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
            assert!(Image::open(bytes).is_err(), "{at}: {count:#x}");
        }
    }
}

/// A structure of a hundred members that all lie in each other would unfold to
/// 100^64 lines.
#[test]
fn types_inside_themselves_end() {
    use kflat_btf::{Assembler, TypeId};
    let mut types = Assembler::default();
    let long = types.int("unsigned long", 8, false);
    let mut inner = long;
    for _ in 0..60 {
        let names: Vec<String> = (0..100).map(|index| format!("m{index}")).collect();
        let members: Vec<(&str, TypeId, u32)> =
            names.iter().map(|name| (name.as_str(), inner, 0)).collect();
        inner = types.structure("deep", 8, &members);
    }
    let bytes = saved();
    let start = (image().header().image_size as usize).next_multiple_of(8);
    let mut builder = Builder::new();
    for (kind, payload) in Container::parse(&bytes[start..]).unwrap().entries() {
        let mut payload = payload.to_vec();
        match kind {
            16 => payload = types.finish(),
            17 => {
                // Every type of the program is the deepest one.
                let program = kflat_image::abi::program::Program::find(&payload).unwrap();
                let (table, count) = (program.header().types.offset, program.counts().0);
                for index in 0..count as usize {
                    let at = table as usize + index * 32 + 4;
                    payload[at..at + 4].copy_from_slice(&inner.0.to_le_bytes());
                }
            }
            _ => {}
        }
        builder.add(kind, &payload);
    }
    let mut file = bytes[..start].to_vec();
    file.extend(builder.finish());
    assert_ne!(crc32c(&file), 0);
    exercise(file);
}
