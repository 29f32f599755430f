//! The least that an image is made of, for the loops written by hand: a header,
//! pointer locations, fragments, memory. They write straight into place, since
//! they know beforehand how many of each there are; nothing is bounds-checked
//! twice.

/// An image in the making.
pub(crate) struct Image<'a> {
    pointers: &'a mut [u8],
    fragments: &'a mut [u8],
    pub(crate) memory: &'a mut [u8],
    pointer_count: usize,
    fragment_count: usize,
}

/// Words of the header, the one root and the number of function symbols.
const FIXED: usize = 104 + 8 + 8;

/// Bytes that an image needs.
pub(crate) fn size(pointers: usize, fragments: usize, memory: usize) -> usize {
    FIXED + pointers * 8 + fragments * 16 + memory
}

impl<'a> Image<'a> {
    /// An image of so many pointers, fragments and bytes at the start of `area`.
    pub(crate) fn new(
        area: &'a mut [u8],
        pointers: usize,
        fragments: usize,
        memory: usize,
    ) -> Self {
        let total = size(pointers, fragments, memory);
        let (header, rest) = area[..total].split_at_mut(112);
        let fields = [
            u64::from_le_bytes(*b"FLATTEN\0"),
            2,
            0,
            0,
            total as u64,
            memory as u64,
            pointers as u64,
            0,
            1,
            0,
            0,
            8,
            fragments as u64,
            0,
        ];
        for (to, field) in header.chunks_exact_mut(8).zip(fields) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        let (pointers, rest) = rest.split_at_mut(pointers * 8);
        let (fragments, rest) = rest.split_at_mut(fragments * 16);
        let (memory, symbols) = rest.split_at_mut(memory);
        symbols.fill(0);
        Self {
            pointers,
            fragments,
            memory,
            pointer_count: 0,
            fragment_count: 0,
        }
    }

    /// The word at `location` leads to `target`.
    #[inline]
    pub(crate) fn pointer(&mut self, location: usize, target: usize) {
        self.memory[location..location + 8].copy_from_slice(&(target as u64).to_le_bytes());
        let at = self.pointer_count * 8;
        self.pointers[at..at + 8].copy_from_slice(&(location as u64).to_le_bytes());
        self.pointer_count += 1;
    }

    /// A fragment of `size` bytes at `offset`.
    #[inline]
    pub(crate) fn fragment(&mut self, offset: usize, size: usize) {
        let at = self.fragment_count * 16;
        self.fragments[at..at + 8].copy_from_slice(&(offset as u64).to_le_bytes());
        self.fragments[at + 8..at + 16].copy_from_slice(&(size as u64).to_le_bytes());
        self.fragment_count += 1;
    }
}
