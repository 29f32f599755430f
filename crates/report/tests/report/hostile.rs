//! No bytes make a graph or a stream panic, hang, or fill the memory.

use std::time::{Duration, Instant};

use kflat_image::Image;
use kflat_image::container::{Builder, Container};
use kflat_report::diff::{self, diff};
use kflat_report::graph::{self, dot, graph, svg};
use kflat_report::html::html;
use kflat_report::json::{self, json};
use proptest::prelude::*;

use crate::kernel::saved;

fn exercise(bytes: Vec<u8>) {
    let start = Instant::now();
    let Ok(image) = Image::open(bytes) else {
        return;
    };
    let graph = graph(&image, &graph::Options::default()).unwrap();
    let mut out = Vec::new();
    dot(&graph, &mut out).unwrap();
    svg(&graph, &mut out).unwrap();
    json(&image, &json::Options::default(), &mut out).unwrap();
    assert!(out.len() < 64 << 20, "{}", out.len());
    html(&image, "hostile", &mut out).unwrap();
    let sound = Image::open(saved()).unwrap();
    for (old, new) in [(&image, &sound), (&sound, &image)] {
        diff(old, new, &diff::Options::default(), &mut |change| {
            diff::text(change, true, &mut out)
        })
        .unwrap();
    }
    assert!(out.len() < 128 << 20, "{}", out.len());
    for path in ["file.f_path.dentry", "task.children[1]", "roots[0]"] {
        let options = json::Options {
            path: Some(path.to_owned()),
            ..json::Options::default()
        };
        // An error is fine.
        let _ = json(&image, &options, &mut Vec::new());
    }
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// The saved example with bytes of its container changed and the checksums made
/// right again, so that damage gets past them.
fn damaged(which: usize, at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = saved();
    let end = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
    let start = end.next_multiple_of(8);
    let mut entries: Vec<(u32, Vec<u8>)> = Container::parse(&bytes[start..])
        .unwrap()
        .entries()
        .map(|(kind, payload)| (kind, payload.to_vec()))
        .collect();
    let which = which % entries.len();
    let payload = &mut entries[which].1;
    for (offset, byte) in new.iter().enumerate() {
        let at = (at + offset) % payload.len();
        payload[at] = *byte;
    }
    let mut builder = Builder::new();
    for (kind, payload) in &entries {
        builder.add(*kind, payload);
    }
    bytes.truncate(start);
    bytes.extend(builder.finish());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn changed_bytes_of_the_extension(
        which in 0usize..8,
        at in 0usize..4096,
        bytes in proptest::collection::vec(any::<u8>(), 1..8),
    ) {
        exercise(damaged(which, at, &bytes));
    }

    #[test]
    fn numbers_that_are_small_or_huge(
        which in 0usize..8,
        at in 0usize..1024,
        number in prop_oneof![0u32..64, Just(u32::MAX), Just(1 << 31), 0xffff_fff0u32..],
    ) {
        exercise(damaged(which, at * 4, &number.to_le_bytes()));
    }

    #[test]
    fn a_changed_word_of_the_image(at in 0usize..512, word in prop_oneof![0u64..1024, any::<u64>()]) {
        let mut bytes = saved();
        let end = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
        let at = at * 8 % (end - 8);
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        exercise(bytes);
    }
}

/// The page, the graph and the stream end, whatever the types unfold to.
#[test]
fn types_inside_themselves_end() {
    exercise(crate::damaged::deep_types());
}
