//! Any graph of objects comes out of the image as it was in memory, whatever its
//! objects' addresses; and no bytes of a program do harm.

use crate::simulation::faithful::is_faithful;
use crate::simulation::kernel::Kernel;
use crate::simulation::program::{
    Builder, constant, embed, function, load, pointer, pointers, step, string,
};
use crate::simulation::random::words;
use crate::simulation::run;
use kflat_abi::program::{Program, code};
use kflat_engine::{Inputs, fits, verify};
use proptest::prelude::*;

const BASE: u64 = 0xffff_8880_0000_0000;
const SPACE: usize = 1 << 14;
/// Nodes of a graph that has nothing but pointers.
const NODES: u64 = 700;

/// Memory of words, many of which are pointers into it.
fn machine(memory: u64) -> Kernel {
    let mut kernel = Kernel::default();
    kernel.map(BASE, SPACE);
    for (word, value) in (0..).zip(words(memory, BASE, SPACE as u64)) {
        kernel.put_word(BASE + 8 * word, value);
    }
    kernel
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
    program.when(&[
        step(code::ARGUMENT, 0),
        step(code::SKIP_IF_ZERO, 3),
        step(code::ARGUMENT, 1),
        load(code::READ, 8, 0),
        step(code::SKIP, 1),
        step(code::CPU, 0),
    ]);
    program.build()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn graphs_survive(memory in any::<u64>(), roots in prop::array::uniform2(0..SPACE as u64 / 8)) {
        let mut kernel = machine(memory);
        let program = program();
        let (report, image) = run(&mut kernel, &program, &roots.map(|word| BASE + 8 * word));
        let image = image.expect("an image");
        prop_assert_eq!(report.objects as usize, image.objects.len());
        is_faithful(&kernel, &image, &Program::find(&program).expect("verified"));
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
        is_faithful(&kernel, &image, &Program::find(&program).expect("verified"));
    }

    #[test]
    fn a_damaged_program_is_rejected_or_harmless(
        at in 0usize..1000, value in any::<u8>(), memory in any::<u64>(),
    ) {
        let mut bytes = program();
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(verified) = verify(&bytes) {
            let mut kernel = machine(memory);
            kernel.clock.step = 10_000;
            let inputs = Inputs { arguments: &[BASE, BASE + 64], ..Inputs::default() };
            fits(&verified, &inputs, &mut kernel);
            run(&mut kernel, &bytes, &[BASE, BASE + 64]);
        }
    }

    #[test]
    fn no_bytes_are_a_program_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&bytes).is_err());
    }
}
