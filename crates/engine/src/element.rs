//! What an action is carried out on, and the numbers it can refer to.

use crate::word;
use crate::work::{Object, Work};

/// Where the numbers are that were handed down to an element.
#[derive(Clone, Copy)]
pub(crate) enum HandedDown {
    /// From this word of the area on.
    Area(u32),
    /// From this word of the work region on.
    Work(u32),
}

/// An element of an object: what an action belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Element {
    /// Its object.
    pub(crate) object: Object,
    /// Bytes from the object's start to the element.
    pub(crate) base: u64,
    /// The object's index.
    pub(crate) index: u32,
    /// Its number among the elements that are gone through.
    pub(crate) number: u32,
    /// The number of the object's own element that it is in.
    pub(crate) outermost: u32,
    /// Its parameters.
    pub(crate) parameters: HandedDown,
}

impl Element {
    /// The first element of an object whose type has so many parameters.
    #[inline]
    pub(crate) fn first(object: Object, index: u32, parameters: u32) -> Self {
        Self {
            object,
            base: 0,
            index,
            number: 0,
            outermost: 0,
            parameters: HandedDown::Area(object.position.wrapping_sub(parameters)),
        }
    }

    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        self.object.address.wrapping_add(self.base)
    }

    /// Parameter `number`.
    pub(crate) fn parameter(&self, work: &Work<'_>, number: u32) -> u64 {
        let (words, first) = match self.parameters {
            HandedDown::Area(first) => (&*work.area, first),
            HandedDown::Work(first) => (&*work.words, first),
        };
        let at = first.wrapping_add(number) as usize;
        words.get(at).copied().unwrap_or(0)
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
