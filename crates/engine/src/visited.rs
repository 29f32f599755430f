//! Which objects were captured already: an open-addressing hash table of object
//! indices by (address, type, parameters), kept in blocks of the work region.
//!
//! Slots have 32 bits. A bucket of 16 is a cache line; the hash's first bits choose it,
//! and an object that finds its bucket full goes to the next one with room. A slot is
//! the object's index plus one (0: free), and in the bits that no index of the table's
//! size has, whether it is in another bucket than its own, and the hash's next bits:
//!
//! ```text
//! hash:   | bucket | tag | not used |        slot: | elsewhere | tag | index + 1 |
//! ```
//!
//! So hardly any object is looked at in vain. And the table doubles, at 13 of 16,
//! without a look at most: a bucket's slots go to two buckets of the new table, by a bit
//! of the tag, both tables being gone through from the first bucket to the last. The
//! old one's memory is used for fixups, so that nothing that was taken ever moves.

use kflat_abi::program::Program;

use crate::work::{PARAMETERS, Work};

/// Slots of a bucket, and its words.
const BUCKET: u32 = 16;
const BUCKET_WORDS: usize = BUCKET as usize / 2;
/// The first table has so many slots to the power of two.
const FIRST_BITS: u32 = 6;
/// Most slots: each needs an index of its own, and a bit beside it.
const MOST_BITS: u32 = 31;

/// Where the table is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visited {
    /// First word.
    at: usize,
    /// Slots, to the power of two.
    bits: u32,
}

/// A place in the table at which an object is or may be put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    number: u32,
    /// What it has above the index.
    high: u32,
    /// The object that is there.
    pub(crate) object: Option<u32>,
}

impl Visited {
    pub(crate) const NONE: Self = Self { at: 0, bits: 0 };

    /// Makes the first table.
    pub(crate) fn begin(work: &mut Work<'_>) -> Option<()> {
        Self::make(work, FIRST_BITS)
    }

    /// Finds the slot of (address, type) and so many parameters, those that are being
    /// handed down.
    #[inline]
    pub(crate) fn find(work: &Work<'_>, address: u64, type_index: u32, parameters: usize) -> Slot {
        if parameters == 0 {
            let table = work.state.visited;
            return table.find_plain(work.words, address, type_index, |object| {
                work.identity(object) == (address, type_index)
            });
        }
        let parameters = work.words.get(PARAMETERS..PARAMETERS + parameters);
        Self::look(work, address, type_index, parameters.unwrap_or(&[]))
    }

    /// Finds the slot of (address, type) without parameters.
    #[inline]
    pub(crate) fn find_plain(
        self,
        words: &[u64],
        address: u64,
        type_index: u32,
        is_it: impl Fn(u32) -> bool,
    ) -> Slot {
        self.probe(words, hash(address, type_index, &[]), is_it)
    }

    #[inline(never)]
    fn look(work: &Work<'_>, address: u64, type_index: u32, parameters: &[u64]) -> Slot {
        let table = work.state.visited;
        let hash = hash(address, type_index, parameters);
        table.probe(work.words, hash, |object| {
            work.identity(object) == (address, type_index)
                && work.parameters(object, parameters.len()) == parameters
        })
    }

    /// The slot of an object with this hash, or the free one where it would be.
    #[inline]
    fn probe(self, words: &[u64], hash: u32, is_it: impl Fn(u32) -> bool) -> Slot {
        let (mut bucket, tag) = self.split(hash);
        let mut high = tag << self.bits;
        let mask = self.mask();
        for _ in 0..=self.buckets() {
            let at = self.at + bucket as usize * BUCKET_WORDS;
            let Some(slots) = words.get(at..).and_then(<[u64]>::first_chunk) else {
                break;
            };
            for place in 0..BUCKET {
                let number = hash.wrapping_add(place) % BUCKET;
                let slot = read(slots, number);
                let object = if slot == 0 {
                    None
                } else if slot & !mask == high {
                    let object = (slot & mask).wrapping_sub(1);
                    if !is_it(object) {
                        continue;
                    }
                    Some(object)
                } else {
                    continue;
                };
                return Slot {
                    number: bucket * BUCKET + number,
                    high,
                    object,
                };
            }
            bucket = bucket.wrapping_add(1) & self.buckets();
            high |= ELSEWHERE;
        }
        // The table always has a free slot.
        Slot {
            number: 0,
            high,
            object: None,
        }
    }

    /// Whether there is to be a larger table before one more object is put in.
    #[inline]
    pub(crate) fn is_full(self, objects: u32) -> bool {
        u64::from(objects) * 16 >= 13 << self.bits
    }

    /// Puts `object` into the slot that [`find`](Self::find) gave for it, and
    /// doubles the table if it is full then. `None`: no memory for that.
    #[inline]
    pub(crate) fn put(
        work: &mut Work<'_>,
        program: &Program<'_>,
        slot: Slot,
        object: u32,
    ) -> Option<()> {
        let table = work.state.visited;
        table.write(work.words, slot, object);
        if table.is_full(work.state.objects) {
            Self::grow(work, program)?;
        }
        Some(())
    }

