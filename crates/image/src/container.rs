//! The container that follows an image, and that is a recipe's attachment
//! ([`kflat_abi::extension`]).

use kflat_abi::crc32c::crc32c;
use kflat_abi::extension::{ALIGNMENT, Entry, Header, MAGIC, VERSION};
use kflat_abi::record::Record;

/// Collects entries.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    entries: Vec<(u32, Vec<u8>)>,
}

impl Builder {
    /// Without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; `kind` is one of `abi::extension::KIND_*`. A reader takes
    /// the first of several of a kind.
    pub fn add(&mut self, kind: u32, payload: &[u8]) -> &mut Self {
        self.entries.push((kind, payload.to_vec()));
        self
    }

    /// The container's bytes.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let front = Header::SIZE + self.entries.len() * Entry::SIZE;
        let mut bytes = vec![0; front];
        let mut table = Vec::with_capacity(front - Header::SIZE);
        for (kind, payload) in &self.entries {
            let entry = Entry {
                kind: *kind,
                offset: bytes.len() as u64,
                length: payload.len() as u64,
                crc: crc32c(payload),
                ..Entry::default()
            };
            append(&mut table, &entry);
            bytes.extend_from_slice(payload);
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
        }
        let mut head = Vec::with_capacity(front);
        append(
            &mut head,
            &Header {
                magic: MAGIC,
                version: VERSION,
                count: self.entries.len() as u32,
                size: bytes.len() as u64,
                toc_crc: crc32c(&table),
                reserved: 0,
            },
        );
        head.extend_from_slice(&table);
        if let Some(front) = bytes.get_mut(..front) {
            front.copy_from_slice(&head);
        }
        bytes
    }
}

/// Appends the encoding of `record`.
fn append<R: Record>(bytes: &mut Vec<u8>, record: &R) {
    let at = bytes.len();
    bytes.resize(at + R::SIZE, 0);
    let whole = bytes.get_mut(at..).and_then(|rest| record.encode(rest));
    debug_assert!(whole.is_some(), "the record's room was set aside");
}

/// What is wrong with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// It is none.
    #[error("not a container: it does not begin with \"KFLATEXT\"")]
    Magic,
    /// Another version.
    #[error("a container of version {0}, of which nothing is known; this kflat reads version 1")]
    Version(u32),
    /// The end is missing.
    #[error("cut off: the container has {size} bytes, of which {length} are here")]
    Truncated {
        /// Bytes of the container.
        size: u64,
        /// Bytes that there are.
        length: usize,
    },
    /// The table of contents is not what was written.
    #[error("the table of contents is damaged (its checksum does not match)")]
    Table,
    /// An entry is not where it can be.
    #[error("entry {index}: {length} bytes at {offset} lie outside of the container or overlap")]
    Place {
        /// Which entry.
        index: u32,
        /// Offset of its payload.
        offset: u64,
        /// Bytes of its payload.
        length: u64,
    },
}

/// A container's entries.
#[derive(Clone, Debug)]
pub struct Container<'a> {
    size: usize,
    entries: Vec<(u32, &'a [u8])>,
    damaged: Vec<u32>,
}

