//! Every self-test over simulated memory: the engine captures it, and the check finds
//! what the description says. And the check finds what differs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use kflat_abi::extension::Hit;
use kflat_abi::program::Slabs;
use kflat_engine::{
    Clock, Inputs, Memory, Quiet, State, Symbols, Unreadable, capture, put_bytes, required_words,
    verify, write,
};
use kflat_self_tests::check::{Outcome, check};
use kflat_self_tests::memory::{Addresses, MAX_ALLOCATIONS, Put, Word, place};
use kflat_self_tests::{
    ALIGNMENT, FUNCTION, GLOBAL, GLOBAL_WORDS, LOOKS, PER_CPU_MARK, SelfTest, all, assemble, size,
};

const ADDRESSES: Addresses = Addresses {
    memory: 0xffff_8880_1234_5600,
    allocations: [0xffff_8880_2000_0000, 0xffff_c900_0000_3000],
    function: 0xffff_ffff_c000_1000,
    global: 0xffff_ffff_c000_8000,
    per_cpu: 0x2_3450,
    user: 0x7ffe_1234_5678,
};
const LOOKS_ADDRESS: u64 = 0xffff_ffff_c000_9000;
const PER_CPU: [u64; 3] = [
    0xffff_8881_0000_0000,
    0xffff_8881_0010_0000,
    0xffff_8881_0020_0000,
];
const CPU: u32 = 1;

/// A kernel with the module in it.
struct Kernel<'k> {
    regions: BTreeMap<u64, Vec<u8>>,
    user: Vec<u8>,
    looks: &'k Looks,
}

/// Counts how often it is looked at.
#[derive(Default)]
struct Looks(Cell<u64>);

impl Clock for Looks {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        1000 * self.0.get()
    }
}

fn le(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The test's memory and its allocations, by their addresses.
fn build(test: &SelfTest) -> BTreeMap<u64, Vec<u8>> {
    let mut memory = vec![0; test.words];
    let mut allocations: Vec<Vec<u64>> = (test.allocations.iter())
        .map(|allocation| vec![0; allocation.words])
        .collect();
    let mut put = |at: usize, word: Word| {
        let (allocation, at) = place(at as u64);
        let words = match allocation {
            None => &mut memory,
            Some(index) => &mut allocations[index],
        };
        words[at as usize] = word.value(&ADDRESSES);
    };
    (test.build)(&mut Put::new(&mut put));
    let allocations = ADDRESSES.allocations.into_iter().zip(allocations);
    allocations
        .chain([(ADDRESSES.memory, memory)])
        .map(|(address, words)| (address, le(&words)))
        .collect()
}

impl<'k> Kernel<'k> {
    fn with(test: &SelfTest, looks: &'k Looks) -> Self {
        let mut regions = build(test);
        regions.insert(ADDRESSES.global, le(&GLOBAL_WORDS));
        for (offset, cpu) in PER_CPU.into_iter().zip(0..) {
            let variable = ADDRESSES.per_cpu + offset;
            regions.insert(variable, le(&[PER_CPU_MARK + cpu]));
        }
        Self {
            regions,
            user: [test.name.as_bytes(), &[0; 40]].concat(),
            looks,
        }
    }
}

fn piece(region: (&u64, &Vec<u8>), address: u64, length: usize) -> Option<Vec<u8>> {
    let at = usize::try_from(address - region.0).ok()?;
    Some(region.1.get(at..at.checked_add(length)?)?.to_vec())
}

impl Memory for Kernel<'_> {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        let bytes = if address == LOOKS_ADDRESS {
            le(&[self.looks.0.get()])
        } else {
            let region = self.regions.range(..=address).next_back();
            let bytes = region.and_then(|region| piece(region, address, length));
            bytes.ok_or(Unreadable)?
        };
        put_bytes(words, address, &bytes);
        Ok(())
    }

    fn read_user(
        &mut self,
        address: u64,
        length: usize,
        words: &mut [u64],
    ) -> Result<(), Unreadable> {
        let at = address.checked_sub(ADDRESSES.user).ok_or(Unreadable)?;
        let bytes = piece((&0, &self.user), at, length).ok_or(Unreadable)?;
        put_bytes(words, address, &bytes);
        Ok(())
    }

    fn allocation(&mut self, address: u64) -> Option<Range<u64>> {
        let (start, bytes) = self.regions.range(..=address).next_back()?;
        let end = start + bytes.len() as u64;
        (address < end).then_some(*start..end)
    }
}

struct Names;

impl Symbols for Names {
    fn name(&mut self, address: u64, name: &mut [u8]) -> Option<usize> {
        let text = match address.checked_sub(ADDRESSES.function)? {
            0 => format!("{FUNCTION} [kflat]"),
            bytes @ ..0x40 => format!("{FUNCTION}+{bytes:#x} [kflat]"),
            _ => return None,
        };
        name.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(text.len())
    }
}

