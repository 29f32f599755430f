//! Images at new addresses.

use std::fs::File;
use std::path::Path;

use kflat_image::load::{BASE_ALIGNMENT, LoadError, Loaded, Options, POISON, link};
use kflat_image::{Image, ImageError};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::by_hand::ByHand;
use crate::kernel::saved;

/// Both ways to load.
const WAYS: [Way; 2] = [Way::Mapped, Way::Fragments];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Mapped,
    Fragments,
}

/// A file that nobody changes.
fn file(bytes: &[u8]) -> (TempDir, File) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    std::fs::write(&path, bytes).unwrap();
    let file = File::open(&path).unwrap();
    (directory, file)
}

fn load(way: Way, bytes: &[u8], options: &Options<'_>) -> Result<Loaded, LoadError> {
    let (_directory, file) = file(bytes);
    load_file(way, &file, options)
}

/// Loads a file that only the test knows.
fn load_file(way: Way, file: &File, options: &Options<'_>) -> Result<Loaded, LoadError> {
    match way {
        // SAFETY: Nobody changes the file.
        Way::Mapped => unsafe { Loaded::map(file, options) },
        // SAFETY: As above.
        Way::Fragments => unsafe { Loaded::fragments(file, options) },
    }
}

/// The word at a pointer.
fn word(at: *const u8) -> u64 {
    // SAFETY: The tests read inside of loaded objects.
    unsafe { at.cast::<u64>().read_unaligned() }
}

fn put(at: *mut u8, word: u64) {
    // SAFETY: As above.
    unsafe { at.cast::<u64>().write_unaligned(word) };
}

/// Where the word at byte `inside` leads.
fn follow(at: *const u8, inside: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(word(at.wrapping_add(inside)) as usize)
}

fn text(at: *const u8) -> String {
    // SAFETY: The tests' strings end in NUL.
    let text = unsafe { std::ffi::CStr::from_ptr(at.cast()) };
    text.to_str().unwrap().to_owned()
}

fn root(loaded: &Loaded, name: &str) -> *mut u8 {
    loaded.named_root(name.as_bytes()).unwrap().pointer
}

fn reset(loaded: &mut Loaded) {
    // SAFETY: No other thread knows the image.
    unsafe { loaded.reset() }.unwrap();
}

#[test]
fn structures_are_used_as_they_were_in_the_kernel() {
    let resolver = |name: &str| (name == "example_read").then_some(0x1234);
    let options = Options {
        resolver: Some(&resolver),
        ..Options::default()
    };
    for way in WAYS {
        let loaded = load(way, &saved(), &options).unwrap();
        let file = root(&loaded, "file");
        let dentry = follow(file, 8);
        assert_eq!(text(follow(dentry, 16)), "hostname");
        let parent = follow(dentry, 0);
        assert_eq!(
            (follow(parent, 0), text(follow(parent, 16))),
            (parent, "/".to_owned())
        );
        assert_eq!(follow(file, 40), file, "a circle");
        assert_eq!(word(follow(file, 16)), 0x1234, "a function");
        assert_eq!(
            word(file.wrapping_add(48)),
            0xffff_8880_0fff_0000,
            "not captured"
        );
        // mnt leads into the middle of its mount.
        assert_eq!(word(follow(file, 0).wrapping_sub(16)), 7);
        // The list leads round.
        let task = root(&loaded, "task");
        let first = follow(task, 24);
        let second = follow(first, 0);
        assert_eq!(follow(second, 0), task.wrapping_add(24));
        assert_eq!(text(second.wrapping_sub(40).wrapping_add(8)), "cat");
        assert_eq!(loaded.named_root(b"nothing"), None);
        assert_eq!(loaded.root(0).unwrap().pointer, file);
        assert_eq!((loaded.root(0).unwrap().size, loaded.root(3)), (112, None));
    }
}

#[test]
fn functions_without_an_address_are_poisoned() {
    let mut image = ByHand::right();
    image.symbols[0].1 = b"do_it+0x10 [module]".to_vec();
    let image = image.build();
    for way in WAYS {
        let function = |options: &Options<'_>| {
            let loaded = load(way, &image, options).unwrap();
            word(loaded.pointer(16).unwrap())
        };
        assert_eq!(function(&Options::default()), POISON);
        let options = Options {
            poison: 77,
            ..Options::default()
        };
        assert_eq!(function(&options), 77);
        let resolver = |name: &str| (name == "do_it").then_some(0x1000);
        let options = Options {
            resolver: Some(&resolver),
            ..Options::default()
        };
        assert_eq!(function(&options), 0x1010);
    }
}

