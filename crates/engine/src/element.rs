//! What an action is carried out on, and the numbers it can refer to.

use kflat_abi::program::MAX_PARAMETERS;

use crate::word;
use crate::work::{Object, Work};

/// An element of an object: what an action belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Element {
    /// Its object.
    pub(crate) object: Object,
    /// The object's index.
    pub(crate) index: u32,
    /// Bytes from the object's start to the element.
    pub(crate) base: u64,
    /// Its number among the elements that are gone through.
    pub(crate) number: u32,
    /// The number of the object's own element that it is in.
    pub(crate) outermost: u32,
    /// What was handed down to it.
    pub(crate) parameters: [u64; MAX_PARAMETERS],
}

impl Element {
    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        self.object.address.wrapping_add(self.base)
    }

    /// The number of `width` bytes at byte `at` of its object.
    #[inline]
    pub(crate) fn number_at(&self, work: &Work<'_>, at: u64, width: u8, signed: bool) -> u64 {
        let words = work.area.get(self.object.position as usize..);
        let position = (self.object.address % 8).wrapping_add(at);
        word::number_at(words.unwrap_or(&[]), position, width, signed)
    }

    /// Which word of its object byte `at` of the object is in.
    #[inline]
    pub(crate) fn word_at(&self, at: u64) -> u32 {
        ((self.object.address % 8 + at) / 8) as u32
    }

    /// The word at byte `at` of its object, which lies at a multiple of 8.
    #[inline]
    pub(crate) fn word(&self, work: &Work<'_>, at: u64) -> u64 {
        let position = self.object.position.wrapping_add(self.word_at(at));
        work.area.get(position as usize).copied().unwrap_or(0)
    }
}
