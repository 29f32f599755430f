//! Finds the fragment of an offset in about constant time: offsets are put into
//! about as many buckets as there are fragments.

/// Fragments by offset.
#[derive(Debug, Default)]
pub(super) struct Locator {
    /// Offset of each fragment, ascending.
    offsets: Vec<u64>,
    /// For each bucket the first fragment that begins in or behind it.
    buckets: Vec<u32>,
    shift: u32,
}

impl Locator {
    /// For fragments that begin at `offsets`, ascending, less than 2^32 of them.
    pub(super) fn of(offsets: Vec<u64>) -> Self {
        let last = offsets.last().copied().unwrap_or(0);
        let per_fragment = last / (offsets.len() as u64).max(1);
        let shift = per_fragment.checked_ilog2().unwrap_or(0);
        let mut buckets = Vec::with_capacity((last >> shift) as usize + 2);
        for (index, offset) in (0..).zip(&offsets) {
            while buckets.len() as u64 <= offset >> shift {
                buckets.push(index);
            }
        }
        buckets.push(offsets.len() as u32);
        Self {
            offsets,
            buckets,
            shift,
        }
    }

    /// The last fragment that begins at or before `offset`, or else the first,
    /// and its offset.
    #[inline]
    pub(super) fn find(&self, offset: u64) -> Option<(usize, u64)> {
        let bucket = (offset >> self.shift).min(self.buckets.len() as u64) as usize;
        let start = self
            .buckets
            .get(bucket)
            .map_or(self.offsets.len(), |b| *b as usize);
        let end = self
            .buckets
            .get(bucket + 1)
            .map_or(self.offsets.len(), |b| *b as usize);
        let inside = self.offsets.get(start..end).unwrap_or(&[]);
        let after = start + inside.partition_point(|begin| *begin <= offset);
        let index = after.saturating_sub(1);
        Some((index, *self.offsets.get(index)?))
    }

    /// How many fragments.
    pub(super) fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Where fragment `index` begins.
    pub(super) fn offset(&self, index: usize) -> Option<u64> {
        self.offsets.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Locator;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_search_finds(
            mut offsets in proptest::collection::vec(prop_oneof![0u64..64, 0u64..100_000], 1..50),
            wanted in proptest::collection::vec(0u64..120_000, 20),
        ) {
            offsets.sort_unstable();
            let locator = Locator::of(offsets.clone());
            for at in offsets.iter().copied().chain(wanted) {
                let index = offsets.partition_point(|begin| *begin <= at).saturating_sub(1);
                prop_assert_eq!(locator.find(at), Some((index, offsets[index])));
            }
        }
    }

    #[test]
    fn without_fragments_there_is_none() {
        assert_eq!(Locator::of(vec![]).find(0), None);
        assert_eq!(Locator::default().find(7), None);
    }
}
