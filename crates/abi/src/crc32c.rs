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

/// The CRC-32C of the little-endian bytes of `words`.
#[must_use]
pub fn crc32c_words(words: &[u64]) -> u32 {
    !words.iter().fold(!0, |crc, word| step(crc, *word))
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
    use super::{crc32c, crc32c_words};

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
}
