//! Finds the fragments of a test in an image, by where they were in kernel memory.

use std::fmt::Write as _;

use kflat_image::Image;

use super::{Mismatch, Outcome};
use crate::expected::Fragment;
use crate::memory::{Addresses, MAX_ALLOCATIONS, place};
use crate::{GLOBAL_WORDS, PER_CPU_MARK, SelfTest};

/// A fragment of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it is in the image's memory.
    pub(super) offset: u64,
    /// Where it was.
    pub(super) address: u64,
    /// Bytes up to the end of the last object in it.
    pub(super) size: u64,
}

/// Where what the test speaks of is in the image.
#[derive(Debug)]
pub(super) struct Origins {
    /// Where the test's memory and its allocations were, as far as that is told.
    pub(super) addresses: Addresses,
    /// Fragments of the test's memory, in the order of the description: the first byte,
    /// and the fragment.
    pub(super) memory: Vec<(u64, Found)>,
    /// The others, in the order of the description; of the per-CPU variable those of
    /// all CPUs, ascending.
    pub(super) others: Vec<(Fragment, Found)>,
}

/// All fragments of `image`, ascending by address.
fn fragments(image: &Image) -> Result<Vec<Found>, Mismatch> {
    let extension = image.extension().ok_or(Mismatch::Untold("addresses"))?;
    let program = extension.program();
    let program = program.ok_or(Mismatch::Untold("its program"))?;
    let mut all = Vec::new();
    for (fragment, address) in image.fragments().zip(extension.origins()) {
        let inside = fragment.offset..fragment.offset + fragment.size;
        let objects = extension.objects().iter();
        let ends = objects
            .filter(|object| inside.contains(&object.offset))
            .map(|object| object.offset + program.object_size(object.type_index, object.count));
        let end = ends.max().unwrap_or(fragment.offset);
        all.push(Found {
            offset: fragment.offset,
            address: *address,
            size: end - fragment.offset,
        });
    }
    all.sort_by_key(|found| found.address);
    Ok(all)
}

impl Origins {
    pub(super) fn find(
        test: &SelfTest,
        image: &Image,
        outcome: &Outcome,
    ) -> Result<Self, Mismatch> {
        let found = fragments(image)?;
        let expected = test.image.fragments;
        Self::place(test, &found, image, outcome).ok_or_else(|| Mismatch::Fragments {
            found: found.iter().fold(String::new(), |mut text, found| {
                let _ = write!(text, "[{:#x} {}]", found.address, found.size);
                text
            }),
            expected: format!("{expected:?}"),
        })
    }

    /// Finds the addresses at which the fragments are those of the description.
    fn place(test: &SelfTest, all: &[Found], image: &Image, outcome: &Outcome) -> Option<Self> {
        let ours: Vec<(u64, u64)> = (test.image.fragments.iter())
            .filter_map(|fragment| match fragment {
                Fragment::Memory { start, size } => Some((*start, *size)),
                _ => None,
            })
            .collect();
        let (first, _) = *ours.first()?;
        let allocations = allocations(&ours, all)?;
        for found in all {
            let addresses = Addresses {
                memory: found.address.wrapping_sub(first),
                allocations,
                ..Addresses::default()
            };
            let at = |(start, size): &(u64, u64)| {
                let address = addresses.of(*start);
                all.iter()
                    .find(|found| found.address == address && found.size == *size)
                    .map(|found| (*start, *found))
            };
            let Some(memory) = ours.iter().map(at).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let rest: Vec<Found> = (all.iter().copied())
                .filter(|found| memory.iter().all(|(_, taken)| taken != found))
                .collect();
            if let Some(others) = others(test, &rest, image, outcome) {
                return Some(Self {
                    addresses,
                    memory,
                    others,
                });
            }
        }
        None
    }

    /// The fragment that byte `byte` of the test's memory is in, and where in it.
    pub(super) fn at(&self, byte: u64) -> Option<(Found, u64)> {
        let holds = |(start, found): &&(u64, Found)| (*start..start + found.size).contains(&byte);
        let (start, found) = self.memory.iter().find(holds)?;
        Some((*found, byte - start))
    }

    /// The first fragment of a kind.
    pub(super) fn other(&self, kind: Fragment) -> Option<Found> {
        let mut all = self.others.iter();
        all.find(|(other, _)| *other == kind)
            .map(|(_, found)| *found)
    }
}

/// Where allocations were: each has one fragment in the description, of a size that no
/// other fragment has.
fn allocations(ours: &[(u64, u64)], all: &[Found]) -> Option<[u64; MAX_ALLOCATIONS]> {
    let mut addresses = [0; MAX_ALLOCATIONS];
    for (start, size) in ours {
        let (Some(index), word) = place(start / 8) else {
            continue;
        };
        let found = all.iter().find(|found| found.size == *size)?;
        *addresses.get_mut(index)? = found.address.wrapping_sub(8 * word + start % 8);
    }
    Some(addresses)
}

/// The fragments of the description that are not of the test's memory: each by what
/// it holds. `None`: there are others than these in `rest`.
fn others(
    test: &SelfTest,
    rest: &[Found],
    image: &Image,
    outcome: &Outcome,
) -> Option<Vec<(Fragment, Found)>> {
    let number = |found: &Found| {
        let bytes = image.memory().get(found.offset as usize..)?;
        Some(u64::from_le_bytes(*bytes.first_chunk()?))
    };
    let cpu = |cpu: u64| {
        rest.iter()
            .find(|found| found.size == 8 && number(found) == Some(PER_CPU_MARK + cpu))
    };
    let mut others = Vec::new();
    for kind in test.image.fragments {
        match kind {
            Fragment::Memory { .. } => {}
            Fragment::Global => {
                let first = GLOBAL_WORDS.first().copied();
                let size = size_of_val(&GLOBAL_WORDS) as u64;
                let is = |found: &&Found| found.size == size && number(found) == first;
                others.push((*kind, *rest.iter().find(is)?));
            }
            Fragment::ThisCpu => {
                let hit = image.extension()?.hit()?;
                others.push((*kind, *cpu(hit.cpu.into())?));
            }
            Fragment::EachCpu => {
                for number in 0..outcome.cpus {
                    others.push((*kind, *cpu(number.into())?));
                }
            }
            Fragment::User => {
                let size = test.name.len() as u64 + 1;
                let is = |found: &&Found| found.address >> 63 == 0 && found.size == size;
                others.push((*kind, *rest.iter().find(is)?));
            }
            Fragment::Looks => {
                let is = |found: &&Found| found.size == 8;
                others.push((*kind, *rest.iter().find(is)?));
            }
        }
    }
    (others.len() == rest.len()).then_some(others)
}
