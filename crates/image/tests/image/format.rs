//! The format: what a right image gives, and the error of each wrong one.

use kflat_image::abi::extension as abi;
use kflat_image::container::{Builder, Container};
use kflat_image::{Additions, Image, ImageError, save};

use crate::by_hand::ByHand;
use crate::kernel::{self, FILE, captured, image, saved};

#[test]
fn a_right_image_gives_what_it_holds() {
    let image = Image::open(ByHand::right().build()).unwrap();
    let roots: Vec<_> = image.roots().collect();
    assert_eq!(
        roots
            .iter()
            .map(|root| (root.name, root.offset, root.size))
            .collect::<Vec<_>>(),
        [
            (Some("first"), Some(0), 24),
            (None, None, 0),
            (Some("lastname"), Some(24), 16)
        ]
    );
    assert_eq!(image.root("lastname"), Some(roots[2]));
    assert_eq!(image.root_at(1), Some(roots[1]));
    assert_eq!((image.root("last"), image.root_at(3)), (None, None));
    assert_eq!(image.memory().len(), 40);
    assert_eq!(image.pointers().collect::<Vec<_>>(), [8, 24]);
    assert_eq!(
        (image.target(8), image.target(24), image.target(0)),
        (Some(24), Some(0), None)
    );
    assert_eq!(
        (image.function(16), image.function(8)),
        (Some("do_it"), None)
    );
    assert_eq!(image.functions().collect::<Vec<_>>(), [(16, "do_it")]);
    assert_eq!(image.fragments().len(), 2);
    assert_eq!(image.fragment(23).map(|(index, _)| index), Some(0));
    assert_eq!(image.fragment(24).map(|(index, _)| index), Some(1));
    assert_eq!(image.fragment(40), None);
    assert!(image.extension().is_none() && image.warnings().is_empty());
    assert_eq!(image.address(0), None);
}

#[test]
fn a_file_that_another_loader_wrote_its_addresses_into_is_read() {
    let mut wrong = ByHand::right();
    wrong.base = 0x7000_0000_0000;
    wrong.memory[1] = wrong.base + 24;
    wrong.memory[3] = wrong.base + 40;
    let image = Image::open(wrong.build()).unwrap();
    assert_eq!((image.target(8), image.target(24)), (Some(24), Some(40)));
}

#[test]
fn an_image_of_nothing_is_one() {
    let nothing = ByHand {
        base: 0,
        roots: vec![],
        named: vec![],
        pointers: vec![],
        functions: vec![],
        fragments: vec![],
        memory: vec![],
        symbols: vec![],
    };
    let image = Image::open(nothing.build()).unwrap();
    assert_eq!((image.roots().count(), image.memory().len()), (0, 0));
    // Some writers leave section 8 out when there is nothing in it.
    let mut bytes = nothing.build();
    bytes.truncate(104);
    bytes[32..40].copy_from_slice(&104u64.to_le_bytes());
    bytes[88..96].fill(0);
    Image::open(bytes).unwrap();
}

/// The error of the right image with one thing made wrong.
fn error(change: impl Fn(&mut ByHand)) -> String {
    let mut wrong = ByHand::right();
    change(&mut wrong);
    Image::open(wrong.build())
        .expect_err("it is wrong")
        .to_string()
}

/// The error of the right image's file with some bytes changed.
fn file_error(change: impl Fn(&mut Vec<u8>)) -> String {
    let mut bytes = ByHand::right().build();
    change(&mut bytes);
    Image::open(bytes).expect_err("it is wrong").to_string()
}

