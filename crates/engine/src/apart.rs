//! Whether no two objects touch, found without sorting them: each marks its words in a
//! map of bits behind the stream, the word of its end included. Where no bit is marked
//! twice, every object is a fragment by itself.
//!
//! Objects that do not touch but share a word are taken for ones that do: who sorts
//! them finds out.

use kflat_abi::program::{NONE, Program};

use crate::area::Area;
use crate::environment::Processor;
use crate::work::{Work, length_of, record, records};

/// Words of the map for each object that cost less than sorting.
const DENSE: usize = 8;

/// Objects by which records are asked for ahead.
const AHEAD: u32 = 64;

/// True: no two objects touch. False: that is not known.
pub(crate) fn are_apart(
    work: &mut Work<'_>,
    program: &Program<'_>,
    processor: &impl Processor,
) -> bool {
    let base = work.state.lowest & !7;
    let count = work.state.objects as usize;
    // One word more for the word of the last end.
    let size = (work.state.highest.saturating_sub(base) / 512).saturating_add(2);
    let most = count.saturating_mul(DENSE).saturating_add(64) as u64;
    let at = work.state.stream_end + work.state.slack;
    if size > most || at.saturating_add(size as usize) > work.area.len() {
        return false;
    }
    let size = size as usize;
    Area::new(work.area).clear(at, at + size);
    work.state.touched = work.state.touched.max(at + size);
    let Some(map) = work.area.get_mut(at..at + size) else {
        return false;
    };
    let mut view = (u32::MAX, 0);
    for (index, [address, kind, ..]) in (AHEAD..).zip(records(work.words, work.state.objects)) {
        if let Some([word, ..]) = record(work.words, index) {
            processor.expect_own(word);
        }
        let (type_index, count) = ((kind >> 32) as u32, *kind as u32);
        if view.0 != type_index {
            let known = program.type_at(type_index);
            // The size of one with a flexible array is looked up each time.
            let size = known
                .filter(|view| view.tail == NONE)
                .map_or(0, |view| view.size);
            view = (type_index, size);
        }
        let length = match view.1 {
            0 => length_of(program, type_index, count),
            size => u64::from(size) * u64::from(count),
        };
        let first = address.wrapping_sub(base) / 8;
        let last = address.wrapping_add(length).wrapping_sub(base) / 8;
        if !mark(map, first, last) {
            return false;
        }
    }
    true
}

/// Marks the bits from `first` to (including) `last`; false: one was so already.
#[inline]
fn mark(map: &mut [u64], first: u64, last: u64) -> bool {
    let (from, to) = ((first / 64) as usize, (last / 64) as usize);
    let (low, high) = (u64::MAX << (first % 64), u64::MAX >> (63 - last % 64));
    if from == to {
        return set(map, from, low & high);
    }
    set(map, from, low) && (from + 1..to).all(|at| set(map, at, u64::MAX)) && set(map, to, high)
}

#[inline]
fn set(map: &mut [u64], at: usize, mask: u64) -> bool {
    match map.get_mut(at) {
        Some(word) if *word & mask == 0 => {
            *word |= mask;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn what_touches_is_noticed_over_words_of_the_map_as_well() {
        for length in [1, 3, 63, 64, 65, 130, 200] {
            for start in [0, 1, 60, 63, 64] {
                let mut map = [0; 8];
                assert!(mark(&mut map, start, start + length));
                let marked: u32 = map.iter().map(|word| word.count_ones()).sum();
                assert_eq!(u64::from(marked), length + 1);
                assert!(!mark(&mut map.clone(), start + length, start + length + 1));
                assert!(mark(
                    &mut map.clone(),
                    start + length + 1,
                    start + length + 2
                ));
                if start > 0 {
                    assert!(mark(&mut map.clone(), 0, start - 1));
                    assert!(!mark(&mut map.clone(), 0, start));
                }
            }
        }
    }
}
