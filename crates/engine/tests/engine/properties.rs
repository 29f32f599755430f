//! Any graph of objects comes out of the image as it was in memory, whatever its
//! objects' addresses; and no bytes of a program do harm.

use std::collections::HashMap;

use crate::simulation::kernel::Kernel;
use crate::simulation::loader::Image;
use crate::simulation::program::{Builder, constant, embed, function, pointer, pointers, string};
use crate::simulation::run;
use kflat_engine::verify;
use proptest::prelude::*;

const BASE: u64 = 0xffff_8880_0000_0000;
const SPACE: usize = 1 << 14;
/// Nodes of a graph that has nothing but pointers.
const NODES: u64 = 700;

/// Memory of words, some of which are pointers into it.
fn words() -> impl Strategy<Value = Vec<u64>> {
    let word = prop_oneof![
        3 => (0..SPACE as u64 / 8).prop_map(|word| BASE + 8 * word),
        1 => 0..4u64,
        1 => any::<u64>(),
    ];
    prop::collection::vec(word, SPACE / 8)
}

/// Three types: pairs, arrays of pairs behind a pointer, wide ones that overlap.
fn program() -> Vec<u8> {
    let mut program = Builder::default();
    let plain = program.plain(24);
    let char_ = program.plain(1);
    let (pair, wide) = (2, 3);
    program.type_(16, vec![pointer(0, pair), pointers(8, wide, constant(2))]);
    program.type_(
        48,
        vec![
            pointer(0, plain),
            embed(8, pair, constant(1)),
            string(24, char_),
            function(32),
            pointer(40, wide),
        ],
    );
    program.argument(0, Some("wide"), pointer(0, wide));
    program.argument(1, Some("pair"), pointer(0, pair));
    program.limits.objects = 600;
    program.limits.string = 40;
    program.build()
}

/// Every captured byte is the original one, but for the relocated words, and
/// these lead to what they led to.
fn is_faithful(kernel: &Kernel, image: &Image, sizes: &[u64]) {
    let relocated: HashMap<u64, u64> = (image.pointers.iter())
        .map(|at| (*at, image.word(*at)))
        .collect();
    for object in &image.objects {
        let size = sizes[object.type_index as usize] * u64::from(object.count);
        let mut at = object.offset;
        while at < object.offset + size {
            if let Some(target) = relocated.get(&at) {
                let word = kernel.bytes(image.original(at), 8).expect("mapped");
                let word = u64::from_le_bytes(word.try_into().expect("8 bytes"));
                // One past the end may belong to the next fragment.
                let (start, origin) = (image.fragments.iter().zip(&image.origins))
                    .map(|((start, _), origin)| (*start, *origin))
                    .rfind(|(start, origin)| start <= target && origin + (target - start) == word)
                    .expect("leads where it led");
                assert_eq!(origin + (target - start), word);
                at += 8;
            } else {
                let byte = kernel.bytes(image.original(at), 1).expect("mapped")[0];
                assert_eq!(image.memory[at as usize], byte, "at {at:#x}");
                at += 1;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn graphs_survive(words in words(), roots in prop::array::uniform2(0..SPACE as u64 / 8)) {
        let mut kernel = Kernel::default();
        kernel.map(BASE, SPACE);
        for (word, value) in (0..).zip(&words) {
            kernel.put_word(BASE + 8 * word, *value);
        }
        let program = program();
        let (report, image) = run(&mut kernel, &program, &roots.map(|word| BASE + 8 * word));
        let image = image.expect("an image");
        prop_assert_eq!(report.objects as usize, image.objects.len());
        is_faithful(&kernel, &image, &[24, 1, 16, 48]);
    }

    /// Only plain pointers, to many objects, few of which touch or none.
    #[test]
    fn plain_graphs_survive(
        apart in 3u64..6,
        links in prop::collection::vec((0..NODES, 0..NODES, 0..NODES + 20), NODES as usize),
    ) {
        let mut kernel = Kernel::default();
        let place = |node: u64| BASE + (node << apart << 3);
        kernel.map(BASE, (NODES as usize) << apart << 3);
        for (node, (left, right, leaf)) in (0..).zip(&links) {
            kernel.put_word(place(node), place(*left));
            // The highest nodes are beyond the memory.
            kernel.put_word(place(node) + 16, place(*leaf));
            kernel.put_word(place(node) + 24, if right % 5 == 0 { 0 } else { place(*right) });
        }
        let mut program = Builder::default();
        let leaf = program.plain(20);
        let node = 1;
        program.type_(56, vec![pointer(0, node), pointer(16, leaf), pointer(24, node)]);
        program.type_(8, vec![pointer(0, node)]);
        program.argument(0, Some("node"), pointer(0, node));
        program.argument(1, Some("array"), pointers(0, 2, constant(40)));
        let program = program.build();
        let (report, image) = run(&mut kernel, &program, &[place(0), place(1)]);
        let image = image.expect("an image");
        prop_assert_eq!(report.objects as usize, image.objects.len());
        let mut met = image.objects.iter().map(|object| {
            (image.original(object.offset), object.type_index)
        }).collect::<Vec<_>>();
        met.sort_unstable();
        met.dedup();
        prop_assert_eq!(met.len(), image.objects.len(), "each once");
        is_faithful(&kernel, &image, &[20, 56, 8]);
    }

    #[test]
    fn a_damaged_program_is_rejected_or_harmless(
        at in 0usize..1000, value in any::<u8>(), words in words(),
    ) {
        let mut bytes = program();
        let at = at % bytes.len();
        bytes[at] = value;
        if verify(&bytes).is_ok() {
            let mut kernel = Kernel::default();
            kernel.map(BASE, SPACE);
            for (word, value) in (0..).zip(&words) {
                kernel.put_word(BASE + 8 * word, *value);
            }
            kernel.clock.step = 10_000;
            run(&mut kernel, &bytes, &[BASE, BASE + 64]);
        }
    }

    #[test]
    fn no_bytes_are_a_program_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&bytes).is_err());
    }
}
