//! Which objects were captured already: a hash table of object indices by (address, type,
//! parameters), kept in blocks of the work region.
//!
//! A bucket is a cache line with room for 12 objects, filled in order:
//!
//! ```text
//! word 0: | tags of 0 to 7             |     hash: | bucket | extra | tag |
//! word 1: | count | elsewhere | tags of 8 to 11 |
//! words 2 to 7: two slots each               slot: | extra | index |
//! ```
//!
//! The hash's first bits choose the bucket. Its last eight are the tag, by which all
//! objects of a bucket are compared at once; those in between, as many as the indices of
//! the table's size leave room for, are beside the index. So hardly any object is looked
//! at in vain, and a new one takes no branch that can't be foreseen. An object that finds
//! its bucket full goes to the next one with room and is marked as elsewhere.
//!
//! The table grows without a look at most objects: a bucket's objects go to buckets of
//! the new table by the first extra bits, both tables being gone through from the first
//! bucket to the last. The old one's memory is used for fixups, so that nothing that was
//! taken ever moves.

use kflat_abi::program::Program;

use crate::work::{PARAMETERS, Work};

/// Objects of a bucket.
const SLOTS: u32 = 12;
/// Objects for each bucket at which the table grows: hardly any is full then.
const FULL: u64 = 8;
/// Words of a bucket.
const BUCKET_WORDS: usize = 8;
/// The first table has so many buckets to the power of two.
const FIRST_BITS: u32 = 2;
/// Most buckets: their slots need an index each, and a bit beside it for growing.
const MOST_BITS: u32 = 27;
/// Bits of an index beyond those of the bucket.
const INDEX_BITS: u32 = 4;
/// The table grows by this power of two.
const GROWTH: u32 = 2;
/// Bits of a hash: bucket, extra and tag.
const HASH_BITS: u32 = u32::BITS - INDEX_BITS + TAG_BITS;
const TAG_BITS: u32 = 8;

/// Where in its word a bucket has its count, and the marks of objects that belong
/// elsewhere.
const COUNT_AT: u32 = 56;
const ELSEWHERE_AT: u32 = 32;

/// A bucket.
type Bucket = [u64; BUCKET_WORDS];

/// Where the table is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visited {
    /// First word.
    at: usize,
    /// Buckets, to the power of two.
    bits: u32,
}

/// A place in the table at which an object is or may be put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    bucket: u32,
    /// Its number in the bucket, if it is there.
    number: u32,
    tag: u8,
    /// What the slot has above the index.
    extra: u32,
    elsewhere: bool,
    /// The object that is there.
    pub(crate) object: Option<u32>,
}

/// The bits that the table knows (address, type, parameters) by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) u64);

impl Hash {
    #[inline]
    fn new(address: u64, type_index: u32, parameters: &[u64]) -> Self {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut key = address ^ u64::from(type_index) << 48;
        for parameter in parameters {
            key = key.wrapping_mul(FACTOR).rotate_left(29) ^ parameter;
        }
        // The halves of the product: what the low one lacks comes from the high one.
        let product = u128::from(key) * u128::from(FACTOR);
        let mixed = (product as u64) ^ (product >> 64) as u64;
        let hash = mixed >> (u64::BITS - HASH_BITS);
        // Where there is no object there is the tag 0.
        Self(hash | u64::from(hash as u8 == 0))
    }

    /// Of an object without parameters.
    #[inline]
    pub(crate) fn plain(address: u64, type_index: u32) -> Self {
        Self::new(address, type_index, &[])
    }

