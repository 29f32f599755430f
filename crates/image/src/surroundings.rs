//! Kernel memory beside the objects, read when the image was saved: what
//! debuggers want and a recipe does not ask for.

use kflat_abi::extension::{NO_PHYSICAL, SurroundingRange};
use kflat_abi::record::Record;

/// Ranges of kernel memory, ascending and apart, with their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    ranges: Vec<SurroundingRange>,
    bytes: Vec<u8>,
}

/// Kernel memory that lies together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<'s> {
    /// Its first address.
    pub address: u64,
    /// Physical address of its first byte, if that is known.
    pub physical: Option<u64>,
    /// Its bytes.
    pub bytes: &'s [u8],
}

impl Surroundings {
    /// Of `ranges` in any order. One that continues another, virtually and
    /// physically, becomes one with it; of bytes that are given twice, those of
    /// the range that begins first count.
    #[must_use]
    pub fn of(mut ranges: Vec<(u64, Option<u64>, Vec<u8>)>) -> Self {
        ranges.sort_by_key(|(address, ..)| *address);
        let mut surroundings = Self::default();
        for (mut address, mut physical, bytes) in ranges {
            // A range that passes the top of memory is none.
            if address.checked_add(bytes.len() as u64).is_none() {
                continue;
            }
            let mut bytes = &bytes[..];
            let last = surroundings.ranges.last_mut();
            if let Some(last) = last {
                let end = last.address + last.size;
                let known = end.saturating_sub(address);
                let rest = usize::try_from(known)
                    .ok()
                    .and_then(|known| bytes.get(known..));
                bytes = rest.unwrap_or(&[]);
                address += known;
                physical = physical.map(|physical| physical.saturating_add(known));
                let expected = Some(last.physical)
                    .filter(|physical| *physical != NO_PHYSICAL)
                    .map(|physical| physical.saturating_add(last.size));
                if end == address && expected == physical {
                    last.size += bytes.len() as u64;
                    surroundings.bytes.extend(bytes);
                    continue;
                }
            }
            if !bytes.is_empty() {
                surroundings.ranges.push(SurroundingRange {
                    address,
                    size: bytes.len() as u64,
                    physical: physical.unwrap_or(NO_PHYSICAL),
                });
                surroundings.bytes.extend(bytes);
            }
        }
        surroundings
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = Range<'_>> {
        let mut rest = &self.bytes[..];
        self.ranges.iter().map(move |range| {
            let size = usize::try_from(range.size).unwrap_or(usize::MAX);
            let (bytes, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = after;
            Range {
                address: range.address,
                physical: (range.physical != NO_PHYSICAL).then_some(range.physical),
                bytes,
            }
        })
    }

    /// The payload of a container's entry.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let table = 8 + self.ranges.len() * SurroundingRange::SIZE;
        let mut payload = Vec::with_capacity(table + self.bytes.len());
        payload.extend((self.ranges.len() as u64).to_le_bytes());
        for range in &self.ranges {
            for word in [range.address, range.size, range.physical] {
                payload.extend(word.to_le_bytes());
            }
        }
        payload.extend(&self.bytes);
        payload
    }

    /// What `payload` holds; else what is wrong with it.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, String> {
        let cut = || format!("{} bytes are too few", payload.len());
        let (count, rest) = payload.split_first_chunk().ok_or_else(cut)?;
        let table = usize::try_from(u64::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(SurroundingRange::SIZE))
            .ok_or_else(cut)?;
        let (table, bytes) = rest.split_at_checked(table).ok_or_else(cut)?;
        let ranges: Vec<SurroundingRange> = table
            .chunks_exact(SurroundingRange::SIZE)
            .filter_map(SurroundingRange::decode)
            .collect();
        let (mut end, mut sum) = (0, 0u64);
        for (index, range) in ranges.iter().enumerate() {
            let place = || format!("range {index} is not behind the one before it");
            if range.address < end || range.size == 0 {
                return Err(place());
            }
            end = range.address.checked_add(range.size).ok_or_else(place)?;
            sum = sum.checked_add(range.size).ok_or_else(place)?;
        }
        if sum != bytes.len() as u64 {
            return Err(format!("{} bytes for ranges of {sum}", bytes.len()));
        }
        Ok(Self {
            ranges,
            bytes: bytes.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Surroundings {
        Surroundings::of(vec![
            (0x3000, Some(0x9000), vec![3; 16]),
            (0x1000, Some(0x5000), vec![1; 0x1000]),
            (0x2000, Some(0x6000), vec![2; 8]),
            (0x2004, None, vec![9; 8]),
            (u64::MAX, None, vec![9; 8]),
        ])
    }

    #[test]
    fn neighbours_become_one_and_no_byte_is_there_twice() {
        let surroundings = some();
        let found: Vec<_> = (surroundings.ranges())
            .map(|range| (range.address, range.physical, range.bytes.len()))
            .collect();
        assert_eq!(
            found,
            [
                (0x1000, Some(0x5000), 0x1008),
                (0x2008, None, 4),
                (0x3000, Some(0x9000), 16),
            ]
        );
        let bytes: Vec<u8> = surroundings
            .ranges()
            .flat_map(|range| range.bytes[range.bytes.len() - 4..].to_vec())
            .collect();
        assert_eq!(bytes, [2, 2, 2, 2, 9, 9, 9, 9, 3, 3, 3, 3]);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let encoded = some().encode();
        assert_eq!(Surroundings::decode(&encoded), Ok(some()));
        for cut in 0..encoded.len() {
            assert!(Surroundings::decode(&encoded[..cut]).is_err(), "{cut}");
        }
        let mut overlapping = encoded;
        overlapping[8 + 24] = 0;
        overlapping[8 + 24 + 1] = 0;
        let said = Surroundings::decode(&overlapping).unwrap_err();
        assert!(said.contains("range 1"), "{said}");
    }
}
