//! Memory of any contents.

/// Words by a seed: most are pointers into the `space` bytes at `base`, some small
/// numbers, some anything.
pub(crate) fn words(seed: u64, base: u64, space: u64) -> Vec<u64> {
    // xorshift64*
    let mut state = seed | 1;
    let mut random = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let mut word = || match random() % 12 {
        0..6 => base + random() % space / 8 * 8,
        6 => base + random() % space,
        7..11 => random() % 9,
        _ => random(),
    };
    (0..space / 8).map(|_| word()).collect()
}
