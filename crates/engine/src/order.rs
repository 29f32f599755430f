//! Puts the objects in the order of their addresses, in the area behind the
//! stream: by address, then the larger object first, then the one that was
//! captured first.

use kflat_abi::program::Program;

use crate::sort::{self, COUNTERS};
use crate::work::{LARGE, State, Work};

/// Fewer objects are sorted in place.
const FEW: usize = 64;

/// The objects in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// First word of the entries.
    at: usize,
    /// How many there are.
    pub(crate) count: u32,
    packing: Packing,
    /// The first free word of the area behind them.
    pub(crate) end: usize,
}

/// How an entry says address and object.
#[derive(Clone, Copy, Debug)]
enum Packing {
    /// Two words: the address; the index and whether the object is large.
    Pair,
    /// One word: the address less `lowest`, without `zeros` low bits, above the
    /// index and whether the object is large, which take `low` bits.
    Single { lowest: u64, zeros: u32, low: u32 },
}

/// An object in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) address: u64,
    pub(crate) index: u32,
    /// It has more than [`LARGE`] bytes.
    pub(crate) large: bool,
}

impl Order {
    /// The object at `place`.
    #[inline]
    pub(crate) fn entry(self, area: &[u64], place: u32) -> Entry {
        let word = |at: usize| area.get(self.at + at).copied().unwrap_or(0);
        let (address, low) = match self.packing {
            Packing::Pair => (word(2 * place as usize), word(2 * place as usize + 1)),
            Packing::Single { lowest, zeros, low } => {
                let word = word(place as usize);
                let address = lowest.wrapping_add(word >> low << zeros);
                (address, word & ((1 << low) - 1))
            }
        };
        Entry {
            address,
            index: (low >> 1) as u32,
            large: low & 1 != 0,
        }
    }

    /// Sorts. `None`: the area has no room for that.
    pub(crate) fn make(work: &mut Work<'_>, program: &Program<'_>) -> Option<Self> {
        let count = work.state.objects as usize;
        let State {
            lowest,
            highest,
            varying,
            ..
        } = *work.state;
        let zeros = varying.trailing_zeros().min(12);
        let bits = u64::BITS - (highest.wrapping_sub(lowest) >> zeros).leading_zeros();
        let low = u32::BITS - work.state.objects.leading_zeros() + 1;
        let at = work.state.stream_end + work.state.slack;
        let room = work.area.len().saturating_sub(at);
        let mut order = Self {
            at,
            count: work.state.objects,
            packing: Packing::Pair,
            end: 0,
        };
        if count >= FEW && bits + low <= u64::BITS && 2 * count + COUNTERS <= room {
            order.packing = Packing::Single { lowest, zeros, low };
            order.fill(work, program, COUNTERS, |entry, place| {
                let key = entry.address.wrapping_sub(lowest) >> zeros;
                place.first_mut().map(|word| {
                    *word = key << low | u64::from(entry.index) << 1 | u64::from(entry.large);
                })
            })?;
            order.radix::<1>(work, bits, |[word]| word >> low)?;
        } else {
            let radix = count >= FEW && 4 * count + COUNTERS <= room;
            let front = if radix { COUNTERS } else { 0 };
            order.fill(work, program, front, |entry, place| {
                let pair = place.first_chunk_mut()?;
                *pair = [
                    entry.address,
                    u64::from(entry.index) << 1 | u64::from(entry.large),
                ];
                Some(())
            })?;
            if radix {
                order.radix::<2>(work, u64::BITS, |[address, _]| *address)?;
            } else {
                let entries = work.area.get_mut(at..at + 2 * count)?;
                sort::heap(entries.as_chunks_mut::<2>().0, |a, b| a < b);
                order.end = at + 2 * count;
            }
        }
        let behind = 4 * count + COUNTERS;
        work.state.touched = work.state.touched.max(at + behind);
        order.mend_ties(work, program);
        Some(order)
    }

    /// Writes the entries from word `front` behind the order's first on.
    fn fill(
        &mut self,
        work: &mut Work<'_>,
        program: &Program<'_>,
        front: usize,
        put: impl Fn(Entry, &mut [u64]) -> Option<()>,
    ) -> Option<()> {
        let width = self.width();
        let any_large = work.state.large > 0;
        for index in 0..self.count {
            let large = any_large && work.object(index)?.length(program) > LARGE;
            let entry = Entry {
                address: work.address(index),
                index,
                large,
            };
            let at = self.at + front + index as usize * width;
            put(entry, work.area.get_mut(at..)?)?;
        }
        Some(())
    }

    fn width(&self) -> usize {
        match self.packing {
            Packing::Pair => 2,
            Packing::Single { .. } => 1,
        }
    }

    /// Sorts what [`fill`](Self::fill) wrote behind the counters.
    fn radix<const W: usize>(
        &mut self,
        work: &mut Work<'_>,
        bits: u32,
        key: impl Fn(&[u64; W]) -> u64,
    ) -> Option<()> {
        let words = W * self.count as usize;
        let free = work.area.get_mut(self.at..)?;
        let (counters, rest) = free.split_at_mut_checked(COUNTERS)?;
        let (entries, rest) = rest.split_at_mut_checked(words)?;
        let other = rest.get_mut(..words)?;
        let moved = sort::radix(
            entries.as_chunks_mut::<W>().0,
            other.as_chunks_mut::<W>().0,
            counters,
            bits,
            key,
        );
        self.at += COUNTERS + if moved { words } else { 0 };
        self.end = self.at + words;
        Some(())
    }

    /// Sorts runs of one address by size.
    fn mend_ties(self, work: &mut Work<'_>, program: &Program<'_>) {
        let mut start = 0;
        while start < self.count {
            let address = self.entry(work.area, start).address;
            let mut end = start + 1;
            while end < self.count && self.entry(work.area, end).address == address {
                end += 1;
            }
            if end - start > 1 {
                self.mend(work, program, start as usize, end as usize);
            }
            start = end;
        }
    }

    fn mend(self, work: &mut Work<'_>, program: &Program<'_>, start: usize, end: usize) {
        let width = self.width();
        let range = self.at + start * width..self.at + end * width;
        // The lengths are in `words`, the entries in `area`.
        let Work { area, words, state } = work;
        let lengths = Work {
            words,
            area: &mut [],
            state,
        };
        let Some(entries) = area.get_mut(range) else {
            return;
        };
        let key = |low: u64| {
            let index = (low >> 1) as u32;
            let length = lengths.object(index).map_or(0, |o| o.length(program));
            (u64::MAX - length, index)
        };
        match self.packing {
            Packing::Pair => sort::heap(entries.as_chunks_mut::<2>().0, |[_, a], [_, b]| {
                key(*a) < key(*b)
            }),
            Packing::Single { low, .. } => {
                let mask = (1 << low) - 1;
                sort::heap(entries.as_chunks_mut::<1>().0, |[a], [b]| {
                    key(a & mask) < key(b & mask)
                });
            }
        }
    }
}
