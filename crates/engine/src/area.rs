//! The words that the image is written to. Writing beyond their end does
//! nothing: what an image needs is compared with what there is at the end.

use kflat_abi::record::Record;

/// The area.
#[derive(Debug)]
pub(crate) struct Area<'a> {
    pub(crate) words: &'a mut [u64],
}

impl<'a> Area<'a> {
    pub(crate) fn new(words: &'a mut [u64]) -> Self {
        Self { words }
    }

    pub(crate) fn into_words(self) -> &'a mut [u64] {
        self.words
    }

    /// Bytes of the area.
    pub(crate) fn size(&self) -> u64 {
        self.words.len() as u64 * 8
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