    /// Doubles the table. `None`: no memory for that.
    #[cold]
    #[inline(never)]
    pub(crate) fn grow(work: &mut Work<'_>, program: &Program<'_>) -> Option<()> {
        let old = work.state.visited;
        let new = Self::take(work, old.bits + 1)?;
        let all = old.double(work.words, new.at);
        work.state.visited = new;
        if all & ELSEWHERE != 0 {
            Self::move_all(work, program, old, ELSEWHERE)?;
        }
        work.state.fixups.leave_for_blocks(old.at, old.words());
        Some(())
    }

    /// Fills a table of twice the size at word `at`, which is behind this one, with what
    /// is in its own bucket. All slots, by their bits.
    #[inline(never)]
    fn double(self, words: &mut [u64], at: usize) -> u32 {
        let Some((low, high)) = words.split_at_mut_checked(at) else {
            return 0;
        };
        let from = low.get(self.at..self.at + self.words()).unwrap_or(&[]);
        let buckets = from.as_chunks::<BUCKET_WORDS>().0.iter();
        let pairs = high.as_chunks_mut::<{ 2 * BUCKET_WORDS }>().0.iter_mut();
        let mut all = 0;
        for ((bucket, slots), into) in (0..).zip(buckets).zip(pairs) {
            all |= self.halve(bucket, slots, into);
        }
        all
    }

    /// Fills the two buckets that come of one when the table is doubled, with what is in
    /// its own bucket there: both together have room for all of it. There are no
    /// branches that nobody can foresee. All slots, by their bits.
    #[inline]
    fn halve(
        self,
        bucket: u32,
        slots: &[u64; BUCKET_WORDS],
        into: &mut [u64; 2 * BUCKET_WORDS],
    ) -> u32 {
        let double = Self {
            bits: self.bits + 1,
            ..self
        };
        *into = [0; 2 * BUCKET_WORDS];
        // A bit for each slot that is taken, the second bucket's above the first's.
        let (mut taken, mut all) = (0u32, 0);
        for word in slots {
            for slot in [*word as u32, (*word >> 32) as u32] {
                all |= slot;
                let here = slot != 0 && slot & ELSEWHERE == 0;
                let hash = self.join(bucket, slot >> self.bits);
                let (half, tag) = double.split(hash);
                let half = half % 2 * BUCKET;
                let start = hash % BUCKET;
                let free = !(taken >> half) as u16;
                let next = free.rotate_right(start).trailing_zeros();
                let number = half + (start + next) % BUCKET;
                taken |= u32::from(here) << number;
                let slot = if here {
                    tag << double.bits | slot & self.mask()
                } else {
                    0
                };
                if let Some(word) = into.get_mut(number as usize / 2) {
                    *word |= u64::from(slot) << (32 * (number % 2));
                }
            }
        }
        all
    }

    /// Makes room for so many objects more, where that takes no large part of the memory.
    #[inline(never)]
    pub(crate) fn expect(work: &mut Work<'_>, program: &Program<'_>, more: u32) -> Option<()> {
        let old = work.state.visited;
        let mut bits = old.bits;
        let objects = work.state.objects.saturating_add(more);
        while (Self { bits, ..old }).is_full(objects) && bits < MOST_BITS {
            bits += 1;
        }
        // Most of them may be none, and the memory would be missed elsewhere.
        if bits == old.bits || (Self { bits, ..old }).words() > work.free() / 4 {
            return Some(());
        }
        Self::make(work, bits)?;
        Self::move_all(work, program, old, u32::MAX)?;
        work.state.fixups.leave_for_blocks(old.at, old.words());
        Some(())
    }

    /// Puts the slots of an old table that have any bit of `mask` into the present one.
    #[inline(never)]
    fn move_all(work: &mut Work<'_>, program: &Program<'_>, old: Self, mask: u32) -> Option<()> {
        for number in 0..=old.mask() {
            let word = work.get(old.at + number as usize / 2);
            let slot = (word >> (32 * (number % 2))) as u32;
            if slot & mask == 0 {
                continue;
            }
            let object = (slot & old.mask()).wrapping_sub(1);
            let hash = if slot & ELSEWHERE == 0 {
                old.join(number / BUCKET, slot >> old.bits)
            } else {
                hash_of(work, program, object)
            };
            let new = work.state.visited;
            let slot = new.probe(work.words, hash, |_| false);
            new.write(work.words, slot, object);
        }
        Some(())
    }

    /// The word in which (address, type) will be looked for first.
    #[inline]
    pub(crate) fn first_word(self, words: &[u64], address: u64, type_index: u32) -> Option<&u64> {
        let hash = hash(address, type_index, &[]);
        let (bucket, _) = self.split(hash);
        words.get(self.at + bucket as usize * BUCKET_WORDS)
    }

    fn make(work: &mut Work<'_>, bits: u32) -> Option<()> {
        let table = Self::take(work, bits)?;
        work.words
            .get_mut(table.at..table.at + table.words())?
            .fill(0);
        work.state.visited = table;
        Some(())
    }

