//! Any program that the verifier accepts, over any memory: the capture keeps to its
//! limits, the image is sound, and what is in it is what memory held. And bytes that
//! are no program, or a damaged one, do no harm.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    ACTION_KEEP, Action, OP_CHAIN, OP_HLIST, OP_HLIST_NULLS, OP_LIST, OP_LLIST, OP_PER_CPU,
    Operand, PROGRAM_DETECT_CHANGES, Program,
};
use kflat_engine::verify;
use proptest::prelude::*;

use crate::simulation::faithful::is_faithful;
use crate::simulation::kernel::Kernel;
use crate::simulation::loader::Image;
use crate::simulation::program::{
    Builder, action, argument, constant, container, embed, function, get, load, member, number,
    pointer, pointers, step, string,
};
use crate::simulation::random::words;
use crate::simulation::run_in;

const BASE: u64 = 0xffff_8880_0000_0000;
const SPACE: u64 = 1 << 13;
/// What lies behind it is not mapped, and then there is a little more.
const ISLAND: u64 = BASE + SPACE + 0x1000;
const ISLAND_SIZE: u64 = 0x100;
const PER_CPU: [u64; 3] = [0, u64::MAX, 0x80];

/// Size of the types, of which each has a fixed number.
const SIZES: [u32; 7] = [8, 16, 24, 40, 64, 12, 1];
const CHAR: u32 = 6;
/// What is handed down to type 3.
const TAKES: u32 = 3;
/// Type 4 has a flexible array of type 1.
const FLEXIBLE: u32 = 4;

/// A piece of a program: what it is, and numbers that it is made of.
#[derive(Clone, Copy, Debug)]
struct Seed {
    kind: u8,
    place: u32,
    target: u32,
    numbers: [u32; 4],
}

fn seed() -> impl Strategy<Value = Seed> {
    let numbers = prop::array::uniform4(any::<u32>());
    (any::<u8>(), any::<u32>(), any::<u32>(), numbers).prop_map(|(kind, place, target, numbers)| {
        Seed {
            kind,
            place,
            target,
            numbers,
        }
    })
}

/// An expression that leaves one number, of a type of `size` bytes.
fn expression(seed: &Seed, size: u32) -> Vec<Instruction> {
    let [a, b, c, d] = seed.numbers;
    let operation = |number: u32| {
        let all = [
            code::ADD,
            code::SUBTRACT,
            code::MULTIPLY,
            code::DIVIDE,
            code::REMAINDER,
            code::AND,
            code::SHIFT_RIGHT,
            code::EQUAL,
            code::LESS,
        ];
        step(all[number as usize % all.len()], 0)
    };
    let width = [1, 2, 4, 8][b as usize % 4].min(size.next_power_of_two() as u8);
    let width = if u32::from(width) > size { 1 } else { width };
    let own = get(a % (size - u32::from(width) + 1), width);
    match d % 5 {
        0 => vec![own, number(b % 9), operation(c)],
        1 => vec![own, step(code::INDEX, 0), operation(c)],
        2 => vec![
            step(code::ELEMENT, 0),
            number(a % 64),
            step(code::ADD, 0),
            load(code::READ, width, 0),
        ],
        3 => vec![step(code::ARGUMENT, a % 4), own, operation(b)],
        _ => vec![
            own,
            step(code::SKIP_IF_ZERO, 2),
            number(1),
            step(code::SKIP, 1),
            number(c % 3),
        ],
    }
}

/// How many, for a target that is not flexible.
fn count(program: &mut Builder, seed: &Seed, size: u32) -> Operand {
    let [a, b, ..] = seed.numbers;
    match seed.kind / 16 % 5 {
        0 => constant(1 + a % 5),
        1 if size >= 4 => member(a % (size - 3), [1, 2, 4][b as usize % 3]),
        2 => argument(1 + a % 3),
        3 => {
            let code = expression(seed, size);
            program.computed(&code)
        }
        _ => constant(1),
    }
}