/// Captures `test`, or what `damage` makes of the kernel that it is in.
fn run(test: &SelfTest, damage: impl FnOnce(&mut Kernel<'_>)) -> Outcome {
    let mut bytes = vec![0; size(test)];
    assemble(test, Slabs::default(), &mut bytes);
    let program = verify(&bytes).unwrap_or_else(|why| {
        let text = kflat_abi::program::rejection_text(why.code);
        panic!("{}: {text} (at {})", test.name, why.at)
    });
    let globals: Vec<u64> = (test.program.globals.iter())
        .map(|symbol| match *symbol {
            FUNCTION => ADDRESSES.function,
            GLOBAL => ADDRESSES.global,
            LOOKS => LOOKS_ADDRESS,
            _ => 0,
        })
        .collect();
    let arguments: Vec<u64> = (test.arguments.iter())
        .map(|word| word.value(&ADDRESSES))
        .collect();
    let looks = Looks::default();
    let mut kernel = Kernel::with(test, &looks);
    damage(&mut kernel);
    let (_, _, roots) = program.program().counts();
    let mut work = vec![0xdead_beef; required_words(roots) + 4096];
    let mut area = vec![0xa5a5; 16384];
    let mut state = State::new();
    let inputs = Inputs {
        arguments: &arguments,
        globals: &globals,
        cpu: CPU,
        per_cpu: &PER_CPU,
        ..Inputs::default()
    };
    let regions = (&mut work[..], &mut area[..], &mut state);
    capture(&program, regions, &inputs, &mut kernel, &looks, &mut Quiet).expect("enough memory");
    let hit = Hit {
        cpu: CPU,
        ..Hit::default()
    };
    let regions = (&mut work[..], &mut area[..], &mut state);
    let report = write(
        &program,
        regions,
        &hit,
        &mut Names,
        &kflat_engine::AnyProcessor,
    );
    let mut image = le(&area);
    image.truncate(usize::try_from(report.total_size).expect("fits"));
    Outcome {
        image,
        reason: report.reason,
        cpus: PER_CPU.len() as u32,
    }
}

#[test]
fn every_test_passes() {
    let mut failed = vec![];
    for test in all() {
        if let Err(mismatch) = check(test, &run(test, |_| ())) {
            failed.push(format!("{}: {mismatch}", test.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Data that differs from the description in one bit of what is captured is found: by
/// a value, by where a pointer leads, or by what is captured then.
#[test]
fn a_changed_bit_is_found() {
    for test in all() {
        for fragment in test.image.fragments {
            let kflat_self_tests::expected::Fragment::Memory { start, size } = *fragment else {
                continue;
            };
            // Every seventh: all places in a word. Fewer of what is large.
            let step = ((size as usize / 64) | 1).max(7);
            for byte in (start..start + size).step_by(step) {
                let outcome = run(test, |kernel| {
                    let address = ADDRESSES.of(byte);
                    let (start, bytes) = kernel
                        .regions
                        .range_mut(..=address)
                        .next_back()
                        .expect("there");
                    bytes[(address - start) as usize] ^= 0x10;
                });
                assert!(check(test, &outcome).is_err(), "{}, byte {byte}", test.name);
            }
        }
    }
}

#[test]
fn the_image_of_another_test_fails() {
    let outcomes: Vec<(&SelfTest, Outcome)> = all().map(|test| (test, run(test, |_| ()))).collect();
    for test in all() {
        for (other, outcome) in &outcomes {
            let same = test.name == other.name;
            let checked = check(test, outcome);
            assert_eq!(checked.is_ok(), same, "{} as {}", other.name, test.name);
        }
    }
}

#[test]
fn the_documentation_names_every_test() {
    let doc = include_str!("../../../doc/self-tests.md");
    let rows: Vec<&str> = doc.lines().filter(|line| line.starts_with("| `")).collect();
    let named = |name: &str| {
        let name = format!("`{name}`");
        let first = |row: &&&str| {
            row.split('|')
                .nth(1)
                .is_some_and(|cell| cell.contains(&name))
        };
        rows.iter().filter(first).count()
    };
    for test in all() {
        assert_eq!(named(test.name), 1, "{}", test.name);
    }
    let names: usize = rows
        .iter()
        .map(|row| {
            row.split('|')
                .nth(1)
                .map_or(0, |cell| cell.matches('`').count() / 2)
        })
        .sum();
    assert_eq!(names, all().count());
    assert!(doc.contains(&format!("{names} passed, 0 failed")));
}

#[test]
fn names_are_unique_and_data_fits() {
    let mut names: Vec<&str> = all().map(|test| test.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(ADDRESSES.memory.is_multiple_of(ALIGNMENT));
    for test in all() {
        assert!(test.allocations.len() <= MAX_ALLOCATIONS, "{}", test.name);
        (test.build)(&mut Put::new(&mut |at, _| {
            let (allocation, at) = place(at as u64);
            let room = allocation.map_or(test.words, |index| test.allocations[index].words);
            assert!(at < room as u64, "{}", test.name);
        }));
    }
}