#[test]
fn a_reset_goes_back_to_the_state_after_the_load() {
    for way in WAYS {
        let mut loaded = load(way, &saved(), &Options::default()).unwrap();
        let (file, task) = (root(&loaded, "file"), root(&loaded, "task"));
        let before: Vec<u64> = (0..14)
            .map(|index| word(file.wrapping_add(index * 8)))
            .collect();
        for round in 0..4 {
            put(file, round);
            put(file.wrapping_add(48), 1);
            put(task.wrapping_add(8), u64::MAX);
            reset(&mut loaded);
            let after: Vec<u64> = (0..14)
                .map(|index| word(file.wrapping_add(index * 8)))
                .collect();
            assert_eq!(after, before, "{way:?}, round {round}");
            assert_eq!(text(task.wrapping_add(8)), "init");
            assert_eq!(word(follow(file, 16)), POISON);
        }
        assert_eq!(root(&loaded, "file"), file, "it stays where it is");
    }
}

#[test]
fn what_was_freed_is_made_anew_by_a_reset() {
    let mut loaded = load(Way::Fragments, &saved(), &Options::default()).unwrap();
    let file = root(&loaded, "file");
    let operations = follow(file, 16);
    assert!(loaded.mark_freed(operations));
    assert!(!loaded.mark_freed(operations.wrapping_add(8)));
    assert_eq!(loaded.offset(operations), None, "no longer the image's");
    // SAFETY: It was made by `malloc`, and marked.
    unsafe { libc::free(operations.cast()) };
    reset(&mut loaded);
    assert_eq!(word(follow(root(&loaded, "file"), 16)), POISON);
    let mut mapped = load(Way::Mapped, &saved(), &Options::default()).unwrap();
    let operations = follow(root(&mapped, "file"), 16);
    assert!(!mapped.mark_freed(operations));
}

#[test]
fn pointers_are_led_to_a_replacement() {
    for way in WAYS {
        let mut loaded = load(way, &saved(), &Options::default()).unwrap();
        let file = root(&loaded, "file");
        let dentry = follow(file, 8);
        let mut own = [0u64; 10];
        let new = own.as_mut_ptr().cast::<u8>();
        // f_path.dentry, table, and the second dentry's d_parent.
        // SAFETY: No other thread knows the image.
        let replaced = unsafe { loaded.replace(dentry, new, 80) };
        assert_eq!((replaced, follow(file, 8), follow(file, 32)), (3, new, new));
        reset(&mut loaded);
        assert_eq!(follow(file, 8), dentry);
    }
}

#[test]
fn addresses_offsets_and_the_extension_are_found() {
    for way in WAYS {
        let mut loaded = load(way, &saved(), &Options::default()).unwrap();
        let image = Image::open(saved()).unwrap();
        let offset = image.root("task").unwrap().offset.unwrap();
        let task = root(&loaded, "task");
        assert_eq!(loaded.pointer(offset), Some(task));
        assert_eq!(loaded.offset(task.wrapping_add(5)), Some(offset + 5));
        assert_eq!(loaded.offset(task), Some(offset));
        assert_eq!(loaded.offset(std::ptr::null()), None);
        assert_eq!(loaded.pointer(u64::MAX), None);
        let extension = loaded.extension().unwrap();
        assert_eq!(extension.objects(), image.extension().unwrap().objects());
        assert!(
            load(way, &ByHand::right().build(), &Options::default())
                .unwrap()
                .extension()
                .is_none()
        );
    }
}

/// An address where nothing is.
fn free_address() -> u64 {
    0x5a00_0000_0000
}

#[test]
fn a_linked_image_is_used_where_it_lies() {
    let base = free_address();
    let linked = link(&saved(), base).unwrap();
    let (_directory, file) = file(&linked);
    let options = Options {
        trust_linked: true,
        ..Options::default()
    };
    // SAFETY: Only this test knows the file.
    let open = || unsafe { Loaded::map(&file, &options) }.unwrap();
    let mut first = open();
    assert!(first.is_linked());
    let root_of = |loaded: &Loaded| root(loaded, "file");
    assert!(root_of(&first).addr() as u64 > base);
    assert_eq!(text(follow(follow(root_of(&first), 8), 16)), "hostname");
    // The address is taken: it is relocated.
    let second = open();
    assert!(!second.is_linked());
    assert_eq!(text(follow(follow(root_of(&second), 8), 16)), "hostname");
    put(root_of(&first), 7);
    reset(&mut first);
    assert_eq!(word(follow(root_of(&first), 0).wrapping_sub(16)), 7);
    assert_eq!(word(follow(root_of(&first), 16)), POISON);
    // Untrusted, it is checked and fixed like any other.
    let third = load(Way::Mapped, &linked, &Options::default()).unwrap();
    assert!(!third.is_linked());
    let fourth = load(Way::Fragments, &linked, &Options::default()).unwrap();
    assert_eq!(text(follow(follow(root_of(&fourth), 8), 16)), "hostname");
}