/// A member of a type of `size` bytes; the words of a type lie at multiples of 8.
fn one_of(program: &mut Builder, seed: &Seed, size: u32) -> Option<Action> {
    let words = size / 8;
    let offset = 8 * (seed.place % words.max(1));
    let target = seed.target % SIZES.len() as u32;
    let [a, b, c, d] = seed.numbers;
    if words == 0 {
        return None;
    }
    let flexible = target == FLEXIBLE;
    let mut made = match seed.kind % 12 {
        0..=3 if flexible => pointer(offset, target),
        0..=2 => {
            let count = count(program, seed, size);
            pointers(offset, target, count)
        }
        3 => {
            let inside = expression(seed, SIZES[target as usize]);
            let end = program.until(&inside);
            pointers(offset, target, end)
        }
        4 => string(offset, CHAR),
        5 => function(offset),
        6 if target != FLEXIBLE && target < 2 && SIZES[target as usize] + offset <= size => {
            embed(offset, target, constant(1))
        }
        6 | 7 => {
            let kind = [OP_HLIST, OP_HLIST_NULLS, OP_LLIST, OP_CHAIN, OP_LIST][a as usize % 5];
            let head = if kind == OP_LIST { 16 } else { 8 };
            // Elements of two words at least, of which the link is the last two.
            let target = [1, 2, 3][target as usize % 3];
            let link = 8 * (b % (SIZES[target as usize] / 8 - 1));
            if offset + head > size {
                return None;
            }
            container(kind, offset, target, link)
        }
        8 => action(OP_PER_CPU, offset, target, constant(1)),
        _ => {
            let kinds = [
                pointer(offset, target),
                string(offset, CHAR),
                function(offset),
            ];
            let mut cases: Vec<_> = (0..a % 3)
                .map(|n| (Some(u64::from(n)), Some(kinds[(b + n) as usize % 3])))
                .collect();
            cases.push((None, (c % 2 == 0).then_some(kinds[c as usize % 3])));
            let takes = |action: &Action| action.target == TAKES;
            if cases
                .iter()
                .any(|(_, action)| action.as_ref().is_some_and(takes))
            {
                return None;
            }
            let selector = expression(seed, size);
            return Some(program.choice(offset, &selector, &cases));
        }
    };
    let follows = matches!(seed.kind % 12, 0..=3);
    if follows {
        made.tag_mask = [0, 0, 1, 3, 7][c as usize % 5];
        made.shift = [0, 0, 0, 8, -8, -16][d as usize % 6];
        made.flags = if c % 11 == 0 { ACTION_KEEP } else { 0 };
    }
    if made.target == TAKES {
        let code = expression(seed, size);
        made = program.handing(made, &code);
    } else if c % 4 == 0 {
        let code = expression(seed, size);
        made = program.guarded(made, &code);
    }
    Some(made)
}

/// The limits that each program has.
const OBJECTS: u32 = 300;
const BYTES: u64 = 40_000;
const ELEMENTS: u32 = 40;
const STRING: u32 = 30;
const DEPTH: u32 = 9;

fn program(seeds: &[Vec<Seed>], tail: Seed, flags: u32) -> Vec<u8> {
    let mut program = Builder {
        flags,
        ..Builder::default()
    };
    for (size, seeds) in SIZES.into_iter().zip(seeds) {
        let members: Vec<Action> = seeds
            .iter()
            .filter_map(|seed| one_of(&mut program, seed, size))
            .collect();
        program.type_(size, members);
    }
    program.parameters(TAKES, 1);
    let count = count(&mut program, &tail, SIZES[FLEXIBLE as usize]);
    let at = SIZES[FLEXIBLE as usize];
    program.tail(FLEXIBLE, 1, at, count);
    for (position, target) in [2, FLEXIBLE, 1, 0].into_iter().enumerate() {
        program.argument(position as u32, None, pointer(0, target));
    }
    program.limits.objects = OBJECTS;
    program.limits.bytes = BYTES;
    program.limits.elements = ELEMENTS;
    program.limits.string = STRING;
    program.limits.depth = DEPTH;
    program.build()
}

fn machine(memory: u64) -> Kernel {
    let mut kernel = Kernel {
        per_cpu: PER_CPU.to_vec(),
        ..Kernel::default()
    };
    kernel.map(BASE, SPACE as usize);
    kernel.map(ISLAND, ISLAND_SIZE as usize);
    for (word, value) in (0..).zip(words(memory, BASE, ISLAND + ISLAND_SIZE - BASE)) {
        if word < SPACE / 8 {
            kernel.put_word(BASE + 8 * word, value);
        }
    }
    for word in 0..ISLAND_SIZE / 8 {
        kernel.put_word(ISLAND + 8 * word, BASE + 64 * word);
    }
    kernel
}

