//! Bytes inside words. The engine's memory is made of 64-bit words, and a copy
//! keeps its original's position inside the word.

/// Words that `length` bytes at `address` take.
#[inline]
pub(crate) fn words_for(address: u64, length: u64) -> u64 {
    (address % 8).saturating_add(length).div_ceil(8)
}

/// A mask of the bytes from `start` to (excluding) `end`, both at most 8.
#[inline]
fn byte_mask(start: u64, end: u64) -> u64 {
    let below = |bytes: u64| {
        if bytes >= 8 {
            u64::MAX
        } else {
            (1 << (8 * bytes)) - 1
        }
    };
    below(end) & !below(start)
}

/// Puts `bytes` into `words` as [`Memory::read`](crate::Memory::read) does: the
/// first byte at byte `address % 8`. Bytes beyond the words are left out.
pub fn put_bytes(words: &mut [u64], address: u64, bytes: &[u8]) {
    for (position, byte) in (address % 8..).zip(bytes) {
        if let Some(word) = words.get_mut((position / 8) as usize) {
            let shift = 8 * (position % 8);
            *word = *word & !(0xff << shift) | u64::from(*byte) << shift;
        }
    }
}

/// Copies bytes `start..end` from the words `from` to the same bytes of `into`.
#[inline]
pub(crate) fn copy_bytes(into: &mut [u64], from: &[u64], start: u64, end: u64) {
    if start >= end {
        return;
    }
    let (first, last) = (start / 8, (end - 1) / 8);
    let (head, tail) = if first == last {
        (byte_mask(start % 8, end - 8 * first), 0)
    } else {
        (byte_mask(start % 8, 8), byte_mask(0, end - 8 * last))
    };
    let mut merge = |index: u64, mask: u64| {
        if let (Some(into), Some(from)) = (into.get_mut(index as usize), from.get(index as usize)) {
            *into = *into & !mask | *from & mask;
        }
    };
    merge(first, head);
    if first == last {
        return;
    }
    merge(last, tail);
    let middle = first as usize + 1..last as usize;
    if let (Some(into), Some(from)) = (into.get_mut(middle.clone()), from.get(middle)) {
        for (into, from) in into.iter_mut().zip(from) {
            *into = *from;
        }
    }
}

/// Position of the first NUL among the bytes `start..end` of `words`.
#[inline]
pub(crate) fn find_nul(words: &[u64], start: u64, end: u64) -> Option<u64> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut position = start / 8 * 8;
    while position < end {
        let mut word = *words.get((position / 8) as usize)?;
        if position < start {
            word |= !byte_mask(start - position, 8);
        }
        let nul = word.wrapping_sub(LOW) & !word & HIGH;
        if nul != 0 {
            let at = position + u64::from(nul.trailing_zeros() / 8);
            return (at < end).then_some(at);
        }
        position += 8;
    }
    None
}

/// An unsigned or sign-extended number of `width` bytes at byte `position`.
#[inline]
pub(crate) fn number_at(words: &[u64], position: u64, width: u8, signed: bool) -> u64 {
    let shift = 8 * (position % 8);
    let index = (position / 8) as usize;
    let low = words.get(index).copied().unwrap_or(0) >> shift;
    let value = if shift == 0 {
        low
    } else {
        low | words.get(index.wrapping_add(1)).copied().unwrap_or(0) << (64 - shift)
    };
    let unused = 64 - 8 * u32::from(width.clamp(1, 8));
    if signed {
        ((value << unused) as i64 >> unused) as u64
    } else {
        value << unused >> unused
    }
}

#[cfg(test)]
mod tests {
    use super::{copy_bytes, find_nul, number_at, put_bytes, words_for};

    #[test]
    fn a_copy_keeps_its_place_in_the_word() {
        let mut words = [u64::MAX; 2];
        put_bytes(&mut words, 0x1006, &[1, 2, 3]);
        assert_eq!(words, [0x0201_ffff_ffff_ffff, 0xffff_ffff_ffff_ff03]);
        assert_eq!(words_for(0x1006, 3), 2);
        assert_eq!(words_for(0x1006, 2), 1);
    }

    #[test]
    fn copies_touch_only_their_bytes() {
        let from = [0x1111_1111_1111_1111u64; 4];
        for start in 0..32 {
            for end in start..=32 {
                let mut into = [0; 4];
                copy_bytes(&mut into, &from, start, end);
                for (i, byte) in into.iter().flat_map(|w| w.to_le_bytes()).enumerate() {
                    let inside = (start..end).contains(&(i as u64));
                    assert_eq!(byte, if inside { 0x11 } else { 0 }, "{start}..{end} at {i}");
                }
            }
        }
    }

    #[test]
    fn a_nul_is_found_only_inside_the_range() {
        let mut words = [u64::MAX; 3];
        put_bytes(&mut words, 0, b"\0bcdefghijk\0mn\0");
        assert_eq!(find_nul(&words, 0, 24), Some(0));
        assert_eq!(find_nul(&words, 1, 24), Some(11));
        assert_eq!(find_nul(&words, 1, 11), None);
        assert_eq!(find_nul(&words, 12, 24), Some(14));
        assert_eq!(find_nul(&words, 15, 24), None);
    }

    #[test]
    fn numbers_are_read_across_words_and_sign_extended() {
        let mut words = [0; 2];
        put_bytes(&mut words, 6, &[0xfe, 0xff, 0xff, 0x7f]);
        assert_eq!(number_at(&words, 6, 4, true), 0x7fff_fffe);
        assert_eq!(number_at(&words, 6, 2, true) as i64, -2);
        assert_eq!(number_at(&words, 6, 2, false), 0xfffe);
        assert_eq!(number_at(&words, 6, 1, false), 0xfe);
        assert_eq!(number_at(&words, 16, 8, false), 0);
    }
}