#[test]
fn each_violation_names_section_index_and_value() {
    let cases = [
        (
            error(|w| w.roots[2] = 41),
            "roots, entry 2: 0x29 is outside of the memory of 0x28 bytes",
        ),
        (
            error(|w| w.named[1].0 = 7),
            "named roots, entry 1: a padded length of 7 is no multiple of 8",
        ),
        (
            error(|w| w.named[1].0 = u64::MAX - 7),
            "named roots, entry 1: it goes beyond the section, or the section beyond the last entry",
        ),
        (
            error(|w| w.named[0].1 = b"fi\0st\0\0\0".to_vec()),
            "named roots, entry 0: the name is not UTF-8, or has a NUL in it",
        ),
        (
            error(|w| w.named[0].1 = b"\xffirst\0\0".to_vec()),
            "named roots, entry 0: the name is not UTF-8, or has a NUL in it",
        ),
        (
            error(|w| w.named[1].1 = b"first\0\0\0".to_vec()),
            "named roots, entry 1: \"first\" is there twice",
        ),
        (
            error(|w| w.named[0].2 = 3),
            "named roots, entry 0: it names root 3, but there are 3",
        ),
        (
            error(|w| w.pointers[0] = 33),
            "pointer locations, entry 0: 0x21 is outside of the memory of 0x28 bytes",
        ),
        (
            error(|w| w.pointers[1] = u64::MAX - 7),
            "pointer locations, entry 1: 0xfffffffffffffff8 is outside of the memory of 0x28 bytes",
        ),
        (
            error(|w| w.pointers[1] = 15),
            "pointer locations, entry 1: 0xf overlaps or precedes the entry before it",
        ),
        (
            error(|w| w.memory[1] = 41),
            "pointer locations, entry 0: the word at 0x8 leads to 0x29, outside of the memory of 0x28 bytes",
        ),
        (
            error(|w| w.functions[0] = 12),
            "function pointer locations, entry 0: 0xc overlaps a pointer location",
        ),
        (
            error(|w| w.functions[0] = 33),
            "function pointer locations, entry 0: 0x21 is outside of the memory of 0x28 bytes",
        ),
        (
            error(|w| w.fragments[1].1 = 17),
            "fragments, entry 1: 0x29 is outside of the memory of 0x28 bytes",
        ),
        (
            error(|w| w.fragments[0].1 = u64::MAX),
            "fragments, entry 0: 0xffffffffffffffff is outside of the memory of 0x28 bytes",
        ),
        (
            error(|w| w.fragments[1].0 = 23),
            "fragments, entry 1: 0x17 overlaps or precedes the entry before it",
        ),
        (
            error(|w| w.symbols[0].0 = 8),
            "function symbols, entry 0: it is for 0x8, the function pointer location is 0x10",
        ),
        (
            error(|w| w.symbols[0].1 = b"a\0b".to_vec()),
            "function symbols, entry 0: the name is not UTF-8, or has a NUL in it",
        ),
        (
            error(|w| w.symbols.clear()),
            "function symbols: 0 for 1 function pointer locations",
        ),
        (
            error(|w| w.symbols.push((17, vec![]))),
            "function symbols: 2 for 1 function pointer locations",
        ),
        (
            file_error(|b| b.truncate(103)),
            "an image has at least a header of 104 bytes, here are 103",
        ),
        (
            file_error(|b| b[7] = b'!'),
            "not a flattened image: it begins with 0x214e455454414c46, not with \"FLATTEN\"",
        ),
        (
            file_error(|b| b[8] = 3),
            "an image of version 3, of which nothing is known; this kflat reads version 2",
        ),
        (
            file_error(|b| b[47] = 0xff),
            "header: the sections make 18374686479671623997 bytes, but image_size is 317",
        ),
        (
            file_error(|b| b[55] = 0xff),
            "header: 18374686479671623682 pointer locations are impossible",
        ),
        (
            file_error(|b| b[32] += 1),
            "header: the sections make 317 bytes, but image_size is 318",
        ),
        (
            file_error(|b| {
                b.pop();
            }),
            "cut off: the image has 317 bytes, of which 316 are here",
        ),
        (
            file_error(|b| b[72] = 1),
            "named roots, entry 1: it goes beyond the section, or the section beyond the last entry",
        ),
        // The name's length in section 8.
        (
            file_error(|b| {
                let at = b.len() - 13;
                b[at] = 6;
            }),
            "function symbols, entry 0: it goes beyond the section, or the section beyond the last entry",
        ),
        (
            file_error(|b| {
                let at = b.len() - 13;
                b[at] = 4;
            }),
            "function symbols, entry 1: it goes beyond the section, or the section beyond the last entry",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn reading_a_file_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.kflat");
    let error = Image::read(&path).unwrap_err();
    assert!(matches!(&error, ImageError::Read { .. }));
    assert!(error.to_string().contains("x.kflat"));
    std::fs::write(&path, b"hello, this is no image at all").unwrap();
    let error = Image::read(&path).unwrap_err();
    assert!(error.to_string().contains("x.kflat"));
    std::fs::write(&path, saved()).unwrap();
    assert_eq!(Image::read(&path).unwrap().roots().count(), 3);
}

#[test]
fn a_saved_image_describes_itself() {
    let image = image();
    assert!(image.warnings().is_empty());
    let extension = image.extension().unwrap();
    assert_eq!(extension.origins().len(), image.fragments().len());
    assert_eq!(extension.hit().unwrap().pid, 42);
    assert_eq!(extension.source(), Some(kernel::RECIPE));
    assert_eq!(extension.context()[1].1, "two\nlines");
    assert_eq!(extension.program().unwrap().target(), Some("visit"));
    assert_eq!(extension.diagnostics().len(), 1);
    assert!(extension.objects().len() > 8 && extension.types().is_some());
    let file = image.root("file").unwrap();
    assert_eq!(image.address(file.offset.unwrap()), Some(FILE));
    assert_eq!(image.address(image.memory().len() as u64 + 1), None);
}

#[test]
fn saving_keeps_the_image_and_adds_to_the_container() {
    let (captured, compiled) = captured();
    let file = saved();
    let end = Image::open(file.clone()).unwrap().header().image_size as usize;
    assert_eq!(captured[..end], file[..end]);
    let container = Container::parse(&file[end.next_multiple_of(8)..]).unwrap();
    let kinds: Vec<u32> = container.entries().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [1, 2, 3, 4, 16, 17, 18, 19]);
    assert_eq!(
        container.get(abi::KIND_PROGRAM),
        Some(&compiled.program[..])
    );
    // Saved once more, with another source, it has one source.
    let other = Additions {
        source: "recipe other { }",
        ..Additions::default()
    };
    let again = Image::open(save(&file, &other).unwrap()).unwrap();
    assert_eq!(
        again.extension().unwrap().source(),
        Some("recipe other { }")
    );
    assert!(again.extension().unwrap().types().is_some());
}

#[test]
fn an_image_without_a_container_is_saved_with_one() {
    let file = save(&ByHand::right().build(), &Additions::default()).unwrap();
    assert!(Image::open(file).unwrap().extension().is_some());
    assert!(save(b"no image", &Additions::default()).is_err());
}

#[test]
fn a_damaged_extension_is_said_and_the_image_is_usable() {
    let whole = saved();
    let start = (image().header().image_size as usize).next_multiple_of(8);
    // One bit in the last payload, the recipe's text.
    let mut bytes = whole.clone();
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    let damaged = Image::open(bytes).unwrap();
    assert_eq!(damaged.extension().unwrap().source(), None);
    assert!(damaged.extension().unwrap().types().is_some());
    assert_eq!(damaged.warnings().len(), 1);
    // The table of contents.
    let mut bytes = whole.clone();
    bytes[start + 40] ^= 1;
    let damaged = Image::open(bytes).unwrap();
    assert!(damaged.extension().is_none());
    assert_eq!(damaged.warnings().len(), 1);
    // Its end.
    let damaged = Image::open(whole[..whole.len() - 8].to_vec()).unwrap();
    assert!(damaged.extension().is_none() && damaged.warnings()[0].contains("cut off"));
}

#[test]
fn payloads_that_do_not_fit_the_image_are_left_out() {
    let image = ByHand::right().build();
    let start = image.len().next_multiple_of(8);
    let with = |kind: u32, payload: &[u8]| {
        let mut bytes = image.clone();
        bytes.resize(start, 0);
        bytes.extend(Builder::new().add(kind, payload).finish());
        let image = Image::open(bytes).unwrap();
        assert_eq!(image.warnings().len(), 1, "kind {kind}");
        image.warnings()[0].clone()
    };
    assert!(with(abi::KIND_ORIGIN, &[0; 8]).ends_with("1 for 2 fragments"));
    assert!(with(abi::KIND_OBJECTS, &[0; 7]).ends_with("7 bytes are no multiple of 24"));
    assert!(with(abi::KIND_OBJECTS, &[0xff; 24]).ends_with("outside of the memory"));
    assert!(with(abi::KIND_TYPES, b"not BTF").contains("types"));
    assert!(with(abi::KIND_PROGRAM, b"not a program").contains("recipe program"));
    assert!(with(abi::KIND_SOURCE, b"\xff").ends_with("not UTF-8"));
}