/// Everything keeps to the limits.
fn keeps_to_limits(image: &Image, program: &Program<'_>) {
    assert!(image.objects.len() <= OBJECTS as usize);
    let mut bytes = 0;
    for (index, object) in image.objects.iter().enumerate() {
        bytes += program.object_size(object.type_index, object.count);
        let most = if object.type_index == CHAR {
            STRING.max(ELEMENTS)
        } else {
            ELEMENTS
        };
        assert!(object.count <= most, "{object:?}");
        // Strings count with the object that names them.
        let mut depth = u32::from(object.type_index != CHAR);
        let mut parent = object.parent;
        while let Some(up) = image.objects.get(parent as usize) {
            depth += 1;
            assert!(
                (parent as usize) < index,
                "objects come after what led to them"
            );
            parent = up.parent;
        }
        assert!(depth <= DEPTH, "{depth}");
    }
    assert!(bytes <= BYTES, "{bytes}");
}

/// So many cases, unless the environment says otherwise.
fn cases(count: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(count),
    }
}

const ARGUMENTS: [u64; 4] = [BASE + 0x40, BASE + 0x800, 3, ISLAND];
const WORK: usize = 1 << 13;
const AREA: usize = 1 << 13;

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_program_over_any_memory(
        seeds in prop::collection::vec(prop::collection::vec(seed(), 0..5), SIZES.len()),
        tail in seed(),
        memory in any::<u64>(),
        detect in any::<bool>(),
    ) {
        let flags = if detect { PROGRAM_DETECT_CHANGES } else { 0 };
        let bytes = program(&seeds, tail, flags);
        let verified = verify(&bytes);
        // A few are not right: a type that embeds itself.
        prop_assume!(verified.is_ok());
        let mut kernel = machine(memory);
        let (report, image) = run_in(&mut kernel, &bytes, &ARGUMENTS, WORK, AREA);
        let image = image.expect("an image");
        prop_assert_eq!(report.objects as usize, image.objects.len());
        let program = Program::find(&bytes).expect("verified");
        is_faithful(&kernel, &image, &program);
        keeps_to_limits(&image, &program);
        // Memory stayed as it is.
        prop_assert!(image.changes.is_empty());
    }

    #[test]
    fn any_program_in_any_room(
        seeds in prop::collection::vec(prop::collection::vec(seed(), 0..5), SIZES.len()),
        tail in seed(),
        memory in any::<u64>(),
        (work, area) in (1900..4000usize, 0..1500usize),
    ) {
        let bytes = program(&seeds, tail, PROGRAM_DETECT_CHANGES);
        prop_assume!(verify(&bytes).is_ok());
        let mut kernel = machine(memory);
        let (_, image) = run_in(&mut kernel, &bytes, &ARGUMENTS, work, area);
        if let Some(image) = image {
            let program = Program::find(&bytes).expect("verified");
            is_faithful(&kernel, &image, &program);
            keeps_to_limits(&image, &program);
        }
    }

    #[test]
    fn a_damaged_program_is_rejected_or_keeps_to_its_bounds(
        seeds in prop::collection::vec(prop::collection::vec(seed(), 0..5), SIZES.len()),
        tail in seed(),
        memory in any::<u64>(),
        damage in prop::collection::vec((any::<u32>(), any::<u8>(), any::<bool>()), 1..5),
    ) {
        let mut bytes = program(&seeds, tail, 0);
        for (at, value, small) in damage {
            let at = at as usize % bytes.len();
            bytes[at] = if small { value % 8 } else { value };
        }
        if verify(&bytes).is_ok() {
            let mut kernel = machine(memory);
            // A look at the clock is a millisecond: a second at most.
            kernel.clock.step = 1_000_000;
            let limit = Program::find(&bytes).expect("verified").limits().objects;
            let (report, image) = run_in(&mut kernel, &bytes, &ARGUMENTS, WORK, AREA);
            prop_assert!(limit == 0 || report.objects <= u64::from(limit));
            prop_assert!(image.is_none_or(|image| image.memory.len() <= 8 * AREA));
        }
    }

    #[test]
    fn bytes_behind_a_true_header_are_rejected_or_harmless(
        tables in prop::collection::vec(any::<u8>(), 800..2000),
        small in prop::collection::vec(0..12u8, 800..2000),
        memory in any::<u64>(),
    ) {
        // The header of a program, its tables made of noise, most of it small.
        let mut bytes = program(&vec![vec![]; SIZES.len()], Seed { kind: 0, place: 0, target: 0, numbers: [0; 4] }, 0);
        let body = bytes.len().min(160)..bytes.len();
        for (at, (noise, small)) in body.zip(tables.iter().zip(&small)) {
            bytes[at] = if noise % 16 == 0 { *noise } else { *small };
        }
        if verify(&bytes).is_ok() {
            let mut kernel = machine(memory);
            kernel.clock.step = 1_000_000;
            run_in(&mut kernel, &bytes, &ARGUMENTS, WORK, AREA);
        }
    }
}
