//! The words that the image is made in. Reading and writing beyond their end does
//! nothing: that there is room is known before ([`room`](crate::room)).

use kflat_abi::record::Record;

use crate::environment::Processor;

/// Words below which it does not pay to copy piece by piece.
const PIECE: usize = 64;
/// Words by which memory is asked for ahead, and those of a cache line.
const AHEAD: usize = 128;
const LINE: usize = 8;

/// The area.
#[derive(Debug)]
pub(crate) struct Area<'a> {
    pub(crate) words: &'a mut [u64],
}

impl<'a> Area<'a> {
    pub(crate) fn new(words: &'a mut [u64]) -> Self {
        Self { words }
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize, value: u64) {
        if let Some(word) = self.words.get_mut(at) {
            *word = value;
        }
    }

    /// Zeroes the words from `from` to (excluding) `to`.
    #[inline]
    pub(crate) fn clear(&mut self, from: usize, to: usize) {
        let to = to.min(self.words.len());
        if let Some(words) = self.words.get_mut(from..to) {
            words.fill(0);
        }
    }

    /// Moves `count` words from `from` to `to`; they may overlap.
    pub(crate) fn shift(&mut self, from: usize, to: usize, count: usize) {
        if to < from {
            let span = self.words.get_mut(to..from.saturating_add(count));
            let Some(span) = span else { return };
            let distance = from - to;
            if distance < PIECE {
                for index in 0..count {
                    let word = span.get(index + distance).copied().unwrap_or(0);
                    if let Some(into) = span.get_mut(index) {
                        *into = word;
                    }
                }
                return;
            }
            // Pieces that do not overlap are copied at the memory's speed.
            let mut done = 0;
            while done < count {
                let part = distance.min(count - done);
                let Some((into, from)) = span
                    .get_mut(done..)
                    .and_then(|rest| rest.split_at_mut_checked(distance))
                else {
                    return;
                };
                copy(into, from, part);
                done += part;
            }
        } else if to > from {
            let Some(span) = self.words.get_mut(from..to.saturating_add(count)) else {
                return;
            };
            let distance = to - from;
            if distance < PIECE {
                for index in (0..count).rev() {
                    let word = span.get(index).copied().unwrap_or(0);
                    if let Some(into) = span.get_mut(index + distance) {
                        *into = word;
                    }
                }
                return;
            }
            let mut left = count;
            while left > 0 {
                let part = distance.min(left);
                left -= part;
                let Some((from, into)) = span
                    .get_mut(left..)
                    .and_then(|rest| rest.split_at_mut_checked(distance))
                else {
                    return;
                };
                copy(into, from, part);
            }
        }
    }

    /// Copies `count` words from `from` to `to`, which is behind them.
    pub(crate) fn copy(
        &mut self,
        from: usize,
        to: usize,
        count: usize,
        processor: &impl Processor,
    ) {
        let Some((low, high)) = self.words.split_at_mut_checked(to) else {
            return;
        };
        let Some(from) = low.get(from..from + count) else {
            return;
        };
        let mut done = 0;
        for piece in from.chunks(AHEAD) {
            expect(high.get(done + AHEAD..).unwrap_or(&[]), AHEAD, processor);
            if let Some(high) = high.get_mut(done..) {
                copy(high, piece, piece.len());
            }
            done += AHEAD;
        }
    }

    /// Writes `bytes` at byte `at`, which moves behind them. Words are zeroed
    /// when the first byte of them is written.
    pub(crate) fn append(&mut self, at: &mut u64, bytes: &[u8]) {
        for byte in bytes {
            let shift = 8 * (*at % 8);
            if let Some(word) = self.words.get_mut((*at / 8) as usize) {
                // Bytes come in ascending order: what lies above is old.
                *word = *word & !(u64::MAX << shift) | u64::from(*byte) << shift;
            }
            *at += 1;
        }
    }

    /// Writes a record, whose size is a multiple of 8, from word `at` on.
    pub(crate) fn record<R: Record>(&mut self, at: usize, record: &R) {
        let mut bytes = [0; 512];
        if record.encode(&mut bytes).is_none() {
            return;
        }
        let words = bytes.as_chunks::<8>().0.iter().take(R::SIZE / 8);
        for (offset, word) in words.enumerate() {
            self.set(at + offset, u64::from_le_bytes(*word));
        }
    }
}

/// Asks for the first `count` of `words`, as many as there are.
#[inline]
pub(crate) fn expect(words: &[u64], count: usize, processor: &impl Processor) {
    for word in words.iter().take(count).step_by(LINE) {
        processor.expect_own(word);
    }
}

#[inline]
fn copy(into: &mut [u64], from: &[u64], count: usize) {
    if let (Some(into), Some(from)) = (into.get_mut(..count), from.get(..count)) {
        for (into, from) in into.iter_mut().zip(from) {
            *into = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Area;

    #[test]
    fn words_move_both_ways_over_themselves() {
        for (from, to) in [
            (1, 4),
            (4, 1),
            (0, 19),
            (19, 0),
            (3, 3),
            (2, 9),
            (0, 90),
            (90, 0),
        ] {
            for count in (0..=10).chain([70, 100, 150]) {
                let mut words: [u64; 256] = core::array::from_fn(|i| i as u64);
                let mut expected = words;
                expected.copy_within(from..from + count, to);
                Area::new(&mut words).shift(from, to, count);
                let moved = to..to + count;
                assert_eq!(words.get(moved.clone()), expected.get(moved));
            }
        }
    }
}
