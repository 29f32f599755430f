//! Each kind of damage has an error of its own.

use kflat_image::{Image, ImageError, Section};

use crate::by_hand::ByHand;

/// What a changed image is refused with.
fn refused(change: impl FnOnce(&mut ByHand)) -> ImageError {
    let mut image = ByHand::right();
    change(&mut image);
    Image::open(image.build()).unwrap_err()
}

/// What a changed file is refused with.
fn refused_file(change: impl FnOnce(&mut Vec<u8>)) -> ImageError {
    let mut bytes = ByHand::right().build();
    change(&mut bytes);
    Image::open(bytes).unwrap_err()
}

#[test]
fn a_file_that_is_cut_off_anywhere() {
    let whole = ByHand::right().build();
    for length in 0..whole.len() {
        let error = Image::open(whole[..length].to_vec()).unwrap_err();
        let is_right = match error {
            ImageError::NoHeader { length: found } => length < 104 && found == length,
            ImageError::Truncated {
                image_size,
                length: found,
            } => length >= 104 && image_size == whole.len() as u64 && found == length,
            _ => false,
        };
        assert!(is_right, "{length}: {error}");
    }
}

#[test]
fn a_flipped_bit_is_told_or_harmless() {
    let whole = ByHand::right().build();
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Image::open(bytes) {
            Err(_) => refused += 1,
            // In data, names and sizes of objects.
            Ok(image) => {
                assert_eq!(image.roots().count(), 3, "bit {bit}");
                assert_eq!(image.pointers().len(), 2, "bit {bit}");
            }
        }
    }
    assert!(refused > whole.len() * 8 / 2, "{refused}");
}

#[test]
fn a_version_that_is_not_known_says_which() {
    for version in [0u32, 1, 3, u32::MAX] {
        let error = refused_file(|bytes| bytes[8..12].copy_from_slice(&version.to_le_bytes()));
        assert!(
            matches!(error, ImageError::Version { found } if found == version),
            "{error}"
        );
        let told = error.to_string();
        assert!(told.contains(&format!("version {version}")) && told.contains("reads version 2"));
    }
}

#[test]
fn another_kind_of_file() {
    let error = Image::open(b"\x7fELF and so on".to_vec()).unwrap_err();
    assert!(matches!(error, ImageError::Magic { .. }), "{error}");
}

#[test]
fn counts_that_nothing_can_have() {
    let sections = [
        (48, Section::Pointers),
        (56, Section::Functions),
        (64, Section::Roots),
        (96, Section::Fragments),
    ];
    for (at, expected) in sections {
        for huge in [u64::MAX, u64::MAX / 4, 1 << 61] {
            let error =
                refused_file(|bytes| bytes[at..at + 8].copy_from_slice(&huge.to_le_bytes()));
            let is_right = matches!(
                error,
                ImageError::Count { section, count } if section == expected && count == huge
            );
            assert!(is_right, "{error}");
        }
    }
    // One that a large file could have is not what the header adds up to.
    let error = refused_file(|bytes| bytes[48..56].copy_from_slice(&(1u64 << 40).to_le_bytes()));
    assert!(matches!(error, ImageError::Size { .. }), "{error}");
}

#[test]
fn fragments_that_overlap_or_go_back() {
    for second in [(16, 16), (0, 24), (8, 8)] {
        let error = refused(|image| image.fragments[1] = second);
        let is_right = matches!(
            error,
            ImageError::Order { section: Section::Fragments, index: 1, value } if value == second.0
        );
        assert!(is_right, "{error}");
    }
}

#[test]
fn pointers_that_overlap_each_other_or_a_function() {
    let error = refused(|image| image.pointers = vec![8, 12]);
    let is_right = matches!(
        error,
        ImageError::Order {
            section: Section::Pointers,
            index: 1,
            value: 12
        }
    );
    assert!(is_right, "{error}");
    for function in [8, 12, 20] {
        let error = refused(|image| {
            image.functions = vec![function];
            image.symbols[0].0 = function;
        });
        assert!(
            matches!(error, ImageError::Both { index: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn pointers_that_lead_out_of_the_memory() {
    let error = refused(|image| image.memory[1] = 41);
    assert!(
        matches!(
            error,
            ImageError::Target {
                index: 0,
                value: 41,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(|image| image.pointers[1] = 33);
    assert!(
        matches!(
            error,
            ImageError::Outside {
                section: Section::Pointers,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(|image| image.roots[0] = 41);
    assert!(
        matches!(
            error,
            ImageError::Outside {
                section: Section::Roots,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn names_that_are_none_or_given_twice() {
    let error = refused(|image| image.named[1] = image.named[0].clone());
    assert!(matches!(error, ImageError::Duplicate { .. }), "{error}");
    let error = refused(|image| image.named[0].1[0] = 0xff);
    assert!(matches!(error, ImageError::Name { .. }), "{error}");
    let error = refused(|image| image.named[0].2 = 3);
    assert!(
        matches!(error, ImageError::NoSuchRoot { value: 3, .. }),
        "{error}"
    );
    let error = refused(|image| image.named[0].0 = 7);
    assert!(
        matches!(error, ImageError::Padding { value: 7, .. }),
        "{error}"
    );
    let error = refused(|image| image.named[0].0 = u64::MAX - 7);
    assert!(matches!(error, ImageError::Records { .. }), "{error}");
}

#[test]
fn symbols_that_belong_to_other_words() {
    let error = refused(|image| image.symbols[0].0 = 8);
    assert!(
        matches!(error, ImageError::Symbol { index: 0, .. }),
        "{error}"
    );
    let error = refused(|image| image.symbols.clear());
    assert!(
        matches!(
            error,
            ImageError::SymbolCount {
                found: 0,
                expected: 1
            }
        ),
        "{error}"
    );
}
