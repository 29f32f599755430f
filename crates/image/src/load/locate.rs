//! Finds the fragment of an offset in about constant time: offsets are put into
//! about as many buckets as there are fragments.

use std::ops::Range;

/// Fragments by offset.
#[derive(Debug, Default)]
pub(super) struct Locator {
    /// For each bucket the first fragment that begins in or behind it; the last is
    /// how many fragments there are.
    buckets: Vec<u32>,
    shift: u32,
}

impl Locator {
    /// For fragments that begin at `offsets`, ascending to `last`, less than 2^32 of
    /// them.
    pub(super) fn of(offsets: impl ExactSizeIterator<Item = u64>, last: u64) -> Self {
        let count = offsets.len();
        let per_fragment = last / (count as u64).max(1);
        let shift = per_fragment.checked_ilog2().unwrap_or(0);
        let mut buckets = Vec::with_capacity((last >> shift) as usize + 2);
        for (index, offset) in (0..).zip(offsets) {
            while buckets.len() as u64 <= offset >> shift {
                buckets.push(index);
            }
        }
        buckets.push(count as u32);
        Self { buckets, shift }
    }

    /// Among which fragments the first is that begins behind `offset`, or the end of
    /// which it is.
    #[inline]
    pub(super) fn bucket(&self, offset: u64) -> Range<usize> {
        let last = self.buckets.len().saturating_sub(1);
        let bucket = (offset >> self.shift).min(last as u64) as usize;
        let of = |bucket: usize| {
            self.buckets
                .get(bucket.min(last))
                .map_or(0, |b| *b as usize)
        };
        of(bucket)..of(bucket + 1)
    }
}

/// The position of the last of `offsets`, which ascend, that is at most `offset`, or
/// else of the first.
#[cfg(test)]
fn find(locator: &Locator, offsets: &[u64], offset: u64) -> Option<usize> {
    let bucket = locator.bucket(offset);
    let start = bucket.start;
    let inside = offsets.get(bucket)?;
    let after = start + inside.partition_point(|begin| *begin <= offset);
    let index = after.saturating_sub(1);
    (index < offsets.len()).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::{Locator, find};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_search_finds(
            mut offsets in proptest::collection::vec(prop_oneof![0u64..64, 0u64..100_000], 1..50),
            wanted in proptest::collection::vec(0u64..120_000, 20),
        ) {
            offsets.sort_unstable();
            let last = offsets.last().copied().unwrap_or(0);
            let locator = Locator::of(offsets.iter().copied(), last);
            for at in offsets.iter().copied().chain(wanted) {
                let index = offsets.partition_point(|begin| *begin <= at).saturating_sub(1);
                prop_assert_eq!(find(&locator, &offsets, at), Some(index));
            }
        }
    }

    #[test]
    fn without_fragments_there_is_none() {
        assert_eq!(find(&Locator::of([].into_iter(), 0), &[], 0), None);
        assert_eq!(find(&Locator::default(), &[], 7), None);
    }
}
