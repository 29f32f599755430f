//! Puts the objects in the order of their addresses.
//!
//! The order is by address, then the larger object first, then the one that was
//! captured first. It is made by a radix sort in the area, which holds nothing
//! yet, or, where the area is too small for that, by a heap sort in place. It
//! is kept in the words of the table of visited objects, which are free now.

use kflat_abi::program::Program;

use crate::work::Work;

/// Bits that one round of the radix sort looks at.
const DIGIT: u32 = 11;
const DIGITS: usize = 1 << DIGIT;
/// Fewer objects are sorted in place.
const FEW: usize = 64;

/// The objects in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// First word of the indices, two a word.
    at: usize,
    /// How many there are.
    pub(crate) count: u32,
}

impl Order {
    /// The object at `place` in the order.
    #[inline]
    pub(crate) fn object(self, work: &Work<'_>, place: u32) -> u32 {
        half(work.words, self.at, place)
    }

    /// Sorts; `area` is scratch memory, of which the words that were used are
    /// told: as many from its start on as the second value says.
    pub(crate) fn make(
        work: &mut Work<'_>,
        program: &Program<'_>,
        area: &mut [u64],
    ) -> (Self, usize) {
        let count = work.state.objects;
        let order = Self {
            at: work.state.visited.range().start,
            count,
        };
        let sorter = Sorter { order, program };
        let needed = 3 * count as usize + 2 + DIGITS;
        if (count as usize) < FEW || needed > area.len() {
            for index in 0..count {
                set_half(work.words, order.at, index, index);
            }
            sorter.heap(work, 0, count);
            return (order, 0);
        }
        let addresses = sorter.radix(work, area);
        sorter.mend_ties(work, addresses);
        (order, needed)
    }
}

/// Half word `index` of the words from `at` on.
#[inline]
fn half(words: &[u64], at: usize, index: u32) -> u32 {
    let word = words.get(at.wrapping_add(index as usize / 2));
    (word.copied().unwrap_or(0) >> (32 * (index % 2))) as u32
}

#[inline]
fn set_half(words: &mut [u64], at: usize, index: u32, value: u32) {
    if let Some(word) = words.get_mut(at.wrapping_add(index as usize / 2)) {
        let shift = 32 * (index % 2);
        *word = *word & !(0xffff_ffff << shift) | u64::from(value) << shift;
    }
}

struct Sorter<'p, 'b> {
    order: Order,
    program: &'p Program<'b>,
}

impl Sorter<'_, '_> {
    /// Whether object `a` comes before `b`.
    fn before(&self, work: &Work<'_>, a: u32, b: u32) -> bool {
        let key = |index: u32| {
            let object = work.object(index);
            object.map_or((0, 0), |o| (o.address, u64::MAX - o.length(self.program)))
        };
        (key(a), a) < (key(b), b)
    }

    /// Sorts the places `from..from + count` by heap sort.
    fn heap(&self, work: &mut Work<'_>, from: u32, count: u32) {
        for top in (0..count / 2).rev() {
            self.sift(work, from, top, count);
        }
        for end in (1..count).rev() {
            let last = self.order.object(work, from.wrapping_add(end));
            let first = self.order.object(work, from);
            set_half(work.words, self.order.at, from, last);
            set_half(work.words, self.order.at, from.wrapping_add(end), first);
            self.sift(work, from, 0, end);
        }
    }

    /// Lets the object at `top` sink to its place in the heap of `count`.
    fn sift(&self, work: &mut Work<'_>, from: u32, mut top: u32, count: u32) {
        let at = |place: u32| from.wrapping_add(place);
        let sinking = self.order.object(work, at(top));
        loop {
            let mut child = u64::from(top) * 2 + 1;
            if child >= u64::from(count) {
                break;
            }
            let mut object = self.order.object(work, at(child as u32));
            if child + 1 < u64::from(count) {
                let other = self.order.object(work, at(child as u32 + 1));
                if self.before(work, object, other) {
                    (child, object) = (child + 1, other);
                }
            }
            if !self.before(work, sinking, object) {
                break;
            }
            set_half(work.words, self.order.at, at(top), object);
            top = child as u32;
        }
        set_half(work.words, self.order.at, at(top), sinking);
    }

    /// Sorts by address alone. `area` holds counters, then twice the addresses,
    /// then the indices once; the indices' other home is that of the order.
    /// Returns the sorted addresses.
    fn radix<'a>(&self, work: &mut Work<'_>, area: &'a mut [u64]) -> &'a [u64] {
        let count = self.order.count as usize;
        let Some((counters, rest)) = area.split_at_mut_checked(DIGITS) else {
            return &[];
        };
        let Some((mut keys, rest)) = rest.split_at_mut_checked(count) else {
            return &[];
        };
        let Some((mut other_keys, other)) = rest.split_at_mut_checked(count) else {
            return &[];
        };
        let home = self.order.at..self.order.at + count.div_ceil(2);
        let (mut varying, first) = (0, work.address(0));
        for (index, key) in (0..).zip(keys.iter_mut()) {
            *key = work.address(index);
            varying |= *key ^ first;
            set_half(work.words, self.order.at, index, index);
        }
        let Some(home) = work.words.get_mut(home) else {
            return &[];
        };
        let (mut indices, mut other_indices) = (home, other);
        let mut moved = false;
        let mut shift = 0;
        while shift < u64::BITS {
            if varying >> shift & (DIGITS as u64 - 1) != 0 {
                round(counters, keys, other_keys, indices, other_indices, shift);
                core::mem::swap(&mut keys, &mut other_keys);
                core::mem::swap(&mut indices, &mut other_indices);
                moved = !moved;
            }
            shift += DIGIT;
        }
        if moved {
            for (to, from) in other_indices.iter_mut().zip(indices.iter()) {
                *to = *from;
            }
        }
        keys
    }

    /// Sorts runs of one address by size.
    fn mend_ties(&self, work: &mut Work<'_>, addresses: &[u64]) {
        let (mut start, mut last) = (0, None);
        for (place, address) in (0..).zip(addresses) {
            if last != Some(*address) {
                self.mend(work, start, place);
                (start, last) = (place, Some(*address));
            }
        }
        self.mend(work, start, self.order.count);
    }

    fn mend(&self, work: &mut Work<'_>, start: u32, end: u32) {
        if end.wrapping_sub(start) > 1 {
            self.heap(work, start, end.wrapping_sub(start));
        }
    }
}

/// One round of a radix sort: stable, by the digit at `shift`.
fn round(
    counters: &mut [u64],
    keys: &[u64],
    other_keys: &mut [u64],
    indices: &[u64],
    other_indices: &mut [u64],
    shift: u32,
) {
    let digit = |key: u64| (key >> shift) as usize & (DIGITS - 1);
    counters.fill(0);
    for key in keys {
        if let Some(counter) = counters.get_mut(digit(*key)) {
            *counter += 1;
        }
    }
    let mut sum = 0;
    for counter in counters.iter_mut() {
        sum += core::mem::replace(counter, sum);
    }
    for (place, key) in (0..).zip(keys) {
        let Some(counter) = counters.get_mut(digit(*key)) else {
            return;
        };
        let to = *counter;
        *counter = to + 1;
        if let Some(other) = other_keys.get_mut(to as usize) {
            *other = *key;
        }
        set_half(other_indices, 0, to as u32, half(indices, 0, place));
    }
}