    #[inline]
    fn tag(self) -> u8 {
        self.0 as u8
    }
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
        let table = work.state.visited;
        if parameters == 0 {
            let hash = Hash::plain(address, type_index);
            return table.look(work.words, hash, |object| {
                work.identity(object) == (address, type_index)
            });
        }
        let parameters = work.words.get(PARAMETERS..PARAMETERS + parameters);
        let parameters = parameters.unwrap_or(&[]);
        let hash = Hash::new(address, type_index, parameters);
        table.look(work.words, hash, |object| {
            work.identity(object) == (address, type_index)
                && work.parameters(object, parameters.len()) == parameters
        })
    }

    /// The slot of an object with this hash, or where it would be put.
    #[inline(never)]
    pub(crate) fn look(self, words: &[u64], hash: Hash, is_it: impl Fn(u32) -> bool) -> Slot {
        let mut slot = Slot {
            bucket: self.bucket(hash),
            number: 0,
            tag: hash.tag(),
            extra: self.extra(hash),
            elsewhere: false,
            object: None,
        };
        for _ in 0..self.buckets() {
            let at = self.word(slot.bucket);
            let Some(bucket) = words.get(at..).and_then(<[u64]>::first_chunk) else {
                break;
            };
            let mut matching = with_tag(bucket, slot.tag);
            while matching != 0 {
                let number = matching.trailing_zeros() / TAG_BITS;
                matching &= matching - 1;
                let found = read(bucket, number);
                let object = found & self.mask();
                if found & !self.mask() == slot.extra && is_it(object) {
                    slot.number = number;
                    slot.object = Some(object);
                    return slot;
                }
            }
            if count(bucket) < SLOTS {
                break;
            }
            slot.bucket = slot.bucket.wrapping_add(1) & (self.buckets() - 1);
            slot.elsewhere = true;
        }
        slot
    }

    /// Whether the bucket of this hash shows that no object has it, and has room for one.
    #[inline(always)]
    pub(crate) fn has_none(self, words: &[u64], hash: Hash) -> bool {
        let buckets = words.as_chunks::<BUCKET_WORDS>().0;
        let Some(bucket) = buckets.get(self.number(hash)) else {
            return false;
        };
        with_tag(bucket, hash.tag()) == 0 && count(bucket) < SLOTS
    }

    /// Puts `object` into the bucket of its hash, which has room.
    #[inline(always)]
    pub(crate) fn add(self, words: &mut [u64], hash: Hash, object: u32) {
        let buckets = words.as_chunks_mut::<BUCKET_WORDS>().0;
        if let Some(bucket) = buckets.get_mut(self.number(hash)) {
            append(bucket, hash.tag(), self.extra(hash) | object);
        }
    }

    /// How many objects there may be before the table is to grow.
    #[inline]
    pub(crate) fn room(self) -> u64 {
        FULL << self.bits
    }

    /// Puts `object` into the slot that [`find`](Self::find) gave for it, and
    /// makes the table larger if it is full then. `None`: no memory for that.
    #[inline]
    pub(crate) fn put(
        work: &mut Work<'_>,
        program: &Program<'_>,
        slot: Slot,
        object: u32,
    ) -> Option<()> {
        let table = work.state.visited;
        table.write(work.words, slot, object);
        if u64::from(work.state.objects) >= table.room() {
            Self::grow(work, program)?;
        }
        Some(())
    }

    #[inline]
    pub(crate) fn write(self, words: &mut [u64], slot: Slot, object: u32) {
        let at = self.word(slot.bucket);
        let Some(bucket) = words.get_mut(at..).and_then(<[u64]>::first_chunk_mut) else {
            return;
        };
        let new = slot.extra | object & self.mask();
        if slot.object.is_some() {
            let shift = 32 * (slot.number % 2);
            if let Some(word) = bucket.get_mut(2 + slot.number as usize / 2) {
                *word = *word & !(0xffff_ffff << shift) | u64::from(new) << shift;
            }
            return;
        }
        let number = append(bucket, slot.tag, new);
        bucket[1] |= u64::from(slot.elsewhere) << (ELSEWHERE_AT + number);
    }

    /// Makes the table larger. `None`: no memory for that.
    #[cold]
    #[inline(never)]
    pub(crate) fn grow(work: &mut Work<'_>, program: &Program<'_>) -> Option<()> {
        let old = work.state.visited;
        let new = Self::take(work, old.bits + GROWTH)?;
        let elsewhere = old.spread(work.words, new.at);
        work.state.visited = new;
        if elsewhere {
            Self::move_all(work, program, old, true)?;
        }
        work.state.fixups.leave_for_blocks(old.at, old.words());
        Some(())
    }

    /// Fills the larger table at word `at`, which is behind this one, with what is in its
    /// own bucket. Whether anything is not.
    #[inline(never)]
    fn spread(self, words: &mut [u64], at: usize) -> bool {
        let Some((low, high)) = words.split_at_mut_checked(at) else {
            return false;
        };
        let from = low.get(self.at..self.at + self.words()).unwrap_or(&[]);
        let buckets = from.as_chunks::<BUCKET_WORDS>().0.iter();
        let all = high.as_chunks_mut::<BUCKET_WORDS>().0;
        let groups = all.as_chunks_mut::<{ 1 << GROWTH }>().0.iter_mut();
        let mut elsewhere = 0;
        for (bucket, into) in buckets.zip(groups) {
            elsewhere |= marks(bucket);
            self.divide(bucket, into);
        }
        elsewhere != 0
    }

    /// Fills the buckets that come of one when the table grows, with what is in its own
    /// bucket there: each has room for all of it.
    #[inline]
    fn divide(self, bucket: &Bucket, into: &mut [Bucket; 1 << GROWTH]) {
        *into = [[0; BUCKET_WORDS]; 1 << GROWTH];
        let marks = marks(bucket);
        for number in 0..count(bucket).min(SLOTS) {
            if marks >> number & 1 == 0 {
                let slot = read(bucket, number);
                let part = slot >> (u32::BITS - GROWTH);
                let slot = (slot & !self.mask()) << GROWTH | slot & self.mask();
                if let Some(to) = into.get_mut(part as usize) {
                    append(to, tag(bucket, number), slot);
                }
            }
        }
    }

    /// Makes room for so many objects more, where that takes no large part of the memory.
    #[inline(never)]
    pub(crate) fn expect(work: &mut Work<'_>, program: &Program<'_>, more: u32) -> Option<()> {
        let old = work.state.visited;
        let mut new = old;
        let objects = u64::from(work.state.objects.saturating_add(more));
        while new.room() <= objects && new.bits < MOST_BITS {
            new.bits += 1;
        }
        // Most of them may be none, and the memory would be missed elsewhere.
        if new.bits == old.bits || new.words() > work.free() / 4 {
            return Some(());
        }
        Self::make(work, new.bits)?;
        Self::move_all(work, program, old, false)?;
        work.state.fixups.leave_for_blocks(old.at, old.words());
        Some(())
    }

    /// Puts what an old table has into the present one; `elsewhere`: only what was not in
    /// its own bucket.
    #[inline(never)]
    fn move_all(
        work: &mut Work<'_>,
        program: &Program<'_>,
        old: Self,
        elsewhere: bool,
    ) -> Option<()> {
        for number in 0..old.buckets() {
            let at = old.word(number);
            let bucket: Bucket = *work.words.get(at..)?.first_chunk()?;
            let marks = marks(&bucket);
            if elsewhere && marks == 0 {
                continue;
            }
            for place in 0..count(&bucket).min(SLOTS) {
                let marked = marks >> place & 1 != 0;
                if elsewhere && !marked {
                    continue;
                }
                let slot = read(&bucket, place);
                let object = slot & old.mask();
                let hash = if marked {
                    hash_of(work, program, object)
                } else {
                    old.join(number, slot, tag(&bucket, place))
                };
                let new = work.state.visited;
                let slot = new.look(work.words, hash, |_| false);
                new.write(work.words, slot, object);
            }
        }
        Some(())
    }

    /// The word in which an object with this hash will be looked for first.
    #[inline]
    pub(crate) fn first_word(self, words: &[u64], hash: Hash) -> Option<&u64> {
        words.get(self.word(self.bucket(hash)))
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
        // A bucket is one cache line where the region begins with one.
        let gap = work.state.top.next_multiple_of(BUCKET_WORDS) - work.state.top;
        let table = Self {
            at: work.state.top + gap,
            bits,
        };
        work.take(gap + table.words())?;
        Some(table)
    }

    #[inline]
    fn buckets(self) -> u32 {
        1 << (self.bits % u32::BITS)
    }

    #[inline]
    fn words(self) -> usize {
        self.buckets() as usize * BUCKET_WORDS
    }

    /// First word of a bucket.
    #[inline]
    fn word(self, bucket: u32) -> usize {
        self.at + bucket as usize * BUCKET_WORDS
    }

    /// Bits of a slot that hold an index.
    #[inline]
    fn mask(self) -> u32 {
        (1 << ((self.bits + INDEX_BITS) % u32::BITS)) - 1
    }

    /// Which bucket of the whole region is that of a hash: tables begin with one.
    #[inline(always)]
    fn number(self, hash: Hash) -> usize {
        self.at / BUCKET_WORDS + self.bucket(hash) as usize
    }

    #[inline]
    fn bucket(self, hash: Hash) -> u32 {
        (hash.0 >> (HASH_BITS.wrapping_sub(self.bits) % u64::BITS)) as u32
    }

    /// What a slot has above the index.
    #[inline]
    fn extra(self, hash: Hash) -> u32 {
        ((hash.0 >> TAG_BITS) as u32) << ((self.bits + INDEX_BITS) % u32::BITS)
    }

    /// The hash of what is in its own bucket.
    #[inline]
    fn join(self, bucket: u32, slot: u32, tag: u8) -> Hash {
        let extra = slot >> ((self.bits + INDEX_BITS) % u32::BITS);
        let bucket = u64::from(bucket) << (HASH_BITS.wrapping_sub(self.bits) % u64::BITS);
        Hash(bucket | u64::from(extra) << TAG_BITS | u64::from(tag))
    }
}