impl<'a> Container<'a> {
    /// Reads the container at the start of `bytes`; what follows it is ignored.
    /// Entries whose checksum does not match are left out, and are in
    /// [`damaged`](Self::damaged).
    ///
    /// # Errors
    /// If its table of contents can't be used.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ContainerError> {
        let header = Header::decode(bytes).ok_or(ContainerError::Magic)?;
        if header.magic != MAGIC {
            return Err(ContainerError::Magic);
        }
        if header.version != VERSION {
            return Err(ContainerError::Version(header.version));
        }
        let truncated = ContainerError::Truncated {
            size: header.size,
            length: bytes.len(),
        };
        let size = usize::try_from(header.size).map_err(|_| truncated)?;
        let bytes = bytes.get(..size).ok_or(truncated)?;
        let front = (header.count as usize)
            .checked_mul(Entry::SIZE)
            .and_then(|table| table.checked_add(Header::SIZE))
            .ok_or(ContainerError::Table)?;
        let table = bytes
            .get(Header::SIZE..front)
            .ok_or(ContainerError::Table)?;
        if header.toc_crc != crc32c(table) {
            return Err(ContainerError::Table);
        }
        let mut container = Self {
            size,
            entries: Vec::new(),
            damaged: Vec::new(),
        };
        // In order and apart, so that no byte is looked at twice.
        let mut end = front as u64;
        for (index, entry) in (0..).zip(table.chunks_exact(Entry::SIZE)) {
            let entry = Entry::decode(entry).ok_or(ContainerError::Table)?;
            let place = ContainerError::Place {
                index,
                offset: entry.offset,
                length: entry.length,
            };
            if entry.offset < end || !entry.offset.is_multiple_of(ALIGNMENT) {
                return Err(place);
            }
            end = entry.offset.checked_add(entry.length).ok_or(place)?;
            let payload = bytes
                .get(entry.offset as usize..end as usize)
                .ok_or(place)?;
            if crc32c(payload) == entry.crc {
                container.entries.push((entry.kind, payload));
            } else {
                container.damaged.push(entry.kind);
            }
        }
        Ok(container)
    }

    /// The payload of the first sound entry of a kind.
    #[must_use]
    pub fn get(&self, kind: u32) -> Option<&'a [u8]> {
        let mut entries = self.entries();
        entries.find(|entry| entry.0 == kind).map(|entry| entry.1)
    }

    /// Kind and payload of every sound entry, in their order.
    pub fn entries(&self) -> impl Iterator<Item = (u32, &'a [u8])> + '_ {
        self.entries.iter().copied()
    }

    /// The kinds of the entries that were left out.
    #[must_use]
    pub fn damaged(&self) -> &[u32] {
        &self.damaged
    }

    /// Bytes of the container.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::{Builder, Container, ContainerError};

    fn sample() -> Vec<u8> {
        Builder::new()
            .add(16, b"types")
            .add(99, b"")
            .add(19, b"text")
            .finish()
    }

    #[test]
    fn what_was_added_is_found_and_other_kinds_are_kept() {
        let bytes = sample();
        let container = Container::parse(&bytes).unwrap();
        assert_eq!(container.get(16), Some(&b"types"[..]));
        assert_eq!(container.get(19), Some(&b"text"[..]));
        assert_eq!(container.get(1), None);
        let kinds: Vec<u32> = container.entries().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [16, 99, 19]);
        assert_eq!(container.size(), bytes.len());
        assert_eq!(
            Container::parse(&Builder::new().finish()).unwrap().size(),
            32
        );
    }

    #[test]
    fn a_damaged_payload_costs_only_itself() {
        let mut bytes = sample();
        let at = bytes.len() - 8;
        bytes[at] ^= 1;
        let container = Container::parse(&bytes).unwrap();
        assert_eq!(
            (container.get(16), container.get(19)),
            (Some(&b"types"[..]), None)
        );
        assert_eq!(container.damaged(), [19]);
    }

    #[test]
    fn each_damage_of_the_front_has_its_error() {
        let bytes = sample();
        let error = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = bytes.clone();
            change(&mut bytes);
            Container::parse(&bytes).unwrap_err()
        };
        assert_eq!(error(&|b| b[0] = 0), ContainerError::Magic);
        assert_eq!(error(&|b| b.truncate(31)), ContainerError::Magic);
        assert_eq!(error(&|b| b[8] = 2), ContainerError::Version(2));
        assert_eq!(error(&|b| b[32] ^= 1), ContainerError::Table);
        assert_eq!(error(&|b| b[12..16].fill(0xff)), ContainerError::Table);
        let length = bytes.len();
        assert_eq!(
            error(&|b| b.truncate(length - 1)),
            ContainerError::Truncated {
                size: length as u64,
                length: length - 1
            }
        );
    }

    #[test]
    fn entries_that_overlap_are_refused() {
        let mut bytes = Builder::new().add(1, &[0; 8]).add(2, &[0; 8]).finish();
        // The second begins where the first does.
        bytes.copy_within(40..48, 72);
        let table = kflat_abi::crc32c::crc32c(&bytes[32..96]);
        bytes[24..28].copy_from_slice(&table.to_le_bytes());
        assert!(matches!(
            Container::parse(&bytes),
            Err(ContainerError::Place { index: 1, .. })
        ));
    }
}