    /// Memory for a table.
    fn take(work: &mut Work<'_>, bits: u32) -> Option<Self> {
        if bits > MOST_BITS {
            return None;
        }
        // A bucket is in one cache line where the region begins with one.
        let gap = work.state.top.next_multiple_of(BUCKET_WORDS) - work.state.top;
        let table = Self {
            at: work.state.top + gap,
            bits,
        };
        work.take(gap + table.words())?;
        Some(table)
    }

    #[inline]
    fn words(self) -> usize {
        (1 << self.bits) / 2
    }

    /// Bits of a slot that hold an index.
    #[inline]
    fn mask(self) -> u32 {
        (1 << (self.bits % u32::BITS)) - 1
    }

    /// Buckets less one.
    #[inline]
    fn buckets(self) -> u32 {
        self.mask() / BUCKET
    }

    /// Bits of a tag.
    #[inline]
    fn tag_bits(self) -> u32 {
        MOST_BITS.wrapping_sub(self.bits)
    }

    /// Bucket and tag of a hash.
    #[inline]
    fn split(self, hash: u32) -> (u32, u32) {
        let bits = self.tag_bits() % u32::BITS;
        ((hash >> bits) & self.buckets(), hash & ((1 << bits) - 1))
    }

    /// The hash of what is in its own bucket; bits of `tag` that are none are left out.
    #[inline]
    fn join(self, bucket: u32, tag: u32) -> u32 {
        let bits = self.tag_bits() % u32::BITS;
        bucket << bits | tag & ((1 << bits) - 1)
    }

    #[inline]
    pub(crate) fn write(self, words: &mut [u64], slot: Slot, object: u32) {
        let at = self.at + slot.number as usize / 2;
        let shift = 32 * (slot.number % 2);
        if let Some(word) = words.get_mut(at) {
            let new = slot.high | object.wrapping_add(1);
            *word = *word & !(0xffff_ffff << shift) | u64::from(new) << shift;
        }
    }
}

/// In a slot: it is not in its own bucket.
const ELSEWHERE: u32 = 1 << 31;

#[inline]
fn read(bucket: &[u64; BUCKET_WORDS], number: u32) -> u32 {
    let word = bucket.get(number as usize / 2).copied().unwrap_or(0);
    (word >> (32 * (number % 2))) as u32
}

fn hash_of(work: &Work<'_>, program: &Program<'_>, object: u32) -> u32 {
    let (address, type_index) = work.identity(object);
    let view = program.type_at(type_index);
    let taken = view.map_or(0, |view| view.parameters as usize);
    hash(address, type_index, work.parameters(object, taken))
}

/// As many bits as a table tells apart: those of buckets and tag.
const HASH_BITS: u32 = MOST_BITS - BUCKET.ilog2();

#[inline]
fn hash(address: u64, type_index: u32, parameters: &[u64]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut key = address ^ u64::from(type_index) << 48;
    for parameter in parameters {
        key = key.wrapping_mul(FACTOR).rotate_left(29) ^ parameter;
    }
    // The halves of the product: what the low one lacks comes from the high one.
    let product = u128::from(key) * u128::from(FACTOR);
    let mixed = (product as u64) ^ (product >> 64) as u64;
    (mixed >> (u64::BITS - HASH_BITS)) as u32
}

#[cfg(test)]
mod tests {
    use super::{BUCKET, BUCKET_WORDS, ELSEWHERE, Slot, Visited, read};

    /// A table of 2 to the `bits` slots at the start of `words`.
    fn table(bits: u32) -> Visited {
        Visited { at: 0, bits }
    }

    #[test]
    fn what_was_put_is_found_when_buckets_overflow_and_when_the_table_doubles() {
        let old = table(6);
        let mut words = [0u64; 32];
        // All of the first objects belong to one bucket of four.
        let hash = |object: u32| object.wrapping_mul(0x9e37) & 0x1ff_ffff | (object / 20) << 25;
        for object in 0..48 {
            let slot = old.probe(&words, hash(object), |_| false);
            assert_eq!(slot.object, None);
            old.write(&mut words, slot, object);
        }
        let find = |table: Visited, words: &[u64], object| {
            table.probe(words, hash(object), |other| other == object)
        };
        for object in 0..48 {
            assert_eq!(find(old, &words, object).object, Some(object));
        }
        assert_eq!(find(old, &words, 48).object, None);

        let new = table(7);
        let mut doubled = [0u64; 64];
        let mut left = 0;
        for bucket in 0..4 {
            let at = bucket * BUCKET_WORDS;
            let slots: [u64; BUCKET_WORDS] = *words[at..].first_chunk().expect("a bucket");
            let into = doubled[2 * at..].first_chunk_mut().expect("two buckets");
            old.halve(bucket as u32, &slots, into);
            left += (0..BUCKET)
                .filter(|number| read(&slots, *number) & ELSEWHERE != 0)
                .count();
        }
        assert!(left > 0, "a bucket overflows");
        let found = (0..48).filter(|object| {
            let Slot { object: found, .. } = find(new, &doubled, *object);
            assert!(found.is_none_or(|found| found == *object));
            found.is_some()
        });
        assert_eq!(found.count(), 48 - left);
    }
}
