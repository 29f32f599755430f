//! Which objects were captured already: an open-addressing hash table of object
//! indices by (address, type), kept in the stream.
//!
//! Slots have 32 bits (index plus one, 0: free), two a word. The table doubles
//! at three quarters; the old one stays behind in the stream, so that nothing
//! that was taken ever moves. All old tables together are as large as the last.

use crate::work::Work;

/// Slots of the first table, a power of two.
const FIRST_SLOTS: u32 = 64;

/// Where the table is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visited {
    /// First word.
    at: usize,
    /// Slots, a power of two.
    slots: u32,
}

/// A place in the table at which an object is or may be put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    number: u32,
    /// The object that is there.
    pub(crate) object: Option<u32>,
}

impl Visited {
    pub(crate) fn to_words(self) -> (u64, u64) {
        (self.at as u64, u64::from(self.slots))
    }

    pub(crate) fn from_words(at: u64, slots: u64) -> Self {
        Self {
            at: at as usize,
            slots: slots as u32,
        }
    }

    /// The words of the table, free for other use once the capture is over.
    pub(crate) fn range(self) -> core::ops::Range<usize> {
        self.at..self.at.saturating_add(self.slots as usize / 2)
    }

    /// Makes the first table.
    pub(crate) fn begin(work: &mut Work<'_>) -> Option<()> {
        Self::make(work, FIRST_SLOTS)
    }

    /// Finds the slot of (address, type).
    #[inline]
    pub(crate) fn find(work: &Work<'_>, address: u64, type_index: u32) -> Slot {
        let table = work.state.visited;
        let mut number = table.start(address, type_index);
        // The table always has a free slot.
        for _ in 0..table.slots {
            match table.read(work, number) {
                None => {
                    return Slot {
                        number,
                        object: None,
                    };
                }
                Some(object) if work.identity(object) == (address, type_index) => {
                    return Slot {
                        number,
                        object: Some(object),
                    };
                }
                Some(_) => number = table.next(number),
            }
        }
        Slot {
            number,
            object: None,
        }
    }

    /// Puts `object` into the slot that [`find`](Self::find) gave for it, and
    /// doubles the table if it is full then. `None`: no memory for that.
    #[inline]
    pub(crate) fn put(work: &mut Work<'_>, slot: Slot, object: u32) -> Option<()> {
        let table = work.state.visited;
        table.write(work, slot.number, object);
        if u64::from(work.state.objects) * 4 >= u64::from(table.slots) * 3 {
            Self::grow(work)?;
        }
        Some(())
    }

    #[cold]
    fn grow(work: &mut Work<'_>) -> Option<()> {
        Self::make(work, work.state.visited.slots.checked_mul(2)?)?;
        let table = work.state.visited;
        for object in 0..work.state.objects {
            let (address, type_index) = work.identity(object);
            let slot = Self::find(work, address, type_index);
            // A later object of the same identity replaces an earlier one.
            table.write(work, slot.number, object);
        }
        Some(())
    }

    fn make(work: &mut Work<'_>, slots: u32) -> Option<()> {
        let words = slots as usize / 2;
        let at = work.take(words)?;
        for word in work.words.get_mut(at..at + words)? {
            *word = 0;
        }
        work.state.visited = Self { at, slots };
        Some(())
    }

    #[inline]
    fn start(self, address: u64, type_index: u32) -> u32 {
        let key = address ^ u64::from(type_index) << 48;
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 32) as u32 & self.slots.wrapping_sub(1)
    }

    #[inline]
    fn next(self, number: u32) -> u32 {
        number.wrapping_add(1) & self.slots.wrapping_sub(1)
    }

    #[inline]
    fn read(self, work: &Work<'_>, number: u32) -> Option<u32> {
        let word = work.get(self.at + number as usize / 2);
        ((word >> (32 * (number % 2))) as u32).checked_sub(1)
    }

    #[inline]
    fn write(self, work: &mut Work<'_>, number: u32, object: u32) {
        let at = self.at + number as usize / 2;
        let shift = 32 * (number % 2);
        let old = work.get(at) & !(0xffff_ffff << shift);
        work.set(at, old | (u64::from(object) + 1) << shift);
    }
}
