//! Objects whose size only the allocator knows.

use anyhow::{Result, ensure};
use kflat_abi::extension::REASON_NO_OBJECT;

use super::{CALL, capture, head};
use crate::captured::Captured;
use crate::facts::fact;
use crate::kflat::{Folder, kflat};

const ODD_SIZE: u64 = 200;
const AREA_SIZE: u64 = 5 * 4096;

/// `KFLAT_TEST_BYTE`.
fn byte(i: u64) -> u8 {
    (i * 7 + (i >> 8)) as u8
}

/// What a pointer leads to is an object of `length` bytes, of which `known` were written,
/// from number `first` of what the allocator gave out on.
fn holds(captured: &Captured, name: &str, first: u64, known: u64, length: u64) -> Result<()> {
    let start = captured.lead(head(captured, &format!("objects.{name}"))?)?;
    let found = captured.length(start)?;
    ensure!(found == length, "{name}: {found} bytes, not {length}");
    let bytes = captured.bytes(start, usize::try_from(known)?)?;
    let differs = (first..).zip(bytes).find(|(i, found)| byte(*i) != **found);
    ensure!(differs.is_none(), "{name}: byte {differs:?}");
    Ok(())
}

/// What an allocator gave out.
struct Allocated {
    /// The pointer to its start.
    start: &'static str,
    /// The pointer to byte number `at`.
    middle: &'static str,
    at: u64,
    /// Bytes that were written.
    known: u64,
    length: u64,
}

fn all() -> Result<[Allocated; 5]> {
    let (small, large) = (fact("small_size")?, fact("large_size")?);
    ensure!((100..256).contains(&small), "{small} bytes for 100");
    ensure!((20000..65537).contains(&large), "{large} bytes for 20000");
    let one = |start, middle, at, known, length| Allocated {
        start,
        middle,
        at,
        known,
        length,
    };
    Ok([
        one("odd", "in_odd", 88, ODD_SIZE, ODD_SIZE),
        one("small", "in_small", 40, 100, small),
        one("large", "in_large", 9000, 20000, large),
        one("area", "in_area", 9000, AREA_SIZE, AREA_SIZE),
        one("page", "in_page", 1000, 4096, 4096),
    ])
}

/// Captures the containers, and of each object what `rule` says for it.
fn objects(name: &str, rule: impl Fn(&Allocated) -> String) -> Result<Captured> {
    let rules: String = all()?.iter().map(rule).collect();
    capture(name, &format!("struct kflat_test_containers {{ {rules} }}"))
}

pub(super) fn whole() -> Result<()> {
    let captured = objects("whole", |one| {
        let (start, middle) = (one.start, one.middle);
        format!("objects.{start}: whole object; objects.{middle}: whole object; ")
    })?;
    captured.is_whole()?;
    for one in all()? {
        let (start, middle) = (one.start, one.middle);
        holds(&captured, start, 0, one.known, one.length)?;
        // Both lead to the one object.
        let object = captured.lead(head(&captured, &format!("objects.{start}"))?)?;
        let inside = captured.lead(head(&captured, &format!("objects.{middle}"))?)?;
        ensure!(inside == object + one.at, "{middle} leads elsewhere");
    }
    Ok(())
}

pub(super) fn rest() -> Result<()> {
    let rest = objects("rest", |one| {
        format!("objects.{}: rest of object; ", one.middle)
    })?;
    rest.is_whole()?;
    // By the functions of the language, and in words.
    let words = objects("by_functions", |one| {
        format!(
            "objects.{}: as unsigned long array (object_end(value) - value) / 8; ",
            one.middle
        )
    })?;
    let bounded = objects("bounded", |one| {
        format!("objects.{}: rest of object max 48; ", one.middle)
    })?;
    for one in all()? {
        let (middle, at) = (one.middle, one.at);
        let (known, length) = (one.known - at, one.length - at);
        holds(&rest, middle, at, known, length)?;
        let whole_words = length / 8 * 8;
        holds(&words, middle, at, known.min(whole_words), whole_words)?;
        holds(&bounded, middle, at, 48, 48)?;
    }
    Ok(())
}

pub(super) fn nowhere() -> Result<()> {
    let captured = capture(
        "nowhere",
        "struct kflat_test_containers { objects.nowhere: rest of object; }",
    )?;
    ensure!(
        captured.missing() == [REASON_NO_OBJECT],
        "{:?}",
        captured.missing()
    );
    kflat(&["image", captured.path()])?
        .succeeds()?
        .says(&["in no allocated object whose bounds are known"])?;
    Ok(())
}

pub(super) fn automatic() -> Result<()> {
    let folder = Folder::new("automatic_objects")?;
    let image = folder.file("contain.img");
    let function = "kflat_test:kflat_test_contain";
    kflat(&["capture", function, "-o", &image, "--", "sh", "-c", CALL])?.succeeds()?;
    // Each `void *` with as much as its allocator gave out, but no more than 4 KiB.
    let small = fact("small_size")?;
    let lengths = [
        ("odd", ODD_SIZE),
        ("in_odd", ODD_SIZE - 88),
        ("small", small),
        ("in_large", 4096),
        ("area", 4096),
    ];
    for (name, length) in lengths {
        let path = format!("containers->objects.{name}[{}]", length - 1);
        kflat(&["show", &image, &path])?.succeeds()?;
        let path = format!("containers->objects.{name}[{length}]");
        kflat(&["show", &image, &path])?.fails(1, &["elements"])?;
    }
    Ok(())
}
