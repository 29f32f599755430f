//! Which words of the stream become what: lists of (object, word, link) in blocks
//! of the work region.
//!
//! The words themselves keep their original value until the image is written:
//! expressions, lists and the comparison with memory see what was copied.

use crate::room;
use crate::work::{Link, Work};

/// Fixups of a block.
const BLOCK: usize = 64;
/// Words of a block: the next one's position, then pairs.
const BLOCK_WORDS: usize = 1 + 2 * BLOCK;

/// The list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fixups {
    /// First word of the first block; 0: none.
    first: usize,
    /// Where the next pair goes, and where its block ends.
    pub(crate) at: usize,
    pub(crate) end: usize,
    /// Words of an abandoned table, for blocks.
    spare: usize,
    spare_end: usize,
    /// How many there are, and how many of them are function pointers.
    pub(crate) count: u32,
    pub(crate) functions: u32,
    /// What [`after`] says of all.
    pub(crate) last: u64,
}

/// What the next key must not be below where `last` was so, and `key` follows: all ones
/// if it is, and for ever after.
#[inline(always)]
pub(crate) fn after(last: u64, key: u64) -> u64 {
    if key < last { u64::MAX } else { key + 1 }
}

/// Link of a word that holds a function pointer.
pub(crate) const FUNCTION: u64 = Link::NONE;

/// A word and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixup {
    /// The object that it is in.
    pub(crate) object: u32,
    /// Its number in the object.
    pub(crate) word: u32,
    /// Where it leads; `None`: a function.
    pub(crate) link: Option<Link>,
}

impl Fixups {
    pub(crate) const NONE: Self = Self {
        first: 0,
        at: 0,
        end: 0,
        spare: 0,
        spare_end: 0,
        count: 0,
        functions: 0,
        last: 0,
    };

    /// Whether each one lies behind the one before it.
    pub(crate) fn ascending(&self) -> bool {
        self.last != u64::MAX
    }

    pub(crate) fn pointers(&self) -> usize {
        self.count.saturating_sub(self.functions) as usize
    }

    /// Word `word` of `object` becomes a pointer. `None`: no memory.
    #[inline]
    pub(crate) fn pointer(work: &mut Work<'_>, object: u32, word: u32, link: Link) -> Option<()> {
        Self::add(work, object, word, link.pack(), 1)
    }

    /// Word `word` of `object` is a function pointer. `None`: no memory.
    pub(crate) fn function(work: &mut Work<'_>, object: u32, word: u32) -> Option<()> {
        Self::add(work, object, word, FUNCTION, room::FUNCTION)?;
        work.state.fixups.functions += 1;
        Some(())
    }

    #[inline]
    fn add(work: &mut Work<'_>, object: u32, word: u32, link: u64, room: usize) -> Option<()> {
        if work.state.fixups.at == work.state.fixups.end {
            Self::grow(work)?;
        }
        if work.room() < room {
            work.state.refused = room;
            return None;
        }
        let key = u64::from(object) << 32 | u64::from(word);
        let fixups = &mut work.state.fixups;
        let at = fixups.at;
        fixups.last = after(fixups.last, key);
        fixups.at = at + 2;
        fixups.count += 1;
        work.state.around += room;
        *work.words.get_mut(at..)?.first_chunk_mut()? = [key, link];
        Some(())
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn grow(work: &mut Work<'_>) -> Option<()> {
        let spare = work.state.fixups.spare;
        let block = if work.state.fixups.spare_end - spare >= BLOCK_WORDS {
            work.state.fixups.spare = spare + BLOCK_WORDS;
            spare
        } else {
            work.take(BLOCK_WORDS)?
        };
        let end = work.state.fixups.end;
        if work.state.fixups.first == 0 {
            work.state.fixups.first = block;
        } else {
            // The word behind a block is not its own: its head has the link.
            work.set(end.wrapping_sub(BLOCK_WORDS), block as u64);
        }
        work.state.fixups.at = block + 1;
        work.state.fixups.end = block + BLOCK_WORDS;
        Some(())
    }

    /// The words from `at` on are of no other use any more.
    pub(crate) fn leave_for_blocks(&mut self, at: usize, words: usize) {
        if words > self.spare_end - self.spare {
            (self.spare, self.spare_end) = (at, at + words);
        }
    }

    /// All of them as they are kept, object and word and where it leads, block by block.
    #[inline]
    pub(crate) fn blocks<'w>(&self, words: &'w [u64]) -> impl Iterator<Item = &'w [[u64; 2]]> {
        let mut block = self.first;
        let mut left = self.count as usize;
        core::iter::from_fn(move || {
            let all = words.get(block..)?.get(..BLOCK_WORDS)?;
            let (next, pairs) = all.split_first()?;
            let pairs = pairs.as_chunks::<2>().0;
            let used = left.min(BLOCK);
            if used == 0 {
                return None;
            }
            left -= used;
            block = *next as usize;
            pairs.get(..used)
        })
    }

    /// All of them from the first on.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor {
            block: self.first,
            at: self.first + 1,
            left: self.count,
        }
    }
}

/// Goes through the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    block: usize,
    at: usize,
    left: u32,
}

impl Cursor {
    #[inline]
    pub(crate) fn next(&mut self, work: &Work<'_>) -> Option<Fixup> {
        self.left = self.left.checked_sub(1)?;
        if self.at == self.block + BLOCK_WORDS {
            self.block = work.get(self.block) as usize;
            self.at = self.block + 1;
        }
        let [key, link] = *work.words.get(self.at..)?.first_chunk()?;
        self.at += 2;
        Some(Fixup {
            object: (key >> 32) as u32,
            word: key as u32,
            link: if link == FUNCTION {
                None
            } else {
                Some(Link::unpack(link))
            },
        })
    }
}