/// The highest bit of each byte of a bucket's tags that equals `tag`, and of some that
/// do not, where one does.
#[inline(always)]
fn with_tag(bucket: &Bucket, tag: u8) -> u128 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let pattern = u64::from(tag).wrapping_mul(LOW);
    let zeros = |word: u64| word.wrapping_sub(LOW) & !word & (LOW << 7);
    let (first, rest) = (zeros(bucket[0] ^ pattern), zeros(bucket[1] ^ pattern));
    u128::from(first) | u128::from(rest & 0xffff_ffff) << 64
}

#[inline(always)]
fn count(bucket: &Bucket) -> u32 {
    (bucket[1] >> COUNT_AT) as u32
}

/// A bit for each object that is not in its own bucket.
#[inline]
fn marks(bucket: &Bucket) -> u32 {
    (bucket[1] >> ELSEWHERE_AT) as u32 & ((1 << SLOTS) - 1)
}

#[inline]
fn tag(bucket: &Bucket, number: u32) -> u8 {
    let word = if number < 8 { bucket[0] } else { bucket[1] };
    (word >> (number % 8 * TAG_BITS)) as u8
}

#[inline]
fn read(bucket: &Bucket, number: u32) -> u32 {
    let word = bucket.get(2 + number as usize / 2).copied().unwrap_or(0);
    (word >> (32 * (number % 2))) as u32
}