#[test]
fn linking_can_be_undone_and_wants_an_address_that_fits() {
    let image = saved();
    let linked = link(&image, free_address()).unwrap();
    assert_ne!(linked, image);
    assert_eq!(link(&linked, 0).unwrap(), image);
    let views = |bytes: Vec<u8>| {
        let mut out = Vec::new();
        kflat_image::show::show(
            &Image::open(bytes).unwrap(),
            &kflat_image::show::Options::default(),
            &mut out,
        )
        .unwrap();
        out
    };
    assert_eq!(views(linked), views(image.clone()));
    for base in [
        4096,
        BASE_ALIGNMENT + 1,
        1 << 47,
        u64::MAX - BASE_ALIGNMENT + 1,
    ] {
        assert!(link(&image, base).is_err(), "{base:#x}");
    }
    assert!(link(b"no image", 0).is_err());
}

#[test]
fn the_file_is_never_modified() {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), saved()).unwrap();
    let open = |path: &Path| File::open(path).unwrap();
    for way in WAYS {
        let file = open(path.path());
        let mut loaded = load_file(way, &file, &Options::default()).unwrap();
        put(root(&loaded, "file"), 0);
        reset(&mut loaded);
        put(root(&loaded, "file"), 0);
        drop(loaded);
        assert_eq!(std::fs::read(path.path()).unwrap(), saved());
    }
}

#[test]
fn what_is_wrong_is_told_before_anything_is_used() {
    let mut wrong = ByHand::right();
    wrong.memory[1] = 41;
    let target = wrong.build();
    let mut wrong = ByHand::right();
    wrong.pointers = vec![8, 15];
    wrong.functions.clear();
    wrong.symbols.clear();
    let order = wrong.build();
    for way in WAYS {
        let error = |bytes: &[u8]| load(way, bytes, &Options::default()).unwrap_err();
        assert!(matches!(
            error(&target),
            LoadError::Image(ImageError::Target { index: 0, .. })
        ));
        assert!(matches!(
            error(&order),
            LoadError::Image(ImageError::Order { index: 1, .. })
        ));
        assert!(matches!(
            error(b"x"),
            LoadError::Image(ImageError::NoHeader { length: 1 })
        ));
        assert!(matches!(
            error(b""),
            LoadError::Image(ImageError::NoHeader { length: 0 })
        ));
    }
    // A pointer across the border of two fragments can't be in two allocations.
    let mut across = ByHand::right();
    across.pointers = vec![8, 20];
    across.functions.clear();
    across.symbols.clear();
    across.memory[2] = 0;
    across.memory[3] = 0;
    let error = load(Way::Fragments, &across.build(), &Options::default()).unwrap_err();
    assert!(matches!(
        error,
        LoadError::Straddles {
            index: 1,
            location: 20,
            ..
        }
    ));
    assert!(load(Way::Mapped, &across.build(), &Options::default()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What opens loads, and the other way round; nothing crashes.
    #[test]
    fn changed_images_load_if_they_open(
        at in 0usize..512,
        word in prop_oneof![0u64..1024, any::<u64>()],
    ) {
        let mut bytes = saved();
        let at = at * 8 % (bytes.len() - 8);
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        let opens = Image::open(bytes.clone()).is_ok();
        let mapped = load(Way::Mapped, &bytes, &Options::default());
        prop_assert_eq!(mapped.is_ok(), opens);
        let fragments = load(Way::Fragments, &bytes, &Options::default());
        match fragments {
            Ok(mut loaded) => {
                prop_assert!(opens);
                reset(&mut loaded);
            }
            Err(LoadError::Straddles { .. }) => {}
            Err(_) => prop_assert!(!opens),
        }
        let trusting = Options { trust_linked: true, ..Options::default() };
        let _ = load(Way::Mapped, &bytes, &trusting);
    }
}
