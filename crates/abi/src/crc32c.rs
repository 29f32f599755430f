//! CRC-32C (Castagnoli), eight bytes a step, with no instruction that the
//! kernel would have to save registers for.

const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[k][b]`: the checksum of byte `b` followed by `k` zero bytes.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut k = 1;
    while k < 8 {
        let mut byte = 0;
        while byte < 256 {
            let shorter = tables[k - 1][byte];
            tables[k][byte] = (shorter >> 8) ^ tables[0][(shorter & 0xff) as usize];
            byte += 1;
        }
        k += 1;
    }
    tables
}

#[inline]
fn step(crc: u32, word: u64) -> u32 {
    let [a, b, c, d, e, f, g, h] = (word ^ u64::from(crc)).to_le_bytes();
    TABLES[7][a as usize]
        ^ TABLES[6][b as usize]
        ^ TABLES[5][c as usize]
        ^ TABLES[4][d as usize]
        ^ TABLES[3][e as usize]
        ^ TABLES[2][f as usize]
        ^ TABLES[1][g as usize]
        ^ TABLES[0][h as usize]
}

/// Fewer words go through one after the other.
const FEW: usize = 1024;

/// The CRC-32C of the little-endian bytes of `words`.
#[must_use]
pub fn crc32c_words(words: &[u64]) -> u32 {
    crc32c_words_by(words, step)
}

/// The same where `step` is the processor's instruction: the checksum, not inverted, of
/// what one has that is its first argument, and of one more word.
#[inline(always)]
pub fn crc32c_words_by(words: &[u64], step: impl Fn(u32, u64) -> u32) -> u32 {
    let whole = |crc: u32, words: &[u64]| words.iter().fold(crc, |crc, word| step(crc, *word));
    let Some([a, b, c, d, rest]) = quarters(words).filter(|_| words.len() >= FEW) else {
        return !whole(!0, words);
    };
    // A step waits for the one before it, but not for those of another quarter.
    let mut crcs = [!0, 0, 0, 0];
    for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
        let [first, second, third, fourth] = crcs;
        crcs = [
            step(first, *a),
            step(second, *b),
            step(third, *c),
            step(fourth, *d),
        ];
    }
    let shift = power(a.len() as u64 * 8);
    let joined = crcs
        .into_iter()
        .fold(0, |crc, next| multiply(crc, shift) ^ next);
    !whole(joined, rest)
}

/// Four runs as long as each other, and what is left.
fn quarters(words: &[u64]) -> Option<[&[u64]; 5]> {
    let quarter = words.len() / 4;
    let (a, rest) = words.split_at_checked(quarter)?;
    let (b, rest) = rest.split_at_checked(quarter)?;
    let (c, rest) = rest.split_at_checked(quarter)?;
    let (d, rest) = rest.split_at_checked(quarter)?;
    Some([a, b, c, d, rest])
}

/// The product of two polynomials modulo the checksum's; the highest bit is the
/// coefficient of x to the 0.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 1u32 << 31;
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        b = (b >> 1) ^ if b & 1 == 1 { POLYNOMIAL } else { 0 };
        bit >>= 1;
    }
    product
}

/// What a checksum is multiplied by when `bytes` zero bytes follow.
const fn power(mut bytes: u64) -> u32 {
    let (mut result, mut square) = (1 << 31, 1 << (31 - 8));
    while bytes > 0 {
        if bytes & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        bytes >>= 1;
    }
    result
}

/// The CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut crc = !0u32;
    for chunk in chunks {
        crc = step(crc, u64::from_le_bytes(*chunk));
    }
    for byte in rest {
        crc = (crc >> 8) ^ TABLES[0][((crc ^ u32::from(*byte)) & 0xff) as usize];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::{crc32c, crc32c_words, crc32c_words_by};

    /// RFC 3720, B.4.
    #[test]
    fn matches_the_published_examples() {
        let ascending: [u8; 32] = core::array::from_fn(|i| i as u8);
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        let words = ascending.as_chunks::<8>().0.iter();
        let words: [u64; 4] = core::array::from_fn(|i| {
            u64::from_le_bytes(*words.as_slice().get(i).unwrap_or(&[0; 8]))
        });
        assert_eq!(crc32c_words(&words), 0x46dd_794e);
    }

    #[test]
    fn the_step_may_be_any_that_gives_the_same() {
        let words: [u64; 2000] = core::array::from_fn(|i| i as u64 ^ 0x5a);
        let bit_by_bit = |crc: u32, word: u64| {
            (0..64).fold(crc, |crc, bit| {
                let lowest = (u64::from(crc) ^ word >> bit) & 1;
                (crc >> 1) ^ if lowest == 1 { super::POLYNOMIAL } else { 0 }
            })
        };
        for count in [0, 3, 2000] {
            let words = words.get(..count).expect("words");
            assert_eq!(crc32c_words_by(words, bit_by_bit), crc32c_words(words));
        }
    }

    #[test]
    fn many_words_have_the_checksum_of_their_bytes() {
        let words: [u64; 5000] =
            core::array::from_fn(|i| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bytes: [[u8; 8]; 5000] = core::array::from_fn(|i| words[i].to_le_bytes());
        for count in [0, 1, 1023, 1024, 1025, 1026, 1027, 4999, 5000] {
            let (words, bytes) = (&words[..count], bytes[..count].as_flattened());
            assert_eq!(crc32c_words(words), crc32c(bytes), "{count} words");
        }
    }
}
