//! Pointers that were found and wait to be followed, first come first.

use crate::visited::Hash;
use crate::work::RING_AT;

/// Pointers that may wait.
const RING: u32 = 32;
/// Words of a pointer that waits.
const POINTER_WORDS: usize = 4;
/// Words of the ring.
pub(crate) const RING_WORDS: usize = RING as usize * POINTER_WORDS;

/// A pointer that is to be followed.
#[derive(Clone, Copy)]
pub(crate) struct Pointer {
    pub(crate) value: u64,
    /// The object that it is in, and the word of that.
    pub(crate) key: u64,
    pub(crate) hash: Hash,
    /// Which of the type's actions follows it.
    pub(crate) step: u32,
    /// How many pointers what it leads to is from a root.
    pub(crate) depth: u32,
}

/// Pointers that wait for their turn, in the work region from [`RING_AT`] on: the state of
/// a capture may be on a kernel's stack.
#[derive(Default)]
pub(crate) struct Ring {
    /// Numbers of the first and of the next one, which grow.
    head: u32,
    tail: u32,
}

impl Ring {
    /// How many wait.
    #[inline(always)]
    pub(crate) fn len(&self) -> u32 {
        self.tail.wrapping_sub(self.head)
    }

    /// How many more may wait.
    #[inline(always)]
    pub(crate) fn room(&self) -> u32 {
        RING - self.len()
    }

    /// The first `count` do not wait any more.
    #[inline(always)]
    pub(crate) fn pop(&mut self, count: u32) {
        self.head = self.head.wrapping_add(count);
    }

    /// Pointer `number` behind the first.
    #[inline(always)]
    pub(crate) fn get(&self, words: &[u64], number: u32) -> Option<Pointer> {
        let at = self.head.wrapping_add(number) % RING;
        let all = words.as_chunks::<POINTER_WORDS>().0;
        let [value, key, hash, how] = *all.get(RING_AT / POINTER_WORDS + at as usize)?;
        Some(Pointer {
            value,
            key,
            hash: Hash(hash),
            step: how as u32,
            depth: (how >> 32) as u32,
        })
    }

    /// One more, for which there is room.
    #[inline(always)]
    pub(crate) fn push(&mut self, words: &mut [u64], pointer: &Pointer) {
        let all = words.as_chunks_mut::<POINTER_WORDS>().0;
        let at = (self.tail % RING) as usize;
        if let Some(place) = all.get_mut(RING_AT / POINTER_WORDS + at) {
            *place = [
                pointer.value,
                pointer.key,
                pointer.hash.0,
                u64::from(pointer.depth) << 32 | u64::from(pointer.step),
            ];
        }
        self.tail = self.tail.wrapping_add(1);
    }
}
