//! `kflat image` with an image from a real kernel.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(unsafe_code, reason = "loads an image")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use kflat_image::load::{Loaded, Options};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/harness/open_file.img")
}

/// Exit status, and all that was printed.
fn kflat(arguments: &[&OsStr]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kflat"))
        .args(arguments)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(printed).unwrap(),
    )
}

fn verify(path: &Path) -> (i32, String) {
    kflat(&["image".as_ref(), "verify".as_ref(), path.as_ref()])
}

fn link(path: &Path, base: &str, to: &Path) -> (i32, String) {
    let base = format!("--base={base}");
    let words: [&OsStr; 6] = [
        "image".as_ref(),
        "link".as_ref(),
        path.as_ref(),
        base.as_ref(),
        "-o".as_ref(),
        to.as_ref(),
    ];
    kflat(&words)
}

#[test]
fn an_image_is_described() {
    let (status, printed) = kflat(&["image".as_ref(), example().as_ref()]);
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains("3 × struct dentry"), "{printed}");
    let (status, printed) = kflat(&["image".as_ref()]);
    assert_eq!(status, 2, "{printed}");
}

#[test]
fn verify_says_what_is_wrong_and_where() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged");
    let (status, printed) = verify(&example());
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains("all right: 7 fragments"), "{printed}");

    let right = std::fs::read(example()).unwrap();
    let mut outside = right.clone();
    // The first root.
    outside[104..112].copy_from_slice(&0x1_0000u64.to_le_bytes());
    let mut flipped = right.clone();
    let last = flipped.len() - 16;
    flipped[last] ^= 1;
    for (bytes, words) in [
        (
            &outside[..],
            "roots, entry 0: 0x10000 is outside of the memory",
        ),
        (&right[..1000], "cut off"),
        (&right[..50], "at least a header"),
        (&flipped[..], "checksum"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let (status, printed) = verify(&path);
        assert_eq!(status, 1, "{printed}");
        assert!(printed.contains(words), "{printed}");
    }
}

#[test]
fn a_linked_copy_is_used_as_it_is_and_can_be_undone() {
    let directory = tempfile::tempdir().unwrap();
    let linked = directory.path().join("linked");
    let undone = directory.path().join("undone");
    let (status, printed) = link(&example(), "0x5c00_0000_0000", &linked);
    assert_eq!(status, 0, "{printed}");
    let options = Options {
        trust_linked: true,
        ..Options::default()
    };
    let file = std::fs::File::open(&linked).unwrap();
    // SAFETY: Only this test knows the file.
    let loaded = unsafe { Loaded::map(&file, &options) }.unwrap();
    assert!(loaded.is_linked());
    let root = loaded.named_root(b"file").unwrap();
    assert_eq!(root.pointer.addr() >> 40, 0x5c);

    // It is an image as any other.
    assert_eq!(verify(&linked).0, 0);
    assert_eq!(link(&linked, "0", &undone).0, 0);
    let bytes = std::fs::read(undone).unwrap();
    assert!(bytes == std::fs::read(example()).unwrap());
}

#[test]
fn an_address_that_cannot_be_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("linked");
    for (base, status, words) in [
        ("4096", 1, "multiple of 64 KiB"),
        ("0x8000_0000_0000", 1, "must fit behind it"),
        ("here", 2, "an address is a number"),
    ] {
        let (found, printed) = link(&example(), base, &to);
        assert_eq!(found, status, "{printed}");
        assert!(printed.contains(words), "{printed}");
        assert!(!to.exists());
    }
}
