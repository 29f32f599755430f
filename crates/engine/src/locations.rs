//! Lists the words of the image's memory that hold pointers (sections 4 and 5 of
//! the image format): ascending, each once, though objects may overlap.

use kflat_abi::extension as abi;
use kflat_abi::program::Program;

use crate::diagnostics::{Place, note};
use crate::environment::{Quiet, Symbols};
use crate::layout::{Step, Sweep};
use crate::order::Order;
use crate::word;
use crate::work::{MARK_BLOCK, Mark, Work};

/// Bytes of a function's name, its module included, that are kept.
pub(crate) const NAME: usize = 640;

/// A list of locations that grows in the area.
#[derive(Debug)]
pub(crate) struct Locations<'a> {
    area: &'a mut [u64],
    /// First word.
    at: usize,
    /// How many, those that had no room included.
    pub(crate) count: usize,
    /// Where those begin that may have to be sorted.
    unsorted: usize,
    overlap: bool,
}

impl<'a> Locations<'a> {
    fn new(area: &'a mut [u64], at: usize) -> Self {
        Self {
            area,
            at,
            count: 0,
            unsorted: 0,
            overlap: false,
        }
    }

    /// The locations of `step` follow.
    fn object(&mut self, step: &Step) {
        if step.covered > 0 {
            self.overlap = true;
        } else {
            self.close();
        }
    }

    #[inline]
    fn push(&mut self, location: u64) {
        if let Some(word) = self.area.get_mut(self.at.wrapping_add(self.count)) {
            *word = location;
        }
        self.count += 1;
    }

    /// Sorts the locations of overlapping objects and removes doubles.
    fn close(&mut self) {
        if self.overlap {
            self.overlap = false;
            let range = self.at + self.unsorted..self.at + self.count;
            // Where the area has no room for all of them, they are not needed.
            if let Some(list) = self.area.get_mut(range) {
                heap_sort(list);
                self.count = self.unsorted + unique(list);
            }
        }
        self.unsorted = self.count;
    }
}

/// Writes the pointer locations to the area from word `at` on; how many.
pub(crate) fn pointers(
    work: &Work<'_>,
    program: &Program<'_>,
    order: Order,
    area: &mut [u64],
    at: usize,
) -> usize {
    let mut list = Locations::new(area, at);
    let mut sweep = Sweep::new(order);
    while let Some(step) = sweep.step(work, program) {
        list.object(&step);
        each(work, &step, Mark::Pointer, |offset, _| list.push(offset));
    }
    list.close();
    list.count
}

/// Writes the locations of function pointers that have a name to the area from
/// word `at` on, just behind the `pointers` pointer locations; how many.
pub(crate) fn functions(
    work: &mut Work<'_>,
    program: &Program<'_>,
    order: Order,
    area: &mut [u64],
    (at, pointers): (usize, usize),
    symbols: &mut impl Symbols,
) -> usize {
    if work.state.functions == 0 {
        return 0;
    }
    let Some((known, area)) = area.split_at_mut_checked(at) else {
        return work.state.functions as usize;
    };
    let known = known.get(at - pointers..).unwrap_or(&[]);
    let mut list = Locations::new(area, 0);
    let mut sweep = Sweep::new(order);
    let mut name = [0; NAME];
    while let Some(step) = sweep.step(work, program) {
        list.object(&step);
        let mut nameless = 0;
        let mut last = 0;
        each(work, &step, Mark::Function, |offset, value| {
            // An object that overlaps this one may know it as a data pointer.
            if contains(known, offset) {
                return;
            }
            if symbols
                .name(value, &mut name)
                .is_some_and(|length| length > 0)
            {
                list.push(offset);
            } else {
                (nameless, last) = (nameless + 1, value);
            }
        });
        if nameless > 0 {
            let place = Place {
                object: step.index,
                via: step.object.via,
                element: 0,
            };
            note(
                work,
                &mut Quiet,
                place,
                abi::REASON_NO_SYMBOL,
                last,
                nameless,
            );
        }
    }
    list.close();
    list.count
}

/// Calls `found` with offset and word of each word of an object that is marked
/// as `mark`.
#[inline]
fn each(work: &Work<'_>, step: &Step, mark: Mark, mut found: impl FnMut(u64, u64)) {
    if !step.object.has_marks() {
        return;
    }
    let words = word::words_for(step.object.address, step.length);
    let base = step.object.offset() & !7;
    let position = step.object.position as usize;
    for block in 0..words.div_ceil(MARK_BLOCK) {
        let marks = work.mark_block(&step.object, block, words);
        let mut bits = match mark {
            Mark::Function => marks >> 1 & LOW,
            _ => marks & LOW,
        };
        while bits != 0 {
            let word = block * MARK_BLOCK + u64::from(bits.trailing_zeros() / 2);
            bits &= bits - 1;
            found(
                base + 8 * word,
                work.get(position.wrapping_add(word as usize)),
            );
        }
    }
}

/// The low bit of each mark.
const LOW: u64 = 0x5555_5555_5555_5555;

/// Whether a location is in an ascending list. The standard library's search
/// refers to a panic.
fn contains(mut list: &[u64], location: u64) -> bool {
    while let Some((low, high)) = list.split_at_checked(list.len() / 2) {
        match high.split_first() {
            None => return false,
            Some((middle, _)) if *middle == location => return true,
            Some((middle, above)) => list = if *middle < location { above } else { low },
        }
    }
    false
}

/// Removes neighbours that are equal; how many are left.
fn unique(list: &mut [u64]) -> usize {
    let mut kept = 0;
    let mut last = None;
    for place in 0..list.len() {
        let value = list.get(place).copied();
        if value != last {
            if let (Some(value), Some(to)) = (value, list.get_mut(kept)) {
                *to = value;
            }
            kept += 1;
            last = value;
        }
    }
    kept
}

fn heap_sort(list: &mut [u64]) {
    // Most lists of overlapping objects are sorted but for a few places.
    let mut last = 0;
    if list
        .iter()
        .all(|value| core::mem::replace(&mut last, *value) <= *value)
    {
        return;
    }
    let count = list.len();
    for top in (0..count / 2).rev() {
        sift(list, top, count);
    }
    for end in (1..count).rev() {
        if let Some((last, [first, ..])) = list.get_mut(..=end).and_then(<[u64]>::split_last_mut) {
            core::mem::swap(first, last);
        }
        sift(list, 0, end);
    }
}

fn sift(list: &mut [u64], mut top: usize, count: usize) {
    let Some(list) = list.get_mut(..count) else {
        return;
    };
    let Some(&sinking) = list.get(top) else {
        return;
    };
    loop {
        let first = 2 * top + 1;
        let (Some(left), right) = (list.get(first), list.get(first + 1)) else {
            break;
        };
        let (child, value) = match right {
            Some(right) if right > left => (first + 1, *right),
            _ => (first, *left),
        };
        if value <= sinking {
            break;
        }
        if let Some(place) = list.get_mut(top) {
            *place = value;
        }
        top = child;
    }
    if let Some(place) = list.get_mut(top) {
        *place = sinking;
    }
}

#[cfg(test)]
mod tests {
    use super::{contains, heap_sort, unique};

    #[test]
    fn locations_end_up_ascending_and_once() {
        let mut list = [5, 3, 9, 3, 1, 5, 5, 8];
        heap_sort(&mut list);
        let kept = unique(&mut list);
        let list = list.get(..kept).expect("kept");
        assert_eq!(list, [1, 3, 5, 8, 9]);
        for location in 0..11 {
            assert_eq!(contains(list, location), list.contains(&location));
        }
    }
}
