//! Which objects were captured already: an open-addressing hash table of object
//! indices by (address, type, parameters), kept in blocks of the work region.
//!
//! Slots have 32 bits, two a word: index plus one (0: free), and in the bits that
//! no index of the table's size has some of the hash, so that hardly any object is
//! looked at in vain. The table doubles
//! at three quarters; the old one stays behind, so that nothing that was taken
//! ever moves. All old tables together are as large as the last.

use kflat_abi::program::Program;

use crate::work::{PARAMETERS, Work};

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
    tag: u32,
    /// The object that is there.
    pub(crate) object: Option<u32>,
}

impl Visited {
    pub(crate) const NONE: Self = Self { at: 0, slots: 0 };

    /// Makes the first table.
    pub(crate) fn begin(work: &mut Work<'_>) -> Option<()> {
        Self::make(work, FIRST_SLOTS)
    }

    /// Finds the slot of (address, type) and so many parameters, those that are being
    /// handed down.
    #[inline]
    pub(crate) fn find(work: &Work<'_>, address: u64, type_index: u32, parameters: usize) -> Slot {
        let parameters = work.words.get(PARAMETERS..PARAMETERS + parameters);
        Self::look(work, address, type_index, parameters.unwrap_or(&[]))
    }

    #[inline]
    fn look(work: &Work<'_>, address: u64, type_index: u32, parameters: &[u64]) -> Slot {
        let table = work.state.visited;
        let hash = hash(address, type_index, parameters);
        let mut number = table.start(hash);
        let tag = table.tag(hash);
        // The table always has a free slot.
        for _ in 0..table.slots {
            let slot = table.read(work, number);
            if slot == 0 {
                break;
            }
            if slot & !table.mask() == tag {
                let object = (slot & table.mask()).wrapping_sub(1);
                if work.identity(object) == (address, type_index)
                    && (parameters.is_empty()
                        || work.parameters(object, parameters.len()) == parameters)
                {
                    return Slot {
                        number,
                        tag,
                        object: Some(object),
                    };
                }
            }
            number = number.wrapping_add(1) & table.mask();
        }
        Slot {
            number,
            tag,
            object: None,
        }
    }

    /// Puts `object` into the slot that [`find`](Self::find) gave for it, and
    /// doubles the table if it is full then. `None`: no memory for that.
    #[inline]
    pub(crate) fn put(
        work: &mut Work<'_>,
        program: &Program<'_>,
        slot: Slot,
        object: u32,
    ) -> Option<()> {
        let table = work.state.visited;
        table.write(work, slot, object);
        if u64::from(work.state.objects) * 4 >= u64::from(table.slots) * 3 {
            Self::grow(work, program)?;
        }
        Some(())
    }

    #[cold]
    #[inline(never)]
    fn grow(work: &mut Work<'_>, program: &Program<'_>) -> Option<()> {
        Self::make(work, work.state.visited.slots.checked_mul(2)?)?;
        let table = work.state.visited;
        for object in 0..work.state.objects {
            let (address, type_index) = work.identity(object);
            let view = program.type_at(type_index);
            let taken = view.map_or(0, |view| view.parameters as usize);
            let parameters = work.parameters(object, taken);
            let slot = Self::look(work, address, type_index, parameters);
            // A later object of the same identity replaces an earlier one.
            table.write(work, slot, object);
        }
        Some(())
    }

    /// The word in which (address, type) will be looked for first.
    #[inline]
    pub(crate) fn first_word<'w>(
        work: &'w Work<'_>,
        address: u64,
        type_index: u32,
    ) -> Option<&'w u64> {
        let table = work.state.visited;
        let number = table.start(hash(address, type_index, &[]));
        work.words.get(table.at + number as usize / 2)
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
    fn mask(self) -> u32 {
        self.slots.wrapping_sub(1)
    }

    #[inline]
    fn start(self, hash: u64) -> u32 {
        (hash >> 32) as u32 & self.mask()
    }

    /// Bits of a slot above those of an index, which tell most others apart.
    #[inline]
    fn tag(self, hash: u64) -> u32 {
        hash as u32 & !self.mask()
    }

    #[inline]
    fn read(self, work: &Work<'_>, number: u32) -> u32 {
        let word = work.get(self.at + number as usize / 2);
        (word >> (32 * (number % 2))) as u32
    }

    #[inline]
    fn write(self, work: &mut Work<'_>, slot: Slot, object: u32) {
        let at = self.at + slot.number as usize / 2;
        let shift = 32 * (slot.number % 2);
        let old = work.get(at) & !(0xffff_ffff << shift);
        let new = slot.tag | object.wrapping_add(1);
        work.set(at, old | u64::from(new) << shift);
    }
}

#[inline]
fn hash(address: u64, type_index: u32, parameters: &[u64]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut key = address ^ u64::from(type_index) << 48;
    for parameter in parameters {
        key = key.wrapping_mul(FACTOR).rotate_left(29) ^ parameter;
    }
    // The halves of the product: what the low one lacks comes from the high one.
    let product = u128::from(key) * u128::from(FACTOR);
    (product as u64) ^ (product >> 64) as u64
}