/// Puts one more object into a bucket that has room; its number there.
#[inline(always)]
fn append(bucket: &mut Bucket, tag: u8, slot: u32) -> u32 {
    let number = count(bucket);
    let tags = (number / 8 % 2) as usize;
    bucket[tags] |= u64::from(tag) << (number % 8 * TAG_BITS);
    bucket[1] += 1 << COUNT_AT;
    if let Some(word) = bucket.get_mut(2 + number as usize / 2) {
        *word |= u64::from(slot) << (32 * (number % 2));
    }
    number
}

fn hash_of(work: &Work<'_>, program: &Program<'_>, object: u32) -> Hash {
    let (address, type_index) = work.identity(object);
    let view = program.type_at(type_index);
    let taken = view.map_or(0, |view| view.parameters as usize);
    Hash::new(address, type_index, work.parameters(object, taken))
}

#[cfg(test)]
mod tests {
    use super::{BUCKET_WORDS, Bucket, GROWTH, HASH_BITS, Hash, SLOTS, Visited, count, marks};

    /// A table of 2 to the `bits` buckets at the start of some words.
    fn table(bits: u32) -> Visited {
        Visited { at: 0, bits }
    }

    /// All of the first objects belong to one bucket of four.
    fn hash(object: u32) -> Hash {
        let bucket = u64::from(object / 16) << (HASH_BITS - 2);
        let rest = u64::from(object).wrapping_mul(0x9e37_79b9) & ((1 << (HASH_BITS - 2)) - 1);
        let rest = rest | u64::from(rest as u8 == 0);
        Hash(bucket | rest)
    }

    #[test]
    fn what_was_put_is_found_when_buckets_overflow_and_when_the_table_grows() {
        let old = table(2);
        let mut words = [0u64; 4 * BUCKET_WORDS];
        for object in 0..48 {
            let slot = old.look(&words, hash(object), |_| false);
            assert_eq!(slot.object, None);
            assert!(!old.has_none(&words, hash(object)) || !slot.elsewhere);
            old.write(&mut words, slot, object);
        }
        let find = |table: Visited, words: &[u64], object| {
            table
                .look(words, hash(object), |other| other == object)
                .object
        };
        for object in 0..48 {
            assert_eq!(find(old, &words, object), Some(object));
            assert!(!old.has_none(&words, hash(object)));
        }
        let replaced = old.look(&words, hash(7), |other| other == 7);
        old.write(&mut words, replaced, 50);
        assert_eq!(find(old, &words, 50), None, "no other hash");
        assert_eq!(
            old.look(&words, hash(7), |other| other == 50).object,
            Some(50)
        );
        old.write(&mut words, replaced, 7);

        let mut larger = [0u64; (4 << GROWTH) * BUCKET_WORDS];
        let groups = larger.as_chunks_mut::<{ BUCKET_WORDS << GROWTH }>().0;
        let mut left = 0;
        for (bucket, into) in words.as_chunks::<BUCKET_WORDS>().0.iter().zip(groups) {
            let into: &mut [Bucket; 1 << GROWTH] =
                into.as_chunks_mut().0.first_chunk_mut().expect("a group");
            old.divide(bucket, into);
            assert_eq!(count(bucket), SLOTS);
            left += marks(bucket).count_ones() as usize;
        }
        assert!(left > 0, "a bucket overflows");
        let found = (0..48).filter(|object| find(table(2 + GROWTH), &larger, *object).is_some());
        assert_eq!(found.count(), 48 - left);
    }

    #[test]
    fn a_hash_is_known_from_its_place() {
        for bits in [2, 9, 27] {
            let table = table(bits);
            for hash in [1, 0x5_1234_5678, (1 << HASH_BITS) - 1].map(Hash) {
                let slot = table.extra(hash) | 3;
                assert_eq!(table.join(table.bucket(hash), slot, hash.tag()), hash);
            }
        }
    }
}
